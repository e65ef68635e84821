"""Clients with a certificate (RFC 8705): how they prove themselves, what their tokens need."""

from datetime import timedelta

import httpx2
import pytest
from tests.identity.provider.signer import certificate, shown
from tests.identity.provider.stand import Stand, edge_of
from tests.identity.provider.words import BASE, BELOW, claims_of

pytestmark = pytest.mark.catalogue("T72")


async def test_a_certificate_binds_as_well(stand: Stand) -> None:
    """RFC 8705: the token of a client with a certificate is worth nothing without it."""
    mine = {"client-cert": shown(stand.proxied)}
    other = {"client-cert": shown(certificate("proxied.example", stand.clock))}
    given = {"grant_type": "client_credentials", "client_id": "proxied"}

    refused = [
        await stand.ask("token", **given),
        await stand.ask("token", other, **given),
        await stand.ask("token", {"client-cert": "::"}, **given),
        await stand.ask("token", {"client-cert": "not base64"}, **given),
    ]
    taken = await stand.ask("token", mine, **given)
    assert [one.json()["error"] for one in refused] == ["invalid_client"] * 4
    token = taken.json()["access_token"]
    assert "x5t#S256" in claims_of(token)["cnf"]

    by = {"authorization": f"Bearer {token}"}
    asked = {
        "with it": await stand.client.get("/v1/keys", headers={**by, **mine}),
        "without": await stand.client.get("/v1/keys", headers=by),
        "with another": await stand.client.get("/v1/keys", headers={**by, **other}),
    }
    # A program with `ledger.read` may not list keys, but it is known; the others are not.
    assert {name: one.status_code for name, one in asked.items()} == {
        "with it": 403, "without": 401, "with another": 401,
    }  # fmt: skip


async def test_a_certificate_is_believed_from_a_proxy_of_ours_only(stand: Stand) -> None:
    transport = httpx2.ASGITransport(
        app=edge_of(stand.service, stand.callers, stand.clock), client=("127.0.0.1", 40_001)
    )
    given = {"grant_type": "client_credentials", "client_id": "proxied"}
    async with httpx2.AsyncClient(transport=transport, base_url=BASE) as unproxied:
        answer = await unproxied.post(
            f"{BELOW}/token", data=given, headers={"client-cert": shown(stand.proxied)}
        )
    assert answer.json()["error"] == "invalid_client"
    control = await stand.ask("token", {"client-cert": shown(stand.proxied)}, **given)
    assert control.status_code == 200


@pytest.mark.parametrize(
    ("name", "days", "taken"),
    [
        ("robot.partner.example", 30, True),
        ("robot.partner.example.evil", 30, False),
        ("partner.example", 30, False),
        ("robot.partner.example", 0, False),
    ],
)
async def test_a_client_by_the_name_in_its_certificate(
    stand: Stand, name: str, days: int, taken: bool
) -> None:
    given = {"grant_type": "client_credentials", "client_id": "named"}
    der = certificate(name, stand.clock, days) if days else certificate(name, stand.clock, 1)
    if not days:
        stand.clock.move(timedelta(days=2))
    answer = await stand.ask("token", {"client-cert": shown(der)}, **given)
    assert (answer.status_code == 200) is taken, answer.text
