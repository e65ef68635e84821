"""What a person sees in the terminal: a table of measures, and bars drawn against their bars."""

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from bench.measure import Result

BAR_CELLS = 40
SCALE_MAX = 2.0
"""A result twice its bar fills the line; what is better still ends in an arrow."""


def show(result: Result, console: Console | None = None) -> None:
    """Print a result as a table and a chart."""
    (console or Console()).print(
        Group(_machine(result), _table(result), _chart(result), _verdict(result))
    )


def number(value: float | None) -> str:
    """Write a value with as many digits as it deserves."""
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _machine(result: Result) -> RenderableType:
    line = ", ".join(f"{name} {value}" for name, value in result.machine.items())
    return Text(line, style="dim")


def _table(result: Result) -> RenderableType:
    table = Table(title=f"bezant bench {result.name}", title_justify="left")
    table.add_column("measure")
    for column in ("value", "bar", "aim"):
        table.add_column(column, justify="right")
    table.add_column("unit")
    table.add_column("met")
    for measure in result.measures:
        met = {True: "[green]yes[/]", False: "[red]no[/]", None: "[dim]-[/]"}[measure.met]
        table.add_row(
            measure.id,
            number(measure.value),
            number(measure.bar),
            number(measure.aim),
            measure.unit,
            met,
        )
    return table


def _chart(result: Result) -> RenderableType:
    lines = [Text("How far beyond its bar (|) each measure is", style="dim")]
    mark = round(BAR_CELLS / SCALE_MAX)
    for measure in result.measures:
        beyond = measure.strength
        if beyond is None:
            continue
        filled = min(BAR_CELLS, round(beyond / SCALE_MAX * BAR_CELLS))
        cells = ["█" if cell < filled else "·" for cell in range(BAR_CELLS)]
        cells[mark] = "|"
        arrow = "▶" if beyond > SCALE_MAX else " "
        line = Text(f"{measure.id:<26} ")
        line.append("".join(cells) + arrow, style="green" if measure.met else "red")
        line.append(f" {beyond:.2f}")
        lines.append(line)
    return Group(*lines)


def _verdict(result: Result) -> RenderableType:
    if result.problems:
        return Text("\n".join(["This run is invalid:", *result.problems]), style="bold red")
    missed = [measure.id for measure in result.measures if measure.met is False]
    if missed:
        return Text(f"Valid run, bars missed: {', '.join(missed)}", style="yellow")
    return Text("Valid run, every measured bar met.", style="green")
