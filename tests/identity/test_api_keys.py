"""API keys: shown once, recognised for ever, and of no use to anybody else or anywhere else."""

import os
import re
import zlib
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from tests.harness.cluster import TestDatabase
from tests.identity.conftest import LIVE_OPERATOR, OPERATOR, Make, Open, accepted

from bezant.actor import Caller, Mode
from bezant.clock import MovableClock
from bezant.errors import Invalid
from bezant.identity import (
    Access,
    AlreadyShown,
    ApiKeyUse,
    ChangeMerchant,
    CreateApiKey,
    Grant,
    KeyEnded,
    KeyKind,
    MerchantState,
    OfTenant,
    RevokeApiKey,
    RevokeApiKeys,
    Role,
    RotateApiKey,
    rules,
)
from bezant.identity.keyring import API_KEY_HASH
from bezant.identity.service import IdentityService
from bezant.keys import DestroyKey, RotateKey


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("kind", KeyKind)
@pytest.mark.requirement("S003-2", part="API keys")
async def test_a_key_says_what_it_is_and_is_told_once(
    make: Make, identity: IdentityService, kind: KeyKind, mode: Mode
) -> None:
    merchant = await make.merchant()
    grants = (Grant("payments", Access.READ),) if kind is KeyKind.RESTRICTED else ()

    made = await make.key(merchant.id, kind, mode=mode, grants=grants, name=" till 3 ")
    text = made.secret.reveal()
    seen = await identity.key(rules.operator(mode), merchant.id, made.key.id)

    assert re.fullmatch(rf"{kind}_{mode}_[0-9A-Za-z]{{30}}", text)
    assert seen == made.key
    assert seen.shown == f"{kind}_{mode}_…{text[-4:]}"
    assert seen.name == "till 3"
    actor = await make.key_actor(made)
    assert (actor.caller, actor.subject) == (Caller.KEY, made.key.id)
    assert (actor.tenant, actor.mode) == (merchant.id, mode)
    assert actor.permissions == rules.key_permissions(kind, Role.DEVELOPER, grants)
    assert text not in repr(made)


async def test_no_key_lies_in_the_database(make: Make, identity_database: TestDatabase) -> None:
    merchant = await make.merchant()
    made = [await make.key(merchant.id) for _ in range(3)]
    bodies = [one.secret.reveal()[8:] for one in made]

    with psycopg.connect(identity_database.administrator_dsn) as connection:
        tables = connection.execute(
            "SELECT string_agg(k::text, ' ') FROM identity.api_key AS k"
        ).fetchone()

    assert tables is not None
    assert made[0].key.shown in tables[0]
    assert not [
        body for body in bodies if body[:12] in tables[0] or body.encode().hex() in tables[0]
    ]


async def test_keys_that_are_not_ours_are_never_accepted(
    make: Make, identity: IdentityService, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    merchant = await make.merchant()
    text = (await make.key(merchant.id)).secret.reveal()
    body = text[:-6]
    expiring = await make.key(merchant.id, expires_at=clock.now() + timedelta(hours=1))
    revoked = await make.key(merchant.id)
    assert await accepted(identity, expiring.secret.reveal())
    assert await accepted(identity, revoked.secret.reveal())
    clock.move(timedelta(hours=1))
    await identity.revoke_key(RevokeApiKey(OPERATOR, merchant.id, revoked.key.id))
    wrong = ["", "sk", "sk_test_", text[:-1], text + "0", f" {text}", f"{text}\n", text.upper()]
    wrong += [text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1 :] for at in range(8, 38)]
    wrong += [text.replace("_test_", "_live_"), text.replace("sk_", "rk_"), f"{body}000000"]
    wrong += [text[:at] for at in range(0, len(text), 5)]
    wrong += [_forged(at) for at in range(200)]
    wrong += [text.replace("sk_test_", "sk_test_é"), "sk_test_" + "\0" * 30, "x" * 8_000]
    wrong += [expiring.secret.reveal(), revoked.secret.reveal()]

    accepted_wrongly = [one for one in wrong if await accepted(identity, one)]

    assert accepted_wrongly == []
    assert await accepted(identity, text)
    # Were the last look at a key missing, this test would notice.
    monkeypatch.setattr(identity, "_accepted", bool)
    assert [one for one in wrong if await accepted(identity, one)] == wrong[-2:]


def _forged(number: int) -> str:
    """Return a key with the right form and checksum that nobody was given."""
    return rules.new_key_text(KeyKind.SECRET, Mode.TEST, lambda size: bytes([number]) * size)


def test_the_checksum_is_what_secret_scanners_can_compute() -> None:
    text = rules.new_key_text(KeyKind.SECRET, Mode.LIVE, lambda size: b"\7" * size)
    digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

    told = 0
    for character in text[-6:]:
        told = told * 62 + digits.index(character)

    assert told == zlib.crc32(text[:-6].encode())
    assert rules.key_text_fits(text)


def test_keys_are_never_twice_the_same() -> None:
    made = {rules.new_key_text(KeyKind.SECRET, Mode.TEST, os.urandom) for _ in range(2_000)}

    assert len(made) == 2_000
    assert {len(text) for text in made} == {38}


async def test_a_revoked_key_ends_at_once_and_for_good(
    make: Make, identity: IdentityService, identity_database: TestDatabase
) -> None:
    merchant = await make.merchant()
    made = await make.key(merchant.id)
    assert await accepted(identity, made.secret.reveal())

    first = await identity.revoke_key(RevokeApiKey(OPERATOR, merchant.id, made.key.id))
    again = await identity.revoke_key(RevokeApiKey(OPERATOR, merchant.id, made.key.id))

    assert first.revoked_at is not None
    assert first == again
    assert not await accepted(identity, made.secret.reveal())
    with (
        psycopg.connect(identity_database.administrator_dsn) as connection,
        pytest.raises(psycopg.errors.CheckViolation, match="stays revoked"),
    ):
        connection.execute("UPDATE identity.api_key SET revoked_at = NULL, revoked_by = NULL")


async def test_a_rotated_key_works_beside_its_successor_until_the_overlap_is_over(
    make: Make, identity: IdentityService, clock: MovableClock
) -> None:
    merchant = await make.merchant()
    grants = (Grant("payments", Access.WRITE),)
    old = await make.key(merchant.id, KeyKind.RESTRICTED, grants=grants, name="till")

    new = await identity.rotate_key(
        RotateApiKey(make.ids.new("key"), OPERATOR, merchant.id, old.key.id, overlap_seconds=60)
    )

    assert (new.key.kind, new.key.role, new.key.grants, new.key.name) == (
        KeyKind.RESTRICTED,
        Role.DEVELOPER,
        grants,
        "till",
    )
    assert await accepted(identity, old.secret.reveal())
    assert await accepted(identity, new.secret.reveal())
    clock.move(timedelta(seconds=60))
    assert not await accepted(identity, old.secret.reveal())
    assert await accepted(identity, new.secret.reveal())
    with pytest.raises(KeyEnded):
        await identity.rotate_key(
            RotateApiKey(make.ids.new("key"), OPERATOR, merchant.id, old.key.id)
        )


@pytest.mark.parametrize("overlap", [-1, 30 * 86_400 + 1])
async def test_an_overlap_has_limits(make: Make, identity: IdentityService, overlap: int) -> None:
    merchant = await make.merchant()
    made = await make.key(merchant.id)

    with pytest.raises(Invalid):
        await identity.rotate_key(
            RotateApiKey(make.ids.new("key"), OPERATOR, merchant.id, made.key.id, overlap)
        )


async def test_rotating_never_lets_a_key_live_longer(
    make: Make, identity: IdentityService, clock: MovableClock
) -> None:
    merchant = await make.merchant()
    soon = clock.now() + timedelta(minutes=1)
    made = await make.key(merchant.id, expires_at=soon)

    await identity.rotate_key(RotateApiKey(make.ids.new("key"), OPERATOR, merchant.id, made.key.id))

    assert (await identity.key(OPERATOR, merchant.id, made.key.id)).expires_at == soon


@pytest.mark.requirement("S003-7", part="keys revoked by scope")
async def test_keys_are_revoked_by_scope(make: Make, identity: IdentityService) -> None:
    mine, other = await make.merchant(), await make.merchant()
    kept = [
        await make.key(other.id),
        await make.key(mine.id, mode=Mode.LIVE),
        await make.key(mine.id, role=Role.SUPPORT),
        await make.key(mine.id, KeyKind.PUBLISHABLE),
    ]
    ended = [await make.key(mine.id) for _ in range(3)]

    count = await identity.revoke_keys(
        RevokeApiKeys(OPERATOR, mine.id, KeyKind.SECRET, Role.DEVELOPER)
    )

    assert count == 3
    assert [await accepted(identity, one.secret.reveal()) for one in ended] == [False] * 3
    assert [await accepted(identity, one.secret.reveal()) for one in kept] == [True] * 4
    assert await identity.revoke_keys(RevokeApiKeys(OPERATOR, mine.id)) == 2
    assert [await accepted(identity, one.secret.reveal()) for one in kept] == [True] * 2 + [
        False
    ] * 2


async def test_a_suspended_merchants_keys_rest(make: Make, identity: IdentityService) -> None:
    merchant, other = await make.merchant(), await make.merchant()
    mine, theirs = await make.key(merchant.id), await make.key(other.id)

    await identity.change_merchant(ChangeMerchant(OPERATOR, merchant.id, MerchantState.SUSPENDED))

    assert not await accepted(identity, mine.secret.reveal())
    assert await accepted(identity, theirs.secret.reveal())
    await identity.change_merchant(ChangeMerchant(OPERATOR, merchant.id, MerchantState.ACTIVE))
    assert await accepted(identity, mine.secret.reveal())


async def test_the_same_command_twice_tells_the_secret_once(
    make: Make, identity: IdentityService
) -> None:
    merchant = await make.merchant()
    command = CreateApiKey(
        make.ids.new("key"), OPERATOR, merchant.id, KeyKind.SECRET, Role.DEVELOPER
    )
    first = await identity.create_key(command)

    with pytest.raises(AlreadyShown):
        await identity.create_key(command)

    assert (await identity.keys(OfTenant(OPERATOR, merchant.id))).keys == (first.key,)


async def test_keys_are_listed_newest_first_page_by_page(
    make: Make, identity: IdentityService, clock: MovableClock
) -> None:
    merchant = await make.merchant()
    made: list[str] = []
    for _ in range(5):
        clock.move(timedelta(milliseconds=1))
        made.insert(0, (await make.key(merchant.id)).key.id)

    first = await identity.keys(OfTenant(OPERATOR, merchant.id, 2))
    second = await identity.keys(OfTenant(OPERATOR, merchant.id, 2, first.keys[-1].id))
    third = await identity.keys(OfTenant(OPERATOR, merchant.id, 2, second.keys[-1].id))

    pages = (first, second, third)
    assert [key.id for page in pages for key in page.keys] == made
    assert [page.has_more for page in pages] == [True, True, False]
    assert (await identity.keys(OfTenant(LIVE_OPERATOR, merchant.id))).keys == ()


async def test_a_key_made_before_the_hashing_key_was_rotated_still_works(
    make: Make, identity: IdentityService, open_identity: Open, tmp_path: Path
) -> None:
    merchant = await make.merchant()
    made = await make.key(merchant.id)
    idle = await make.key(merchant.id)
    keys = identity._keys  # pyright: ignore[reportPrivateUsage]
    before = await keys.macs(API_KEY_HASH, b"")

    await keys.rotate(RotateKey(API_KEY_HASH, by="test"))
    assert await accepted(identity, made.secret.reveal())
    await keys.destroy(DestroyKey(before[0].kid, by="test", reason="retired"))

    assert await accepted(identity, made.secret.reveal())
    assert await accepted(await open_identity(), made.secret.reveal())
    # What nobody used meanwhile was not rehashed, and dies with the old hashing key.
    assert not await accepted(identity, idle.secret.reveal())


async def test_uses_are_written_together_and_never_go_back(
    make: Make, identity: IdentityService, clock: MovableClock
) -> None:
    merchant = await make.merchant()
    one, two = await make.key(merchant.id), await make.key(merchant.id)
    now = clock.now()

    await identity.note_uses((ApiKeyUse(one.key.id, now), ApiKeyUse(two.key.id, now)))
    await identity.note_uses((ApiKeyUse(one.key.id, now - timedelta(hours=1)),))
    await identity.note_uses((ApiKeyUse(make.ids.new("key"), now),))

    assert (await identity.key(OPERATOR, merchant.id, one.key.id)).last_used_at == now
    assert (await identity.key(OPERATOR, merchant.id, two.key.id)).last_used_at == now
