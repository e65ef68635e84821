"""A real Keycloak with the realm `ecommerce`, and what its people and administrator do there."""

import json
import os
import re
import signal
import subprocess
from collections.abc import Mapping
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx2
from tests.harness.processes import ROOT
from tests.harness.waiting import wait_until
from tests.identity.provider.words import challenge, encoded

from bezant.identity.provider import realm_file

Json = dict[str, Any]
REALM, HOST = "ecommerce", "127.0.0.1"
ADMIN, ADMIN_PASSWORD, SECRET = "realm-maker", "of-this-test-alone", "also-of-this-test"
AUDIENCE, PAGES, APP, ROBOT = "bezant", "bezant-pages", "shop-app", "shop-robot"
FOR_OTHERS = "shop-forum"
"""A client like `shop-app`, whose tokens are not for us."""
MONEY, READER = "shop-money", "shop-reader"
PASSWORDS = {"ada": "Her-own-1!", "bob": "His-own-1!", "customer1": "ChangeMe123!"}
CALLBACK = "http://localhost:3000/callback"
START_SECONDS = 600.0
JAVA = ("-Xms64m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
"""Little memory and little thought about speed: it lives for a minute."""


def realm(pages: str) -> Json:
    """Return the realm that ships with us, and in it what a shop adds to let its people in here."""
    sample = Path(realm_file.__file__).parent / "samples" / "ecommerce.json"
    told: Json = json.loads(sample.read_text())
    told["roles"]["realm"] += [{"name": MONEY}, {"name": READER}]
    told["users"].append(_user("ada", "Ada", MONEY))
    told["users"].append(_user("bob", "Bob", READER))
    told["users"].append({"username": f"service-account-{ROBOT}", "enabled": True,
                          "serviceAccountClientId": ROBOT, "realmRoles": [READER]})  # fmt: skip
    told["clients"] += [
        # Keycloak tells roles to APIs only; a page that people sign in through wants them, too.
        _client(PAGES, secret=SECRET, redirectUris=[f"{pages}/signed-in-at/keycloak"],
                protocolMappers=[_roles_in_id_token()]),
        _client(APP, publicClient=True, redirectUris=[CALLBACK], protocolMappers=[_for_us()]),
        _client(FOR_OTHERS, publicClient=True, redirectUris=[CALLBACK]),
        _client(ROBOT, secret=SECRET, serviceAccountsEnabled=True, standardFlowEnabled=False,
                protocolMappers=[_for_us()]),
    ]  # fmt: skip
    return told


def _user(name: str, first: str, role: str) -> Json:
    secret = {"type": "password", "value": PASSWORDS[name], "temporary": False}
    return {
        "username": name, "email": f"{name}@shop.example", "emailVerified": True, "enabled": True,
        "firstName": first, "lastName": "of the Shop", "credentials": [secret],
        "realmRoles": [role],
    }  # fmt: skip


def _client(name: str, **more: Any) -> Json:
    return {"clientId": name, "enabled": True, "directAccessGrantsEnabled": False, **more}


def _roles_in_id_token() -> Json:
    told = {"claim.name": "realm_access.roles", "multivalued": "true", "jsonType.label": "String",
            "id.token.claim": "true", "access.token.claim": "true"}  # fmt: skip
    return _mapper("roles", "oidc-usermodel-realm-role-mapper", told)


def _for_us() -> Json:
    told = {"included.custom.audience": AUDIENCE, "access.token.claim": "true"}
    return _mapper("for bezant", "oidc-audience-mapper", told)


def _mapper(name: str, kind: str, told: Mapping[str, str]) -> Json:
    return {"name": name, "protocol": "openid-connect", "protocolMapper": kind, "config": {**told}}


class Keycloak:
    """One Keycloak, in a folder of its own; its data lives in its memory."""

    def __init__(self, folder: Path, port: int, realm: Json) -> None:
        self.base = f"http://{HOST}:{port}"
        self.issuer = f"{self.base}/realms/{REALM}"
        self._port = port
        self._home, self._words = folder / "home", folder / "words.txt"
        told = subprocess.run(
            [ROOT / "requirements" / "keycloak", "--folder"], capture_output=True, check=True
        )
        made = Path(told.stdout.decode().strip())
        assert made.is_dir(), "run requirements/keycloak first"
        # What it reads is shared; what it writes is its own.
        subprocess.run(["cp", "-as", made, self._home], check=True)
        place = self._home / "data" / "import"
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{REALM}-realm.json").write_text(json.dumps(realm))
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, or go on if it runs; return when it answers."""
        if self._process is not None and self._process.poll() is None:
            return
        command = [
            "java", *JAVA, f"-Dkc.home.dir={self._home}",
            "-Djava.util.logging.manager=org.jboss.logmanager.LogManager",
            "-cp", str(self._home / "lib" / "quarkus-run.jar"),
            "io.quarkus.bootstrap.runner.QuarkusEntryPoint",
            "start", "--optimized", "--import-realm", "--cache=local", "--http-enabled=true",
            f"--http-host={HOST}", f"--http-port={self._port}", f"--hostname={self.base}",
        ]  # fmt: skip
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        given = {
            "KC_BOOTSTRAP_ADMIN_USERNAME": ADMIN,
            "KC_BOOTSTRAP_ADMIN_PASSWORD": ADMIN_PASSWORD,
        }
        with self._words.open("wb") as sink:
            self._process = subprocess.Popen(
                command, env={**kept, **given}, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink
            )
        wait_until(self._is_there, "Keycloak answers", START_SECONDS)

    def kill(self) -> None:
        """End it at once, as a power cut would."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()

    def _is_there(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self._words.read_text()
        try:
            found = httpx2.get(f"{self.issuer}/.well-known/openid-configuration", timeout=30)
        except httpx2.HTTPError:
            return False
        return found.status_code == 200

    def sign_in(self, address: str, name: str) -> str:
        """Fill in the form behind an address as a browser does; return where it is sent then."""
        with httpx2.Client(timeout=60) as browser:
            page = browser.get(address)
            form = re.search(r'<form[^>]*action="([^"]+)"', page.text)
            assert page.status_code == 200, page.text
            assert form is not None, page.text
            # A browser sends cookies marked Secure to this very machine, too.
            cookies = "; ".join(
                header.partition(";")[0] for header in page.headers.get_list("set-cookie")
            )
            sent = browser.post(
                unescape(form[1]),
                data={"username": name, "password": PASSWORDS[name]},
                headers={"cookie": cookies},
            )
        assert sent.status_code == 302, f"{sent.status_code} {sent.text}"
        return sent.headers["location"]

    def person_token(self, name: str, client: str = APP) -> str:
        """Return an access token of a person, by code and PKCE."""
        verifier = encoded(os.urandom(32))
        wish = httpx2.QueryParams(
            {"client_id": client, "response_type": "code", "scope": "openid", "state": "s",
             "redirect_uri": CALLBACK, "code_challenge": challenge(verifier),
             "code_challenge_method": "S256"}
        )  # fmt: skip
        address = f"{self.issuer}/protocol/openid-connect/auth?{wish}"
        there = self.sign_in(address, name)
        code = dict(parse_qsl(urlsplit(there).query))["code"]
        return self._token(grant_type="authorization_code", client_id=client, code=code,
                           redirect_uri=CALLBACK, code_verifier=verifier)  # fmt: skip

    def robot_token(self) -> str:
        """Return an access token of a program that acts for itself."""
        return self._token(grant_type="client_credentials", client_id=ROBOT, client_secret=SECRET)

    def rotate_keys(self) -> str:
        """Let a new key sign from now on, as an administrator does; return the old one's name."""
        head = {"authorization": f"Bearer {self.admin_token()}"}
        base = f"{self.base}/admin/realms/{REALM}"
        before = httpx2.get(f"{base}/keys", headers=head, timeout=60).json()["active"]["RS256"]
        about = httpx2.get(base, headers=head, timeout=60).json()
        made = httpx2.post(
            f"{base}/components",
            headers=head,
            timeout=60,
            json={
                "name": "newer", "providerId": "rsa-generated", "parentId": about["id"],
                "providerType": "org.keycloak.keys.KeyProvider",
                "config": {"priority": ["1000"], "algorithm": ["RS256"], "keySize": ["2048"]},
            },
        )  # fmt: skip
        assert made.status_code == 201, made.text
        return before

    def admin_token(self) -> str:
        return self._token("master", grant_type="password", client_id="admin-cli",
                           username=ADMIN, password=ADMIN_PASSWORD)  # fmt: skip

    def _token(self, realm: str = REALM, **fields: str) -> str:
        address = f"{self.base}/realms/{realm}/protocol/openid-connect/token"
        told = httpx2.post(address, data=fields, timeout=60)
        assert told.status_code == 200, told.text
        return told.json()["access_token"]
