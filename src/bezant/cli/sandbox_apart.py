"""`bezant serve sandbox`: the providers' emulators in a process of their own."""

from contextlib import AsyncExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from bezant.cli.exits import Stop

if TYPE_CHECKING:
    from bezant.cli.beside import Beside
    from bezant.settings import Settings

SANDBOX: Final = "sandbox"


async def serve_sandbox(here: "Beside", *, as_json: bool) -> None:
    """Serve the emulators beside a running demo until told to stop."""
    import asyncio

    from bezant.cli.life import stopping, write_logs
    from bezant.cli.listening import listen
    from bezant.cli.screen import show_facts, show_json
    from bezant.clock import RealClock
    from bezant.ids import Ids
    from bezant.wiring.sandbox import build_sandbox_apart

    if here.live:
        raise Stop("A live installation has no sandbox.", "Try it in a demo: bezant up")
    told = stopping()
    clock = RealClock()
    async with AsyncExitStack() as stack:
        stack.callback(write_logs(here.settings, here.place, SANDBOX))
        sandbox = await stack.enter_async_context(
            build_sandbox_apart(_beside(here), here.site(), clock, Ids(clock))
        )
        serving, ports = await stack.enter_async_context(listen(sandbox.listenings))
        urls = {
            name: f"http://127.0.0.1:{port}"
            for name, port in zip(sandbox.names, ports, strict=True)
        }
        if as_json:
            show_json({"unit": SANDBOX, "urls": urls})
        else:
            show_facts("The sandbox runs on its own", [*urls.items(), ("Stop", "Ctrl-C")])
        waiting = asyncio.create_task(told.wait())
        await asyncio.wait({waiting, serving}, return_when=asyncio.FIRST_COMPLETED)
        if serving.done():
            serving.result()
        waiting.cancel()


def _beside(here: "Beside") -> "Settings":
    """Return the settings with the port the platform really has: events are sent there."""
    from bezant.cli.installation import read_running

    running = read_running(here.place)
    if running is None:
        return here.settings
    return replace(here.settings, platform=replace(here.settings.platform, port=running.port))
