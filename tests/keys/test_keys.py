"""The key room: what was sealed opens after any rotation, and never after destruction."""

from datetime import timedelta
from pathlib import Path

import pytest
from tests.keys.conftest import OpenKeys

from bezant.clock import MovableClock
from bezant.keys import (
    KEY_ENCRYPTION_KEY,
    Algorithm,
    BadSignature,
    CannotOpen,
    DeclareKey,
    DestroyKey,
    KeyInUse,
    KeyMismatch,
    Keys,
    KeySpec,
    KeyState,
    Purpose,
    RotateKey,
    Sealed,
    Signature,
    UnknownKey,
    UnsupportedKey,
    envelopes,
)
from bezant.keys.rules import MalformedKeyName
from bezant.keys.service import KeysService

TOKENS = DeclareKey("vault-token", Purpose.SEAL, KeySpec.AES256, by="test", wrapped=True)
HELD = DeclareKey("payment-encryption", Purpose.SEAL, KeySpec.AES256, by="test")
HYBRID = DeclareKey("archive", Purpose.SEAL, KeySpec.MLKEM1024P384, by="test")
RECEIPTS = DeclareKey("receipt-signing", Purpose.SIGN, KeySpec.P256, by="test")
HASHES = DeclareKey("api-key-hash", Purpose.MAC, KeySpec.HMAC256, by="test")
SEALING = (TOKENS, HELD, HYBRID)


async def test_declaring_again_answers_the_same_version(keys: KeysService) -> None:
    port: Keys = keys

    first = await port.declare(TOKENS)
    second = await port.declare(TOKENS)

    assert first == second
    assert first.kid.startswith("vault-token-v1-")
    assert len(first.kid) == len("vault-token-v1-") + 10
    assert first.state is KeyState.ACTIVE
    for other in (
        DeclareKey("vault-token", Purpose.SEAL, KeySpec.AES256, by="test"),
        DeclareKey("vault-token", Purpose.MAC, KeySpec.HMAC256, by="test"),
    ):
        with pytest.raises(KeyMismatch):
            await port.declare(other)


@pytest.mark.parametrize(
    ("command", "error"),
    [
        (DeclareKey("Receipts", Purpose.SIGN, KeySpec.P256, by="test"), MalformedKeyName),
        (DeclareKey("a" * 41, Purpose.SIGN, KeySpec.P256, by="test"), MalformedKeyName),
        (DeclareKey("", Purpose.SIGN, KeySpec.P256, by="test"), MalformedKeyName),
        (DeclareKey("k", Purpose.SIGN, KeySpec.AES256, by="test"), UnsupportedKey),
        (DeclareKey("k", Purpose.SEAL, KeySpec.P256, by="test"), UnsupportedKey),
        (DeclareKey("k", Purpose.MAC, KeySpec.AES256, by="test"), UnsupportedKey),
        (DeclareKey("k", Purpose.SIGN, KeySpec.P256, by="test", wrapped=True), UnsupportedKey),
        (DeclareKey("k", Purpose.WRAP, KeySpec.AES256, by="test", wrapped=True), UnsupportedKey),
    ],
)
async def test_a_key_whose_kind_does_not_fit_is_refused(
    keys: KeysService, command: DeclareKey, error: type[Exception]
) -> None:
    with pytest.raises(error):
        await keys.declare(command)
    assert [row.name for row in await keys.inventory()] == [KEY_ENCRYPTION_KEY]


@pytest.mark.parametrize("command", SEALING, ids=lambda command: command.name)
@pytest.mark.requirement("S003-4", part="AES-256-GCM envelopes")
@pytest.mark.requirement("S000-15", part="keys rotate")
async def test_what_was_sealed_opens_after_every_rotation(
    keys: KeysService, open_keys: OpenKeys, command: DeclareKey
) -> None:
    await keys.declare(command)
    sealed = [await keys.seal(command.name, b"4242", b"tok_0")]
    for turn in (1, 2, 3):
        await keys.rotate(RotateKey(command.name, by="test", reason="yearly"))
        sealed.append(await keys.seal(command.name, b"4242", f"tok_{turn}".encode()))
    await keys.rotate(RotateKey(KEY_ENCRYPTION_KEY, by="test"))
    elsewhere = await open_keys()

    for at, one in enumerate(sealed):
        stored = Sealed.from_bytes(one.to_bytes())
        assert stored == one
        assert await elsewhere.open(stored, f"tok_{at}".encode()) == b"4242"

    assert len({one.kid for one in sealed}) == 4
    states = [row.state for row in await keys.inventory() if row.name == command.name]
    assert states == [KeyState.DECRYPT_ONLY] * 3 + [KeyState.ACTIVE]


@pytest.mark.parametrize("command", SEALING, ids=lambda command: command.name)
async def test_an_envelope_opens_whole_and_in_its_place_or_not_at_all(
    keys: KeysService, command: DeclareKey
) -> None:
    await keys.declare(command)
    await keys.declare(RECEIPTS)
    sealed = await keys.seal(command.name, b"4242", b"tok_1")
    stored = sealed.to_bytes()
    await keys.rotate(RotateKey(command.name, by="test"))
    newer = (await keys.seal(command.name, b"4242", b"tok_1")).kid
    signer = (await keys.public_keys(RECEIPTS.name))[0].kid
    wrong = [
        Sealed(sealed.version, kid, sealed.algorithm, sealed.iv, sealed.ciphertext)
        for kid in (newer, signer, "", "vault-token-v9-0000000000", "no kid at all", "x" * 255)
    ]
    wrong += [
        Sealed(2, sealed.kid, sealed.algorithm, sealed.iv, sealed.ciphertext),
        Sealed(sealed.version, sealed.kid, Algorithm.HS256, sealed.iv, sealed.ciphertext),
    ]
    messages: set[str] = set()
    accepted = 0

    async def refuse(damaged: bytes, bound_to: bytes) -> None:
        nonlocal accepted
        try:
            await keys.open(Sealed.from_bytes(damaged), bound_to)
        except CannotOpen as refusal:
            messages.add(f"{refusal.code} {refusal.detail} {refusal.facts}")
        else:
            accepted += 1

    for at in range(0, len(stored), max(1, len(stored) // 120)):
        await refuse(stored[:at] + bytes([stored[at] ^ 1]) + stored[at + 1 :], b"tok_1")
    for end in (0, 1, 10, len(stored) - 1):
        await refuse(stored[:end], b"tok_1")
    await refuse(stored + b"\0", b"tok_1")
    for bound_to in (b"", b"tok_2", b"tok_1\0"):
        await refuse(stored, bound_to)
    for one in wrong:
        await refuse(one.to_bytes(), b"tok_1")

    assert accepted == 0
    assert messages == {"cannot_open This cannot be opened. {}"}
    assert await keys.open(Sealed.from_bytes(stored), b"tok_1") == b"4242"


async def test_without_the_binding_an_envelope_would_open_anywhere(
    keys: KeysService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control of the test above: it would notice."""
    await keys.declare(TOKENS)

    def bind_nothing(*_: object) -> bytes:
        return b""

    monkeypatch.setattr(envelopes, "_bound", bind_nothing)

    sealed = await keys.seal(TOKENS.name, b"4242", b"tok_1")

    assert await keys.open(sealed, b"tok_2") == b"4242"


@pytest.mark.parametrize("command", SEALING, ids=lambda command: command.name)
async def test_a_destroyed_key_opens_nothing_ever_again(
    keys: KeysService, open_keys: OpenKeys, command: DeclareKey, tmp_path: Path
) -> None:
    first = await keys.declare(command)
    old = await keys.seal(command.name, b"4242", b"")
    other_process = await open_keys()
    assert await other_process.open(old, b"") == b"4242"
    with pytest.raises(KeyInUse):
        await keys.destroy(DestroyKey(first.kid, by="test", reason="too early"))
    await keys.rotate(RotateKey(command.name, by="test"))
    new = await keys.seal(command.name, b"4242", b"")
    files_before = len(list((tmp_path / "keys").glob("*.key")))

    gone = await keys.destroy(DestroyKey(first.kid, by="test", reason="retired"))
    again = await keys.destroy(DestroyKey(first.kid, by="test", reason="retired"))

    assert gone.state is again.state is KeyState.DESTROYED
    with pytest.raises(CannotOpen):
        await keys.open(old, b"")
    with pytest.raises(CannotOpen):
        await (await open_keys()).open(old, b"")
    assert await keys.open(new, b"") == b"4242"
    expected = files_before if command.wrapped else files_before - 1
    assert len(list((tmp_path / "keys").glob("*.key"))) == expected


async def test_another_process_honours_rotation_and_destruction_within_seconds(
    keys: KeysService, open_keys: OpenKeys, clock: MovableClock
) -> None:
    first = await keys.declare(TOKENS)
    other = await open_keys()
    old = await other.seal(TOKENS.name, b"x", b"")
    await keys.rotate(RotateKey(TOKENS.name, by="test"))
    await keys.destroy(DestroyKey(first.kid, by="test", reason="retired"))

    clock.move(timedelta(seconds=5))

    assert (await other.seal(TOKENS.name, b"x", b"")).kid != first.kid
    with pytest.raises(CannotOpen):
        await other.open(old, b"")


async def test_signatures_verify_for_ever_and_only_where_they_belong(keys: KeysService) -> None:
    first = await keys.declare(RECEIPTS)
    await keys.declare(HASHES)
    old = await keys.sign(RECEIPTS.name, b"receipt 1")
    await keys.rotate(RotateKey(RECEIPTS.name, by="test"))
    new = await keys.sign(RECEIPTS.name, b"receipt 2")
    await keys.destroy(DestroyKey(first.kid, by="test", reason="retired"))
    hashed = (await keys.macs(HASHES.name, b"receipt 1"))[0]

    await keys.verify(b"receipt 1", old)
    await keys.verify(b"receipt 2", new)
    published = await keys.public_keys(RECEIPTS.name)

    assert [(one.kid, one.state) for one in published] == [
        (new.kid, KeyState.ACTIVE),
        (old.kid, KeyState.DESTROYED),
    ]
    for message, signature in (
        (b"receipt 2", old),
        (b"receipt 1", new),
        (b"receipt 1", Signature(new.kid, old.algorithm, old.value)),
        (b"receipt 1", Signature(old.kid, Algorithm.HS256, old.value)),
        (b"receipt 1", Signature(old.kid, Algorithm.EDDSA, old.value)),
        (b"receipt 1", Signature(old.kid, old.algorithm, bytes(64))),
        (b"receipt 1", Signature(old.kid, old.algorithm, old.value[:-1])),
        (b"receipt 1", Signature(hashed.kid, Algorithm.HS256, hashed.value)),
        (b"receipt 1", Signature("receipt-signing-v7-0000000000", old.algorithm, old.value)),
        (b"receipt 1", Signature("../../etc/passwd", old.algorithm, old.value)),
    ):
        with pytest.raises(BadSignature):
            await keys.verify(message, signature)


async def test_a_keyed_hash_stays_comparable_through_a_rotation(keys: KeysService) -> None:
    first = await keys.declare(HASHES)
    (before,) = await keys.macs(HASHES.name, b"sk_test")

    await keys.rotate(RotateKey(HASHES.name, by="test"))
    newest, older = await keys.macs(HASHES.name, b"sk_test")

    assert older == before
    assert newest.value != before.value
    await keys.destroy(DestroyKey(first.kid, by="test", reason="all rehashed"))
    assert await keys.macs(HASHES.name, b"sk_test") == (newest,)


async def test_a_key_serves_one_purpose_only(keys: KeysService) -> None:
    for command in (TOKENS, RECEIPTS, HASHES):
        await keys.declare(command)

    for attempt in (
        keys.sign(TOKENS.name, b""),
        keys.sign(HASHES.name, b""),
        keys.macs(RECEIPTS.name, b""),
        keys.seal(HASHES.name, b"", b""),
        keys.seal(KEY_ENCRYPTION_KEY, b"", b""),
    ):
        with pytest.raises(UnsupportedKey):
            await attempt
    with pytest.raises(UnknownKey):
        await keys.sign("nobody-declared-this", b"")


async def test_rotating_the_key_encryption_key_moves_every_data_key(keys: KeysService) -> None:
    for name in ("one", "two", "three"):
        await keys.declare(DeclareKey(name, Purpose.SEAL, KeySpec.AES256, "test", wrapped=True))
        await keys.rotate(RotateKey(name, by="test"))
    sealed = await keys.seal("two", b"x", b"")
    old = next(row.kid for row in await keys.inventory() if row.name == KEY_ENCRYPTION_KEY)

    new = await keys.rotate(RotateKey(KEY_ENCRYPTION_KEY, by="test"))

    wrapped = [row for row in await keys.inventory() if row.wrapped]
    assert {row.provider for row in wrapped} == {new.kid}
    assert len(wrapped) == 6
    await keys.destroy(DestroyKey(old, by="test", reason="replaced"))
    assert await keys.open(sealed, b"") == b"x"


async def test_the_status_counts_and_names_the_real_module(keys: KeysService) -> None:
    first = await keys.declare(RECEIPTS)
    await keys.rotate(RotateKey(RECEIPTS.name, by="test"))
    await keys.rotate(RotateKey(RECEIPTS.name, by="test"))
    await keys.destroy(DestroyKey(first.kid, by="test", reason="retired"))

    status = await keys.status()

    assert (status.active, status.retired, status.destroyed) == (2, 1, 1)
    (provider,) = status.providers
    assert provider.healthy
    assert provider.certificate == "none"
    assert provider.keys == 3
