"""`bezant sandbox`: try things in a demo; here its clock, which can be moved.

The desk of the providers' emulators stands in `sandbox_desk.py`.
"""

import re
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from bezant.cli import sandbox_desk
from bezant.cli.exits import Exit, Stop

if TYPE_CHECKING:
    from bezant.cli.beside import Beside

group = typer.Typer(help="Try things in a demo.", no_args_is_help=True)

_UNITS: Final = {"w": "weeks", "d": "days", "h": "hours", "m": "minutes", "s": "seconds"}
_STEP: Final = re.compile(r"\+((?:\d{1,9}[wdhms])+)\Z")
_PART: Final = re.compile(r"(\d+)([wdhms])")


def add_to(app: typer.Typer) -> None:
    """Add the group."""
    sandbox_desk.add_to(group)
    app.add_typer(group, name="sandbox")


@group.callback()
def sandbox() -> None:
    """Try things in a demo."""


@group.command()
def clock(
    by: Annotated[
        str | None, typer.Argument(help="How far to move it, such as +6h or +1d12h.")
    ] = None,
    data: Annotated[Path | None, typer.Option(help="Data folder.", show_default=".bezant")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Facts as JSON.")] = False,
) -> None:
    """Show the clock of a demo, or move it ahead; it never goes back."""
    import asyncio

    from bezant.cli.beside import beside
    from bezant.cli.screen import show_facts, show_json
    from bezant.clock import BusinessClock, RealClock

    step = _step(by) if by is not None else None
    here = beside(data)
    if here.live:
        raise Stop("A live installation keeps the machine's time.", "Try it in a demo: bezant up")
    ahead, followed = asyncio.run(_clock(here, step))
    now = BusinessClock(RealClock(), ahead).now()
    if as_json:
        seconds = ahead // timedelta(seconds=1)
        show_json({"now": now.isoformat(), "ahead_seconds": seconds, "followed": followed})
    else:
        told = f"{ahead} ahead of the machine's" if ahead else "the machine's own time"
        lines = [("Now", f"{now:%Y-%m-%d %H:%M:%S} UTC, {told}")]
        if not followed:
            lines.append(("", "A process does not follow yet: look at bezant logs."))
        show_facts("The clock of this demo", lines)
    if not followed:
        raise typer.Exit(Exit.UNHEALTHY)


def _step(text: str) -> timedelta:
    """Read how far to move, `+1d12h`."""
    wrong = Stop(f"{text!r} is no step forward.", "Write it like +6h or +1d12h.", Exit.USAGE)
    match = _STEP.match(text)
    if match is None:
        raise wrong
    try:
        parts = [timedelta(**{_UNITS[unit]: int(n)}) for n, unit in _PART.findall(match[1])]
        return sum(parts, timedelta())
    except OverflowError:
        raise wrong from None


async def _clock(here: "Beside", step: timedelta | None) -> tuple[timedelta, bool]:
    """Move the clock if asked to; return how far ahead it is and whether all processes follow."""
    from bezant.clock import RealClock
    from bezant.db import business_clock
    from bezant.db.database import Database

    async with AsyncExitStack() as stack:
        database = await Database.open(
            here.ground().roles["jobs"], name="jobs", size_max=1, clock=RealClock()
        )
        stack.push_async_callback(database.close)
        if step is None:
            return await business_clock.ahead(database), True
        ahead = await business_clock.move(database, step)
        return ahead, await business_clock.all_follow(database, ahead)
