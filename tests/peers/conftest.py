"""A platform that trusts a Keycloak: both started once for the tests of a file."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

import httpx2
import pytest
from tests.cli.running import Nest
from tests.harness.ports import free_port
from tests.harness.waiting import wait_until
from tests.peers.keycloak import AUDIENCE, MONEY, PAGES, READER, SECRET, Keycloak, realm

TRUST = f"""
[keycloak]
issuer = "{{issuer}}"
merchant = "{{merchant}}"
audience = "{AUDIENCE}"
roles_claim = "realm_access.roles"
client_id = "{PAGES}"
client_secret_file = "{{secret}}"
title = "Shop login"
[keycloak.roles]
{MONEY} = "finance"
{READER} = "auditor"
"""


KEY_SECONDS = 120.0


@dataclass(frozen=True)
class Trusting:
    """A platform and the Keycloak whose word counts there."""

    base: str
    merchant: str
    keycloak: Keycloak

    def asked(self, path: str, token: str) -> httpx2.Response:
        head = {"authorization": f"Bearer {token}"}
        return httpx2.get(self.base + path, headers=head, timeout=60)


@pytest.fixture(scope="module")
def trusting(tmp_path_factory: pytest.TempPathFactory, started_once: Nest) -> Iterator[Trusting]:
    nest, port = Nest(tmp_path_factory.mktemp("trusting")), free_port()
    nest.copy(started_once)
    base = f"http://localhost:{port}"
    keycloak = Keycloak(tmp_path_factory.mktemp("keycloak"), free_port(), realm(base))
    merchant = json.loads(nest.place_of_sample().read_bytes())["merchant"]
    secret, trust = nest.folder / "secret", nest.folder / "issuers.toml"
    secret.write_text(SECRET)
    trust.write_text(TRUST.format(issuer=keycloak.issuer, merchant=merchant, secret=secret))
    try:
        keycloak.start()
        nest.up_as_it_is("--port", str(port), OUTSIDE_ISSUERS=str(trust)).url()
        yield Trusting(base, merchant, keycloak)
    finally:
        keycloak.kill()
        nest.clear()


@pytest.fixture
def both(trusting: Trusting) -> Trusting:
    """Return the two, both alive: a test before may have ended the one."""
    trusting.keycloak.start()
    token, path = trusting.keycloak.robot_token(), f"/v1/merchants/{trusting.merchant}"
    # For a key nobody knows, such as that of a new Keycloak, an issuer is asked twice a minute.
    wait_until(
        lambda: trusting.asked(path, token).status_code == 200, "its key counts", KEY_SECONDS
    )
    return trusting
