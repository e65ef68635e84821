"""`bezant status`: what runs on this data, and whether it answers."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, cast

import typer

from bezant.cli.exits import Exit, Stop

if TYPE_CHECKING:
    from bezant.cli.installation import Place, Running

HEALTH_SECONDS_MAX: Final = 5.0


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(status)


def status(
    unit: Annotated[str | None, typer.Argument(help="One unit; all if not named.")] = None,
    data: Annotated[Path | None, typer.Option(help="Data folder.", show_default=".bezant")] = None,
    profile: Annotated[
        str | None, typer.Option(help="Whose names.", show_default="the running one's")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Facts as JSON.")] = False,
) -> None:
    """Show what runs on this data and whether it answers."""
    from bezant.cli.environment import load_settings
    from bezant.cli.installation import place_of
    from bezant.cli.screen import show_json
    from bezant.cli.units import unit_named

    settings = load_settings({"BEZANT_DATA": str(data) if data else None})
    place = place_of(settings.platform.data)
    running = running_or_stop(place)
    facts = facts_of(place, running)
    if unit is not None:
        wanted = unit_named(unit, profile or running.profile)
        facts["unit"] = wanted.name
        facts["modules"] = list(wanted.modules)
    if as_json:
        show_json(facts)
    else:
        show_running(place, running, "Bezant runs", health=str(facts["health"]))
    if facts["health"] != "ok":
        raise typer.Exit(Exit.UNHEALTHY)


def running_or_stop(place: "Place") -> "Running":
    """Return what runs here, or end the command."""
    from bezant.cli.installation import is_locked, read_running

    running = read_running(place)
    if running is None:
        starting = is_locked(place)
        raise Stop(
            f"A process just starts on {place.folder}."
            if starting
            else f"Nothing runs on {place.folder}.",
            "Ask again in a moment." if starting else "Start it with `bezant up`.",
            Exit.UNHEALTHY if starting else Exit.NOT_RUNNING,
        )
    return running


def facts_of(place: "Place", running: "Running", health: str = "") -> dict[str, object]:
    """Return what a program may want to know about a running platform."""
    return {
        "url": running.url,
        "health": health or health_of(running),
        "mode": running.mode,
        "profile": running.profile,
        "version": running.version,
        "pid": running.pid,
        "started_at": running.started_at,
        "data": str(place.folder),
    }


def health_of(running: "Running") -> str:
    """Ask the platform itself how it is."""
    from urllib.error import HTTPError, URLError
    from urllib.request import urlopen

    try:
        with urlopen(running.url + "/health", timeout=HEALTH_SECONDS_MAX) as answer:  # noqa: S310
            told = cast("dict[str, object]", json.loads(answer.read()))
    except HTTPError as answer:
        return f"unhealthy (HTTP {answer.code})"
    except (URLError, OSError, ValueError):
        return "no answer"
    return str(told.get("status", "no answer"))


def show_running(place: "Place", running: "Running", title: str, *, health: str = "ok") -> None:
    """Write what runs, for people."""
    from bezant.cli.screen import show_facts

    show_facts(
        title,
        [
            ("Open", f"{running.url}/docs"),
            ("Health", health),
            ("Mode", f"{running.mode}, profile {running.profile}"),
            ("Since", f"{running.started_at}   process {running.pid}   version {running.version}"),
            ("Data", str(place.folder)),
            ("Logs", "bezant logs -f"),
            ("Stop", "bezant down"),
        ],
        tag="DEMO" if running.mode == "demo" else "",
    )
