"""T81: keys are replaced while they are used, and no use of them fails.

Callers sign, verify, hash, seal and open without a pause; every key is rotated again and again, the
key-encryption key with its re-wrapping, and certificates between processes. Some seconds in every
run; ten minutes with `long`.
"""

import asyncio
import itertools
import random
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from time import monotonic
from typing import TypeVar

import pytest
from tests.keys.conftest import OpenKeys
from tests.keys.softhsm import SoftHsm

from bezant.clock import MovableClock, RealClock
from bezant.keys import (
    KEY_ENCRYPTION_KEY,
    BadSignature,
    CannotOpen,
    DeclareKey,
    DestroyKey,
    Keys,
    KeySpec,
    KeyState,
    Mac,
    Purpose,
    RotateKey,
    Sealed,
    ShredKeys,
    Signature,
)
from bezant.keys.service import KeysService
from bezant.rpc.authority import Authority
from bezant.rpc.channel import Channel
from bezant.rpc.far import far
from bezant.rpc.papers import FolderIssuer
from bezant.rpc.serve import Server, serve

SECONDS = 6.0
LONG_SECONDS = 600.0
TURNS_MIN = 3
TURNS_MAX = 200  # Each adds a version of every key, and all that lie wrapped are wrapped anew.
KEPT_MAX = 20_000  # Of the signatures and envelopes that are looked at again.
RECEIPTS = DeclareKey("receipt-signing", Purpose.SIGN, KeySpec.P256, by="receipts")
TOKEN_SIGNING = DeclareKey("token-signing", Purpose.SIGN, KeySpec.ED25519, by="test")
HASHES = DeclareKey("api-key-hash", Purpose.MAC, KeySpec.HMAC256, by="test")
CARDS = DeclareKey("payment-encryption-key", Purpose.SEAL, KeySpec.AES256, by="test")
WEBHOOKS = DeclareKey("webhook-secrets", Purpose.SEAL, KeySpec.AES256, by="test", wrapped=True)
CHANCE = random.Random(81)
Made = TypeVar("Made", Signature, bytes)
EVERY_KEY = (RECEIPTS, TOKEN_SIGNING, HASHES, CARDS, WEBHOOKS)


@dataclass
class Load:
    """What callers did, what they keep to look at again, and everything that went wrong."""

    keys: list[Keys]
    done: int = 0
    wrong: list[str] = field(default_factory=list[str])
    signatures: list[tuple[bytes, Signature]] = field(default_factory=list)
    sealed: list[tuple[bytes, bytes]] = field(default_factory=list)
    mac: Mac | None = None
    """As it was stored at the beginning."""
    ending: bool = False

    async def run(self, work: Callable[["Load", Keys, int], Awaitable[None]], keys: Keys) -> None:
        for turn in itertools.count():
            if self.ending:
                return
            try:
                await work(self, keys, turn)
            except Exception as error:  # noqa: BLE001 - every failure counts, whatever it is
                self.wrong.append(f"{type(error).__name__} {error}")
            self.done += 1
            await asyncio.sleep(0.002)


def keep(kept: list[tuple[bytes, Made]], row: bytes, made: Made, before: int) -> None:
    """Keep so many, each of all there ever were as likely as any other."""
    if len(kept) < KEPT_MAX:
        kept.append((row, made))
    elif (place := CHANCE.randrange(before)) < KEPT_MAX:
        kept[place] = (row, made)


async def sign(load: Load, keys: Keys, turn: int) -> None:
    for name in (RECEIPTS.name, TOKEN_SIGNING.name):
        message = f"{name} {turn}".encode()
        made = await keys.sign(name, message)
        await keys.verify(message, made)
        keep(load.signatures, message, made, load.done)
        old_message, old = load.signatures[(turn * 7919) % len(load.signatures)]
        await keys.verify(old_message, old)


async def seal(load: Load, keys: Keys, turn: int) -> None:
    for name in (CARDS.name, WEBHOOKS.name):
        row = f"{name} {turn}".encode()
        keep(load.sealed, row, (await keys.seal(name, row, row)).to_bytes(), load.done)
    made = await keys.seal_for(WEBHOOKS.name, f"mer_{turn % 5}", b"of an owner", b"")
    keep(load.sealed, b"", made.to_bytes(), load.done)
    row, old = load.sealed[(turn * 7919) % len(load.sealed)]
    if await keys.open(Sealed.from_bytes(old), row) != (row or b"of an owner"):
        load.wrong.append("another text was opened")


async def hash_(load: Load, keys: Keys, _: int) -> None:
    found = await keys.macs(HASHES.name, b"sk_test_1")
    # What was stored with an older version is still found among the comparable ones.
    load.mac = load.mac or found[0]
    if load.mac not in found:
        load.wrong.append("a stored hash is not found any more")


async def rotates(load: Load, keys: KeysService, turns: list[int], pause: float) -> None:
    """Replace every key in turn; every third time the new one is shown first."""
    for turn in itertools.count():
        for command in EVERY_KEY:
            shown = turn % 3 == 2 and command.purpose is Purpose.SIGN
            wish = RotateKey(command.name, "load", publish_seconds=60 if shown else 0)
            try:
                await keys.rotate(wish)
            except Exception as error:  # noqa: BLE001
                load.wrong.append(f"rotating {command.name}: {type(error).__name__} {error}")
        try:
            await keys.rotate(RotateKey(KEY_ENCRYPTION_KEY, "load"))
        except Exception as error:  # noqa: BLE001
            load.wrong.append(f"rotating: {type(error).__name__} {error}")
        turns[0] = turn + 1
        if load.ending:
            return
        await asyncio.sleep(pause)


async def under_load(
    rooms: list[KeysService], rotating: KeysService, seconds: float, clock: MovableClock
) -> Load:
    for command in EVERY_KEY:
        await rotating.declare(command)
    load = Load(list(rooms))
    turns = [0]
    tasks = [
        asyncio.create_task(load.run(work, room)) for room in rooms for work in (sign, seal, hash_)
    ]
    pause = max(0.2, seconds / TURNS_MAX)
    tasks.append(asyncio.create_task(rotates(load, rotating, turns, pause)))
    began = monotonic()
    async with asyncio.timeout(seconds + 300):
        while monotonic() < began + seconds or turns[0] < TURNS_MIN:
            await asyncio.sleep(0.05)
            # What a room remembers of keys is over after some seconds of this clock.
            clock.move(timedelta(seconds=0.05))
        load.ending = True
        await asyncio.gather(*tasks)
    return load


async def judge(load: Load, room: KeysService) -> None:
    """After it all: everything opens and verifies, and everything lies under the newest key."""
    assert load.wrong == []
    assert load.done > 100
    for row, one in load.sealed:
        assert await room.open(Sealed.from_bytes(one), row) == (row or b"of an owner")
    for message, signature in load.signatures:
        await room.verify(message, signature)
    versions = await room.inventory()
    above = [row.kid for row in versions if row.name == KEY_ENCRYPTION_KEY]
    assert {row.provider for row in versions if row.wrapped} == {above[-1]}
    for command in EVERY_KEY:
        states = [row.state for row in versions if row.name == command.name]
        assert states.count(KeyState.ACTIVE) == 1
        assert len(states) > TURNS_MIN
    assert len({one.kid for _, one in load.signatures}) >= 2 * TURNS_MIN


@pytest.mark.catalogue("T81")
@pytest.mark.requirement("S000-15", part="keys rotate under load without a failed read")
async def test_every_key_is_replaced_while_it_is_used_and_nothing_fails(
    keys: KeysService, open_keys: OpenKeys, clock: MovableClock
) -> None:
    load = await under_load([keys, await open_keys()], keys, SECONDS, clock)

    await judge(load, await open_keys())
    for kid in [row.kid for row in await keys.inventory() if row.name == KEY_ENCRYPTION_KEY][:-1]:
        await keys.destroy(DestroyKey(kid, "test", "replaced"))
    fresh = await open_keys()
    row, one = load.sealed[0]
    assert await fresh.open(Sealed.from_bytes(one), row) == (row or b"of an owner")


@pytest.mark.long
@pytest.mark.catalogue("T81")
async def test_ten_minutes_of_replacing_every_key_under_load(
    keys: KeysService, open_keys: OpenKeys, clock: MovableClock
) -> None:
    load = await under_load([keys, await open_keys()], keys, LONG_SECONDS, clock)

    await judge(load, await open_keys())


@pytest.mark.system
@pytest.mark.catalogue("T81")
async def test_keys_of_a_token_are_replaced_while_they_are_used(
    hsm: SoftHsm, open_with_token: OpenKeys, clock: MovableClock
) -> None:
    room = await open_with_token()

    load = await under_load([room], room, SECONDS, clock)

    await judge(load, room)
    assert {row.provider for row in await room.inventory() if not row.wrapped} == {"pkcs11"}


async def test_a_key_that_is_destroyed_too_early_would_be_noticed(
    keys: KeysService, clock: MovableClock
) -> None:
    """The negative control: the same judge, after one version was taken away."""
    load = await under_load([keys], keys, 1.0, clock)
    one = next(one for row, one in load.sealed if row.startswith(b"webhook"))
    kid = Sealed.from_bytes(one).kid
    if next(v for v in await keys.inventory() if v.kid == kid).state is KeyState.ACTIVE:
        await keys.rotate(RotateKey(WEBHOOKS.name, "test"))
    await keys.destroy(DestroyKey(kid, "test", "too early"))
    forged = load.signatures[0]

    with pytest.raises(CannotOpen):
        await judge(load, keys)
    with pytest.raises(BadSignature):
        await keys.verify(b"another message", forged[1])
    await keys.shred(ShredKeys(WEBHOOKS.name, "mer_0", "test", "asked"))


@pytest.mark.catalogue("T81")
@pytest.mark.requirement("S000-15", part="certificates between processes rotate under load")
async def test_certificates_are_replaced_while_calls_go_on(
    keys: KeysService, tmp_path: Path
) -> None:
    await keys.declare(RECEIPTS)
    authority = Authority(tmp_path / "pki", "test", RealClock())
    issuers = {name: FolderIssuer(authority.issue(name)) for name in ("keys", "receipts")}
    begun = {name: issuer.papers().chain for name, issuer in issuers.items()}
    failed: list[str] = []
    called = 0
    async with AsyncExitStack() as closing:
        server = Server(issuers["keys"], RealClock())
        serve(server, Keys, keys)
        address = f"127.0.0.1:{await server.start('127.0.0.1:0')}"
        closing.push_async_callback(server.stop, 0)
        for turn in range(40):
            if turn % 10 == 5:
                assert set(authority.rotate()) == {"keys", "receipts"}
            # A channel of its own each time: every call shakes hands with the papers of now.
            channel = Channel(address, "keys", issuers["receipts"])
            try:
                await far(Keys, channel).sign(RECEIPTS.name, b"x")
                called += 1
            except Exception as error:  # noqa: BLE001 - every failure counts
                failed.append(f"{type(error).__name__} {error}")
            finally:
                await channel.close()

    assert failed == []
    assert called == 40
    assert all(issuer.papers().chain != begun[name] for name, issuer in issuers.items())
