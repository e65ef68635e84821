"""`bezant receipts`: found by the operator, taken away as files, checked, summed up."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from bezant.actor import Mode
from bezant.cli.exits import Exit

if TYPE_CHECKING:
    from bezant.receipts.port import Receipt, Receipts, Report

Answer = TypeVar("Answer")
Data = Annotated[Path | None, typer.Option(help="Data folder.", show_default=".bezant")]
AsJson = Annotated[bool, typer.Option("--json", help="Facts as JSON.")]
InMode = Annotated[
    Mode | None, typer.Option(help="test or live.", show_default="the installation's")
]
EVERYBODY = ""

group = typer.Typer(help="Signed receipts.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    """Add the group."""
    app.add_typer(group, name="receipts")


@group.command(name="list")
def listed(
    payment: Annotated[str | None, typer.Option(help="Of this payment only.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100, help="How many.")] = 20,
    mode: InMode = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """List receipts, newest first."""
    from bezant.cli.screen import show_facts, show_json
    from bezant.receipts.port import ReceiptsOf

    found = _with_receipts(
        data, mode,
        lambda receipts, chosen: receipts.receipts(
            ReceiptsOf(EVERYBODY, chosen, payment, limit=limit)
        ),
    ).receipts  # fmt: skip
    if as_json:
        show_json([_facts(one) for one in found])
        return
    lines = [(f"{one.decided_at:%m-%d %H:%M}", _line(one)) for one in found]
    show_facts("Receipts", lines or [("none", "No payment has ended yet.")])


@group.command()
def file(
    receipt: Annotated[str, typer.Argument(help="Which receipt, rcp_…")],
    show: Annotated[
        str | None, typer.Option(help="Fields to show, by comma.", show_default="all")
    ] = None,
    mode: InMode = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Write the file of a receipt, for `bezant-verify receipt`."""
    from bezant.receipts.port import EVERYTHING, ReadFile, Show

    del as_json  # The file is JSON.
    fields = tuple(name for name in (show or "").split(",") if name)
    wanted = EVERYTHING if show is None else Show(everything=False, fields=fields)
    found = _with_receipts(
        data, mode,
        lambda receipts, chosen: receipts.file(ReadFile(EVERYBODY, chosen, receipt, wanted)),
    )  # fmt: skip
    typer.echo(found.text, nl=False)


@group.command()
def verify(
    receipt: Annotated[str, typer.Argument(help="Which receipt, rcp_…")],
    mode: InMode = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Check a receipt as a stranger would; ends with 1 if it is not valid."""
    from bezant.cli.screen import show_facts, show_json
    from bezant.receipts.port import ReadFile

    found = _with_receipts(
        data, mode, lambda receipts, chosen: receipts.file(ReadFile(EVERYBODY, chosen, receipt))
    )
    finding = found.finding
    if as_json:
        show_json(
            {
                "valid": finding.valid,
                "why": finding.why,
                "signed_with": list(finding.signed_with),
                "index": finding.index,
                "origin": finding.origin,
                "size": finding.size,
                "witnesses": list(finding.witnesses),
            }
        )
    elif finding.valid:
        lines = [("Signed", ", ".join(finding.signed_with)), ("Hidden", f"{found.hidden} fields")]
        if finding.index is not None:
            lines.append(("Log", f"entry {finding.index:,} of {finding.origin}"))
            lines.append(("Witnesses", ", ".join(finding.witnesses) or "none"))
        lines.append(("Not shown", "that these keys are the platform's, and what a payer was told"))
        show_facts(f"✓ {found.id} is valid", lines)
    else:
        show_facts(f"✗ {found.id} is not valid", [("Why", finding.why)])
    if not finding.valid:
        raise typer.Exit(Exit.WRONG)


@group.command()
def reports(
    weekly: Annotated[bool, typer.Option(help="Weeks in place of days.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=100, help="How many.")] = 7,
    mode: InMode = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Show the sums of days or weeks that are over, newest first."""
    from bezant.cli.screen import show_facts, show_json
    from bezant.receipts.port import Period, ReportsOf

    period = Period.WEEKLY if weekly else Period.DAILY
    found = _with_receipts(
        data, mode,
        lambda receipts, chosen: receipts.reports(ReportsOf(EVERYBODY, chosen, period, limit)),
    ).reports  # fmt: skip
    if as_json:
        show_json([_report_facts(one) for one in found])
        return
    lines = [line for one in found for line in _report_lines(one)]
    show_facts(f"Receipts, {period}", lines or [("none", "No such period is over yet.")])


def _with_receipts(
    data: Path | None, mode: Mode | None, ask: "Callable[[Receipts, Mode], Awaitable[Answer]]"
) -> Answer:
    """Open the receipts of an installation, ask them one thing, and close them again."""
    import asyncio
    from contextlib import AsyncExitStack

    from bezant.cli.beside import beside
    from bezant.clock import RealClock
    from bezant.ids import Ids
    from bezant.wiring.receipts import receipts_beside
    from bezant.wiring.workbench import Workbench

    async def asked() -> Answer:
        here = beside(data)
        clock = RealClock()
        async with AsyncExitStack() as stack:
            bench = Workbench(stack, here.settings, here.site(), clock, Ids(clock), "operator")
            own = Mode.LIVE if here.live else Mode.TEST
            return await ask(await receipts_beside(bench), mode or own)

    return asyncio.run(asked())


def _facts(one: "Receipt") -> dict[str, object]:
    return {
        "id": one.id,
        "about": one.about.value,
        "outcome": one.outcome.value,
        "payment": one.payment,
        "refund": one.refund,
        "amount": one.amount.decimal(),
        "asset": one.amount.asset.code,
        "decided_at": one.decided_at.isoformat(),
        "forms": [form.value for form in one.forms],
        "digest": one.digest,
        "erased": one.erased,
    }


def _line(one: "Receipt") -> str:
    what = f"{one.about} {one.outcome}"
    return f"  {one.id}  {what:<20} {one.amount!s:>16}  {one.refund or one.payment}"


def _report_facts(one: "Report") -> dict[str, object]:
    return {
        "period": one.period.value,
        "starts_on": one.starts_on.isoformat(),
        "ends_on": one.ends_on.isoformat(),
        "lines": [
            {
                "merchant": line.merchant,
                "about": line.about.value,
                "outcome": line.outcome.value,
                "receipts": line.receipts,
                "amount": line.amount.decimal(),
                "asset": line.amount.asset.code,
            }
            for line in one.lines
        ],
    }


def _report_lines(one: "Report") -> list[tuple[str, str]]:
    lines = [
        f"{line.receipts:>7,} {line.about} {line.outcome:<10} {line.amount!s:>18}  {line.merchant}"
        for line in one.lines
    ]
    first, *rest = lines or ["      none"]
    return [(one.starts_on.isoformat(), f" {first}"), *(("", f" {line}") for line in rest)]
