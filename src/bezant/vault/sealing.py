"""Data keys: each tenant, mode and month has its own, and the number of a card is sealed under it.

The key room seals data keys and is never shown a card number: what would be sent to it, far or
near, would be in its memory. A data key is 32 bytes of chance, made here, sealed by the key room's
`payment-encryption-key`, and kept open in memory while it is used. Fingerprints have a key of
their own, which stays the same for ever, or one card would have two.
"""

import hmac
import os
from collections import OrderedDict
from collections.abc import Callable
from typing import Final
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bezant.actor import Mode
from bezant.clock import Clock
from bezant.db.database import Database
from bezant.keys.port import CannotOpen, DeclareKey, Keys, KeySpec, Purpose, Sealed
from bezant.secret import Secret
from bezant.vault import store
from bezant.vault.store import DataKeyRow

SEALING_KEY: Final = "payment-encryption-key"
KEY_BYTES: Final = 32
IV_BYTES: Final = 12
FINGERPRINT_BYTES: Final = 16
OPEN_KEYS_MAX: Final = 4_096
FOR_EVER: Final = ""
"""The month of the key of fingerprints."""


class DataKeys:
    """Seals numbers, opens them, and takes their fingerprints."""

    def __init__(
        self,
        database: Database,
        keys: Keys,
        clock: Clock,
        chance: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._database = database
        self._keys = keys
        self._clock = clock
        self._chance = chance
        self._ids: dict[tuple[UUID, Mode, str], int] = {}
        self._open: OrderedDict[int, Secret[bytes]] = OrderedDict()

    async def start(self) -> None:
        """Make the key that seals data keys, on first use."""
        await self._keys.declare(DeclareKey(SEALING_KEY, Purpose.SEAL, KeySpec.AES256, by="vault"))

    async def seal(self, card: UUID, tenant: UUID, mode: Mode, number: str) -> tuple[int, bytes]:
        """Return which data key sealed a number, and the sealed number."""
        key_id, key = await self._of(tenant, mode, f"{self._clock.now():%Y-%m}")
        iv = self._chance(IV_BYTES)
        bound = _bound(card, tenant, mode)
        return key_id, iv + AESGCM(key.reveal()).encrypt(iv, number.encode(), bound)

    async def open(
        self, card: UUID, tenant: UUID, mode: Mode, key_id: int, sealed: bytes
    ) -> Secret[str]:
        """Return the number, or raise `CannotOpen`."""
        key = self._open.get(key_id) or await self._opened(key_id)
        try:
            number = AESGCM(key.reveal()).decrypt(
                sealed[:IV_BYTES], sealed[IV_BYTES:], _bound(card, tenant, mode)
            )
        except InvalidTag:
            raise CannotOpen from None
        return Secret(number.decode())

    async def fingerprint(self, tenant: UUID, mode: Mode, number: str) -> bytes:
        """Return the keyed hash by which a tenant knows a card again (PCI DSS 3.5.1.1)."""
        _, key = await self._of(tenant, mode, FOR_EVER)
        return hmac.digest(key.reveal(), number.encode(), "sha256")[:FINGERPRINT_BYTES]

    async def rewrap(self) -> int:
        """Seal data keys again that an older version of the key room's key sealed."""
        newest = (await self._keys.seal(SEALING_KEY, b"", b"")).kid
        async with self._database.transaction() as tx:
            rows = await store.data_keys_not_under(tx, newest)
        for row in rows:
            key = await self._keys.open(Sealed.from_bytes(row.sealed), _wrapped_for(row))
            sealed = await self._keys.seal(SEALING_KEY, key, _wrapped_for(row))
            async with self._database.transaction() as tx:
                await store.rewrap_data_key(tx, row.id, row.kid, sealed.to_bytes(), sealed.kid)
        return len(rows)

    async def _of(self, tenant: UUID, mode: Mode, month: str) -> tuple[int, Secret[bytes]]:
        """Return the key of a month, made on first use, with its number."""
        known = self._ids.get((tenant, mode, month))
        if known is None:
            known = await self._found_or_made(tenant, mode, month)
            if len(self._ids) >= OPEN_KEYS_MAX:
                self._ids.clear()
            self._ids[tenant, mode, month] = known
        return known, self._open.get(known) or await self._opened(known)

    async def _found_or_made(self, tenant: UUID, mode: Mode, month: str) -> int:
        async with self._database.transaction() as tx:
            found = await store.data_key_of(tx, tenant, mode, month)
        if found is not None:
            return found
        row = DataKeyRow(0, tenant, mode, month, "", b"")
        sealed = await self._keys.seal(SEALING_KEY, self._chance(KEY_BYTES), _wrapped_for(row))
        async with self._database.transaction() as tx:
            # Whoever else makes it at the same moment: one of the two keys is kept, for both.
            return await store.add_data_key(
                tx, tenant, mode, month, sealed.to_bytes(), sealed.kid, self._clock.now()
            )

    async def _opened(self, key_id: int) -> Secret[bytes]:
        async with self._database.transaction() as tx:
            row = await store.data_key(tx, key_id)
        if row is None:
            raise CannotOpen
        key = Secret(await self._keys.open(Sealed.from_bytes(row.sealed), _wrapped_for(row)))
        self._open[key_id] = key
        if len(self._open) > OPEN_KEYS_MAX:
            self._open.popitem(last=False)
        return key


def _bound(card: UUID, tenant: UUID, mode: Mode) -> bytes:
    """Bind a sealed number to its own row: moved to another one, it does not open."""
    return b"bezant card " + card.bytes + tenant.bytes + mode.value.encode()


def _wrapped_for(row: DataKeyRow) -> bytes:
    return b"bezant card key " + row.tenant.bytes + f"{row.mode} {row.month}".encode()
