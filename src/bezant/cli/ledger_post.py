"""`bezant ledger post`: one transfer by hand, or many from a CSV file."""

import csv
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from bezant.cli.exits import Exit, Stop

if TYPE_CHECKING:
    from bezant.actor import Mode
    from bezant.cli.ledger_book import Open
    from bezant.ledger.port import Outcome, PostTransfer, Transfer, Trial

Data = Annotated[Path | None, typer.Option(help="Data folder.", show_default=".bezant")]
AsJson = Annotated[bool, typer.Option("--json", help="Facts as JSON.")]

COLUMNS: Final = ("id", "from", "to", "amount", "asset", "reference", "reason")
AT_ONCE: Final = 500  # Half of what the book takes in one batch.
REFUSALS_SHOWN_MAX: Final = 20


class ModeName(StrEnum):
    """The two worlds of every book."""

    TEST = "test"
    LIVE = "live"


ModeOption = Annotated[
    ModeName | None, typer.Option(help="Which world.", show_default="live if the platform is")
]


def post(
    source: Annotated[str | None, typer.Option("--from", help="The account to debit.")] = None,
    target: Annotated[str | None, typer.Option("--to", help="The account to credit.")] = None,
    amount: Annotated[str | None, typer.Option(help='How much: "10.00 EUR".')] = None,
    reference: Annotated[str, typer.Option(help="What it is about.")] = "",
    reason: Annotated[str, typer.Option(help="Why.")] = "",
    client_id: Annotated[
        str | None, typer.Option("--id", help="Your id: the same one never posts twice.")
    ] = None,
    table: Annotated[
        Path | None, typer.Option("--csv", help=f"Many, from a file: {','.join(COLUMNS)}.")
    ] = None,
    dry_run: Annotated[bool, typer.Option(help="Only tell what it would do.")] = False,
    mode: ModeOption = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Move money by hand, or a file of movements. Ends with 1 if anything was refused."""
    from bezant.cli.ledger_book import with_book

    if table is not None:
        if source or target or amount or client_id or dry_run:
            raise Stop("A file says everything itself.", "Leave the rest out.", Exit.USAGE)
        counts, refused = with_book(data, lambda book: _post_table(book, table, book.mode(mode)))
        _show_many(counts, refused, as_json=as_json)
        return
    if not (source and target and amount):
        raise Stop("Something is missing.", "Give --from, --to and --amount.", Exit.USAGE)
    line = [client_id or "", source, target, *_parts(amount), reference, reason]
    if dry_run:
        trial = with_book(data, lambda book: _rehearsed(book, line, book.mode(mode)))
        _show_trial(trial, as_json=as_json)
        return
    done = with_book(data, lambda book: _posted(book, line, book.mode(mode)))
    _show_one(done, as_json=as_json)


async def _posted(book: "Open", line: list[str], mode: "Mode") -> "Transfer":
    return await book.ledger.post(_command(book, line, mode))


async def _rehearsed(book: "Open", line: list[str], mode: "Mode") -> "Trial":
    return await book.ledger.rehearse(_command(book, line, mode))


async def _post_table(
    book: "Open", table: Path, mode: "Mode"
) -> tuple[dict[str, int], list[dict[str, object]]]:
    """Post a file, a part at a time; a line that is refused keeps no other from its place."""
    from bezant.errors import BezantError

    counts = {"posted": 0, "repeated": 0, "refused": 0}
    refused: list[dict[str, object]] = []

    def refuse(number: int, code: str, detail: str) -> None:
        counts["refused"] += 1
        refused.append({"line": number, "code": code, "detail": detail})

    for part in _parts_of(table):
        commands: list[tuple[int, PostTransfer]] = []
        for number, line in part:
            try:
                commands.append((number, _command(book, line, mode)))
            except BezantError as error:
                refuse(number, error.code, error.detail)
        outcomes: tuple[Outcome, ...] = await book.ledger.post_batch(
            tuple(command for _, command in commands)
        )
        for (number, _), outcome in zip(commands, outcomes, strict=True):
            if outcome.refusal is not None:
                refuse(number, outcome.refusal.code, outcome.refusal.detail)
            elif outcome.transfer is not None:
                counts["repeated" if outcome.transfer.replayed else "posted"] += 1
    return counts, refused


def _parts_of(table: Path) -> Iterator[list[tuple[int, list[str]]]]:
    part: list[tuple[int, list[str]]] = []
    try:
        with table.open(encoding="utf-8", newline="") as file:
            lines = csv.reader(file, strict=True)
            if tuple(next(lines, ())) != COLUMNS:
                raise Stop(
                    f"{table} does not begin with the columns.",
                    f"Its first line is {','.join(COLUMNS)}",
                    Exit.USAGE,
                )
            for line in lines:
                if len(line) != len(COLUMNS) or not line[0]:
                    raise Stop(
                        f"Line {lines.line_num} of {table} has no id, or not {len(COLUMNS)} cells.",
                        "Lines above it may be posted; posting the file again repeats none.",
                        Exit.WRONG,
                    )
                part.append((lines.line_num, line))
                if len(part) == AT_ONCE:
                    yield part
                    part = []
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise Stop(f"{table} cannot be read: {error}.", "", Exit.WRONG) from None
    if part:
        yield part


def _command(book: "Open", line: list[str], mode: "Mode") -> "PostTransfer":
    from bezant.actor import PLATFORM
    from bezant.ledger.port import Leg, PostTransfer, Side
    from bezant.money import Money

    client_id, source, target, amount, asset, reference, reason = line
    money = Money.parse(amount, asset, "amount")
    legs = (Leg(source, Side.DEBIT, money), Leg(target, Side.CREDIT, money))
    client_id = client_id or book.ids.new("cli")
    return PostTransfer(client_id, PLATFORM, mode, legs, reference, reason)


def _parts(amount: str) -> tuple[str, str]:
    number, space, asset = amount.partition(" ")
    if not space:
        raise Stop(f"{amount} of what?", 'Write the amount like "10.00 EUR".', Exit.USAGE)
    return number, asset


def _show_one(done: "Transfer", *, as_json: bool) -> None:
    from bezant.cli.screen import show_json, show_line

    if as_json:
        show_json(
            {
                "transfer": done.id,
                "replayed": done.replayed,
                "recorded_at": done.recorded_at.isoformat(),
                "legs": [
                    {"account": leg.account, "side": leg.side, "amount": str(leg.amount)}
                    for leg in done.legs
                ],
            }
        )
        return
    again = "   (posted before; nothing was written)" if done.replayed else ""
    show_line(f"  ✓ {done.id}{again}")
    for leg in done.legs:
        show_line(f"    {leg.side:<7} {leg.account}  {leg.amount}")


def _show_trial(trial: "Trial", *, as_json: bool) -> None:
    from bezant.cli.screen import show_json, show_line

    why = trial.refusal
    after = {one.account: str(one.posted) for one in trial.balances}
    if as_json:
        told = {"code": why.code, "detail": why.detail, **why.facts} if why else None
        show_json({"accepted": trial.accepted, "refusal": told, "balances": after})
    elif why is not None:
        show_line(f"  ✗ it would be refused: {why.detail} ({why.code})")
    else:
        show_line("  ✓ it would be posted; nothing was written. Afterwards:")
        for account, posted in after.items():
            show_line(f"    {account}  {posted}")
    if not trial.accepted:
        raise typer.Exit(Exit.WRONG)


def _show_many(counts: dict[str, int], refused: list[dict[str, object]], *, as_json: bool) -> None:
    from bezant.cli.screen import show_json, show_line

    if as_json:
        show_json({**counts, "refusals": refused})
    else:
        told = ", ".join(f"{count} {name}" for name, count in counts.items())
        show_line(f"  {told}")
        for one in refused[:REFUSALS_SHOWN_MAX]:
            show_line(f"    line {one['line']}: {one['detail']} ({one['code']})")
        if len(refused) > REFUSALS_SHOWN_MAX:
            show_line(f"    and {len(refused) - REFUSALS_SHOWN_MAX} more; --json lists all")
    if refused:
        raise typer.Exit(Exit.WRONG)
