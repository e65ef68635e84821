"""`bezant doctor`: look at everything that can be wrong and name the remedy of what is."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from bezant.cli.exits import Exit, Stop

if TYPE_CHECKING:
    from bezant.cli.checkup import Finding

AREAS: Final = ("machine", "settings", "secrets", "keys", "hsm", "database", "broker")


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(doctor)


def doctor(
    area: Annotated[
        str | None, typer.Argument(help=f"One of {', '.join(AREAS)}; all if not named.")
    ] = None,
    data: Annotated[Path | None, typer.Option(help="Data folder.", show_default=".bezant")] = None,
    live: Annotated[bool, typer.Option("--live", help="Judge as a live installation.")] = False,
    deep: Annotated[
        bool,
        typer.Option(
            "--deep", help="Also read every table, index and the log; takes up to minutes."
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Facts as JSON.")] = False,
) -> None:
    """Check everything that can be wrong; each failure names its remedy."""
    if area is not None and area not in AREAS:
        raise Stop(f"There is no area {area!r}.", f"Areas are {', '.join(AREAS)}.", Exit.USAGE)
    from bezant.cli.checkup import Health, examine
    from bezant.cli.environment import load_settings
    from bezant.cli.installation import place_of
    from bezant.cli.screen import show_json

    settings = load_settings({"BEZANT_DATA": str(data) if data else None})
    place = place_of(settings.platform.data)
    findings = examine(settings, place, area, live=live or settings.live, deep=deep)
    wrong = sum(finding.health is Health.WRONG for finding in findings)
    if as_json:
        show_json({"healthy": wrong == 0, "findings": [asdict(finding) for finding in findings]})
    else:
        _show(findings, wrong)
    if wrong:
        raise typer.Exit(Exit.WRONG)


def _show(findings: "list[Finding]", wrong: int) -> None:
    from rich.text import Text

    from bezant.cli.checkup import Health
    from bezant.cli.screen import AMBER, GREEN, LABEL_WIDTH, RED, console

    marks = {Health.GOOD: ("✓", GREEN), Health.NOTE: ("!", AMBER), Health.WRONG: ("✗", RED)}
    out = console()
    out.print()
    area = ""
    for finding in findings:
        line = Text(
            "  " + (finding.area if finding.area != area else "").ljust(LABEL_WIDTH), style="dim"
        )
        area = finding.area
        mark, colour = marks[finding.health]
        line.append(f"{mark} ", style=colour)
        line.append(finding.found, style="not dim")
        out.print(line)
        if finding.remedy:
            out.print(Text(" " * (LABEL_WIDTH + 4) + finding.remedy, style="dim"))
    out.print()
    notes = sum(finding.health is Health.NOTE for finding in findings)
    summary = (
        "All is well" if not wrong else f"{wrong} thing{'s' if wrong > 1 else ''} to put right"
    )
    out.print(Text(f"  {summary}" + (f"; {notes} to know." if notes else "."), style="bold"))
    out.print()
