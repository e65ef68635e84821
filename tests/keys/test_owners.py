"""Data keys of owners: a tenant's things open for its lifetime, and never again once shredded."""

import asyncio
from datetime import timedelta

import psycopg
import pytest
from tests.harness.cluster import MODULE_PASSWORD, TestDatabase
from tests.keys.conftest import OpenKeys

from bezant.clock import MovableClock
from bezant.errors import Invalid
from bezant.keys import (
    KEY_ENCRYPTION_KEY,
    CannotOpen,
    DeclareKey,
    DestroyKey,
    KeyInUse,
    KeySpec,
    Purpose,
    RotateKey,
    Sealed,
    ShredKeys,
    UnsupportedKey,
)
from bezant.keys.service import KeysService

PROFILES = DeclareKey("profiles", Purpose.SEAL, KeySpec.AES256, by="test", wrapped=True)
ANNA, BEN = "mer_anna", "mer_ben"


@pytest.fixture
async def room(keys: KeysService) -> KeysService:
    await keys.declare(PROFILES)
    return keys


def wrapped_by(database: TestDatabase) -> dict[str, str]:
    with psycopg.connect(database.administrator_dsn) as connection:
        rows = connection.execute(
            "SELECT kid, wrapped_by FROM keys.data_key WHERE wrapped_key IS NOT NULL"
        ).fetchall()
    return dict(rows)


async def test_an_owner_has_one_key_a_month_whoever_asks_first(
    room: KeysService, open_keys: OpenKeys, clock: MovableClock, keys_database: TestDatabase
) -> None:
    rooms = [room, *[await open_keys() for _ in range(3)]]

    sealed = await asyncio.gather(
        *(
            one.seal_for(PROFILES.name, owner, owner.encode(), b"row")
            for one in rooms * 5
            for owner in (ANNA, BEN)
        )
    )
    assert len({one.kid for one in sealed}) == 2
    clock.move(timedelta(days=40))
    later = await room.seal_for(PROFILES.name, ANNA, ANNA.encode(), b"row")

    assert later.kid not in {one.kid for one in sealed}
    assert "-m202612-" in later.kid
    for at, one in enumerate(sealed):
        opened = await rooms[at % 4].open(Sealed.from_bytes(one.to_bytes()), b"row")
        assert opened.decode() == (ANNA, BEN)[at % 2]
    assert len(wrapped_by(keys_database)) == 3


async def test_what_was_sealed_opens_only_whole_and_in_its_place(room: KeysService) -> None:
    sealed = await room.seal_for(PROFILES.name, ANNA, b"4 Mill Lane", b"row 1")
    other = await room.seal_for(PROFILES.name, BEN, b"4 Mill Lane", b"row 1")
    stored = sealed.to_bytes()
    accepted = 0

    for at in range(len(stored)):
        damaged = stored[:at] + bytes([stored[at] ^ 1]) + stored[at + 1 :]
        try:
            await room.open(Sealed.from_bytes(damaged), b"row 1")
        except CannotOpen:
            continue
        accepted += 1
    for wrong, bound_to in (
        (sealed, b"row 2"),
        (Sealed(1, other.kid, sealed.algorithm, sealed.iv, sealed.ciphertext), b"row 1"),
        (Sealed(2, sealed.kid, sealed.algorithm, sealed.iv, sealed.ciphertext), b"row 1"),
    ):
        with pytest.raises(CannotOpen):
            await room.open(wrong, bound_to)

    assert accepted == 0
    assert await room.open(sealed, b"row 1") == b"4 Mill Lane"


@pytest.mark.catalogue("T81")
@pytest.mark.requirement("S004-5", part="what belongs to one person can be shredded")
async def test_what_was_shredded_is_unreadable_everywhere_and_the_rest_is_untouched(
    room: KeysService, open_keys: OpenKeys, clock: MovableClock, keys_database: TestDatabase
) -> None:
    other = await open_keys()
    gone: list[Sealed] = []
    kept: list[Sealed] = []
    for _ in range(3):
        gone += [await other.seal_for(PROFILES.name, ANNA, b"x", b"") for _ in range(10)]
        kept += [await other.seal_for(PROFILES.name, BEN, b"x", b"") for _ in range(10)]
        clock.move(timedelta(days=31))
    assert len({one.kid for one in gone}) == 3

    command = ShredKeys(PROFILES.name, ANNA, by="mem_dpo", reason="asked to be forgotten")
    count = await room.shred(command)
    again = await room.shred(command)
    clock.move(timedelta(seconds=5))

    unreadable = 0
    for where in (room, other, await open_keys()):
        for one in gone:
            try:
                await where.open(one, b"")
            except CannotOpen:
                unreadable += 1
        for one in kept:
            assert await where.open(one, b"") == b"x"
    assert (count, again) == (3, 0)
    assert unreadable == 3 * len(gone)
    with psycopg.connect(keys_database.administrator_dsn) as connection:
        everything = connection.execute(
            "SELECT d::text FROM keys.data_key AS d WHERE owner = %s", (ANNA,)
        ).fetchall()
        told = connection.execute(
            "SELECT data::text FROM keys.event WHERE type = 'key.shredded'"
        ).fetchall()
    assert all("\\x" not in row[0] for row in everything)
    assert len(told) == 1
    assert ANNA not in told[0][0]
    fresh = await room.seal_for(PROFILES.name, ANNA, b"new", b"")
    assert await room.open(fresh, b"") == b"new"


async def test_a_new_key_encryption_key_takes_every_data_key_and_stopped_halfway_goes_on(
    room: KeysService,
    open_keys: OpenKeys,
    keys_database: TestDatabase,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sealed = [await room.seal_for(PROFILES.name, f"mer_{at}", b"x", b"") for at in range(7)]
    (old,) = set(wrapped_by(keys_database).values())
    wrap = room._envelopes.wrap
    turns = 0

    async def fails_at_the_fourth(*arguments: object) -> bytes:
        nonlocal turns
        turns += 1
        if turns == 4:
            raise ConnectionError("the process dies here")
        return await wrap(*arguments)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(room._envelopes, "wrap", fails_at_the_fourth)
        with pytest.raises(ConnectionError):
            await room.rotate(RotateKey(KEY_ENCRYPTION_KEY, by="test"))
    halfway = wrapped_by(keys_database)
    assert set(halfway.values()) - {old}
    assert old in halfway.values()
    with pytest.raises(KeyInUse):
        await room.destroy(DestroyKey(old, by="test", reason="too early"))

    restarted = await open_keys()

    assert old not in wrapped_by(keys_database).values()
    await restarted.destroy(DestroyKey(old, by="test", reason="replaced"))
    assert [await restarted.open(one, b"") for one in sealed] == [b"x"] * 7


async def test_owners_and_keys_that_do_not_fit_are_refused(room: KeysService) -> None:
    await room.declare(DeclareKey("held", Purpose.SEAL, KeySpec.AES256, by="test"))

    for owner in ("", "x" * 81, "zwei\nZeilen", "nul\0"):
        with pytest.raises(Invalid):
            await room.seal_for(PROFILES.name, owner, b"x", b"")
    with pytest.raises(UnsupportedKey):
        await room.seal_for("held", ANNA, b"x", b"")
    with pytest.raises(UnsupportedKey):
        await room.seal_for(KEY_ENCRYPTION_KEY, ANNA, b"x", b"")


async def test_the_database_itself_keeps_shredded_keys_shredded(
    room: KeysService, keys_database: TestDatabase
) -> None:
    await room.seal_for(PROFILES.name, ANNA, b"x", b"")
    await room.shred(ShredKeys(PROFILES.name, ANNA, by="test", reason="asked"))

    with psycopg.connect(
        keys_database.dsn("bezant_keys", MODULE_PASSWORD), autocommit=True
    ) as role:
        for statement in (
            "UPDATE keys.data_key SET wrapped_key = 'x', shredded_at = NULL",
            "DELETE FROM keys.data_key",
            "DELETE FROM keys.access",
            "UPDATE keys.access SET caller = 'nobody'",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                role.execute(statement)
        kid = role.execute("SELECT kid, wrapped_by FROM keys.data_key").fetchone()
        assert kid is not None
        brought_back = role.execute(
            "SELECT keys.rewrap_data_key(%s, %s, %s, 'x')", (kid[0], kid[1], kid[1])
        ).fetchone()
    assert brought_back in (None, (None,))
