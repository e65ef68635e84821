"""How a key is wrapped by another where a provider just encrypts: IV, then ciphertext with tag."""

from bezant.keys import algorithms
from bezant.keys.port import ALGORITHM_OF, Algorithm, UnsupportedKey
from bezant.keys.provider import Encrypted, KeyProvider, KeyRef
from bezant.secret import Secret


def match(ref: KeyRef, *allowed: Algorithm) -> None:
    """Refuse a key whose one algorithm is not among these."""
    if ALGORITHM_OF[ref.spec] not in allowed:
        raise UnsupportedKey


class Wrapping:
    """The part of a provider that wraps keys."""

    async def wrap(self: KeyProvider, ref: KeyRef, key: Secret[bytes], bound_to: bytes) -> bytes:
        """Encrypt another key."""
        match(ref, Algorithm.A256GCM)
        encrypted = await self.encrypt(ref, key.reveal(), bound_to)
        return encrypted.iv + encrypted.ciphertext

    async def unwrap(
        self: KeyProvider, ref: KeyRef, wrapped: bytes, bound_to: bytes
    ) -> Secret[bytes]:
        """Return a wrapped key, or raise `CannotOpen`."""
        match(ref, Algorithm.A256GCM)
        iv, ciphertext = wrapped[: algorithms.IV_BYTES], wrapped[algorithms.IV_BYTES :]
        encrypted = Encrypted(Algorithm.A256GCM, iv, ciphertext)
        return Secret(await self.decrypt(ref, encrypted, bound_to))
