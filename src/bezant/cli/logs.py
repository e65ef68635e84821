"""`bezant logs`: what the units wrote, readable; `-f` stays and follows."""

import json
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, cast

import typer

from bezant.cli.exits import Exit, Stop

if TYPE_CHECKING:
    from bezant.cli.units import Unit

WHOLE: Final = "bezant"

POLL_SECONDS: Final = 0.2
LINES_MAX: Final = 100_000


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(logs)


def logs(
    unit: Annotated[str | None, typer.Argument(help="One unit; all if not named.")] = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Stay and show new lines.")
    ] = False,
    lines: Annotated[
        int, typer.Option("--lines", "-n", min=1, max=LINES_MAX, help="How many.")
    ] = 50,
    data: Annotated[Path | None, typer.Option(help="Data folder.", show_default=".bezant")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Lines as they were written.")] = False,
) -> None:
    """Show what the platform or one unit wrote."""
    from bezant.cli.environment import load_settings
    from bezant.cli.installation import place_of, read_running
    from bezant.cli.units import unit_named

    settings = load_settings({"BEZANT_DATA": str(data) if data else None})
    place = place_of(settings.platform.data)
    folder = place.logs
    running = read_running(place)
    profile = running.profile if running else settings.platform.profile
    wanted = unit_named(unit, profile) if unit else None
    chosen = Chosen(folder, wanted)
    if not chosen.files() and not follow:
        raise Stop(
            f"{unit or 'Nothing'} has written no log in {folder} yet.",
            "Start the platform with bezant up.",
            Exit.NOT_RUNNING,
        )
    for line in _last_lines(chosen, lines):
        typer.echo(line if as_json else readable(line))
    if follow:
        for line in _new_lines(chosen):
            typer.echo(line if as_json else readable(line))


class Chosen:
    """The lines somebody wants: all, or one unit's, which may share a process with others."""

    def __init__(self, folder: Path, unit: "Unit | None") -> None:
        self._folder = folder
        self._unit = unit
        self._modules = frozenset(unit.modules) if unit and not unit.main else frozenset[str]()

    def files(self) -> list[Path]:
        """Return the files to look into; what `error.log` holds stands in the others already."""
        found = sorted(path for path in self._folder.glob("*.log") if path.name != "error.log")
        if self._unit is None:
            return found
        names = {self._unit.log, WHOLE} if self._modules else {self._unit.log}
        return [path for path in found if path.stem in names]

    def wants(self, line: str) -> bool:
        """Tell whether a line is the unit's."""
        return not self._modules or _field(line, "log") in self._modules


def readable(line: str) -> str:
    """Turn one JSON line into words; what is no JSON stays as it is."""
    from bezant.telemetry import render

    try:
        return render(line.encode()).rstrip("\n")
    except (ValueError, AttributeError):
        return line


def _last_lines(chosen: Chosen, count: int) -> list[str]:
    """Return the last lines of all files together, in the order of their times."""
    tail: list[str] = []
    for file in chosen.files():
        with file.open(encoding="utf-8", errors="replace") as handle:
            tail += deque(
                (line.rstrip("\n") for line in handle if chosen.wants(line)), maxlen=count
            )
    return sorted(tail, key=_time_of)[-count:]


def _time_of(line: str) -> str:
    """Return when a line was written; PostgreSQL's own begin with the time, with a space in it."""
    return _field(line, "ts") or line[:23].replace(" ", "T")


def _field(line: str, name: str) -> str:
    try:
        return str(cast("dict[str, object]", json.loads(line)).get(name, ""))
    except (ValueError, AttributeError):
        return ""


def _new_lines(chosen: Chosen) -> Iterator[str]:
    """Yield whole lines as they appear, also from files that appear later or begin anew."""
    seen = {file: file.stat().st_size for file in chosen.files()}
    while True:
        for file in chosen.files():
            begin, end = seen.get(file, 0), file.stat().st_size
            begin = 0 if end < begin else begin  # The file was rotated.
            if end == begin:
                continue
            with file.open("rb") as handle:
                handle.seek(begin)
                piece = handle.read(end - begin)
            whole = piece[: piece.rfind(b"\n") + 1]
            seen[file] = begin + len(whole)
            lines = whole.decode(errors="replace").splitlines()
            yield from (line for line in lines if chosen.wants(line))
        time.sleep(POLL_SECONDS)
