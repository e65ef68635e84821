"""`bezant ledger verify` and `export`: the book recomputed here, or taken away to be recomputed."""

import gzip
import os
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, TextIO, cast

import typer

from bezant.cli.exits import Exit, Stop
from bezant.cli.ledger_post import AsJson, Data

if TYPE_CHECKING:
    from bezant.cli.ledger_book import Open
    from bezant.wiring.book import Verified
    from bezant_verify.rows import Batch, Head

SHOWN_EVERY: Final = 100  # Batches; a terminal need not be told of each.
YOUNGER: Final = (
    "younger than the last head that was written down: were that cut off, nobody could tell yet"
)


def verify(
    since: Annotated[
        int | None, typer.Option(min=1, help="Begin after this batch, taking it as it is.")
    ] = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Recompute the book and compare it with its heads; ends with 1 at the first wrong row."""
    from bezant.cli.ledger_book import with_book
    from bezant.cli.screen import show_json

    found, heads = with_book(data, lambda book: _verified(book, since))
    if as_json:
        show_json(_verified_facts(found, heads))
    else:
        _show_verified(found, heads)
    if found.fault is not None:
        raise typer.Exit(Exit.WRONG)


def export(
    file: Annotated[Path, typer.Argument(help="Where to write; packed if it ends in .gz.")],
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file.")] = False,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Write what an outsider needs to recompute the book with `bezant-verify ledger`."""
    from bezant.cli.ledger_book import with_book
    from bezant.cli.screen import show_facts, show_json

    if file.exists() and not overwrite:
        raise Stop(f"{file} exists.", "Name another file, or say --overwrite.", Exit.REFUSED)
    count, heads = with_book(data, lambda book: _exported(book, file))
    size = file.stat().st_size
    if as_json:
        show_json({"file": str(file), "batches": count, "bytes": size, "heads": str(heads)})
        return
    show_facts(
        "The book is exported",
        [
            ("File", f"{file}   {count:,} batches, {size:,} bytes"),
            ("Heads", f"{heads}   keep a copy where nobody of this platform can write"),
            ("Check", f"bezant-verify ledger {file} --heads {heads}"),
        ],
    )


async def _verified(book: "Open", since: int | None) -> "tuple[Verified, list[Head]]":
    heads = heads_of(book)
    with _counting("recomputing the book") as noted:
        return await book.proof.verify(heads, since, noted), heads


async def _exported(book: "Open", file: Path) -> tuple[int, Path]:
    part = file.with_name(f"{file.name}.part")
    try:
        with _counting("exporting the book") as noted, _written(part, file.suffix) as out:
            count = await book.proof.export(out, None, noted)
        part.replace(file)
    except OSError as error:
        raise Stop(f"{file} cannot be written: {error.strerror}.", "", Exit.WRONG) from None
    finally:
        part.unlink(missing_ok=True)
    return count, book.heads / "ledger.heads"


def heads_of(book: "Open") -> "list[Head]":
    """Return the heads that were written down."""
    from bezant_verify.export import Unreadable, heads

    path = book.heads / "ledger.heads"
    try:
        return heads(path) if path.exists() else []
    except Unreadable as error:
        raise Stop(
            f"{path} cannot be read: {error}.",
            "Somebody changed it, or its disk is failing; compare it with a copy.",
            Exit.WRONG,
        ) from None


@contextmanager
def _written(path: Path, suffix: str) -> Generator[TextIO]:
    """Open a file that only its owner reads: it is the whole book."""

    def private(name: str, flags: int) -> int:
        return os.open(name, flags, 0o600)

    with open(path, "wb", opener=private) as raw:
        if suffix == ".gz":
            with gzip.open(raw, "wt", encoding="utf-8") as packed:
                yield cast("TextIO", packed)
        else:
            with open(raw.fileno(), "w", encoding="utf-8", closefd=False) as plain:
                yield plain
        raw.flush()
        os.fsync(raw.fileno())


@contextmanager
def _counting(doing: str) -> "Generator[Callable[[Batch], None]]":
    """Show how far a long look at the book is, where somebody watches."""
    from rich.text import Text

    from bezant.cli.screen import GOLD, console, wants_json

    out = console(stderr=True)
    if wants_json() or not out.is_terminal:
        yield lambda _: None
        return
    transfers = batches = 0
    with out.status(Text(doing, style="dim"), spinner="dots", spinner_style=GOLD) as status:

        def noted(batch: "Batch") -> None:
            nonlocal transfers, batches
            transfers += len(batch.transfers)
            batches += 1
            if batches % SHOWN_EVERY == 0:
                status.update(Text(f"{doing}: {transfers:,} transfers", style="dim"))

        yield noted


def _verified_facts(found: "Verified", heads: "list[Head]") -> dict[str, object]:
    fault = found.fault
    return {
        "valid": fault is None,
        "transfers": found.transfers,
        "entries": found.entries,
        "books": [
            {"book": f"book_{book.book}", "batch": book.batch, "head": book.hash.hex()}
            for book in found.books
        ],
        "newest_head_at": heads[-1].written_at if heads else None,
        "batches_younger_than_the_newest_head": found.unwatched,
        "fault": None
        if fault is None
        else {
            "book": f"book_{fault.book}",
            "batch": fault.batch,
            "row": fault.row,
            "why": fault.why,
        },
    }


def _show_verified(found: "Verified", heads: "list[Head]") -> None:
    from bezant.cli.screen import show_facts

    looked = f"{found.transfers:,} transfers, {found.entries:,} entries"
    if found.fault is not None:
        fault = found.fault
        show_facts(
            "✗ The book is not what it was",
            [
                ("Where", f"book_{fault.book}, batch {fault.batch}: {fault.row}"),
                ("Why", fault.why),
                ("Looked at", looked),
                ("Next", "stop posting, keep this database as it is, compare with a backup"),
            ],
        )
        return
    newest = f"the newest of {heads[-1].written_at}" if heads else "none was written down yet"
    lines = [
        ("Looked at", looked),
        ("Heads", f"{len(heads)}; {newest}"),
        *((f"book_{book.book}", f"batch {book.batch}  {book.hash.hex()}") for book in found.books),
    ]
    if found.unwatched:
        few = f"{found.unwatched} batch{'es' if found.unwatched > 1 else ''}"
        lines.append(("Not shown", f"{few} {YOUNGER}"))
    show_facts("✓ Every link, balance and hold follows from what was recorded", lines)
