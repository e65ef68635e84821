"""The emulators of the providers beside a demo: in its data folder, by its business time."""

import os
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import Final

from bezant.clock import BusinessClock, Clock
from bezant.db import business_clock
from bezant.db.database import Database
from bezant.http.routes import Routes
from bezant.http.serve import Listening
from bezant.ids import Ids
from bezant.sandbox.door import Door, Moved
from bezant.sandbox.http import routes as sandbox_routes
from bezant.sandbox.site import LOOPBACK, Sandbox, SandboxPlan, addresses, build_sandbox
from bezant.settings import Settings
from bezant.wiring.providers import sandbox_access
from bezant.wiring.site import Site
from bezant.wiring.workbench import Workbench

SANDBOX: Final = "sandbox"
PORTS_ABOVE: Final = 10
PORT_LAST: Final = 65_528  # Eight ports in a row end at the last one there is.


def sandbox_port(settings: Settings, main: int | None = None) -> int:
    """Return the first port of the emulators; 0 where every port is the system's choice."""
    platform = settings.platform
    if platform.sandbox_port is not None:
        return platform.sandbox_port
    port = platform.port if main is None else main
    return min(port + PORTS_ABOVE, PORT_LAST) if port else 0


def emulators(settings: Settings) -> list[tuple[str, int]]:
    """Return the addresses of the emulators that this process answers itself."""
    port = sandbox_port(settings)
    return [] if settings.live or settings.platform.sandbox_apart or not port else addresses(port)


def sandbox_desk(settings: Settings) -> str:
    """Return the address at which the emulators of this process are looked at, if there are any."""
    here = emulators(settings)
    return f"http://{here[0][0]}:{here[0][1]}" if here else ""


class TimeOfDemo:
    """Business time as the office's sandbox moves it."""

    def __init__(self, database: Database, real: Clock) -> None:
        self._database = database
        self._real = real

    async def where(self) -> Moved:
        """Return where business time is."""
        return self._at(await business_clock.ahead(self._database), followed=True)

    async def move(self, by: timedelta) -> Moved:
        """Move it ahead, and wait until everybody follows."""
        ahead = await business_clock.move(self._database, by)
        followed = await business_clock.all_follow(self._database, ahead)
        return self._at(ahead, followed=followed)

    def _at(self, ahead: timedelta, *, followed: bool) -> Moved:
        return Moved(BusinessClock(self._real, ahead).now(), ahead, followed)


async def sandbox_page(bench: Workbench) -> Routes:
    """Return what the office asks of the sandbox; a live installation has none to ask."""
    port = 0 if bench.site.live or bench.settings.live else sandbox_port(bench.settings)
    door = Door(f"http://{LOOPBACK}:{port}" if port else "")
    return sandbox_routes(door, TimeOfDemo(await bench.database("jobs", 1), bench.real))


async def sandbox_beside(bench: Workbench) -> Sequence[Listening]:
    """Open the emulators in this process, unless they are elsewhere or nowhere."""
    return (await open_sandbox(bench)).listenings if emulators(bench.settings) else ()


async def open_sandbox(bench: Workbench) -> Sandbox:
    """Open the emulators on a workbench; their webhooks go to the main listener."""
    platform = bench.settings.platform
    access = sandbox_access(f"http://{LOOPBACK}:{platform.port}")
    plan = SandboxPlan(
        bench.site.folder / SANDBOX, sandbox_port(bench.settings), bench.site.live, access
    )
    return await bench.stack.enter_async_context(build_sandbox(plan, bench.clock, os.urandom))


@asynccontextmanager
async def build_sandbox_apart(
    settings: Settings, site: Site, real: Clock, ids: Ids
) -> AsyncGenerator[Sandbox]:
    """Run the emulators in a process of their own, which follows the business time of the demo."""
    async with AsyncExitStack() as stack:
        bench = Workbench(stack, settings, site, real, ids, SANDBOX)
        await bench.follow_business_time()
        yield await open_sandbox(bench)
