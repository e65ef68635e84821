"""A ledger export: a file of JSON lines, gzipped or not. The first line names the format, every
other one is a batch.

Amounts are whole minor units as text, instants ISO 8601 in UTC with microseconds, hashes and uuids
hex.
"""

import gzip
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TextIO, cast

from bezant_verify.encoding import EPOCH, microseconds
from bezant_verify.rows import Account, Batch, Entry, Head, Hold, Step, Title, Transfer

FORMAT = "bezant ledger export 1"
LINE_CHARACTERS_MAX = 64_000_000


class Unreadable(Exception):
    """This file is not what it should be."""


def opened(path: Path) -> TextIO:
    """Open an export, gzipped or not."""
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    return gzip.open(path, "rt", encoding="utf-8") if packed else path.open(encoding="utf-8")


def batches(path: Path) -> Iterator[Batch]:
    """Read the batches of an export in order."""
    try:
        with opened(path) as file:
            first = _line(file.readline(LINE_CHARACTERS_MAX), 1)
            if first.get("format") != FORMAT:
                raise Unreadable(f"line 1: this is no {FORMAT!r}")
            for number, line in enumerate(file, 2):
                if line.strip():
                    yield _batch(_line(line, number), number)
    except (OSError, EOFError, UnicodeDecodeError, gzip.BadGzipFile) as error:
        raise Unreadable(str(error)) from error


def heads(path: Path) -> list[Head]:
    """Read the heads that were written down: `instant book batch hash` a line."""
    found: list[Head] = []
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise Unreadable(str(error)) from error
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            written_at, book, batch, digest = line.split()
            found.append(Head(int(book), int(batch), bytes.fromhex(digest), written_at))
        except ValueError:
            if number == len(lines):
                break  # The machine stopped while this line was being written.
            raise Unreadable(f"line {number} of the heads cannot be read") from None
    return found


def written(batch: Batch) -> str:
    """Write a batch as a line of an export."""
    return json.dumps(
        {
            "book": batch.book,
            "batch": batch.id,
            "first": batch.first,
            "last": batch.last,
            "recorded_at": _instant(batch.recorded_at),
            "hash": batch.hash.hex(),
            "transfers": [
                [*t[:6], t.more, t.subject, _instant(t.occurred_at), *t[9:]]
                for t in batch.transfers
            ],
            "entries": [
                [
                    row.account, row.transfer, str(row.amount), str(row.balance), str(row.held),
                    None if row.floor is None else str(row.floor), row.state,
                ]
                for row in batch.entries
            ],
            "accounts": [list(row) for row in batch.accounts],
            "holds": [
                [h.id, h.account, h.payee, str(h.amount), _instant(h.expires_at)]
                for h in batch.holds
            ],
            "steps": [[s.hold, s.transfer, str(s.remaining)] for s in batch.steps],
            **({} if batch.title is None else {"title": _written_title(batch.title)}),
        },
        separators=(",", ":"),
        ensure_ascii=False,
    )  # fmt: skip


def _written_title(title: Title) -> dict[str, object]:
    return {**title._asdict(), "opened_at": _instant(title.opened_at)}


def _line(line: str, number: int) -> dict[str, Any]:
    try:
        found: object = json.loads(line)
    except ValueError:
        raise Unreadable(f"line {number} is not JSON") from None
    if not isinstance(found, dict):
        raise Unreadable(f"line {number} is not an object")
    return cast("dict[str, Any]", found)


def _batch(line: dict[str, Any], number: int) -> Batch:
    try:
        return Batch(
            book=line["book"],
            id=line["batch"],
            first=line["first"],
            last=line["last"],
            recorded_at=_microseconds(line["recorded_at"]),
            hash=bytes.fromhex(line["hash"]),
            transfers=[
                _transfer(row)
                for row in line["transfers"]
            ],
            entries=[
                Entry(
                    row[0], row[1], int(row[2]), int(row[3]), int(row[4]),
                    None if row[5] is None else int(row[5]), row[6],
                )
                for row in line["entries"]
            ],
            accounts=[Account(*row) for row in line["accounts"]],
            holds=[
                Hold(
                    row[0], row[1], row[2], int(row[3]),
                    None if row[4] is None else _microseconds(row[4]),
                )
                for row in line["holds"]
            ],
            steps=[Step(row[0], row[1], int(row[2])) for row in line["steps"]],
            title=_title(line["title"]) if "title" in line else None,
        )  # fmt: skip
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise Unreadable(f"line {number} is not a batch") from error


def _title(found: dict[str, Any]) -> Title:
    return Title(
        found["id"], found["asset"], found["exponent"], found["mode"], found["group"],
        _microseconds(found["opened_at"]),
    )  # fmt: skip


def _transfer(row: list[Any]) -> Transfer:
    found = Transfer(*row)
    return found._replace(
        more=None if row[6] is None else tuple(row[6]),
        occurred_at=None if row[8] is None else _microseconds(row[8]),
    )


def _instant(value: int | None) -> str | None:
    return None if value is None else (EPOCH + timedelta(microseconds=value)).isoformat()


def _microseconds(value: str) -> int:
    return microseconds(datetime.fromisoformat(value))
