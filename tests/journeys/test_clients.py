"""A merchant's own program: registered by hand, let in by its key, ended; identity is elsewhere."""

import json
from urllib.parse import urlsplit

import pytest
from tests.harness.waiting import wait_until
from tests.identity.provider.signer import Signer, bare
from tests.journeys.conftest import MANNERS
from tests.journeys.house import House, Json, apart

from bezant.clock import RealClock

BY_JWT = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def token_of(house: House, client: Json, key: Signer) -> str:
    """Ask for a token as the program does."""
    found = house.client.get(
        house.url + urlsplit(client["issuer"]).path + "/.well-known/openid-configuration"
    ).json()
    asked = {
        "grant_type": "client_credentials",
        "client_assertion_type": BY_JWT,
        "client_assertion": key.assertion(client["client_id"], found["issuer"]),
    }
    told = house.client.post(house.url + urlsplit(found["token_endpoint"]).path, data=asked)
    assert told.status_code == 200, told.text
    return str(told.json()["access_token"])


@pytest.mark.requirement("S001-7", part="programs that a merchant registers")
def test_a_merchants_program_comes_in_by_its_key_until_it_is_ended(house: House) -> None:
    key = Signer(RealClock())
    wish = {
        "kind": "program", "name": "Nightly books", "role": "finance",
        "public_key": json.dumps(bare(key.public)),
    }  # fmt: skip
    with apart(house, "identity", **MANNERS) as gateway:
        owner = gateway.owner("test")
        made = gateway.told("POST", "/v1/clients", wish, by=owner)
        by = {"authorization": f"Bearer {token_of(gateway, made, key)}"}
        seen = gateway.ask("GET", "/v1/payments", by=by)
        more = gateway.ask("POST", "/v1/keys", {"kind": "sk", "role": "finance"}, by=by)
        listed = gateway.told("GET", "/v1/clients", by=owner)["data"]
        assert (seen.status_code, more.status_code) == (200, 403)
        assert made["id"] in {one["id"] for one in listed}
        gateway.told("DELETE", f"/v1/clients/{made['id']}", by=owner)
        wait_until(
            lambda: gateway.ask("GET", "/v1/payments", by=by).status_code == 401,
            "it is refused from then on",
        )
