"""`bezant up`: start the platform, or say where it already runs."""

import gc
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from bezant.cli.exits import Exit, Stop

if TYPE_CHECKING:
    from bezant.cli.installation import Place, Running
    from bezant.settings import Settings

DETACH_SECONDS_MAX: Final = 120.0  # A first start downloads nothing but makes a database.
JOIN_SECONDS_MAX: Final = 60.0
POLL_SECONDS: Final = 0.1
OUTPUT_LINES_SHOWN: Final = 20


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(up)


def up(
    data: Annotated[Path | None, typer.Option(help="Data folder.", show_default=".bezant")] = None,
    host: Annotated[str | None, typer.Option(help="Address.", show_default="127.0.0.1")] = None,
    port: Annotated[
        int | None, typer.Option(help="Port; 0 takes a free one.", show_default="8080")
    ] = None,
    profile: Annotated[
        str | None,
        typer.Option(
            help="default, poc, platform, peopletrust or merchant.", show_default="default"
        ),
    ] = None,
    live: Annotated[
        bool, typer.Option("--live", help="Without demo data; refuses well-known secrets.")
    ] = False,
    edge: Annotated[
        str | None,
        typer.Option(help="own, or envoy: an Envoy stands in front.", show_default="own"),
    ] = None,
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Go to the background.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Facts as JSON.")] = False,
) -> None:
    """Start the platform; in a new folder in demo mode."""
    from bezant.cli.environment import load_settings
    from bezant.cli.installation import place_of

    settings = load_settings(
        {
            "BEZANT_DATA": str(data) if data else None,
            "BEZANT_HOST": host,
            "PORT": None if port is None else str(port),
            "BEZANT_PROFILE": profile,
            "EDGE": edge,
            "BEZANT_LIVE": "yes" if live else None,
        }
    )
    place = place_of(settings.platform.data)
    running = _already(place)
    if running is not None:
        _join(place, running, settings, as_json=as_json)
    elif detach:
        _start_behind(place, as_json=as_json)
    else:
        gc.disable()  # Until the house stands (`settle_memory`): what is loaded now stays.
        from bezant.cli.life import live_in_foreground

        live_in_foreground(settings, place, as_json=as_json)


def _already(place: "Place") -> "Running | None":
    """Return what runs here, waiting for one that is just starting or just stopping."""
    from bezant.cli.installation import is_locked, read_running

    deadline = time.monotonic() + JOIN_SECONDS_MAX
    while is_locked(place):
        running = read_running(place)
        if running is not None and running.healthy:
            return running
        if time.monotonic() > deadline:
            raise Stop(
                f"Another process works on {place.folder} and is not ready.",
                "Look at `bezant logs`, or end it with `bezant down`.",
                Exit.UNHEALTHY,
            )
        time.sleep(POLL_SECONDS)
    return None


def _join(place: "Place", running: "Running", settings: "Settings", *, as_json: bool) -> None:
    from bezant.cli.status import facts_of, show_running
    from bezant.settings import Source

    asked = settings.platform
    given = settings.given
    differs = [
        f"{word} {now}, not {wanted}"
        for name, word, now, wanted in (
            ("BEZANT_HOST", "on address", running.host, asked.host),
            ("PORT", "on port", str(running.port), str(asked.port)),
            ("BEZANT_PROFILE", "with profile", running.profile, asked.profile),
            ("BEZANT_LIVE", "as", running.mode, "live" if settings.live else "demo"),
        )
        if name in given and given[name].source > Source.PROFILE and now != wanted
    ]
    if differs:
        raise Stop(
            f"Bezant already runs on this data, {'; '.join(differs)}.",
            "Stop it first with `bezant down`, or choose another folder with --data.",
        )
    if as_json:
        from bezant.cli.screen import show_json

        show_json(facts_of(place, running))
    else:
        show_running(place, running, "Bezant already runs on this data")


def _start_behind(place: "Place", *, as_json: bool) -> None:
    """Start in the background and return when it answers."""
    from bezant.cli.installation import make_folders, read_installation, read_running
    from bezant.cli.screen import show_json
    from bezant.cli.status import facts_of, show_running

    read_installation(place)
    make_folders(place)
    output = place.logs / "start.out"
    arguments = [word for word in sys.argv[1:] if word not in {"--detach", "-d", "--json"}]
    with output.open("wb") as sink:
        child = subprocess.Popen(  # noqa: S603 - ourselves, with the same arguments
            [sys.executable, "-m", "bezant.cli.main", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            env={**os.environ, "LOG_FORMAT": "json", "BEZANT_DETACHED": "1"},
            start_new_session=True,
        )
    deadline = time.monotonic() + DETACH_SECONDS_MAX
    while time.monotonic() < deadline:
        running = read_running(place)
        if running is not None and running.pid == child.pid and running.healthy:
            if as_json:
                show_json(facts_of(place, running))
            else:
                show_running(place, running, "Bezant runs in the background")
            return
        if child.poll() is not None:
            _tell_failed_start(output, child.returncode)
        time.sleep(POLL_SECONDS)
    child.terminate()
    child.wait()
    raise Stop(
        f"It did not become healthy within {DETACH_SECONDS_MAX:.0f} s and was stopped.",
        f"Look at {output}.",
        Exit.UNHEALTHY,
    )


def _tell_failed_start(output: Path, code: int) -> None:
    said = [
        line.strip() for line in output.read_text(errors="replace").splitlines() if line.strip()
    ]
    known = {int(member) for member in Exit}
    raise Stop(
        "\n".join(line.removeprefix("✗ ") for line in said[-OUTPUT_LINES_SHOWN:])
        or "The background process ended without a word.",
        f"All it said stands in {output}.",
        Exit(code) if code in known and code != 0 else Exit.BUG,
    )
