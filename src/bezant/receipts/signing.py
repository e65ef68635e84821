"""Signs receipts: JWS in its general form (RFC 7515), of which every signature counts.

Which signatures there must be stands inside what is signed, by algorithm and key. So a key is
chosen before it signs; should it be rotated in between, the receipt is signed anew.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import msgspec

from bezant.errors import Unavailable
from bezant.keys.port import (
    Algorithm,
    DeclareKey,
    Keys,
    KeySpec,
    KeyState,
    PublicKey,
    Purpose,
)
from bezant.receipts.receipt import Form
from bezant.receipts.rules import base64url
from bezant_verify import receipt as verifier
from bezant_verify.jws import Part, Signed

MODULE: Final = "receipts"
CLASSICAL: Final = "receipt-signing"
POST_QUANTUM: Final = "receipt-signing-post-quantum"
TRIES_MAX: Final = 5  # A key is rotated once in months: twice in a row is a key room in trouble.
_encode: Final = msgspec.json.Encoder(order="deterministic").encode


class KeysUnsettled(Unavailable):
    """The keys that sign receipts changed again and again."""

    code = "keys_unsettled"


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A logical key that signs receipts, and of what kind it is."""

    name: str
    spec: KeySpec


ORDINARY: Final = SigningKey(CLASSICAL, KeySpec.P256)
OF_THE_POC: Final = SigningKey("payment-signing-key", KeySpec.RSA3072)
"""The key that family 000 names: with an HSM it lies there."""
EVERY_KEY: Final = (ORDINARY.name, OF_THE_POC.name, POST_QUANTUM)
"""Receipts signed under another profile stay valid."""


@dataclass(frozen=True, slots=True)
class SignedReceipt:
    """A receipt as it was signed."""

    text: str
    digest: bytes
    form: Form


class ReceiptKeys:
    """The keys of receipts, by their names; they stay in the key room."""

    def __init__(self, keys: Keys, classical: SigningKey = ORDINARY) -> None:
        self._keys = keys
        self._names = {
            Form.COMPACT: (classical.name,),
            Form.FULL: (classical.name, POST_QUANTUM),
        }
        self._specs = {classical.name: classical.spec, POST_QUANTUM: KeySpec.MLDSA87}
        self._chosen: dict[str, PublicKey] = {}

    async def start(self) -> None:
        """Make the keys on first use."""
        for name, spec in self._specs.items():
            await self._keys.declare(DeclareKey(name, Purpose.SIGN, spec, by=MODULE))

    async def sign(self, claims: Mapping[str, object], form: Form) -> SignedReceipt:
        """Sign these claims in this form."""
        for _ in range(TRIES_MAX):
            chosen = [await self._active(name) for name in self._names[form]]
            demanded = [{"alg": one.algorithm.value, "kid": one.kid} for one in chosen]
            payload = base64url(_encode({**claims, "sigs": demanded}))
            parts = [
                await self._part(name, one, payload)
                for name, one in zip(self._names[form], chosen, strict=True)
            ]
            there = tuple(part for part in parts if part is not None)
            if len(there) == len(parts):
                return _written(Signed(payload, there), form)
        raise KeysUnsettled

    async def _part(self, name: str, key: PublicKey, payload: str) -> Part | None:
        protected = _protected(key.algorithm, key.kid)
        made = await self._keys.sign(name, f"{protected}.{payload}".encode())
        if made.kid != key.kid:
            self._chosen.pop(name, None)
            return None
        return Part(protected, base64url(made.value))

    async def _active(self, name: str) -> PublicKey:
        known = self._chosen.get(name)
        if known is None:
            found = await self._keys.public_keys(name)
            known = next((one for one in found if one.state is KeyState.ACTIVE), None)
            if known is None:
                raise KeysUnsettled
            self._chosen[name] = known
        return known


@lru_cache
def _protected(algorithm: Algorithm, kid: str) -> str:
    return base64url(_encode({"alg": algorithm.value, "kid": kid, "typ": verifier.TYP}))


def _written(signed: Signed, form: Form) -> SignedReceipt:
    rows = [{"protected": one.protected, "signature": one.signature} for one in signed.parts]
    text = _encode({"payload": signed.payload, "signatures": rows}).decode()
    return SignedReceipt(text, bytes.fromhex(verifier.digest(signed)), form)
