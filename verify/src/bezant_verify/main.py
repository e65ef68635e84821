"""The command line: `bezant-verify ledger EXPORT [--heads FILE] [--json]`.

Exit codes: 0 valid, 1 invalid, 2 incomplete (cannot be read, or nothing to compare with), 3 wrong
usage.
"""

import argparse
import json
import struct
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn, cast

from bezant_verify import export
from bezant_verify.ledger import Check, Tampered

VALID, INVALID, INCOMPLETE, USAGE = 0, 1, 2, 3
MISSHAPEN = (AttributeError, TypeError, ValueError, ArithmeticError, struct.error)
"""What fields of other kinds and sizes than a ledger's lead to."""
NOT_SHOWN = (
    "that nothing was left out: only a head kept by somebody else shows that a batch is missing",
    "what was recorded after the newest head you hold",
    "that the amounts are true: only that nobody changed them since they were recorded",
)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        sys.stderr.write(f"bezant-verify: {message}\n")
        raise SystemExit(USAGE)


def run(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the program and leave with its exit code."""
    parser = _Parser(
        prog="bezant-verify",
        description="Check what a Bezant platform published, without its servers.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    ledger = commands.add_parser("ledger", help="recompute an exported ledger")
    ledger.add_argument("export", type=Path, help="the file `bezant ledger export` wrote")
    ledger.add_argument("--heads", type=Path, help="chain heads kept outside the database")
    ledger.add_argument("--json", action="store_true", help="answer in JSON")
    given = parser.parse_args(arguments)
    raise SystemExit(_ledger(given.export, given.heads, given.json))


def _ledger(path: Path, heads: Path | None, as_json: bool) -> int:
    found: dict[str, object]
    try:
        check = Check(export.heads(heads) if heads else ())
        for batch in export.batches(path):
            check.take(batch)
        check.finish()
    except (export.Unreadable, *MISSHAPEN) as error:
        found = {"answer": "incomplete", "why": str(error)}
        code = INCOMPLETE
    except Tampered as error:
        found = {
            "answer": "invalid", "book": error.book, "batch": error.batch, "row": error.row,
            "why": error.why,
        }  # fmt: skip
        code = INVALID
    else:
        books = [
            {
                "book": book.id, "batches": book.batch, "transfers": book.transfers,
                "entries": book.entries, "head": book.hash.hex(),
                "batches_younger_than_head": check.unwatched()[book.id],
            }
            for book in check.books.values()
        ]  # fmt: skip
        found = {"answer": "valid", "books": books}
        code = VALID
    found["not_shown"] = NOT_SHOWN
    sys.stdout.write((json.dumps(found) if as_json else _told(found)) + "\n")
    return code


def _told(found: dict[str, object]) -> str:
    lines = [str(found["answer"])]
    if "row" in found:
        lines.append(f"  book {found['book']}, batch {found['batch']}, {found['row']}")
    if "why" in found:
        lines.append(f"  {found['why']}")
    books = found.get("books")
    if isinstance(books, list):
        lines.extend(f"  {json.dumps(book)}" for book in cast("list[object]", books))
    lines.append("This does not show:")
    lines.extend(f"  - {one}" for one in NOT_SHOWN)
    return "\n".join(lines)


if __name__ == "__main__":
    run()
