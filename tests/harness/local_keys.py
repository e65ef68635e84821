"""A key room for one test process: it seals for real, under a key nobody keeps."""

import hashlib
import os
from typing import cast

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bezant.keys.port import Algorithm, CannotOpen, DeclareKey, Keys, Sealed

_KID = "local"
# The same in every process of one database: what one has sealed another one opens.
_SEALER = AESGCM(hashlib.sha256(b"a key of tests, and of nothing else").digest())


class LocalKeys:
    """Seals and opens, and does nothing else a key room does."""

    async def declare(self, command: DeclareKey) -> None:
        del command

    async def seal(self, name: str, plain: bytes, bound_to: bytes) -> Sealed:
        del name
        iv = os.urandom(12)
        return Sealed(1, _KID, Algorithm.A256GCM, iv, _SEALER.encrypt(iv, plain, bound_to))

    async def open(self, sealed: Sealed, bound_to: bytes) -> bytes:
        try:
            return _SEALER.decrypt(sealed.iv, sealed.ciphertext, bound_to)
        except InvalidTag:
            raise CannotOpen from None


LOCAL_KEYS = cast("Keys", LocalKeys())
