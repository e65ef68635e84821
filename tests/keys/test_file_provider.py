"""The `file` provider: every kind of key works, and only the right key file opens the folder."""

import asyncio
import os
import stat
from pathlib import Path

import pytest

from bezant.keys import (
    ALGORITHM_OF,
    Algorithm,
    CannotOpen,
    KeySpec,
    KeyStoreUnusable,
    Purpose,
    UnknownKey,
    UnsupportedKey,
    algorithms,
)
from bezant.keys.file import FileProvider
from bezant.keys.keyfile import KeyFileExists, create_key_file, load_key_file
from bezant.keys.provider import Encrypted, KeyProvider, KeyRef
from bezant.secret import Secret

SIGNING = (KeySpec.RSA3072, KeySpec.P256, KeySpec.ED25519, KeySpec.MLDSA87, KeySpec.HMAC256)
SEALING = (KeySpec.AES256, KeySpec.MLKEM1024P384)


@pytest.fixture
def key() -> Secret[bytes]:
    return Secret(os.urandom(32))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "keys"


def key_files(folder: Path) -> list[Path]:
    return list(folder.glob("*.key"))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def modes(folder: Path) -> tuple[int, set[int]]:
    inside = {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    return stat.S_IMODE(folder.stat().st_mode), inside


def contents(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir())


def widen(folder: Path, mode: int) -> None:
    folder.chmod(mode | 0o100)


async def test_it_is_a_key_provider_and_says_what_it_really_is(
    folder: Path, key: Secret[bytes]
) -> None:
    provider: KeyProvider = await FileProvider.open(folder, key=key)

    health = await provider.health()
    ref = await provider.generate(KeySpec.P256, Purpose.SIGN)
    attestation = await provider.attest(ref)

    assert provider.assurance == "software"
    assert health.healthy
    assert health.certificate == "none"
    assert "OpenSSL" in health.module
    assert attestation.extractable


def test_openssl_here_can_do_every_kind_of_key_we_name() -> None:
    assert algorithms.supported() == frozenset(KeySpec)


@pytest.mark.requirement("S004-4", part="ML-DSA-87 signatures")
@pytest.mark.parametrize("spec", SIGNING)
async def test_a_signature_survives_reopening_and_fits_nothing_else(
    folder: Path, key: Secret[bytes], spec: KeySpec
) -> None:
    first = await FileProvider.open(folder, key=key)
    ref = await first.generate(spec, Purpose.SIGN)
    other = await first.generate(spec, Purpose.SIGN)
    algorithm = ALGORITHM_OF[spec]
    message = b"paid 20.01 EUR"

    signature = await first.sign(ref, algorithm, message)
    again = await FileProvider.open(folder, key=key)

    assert await again.verify(ref, algorithm, message, signature)
    assert await again.public_key(ref) == await first.public_key(ref)
    assert not await again.verify(ref, algorithm, b"paid 20.02 EUR", signature)
    assert not await again.verify(other, algorithm, message, signature)
    assert not await again.verify(ref, algorithm, message, signature[:-1])
    assert not await again.verify(ref, algorithm, message, b"")
    assert not await again.verify(ref, algorithm, message, bytes(len(signature)))


@pytest.mark.requirement("S004-4", part="hybrid ML-KEM-1024 encryption")
@pytest.mark.parametrize("spec", SEALING)
async def test_what_is_encrypted_opens_only_whole_and_where_it_belongs(
    folder: Path, key: Secret[bytes], spec: KeySpec
) -> None:
    provider = await FileProvider.open(folder, key=key)
    ref = await provider.generate(spec, Purpose.SEAL)
    other = await provider.generate(spec, Purpose.SEAL)

    made = await provider.encrypt(ref, b"4242", b"token 7")
    again = await FileProvider.open(folder, key=key)

    assert await again.decrypt(ref, made, b"token 7") == b"4242"
    flipped = bytes([made.ciphertext[0] ^ 1]) + made.ciphertext[1:]
    for wrong_ref, encrypted, bound_to in (
        (ref, made, b"token 8"),
        (ref, made, b""),
        (other, made, b"token 7"),
        (ref, Encrypted(made.algorithm, made.iv, flipped), b"token 7"),
        (ref, Encrypted(made.algorithm, made.iv, made.ciphertext[:-1]), b"token 7"),
        (ref, Encrypted(made.algorithm, made.iv, b""), b"token 7"),
        (ref, Encrypted(made.algorithm, b"x" * 12, made.ciphertext), b"token 7"),
        (ref, Encrypted(made.algorithm, b"x", made.ciphertext), b"token 7"),
        (ref, Encrypted(Algorithm.ES256, made.iv, made.ciphertext), b"token 7"),
    ):
        with pytest.raises(CannotOpen) as refusal:
            await again.decrypt(wrong_ref, encrypted, bound_to)
        assert str(refusal.value) == "This cannot be opened."
        assert refusal.value.facts == {}


async def test_the_same_text_never_encrypts_to_the_same_bytes(
    folder: Path, key: Secret[bytes]
) -> None:
    provider = await FileProvider.open(folder, key=key)
    ref = await provider.generate(KeySpec.AES256, Purpose.SEAL)

    made = {(await provider.encrypt(ref, b"same", b"")).iv for _ in range(200)}

    assert len(made) == 200
    assert {len(iv) for iv in made} == {12}


async def test_a_wrapped_key_comes_back_only_for_its_own_name(
    folder: Path, key: Secret[bytes]
) -> None:
    provider = await FileProvider.open(folder, key=key)
    above = await provider.generate(KeySpec.AES256, Purpose.WRAP)

    wrapped = await provider.wrap(above, Secret(b"d" * 32), b"data key 1")

    assert (await provider.unwrap(above, wrapped, b"data key 1")).reveal() == b"d" * 32
    assert b"d" * 8 not in wrapped
    for damaged, bound_to in ((wrapped, b"data key 2"), (wrapped[:-1], b"data key 1"), (b"", b"")):
        with pytest.raises(CannotOpen):
            await provider.unwrap(above, damaged, bound_to)


async def test_a_key_is_used_in_its_own_way_only(folder: Path, key: Secret[bytes]) -> None:
    provider = await FileProvider.open(folder, key=key)
    signer = await provider.generate(KeySpec.P256, Purpose.SIGN)
    sealer = await provider.generate(KeySpec.AES256, Purpose.SEAL)
    hasher = await provider.generate(KeySpec.HMAC256, Purpose.MAC)

    for attempt in (
        provider.sign(signer, Algorithm.HS256, b""),
        provider.sign(sealer, Algorithm.HS256, b""),
        provider.encrypt(hasher, b"", b""),
        provider.encrypt(signer, b"", b""),
        provider.wrap(hasher, Secret(b""), b""),
        provider.verify(hasher, Algorithm.ES256, b"", b""),
    ):
        with pytest.raises(UnsupportedKey):
            await attempt


async def test_nothing_of_a_key_lies_in_the_open_and_only_its_owner_may_look(
    folder: Path, key: Secret[bytes]
) -> None:
    provider = await FileProvider.open(folder, key=key)
    made = [await provider.generate(spec, Purpose.SIGN) for spec in KeySpec]

    assert modes(folder) == (0o700, {0o600})
    assert len(key_files(folder)) == len(made)
    plain = [provider._loaded[ref.name][0] for ref in made]  # pyright: ignore[reportPrivateUsage]
    secrets = [one for one in plain if isinstance(one, bytes)]
    assert len(secrets) == len(algorithms.SYMMETRIC)
    everything = contents(folder)
    assert not [one for one in secrets if one[:8] in everything]
    assert key.reveal()[:8] not in everything


async def test_files_that_were_swapped_are_refused(folder: Path, key: Secret[bytes]) -> None:
    provider = await FileProvider.open(folder, key=key)
    one = await provider.generate(KeySpec.AES256, Purpose.SEAL)
    two = await provider.generate(KeySpec.AES256, Purpose.SEAL)
    sealed = await provider.encrypt(one, b"x", b"")
    (folder / f"{one.name}.key").replace(folder / f"{two.name}.key")
    again = await FileProvider.open(folder, key=key)

    with pytest.raises(CannotOpen):
        await again.decrypt(two, sealed, b"")
    with pytest.raises(CannotOpen):
        await again.sign(KeyRef("file", two.name, KeySpec.HMAC256), Algorithm.HS256, b"")
    with pytest.raises(UnknownKey):
        await again.decrypt(one, sealed, b"")


@pytest.mark.parametrize("name", ["", "../about", "a" * 31, "/" * 32, "aboutjson", "é" * 32])
async def test_a_reference_cannot_leave_the_folder(
    folder: Path, key: Secret[bytes], name: str
) -> None:
    provider = await FileProvider.open(folder, key=key)

    with pytest.raises(UnknownKey):
        await provider.public_key(KeyRef("file", name, KeySpec.P256))


async def test_a_destroyed_key_is_gone_from_disk_and_memory(
    folder: Path, key: Secret[bytes]
) -> None:
    provider = await FileProvider.open(folder, key=key)
    ref = await provider.generate(KeySpec.AES256, Purpose.SEAL)
    sealed = await provider.encrypt(ref, b"x", b"")

    await provider.destroy(ref)
    await provider.destroy(ref)

    with pytest.raises(UnknownKey):
        await provider.decrypt(ref, sealed, b"")
    assert not key_files(folder)


async def test_only_the_right_key_or_passphrase_opens_the_folder(folder: Path) -> None:
    right = Secret("correct horse battery staple")
    provider = await FileProvider.open(folder, passphrase=right)
    ref = await provider.generate(KeySpec.HMAC256, Purpose.MAC)
    value = await provider.sign(ref, Algorithm.HS256, b"m")

    again = await FileProvider.open(folder, passphrase=right)

    assert await again.sign(ref, Algorithm.HS256, b"m") == value
    for key, passphrase in (
        (None, Secret("correct horse battery stable")),
        (None, Secret("")),
        (Secret(os.urandom(32)), None),
        (None, None),
        (Secret(os.urandom(32)), right),
    ):
        with pytest.raises(KeyStoreUnusable):
            await FileProvider.open(folder, key=key, passphrase=passphrase)


async def test_a_lost_description_is_never_replaced_by_a_new_one(
    folder: Path, key: Secret[bytes]
) -> None:
    provider = await FileProvider.open(folder, key=key)
    await provider.generate(KeySpec.AES256, Purpose.SEAL)
    (folder / "about.json").unlink()

    with pytest.raises(KeyStoreUnusable, match="missing"):
        await FileProvider.open(folder, key=key)
    assert not (folder / "about.json").exists()


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"format": "2", "salt": "", "check": ""}'])
async def test_a_description_that_is_not_ours_is_refused(
    folder: Path, key: Secret[bytes], content: str
) -> None:
    await FileProvider.open(folder, key=key)
    (folder / "about.json").write_text(content)

    with pytest.raises(KeyStoreUnusable, match="understood"):
        await FileProvider.open(folder, key=key)


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620, 0o610])
async def test_wider_rights_are_refused(folder: Path, key: Secret[bytes], mode: int) -> None:
    provider = await FileProvider.open(folder, key=key)
    ref = await provider.generate(KeySpec.P256, Purpose.SIGN)
    (folder / f"{ref.name}.key").chmod(mode)
    again = await FileProvider.open(folder, key=key)

    with pytest.raises(KeyStoreUnusable) as refusal:
        await again.public_key(ref)

    assert str(folder) not in refusal.value.detail
    (folder / f"{ref.name}.key").chmod(0o600)
    assert await again.public_key(ref)
    widen(folder, mode)
    assert not (await again.health()).healthy
    with pytest.raises(KeyStoreUnusable):
        await FileProvider.open(folder, key=key)


async def test_a_crash_while_writing_leaves_the_old_world(
    folder: Path, key: Secret[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = await FileProvider.open(folder, key=key)
    before = names(folder)

    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", fail)
        with pytest.raises(OSError, match="No space"):
            await provider.generate(KeySpec.P256, Purpose.SIGN)
    assert names(folder) == before
    assert await provider.generate(KeySpec.P256, Purpose.SIGN)


async def test_many_tasks_may_use_one_provider(folder: Path, key: Secret[bytes]) -> None:
    provider = await FileProvider.open(folder, key=key)
    refs = [await provider.generate(spec, Purpose.SIGN) for spec in SIGNING]
    again = await FileProvider.open(folder, key=key)

    async def round_trip(ref: KeyRef, message: bytes) -> bool:
        algorithm = ALGORITHM_OF[ref.spec]
        signature = await again.sign(ref, algorithm, message)
        return await provider.verify(ref, algorithm, message, signature)

    answers = await asyncio.gather(
        *(round_trip(ref, bytes([turn])) for ref in refs for turn in range(10))
    )

    assert answers == [True] * 10 * len(refs)


def test_a_key_file_is_made_once_and_read_back(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "installation.key"

    made = create_key_file(path)

    assert len(made.reveal()) == 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert load_key_file(path).reveal() == made.reveal()
    with pytest.raises(KeyFileExists):
        create_key_file(path)
    assert load_key_file(path).reveal() == made.reveal()
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_key_file_of_another_size_is_refused(tmp_path: Path, size: int) -> None:
    path = tmp_path / "installation.key"
    path.touch(mode=0o600)
    path.write_bytes(bytes(size))

    with pytest.raises(KeyStoreUnusable, match="32 bytes"):
        load_key_file(path)


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o606, 0o660])
def test_a_key_file_that_others_may_touch_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "installation.key"
    create_key_file(path)
    path.chmod(mode)

    with pytest.raises(KeyStoreUnusable, match="chmod"):
        load_key_file(path)


def test_a_key_file_is_neither_a_link_nor_a_folder_nor_a_pipe(tmp_path: Path) -> None:
    path = tmp_path / "installation.key"
    create_key_file(path)
    link, pipe = tmp_path / "link.key", tmp_path / "pipe.key"
    link.symlink_to(path)
    os.mkfifo(pipe, 0o600)

    for wrong in (link, pipe, tmp_path, tmp_path / "missing.key"):
        with pytest.raises(KeyStoreUnusable):
            load_key_file(wrong)
