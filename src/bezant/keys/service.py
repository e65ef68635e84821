"""The key room at work: every question is answered with the version that may answer it."""

import os
from collections.abc import Callable, Sequence
from typing import Final

from bezant.clock import Clock
from bezant.db.database import Database
from bezant.keys import algorithms, store
from bezant.keys.envelopes import Envelopes, ref_of
from bezant.keys.port import (
    ALGORITHM_OF,
    KEY_ENCRYPTION_KEY,
    BadSignature,
    DeclareKey,
    DestroyKey,
    KeySpec,
    KeysStatus,
    KeyState,
    KeyTransition,
    KeyVersion,
    Mac,
    PublicKey,
    Purpose,
    RotateKey,
    Sealed,
    Signature,
    UnknownKey,
    UnsupportedKey,
)
from bezant.keys.provider import KeyProvider
from bezant.keys.registry import Registry, told
from bezant.keys.rotation import Rotation
from bezant.keys.store import VersionRow

COMPARABLE: Final = frozenset({KeyState.ACTIVE, KeyState.VERIFY_ONLY})


class KeysService:
    """Implements `Keys`. The first provider makes new keys; others serve the keys they hold."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        providers: Sequence[KeyProvider],
        chance: Callable[[int], bytes] = os.urandom,
    ) -> None:
        by_name = {provider.name: provider for provider in providers}
        self._database = database
        self._providers = by_name
        self._registry = Registry(database, clock)
        self._envelopes = Envelopes(by_name, self._registry, chance)
        self._rotation = Rotation(database, clock, by_name, self._registry, self._envelopes, chance)

    async def start(self) -> None:
        """Make the key-encryption key on first use and finish what a crash interrupted."""
        await self.declare(DeclareKey(KEY_ENCRYPTION_KEY, Purpose.WRAP, KeySpec.AES256, by="keys"))
        await self._rotation.resume()

    async def declare(self, command: DeclareKey) -> KeyVersion:
        """Return the active version, making the key and its first version when there is none."""
        return told(await self._rotation.declare(command))

    async def sign(self, name: str, message: bytes) -> Signature:
        """Sign with the active version."""
        row = await self._active(name, Purpose.SIGN)
        value = await self._computed(row, message)
        return Signature(row.kid, ALGORITHM_OF[row.spec], value)

    async def verify(self, message: bytes, signature: Signature) -> None:
        """Return if the signature is the named version's, else raise `BadSignature`."""
        row = await self._registry.find(signature.kid)
        if row is None or row.purpose is not Purpose.SIGN or row.state is KeyState.PENDING:
            raise BadSignature
        # The algorithm is the key's own; what a signature says of itself must agree, not decide.
        if signature.algorithm is not ALGORITHM_OF[row.spec]:
            raise BadSignature
        assert row.public_key is not None
        if not algorithms.verify(signature.algorithm, row.public_key, message, signature.value):
            raise BadSignature

    async def macs(self, name: str, message: bytes) -> tuple[Mac, ...]:
        """Return the keyed hash under every version that may be compared with, active first."""
        active = await self._active(name, Purpose.MAC)
        others = [
            row
            for row in await self._registry.versions(name)
            if row.state in COMPARABLE and row.kid != active.kid
        ]
        return tuple(
            [Mac(row.kid, await self._computed(row, message)) for row in (active, *others)]
        )

    async def seal(self, name: str, plaintext: bytes, bound_to: bytes) -> Sealed:
        """Encrypt with the active version, bound to bytes that must be the same when opening."""
        return await self._envelopes.seal(
            await self._active(name, Purpose.SEAL), plaintext, bound_to
        )

    async def open(self, sealed: Sealed, bound_to: bytes) -> bytes:
        """Return what was sealed, whatever version sealed it, or raise `CannotOpen`."""
        return await self._envelopes.open(sealed, bound_to)

    async def public_keys(self, name: str) -> tuple[PublicKey, ...]:
        """Return every public key of this name, newest first."""
        return tuple(
            PublicKey(row.kid, row.spec, ALGORITHM_OF[row.spec], row.state, row.public_key)
            for row in await self._registry.versions(name)
            if row.public_key is not None
        )

    async def rotate(self, command: RotateKey) -> KeyVersion:
        """Make a new version active; the one before keeps verifying or decrypting."""
        return told(await self._rotation.rotate(command))

    async def destroy(self, command: DestroyKey) -> KeyVersion:
        """Erase a version that no longer does new work."""
        return told(await self._rotation.destroy(command))

    async def inventory(self) -> tuple[KeyVersion, ...]:
        """Return every version of every key, by name and version."""
        async with self._database.transaction() as tx:
            return tuple(told(row) for row in await store.all_versions(tx))

    async def history(self, name: str) -> tuple[KeyTransition, ...]:
        """Return what happened to the versions of a key, oldest first."""
        async with self._database.transaction() as tx:
            found = tuple(await store.transitions(tx, name))
        if not found:
            raise UnknownKey
        return found

    async def status(self) -> KeysStatus:
        """Return the room at a glance."""
        versions = await self.inventory()
        active = [row for row in versions if row.state is KeyState.ACTIVE]
        destroyed = [row for row in versions if row.state is KeyState.DESTROYED]
        return KeysStatus(
            providers=tuple([await provider.health() for provider in self._providers.values()]),
            active=len(active),
            retired=len(versions) - len(active) - len(destroyed),
            destroyed=len(destroyed),
            oldest_active_at=min((row.created_at for row in active), default=None),
        )

    async def _active(self, name: str, purpose: Purpose) -> VersionRow:
        row = await self._registry.active(name)
        if row.purpose is not purpose:
            raise UnsupportedKey(f"{name} is a key to {row.purpose} with")
        return row

    async def _computed(self, row: VersionRow, message: bytes) -> bytes:
        provider = self._envelopes.provider(row)
        return await provider.sign(ref_of(row), ALGORITHM_OF[row.spec], message)
