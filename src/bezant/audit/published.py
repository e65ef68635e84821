"""What the log shows to everybody: its keys, its state, and proofs between two sizes."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Consistency:
    """That one tree is the beginning of another."""

    old_size: int
    size: int
    path: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class ReceiptKey:
    """A key that signs receipts."""

    kid: str
    algorithm: str
    public_key: bytes
    """SPKI in DER."""


@dataclass(frozen=True, slots=True)
class PublishedKeys:
    """Whom to believe about this log."""

    origin: str
    log: tuple[str, ...]
    """The log's keys, as `name+id+key`."""
    witnesses: tuple[str, ...]
    quorum: int
    """How many witnesses a proof from here carries."""
    receipts: tuple[ReceiptKey, ...] = ()


@dataclass(frozen=True, slots=True)
class WitnessWord:
    """What a witness last signed."""

    witness: str
    size: int
    witnessed_at: datetime
    trouble: str = ""
    """Why it does not answer now, empty when all is well."""


@dataclass(frozen=True, slots=True)
class ChainHead:
    """The newest head of a book that is in the log."""

    book: str
    batch: int
    hash: str
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class Verification:
    """When something was last recomputed, and what was found."""

    subject: str
    """`log`, or a book."""
    reached: int
    fault: str
    """Empty when nothing was found."""
    verified_at: datetime


@dataclass(frozen=True, slots=True)
class FollowedFeed:
    """A feed that the log follows."""

    feed: str
    position: int
    trouble: str
    """The code of the last error, empty when all is well."""


@dataclass(frozen=True, slots=True)
class Integrity:
    """The state of everything that can be checked."""

    origin: str
    size: int
    """Entries there are; those behind the last checkpoint are signed within a second."""
    signed_size: int
    root: str
    signed_at: datetime | None
    witnesses: tuple[WitnessWord, ...]
    chain_heads: tuple[ChainHead, ...]
    verifications: tuple[Verification, ...]
    feeds: tuple[FollowedFeed, ...]
    trouble: str
    """Why nothing is signed, empty when all is well."""
