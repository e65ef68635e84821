"""Sealing with one version, wherever it lies: with a provider, or here, wrapped by another key."""

import os
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Final

from bezant.keys import algorithms
from bezant.keys.gathering import Accesses
from bezant.keys.port import (
    ALGORITHM_OF,
    Algorithm,
    CannotOpen,
    KeyState,
    KeyStoreUnusable,
    Purpose,
    Sealed,
    Use,
)
from bezant.keys.provider import Encrypted, KeyProvider, KeyRef
from bezant.keys.registry import Registry
from bezant.keys.store.version import VersionRow
from bezant.secret import Secret

ENVELOPE_VERSION: Final = 1
UNWRAPPED_MAX: Final = 1_024  # Data keys kept unwrapped in memory; the least used one goes first.


class Envelopes:
    """Seals and opens with a given version."""

    def __init__(
        self,
        providers: Mapping[str, KeyProvider],
        registry: Registry,
        accesses: Accesses,
        chance: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._providers = providers
        self._registry = registry
        self._accesses = accesses
        self._chance = chance
        self._unwrapped: OrderedDict[str, Secret[bytes]] = OrderedDict()
        self._forgotten = 0

    def is_configured(self, row: VersionRow) -> bool:
        """Tell whether the provider that holds a version is here."""
        return row.provider in self._providers

    def provider(self, row: VersionRow) -> KeyProvider:
        """Return the provider that holds a version."""
        provider = self._providers.get(row.provider or "")
        if provider is None:
            raise KeyStoreUnusable(f"{row.kid} lies with {row.provider}, which is not configured")
        return provider

    async def seal(self, row: VersionRow, plaintext: bytes, bound_to: bytes) -> Sealed:
        """Encrypt with this version; its kid and algorithm are bound too."""
        bound = _bound(row.kid, ALGORITHM_OF[row.spec], bound_to)
        if row.wrapped_by is None:
            made = await self.provider(row).encrypt(ref_of(row), plaintext, bound)
        else:
            key = await self._data_key(row)
            made = algorithms.encrypt(key.reveal(), plaintext, bound, self._chance)
        return Sealed(ENVELOPE_VERSION, row.kid, made.algorithm, made.iv, made.ciphertext)

    async def open(self, sealed: Sealed, bound_to: bytes) -> bytes:
        """Decrypt with the version that sealed, if it may still do so."""
        row = await self._registry.find(sealed.kid)
        if row is None or row.state in (KeyState.DESTROYED, KeyState.PENDING):
            raise CannotOpen
        if row.purpose is not Purpose.SEAL:  # A kid is the sender's word, not ours.
            raise CannotOpen
        if sealed.version != ENVELOPE_VERSION or sealed.algorithm is not ALGORITHM_OF[row.spec]:
            raise CannotOpen
        encrypted = Encrypted(sealed.algorithm, sealed.iv, sealed.ciphertext)
        bound = _bound(row.kid, sealed.algorithm, bound_to)
        if row.wrapped_by is None:
            return await self.provider(row).decrypt(ref_of(row), encrypted, bound)
        key = await self._data_key(row)
        return algorithms.decrypt(key.reveal(), encrypted, bound)

    def seal_under(self, kid: str, key: Secret[bytes], plaintext: bytes, bound_to: bytes) -> Sealed:
        """Encrypt with a data key that is at hand."""
        bound = _bound(kid, Algorithm.A256GCM, bound_to)
        made = algorithms.encrypt(key.reveal(), plaintext, bound, self._chance)
        return Sealed(ENVELOPE_VERSION, kid, made.algorithm, made.iv, made.ciphertext)

    def open_under(self, key: Secret[bytes], sealed: Sealed, bound_to: bytes) -> bytes:
        """Decrypt with a data key that is at hand."""
        if sealed.version != ENVELOPE_VERSION or sealed.algorithm is not Algorithm.A256GCM:
            raise CannotOpen
        encrypted = Encrypted(sealed.algorithm, sealed.iv, sealed.ciphertext)
        bound = _bound(sealed.kid, sealed.algorithm, bound_to)
        return algorithms.decrypt(key.reveal(), encrypted, bound)

    async def wrap(self, under: VersionRow, what: str, key: Secret[bytes]) -> bytes:
        """Wrap a data key as this, and for nothing else: its kid, and whose it is."""
        return await self.provider(under).wrap(ref_of(under), key, _wrapped_as(what))

    async def unwrap(self, row: VersionRow) -> Secret[bytes]:
        """Unwrap the data key of a version."""
        return await self.unwrap_as(row.kid, row.wrapped_by, row.wrapped_key)

    async def unwrap_as(
        self, what: str, wrapped_by: str | None, wrapped_key: bytes | None
    ) -> Secret[bytes]:
        """Unwrap a data key that was wrapped as this."""
        above = await self._registry.find(wrapped_by or "")
        if above is None or wrapped_key is None or above.state is KeyState.DESTROYED:
            raise CannotOpen
        with self._accesses.using(Use.UNWRAP, above.kid):
            return await self.provider(above).unwrap(ref_of(above), wrapped_key, _wrapped_as(what))

    def forget(self, kid: str) -> None:
        """Drop a data key from memory."""
        self._forgotten += 1
        self._unwrapped.pop(kid, None)

    async def _data_key(self, row: VersionRow) -> Secret[bytes]:
        key = self._unwrapped.get(row.kid)
        if key is not None:
            self._unwrapped.move_to_end(row.kid)
            return key
        forgotten = self._forgotten
        key = await self.unwrap(row)
        if forgotten == self._forgotten:  # Else it may have been destroyed meanwhile.
            self._unwrapped[row.kid] = key
            if len(self._unwrapped) > UNWRAPPED_MAX:
                self._unwrapped.popitem(last=False)
        return key


def ref_of(row: VersionRow) -> KeyRef:
    """Return the provider's reference of a version."""
    assert row.provider is not None
    assert row.provider_ref is not None
    return KeyRef(row.provider, row.provider_ref, row.spec)


def _bound(kid: str, algorithm: Algorithm, bound_to: bytes) -> bytes:
    """Put the envelope's head before the caller's bytes; each field of it is told by its length."""
    return Sealed(ENVELOPE_VERSION, kid, algorithm, b"", bound_to).to_bytes()


def _wrapped_as(what: str) -> bytes:
    return f"bezant data key {what}".encode()
