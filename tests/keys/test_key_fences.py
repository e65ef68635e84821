"""What keeps the key registry honest: races, crashes, and the database's own rules."""

import asyncio
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from tests.harness.cluster import MODULE_PASSWORD, TestDatabase
from tests.keys.conftest import OpenKeys

from bezant.clock import MovableClock
from bezant.keys import (
    KEY_ENCRYPTION_KEY,
    AlreadyRotated,
    DeclareKey,
    DestroyKey,
    KeyInUse,
    KeySpec,
    KeyState,
    Purpose,
    RotateKey,
)
from bezant.keys.provider import KeyProvider
from bezant.keys.service import KeysService

TOKENS = DeclareKey("vault-token", Purpose.SEAL, KeySpec.AES256, by="test", wrapped=True)
HELD = DeclareKey("payment-encryption", Purpose.SEAL, KeySpec.AES256, by="test")
HYBRID = DeclareKey("archive", Purpose.SEAL, KeySpec.MLKEM1024P384, by="test")
RECEIPTS = DeclareKey("receipt-signing", Purpose.SIGN, KeySpec.P256, by="test")
HASHES = DeclareKey("api-key-hash", Purpose.MAC, KeySpec.HMAC256, by="test")
SEALING = (TOKENS, HELD, HYBRID)


@pytest.mark.catalogue("T54")
async def test_of_many_rotations_at_once_exactly_one_wins(
    keys: KeysService, open_keys: OpenKeys, tmp_path: Path
) -> None:
    rooms = [keys, *[await open_keys() for _ in range(3)]]
    started = await asyncio.gather(*(room.declare(HELD) for room in rooms))
    (kid,) = {version.kid for version in started}

    async def rotate(room: KeysService) -> str | None:
        try:
            return (await room.rotate(RotateKey(HELD.name, by="race", expected_kid=kid))).kid
        except AlreadyRotated:
            return None

    won = [one for one in await asyncio.gather(*(rotate(room) for room in rooms * 4)) if one]

    held = [row for row in await keys.inventory() if row.name == HELD.name]
    assert len(won) == 1
    assert [row.state for row in held] == [KeyState.DECRYPT_ONLY, KeyState.ACTIVE]
    assert held[-1].kid == won[0]
    # The losers left no material behind.
    assert len(list((tmp_path / "keys").glob("*.key"))) == 1 + len(held)


async def test_a_key_encryption_key_that_still_wraps_is_not_destroyed(
    keys: KeysService, keys_database: TestDatabase
) -> None:
    await keys.declare(TOKENS)
    sealed = await keys.seal(TOKENS.name, b"x", b"")
    old = next(row.kid for row in await keys.inventory() if row.name == KEY_ENCRYPTION_KEY)
    with psycopg.connect(keys_database.administrator_dsn) as connection:
        before = connection.execute(
            "SELECT kid, wrapped_key FROM keys.key_version WHERE wrapped_by = %s", (old,)
        ).fetchone()
        assert before is not None
    await keys.rotate(RotateKey(KEY_ENCRYPTION_KEY, by="test"))
    with psycopg.connect(
        keys_database.administrator_dsn
    ) as connection:  # As if re-wrapping stopped.
        connection.execute(
            "UPDATE keys.key_version SET wrapped_by = %s, wrapped_key = %s WHERE kid = %s",
            (old, before[1], before[0]),
        )

    with pytest.raises(KeyInUse):
        await keys.destroy(DestroyKey(old, by="test", reason="replaced"))
    await keys.start()
    await keys.destroy(DestroyKey(old, by="test", reason="replaced"))

    assert await keys.open(sealed, b"") == b"x"


async def test_an_interrupted_destruction_is_finished_at_the_next_start(
    keys: KeysService, open_keys: OpenKeys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await keys.declare(HELD)
    await keys.rotate(RotateKey(HELD.name, by="test"))
    sealed = await keys.seal(HELD.name, b"x", b"")

    async def crash(*_: object) -> None:
        raise ConnectionError("the process dies here")

    provider: KeyProvider = keys._providers["file"]  # pyright: ignore[reportPrivateUsage]
    with monkeypatch.context() as patched:
        patched.setattr(provider, "destroy", crash)
        with pytest.raises(ConnectionError):
            await keys.destroy(DestroyKey(first.kid, by="test", reason="retired"))
    assert len(list((tmp_path / "keys").glob("*.key"))) == 3

    again = await open_keys()

    assert len(list((tmp_path / "keys").glob("*.key"))) == 2
    assert await again.open(sealed, b"") == b"x"


async def test_every_step_says_who_when_and_why(keys: KeysService, clock: MovableClock) -> None:
    first = await keys.declare(TOKENS)
    clock.move(timedelta(days=90))
    second = await keys.rotate(RotateKey(TOKENS.name, by="mem_anna", reason="quarterly"))
    clock.move(timedelta(days=1))
    await keys.destroy(DestroyKey(first.kid, by="mem_ben", reason="tokens expired"))

    told = [
        (step.kid, step.before, step.after, step.by, step.reason)
        for step in await keys.history(TOKENS.name)
    ]

    assert told == [
        (first.kid, None, KeyState.PENDING, "test", "declared"),
        (first.kid, KeyState.PENDING, KeyState.ACTIVE, "test", "declared"),
        (second.kid, None, KeyState.PENDING, "mem_anna", "quarterly"),
        (first.kid, KeyState.ACTIVE, KeyState.DECRYPT_ONLY, "mem_anna", "quarterly"),
        (second.kid, KeyState.PENDING, KeyState.ACTIVE, "mem_anna", "quarterly"),
        (first.kid, KeyState.DECRYPT_ONLY, KeyState.DESTROYED, "mem_ben", "tokens expired"),
    ]
    last = (await keys.history(TOKENS.name))[-1]
    assert last.occurred_at == clock.now()


async def test_the_database_itself_holds_the_fences(
    keys: KeysService, keys_database: TestDatabase
) -> None:
    retired = await keys.declare(TOKENS)
    await keys.rotate(RotateKey(TOKENS.name, by="test"))
    await keys.rotate(RotateKey(TOKENS.name, by="test"))
    step = (
        "INSERT INTO keys.key_transition (kid, state_before, state_after, made_by, reason,"
        " occurred_at) VALUES (%s, %s, %s, %s, '', now())"
    )
    forbidden_statements = (
        "UPDATE keys.key_version SET state = 'active'",
        "DELETE FROM keys.key_version",
        "UPDATE keys.key_transition SET made_by = 'nobody'",
        "DELETE FROM keys.key_transition",
        "UPDATE keys.logical_key SET purpose = 'mac'",
    )
    forbidden_steps = (
        ("decrypt_only", "active", "x"),
        ("active", "decrypt_only", "x"),
        ("destroyed", "active", "x"),
        ("decrypt_only", "destroyed", ""),
    )

    with psycopg.connect(
        keys_database.dsn("bezant_keys", MODULE_PASSWORD), autocommit=True
    ) as role:
        for statement in forbidden_statements:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                role.execute(statement)
        for before, after, by in forbidden_steps:
            with pytest.raises(psycopg.errors.CheckViolation):
                role.execute(step, (retired.kid, before, after, by))
        role.execute(step, (retired.kid, "decrypt_only", "destroyed", "x"))
    with (
        psycopg.connect(keys_database.administrator_dsn) as administrator,
        pytest.raises(psycopg.errors.UniqueViolation),
    ):
        administrator.execute(
            "UPDATE keys.key_version SET state = 'active' WHERE state <> 'destroyed'"
        )


async def test_nothing_of_a_key_lies_in_the_database_in_the_open(
    keys: KeysService, keys_database: TestDatabase
) -> None:
    version = await keys.declare(TOKENS)
    await keys.seal(TOKENS.name, b"x", b"")
    envelopes = keys._envelopes  # pyright: ignore[reportPrivateUsage]
    unwrapped = envelopes._unwrapped[version.kid].reveal()  # pyright: ignore[reportPrivateUsage]

    with psycopg.connect(keys_database.administrator_dsn) as connection:
        rows = connection.execute("SELECT v::text FROM keys.key_version AS v").fetchall()

    everything = "".join(row[0] for row in rows)
    assert version.kid in everything
    assert unwrapped.hex()[:16] not in everything
