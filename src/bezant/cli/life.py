"""The life of a running platform: checks first, start in order, stop in reverse."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import bezant
from bezant import telemetry
from bezant.cli.exits import Stop
from bezant.cli.ground import DATABASE, Ground, embedded_ground, own_ground
from bezant.cli.installation import (
    DEMO,
    LIVE,
    Installation,
    Place,
    Running,
    check_room,
    key_path,
    make_folders,
    make_installation,
    present,
    read_installation,
    sign_lock,
    take_lock,
    write_running,
)
from bezant.cli.listening import close, first_answer, hold_all, listen
from bezant.cli.realms import lay_out_realm
from bezant.cli.sample import sample_of
from bezant.cli.screen import show_line, step, wants_json
from bezant.cli.welcome import Demo, show_welcome
from bezant.clock import RealClock
from bezant.ids import Ids
from bezant.secret import Secret
from bezant.settings import Settings, refusals
from bezant.telemetry import traces

if TYPE_CHECKING:
    from bezant.cli.listening import Held
    from bezant.cli.sample import Sample
    from bezant.wiring.house import House

STOPPING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
UNIT: Final = "bezant"
"""The log of the platform in one process."""


def live_in_foreground(settings: Settings, place: Place, *, as_json: bool) -> None:
    """Start, stay until told to stop, and stop in order."""
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_until_told(settings, place, as_json=as_json))


async def _until_told(settings: Settings, place: Place, *, as_json: bool) -> None:
    """Live until a signal comes; one that comes while starting ends the start."""
    told = stopping()
    async with AsyncExitStack() as stack:
        starting = asyncio.create_task(_start(stack, settings, place, as_json=as_json))
        ending = asyncio.create_task(told.wait())
        await asyncio.wait({starting, ending}, return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            serving = starting.result()
            await asyncio.wait({serving, ending}, return_when=asyncio.FIRST_COMPLETED)
            if serving.done():
                serving.result()
        else:
            starting.cancel()
            with suppress(asyncio.CancelledError):
                await starting
        ending.cancel()
        if not as_json:
            show_line("  stopping …", style="dim")
    if not as_json:
        show_line("  ✓ stopped; everything acknowledged is on disk")


def stopping() -> asyncio.Event:
    """Return what is set when somebody asks this process to end."""
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in STOPPING:
        loop.add_signal_handler(number, told.set)
    return told


async def _start(
    stack: AsyncExitStack, settings: Settings, place: Place, *, as_json: bool
) -> "asyncio.Task[None]":
    """Start everything in order; return the task that ends when serving ends."""
    from bezant.wiring.issuer import issuer_of

    found = recognise(settings, place)
    settings, held = hold_all(settings)
    stack.callback(close, held)
    address = settings.platform
    make_folders(place)
    lock = take_lock(place)
    if lock is None:
        raise Stop(f"Another process has just started on {place.folder}.", "Ask bezant status.")
    stack.callback(lock.close)
    sign_lock(lock)
    place.record.unlink(missing_ok=True)  # What a crash left behind speaks of nobody.
    mode = LIVE if settings.live else DEMO
    installation = found or make_installation(place, mode, address.key_file)
    stack.callback(write_logs(settings, place, UNIT, to_screen=False))
    house = await _raise_house(stack, settings, place, installation)
    running = Running(
        pid=os.getpid(),
        host=address.host,
        port=address.port,
        mode=installation.mode,
        profile=address.profile,
        started_at=present(),
        version=bezant.__version__,
        healthy=True,
        issuer=issuer_of(settings).base,
    )
    sample, is_new = None, not place.sample.exists()
    if installation.mode == DEMO:
        with step("laying out the samples", "the samples are laid out"):
            sample = await sample_of(place.sample, house, Ids(RealClock()))
            await lay_out_realm(house, sample.merchant)
    with step("opening the doors", "the doors are open"):
        serving, port = await _open_doors(stack, settings, place, house, held)
        running = replace(running, port=port)
        await first_answer(running.url)
    write_running(place, running)
    stack.callback(place.record.unlink, missing_ok=True)
    demo = None if sample is None else await _demo(settings, running.url, sample, is_new=is_new)
    show_welcome(place, installation, running, demo, as_json=as_json)
    write_logs(settings, place, UNIT)
    return serving


async def _open_doors(
    stack: AsyncExitStack, settings: Settings, place: Place, house: "House", held: "Held"
) -> "tuple[asyncio.Task[None], int]":
    """Listen; return the task that ends when serving ends, and the port people come to."""
    serving, ports = await stack.enter_async_context(listen(house.listenings, held))
    house.traffic.begin()
    stack.callback(house.traffic.end)
    if house.envoy is None:
        return serving, ports[0]
    from bezant.wiring.envoy import running as envoy_running

    level = settings.envoy.log_level
    await stack.enter_async_context(envoy_running(house.envoy, place.logs, level=level))
    return serving, settings.platform.port


async def _demo(settings: Settings, url: str, sample: "Sample", *, is_new: bool) -> Demo:
    """Let the sample shop of a new demo take its first payment; return what a demo shows."""
    from secrets import token_hex

    from bezant.cli.story import Shop, pay_an_order
    from bezant.wiring.providers import emulates_everything
    from bezant.wiring.sandbox import sandbox_desk

    paid: dict[str, str] = {}
    if is_new and emulates_everything(settings):
        shop = Shop(url, sample.secret_key, sample.publishable_key)
        try:
            issued = settings.platform.receipts != "none"
            paid = await asyncio.to_thread(pay_an_order, shop, token_hex(6), receipts=issued)
        except Stop as stopped:  # A demo that cannot is started all the same.
            show_line(f"  ! no first order: {stopped}", style="dim")
    return Demo(sample, paid, sandbox_desk(settings))


def recognise(settings: Settings, place: Place) -> Installation | None:
    """Refuse what must not start; return the installation that is there. Changes nothing."""
    found = read_installation(place)
    if found is not None and found.mode == DEMO and settings.live:
        raise Stop(
            f"{place.folder} holds a demo installation; it never becomes a live one.",
            "Start live in a folder of its own: bezant up --live --data DIR",
        )
    if found is not None and found.mode == LIVE and not settings.live:
        raise Stop(
            f"{place.folder} holds a live installation; it is not started as a demo.",
            "Start it with: bezant up --live",
        )
    refused = refusals(settings, live=settings.live)
    if refused:
        lines = [f"{mistake.name} {mistake.problem}: {mistake.remedy}." for mistake in refused]
        raise Stop("\n".join(lines), "Nothing was started or changed.")
    check_room(place)
    if settings.database.address() is None:
        _require_database(place, found)
    if found is not None:
        key_path(found, settings.platform.key_file)
    return found


def _require_database(place: Place, found: Installation | None) -> None:
    """Refuse to make an empty database for an installation that had one.

    A first start that was interrupted wrote `state.json` and nothing else that is told here.
    """
    if _holds_anything(place.postgres):
        return
    lived = (place.folder / "keystore", place.sample, place.logs / "postgres.log")
    had_one = found is not None and any(path.exists() for path in lived)
    if had_one or _holds_anything(place.heads):
        raise Stop(
            f"{place.folder} is what is left of an installation: its database "
            f"({place.postgres.name}/) is not there.",
            "Nothing was changed, and no empty database was made in its place. Put the folder "
            f"{place.postgres.name}/ back, or restore a backup: bezant restore BACKUP --data NEW. "
            "If its database is your own, name it again with DATABASE_URL. "
            "To begin anew, choose another folder with --data.",
        )


def _holds_anything(folder: Path) -> bool:
    return folder.is_dir() and any(folder.iterdir())


def write_logs(
    settings: Settings, place: Place, unit: str, *, to_screen: bool = True
) -> Callable[[], None]:
    """Begin to write logs and traces: as JSON to the unit's file, and to the terminal."""
    human = settings.logs.format == "human" and not wants_json()
    screen = sys.stderr if wants_json() else sys.stdout
    telemetry.configure(
        telemetry.Level.of(settings.logs.level),
        stream=screen if to_screen else None,
        human=human,
        colour=human and sys.stdout.isatty(),
        file=place.logs / f"{unit}.log",
        further=settings.logs.file,
    )
    if settings.logs.otlp_endpoint is not None:
        traces.start_traces(settings.logs.otlp_endpoint.reveal(), unit)

    def shut() -> None:
        traces.stop_traces()
        telemetry.shut()

    return shut


async def _raise_house(
    stack: AsyncExitStack, settings: Settings, place: Place, installation: Installation
) -> "House":
    """Start the database, bring it up to date, and build the house on it."""
    from bezant import schemas
    from bezant.cli.checkup_inside import examiner
    from bezant.wiring.house import build
    from bezant.wiring.lent import load_key_file
    from bezant.wiring.site import Site

    key = load_key_file(key_path(installation, settings.platform.key_file))
    address = settings.database.address()
    if address is None:
        ground = await _start_database(stack, place, key)
    else:
        with step("asking your own database", "using your own database; the embedded one rests"):
            pass
        ground = own_ground(settings, address, schemas.ROLES, key)
    with step("bringing the tables up to date", "the tables are up to date"):
        await schemas.migrate(ground.administrators, ground.passwords)
    site = Site(
        folder=place.folder,
        installation=installation.id,
        live=installation.mode == LIVE,
        key=key,
        databases=ground.roles,
    )
    clock = RealClock()
    with step("building the house", "the modules are up"):
        examine = examiner(settings, place, live=site.live)
        building = build(settings, site, clock, Ids(clock), examine)
        return await stack.enter_async_context(building)


async def _start_database(stack: AsyncExitStack, place: Place, key: Secret[bytes]) -> Ground:
    from bezant import schemas
    from bezant.db.embedded import EmbeddedServer

    server = EmbeddedServer(place.folder)
    doing = "starting PostgreSQL" if place.postgres.exists() else "making the database"
    with step(doing, "PostgreSQL 18 is up, private to this folder"):
        await server.start()
    stack.push_async_callback(server.stop)
    await schemas.create_database(server.administrator_dsn(), DATABASE)
    administrator = Secret(server.administrator_dsn(DATABASE))
    return embedded_ground(server, administrator, schemas.ROLES, key)
