"""The log's two keys: Ed25519 for everybody's tools, ML-DSA-87 beside it for what is to come."""

import asyncio
from collections.abc import Sequence
from typing import Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, mldsa

from bezant.audit.published import ReceiptKey
from bezant.keys.port import DeclareKey, Keys, KeySpec, Purpose
from bezant_verify.note import ED25519, MLDSA87, Line, Note, VerifierKey

MODULE: Final = "audit"
CLASSICAL: Final = "audit-log"
POST_QUANTUM: Final = "audit-log-post-quantum"
NAMES: Final = (CLASSICAL, POST_QUANTUM)
_SPECS: Final = {CLASSICAL: KeySpec.ED25519, POST_QUANTUM: KeySpec.MLDSA87}


class LogKeys:
    """Signs under the log's name; the keys themselves stay in the key room."""

    def __init__(self, keys: Keys, origin: str, receipts: Sequence[str] = ()) -> None:
        """Name the keys that receipts are signed with as well: they are published beside these."""
        self._keys = keys
        self._origin = origin
        self._receipts = receipts
        self._known: dict[str, VerifierKey] = {}

    async def start(self) -> None:
        """Make the keys on first use."""
        for name in NAMES:
            await self._keys.declare(DeclareKey(name, Purpose.SIGN, _SPECS[name], by=MODULE))

    async def sign(self, text: str) -> Note:
        """Return the text with both signatures."""
        return Note(text, tuple(await asyncio.gather(*(self._line(name, text) for name in NAMES))))

    async def verifier_keys(self) -> tuple[VerifierKey, ...]:
        """Return every key the log ever signed with, newest first."""
        return tuple([key for name in NAMES for key in (await self._all(name)).values()])

    async def receipt_keys(self) -> tuple[ReceiptKey, ...]:
        """Return every key that ever signed receipts, newest first: they are checked for ever."""
        found = [one for name in self._receipts for one in await self._keys.public_keys(name)]
        return tuple(ReceiptKey(one.kid, one.algorithm.value, one.public_key) for one in found)

    async def _line(self, name: str, text: str) -> Line:
        made = await self._keys.sign(name, text.encode())
        if made.kid not in self._known:
            self._known |= await self._all(name)
        key = self._known[made.kid]
        return Line(key.name, key.id, made.value)

    async def _all(self, name: str) -> dict[str, VerifierKey]:
        found = await self._keys.public_keys(name)
        return {one.kid: _verifier_key(self._origin, one.public_key) for one in found}


def _verifier_key(origin: str, spki: bytes) -> VerifierKey:
    public = serialization.load_der_public_key(spki)
    match public:
        case ed25519.Ed25519PublicKey():
            return VerifierKey(origin, ED25519, public.public_bytes_raw())
        case mldsa.MLDSA87PublicKey():
            return VerifierKey(origin, MLDSA87, public.public_bytes_raw())
        case _:
            raise AssertionError("the log signs with Ed25519 and ML-DSA-87")
