"""A key as one speaks of it: its kind, purpose and state, its versions, what one may ask of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


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
    not_before: datetime | None = None
    """From then on it does new work; of a pending version, when it will begin to."""
    not_after: datetime | None = None
    """Until then it does new work; of the active version, when its plan replaces it."""
    made_here: bool | None = None
    """Whether its provider made it and nobody brought it; absent where nobody said."""
    extractable: bool | None = None
    """Whether its bytes could be taken out of where it lies."""


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
class KeyPlan:
    """What happens to a key by itself."""

    name: str
    rotate_days: int
    """A version is replaced after so many days; 0: never by itself."""
    publish_seconds: int
    """A new version is shown for so long before it does any work, so that verifiers know it."""
    destroy_days: int
    """A version is destroyed so many days after it was replaced; 0: never by itself."""


@dataclass(frozen=True, slots=True)
class DeclareKey:
    """Make sure that a logical key exists and has an active version."""

    name: str
    purpose: Purpose
    spec: KeySpec
    by: str
    """The module whose key it is from then on."""
    wrapped: bool = False
    """True for data keys: the key lies in the database under the key-encryption key."""
    rotate_days: int | None = None
    """The plan it begins with. Absent: what its purpose asks for; 0: never by itself."""
    publish_seconds: int = 0


@dataclass(frozen=True, slots=True)
class RotateKey:
    """Make a new version and let it do all new work."""

    name: str
    by: str
    reason: str = ""
    expected_kid: str = ""
    """Rotate only if this version is still the active one: repeating a rotation is then safe."""
    publish_seconds: int = 0
    """Show the new version for so long before it takes over."""


@dataclass(frozen=True, slots=True)
class PlanKey:
    """Say what happens to a key by itself from now on."""

    plan: KeyPlan
    by: str


@dataclass(frozen=True, slots=True)
class DestroyKey:
    """Erase a version that no longer does new work. What it sealed is gone for good."""

    kid: str
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class ShredKeys:
    """Erase every data key of one owner. What they sealed is gone for good, in backups as well."""

    name: str
    owner: str
    by: str
    reason: str
