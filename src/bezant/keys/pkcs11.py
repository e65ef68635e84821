"""The `pkcs11` provider: keys made in a token (SoftHSM, or any PKCS#11 HSM) that never leave it.

An object carries the logical key's name as its label, in every version, and an ID of its own. Kinds
of key the token cannot do, today the post-quantum ones, are made here and lie in files, sealed by
an AES key of the token (`seeds.py`); the provider says so where it attests.
"""

import asyncio
import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final, Literal, TypeVar

from pkcs11 import NoSuchKey

from bezant.keys import algorithms, objects
from bezant.keys.keyfile import alone_in
from bezant.keys.library import close_library, open_library
from bezant.keys.objects import Kind
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
from bezant.keys.seeds import Seeds
from bezant.keys.token import Lent, Note, Token
from bezant.keys.wrapping import Wrapping, match
from bezant.secret import Secret

SESSIONS_MAX: Final = 8
"""Threads that work in the token at once. A network HSM answers several callers in parallel."""
ID_BYTES: Final = 16
SEALING_LABEL: Final = "bezant-seed-sealing"
FIRST_IDS: Final[Mapping[str, str]] = {
    "payment-signing-key": "01",
    "payment-encryption-key": "02",
}
"""The first versions of these keys have the IDs that operators know them by."""

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class TokenPlace:
    """Which token, and how it is opened."""

    module: str
    """The path of the PKCS#11 library."""
    label: str
    pin: Secret[str] = field(repr=False)
    serial: str = ""
    """Needed where two tokens have one label."""
    certificate: str = "none"
    """A certificate of the module that the operator entered; we have not checked it."""


def _nothing(_token: str, _outcome: str) -> None:
    """Tell nobody of logins."""


class Pkcs11Provider(Wrapping):
    """Keys in a token. It is used by this process only; a forked one begins anew."""

    def __init__(
        self,
        place: TokenPlace,
        folder: Path,
        note: Note = _nothing,
        chance: Callable[[int], bytes] = os.urandom,
        sessions_max: int = SESSIONS_MAX,
    ) -> None:
        self.name: Final = "pkcs11"
        self.assurance: Literal["softhsm", "pkcs11"] = "pkcs11"
        self.specs: frozenset[KeySpec] = frozenset()
        self._place = place
        self._folder = folder
        self._note = note
        self._chance = chance
        self._sessions_max = sessions_max
        self._had_keys = False
        self._begin()

    def _begin(self) -> None:
        self._closed = False
        self._process = os.getpid()
        self._threads = ThreadPoolExecutor(self._sessions_max, thread_name_prefix="hsm")
        place = self._place
        library = open_library(place.module)
        self._library = library
        self._token = Token(
            library, place.label, place.serial, place.pin, self._sessions_max, self._note
        )
        self._seeds = Seeds(self._folder, self._seal_seed, self._open_seed, self._chance)

    @classmethod
    async def open(
        cls,
        place: TokenPlace,
        folder: Path,
        note: Note = _nothing,
        chance: Callable[[int], bytes] = os.urandom,
        sessions_max: int = SESSIONS_MAX,
    ) -> "Pkcs11Provider":
        """Log in to the token. A PIN that it refuses is tried once."""
        provider = cls(place, folder, note, chance, sessions_max)
        try:
            specs = await provider._run(objects.supported)
        except BaseException:
            await provider.close()
            raise
        if KeySpec.AES256 in specs:  # It can seal what it cannot do.
            specs |= algorithms.supported() & objects.SEALED
        provider.specs = specs
        if "softhsm" in provider._token.about()[2].lower():
            provider.assurance = "softhsm"
        return provider

    async def close(self) -> None:
        """Log out."""
        if os.getpid() == self._process and not self._closed:
            self._closed = True
            self._threads.shutdown(wait=False)
            await asyncio.to_thread(self._end)

    async def generate(
        self, spec: KeySpec, purpose: Purpose, name: str = "", version: int = 1
    ) -> KeyRef:
        """Make a key; the first version may be one that the operator made under a known ID."""
        del purpose  # A kind of key has one algorithm, which says what it may do.
        if spec not in self.specs:
            raise UnsupportedKey(f"this token cannot do {spec}")
        if spec in objects.SEALED:
            ref = KeyRef(self.name, self._chance(ID_BYTES).hex(), spec)
            await self._seeds.make(ref)
            return ref
        kind = objects.KINDS[spec]
        first = FIRST_IDS.get(name, "") if version == 1 else ""
        return await self._run(lambda lent: self._made(lent, kind, name, first), making=True)

    async def public_key(self, ref: KeyRef) -> bytes | None:
        """Return the public half; None for a symmetric key."""
        if ref.spec in objects.SEALED:
            return (await self._seeds.load(ref))[1]
        kind, label, ident = _told(ref)
        if not kind.paired:
            return None
        return await self._run(lambda lent: objects.public_key(lent, kind, label, ident))

    async def sign(self, ref: KeyRef, algorithm: Algorithm, message: bytes) -> bytes:
        """Sign inside the token."""
        match(ref, algorithm)
        if ref.spec in objects.SEALED:
            private = (await self._seeds.load(ref))[0]
            return await asyncio.to_thread(algorithms.sign, algorithm, private, message)
        kind, label, ident = _told(ref)
        return await self._run(lambda lent: objects.sign(lent, kind, label, ident, message))

    async def verify(
        self, ref: KeyRef, algorithm: Algorithm, message: bytes, signature: bytes
    ) -> bool:
        """Verify by the public half, here; a keyed hash is made again and compared."""
        match(ref, algorithm)
        public_key = await self.public_key(ref)
        if public_key is None:
            return Secret(await self.sign(ref, algorithm, message)).equals(signature)
        return algorithms.verify(algorithm, public_key, message, signature)

    async def encrypt(self, ref: KeyRef, plaintext: bytes, bound_to: bytes) -> Encrypted:
        """Encrypt inside the token; to the hybrid KEM, here."""
        match(ref, Algorithm.A256GCM, Algorithm.HPKE)
        if ref.spec in objects.SEALED:
            private = (await self._seeds.load(ref))[0]
            return algorithms.encrypt(private, plaintext, bound_to, self._chance)
        _, label, ident = _told(ref)
        iv = self._chance(algorithms.IV_BYTES)
        ciphertext = await self._run(
            lambda lent: objects.encrypt(lent, label, ident, iv, plaintext, bound_to)
        )
        return Encrypted(Algorithm.A256GCM, iv, ciphertext)

    async def decrypt(self, ref: KeyRef, encrypted: Encrypted, bound_to: bytes) -> bytes:
        """Decrypt, or raise `CannotOpen`."""
        match(ref, Algorithm.A256GCM, Algorithm.HPKE)
        if ref.spec in objects.SEALED:
            return algorithms.decrypt((await self._seeds.load(ref))[0], encrypted, bound_to)
        _, label, ident = _told(ref)
        return await self._run(
            lambda lent: objects.decrypt(lent, label, ident, encrypted, bound_to)
        )

    async def destroy(self, ref: KeyRef) -> None:
        """Erase the objects of a key, or the file of a sealed one."""
        if ref.spec in objects.SEALED:
            await self._seeds.destroy(ref)
            return
        _, label, ident = _told(ref)
        await self._run(lambda lent: objects.destroy(lent, label, ident), making=True)
        self._had_keys = False  # It may have been the last.

    async def attest(self, ref: KeyRef) -> Attestation:
        """Tell what the token says of a key; of a sealed one, that it was made outside."""
        told = (await self.health()).module
        if ref.spec in objects.SEALED:
            await self._seeds.load(ref)
            return Attestation(False, True, f"sealed by {told}", self._place.certificate)
        kind, label, ident = _told(ref)
        local, kept = await self._run(lambda lent: objects.attested(lent, kind, label, ident))
        return Attestation(local, not kept, told, self._place.certificate)

    async def health(self) -> ProviderHealth:
        """Ask the token for its keys."""
        try:
            keys = await self._run(self._counted) + await self._seeds.count()
        except KeyStoreUnusable as failure:
            module = f"token {self._place.label} of {self._place.module}"
            return ProviderHealth(
                self.name, False, module, self._place.certificate, 0, failure.detail
            )
        label, serial, maker = self._token.about()
        module = f"{maker}, token {label} ({serial}) of {self._place.module}"
        return ProviderHealth(self.name, True, module, self._place.certificate, keys)

    async def _run(self, work: Callable[[Lent], Answer], *, making: bool = False) -> Answer:
        """Do something with a session of the token, in a thread; perhaps make or erase a key."""
        if os.getpid() != self._process:
            # Forked. Sessions and threads are the other process's: nobody else may use them.
            self._begin()
        loop = asyncio.get_running_loop()
        run = partial(self._token.run, work, making=making)
        return await loop.run_in_executor(self._threads, run)

    def _end(self) -> None:
        self._token.close()
        close_library(self._place.module)

    def _counted(self, lent: Lent) -> int:
        """Count the keys. A token that is taken out of a SoftHSM just seems to be empty."""
        found = objects.count(lent)
        if not found and self._had_keys:
            raise NoSuchKey
        self._had_keys = found > 0
        return found

    def _made(self, lent: Lent, kind: Kind, label: str, first: str) -> KeyRef:
        ident = bytes.fromhex(first) or self._chance(ID_BYTES)
        with alone_in(self._folder):  # Two processes at once would make two keys with one ID.
            if not first or not objects.is_there(lent, kind, label, ident):
                objects.make(lent, kind, label, ident)
        self._had_keys = True
        return KeyRef(self.name, f"{label}:{ident.hex()}", kind.spec)

    async def _seal_seed(self, material: bytes, bound_to: bytes) -> bytes:
        ref = await self._sealing_ref()
        return await self.wrap(ref, Secret(material), bound_to)

    async def _open_seed(self, sealed: bytes, bound_to: bytes) -> bytes:
        return (await self.unwrap(await self._sealing_ref(), sealed, bound_to)).reveal()

    async def _sealing_ref(self) -> KeyRef:
        """Return the token's key that seals seeds, made on first use."""
        kind = objects.KINDS[KeySpec.AES256]
        return await self._run(
            lambda lent: self._made(lent, kind, SEALING_LABEL, "01"), making=True
        )


def _told(ref: KeyRef) -> tuple[Kind, str, bytes]:
    label, colon, ident = ref.name.rpartition(":")
    if not colon or ref.spec not in objects.KINDS:
        raise UnknownKey
    return objects.KINDS[ref.spec], label, bytes.fromhex(ident)
