"""`bezant serve gateway --instances N`: several gateways behind one port, each a process."""

import asyncio
import os
import sys
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from bezant.cli.exits import Exit, Stop
from bezant.http.usher import INSTANCES_MAX, Usher

if TYPE_CHECKING:
    from bezant.cli.beside import Beside
    from bezant.wiring.house import House

START_SECONDS_MAX: Final = 120.0
END_SECONDS_MAX: Final = 20.0
PAUSE_SECONDS: Final = 0.1
AGAIN_SECONDS: Final = 1.0  # After an instance ended by itself, the next one begins;
AGAIN_SECONDS_MAX: Final = 30.0  # each time it ends at once, a little later.
LIVED_SECONDS: Final = 30.0


async def serve_instances(here: "Beside", unit: str, count: int, *, as_json: bool) -> None:
    """Serve a unit by so many processes behind its port, until told to stop."""
    from bezant.cli.life import stopping, write_logs
    from bezant.cli.screen import show_facts, show_json
    from bezant.http.serve import CannotListen, hold_port
    from bezant.wiring.front import stands_in_front
    from bezant.wiring.gate import secure_addresses

    if not 1 <= count <= INSTANCES_MAX:
        raise Stop(f"There are 1 to {INSTANCES_MAX} instances.", "Choose --instances.", Exit.USAGE)
    told = stopping()
    platform = here.settings.platform
    addresses = [(platform.host, platform.port), *secure_addresses(here.settings)]
    async with AsyncExitStack() as stack:
        stack.callback(write_logs(here.settings, here.place, unit))
        # Short, whatever the data folder is called: such an address has a hundred characters.
        place = Path(stack.enter_context(TemporaryDirectory(prefix="bezant-"))) / "usher"
        try:
            listeners = [hold_port(*address) for address in addresses]
        except CannotListen as taken:
            raise Stop(f"{taken.args[-1]}.", "Choose another --port.") from None
        usher = Usher(place, listeners)
        usher.start()
        stack.push_async_callback(usher.stop)
        ports = [one.getsockname()[1] for one in listeners]
        words = _words(here, unit, place, ports[0])
        # There may be more of them than ours, on other machines.
        gateways = max(count, here.settings.edge.gateways)
        kept = [asyncio.create_task(_keep(words, gateways), name="instance") for _ in range(count)]
        stack.push_async_callback(_end, kept)
        await _first(usher, told)
        scheme = "https" if stands_in_front(here.settings) else "http"
        url = f"{scheme}://{platform.host}:{ports[0]}"
        if as_json:
            show_json({"unit": unit, "http": [url], "instances": count})
        else:
            facts = [("HTTP", url), ("Instances", str(count)), ("Stop", "Ctrl-C")]
            show_facts(f"{unit} runs {count} times behind one port", facts)
        await told.wait()


def _words(here: "Beside", unit: str, place: Path, port: int) -> list[str]:
    """Return the command of one instance."""
    platform = here.settings.platform
    return [
        sys.executable, "-m", "bezant.cli.main", "serve", unit, "--behind", str(place),
        "--data", str(here.place.folder), "--host", platform.host, "--port", str(port),
        "--profile", platform.profile, "--json",
    ]  # fmt: skip


async def _keep(words: list[str], gateways: int) -> None:
    """Keep one of so many gateways alive: where one ends, another begins."""
    settings = {**os.environ, "GATEWAYS": str(gateways)}
    loop = asyncio.get_running_loop()
    pause = AGAIN_SECONDS
    while True:
        began_at = loop.time()
        running = await asyncio.create_subprocess_exec(
            *words,
            env=settings,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for us; we end them in order.
        )
        try:
            await running.wait()
        except asyncio.CancelledError:
            await _ended(running)
            raise
        pause = AGAIN_SECONDS if loop.time() - began_at > LIVED_SECONDS else pause * 2
        await asyncio.sleep(min(pause, AGAIN_SECONDS_MAX))


async def _ended(running: asyncio.subprocess.Process) -> None:
    """Ask an instance to end, and see that it does."""
    with suppress(ProcessLookupError):
        running.terminate()
    try:
        async with asyncio.timeout(END_SECONDS_MAX):
            await running.wait()
    except TimeoutError:
        with suppress(ProcessLookupError):
            running.kill()
        await running.wait()


async def _end(kept: list["asyncio.Task[None]"]) -> None:
    for one in kept:
        one.cancel()
    await asyncio.gather(*kept, return_exceptions=True)


async def _first(usher: Usher, told: asyncio.Event) -> None:
    """Wait until one instance is well, or nobody wants that any more."""
    with suppress(TimeoutError):
        async with asyncio.timeout(START_SECONDS_MAX):
            while not usher.well and not told.is_set():
                await asyncio.sleep(PAUSE_SECONDS)
    if not usher.well and not told.is_set():
        raise Stop("No instance is well.", "Look at `bezant logs`.", Exit.UNHEALTHY)


async def serve_behind(house: "House", place: Path, told: asyncio.Event) -> None:
    """Be one of the instances: serve what the usher hands out, until it or somebody ends us."""
    from bezant.http.handed import Handed
    from bezant.http.serve import Serving

    main, *others = house.listenings
    serving = Serving([main, *(one for one in others if one.tls is not None)])
    running = asyncio.create_task(serving.run_handed(), name="http")
    while not serving.started and not running.done():
        await asyncio.sleep(PAUSE_SECONDS / 10)
    handed = Handed(place, serving, main.application)
    house.traffic.begin()
    handed.start()
    ending = [asyncio.create_task(one.wait()) for one in (told, handed.over)]
    await asyncio.wait([running, *ending], return_when=asyncio.FIRST_COMPLETED)
    for one in ending:
        one.cancel()
    house.traffic.end()
    await handed.leave()
    serving.stop()
    await running
