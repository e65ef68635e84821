"""After a theft every key that may do some harm ends at once, however it came by that right."""

import asyncio
from contextvars import Context
from datetime import datetime
from uuid import UUID

import httpx2
import psycopg
import pytest
from tests.harness.cluster import TestDatabase
from tests.identity.conftest import OPERATOR, Make
from tests.identity.test_http import bearer, client

from bezant.actor import Mode
from bezant.db.database import Tx
from bezant.identity import (
    Access,
    CreateRole,
    Grant,
    KeyKind,
    OfTenant,
    RevokeApiKeys,
    Role,
)
from bezant.identity.port import MalformedApiKey, RotateApiKey
from bezant.identity.service import IdentityService
from bezant.identity.store import api_key as store

__all__ = ["client"]
pytestmark = pytest.mark.requirement("S003-7", part="keys revoked by scope")
READS, WRITES = Grant("payments", Access.READ), Grant("payments", Access.WRITE)
OTHER = Grant("webhooks", Access.WRITE)


async def keys_of_all_kinds(make: Make, merchant: str) -> dict[str, str]:
    """Make keys that may write payments, read them, or neither; return their ids."""
    role = await make.identity.create_role(
        CreateRole(make.ids.new("rol"), OPERATOR, merchant, "Reader", Role.FINANCE, (READS,))
    )
    restricted = {"kind": KeyKind.RESTRICTED, "role": Role.DEVELOPER}
    wanted = {
        "writes by its role": {"role": Role.FINANCE},
        "writes by a grant": {**restricted, "grants": (WRITES, OTHER)},
        "reads by its role": {"role": Role.SUPPORT},
        "reads by a grant": {**restricted, "grants": (READS,)},
        "reads by a custom role": {"role": Role.FINANCE, "custom_role": role.id},
        "may not, by its grants": {**restricted, "grants": (OTHER,)},
        "may not, as it is public": {"kind": KeyKind.PUBLISHABLE},
        "may not, in this mode": {"role": Role.FINANCE, "mode": Mode.LIVE},
    }
    return {name: (await make.key(merchant, **more)).key.id for name, more in wanted.items()}


async def ended_by(
    make: Make, access: Access | None, role: Role | None = None
) -> tuple[int, set[str]]:
    merchant, other = await make.merchant(), await make.merchant()
    known, stranger = await keys_of_all_kinds(make, merchant.id), await make.key(other.id)
    command = RevokeApiKeys(OPERATOR, merchant.id, None, role, "payments", access)
    count = await make.identity.revoke_keys(command)
    listed = (await make.identity.keys(OfTenant(OPERATOR, merchant.id, 100))).keys
    revoked = {one.id for one in listed if one.revoked_at is not None}
    assert (await make.identity.key(OPERATOR, other.id, stranger.key.id)).revoked_at is None
    assert len(listed) == len(known) - 1
    return count, {name for name, key in known.items() if key in revoked}


WRITERS = {"writes by its role", "writes by a grant"}
READERS = {"reads by its role", "reads by a grant", "reads by a custom role"}


@pytest.mark.parametrize(
    ("access", "role", "ended"),
    [
        (Access.WRITE, None, WRITERS),
        (Access.READ, None, WRITERS | READERS),
        (None, None, WRITERS | READERS),
        (Access.WRITE, Role.DEVELOPER, {"writes by a grant"}),
        (None, Role.AUDITOR, set[str]()),
    ],
)
async def test_keys_end_that_may_do_something_with_a_resource(
    make: Make, access: Access | None, role: Role | None, ended: set[str]
) -> None:
    assert await ended_by(make, access, role) == (len(ended), ended)


@pytest.mark.parametrize(
    ("resource", "access"), [("gold", None), ("", Access.READ), ("payments", Access.NONE)]
)
async def test_what_names_no_keys_ends_none(
    make: Make, identity: IdentityService, resource: str, access: Access | None
) -> None:
    merchant = await make.merchant()
    made = await make.key(merchant.id)
    with pytest.raises(MalformedApiKey):
        await identity.revoke_keys(
            RevokeApiKeys(OPERATOR, merchant.id, resource=resource, access=access)
        )
    assert (await identity.key(OPERATOR, merchant.id, made.key.id)).revoked_at is None


async def test_a_key_that_is_just_being_rotated_ends_with_its_successor(
    make: Make,
    identity: IdentityService,
    identity_database: TestDatabase,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    merchant = await make.merchant()
    old = (await make.key(merchant.id)).key.id
    ending: list[asyncio.Task[int]] = []
    expire = store.expire

    async def ended_meanwhile(tx: Tx, key_id: UUID, at: datetime) -> None:
        """Let somebody end all keys while the successor is there and not yet committed."""
        command = RevokeApiKeys(OPERATOR, merchant.id)
        revoking = identity.revoke_keys(command)
        ending.append(asyncio.create_task(revoking, context=Context()))
        async with asyncio.timeout(60):
            while not waiting(identity_database):
                await asyncio.sleep(0.01)
        await expire(tx, key_id, at)

    monkeypatch.setattr(store, "expire", ended_meanwhile)
    wish = RotateApiKey(make.ids.new("key"), OPERATOR, merchant.id, old, 3_600)
    successor = await identity.rotate_key(wish)
    assert await ending[0] == 2
    listed = (await identity.keys(OfTenant(OPERATOR, merchant.id))).keys
    assert {one.id for one in listed if one.revoked_at} == {old, successor.key.id}


def waiting(database: TestDatabase) -> bool:
    """Tell whether somebody waits for what another holds."""
    with psycopg.connect(database.administrator_dsn) as connection:
        found = connection.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE wait_event_type = 'Lock' AND datname = current_database()"
        ).fetchone()
    return found is not None and found[0] > 0


async def test_over_http(make: Make, client: httpx2.AsyncClient) -> None:
    merchant = await make.merchant()
    owner = await bearer(make, merchant.id, Role.ADMIN)
    reader = await make.key(merchant.id, role=Role.SUPPORT)
    writer = await make.key(merchant.id, role=Role.FINANCE)

    async def tried(body: dict[str, object]) -> httpx2.Response:
        return await client.post("/v1/keys/revoke", headers=owner, json=body)

    for wrong in ({"access": "write"}, {"resource": "gold"}, {"resource": "payments", "all": True}):
        assert (await tried(wrong)).status_code == 400
    told = await tried({"resource": "payments", "access": "write"})
    assert told.json() == {"revoked": 1}
    works = [
        (await client.get("/v1/merchants", headers={"x-api-key": one.secret.reveal()})).is_success
        for one in (reader, writer)
    ]
    assert works == [True, False]
