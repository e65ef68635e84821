"""Attacks on sealed things and on keys that end: nothing opens but whole, in its place, in time."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path

import pytest
from tests.harness.cluster import MODULE_PASSWORD, TestDatabase
from tests.keys.conftest import OpenKeys

from bezant.db.database import Database
from bezant.errors import BezantError
from bezant.keys.file import FileProvider
from bezant.keys.port import (
    Algorithm,
    BadSignature,
    CannotOpen,
    DeclareKey,
    DestroyKey,
    KeySpec,
    KeyState,
    Purpose,
    RotateKey,
    Sealed,
    Signature,
    UnknownKey,
)
from bezant.keys.registry import Registry
from bezant.keys.service import KeysService
from bezant.secret import Secret

SEALERS = {"aes": KeySpec.AES256, "hybrid": KeySpec.MLKEM1024P384}
SIGNERS = {
    "ed": KeySpec.ED25519,
    "ec": KeySpec.P256,
    "rsa": KeySpec.RSA3072,
    "pq": KeySpec.MLDSA87,
}


async def declared(keys: KeysService, name: str, spec: KeySpec, purpose: Purpose) -> str:
    return (await keys.declare(DeclareKey(name, purpose, spec, by="test"))).kid


@pytest.mark.parametrize("name", SEALERS)
async def test_an_envelope_cut_anywhere_or_changed_anywhere_never_opens(
    keys: KeysService, name: str
) -> None:
    await declared(keys, name, SEALERS[name], Purpose.SEAL)
    stored = (await keys.seal(name, b"a card number", b"card:1")).to_bytes()
    assert await keys.open(Sealed.from_bytes(stored), b"card:1") == b"a card number"
    step = 1 if name == "aes" else 17
    forged = [stored[:end] for end in range(0, len(stored), step)]
    forged += [stored + b"\0", b"\0" + stored, stored * 2, b"", b"\xff" * 4_000]
    for place, mask in product(range(0, len(stored), step), (1, 0x80, 0xFF)):
        forged.append(stored[:place] + bytes([stored[place] ^ mask]) + stored[place + 1 :])
    for one in forged:
        with pytest.raises(CannotOpen):
            await keys.open(Sealed.from_bytes(one), b"card:1")


async def test_an_envelope_is_not_opened_as_another_keys_or_anothers_kind(
    keys: KeysService,
) -> None:
    cards = await declared(keys, "cards", KeySpec.AES256, Purpose.SEAL)
    notes = await declared(keys, "notes", KeySpec.AES256, Purpose.SEAL)
    wrapped = DeclareKey("wrapped", Purpose.SEAL, KeySpec.AES256, by="test", wrapped=True)
    under = (await keys.declare(wrapped)).kid
    mac = await declared(keys, "hash", KeySpec.HMAC256, Purpose.MAC)
    sign = await declared(keys, "sign", KeySpec.ED25519, Purpose.SIGN)
    kek = next(row.kid for row in await keys.inventory() if row.purpose is Purpose.WRAP)
    first = await keys.seal("cards", b"x", b"")
    await keys.rotate(RotateKey("cards", "test"))
    newer = await keys.seal("cards", b"x", b"")
    kids = [notes, under, mac, sign, kek, newer.kid, "", "cards", cards.upper(), f"{cards}\n"]
    kids += [cards.replace("-v1-", "-v01-"), cards.replace("-v1-", "-v2-"), cards[:-1], f" {cards}"]
    for kid in kids:
        for algorithm in Algorithm:
            with pytest.raises(CannotOpen):
                await keys.open(replace(first, kid=kid, algorithm=algorithm), b"")
    for version in (0, 2, 255):
        with pytest.raises(CannotOpen):
            await keys.open(replace(first, version=version), b"")
    assert await keys.open(first, b"") == b"x"


async def test_what_an_envelope_is_bound_to_cannot_be_shifted_into_its_head(
    keys: KeysService,
) -> None:
    await declared(keys, "cards", KeySpec.AES256, Purpose.SEAL)
    sealed = await keys.seal("cards", b"x", b"merchant:1|card:2")
    near = [b"merchant:1|card:", b"merchant:1|card:22", b"\0merchant:1|card:2", b""]
    near.append(Sealed(1, sealed.kid, sealed.algorithm, b"", b"merchant:1|card:2").to_bytes())
    for bound_to in near:
        with pytest.raises(CannotOpen):
            await keys.open(sealed, bound_to)


@pytest.mark.parametrize("name", SIGNERS)
async def test_no_forged_signature_fits_and_none_breaks_the_verifier(
    keys: KeysService, name: str
) -> None:
    kid = await declared(keys, name, SIGNERS[name], Purpose.SIGN)
    other = await declared(keys, f"{name}-other", SIGNERS[name], Purpose.SIGN)
    await declared(keys, "sealer", KeySpec.AES256, Purpose.SEAL)
    real = await keys.sign(name, b"pay 1 EUR")
    await keys.verify(b"pay 1 EUR", real)
    size = len(real.value)
    values = [b"", b"\0" * size, b"\xff" * size, real.value[:-1], real.value + b"\0"]
    values += [bytes([real.value[0] ^ 1]) + real.value[1:], real.value[::-1], real.value * 2]
    forged = [replace(real, value=value) for value in values]
    forged += [replace(real, algorithm=one) for one in Algorithm if one is not real.algorithm]
    forged += [replace(real, kid=one) for one in (other, "", kid[:-1], "sealer", f"{kid}x")]
    for one in forged:
        with pytest.raises(BadSignature):
            await keys.verify(b"pay 1 EUR", one)
    with pytest.raises(BadSignature):
        await keys.verify(b"pay 9 EUR", real)
    assert isinstance(real, Signature)


class Settable:
    """A machine's clock, which somebody sets."""

    def __init__(self) -> None:
        self.at = datetime(2026, 11, 20, 12, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at


@pytest.mark.catalogue("T15")
async def test_a_clock_set_back_keeps_no_destroyed_key_alive(
    keys: KeysService, keys_database: TestDatabase
) -> None:
    kid = await declared(keys, "cards", KeySpec.AES256, Purpose.SEAL)
    clock = Settable()
    dsn = keys_database.dsn("bezant_keys", MODULE_PASSWORD)
    elsewhere = await Database.open(dsn, name="keys", size_max=2, clock=clock)
    registry = Registry(elsewhere, clock)
    found = await registry.find(kid)
    assert found is not None
    assert found.state is KeyState.ACTIVE

    clock.at -= timedelta(hours=1)
    await keys.rotate(RotateKey("cards", "test"))
    await keys.destroy(DestroyKey(kid, "test", "over"))

    found = await registry.find(kid)
    assert found is not None
    assert found.state is KeyState.DESTROYED
    await elsewhere.close()


class Slow:
    """A database whose answers can be held up on their way."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.read = asyncio.Event()
        self.may_go_on = asyncio.Event()

    def transaction(self) -> "Slow":
        self._inner = self._database.transaction()
        return self

    async def __aenter__(self) -> object:
        return await self._inner.__aenter__()

    async def __aexit__(self, *ended: object) -> None:
        await self._inner.__aexit__(*ended)  # pyright: ignore[reportArgumentType]
        self.read.set()
        await self.may_go_on.wait()


async def test_what_was_read_while_a_key_was_destroyed_is_not_remembered(
    keys: KeysService, keys_database: TestDatabase
) -> None:
    kid = await declared(keys, "cards", KeySpec.AES256, Purpose.SEAL)
    clock = Settable()
    dsn = keys_database.dsn("bezant_keys", MODULE_PASSWORD)
    database = await Database.open(dsn, name="keys", size_max=2, clock=clock)
    slow = Slow(database)
    registry = Registry(slow, clock)  # type: ignore[arg-type]
    reading = asyncio.create_task(registry.find(kid))
    await slow.read.wait()

    await keys.rotate(RotateKey("cards", "test"))
    await keys.destroy(DestroyKey(kid, "test", "over"))
    registry.forget("cards")
    slow.may_go_on.set()
    await reading

    found = await registry.find(kid)
    assert found is not None
    assert found.state is KeyState.DESTROYED
    await database.close()


async def test_rotations_and_destructions_at_once_leave_one_active_key_that_works(
    keys: KeysService, open_keys: OpenKeys
) -> None:
    await declared(keys, "cards", KeySpec.AES256, Purpose.SEAL)
    other = await open_keys()
    sealed = [await keys.seal("cards", b"x", b"")]

    async def rotate(service: KeysService) -> None:
        for _ in range(5):
            try:
                await service.rotate(RotateKey("cards", "test"))
                sealed.append(await service.seal("cards", b"x", b""))
            except BezantError as refused:
                assert refused.code == "already_rotated", refused

    async def destroy(service: KeysService) -> None:
        for _ in range(5):
            for row in await service.inventory():
                if row.name == "cards" and row.state is KeyState.DECRYPT_ONLY:
                    await service.destroy(DestroyKey(row.kid, "test", "over"))

    await asyncio.gather(rotate(keys), rotate(other), destroy(keys), destroy(other))

    rows = [row for row in await keys.inventory() if row.name == "cards"]
    assert [row.state for row in rows].count(KeyState.ACTIVE) == 1
    fresh = await open_keys()
    living = {row.kid for row in rows if row.state is not KeyState.DESTROYED}
    for one in sealed:
        if one.kid in living:
            assert await fresh.open(one, b"") == b"x"
        else:
            with pytest.raises(CannotOpen):
                await fresh.open(one, b"")


async def test_a_key_read_while_it_is_destroyed_does_not_stay_in_memory(tmp_path: Path) -> None:
    provider = await FileProvider.open(tmp_path / "keys", key=Secret(b"k" * 32))
    for _ in range(20):
        ref = await provider.generate(KeySpec.AES256, Purpose.SEAL)
        provider._loaded.clear()
        reading = asyncio.create_task(provider.encrypt(ref, b"x", b""))
        await asyncio.sleep(0)
        await provider.destroy(ref)
        await asyncio.gather(reading, return_exceptions=True)
        with pytest.raises(UnknownKey):
            await provider.encrypt(ref, b"x", b"")
