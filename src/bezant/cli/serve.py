"""`bezant serve`: run one module, or what several are met at, as a process beside a database."""

from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from bezant.cli.exits import Stop

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncGenerator, Coroutine, Mapping, Sequence
    from contextlib import AbstractAsyncContextManager

    from bezant.cli.beside import Beside
    from bezant.cli.units import Unit
    from bezant.http.serve import Listening
    from bezant.settings import Settings
    from bezant.wiring.house import Apart, House

ANY_PORT: Final = "127.0.0.1:0"


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(serve)


def serve(
    unit: Annotated[str, typer.Argument(help="A module or a unit of the profile, such as ledger.")],
    data: Annotated[Path | None, typer.Option(help="Data folder.", show_default=".bezant")] = None,
    grpc: Annotated[
        str | None,
        typer.Option(help="host:port for the other modules.", show_default="<MODULE>_GRPC"),
    ] = None,
    host: Annotated[
        str | None, typer.Option(help="Address for HTTP.", show_default="127.0.0.1")
    ] = None,
    port: Annotated[
        int | None, typer.Option(help="Port for HTTP of what is met at one.", show_default="8080")
    ] = None,
    metrics_port: Annotated[
        int | None,
        typer.Option(help="Port on 127.0.0.1 for /health and /metrics.", show_default="none"),
    ] = None,
    profile: Annotated[
        str | None, typer.Option(help="Whose names and ports.", show_default="default")
    ] = None,
    instances: Annotated[
        int | None,
        typer.Option(help="So many processes behind the gateway's port.", show_default="one"),
    ] = None,
    behind: Annotated[
        Path | None, typer.Option(hidden=True, help="Where such a process is handed its callers.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Facts as JSON.")] = False,
) -> None:
    """Run one module, or one door of several, in a process of its own."""
    import asyncio

    import uvloop

    from bezant.cli.beside import beside

    here = beside(
        data,
        BEZANT_HOST=host,
        PORT=None if port is None else str(port),
        METRICS_PORT=None if metrics_port is None else str(metrics_port),
        BEZANT_PROFILE=profile,
        BEZANT_LIVE=None,
    )
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_work(here, unit, grpc, port, instances, behind, as_json=as_json))


def _work(
    here: "Beside",
    unit: str,
    grpc: str | None,
    port: int | None,
    instances: int | None,
    behind: Path | None,
    *,
    as_json: bool,
) -> "Coroutine[object, object, None]":
    """Return what is to be done for a unit."""
    from bezant.cli.instances import serve_instances
    from bezant.cli.sandbox_apart import SANDBOX, serve_sandbox
    from bezant.cli.units import unit_named

    if unit == SANDBOX:
        return serve_sandbox(here, as_json=as_json)
    wanted = unit_named(unit, here.settings.platform.profile)
    is_met = wanted.port is not None and len(wanted.modules) > 1
    if not wanted.main and not is_met and len(wanted.modules) != 1:
        raise Stop(f"{unit} is no module that can have a process of its own.", "Use bezant up.")
    if instances is None:
        return _serve(here, wanted, grpc, port, behind, as_json=as_json)
    if not wanted.main:
        raise Stop(f"{unit} is one process.", "Several instances are for the gateway.")
    return serve_instances(here, unit, instances, as_json=as_json)


async def _serve(
    here: "Beside",
    unit: "Unit",
    grpc: str | None,
    port: int | None,
    behind: Path | None,
    *,
    as_json: bool,
) -> None:
    from bezant.cli.instances import serve_behind
    from bezant.cli.life import stopping, write_logs

    told = stopping()
    async with AsyncExitStack() as stack:
        stack.callback(
            write_logs(here.settings, here.place, unit.log if not unit.main else unit.name)
        )
        facts: dict[str, list[str]] = {"modules": list(unit.modules)}
        if unit.main or len(unit.modules) > 1:
            house = await stack.enter_async_context(_whole(here))
            if behind is not None:
                await serve_behind(house, behind, told)
                return
            listenings, traffic = _listenings_of(here, unit, house, port), house.traffic
        else:
            apart = await stack.enter_async_context(_apart(here, unit, grpc, facts))
            listenings, traffic = apart.listenings, apart.traffic
        serving = await _listening(stack, listenings, facts)
        traffic.begin()
        stack.callback(traffic.end)
        _show(unit.name, facts, as_json=as_json)
        await _until(told, serving)


def _whole(here: "Beside") -> "AbstractAsyncContextManager[House]":
    """Build what everybody is met at: modules with a process of their own are called there."""
    from bezant.cli.checkup_inside import examiner
    from bezant.clock import RealClock
    from bezant.ids import Ids
    from bezant.wiring.house import build

    clock, settings = RealClock(), _beside(here)
    examine = examiner(settings, here.place, live=here.live)
    return build(settings, here.site(), clock, Ids(clock), examine)


@asynccontextmanager
async def _apart(
    here: "Beside", unit: "Unit", grpc: str | None, facts: dict[str, list[str]]
) -> "AsyncGenerator[Apart]":
    from bezant.clock import RealClock
    from bezant.ids import Ids
    from bezant.wiring.house import build_apart

    (module,) = unit.modules
    clock = RealClock()
    address = grpc or here.settings.platform.peers.get(module, ANY_PORT)
    building = build_apart(module, address, _beside(here), here.site(), clock, Ids(clock))
    async with building as apart:
        facts["grpc"] = [f"{address.rpartition(':')[0]}:{apart.grpc_port}"]
        yield apart


def _listenings_of(
    here: "Beside", unit: "Unit", house: "House", port: int | None
) -> "Sequence[Listening]":
    """Return where this unit is met: the gateway at the main listener, others at their own."""
    from bezant.wiring.edges import listeners_of

    if unit.main:
        return [one for one in house.listenings if one in house.listenings[:1] or one.tls]
    own = {port for row, _, port in listeners_of(here.settings) if row.unit == unit.name}
    found = [one for one in house.listenings if one.port in own]
    return [one if port is None else replace(one, port=port) for one in found]


async def _listening(
    stack: AsyncExitStack, listenings: "Sequence[Listening]", facts: dict[str, list[str]]
) -> "asyncio.Task[None] | None":
    from bezant.cli.listening import listen

    if not listenings:
        return None
    serving, ports = await stack.enter_async_context(listen(listenings))
    facts["http"] = [
        f"{'https' if one.tls else 'http'}://{one.host}:{bound}"
        for one, bound in zip(listenings, ports, strict=True)
    ]
    return serving


async def _until(told: "asyncio.Event", serving: "asyncio.Task[None] | None") -> None:
    """Wait until somebody asks for the end, or serving ends by itself."""
    import asyncio

    waiting = asyncio.create_task(told.wait())
    await asyncio.wait(
        {waiting} | ({serving} if serving else set()), return_when=asyncio.FIRST_COMPLETED
    )
    if serving is not None and serving.done():
        serving.result()
    waiting.cancel()


def _show(unit: str, facts: "Mapping[str, list[str]]", *, as_json: bool) -> None:
    from bezant.cli.screen import show_facts, show_json

    if as_json:
        show_json({"unit": unit, **facts})
    else:
        lines = [(name, ", ".join(told)) for name, told in facts.items()]
        show_facts(f"{unit} runs on its own", [*lines, ("Stop", "Ctrl-C")])


def _beside(here: "Beside") -> "Settings":
    """Return the settings of a process beside a platform: the emulators are the platform's, and so
    is an Envoy, and where people sign in.

    A second process that opened the emulators would send their webhooks to itself; one with another
    issuer would write its own addresses into the clients of all.
    """
    from bezant.cli.installation import read_running
    from bezant.wiring.front import further_gateway
    from bezant.wiring.sandbox import sandbox_port

    running = read_running(here.place)
    main_port = running.port if running else None
    port = sandbox_port(here.settings, main_port)
    platform = replace(here.settings.platform, sandbox_apart=True, sandbox_port=port)
    identity = here.settings.identity
    if running is not None and not identity.issuer_url:
        identity = replace(identity, issuer_url=running.issuer)
    settings = replace(here.settings, platform=platform, identity=identity)
    return further_gateway(settings, main_port)
