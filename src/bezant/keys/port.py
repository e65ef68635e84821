"""The key room's door: sign, seal and hash by a key's name; the key itself never leaves.

A *logical key* is a name with one purpose, such as `webhook-signing`. It has versions, each with a
`kid`; exactly one version is active and does new work, older ones still verify or decrypt what they
made until they are destroyed. Key material lies with a `KeyProvider` (an encrypted folder, an HSM),
or, for data keys, in the database wrapped by the key-encryption key.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from bezant.errors import Conflict, Invalid, NotFound, Refused, Unavailable

KID_CHARACTERS_MAX = 80
NAME_CHARACTERS_MAX = 40
KEY_ENCRYPTION_KEY = "key-encryption"
"""The logical key that wraps data keys."""


class KeySpec(StrEnum):
    """What kind of key."""

    RSA3072 = "RSA3072"
    P256 = "P256"
    ED25519 = "ED25519"
    MLDSA87 = "MLDSA87"
    AES256 = "AES256"
    HMAC256 = "HMAC256"
    MLKEM1024P384 = "MLKEM1024P384"


class Algorithm(StrEnum):
    """What is computed with a key, spelled as JOSE spells it where JOSE has a name."""

    PS256 = "PS256"
    ES256 = "ES256"
    EDDSA = "EdDSA"
    MLDSA87 = "ML-DSA-87"
    HS256 = "HS256"
    A256GCM = "A256GCM"
    HPKE = "HPKE-MLKEM1024P384-HKDFSHA384-A256GCM"


class Purpose(StrEnum):
    """What a logical key is for. A key serves one purpose only."""

    SIGN = "sign"
    MAC = "mac"
    SEAL = "seal"
    WRAP = "wrap"


class KeyState(StrEnum):
    """Where a version is in its life; it only ever moves towards destroyed."""

    PENDING = "pending"
    ACTIVE = "active"
    VERIFY_ONLY = "verify_only"
    DECRYPT_ONLY = "decrypt_only"
    DESTROYED = "destroyed"


ALGORITHM_OF: Mapping[KeySpec, Algorithm] = {
    KeySpec.RSA3072: Algorithm.PS256,
    KeySpec.P256: Algorithm.ES256,
    KeySpec.ED25519: Algorithm.EDDSA,
    KeySpec.MLDSA87: Algorithm.MLDSA87,
    KeySpec.HMAC256: Algorithm.HS256,
    KeySpec.AES256: Algorithm.A256GCM,
    KeySpec.MLKEM1024P384: Algorithm.HPKE,
}
"""One algorithm a spec: a key used in two ways is a key attacked in two ways."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """An envelope: everything one needs to open it except the key and what it is bound to."""

    version: int
    kid: str
    algorithm: Algorithm
    iv: bytes
    ciphertext: bytes

    def to_bytes(self) -> bytes:
        """Return the envelope as it is stored: each short field after its length, then the rest."""
        head = bytes([self.version])
        for field in (self.kid.encode(), self.algorithm.encode(), self.iv):
            head += bytes([len(field)]) + field
        return head + self.ciphertext

    @classmethod
    def from_bytes(cls, stored: bytes) -> "Sealed":
        """Read a stored envelope; what is not one cannot be opened."""
        try:
            version, at = stored[0], 1
            fields: list[bytes] = []
            for _ in range(3):
                end = at + 1 + stored[at]
                fields.append(stored[at + 1 : end])
                at = end
            kid, algorithm, iv = fields
            return cls(version, kid.decode("ascii"), Algorithm(algorithm.decode()), iv, stored[at:])
        except (IndexError, ValueError):
            raise CannotOpen from None


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature and the version that made it."""

    kid: str
    algorithm: Algorithm
    value: bytes


@dataclass(frozen=True, slots=True)
class Mac:
    """A keyed hash and the version that made it."""

    kid: str
    value: bytes


@dataclass(frozen=True, slots=True)
class PublicKey:
    """The public half of a version, for whoever verifies."""

    kid: str
    spec: KeySpec
    algorithm: Algorithm
    state: KeyState
    public_key: bytes
    """SPKI in DER; for the hybrid KEM its two raw public keys one after the other."""


@dataclass(frozen=True, slots=True)
class KeyVersion:
    """One version of a logical key, as the registry has it."""

    kid: str
    name: str
    version: int
    purpose: Purpose
    spec: KeySpec
    state: KeyState
    provider: str
    """The provider that holds it, or the kid of the key that wraps it."""
    wrapped: bool
    created_at: datetime
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class KeyTransition:
    """One step in the life of a version: who took it, when and why."""

    kid: str
    before: KeyState | None
    after: KeyState
    by: str
    reason: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class DeclareKey:
    """Make sure that a logical key exists and has an active version."""

    name: str
    purpose: Purpose
    spec: KeySpec
    by: str
    wrapped: bool = False
    """True for data keys: the key lies in the database under the key-encryption key."""


@dataclass(frozen=True, slots=True)
class RotateKey:
    """Make a new version and let it do all new work."""

    name: str
    by: str
    reason: str = ""
    expected_kid: str = ""
    """Rotate only if this version is still the active one: repeating a rotation is then safe."""


@dataclass(frozen=True, slots=True)
class DestroyKey:
    """Erase a version that no longer does new work. What it sealed is gone for good."""

    kid: str
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class ProviderHealth:
    """Whether a provider answers, and what it really is."""

    provider: str
    healthy: bool
    module: str
    certificate: str
    keys: int
    detail: str = ""


@dataclass(frozen=True, slots=True)
class KeysStatus:
    """The room at a glance."""

    providers: tuple[ProviderHealth, ...]
    active: int
    retired: int
    destroyed: int
    oldest_active_at: datetime | None


class CannotOpen(Refused):
    """This cannot be opened."""

    # One class and one sentence for every reason: an attacker learns nothing from a difference.
    code = "cannot_open"


class BadSignature(Refused):
    """The signature does not fit."""

    code = "bad_signature"


class UnknownKey(NotFound):
    """There is no such key."""

    code = "unknown_key"


class KeyMismatch(Conflict):
    """A key of this name exists with another purpose or kind."""

    code = "key_mismatch"


class AlreadyRotated(Conflict):
    """The key was rotated by somebody else in the meantime."""

    code = "already_rotated"


class KeyInUse(Conflict):
    """The key still does work; rotate it first, or re-wrap what it wraps."""

    code = "key_in_use"


class UnsupportedKey(Invalid):
    """No provider here can make or use this kind of key in this way."""

    code = "unsupported_key"


class KeyStoreUnusable(Unavailable):
    """The place where keys lie cannot be used safely."""

    code = "key_store_unusable"


class Keys(Protocol):
    """Work with keys by name."""

    async def declare(self, command: DeclareKey) -> KeyVersion:
        """Return the active version, making the key and its first version when there is none."""
        ...

    async def sign(self, name: str, message: bytes) -> Signature:
        """Sign with the active version."""
        ...

    async def verify(self, message: bytes, signature: Signature) -> None:
        """Return if the signature is the named version's, else raise `BadSignature`."""
        ...

    async def macs(self, name: str, message: bytes) -> tuple[Mac, ...]:
        """Return the keyed hash under every version that may be compared with, active first."""
        ...

    async def seal(self, name: str, plaintext: bytes, bound_to: bytes) -> Sealed:
        """Encrypt with the active version, bound to bytes that must be the same when opening."""
        ...

    async def open(self, sealed: Sealed, bound_to: bytes) -> bytes:
        """Return what was sealed, whatever version sealed it, or raise `CannotOpen`."""
        ...

    async def public_keys(self, name: str) -> tuple[PublicKey, ...]:
        """Return every public key of this name, newest first, destroyed versions too."""
        ...

    async def rotate(self, command: RotateKey) -> KeyVersion:
        """Make a new version active; the one before keeps verifying or decrypting."""
        ...

    async def destroy(self, command: DestroyKey) -> KeyVersion:
        """Erase a version that no longer does new work."""
        ...

    async def inventory(self) -> tuple[KeyVersion, ...]:
        """Return every version of every key, by name and version."""
        ...

    async def history(self, name: str) -> tuple[KeyTransition, ...]:
        """Return what happened to the versions of a key, oldest first."""
        ...

    async def status(self) -> KeysStatus:
        """Return the room at a glance."""
        ...
