"""What the commands answer: valid, invalid or incomplete, what was found, and what is not shown."""

import json
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from bezant_verify import checkpoint as checkpoints
from bezant_verify import export, log, proof, receipt, tiles
from bezant_verify.checkpoint import Believed, Trust
from bezant_verify.jws import BadObject
from bezant_verify.ledger import Check, Tampered
from bezant_verify.merkle import BadProof
from bezant_verify.note import BadNote, Misread
from bezant_verify.receipt import Lacking
from bezant_verify.tiles import Folder, Source, Unreachable

VALID, INVALID, INCOMPLETE, USAGE = 0, 1, 2, 3
MISSHAPEN = (AttributeError, TypeError, ValueError, ArithmeticError, struct.error, LookupError)
"""What fields of other kinds and sizes than theirs lead to."""
WRONG = (BadNote, BadProof, BadObject)
LEDGER_NOT_SHOWN = (
    "that nothing was left out: only a head kept by somebody else shows that a batch is missing",
    "what was recorded after the newest head you hold",
    "that the amounts are true: only that nobody changed them since they were recorded",
)
PROOF_NOT_SHOWN = (
    "that the log shows everybody the same: only witnesses you trust show that",
    "that what happened is true: only that it was recorded, and when it was at the latest",
    "that the keys are the platform's: you took them from where you took them",
)
LOG_NOT_SHOWN = (
    "that everything was recorded: only that what was recorded is still there, in its order",
    "what was recorded after the newest checkpoint you hold, and what openings would show",
    "that the log shows everybody the same: only witnesses you trust show that",
)
KEYS_NOT_SHOWN = ("that these keys are the platform's: compare them with another source",)
Found = dict[str, object]


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer and its exit code."""

    code: int
    found: Found

    def told(self) -> str:
        """Return the answer for people."""
        lines = [str(self.found["answer"])]
        for name, value in self.found.items():
            if name not in ("answer", "not_shown", "books") and value is not None:
                shown = json.dumps(value) if isinstance(value, dict | list) else str(value)
                lines.append(f"  {name.replace('_', ' ')}: {shown}")
        books = self.found.get("books")
        if isinstance(books, list):
            lines.extend(f"  {json.dumps(book)}" for book in cast("list[object]", books))
        lines.append("This does not show:")
        lines.extend(f"  - {one}" for one in cast("Sequence[str]", self.found["not_shown"]))
        return "\n".join(lines)

    def as_json(self) -> str:
        """Return the answer for machines."""
        return json.dumps(self.found)


def answered(ask: Callable[[], Found], not_shown: Sequence[str]) -> Answer:
    """Ask, and turn whatever is wrong into an answer."""
    try:
        found = ask()
        code = VALID
    except Tampered as error:
        found = {"book": error.book, "batch": error.batch, "row": error.row, "why": error.why}
        code = INVALID
    except log.LogTampered as error:
        found = {
            "first_bad_index": error.index,
            "exact": error.index == error.last,
            "at_the_latest": error.last,
            "why": error.why,
        }
        code = INVALID
    except WRONG as error:
        found, code = {"why": str(error)}, INVALID
    except (Lacking, Unreachable, export.Unreadable, OSError, *MISSHAPEN) as error:
        found, code = {"why": str(error) or type(error).__name__}, INCOMPLETE
    word = {VALID: "valid", INVALID: "invalid", INCOMPLETE: "incomplete"}[code]
    return Answer(code, {"answer": word, **found, "not_shown": tuple(not_shown)})


def ledger(path: Path, heads: Path | None) -> Answer:
    """Recompute an exported ledger."""

    def ask() -> Found:
        check = Check(export.heads(heads) if heads else ())
        for batch in export.batches(path):
            check.take(batch)
        check.finish()
        books = [
            {
                "book": book.id, "batches": book.batch, "transfers": book.transfers,
                "entries": book.entries, "head": book.hash.hex(),
                "batches_younger_than_head": check.unwatched()[book.id],
            }
            for book in check.books.values()
        ]  # fmt: skip
        return {"books": books}

    return answered(ask, LEDGER_NOT_SHOWN)


def keys(path: Path) -> Answer:
    """Show a file of keys, each with its id."""

    def ask() -> Found:
        trust = _trust(path)
        return {
            "origin": trust.origin,
            "log": [f"{key.name} {key.id.hex()}" for key in trust.log],
            "witnesses": [f"{key.name} {key.id.hex()}" for key in trust.witnesses],
            "quorum": trust.quorum,
            "receipts": [f"{key.kid} {key.algorithm}" for key in trust.receipts],
        }

    return answered(ask, KEYS_NOT_SHOWN)


def logged(path: Path, keys_path: Path, opening: Path | None, *, classical: bool) -> Answer:
    """Check that an entry is in a log."""

    def ask() -> Found:
        read = proof.LogProof.parse(_text(path))
        proven = proof.verify(read, _trust(keys_path), classical=classical)
        found: Found = {
            **_proven(proven),
            "feed": proven.entry.feed,
            "position": proven.entry.position,
            "type": proven.entry.type,
            "occurred_at": proven.entry.moment.isoformat(),
        }
        if opening is not None:
            found["event"] = proof.opened(proven.entry, proof.Opening.parse(_text(opening)))
        return found

    return answered(ask, PROOF_NOT_SHOWN)


def receipted(path: Path, keys_path: Path, *, classical: bool) -> Answer:
    """Check a receipt."""

    def ask() -> Found:
        shown = receipt.verify(_text(path), _trust(keys_path), classical=classical)
        proven = shown.proven
        return {
            "receipt": shown.claims,
            "hidden_fields": shown.hidden,
            "signed_with": list(shown.signed_with),
            "logged": None if proven is None else _proven(proven),
        }

    return answered(ask, PROOF_NOT_SHOWN)


def whole_log(
    place: str,
    keys_path: Path | None,
    since: Sequence[Path],
    copy: Path | None,
    save: Path | None,
    *,
    classical: bool,
) -> Answer:
    """Read a whole log and compare it with checkpoints that were kept."""
    not_shown: list[str] = list(LOG_NOT_SHOWN)
    if keys_path is None:
        not_shown.append("that the keys are the platform's: they were taken from the log itself")

    def ask() -> Found:
        source = _source(place)
        trust = _trust(keys_path) if keys_path else _own_trust(source)
        kept = [
            checkpoints.believed(note, trust, classical=classical)
            for path in since
            for note in checkpoints.many(_text(path))
        ]
        other = Folder(copy) if copy else None
        done = log.verify(source, trust, kept, other, classical=classical)
        if save is not None:
            _save(source, done.head, save)
        if not kept and not done.head.witnessed:
            raise Lacking("the log holds together, and there is nothing to compare it with")
        return {
            **_seen(done.head),
            "compared_with": [one.checkpoint.size for one in done.since],
            "feeds": done.feeds,
        }

    return answered(ask, not_shown)


def _proven(proven: proof.Proven) -> Found:
    return {"index": proven.index, **_seen(proven.believed)}


def _seen(found: Believed) -> Found:
    at = found.seen_at
    return {
        "origin": found.checkpoint.origin,
        "size": found.checkpoint.size,
        "root": found.checkpoint.root.hex(),
        "witnesses": [one.key.name for one in found.witnessed],
        "witnessed_at": None if at is None else datetime.fromtimestamp(at, UTC).isoformat(),
    }


def _save(source: Source, head: Believed, folder: Path) -> None:
    """Keep a copy: with it, what is changed later can be named to the entry."""
    paths = [tiles.CHECKPOINT, tiles.KEYS]
    for number, width in tiles.widths(head.checkpoint.size):
        paths += [tiles.tile_path(0, number, width), tiles.tile_path(tiles.ENTRIES, number, width)]
    for path in paths:
        content = source.read(path)
        if content is not None:
            place = folder / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)


def _source(place: str) -> Source:
    if "://" not in place:
        return Folder(Path(place))
    from bezant_verify.address import Address  # noqa: PLC0415 - nothing else needs the network

    return Address(place)


def _own_trust(source: Source) -> Trust:
    found = source.read(tiles.KEYS)
    if found is None:
        raise Unreachable("the log shows no keys; name a file of them with --keys")
    return Trust.parse(found.decode())


def _trust(path: Path) -> Trust:
    try:
        return Trust.parse(_text(path))
    except Misread as error:
        raise Unreachable(f"{path}: {error}") from None


def _text(path: Path) -> str:
    """Read a file exactly: line ends are part of what was signed."""
    try:
        return path.read_bytes().decode()
    except UnicodeDecodeError:
        raise BadNote(f"{path} is not text") from None
