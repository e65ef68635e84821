"""What a place that keeps keys must be able to do; one provider a file stands behind it."""

from dataclasses import dataclass
from typing import Literal, Protocol

from bezant.keys.port import Algorithm, KeySpec, ProviderHealth, Purpose
from bezant.secret import Secret


@dataclass(frozen=True, slots=True)
class KeyRef:
    """Where key material lies: its provider's name for it."""

    provider: str
    name: str
    spec: KeySpec


@dataclass(frozen=True, slots=True)
class Encrypted:
    """What a provider's encryption makes; the ciphertext ends with its tag."""

    algorithm: Algorithm
    iv: bytes
    ciphertext: bytes


@dataclass(frozen=True, slots=True)
class Attestation:
    """What a provider can truthfully say about one key."""

    made_here: bool
    extractable: bool
    module: str
    certificate: str
    """A certificate of the module that the operator entered, else `none`."""


class KeyProvider(Protocol):
    """Holds key material and works with it by reference; nothing returns a private key."""

    @property
    def name(self) -> str:
        """Return the provider's name in the registry, such as `file`."""
        ...

    @property
    def assurance(self) -> Literal["software", "softhsm", "pkcs11", "aws-kms", "vault-transit"]:
        """Return what kind of place this is, said honestly."""
        ...

    @property
    def specs(self) -> frozenset[KeySpec]:
        """Return the kinds of key it can make and use."""
        ...

    async def generate(
        self, spec: KeySpec, purpose: Purpose, name: str = "", version: int = 1
    ) -> KeyRef:
        """Make a key, for this version of the logical key of this name."""
        ...

    async def public_key(self, ref: KeyRef) -> bytes | None:
        """Return the public half; None for a symmetric key."""
        ...

    async def sign(self, ref: KeyRef, algorithm: Algorithm, message: bytes) -> bytes:
        """Sign, or hash under the key for HS256."""
        ...

    async def verify(
        self, ref: KeyRef, algorithm: Algorithm, message: bytes, signature: bytes
    ) -> bool:
        """Tell whether this key made this signature of this message."""
        ...

    async def encrypt(self, ref: KeyRef, plaintext: bytes, bound_to: bytes) -> Encrypted:
        """Encrypt, bound to bytes that must be the same when decrypting."""
        ...

    async def decrypt(self, ref: KeyRef, encrypted: Encrypted, bound_to: bytes) -> bytes:
        """Decrypt, or raise `CannotOpen`."""
        ...

    async def wrap(self, ref: KeyRef, key: Secret[bytes], bound_to: bytes) -> bytes:
        """Encrypt another key under this one."""
        ...

    async def unwrap(self, ref: KeyRef, wrapped: bytes, bound_to: bytes) -> Secret[bytes]:
        """Return a key that was wrapped by this one, or raise `CannotOpen`."""
        ...

    async def destroy(self, ref: KeyRef) -> None:
        """Erase a key. Erasing it again is fine."""
        ...

    async def attest(self, ref: KeyRef) -> Attestation:
        """Return what is known about how the key is kept."""
        ...

    async def health(self) -> ProviderHealth:
        """Tell whether the provider answers."""
        ...
