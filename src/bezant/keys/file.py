"""The `file` provider: a private folder with one encrypted file a key. Needs nothing but pip.

The folder is opened with the installation's key file or with a passphrase (Argon2id, RFC 9106).
Each file is a key under AES-256-GCM, bound to its name and kind, so files cannot be swapped. Honest
label: software. Keys are decrypted into this process's memory to be used.
"""

import asyncio
import json
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal, cast

from argon2.low_level import Type, hash_secret_raw
from cryptography.hazmat.backends.openssl.backend import backend
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from bezant.keys import algorithms
from bezant.keys.keyfile import (
    KEY_FILE_BYTES,
    read_private,
    refuse_wide,
    sync_folder,
    write_private,
)
from bezant.keys.port import (
    Algorithm,
    KeySpec,
    KeyStoreUnusable,
    ProviderHealth,
    Purpose,
    UnknownKey,
    UnsupportedKey,
)
from bezant.keys.provider import Attestation, Encrypted, KeyRef
from bezant.keys.wrapping import Wrapping, match
from bezant.secret import Secret

ABOUT: Final = "about.json"
FORMAT: Final = 1
NAME_BYTES: Final = 16
SALT_BYTES: Final = 16
# RFC 9106, second recommended option: 3 passes over 64 MiB with 4 lanes.
ARGON2_PASSES: Final = 3
ARGON2_KIBIBYTES: Final = 64 * 1024
ARGON2_LANES: Final = 4


class FileProvider(Wrapping):
    """Keys in a folder that only its owner may enter."""

    def __init__(
        self, folder: Path, master: Secret[bytes], chance: Callable[[int], bytes], name: str
    ) -> None:
        self.name: Final = name
        self.assurance: Final[Literal["software"]] = "software"
        self.specs: Final = algorithms.supported()
        self._folder = folder
        self._storage = _derive(master, b"bezant keys: storage")
        self._chance = chance
        self._loaded: dict[str, tuple[algorithms.Private, bytes | None]] = {}
        self._destroyed = 0

    @classmethod
    async def open(
        cls,
        folder: Path,
        *,
        key: Secret[bytes] | None = None,
        passphrase: Secret[str] | None = None,
        chance: Callable[[int], bytes] = os.urandom,
        name: str = "file",
    ) -> "FileProvider":
        """Open the folder with the key file's key or a passphrase, making it on first use."""
        if (key is None) == (passphrase is None):
            raise KeyStoreUnusable("keys are opened by a key file or by a passphrase: name one")
        master = await asyncio.to_thread(_unlock, folder, key, passphrase, chance)
        return cls(folder, master, chance, name)

    async def generate(
        self, spec: KeySpec, purpose: Purpose, name: str = "", version: int = 1
    ) -> KeyRef:
        """Make a key; it is durable when this returns."""
        del purpose, name, version  # A file serves any purpose and needs no label.
        if spec not in self.specs:
            raise UnsupportedKey(f"the OpenSSL here cannot do {spec}")
        ref = KeyRef(self.name, self._chance(NAME_BYTES).hex(), spec)
        material = await asyncio.to_thread(algorithms.generate, spec, self._chance)
        await asyncio.to_thread(self._write, ref, material)
        self._loaded[ref.name] = algorithms.load(spec, material)
        return ref

    async def public_key(self, ref: KeyRef) -> bytes | None:
        """Return the public half; None for a symmetric key."""
        return (await self._load(ref))[1]

    async def sign(self, ref: KeyRef, algorithm: Algorithm, message: bytes) -> bytes:
        """Sign; slow kinds do so in a thread, so that the event loop goes on."""
        match(ref, algorithm)
        private = (await self._load(ref))[0]
        if ref.spec in algorithms.SLOW:
            return await asyncio.to_thread(algorithms.sign, algorithm, private, message)
        return algorithms.sign(algorithm, private, message)

    async def verify(
        self, ref: KeyRef, algorithm: Algorithm, message: bytes, signature: bytes
    ) -> bool:
        """Verify; an HS256 value is compared in constant time."""
        match(ref, algorithm)
        private, public_key = await self._load(ref)
        if public_key is None:
            return Secret(algorithms.sign(algorithm, private, message)).equals(signature)
        return algorithms.verify(algorithm, public_key, message, signature)

    async def encrypt(self, ref: KeyRef, plaintext: bytes, bound_to: bytes) -> Encrypted:
        """Encrypt with AES-256-GCM, or to the hybrid KEM."""
        match(ref, Algorithm.A256GCM, Algorithm.HPKE)
        return algorithms.encrypt((await self._load(ref))[0], plaintext, bound_to, self._chance)

    async def decrypt(self, ref: KeyRef, encrypted: Encrypted, bound_to: bytes) -> bytes:
        """Decrypt, or raise `CannotOpen`."""
        match(ref, Algorithm.A256GCM, Algorithm.HPKE)
        return algorithms.decrypt((await self._load(ref))[0], encrypted, bound_to)

    async def destroy(self, ref: KeyRef) -> None:
        """Erase the file. Copies in backups stay unreadable while the key file is safe."""
        await asyncio.to_thread(self._erase, ref)
        # Only now: whoever read the file meanwhile has put it here, or will see the count.
        self._loaded.pop(ref.name, None)
        self._destroyed += 1

    async def attest(self, ref: KeyRef) -> Attestation:
        """Say the truth about files: software made them, and their bytes can be taken out."""
        await self._load(ref)
        return Attestation(made_here=True, extractable=True, module=_module(), certificate="none")

    async def health(self) -> ProviderHealth:
        """Look at the folder as it is now."""
        try:
            keys = await asyncio.to_thread(self._count)
        except KeyStoreUnusable as failure:
            return ProviderHealth(self.name, False, _module(), "none", 0, failure.detail)
        return ProviderHealth(self.name, True, _module(), "none", keys)

    async def _load(self, ref: KeyRef) -> tuple[algorithms.Private, bytes | None]:
        loaded = self._loaded.get(ref.name)
        if loaded is None:
            destroyed = self._destroyed
            loaded = await asyncio.to_thread(self._read, ref)
            if destroyed == self._destroyed:
                self._loaded[ref.name] = loaded
        return loaded

    def _write(self, ref: KeyRef, material: bytes) -> None:
        sealed = algorithms.encrypt(self._storage, material, _about(ref), self._chance)
        write_private(self._path(ref), sealed.iv + sealed.ciphertext, replace=False)

    def _read(self, ref: KeyRef) -> tuple[algorithms.Private, bytes | None]:
        path = self._path(ref)
        if not path.exists():
            raise UnknownKey
        stored = self._stored(path)
        iv, ciphertext = stored[: algorithms.IV_BYTES], stored[algorithms.IV_BYTES :]
        encrypted = Encrypted(Algorithm.A256GCM, iv, ciphertext)
        return algorithms.load(ref.spec, algorithms.decrypt(self._storage, encrypted, _about(ref)))

    def _stored(self, path: Path) -> bytes:
        try:
            _check_folder(self._folder)
            return read_private(path)
        except KeyStoreUnusable as failure:
            # The reason names paths, which are for the operator, not for whoever asked.
            raise KeyStoreUnusable("keys cannot be read; bezant doctor says why") from failure

    def _erase(self, ref: KeyRef) -> None:
        self._path(ref).unlink(missing_ok=True)
        sync_folder(self._folder)

    def _count(self) -> int:
        _check_folder(self._folder)
        read_private(self._folder / ABOUT)
        return sum(1 for _ in self._folder.glob("*.key"))

    def _path(self, ref: KeyRef) -> Path:
        if ref.provider != self.name or len(ref.name) != 2 * NAME_BYTES or not ref.name.isalnum():
            raise UnknownKey
        return self._folder / f"{ref.name}.key"


def _about(ref: KeyRef) -> bytes:
    return f"bezant key {FORMAT} {ref.name} {ref.spec}".encode()


def _module() -> str:
    return f"{backend.openssl_version_text()} through pyca/cryptography"


def _derive(master: Secret[bytes], info: bytes) -> bytes:
    return HKDF(hashes.SHA256(), KEY_FILE_BYTES, salt=None, info=info).derive(master.reveal())


def _unlock(
    folder: Path,
    key: Secret[bytes] | None,
    passphrase: Secret[str] | None,
    chance: Callable[[int], bytes],
) -> Secret[bytes]:
    """Return the master key after checking that it is this folder's."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _check_folder(folder)
    path = folder / ABOUT
    about = _read_about(path) if path.exists() else {}
    if not about and any(folder.glob("*.key")):
        raise KeyStoreUnusable(f"{path} is missing: the keys beside it cannot be opened without it")
    salt = bytes.fromhex(about["salt"]) if about else chance(SALT_BYTES)
    master = key or _stretch(passphrase, salt)
    # Anyone who can read this check can also read the key files, so it gives nothing away.
    check = _derive(master, b"bezant keys: check").hex()
    if not about:
        about = {"format": str(FORMAT), "salt": salt.hex(), "check": check}
        write_private(path, json.dumps(about, indent=2).encode(), replace=False)
    if not Secret(about["check"]).equals(check):
        raise KeyStoreUnusable("this key file or passphrase belongs to another installation")
    return master


def _stretch(passphrase: Secret[str] | None, salt: bytes) -> Secret[bytes]:
    assert passphrase is not None
    return Secret(
        hash_secret_raw(
            passphrase.reveal().encode(),
            salt,
            time_cost=ARGON2_PASSES,
            memory_cost=ARGON2_KIBIBYTES,
            parallelism=ARGON2_LANES,
            hash_len=KEY_FILE_BYTES,
            type=Type.ID,
        )
    )


def _read_about(path: Path) -> dict[str, str]:
    try:
        about = cast("dict[str, str]", json.loads(read_private(path)))
        bytes.fromhex(about["salt"] + about["check"])
        readable = about["format"] == str(FORMAT)
    except (ValueError, KeyError, TypeError):
        readable, about = False, {}
    if not readable:
        raise KeyStoreUnusable(f"{path} cannot be understood: written by another version?")
    return about


def _check_folder(folder: Path) -> None:
    refuse_wide(folder, folder.stat(), stat.S_ISDIR)
