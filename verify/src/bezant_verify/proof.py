"""Proofs that an entry is in a log (c2sp.org/tlog-proof), and what its opening says of it.

The entry itself travels in the line `extra`; the path says where it stands in a tree whose root the
log, and whoever witnessed it, signed.
"""

import json
from dataclasses import dataclass
from typing import Any, cast

from bezant_verify import note as notes
from bezant_verify.checkpoint import Believed, Trust, believed, whole
from bezant_verify.entry import Entry, MalformedEntry, commitment, decoded
from bezant_verify.merkle import PATH_MAX, BadProof, inclusion_root, leaf_hash
from bezant_verify.note import Misread

FORMAT = "c2sp.org/tlog-proof@v1"


@dataclass(frozen=True, slots=True)
class LogProof:
    """A proof as it was read; nothing of it is believed yet."""

    index: int
    entry: bytes
    path: tuple[bytes, ...]
    checkpoint: str

    def __str__(self) -> str:
        lines = [FORMAT, f"extra {notes.encoded(self.entry)}", f"index {self.index}"]
        lines += [notes.encoded(step) for step in self.path]
        return "\n".join(lines) + "\n\n" + self.checkpoint

    @classmethod
    def parse(cls, text: str) -> "LogProof":
        """Read a proof."""
        head, gap, checkpoint = text.partition("\n\n")
        lines = head.split("\n")
        if not gap or lines[0] != FORMAT or len(lines) < 3:
            raise Misread(f"this is no {FORMAT}")
        if not lines[1].startswith("extra ") or not lines[2].startswith("index "):
            raise Misread("the proof brings no entry along, or no index")
        entry = notes.decoded(lines[1].removeprefix("extra "))
        index = whole(lines[2].removeprefix("index "))
        return cls(index, entry, tuple(notes.hashes(lines[3:], PATH_MAX)), checkpoint)


@dataclass(frozen=True, slots=True)
class Proven:
    """An entry that is in the log."""

    index: int
    entry: Entry
    believed: Believed


@dataclass(frozen=True, slots=True)
class Opening:
    """What an entry committed to."""

    salt: bytes
    event: str

    @classmethod
    def parse(cls, text: str) -> "Opening":
        """Read an opening: a JSON object with `salt` in hex and `event` as text."""
        try:
            given = cast("dict[str, Any]", json.loads(text))
            found = cls(bytes.fromhex(str(given["salt"])), str(given["event"]))
        except (ValueError, KeyError, TypeError) as error:
            raise Misread(f"this is no opening: {error}") from None
        if set(given) != {"salt", "event"} or given["salt"] != found.salt.hex():
            raise Misread("an opening is a salt in small hex digits and an event")
        return found


def verify(proof: LogProof, trust: Trust, *, classical: bool = False) -> Proven:
    """Return what was proven, or raise `BadNote` or `BadProof`."""
    found = believed(proof.checkpoint, trust, classical=classical)
    size, root = found.checkpoint.size, found.checkpoint.root
    if inclusion_root(proof.index, size, leaf_hash(proof.entry), proof.path) != root:
        raise BadProof("the path does not lead to the root of the checkpoint")
    try:
        return Proven(proof.index, decoded(proof.entry), found)
    except MalformedEntry as error:
        raise BadProof(str(error)) from None


def opened(entry: Entry, opening: Opening) -> dict[str, Any]:
    """Return the event an entry committed to, or raise `BadProof`."""
    try:
        fits = commitment(opening.salt, opening.event.encode()) == entry.commitment
        event: object = json.loads(opening.event) if fits else None
    except (MalformedEntry, ValueError) as error:
        raise BadProof(str(error)) from None
    if not isinstance(event, dict):
        raise BadProof("the opening is not the one of this entry")
    return cast("dict[str, Any]", event)
