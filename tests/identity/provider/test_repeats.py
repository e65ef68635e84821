"""A client or a signer is registered once, however often the request for it comes."""

import asyncio
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from tests.harness.cluster import TestDatabase
from tests.identity.provider.signer import Signer
from tests.identity.provider.stand import Stand
from tests.identity.provider.test_clients_in_hand import PAGE, by, pem_of
from tests.identity.provider.words import Json

from bezant.clock import MovableClock
from bezant.identity.client import CLIENTS_EVER_MAX
from bezant.identity.repeating import REMEMBERED

pytestmark = pytest.mark.requirement("S001-2", part="clients in a merchant's own hands")


async def sent(stand: Stand, headers: dict[str, str], path: str, body: Json, key: str) -> Any:
    keyed = {**headers, "idempotency-key": key} if key else headers
    return await stand.client.post(path, headers=keyed, json=body)


@pytest.mark.parametrize("path", ["/v1/clients", "/v1/signers"])
async def test_the_same_request_under_the_same_key_makes_one(
    stand: Stand, clock: MovableClock, path: str
) -> None:
    shop = await stand.make.merchant("Somewhere")
    owner = await by(stand, shop.id)
    body: Json = PAGE
    if path == "/v1/signers":
        body = {"role": "finance", "public_key": pem_of(Signer(clock)), "name": "Partner"}
    same = [await sent(stand, owner, path, body, "k-1") for _ in range(2)]
    same += await asyncio.gather(*(sent(stand, owner, path, body, "k-2") for _ in range(4)))
    assert {one.status_code for one in same} == {201}
    assert len({one.json()["id"] for one in same[:2]}) == 1
    assert len({one.json()["id"] for one in same[2:]}) == 1
    other = await sent(stand, owner, path, {**body, "name": "Another"}, "k-1")
    assert (other.status_code, other.json()["code"]) == (422, "request_key_reused")
    bad = await sent(stand, owner, path, body, "k\x7f")
    assert (bad.status_code, bad.json()["code"]) == (400, "idempotency_key_malformed")

    made = same[0].json()["id"]
    await stand.client.delete(f"{path}/{made}", headers=owner)
    late = await sent(stand, owner, path, body, "k-1")
    assert (late.status_code, late.json()["id"]) == (201, made), "as it stands now: ended"

    elsewhere = await by(stand, (await stand.make.merchant("Elsewhere")).id)
    others = ((elsewhere, "k-1"), (owner, ""))
    fresh = [await sent(stand, who, path, body, key) for who, key in others]
    assert [one.status_code for one in fresh] == [201, 201]
    known = {one.json()["id"] for one in (*same, *fresh)}
    assert len(known) == 4, "another tenant's key is another, and without one each is another"


async def test_a_key_is_forgotten_after_a_month(stand: Stand, clock: MovableClock) -> None:
    shop = await stand.make.merchant("Somewhere")
    first = await sent(stand, await by(stand, shop.id), "/v1/clients", PAGE, "k-1")
    clock.move(REMEMBERED + timedelta(minutes=2))
    await stand.service.tidy()
    again = await sent(stand, await by(stand, shop.id), "/v1/clients", {**PAGE, "name": "b"}, "k-1")
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json()["id"] != again.json()["id"]


COPIED = (
    "realm, name, method, grant_types, redirect_uris, logout_uris, scopes, default_scopes, jwks,"
    " certificates, merchant_id, role, mode, asks_consent, binds_tokens, must_push, demo, active,"
    " created_at, created_by"
)


async def test_ended_clients_count_among_those_a_merchant_ever_has(
    stand: Stand, identity_database: TestDatabase
) -> None:
    shop = await stand.make.merchant("Somewhere")
    owner = await by(stand, shop.id)
    made = (await sent(stand, owner, "/v1/clients", PAGE, "")).json()
    await stand.client.delete(f"/v1/clients/{made['id']}", headers=owner)
    with psycopg.connect(identity_database.administrator_dsn) as connection:
        connection.execute(
            f"INSERT INTO identity.client (id, client_id, {COPIED})"
            f" SELECT gen_random_uuid(), 'ended-' || n, {COPIED}"
            " FROM identity.client, generate_series(1, %s) AS n WHERE client_id = %s",
            (CLIENTS_EVER_MAX - 2, made["client_id"]),
        )
    last = await sent(stand, owner, "/v1/clients", PAGE, "")
    over = await sent(stand, owner, "/v1/clients", PAGE, "")
    assert (last.status_code, over.status_code) == (201, 422)
    assert over.json()["code"] == "too_many_clients"
