"""Doctor is green on a good installation and names the remedy of everything that is not."""

import json
from base64 import b32decode
from pathlib import Path
from time import time
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import psycopg
import pytest
from tests.cli.running import Nest

from bezant.cli import migrate
from bezant.identity.people.one_time import STEP_SECONDS, code_at

PASSWORD = "a-long-and-quiet-sentence"


def findings(nest: Nest, *words: str, **variables: str) -> dict[tuple[str, str], dict[str, str]]:
    told = nest.run("doctor", "--json", *words, **variables)
    assert told.code in {0, 1}, told
    assert told.facts["healthy"] is (told.code == 0)
    return {(one["area"], one["check"]): one for one in told.facts["findings"]}


@pytest.mark.requirement("S000-16")
def test_doctor_is_green_on_a_running_demo(demo: Nest):
    told = demo.run("doctor")
    assert told.code == 0, told
    assert "All is well" in told.out
    found = findings(demo)
    assert {one["health"] for one in found.values()} <= {"good", "note"}
    assert {area for area, _ in found} == {
        *("machine", "settings", "secrets", "keys", "hsm", "database", "broker")
    }
    durable = found["database", "durability"]["found"]
    assert "fsync" in durable
    assert "data_checksums" in durable


def test_every_failure_names_its_remedy(installed: Nest):
    installed.up().url()
    state = json.loads((installed.data / "state.json").read_text())
    Path(state["key_file"]).chmod(0o644)
    found = findings(installed, SOFTHSM_MODULE="/gone.so", KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:1")
    wrong = {name: one for name, one in found.items() if one["health"] == "wrong"}
    assert {("keys", "file"), ("hsm", "module"), ("broker", "KAFKA_BOOTSTRAP_SERVERS")} <= set(
        wrong
    )
    assert all(one["remedy"] for one in wrong.values())


@pytest.mark.requirement("S000-15")
@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("KEYCLOAK_ADMIN_PASSWORD", "admin"),
        ("DATABASE_URL", "postgresql://guest:guest@localhost/x"),
        ("SOFTHSM_USER_PIN", "1234"),
        ("SOFTHSM_SO_PIN", "5678"),
        ("JWT_SECRET", "your-jwt-secret-key"),
        ("REDIS_PASSWORD", "redis-secret"),
        ("DB_PASSWORD", "secure-password"),
        ("KEYCLOAK_ADMIN_PASSWORD", "wso2carbon"),
        ("KEYCLOAK_ADMIN_PASSWORD", "ChangeMe123!"),
    ],
)
def test_a_well_known_secret_is_a_failure_of_a_live_installation_only(
    nest: Nest, name: str, secret: str
):
    live = findings(nest, "secrets", "--live", **{name: secret})
    assert live["secrets", name]["health"] == "wrong"
    assert live["secrets", name]["remedy"]
    demo = findings(nest, "secrets", **{name: secret})
    assert demo["secrets", name]["health"] == "note"


def test_letters_that_wait_are_told_in_a_live_house_only(nest: Nest):
    waiting = findings(nest, "settings", "--live")["settings", "SMTP_URL"]
    assert waiting["health"] == "note"
    assert "MAIL_FROM" in waiting["remedy"]
    named = {"SMTP_URL": "smtp://127.0.0.1:2525", "MAIL_FROM": "shop@example.com"}
    assert ("settings", "SMTP_URL") not in findings(nest, "settings", "--live", **named)
    assert ("settings", "SMTP_URL") not in findings(nest, "settings")


def test_a_key_file_inside_the_data_folder_is_warned_about(nest: Nest):
    inside = nest.data / "installation.key"
    running = nest.up(BEZANT_KEY_FILE=str(inside))
    running.url()
    found = findings(nest, "keys", BEZANT_KEY_FILE=str(inside))
    assert found["keys", "place"]["health"] == "note"
    assert "BEZANT_KEY_FILE" in found["keys", "place"]["remedy"]


def test_keys_of_members_who_left_are_named(nest: Nest):
    url = nest.up("--live").url()

    def call(method: str, path: str, body: object, token: str = "") -> dict[str, Any]:
        headers = {"content-type": "application/json"}
        if token:
            headers["authorization"] = f"Bearer {token}"
        request = Request(url + path, json.dumps(body).encode(), headers, method=method)
        try:
            with urlopen(request, timeout=30) as answer:
                return json.loads(answer.read() or "{}")
        except HTTPError as refused:
            raise AssertionError(f"{method} {path}: {refused.read()}") from refused

    def join(email: str) -> str:
        invited = nest.run("users", "invite", email, "--role", "admin", "--json").facts
        body = {"token": invited["token"], "name": "Somebody", "password": PASSWORD}
        call("POST", "/v1/invitations/accept", body)
        body = {"email": email, "password": PASSWORD, "deliver": "token", "mode": "live"}
        token = call("POST", "/v1/session", body)["token"]
        secret = b32decode(call("POST", "/v1/totp", {}, token)["secret"])
        code = code_at(secret, int(time()) // STEP_SECONDS)
        (recovery, *_) = call("POST", "/v1/totp/confirm", {"code": code}, token)["recovery_codes"]
        call("POST", "/v1/session/step-up", {"code": recovery}, token)
        return token

    stays, leaves = join("stays@example.com"), join("leaves@example.com")
    shop = call("POST", "/v1/merchants", {"name": "Shop"}, stays)["id"]
    wanted = {"kind": "sk", "role": "auditor", "name": "books"}
    key = call("POST", f"/v1/keys?tenant={shop}", wanted, leaves)
    assert findings(nest, "keys")["keys", "makers"]["health"] == "good"

    call("DELETE", f"/v1/members/{key['created_by']}", {}, stays)
    found = findings(nest, "keys")["keys", "makers"]
    assert (found["health"], key["id"] in found["found"]) == ("wrong", True)
    assert "rotate" in found["remedy"].lower()
    assert key["secret"] not in str(found)
    log = (nest.data / "logs" / "bezant.log").read_text()
    assert '"event":"member.left_keys"' in log.replace(" ", "")


def test_a_replaced_function_and_damage_are_looked_for(installed: Nest):
    installed.up().url()
    found = findings(installed, "database", "--deep")
    assert found["database", "functions"]["health"] == "good"
    assert found["database", "pages"]["health"] == "good"
    assert ("database", "pages") not in findings(installed, "database")
    administrator = migrate.ground_of(installed.data).administrator.reveal()
    with psycopg.connect(administrator, autocommit=True) as admin:
        admin.execute("ALTER TABLE identity.merchant DISABLE TRIGGER merchant_rights_taken")
    found = findings(installed, "database")
    told = found["database", "trigger merchant_rights_taken of identity.merchant"]
    assert (told["health"], bool(told["remedy"])) == ("wrong", True)
    assert ("database", "functions") not in found


def test_without_an_installation_there_is_nothing_wrong_yet(nest: Nest):
    told = nest.run("doctor")
    assert told.code == 0, told
    assert "no installation yet" in told.out


@pytest.mark.requirement("S000-16")
@pytest.mark.parametrize("area", ["hsm", "database", "broker"])
def test_one_area_can_be_asked_for(nest: Nest, area: str):
    assert {found for found, _ in findings(nest, area)} == {area}


def test_a_database_that_may_lose_what_it_acknowledged_is_found(
    demo: Nest, cluster, database_url: str
):
    """The test cluster runs without fsync: a database of one's own that doctor must not like."""
    found = findings(demo, "database", DATABASE_URL=_as_url(database_url))
    assert found["database", "fsync"]["health"] == "wrong"
    assert "lost" in found["database", "fsync"]["remedy"]
    assert ("database", "durability") not in found


def _as_url(conninfo: str) -> str:
    from urllib.parse import quote

    from psycopg.conninfo import conninfo_to_dict

    parts = conninfo_to_dict(conninfo)
    host, word = quote(str(parts["host"]), safe=""), quote(str(parts["password"]), safe="")
    return f"postgresql://{parts['user']}:{word}@{host}:{parts['port']}/{parts['dbname']}"
