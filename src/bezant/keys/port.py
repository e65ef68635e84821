"""The key room's door: sign, seal and hash by a key's name; the key itself never leaves.

A *logical key* is a name with one purpose, such as `webhook-signing`. It has versions, each with a
`kid`; exactly one version is active and does new work, older ones still verify or decrypt what they
made until they are destroyed. Key material lies with a `KeyProvider` (an encrypted folder, an HSM),
or, for data keys, in the database wrapped by the key-encryption key.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from bezant.errors import Conflict, Forbidden, Invalid, NotFound, Refused, Unavailable
from bezant.events import Feed
from bezant.keys.access import ACCESSES_MAX, Access, AccessesOf, AccessPage, Outcome, Use
from bezant.keys.capabilities import SECURITY_OF, Capabilities, Capability, Security
from bezant.keys.key import (
    ALGORITHM_OF,
    Algorithm,
    DeclareKey,
    DestroyKey,
    KeyPlan,
    KeySpec,
    KeyState,
    KeyTransition,
    KeyVersion,
    PlanKey,
    PublicKey,
    Purpose,
    RotateKey,
    ShredKeys,
)

__all__ = [
    "ACCESSES_MAX",
    "ALGORITHM_OF",
    "KEY_ENCRYPTION_KEY",
    "KID_CHARACTERS_MAX",
    "NAME_CHARACTERS_MAX",
    "OWNER_CHARACTERS_MAX",
    "SECURITY_OF",
    "Access",
    "AccessPage",
    "AccessesOf",
    "Algorithm",
    "AlreadyRotated",
    "BadSignature",
    "CannotOpen",
    "Capabilities",
    "Capability",
    "DeclareKey",
    "DestroyKey",
    "KeyInUse",
    "KeyMismatch",
    "KeyOfAnother",
    "KeyPlan",
    "KeySpec",
    "KeyState",
    "KeyStoreUnusable",
    "KeyTransition",
    "KeyVersion",
    "Keys",
    "KeysFeed",
    "KeysStatus",
    "Mac",
    "Outcome",
    "PlanKey",
    "ProviderHealth",
    "PublicKey",
    "Purpose",
    "RotateKey",
    "Sealed",
    "Security",
    "ShredKeys",
    "Signature",
    "UnknownKey",
    "UnsupportedKey",
    "Use",
]

KID_CHARACTERS_MAX = 80
NAME_CHARACTERS_MAX = 40
OWNER_CHARACTERS_MAX = 80
KEY_ENCRYPTION_KEY = "key-encryption"
"""The logical key that wraps data keys."""


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


class KeyOfAnother(Forbidden):
    """A key is worked with by the module that declared it, and by no other."""

    code = "key_of_another"


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
    """Work with keys by name. What is public of a key is for all to read; to work with it, and to
    open what it sealed, is for the module that declared it (`KeyOfAnother`).
    """

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

    async def seal_for(self, name: str, owner: str, plaintext: bytes, bound_to: bytes) -> Sealed:
        """Encrypt with the owner's own data key of this month, made on first use."""
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

    async def plan(self, command: PlanKey) -> KeyPlan:
        """Say what happens to a key by itself."""
        ...

    async def plans(self) -> tuple[KeyPlan, ...]:
        """Return what happens to each key by itself."""
        ...

    async def destroy(self, command: DestroyKey) -> KeyVersion:
        """Erase a version that no longer does new work."""
        ...

    async def shred(self, command: ShredKeys) -> int:
        """Erase every data key of an owner and return how many there were."""
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

    async def accesses(self, query: AccessesOf) -> AccessPage:
        """Return a page of the access log, newest first."""
        ...

    async def capabilities(self) -> Capabilities:
        """Return what is classical here and what is not."""
        ...


class KeysFeed(Feed, Protocol):
    """What happened to keys: `key.transition`, `key.planned`, `key.shredded`, `key.pin_refused`."""
