"""Roles of one's own and many keys at once, over HTTP."""

import httpx2
import pytest
from tests.identity.conftest import Make
from tests.identity.test_http import bearer, client

from bezant.identity import KeyKind, Role

__all__ = ["client"]
GRANTS = {"payments": "read", "refunds": "write"}


@pytest.mark.requirement("S003-6", part="roles of a merchant's own")
async def test_a_role_is_made_given_changed_and_ended(
    make: Make, client: httpx2.AsyncClient
) -> None:
    merchant = await make.merchant()
    owner = await bearer(make, merchant.id, Role.ADMIN)
    body = {"name": "Cashier", "basis": "finance", "grants": GRANTS}
    made = await client.post("/v1/roles", headers=owner, json=body)
    assert made.status_code == 201, made.text
    role = made.json()["id"]
    assert made.json()["grants"] == GRANTS

    invited = {"email": "c@example.com", "role": "finance", "custom_role": role}
    told = await client.post("/v1/invitations", headers=owner, json=invited)
    assert (told.status_code, told.json()["custom_role"]) == (201, role)
    narrower = {"grants": {"payments": "read", "refunds": "none"}}
    changed = await client.patch(f"/v1/roles/{role}", headers=owner, json=narrower)
    assert changed.json()["grants"] == narrower["grants"]
    assert changed.json()["name"] == "Cashier"
    kept = await client.delete(f"/v1/roles/{role}", headers=owner)
    assert (kept.status_code, kept.json()["code"]) == (422, "role_in_use")
    await client.delete(f"/v1/invitations/{told.json()['id']}", headers=owner)
    assert (await client.delete(f"/v1/roles/{role}", headers=owner)).status_code == 200
    assert (await client.get("/v1/roles", headers=owner)).json()["data"] == []


@pytest.mark.parametrize(
    "body",
    [
        {"name": "x", "basis": "finance"},
        {"name": "x", "basis": "finance", "grants": {}},
        {"name": "x", "basis": "king", "grants": GRANTS},
        {"name": "x", "basis": "support", "grants": {"ledger": "write"}},
        {"name": "x", "basis": "finance", "grants": {"payments": "all"}},
        {"name": "", "basis": "finance", "grants": GRANTS},
        {"name": "x", "basis": "finance", "grants": GRANTS, "more": 1},
    ],
)
async def test_a_wrong_role_is_refused(
    make: Make, client: httpx2.AsyncClient, body: dict[str, object]
) -> None:
    owner = await bearer(make, (await make.merchant()).id, Role.ADMIN)
    told = await client.post("/v1/roles", headers=owner, json=body)
    assert told.status_code == 400, told.text
    assert "x" not in told.json()["detail"].split(), told.text


@pytest.mark.requirement("S003-7", part="revoke keys by scope")
async def test_many_keys_end_at_once_and_never_by_mistake(
    make: Make, client: httpx2.AsyncClient
) -> None:
    merchant = await make.merchant()
    other = await make.key((await make.merchant()).id)
    owner = await bearer(make, merchant.id, Role.ADMIN)
    finance = await make.key(merchant.id, role=Role.FINANCE)
    support = await make.key(merchant.id, role=Role.SUPPORT)
    page = await make.key(merchant.id, KeyKind.PUBLISHABLE, Role.ADMIN)

    async def works(secret: str) -> bool:
        answer = await client.get("/v1/merchants", headers={"x-api-key": secret})
        return answer.status_code != 401

    for wrong in ({}, {"all": True, "role": "finance"}, {"roles": "finance"}, {"all": "yes!"}):
        told = await client.post("/v1/keys/revoke", headers=owner, json=wrong)
        assert told.status_code == 400, told.text
    assert await works(finance.secret.reveal())
    told = await client.post("/v1/keys/revoke", headers=owner, json={"role": "finance"})
    assert told.json() == {"revoked": 1}
    assert not await works(finance.secret.reveal())
    assert await works(support.secret.reveal())
    told = await client.post("/v1/keys/revoke", headers=owner, json={"all": True})
    assert told.json() == {"revoked": 2}
    for ended in (support, page):
        assert not await works(ended.secret.reveal())
    assert await works(other.secret.reveal())
