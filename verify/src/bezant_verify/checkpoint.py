"""Checkpoints (c2sp.org/tlog-checkpoint): a log's name, its size and its root, as a signed note.

All of ours carry Ed25519 **and** ML-DSA-87: one without the other is refused, so that neither a
broken curve nor a broken lattice is enough to forge one.
"""

import json
from dataclasses import dataclass, field
from typing import Any, cast

from bezant_verify import note as notes
from bezant_verify.merkle import HASH_BYTES
from bezant_verify.note import (
    COSIGNATURE,
    ED25519,
    MLDSA87,
    BadNote,
    Misread,
    Note,
    Signed,
    VerifierKey,
)

KEYS_BYTES_MAX = 10_000_000


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a log says of itself."""

    origin: str
    size: int
    root: bytes

    def __str__(self) -> str:
        return f"{self.origin}\n{self.size}\n{notes.encoded(self.root)}\n"

    @classmethod
    def parse(cls, text: str) -> "Checkpoint":
        """Read a checkpoint's body; lines after the third are passed over."""
        lines = text.split("\n")
        if len(lines) < 4 or not lines[0]:
            raise Misread("a checkpoint has an origin, a size and a root")
        root = notes.decoded(lines[2])
        if len(root) != HASH_BYTES:
            raise Misread("a root is a SHA-256")
        return cls(lines[0], whole(lines[1]), root)


@dataclass(frozen=True, slots=True)
class ReceiptKey:
    """A key that signs receipts."""

    kid: str
    algorithm: str
    public_key: bytes
    """SPKI in DER."""


@dataclass(frozen=True, slots=True)
class Trust:
    """Whom a verifier believes: a log's keys, its witnesses, and how many of them it wants."""

    origin: str
    log: tuple[VerifierKey, ...]
    witnesses: tuple[VerifierKey, ...] = ()
    quorum: int = 0
    receipts: tuple[ReceiptKey, ...] = field(default=())

    @classmethod
    def parse(cls, text: str) -> "Trust":
        """Read a file of keys, as a log publishes them at `keys`."""
        try:
            found: object = json.loads(text)
            if not isinstance(found, dict):
                raise Misread("a file of keys is a JSON object")
            given = cast("dict[str, Any]", found)
            log = tuple(VerifierKey.parse(str(one)) for one in given["log"])
            witnesses = tuple(VerifierKey.parse(str(one)) for one in given.get("witnesses", ()))
            quorum = int(given.get("quorum", 0))
            receipts = tuple(
                ReceiptKey(
                    str(one["kid"]), str(one["alg"]), notes.decoded(str(one["public_key"]))
                )
                for one in given.get("receipts", ())
            )  # fmt: skip
            origin = str(given["origin"])
        except (ValueError, KeyError, TypeError) as error:
            raise Misread(f"this is no file of keys: {error}") from None
        if not 0 <= quorum <= len(witnesses):
            raise Misread(f"{quorum} of {len(witnesses)} witnesses cannot be demanded")
        if any(key.kind == COSIGNATURE for key in log) or any(
            key.kind != COSIGNATURE for key in witnesses
        ):
            raise Misread("a witness's key is of kind 04, a log's of 01 or ML-DSA-87")
        return cls(origin, log, witnesses, quorum, receipts)


@dataclass(frozen=True, slots=True)
class Believed:
    """A checkpoint whose signatures were checked."""

    checkpoint: Checkpoint
    witnessed: tuple[Signed, ...]

    @property
    def seen_at(self) -> int | None:
        """When the last witness saw it, in seconds since 1970."""
        return max((one.at for one in self.witnessed if one.at is not None), default=None)


def believed(text: str, trust: Trust, *, classical: bool = False) -> Believed:
    """Return a checkpoint that is signed by all who must, or raise `BadNote`.

    `classical` does without ML-DSA-87, for who accepts less.
    """
    note = Note.parse(text)
    checkpoint = Checkpoint.parse(note.text)
    if checkpoint.origin != trust.origin:
        raise BadNote(f"this is a checkpoint of {checkpoint.origin}, not of {trust.origin}")
    signed = notes.verified(note, (*trust.log, *trust.witnesses))
    kinds = {one.key.kind for one in signed if one.key in trust.log}
    if ED25519 not in kinds:
        raise BadNote("the log's Ed25519 signature is missing")
    if MLDSA87 not in kinds and not classical:
        raise BadNote("the log's ML-DSA-87 signature is missing")
    witnessed = tuple(one for one in signed if one.key in trust.witnesses)
    if len({one.key.name for one in witnessed}) < trust.quorum:
        raise BadNote(f"{len(witnessed)} witnesses signed, and {trust.quorum} are demanded")
    return Believed(checkpoint, witnessed)


def many(text: str) -> list[str]:
    """Return the notes of a file that holds one or more, one after the other."""
    found: list[str] = []
    taken: list[str] = []
    for line in text.splitlines(keepends=True):
        if taken and taken[-1].startswith(notes.DASH) and not line.startswith(notes.DASH):
            found.append("".join(taken))
            taken = []
        if taken or line.strip():
            taken.append(line)
    return found + (["".join(taken)] if taken else [])


def whole(text: str) -> int:
    """Read a whole number that has exactly one spelling."""
    if not text.isascii() or not text.isdecimal() or (text[0] == "0" and text != "0"):
        raise Misread(f"{text[:20]!r} is no number")
    if len(text) > 19:
        raise Misread("the number is too large")
    return int(text)
