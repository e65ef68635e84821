"""What providers know saved ways to pay by, numbers of bank accounts among it: sealed where it
lies, and opened only where it is sent. Nobody is shown it again.
"""

from collections.abc import Mapping
from typing import Final
from uuid import UUID

import msgspec

from bezant.keys.port import DeclareKey, Keys, KeySpec, Purpose, Sealed
from bezant.payments.store import customer as stored

SEALING_KEY: Final = "saved-methods"
"""The logical key under which they are sealed."""
_encode: Final = msgspec.json.Encoder(order="deterministic").encode
_decode: Final = msgspec.json.Decoder(dict[str, str]).decode


class Safe:
    """Seals and opens what is kept of saved ways to pay."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    async def start(self) -> None:
        """Make the key under which it is sealed, on first use."""
        await self._keys.declare(
            DeclareKey(SEALING_KEY, Purpose.SEAL, KeySpec.AES256, by="payments", wrapped=True)
        )

    async def sealed(self, method: UUID, facts: Mapping[str, str]) -> bytes | None:
        """Return facts as they are stored; nothing if there are none."""
        if not facts:
            return None
        plain = _encode(dict(facts))
        return (await self._keys.seal(SEALING_KEY, plain, _bound_to(method))).to_bytes()

    async def facts(self, row: stored.MethodRow) -> Mapping[str, str]:
        """Return what a provider knows a saved way to pay by."""
        if row.sealed is None:
            return row.unsealed_facts
        plain = await self._keys.open(Sealed.from_bytes(row.sealed), _bound_to(row.id))
        return _decode(plain)


def _bound_to(method: UUID) -> bytes:
    """Return what sealed facts are bound to: moved to another row, they do not open."""
    return b"saved method " + method.bytes
