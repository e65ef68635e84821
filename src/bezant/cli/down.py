"""`bezant down`: stop the platform; with `--erase`, and only after asking, remove its data."""

import os
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from bezant.cli.exits import Exit, Stop

if TYPE_CHECKING:
    from bezant.cli.installation import Installation, Place

STOP_SECONDS_MAX: Final = 20.0
POLL_SECONDS: Final = 0.05


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(down)


def down(
    data: Annotated[Path | None, typer.Option(help="Data folder.", show_default=".bezant")] = None,
    erase: Annotated[
        bool, typer.Option("--erase", help="Also remove all data. Asks first.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask (demo data only).")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Facts as JSON.")] = False,
) -> None:
    """Stop what runs on this data."""
    from bezant.cli.environment import load_settings
    from bezant.cli.installation import place_of, read_installation
    from bezant.cli.screen import show_json, show_line

    settings = load_settings({"BEZANT_DATA": str(data) if data else None})
    place = place_of(settings.platform.data)
    installation = read_installation(place)
    if erase:
        _ask(place, installation, yes=yes)
    stopped = _stop(place)
    if erase:
        _erase(place, installation)
    if not stopped and not erase:
        raise Stop(f"Nothing runs on {place.folder}.", "", Exit.NOT_RUNNING)
    if as_json:
        show_json({"stopped": stopped, "erased": erase, "data": str(place.folder)})
        return
    if stopped:
        show_line("  Stopped.")
    if erase:
        show_line(f"  Erased {place.folder} and its key file.")


def _stop(place: "Place") -> bool:
    """Ask the process that holds the lock to end, and wait until the lock is free."""
    from bezant.cli.installation import is_locked, lock_holder

    if not is_locked(place):
        return False
    pid = lock_holder(place)
    if pid is None:
        raise Stop(f"A process works on {place.folder}, but it left no number.", "Find and end it.")
    try:
        os.kill(pid, signal.SIGTERM)
    except ProcessLookupError:
        pass
    except PermissionError:
        raise Stop(f"Process {pid} belongs to another user.", "Stop it as that user.") from None
    deadline = time.monotonic() + STOP_SECONDS_MAX
    while is_locked(place):
        if time.monotonic() > deadline:
            raise Stop(
                f"Process {pid} did not stop within {STOP_SECONDS_MAX:.0f} s.",
                f"Look at bezant logs. Last resort: kill -9 {pid}; what was acknowledged stays.",
                Exit.UNHEALTHY,
            )
        time.sleep(POLL_SECONDS)
    return True


def _ask(place: "Place", installation: "Installation | None", *, yes: bool) -> None:
    """Make sure that a person means it; a live installation is named by hand."""
    if installation is None:
        raise Stop(f"There is no data in {place.folder}.", "", Exit.NOT_RUNNING)
    if installation.mode == "live":
        word, what = installation.id, "a LIVE installation and its key: its books cannot come back"
    else:
        word, what = "erase", "demo data and its key"
        if yes:
            return
    if not sys.stdin.isatty():
        raise Stop(
            f"Erasing {place.folder} needs an answer, and nobody is there to give it.",
            "Run it in a terminal."
            if installation.mode == "live"
            else "Run it in a terminal, or add --yes.",
            Exit.USAGE,
        )
    typer.echo(f"  {place.folder} holds {what}.")
    if typer.prompt(f"  Type {word} to remove it for good", default="", show_default=False) != word:
        raise Stop("Nothing was erased.", "", Exit.WRONG)


def _erase(place: "Place", installation: "Installation | None") -> None:
    shutil.rmtree(place.folder)
    if installation is not None:
        Path(installation.key_file).unlink(missing_ok=True)
