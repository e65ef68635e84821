"""`bezant logs`: what the units wrote, readable; `-f` stays and follows."""

import json
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final, cast

import typer

from bezant.cli.exits import Exit, Stop

POLL_SECONDS: Final = 0.2
LINES_MAX: Final = 100_000


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(logs)


def logs(
    unit: Annotated[str | None, typer.Argument(help="One unit; all if not named.")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Stay and show new lines.")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, max=LINES_MAX, help="How many.")] = 50,
    data: Annotated[Path | None, typer.Option(help="Data folder.", show_default=".bezant")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Lines as they were written.")] = False,
) -> None:
    """Show what the platform or one unit wrote."""
    from bezant.cli.environment import load_settings
    from bezant.cli.installation import place_of
    from bezant.cli.units import unit_named

    settings = load_settings({"BEZANT_DATA": str(data) if data else None})
    folder = place_of(settings.platform.data).logs
    wanted = unit_named(unit, settings.platform.profile) if unit else None
    pattern = f"{wanted}.log" if wanted else "*.log"
    files = _files(folder, pattern)
    if not files and not follow:
        raise Stop(
            f"{wanted or 'Nothing'} has written no log in {folder} yet.",
            "Units of one process share `bezant logs`.",
            Exit.NOT_RUNNING,
        )
    for line in _last_lines(files, lines):
        typer.echo(line if as_json else readable(line))
    if follow:
        for line in _new_lines(folder, pattern):
            typer.echo(line if as_json else readable(line))


def readable(line: str) -> str:
    """Turn one JSON line into words; what is no JSON stays as it is."""
    from bezant.telemetry import render

    try:
        return render(line.encode()).rstrip("\n")
    except (ValueError, AttributeError):
        return line


def _files(folder: Path, pattern: str) -> list[Path]:
    """Return the units' files; what `error.log` holds stands in them already."""
    return sorted(path for path in folder.glob(pattern) if path.name != "error.log")


def _last_lines(files: list[Path], count: int) -> list[str]:
    """Return the last lines of all files together, in the order of their times."""
    tail: list[str] = []
    for file in files:
        with file.open(encoding="utf-8", errors="replace") as handle:
            tail += deque((line.rstrip("\n") for line in handle), maxlen=count)
    return sorted(tail, key=_time_of)[-count:]


def _time_of(line: str) -> str:
    """Return when a line was written; PostgreSQL's own begin with the time, with a space in it."""
    try:
        return str(cast("dict[str, object]", json.loads(line)).get("ts", ""))
    except (ValueError, AttributeError):
        return line[:23].replace(" ", "T")


def _new_lines(folder: Path, pattern: str) -> Iterator[str]:
    """Yield whole lines as they appear, also from files that appear later or begin anew."""
    seen = {file: file.stat().st_size for file in _files(folder, pattern)}
    while True:
        for file in _files(folder, pattern):
            begin, end = seen.get(file, 0), file.stat().st_size
            begin = 0 if end < begin else begin  # The file was rotated.
            if end == begin:
                continue
            with file.open("rb") as handle:
                handle.seek(begin)
                piece = handle.read(end - begin)
            whole = piece[: piece.rfind(b"\n") + 1]
            seen[file] = begin + len(whole)
            yield from whole.decode(errors="replace").splitlines()
        time.sleep(POLL_SECONDS)
