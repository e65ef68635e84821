"""Who holds whom: the only page that constructs services, in the order in which they start.

Read `build` from top to bottom: each module is opened on its own database role and handed to those
above it. What is entered first is left last, so a house stops in the opposite order. A module that
has a process of its own (`<MODULE>_GRPC`) is called there, and nobody who holds its port can tell;
`build_apart` is such a process.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Final, TypeVar

from bezant.clock import Clock
from bezant.db.database import Database, Limits
from bezant.db.jobs import JobRunner, Tick, Turn
from bezant.gateway.app import Alias, Ground
from bezant.gateway.app import build as build_listener
from bezant.gateway.health import Health
from bezant.gateway.profile import Listener, Profile, load_profile
from bezant.http.edge import Edge, Rules
from bezant.http.limits import MemoryLimits, Rule
from bezant.http.routes import Routes
from bezant.http.serve import Listening, settle_memory
from bezant.identity.callers import RememberedCallers
from bezant.identity.http import routes as identity_routes
from bezant.identity.port import Identity
from bezant.identity.rules import operator
from bezant.identity.service import IdentityService
from bezant.ids import Ids
from bezant.keys.file import FileProvider
from bezant.keys.keyfile import create_key_file, load_key_file
from bezant.keys.port import Keys
from bezant.keys.service import KeysService
from bezant.ledger import feed as ledger_feed
from bezant.ledger import jobs as ledger_jobs
from bezant.ledger.http import routes as ledger_routes
from bezant.ledger.port import Ledger, LedgerFeed
from bezant.ledger.proof import Proof, Verified
from bezant.ledger.service import LedgerService
from bezant.rpc.near import near
from bezant.secret import Secret
from bezant.settings import Settings
from bezant.telemetry.metrics import Meters

if TYPE_CHECKING:
    from bezant.rpc.papers import FolderIssuer

__all__ = [
    "FEEDS",
    "MODULES",
    "Apart",
    "House",
    "Proof",
    "Site",
    "Verified",
    "Workbench",
    "addresses",
    "build",
    "build_apart",
    "create_key_file",
    "load_key_file",
    "open_book",
    "operator",
]

Port = TypeVar("Port")
MODULES: Final = ("keys", "identity", "ledger")
"""What can have a process of its own."""
FEEDS: Final = {"ledger": ledger_feed.SOURCE}
"""The relation of the events of each module that has a feed."""
GATEWAY: Final = "gateway"
SLOW_QUESTIONS: Final = Limits(statement_seconds=300, transaction_seconds=330)
"""A report reads every entry of a month; nothing else may take so long."""
SLOW_CONNECTIONS_MAX: Final = 2
TIDY_EVERY_SECONDS: Final = 3_600.0
RENEWAL: Final = "rpc.renew_papers"
RENEW_EVERY_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class Site:
    """Where a house is built: its folder, its key, and the address of each module's database."""

    folder: Path
    installation: str
    live: bool
    key: Secret[bytes]
    databases: Mapping[str, Secret[str]]


@dataclass(frozen=True, slots=True)
class House:
    """Everything that was built and is running. The first of the listenings is the main one."""

    keys: Keys
    identity: Identity
    ledger: Ledger
    listenings: Sequence[Listening]


@dataclass(frozen=True, slots=True)
class Apart:
    """One module that runs in this process for others to call."""

    grpc_port: int
    listenings: Sequence[Listening]


@asynccontextmanager
async def build(settings: Settings, site: Site, clock: Clock, ids: Ids) -> AsyncGenerator[House]:
    """Build the house, keep it running while the block lasts, and take it down in order."""
    async with AsyncExitStack() as stack:
        bench = Workbench(stack, settings, site, clock, ids, GATEWAY)

        keys = await keys_port(bench)
        identity, callers = await identity_port(bench, keys)
        ledger = await ledger_port(bench)

        routes = [identity_routes(identity, ids), *ledger_routes(ledger)]
        ground = _ground(bench, identity, callers)
        listenings = [
            Listening(host, port, _edge(bench, listener, routes, ground))
            for listener, host, port in _listeners(settings)
        ]
        await bench.run_jobs()
        settle_memory()
        yield House(keys, identity, ledger, listenings)


@asynccontextmanager
async def build_apart(
    module: str, address: str, settings: Settings, site: Site, clock: Clock, ids: Ids
) -> AsyncGenerator[Apart]:
    """Build one module, offer its port to other processes, and answer HTTP if a profile says so."""
    from bezant.rpc.serve import Server, serve  # noqa: PLC0415 - one process needs no gRPC

    async with AsyncExitStack() as stack:
        bench = Workbench(stack, settings, site, clock, ids, module)
        server = Server(bench.papers(), clock)
        routes: list[Routes] = []
        match module:
            case "keys":
                serve(server, Keys, await open_keys(bench))
            case "identity":
                serve(server, Identity, await open_identity(bench, await keys_port(bench)))
            case "ledger":
                ledger, feed = await open_ledger(bench)
                serve(server, Ledger, ledger)
                serve(server, LedgerFeed, feed)
                routes += ledger_routes(near(Ledger, ledger))
            case _:
                raise AssertionError(module)
        port = await server.start(address)
        stack.push_async_callback(server.stop)

        listeners = [row for row in _listeners(settings) if module in row[0].modules and routes]
        listenings: list[Listening] = []
        if listeners:
            identity, callers = await identity_port(bench, await keys_port(bench))
            ground = _ground(bench, identity, callers)
            listenings = [
                Listening(host, port, _edge(bench, listener, routes, ground))
                for listener, host, port in listeners
            ]
        await bench.run_jobs()
        settle_memory()
        yield Apart(port, listenings)


class Workbench:
    """What everything is built with."""

    def __init__(
        self,
        stack: AsyncExitStack,
        settings: Settings,
        site: Site,
        clock: Clock,
        ids: Ids,
        name: str,
    ) -> None:
        self.stack = stack
        self.settings = settings
        self.site = site
        self.clock = clock
        self.ids = ids
        self.name = name
        """Who we are towards other processes."""
        self.meters = Meters()
        self.ticks: list[Tick] = []
        """What the modules of this process look after now and then."""

    async def database(
        self, module: str, size_max: int = 0, limits: Limits | None = None
    ) -> Database:
        """Open a module's database under its own role."""
        opened = await Database.open(
            self.site.databases[module],
            name=module,
            size_max=size_max or self.settings.database.connections_max,
            clock=self.clock,
            limits=limits,
        )
        self.stack.push_async_callback(opened.close)
        return opened

    async def run_jobs(self) -> None:
        """Begin to look after what modules look after; ends before anything of theirs closes."""
        watch = asyncio.create_task(self.meters.watch_loop(), name="loop watch")
        self.stack.callback(watch.cancel)
        if self.ticks:
            runner = JobRunner(
                self.site.databases["jobs"], await self.database("jobs"), ticks=self.ticks
            )
            runner.start()
            self.stack.push_async_callback(runner.stop)

    def papers(self) -> "FolderIssuer":
        """Return the certificate this process shows to others."""
        from bezant.rpc.authority import Authority  # noqa: PLC0415 - only between processes
        from bezant.rpc.papers import FolderIssuer  # noqa: PLC0415

        authority = Authority(self.site.folder / "pki", self.site.installation, self.clock)
        if not any(tick.name == RENEWAL for tick in self.ticks):

            async def renew(turn: Turn) -> None:
                del turn  # Two processes that renew at once take turns by the folder's lock.
                await asyncio.to_thread(authority.renew)

            self.ticks.append(Tick(RENEWAL, RENEW_EVERY_SECONDS, renew))
        return FolderIssuer(authority.issue(self.name))

    def elsewhere(self, port: type[Port], module: str) -> Port | None:
        """Return a module's port if it has a process of its own that is not this one."""
        address = self.settings.platform.peers.get(module)
        if address is None or module == self.name:
            return None
        from bezant.rpc.channel import Channel  # noqa: PLC0415 - only between processes
        from bezant.rpc.far import far  # noqa: PLC0415

        channel = Channel(address, module, self.papers())
        self.stack.push_async_callback(channel.close)
        return far(port, channel)


async def keys_port(bench: Workbench) -> Keys:
    """Return the key room, near or far."""
    return bench.elsewhere(Keys, "keys") or near(Keys, await open_keys(bench))


async def open_keys(bench: Workbench) -> KeysService:
    """Open the key room on the encrypted folder of this installation."""
    provider = await FileProvider.open(bench.site.folder / "keystore", key=bench.site.key)
    service = KeysService(await bench.database("keys"), bench.clock, [provider])
    await service.start()
    return service


async def identity_port(bench: Workbench, keys: Keys) -> tuple[Identity, RememberedCallers]:
    """Return identity, near or far, with the memory of callers in front of it."""
    identity = bench.elsewhere(Identity, "identity")
    service = None if identity else await open_identity(bench, keys)
    if service is not None:
        identity = near(Identity, service)
    assert identity is not None
    callers = RememberedCallers(identity, bench.clock)
    if service is not None:
        service.when_rights_are_taken(callers.forget)
    await callers.start()
    bench.stack.push_async_callback(callers.stop)
    return identity, callers


async def open_identity(bench: Workbench, keys: Keys) -> IdentityService:
    """Open identity."""
    database = await bench.database("identity")
    service = IdentityService(database, bench.clock, bench.ids, keys, live=bench.site.live)
    await service.start()

    async def tidy(turn: Turn) -> None:
        del turn  # Deleting what is long over may happen twice.
        await service.tidy()

    bench.ticks.append(Tick("identity.tidy", TIDY_EVERY_SECONDS, tidy))
    return service


async def ledger_port(bench: Workbench) -> Ledger:
    """Return the book, near or far."""
    return bench.elsewhere(Ledger, "ledger") or near(Ledger, (await open_ledger(bench))[0])


async def open_ledger(bench: Workbench) -> tuple[LedgerService, LedgerFeed]:
    """Open the book with its feed and its proof; long questions have sessions of their own."""
    database = await bench.database("ledger")
    slowly = await bench.database("ledger", SLOW_CONNECTIONS_MAX, SLOW_QUESTIONS)
    keeper = ledger_feed.FeedKeeper(database)
    keeper.start()
    bench.stack.push_async_callback(keeper.stop)
    heads = bench.site.folder / "heads"
    proof = Proof(slowly, bench.clock)
    bench.stack.push_async_callback(proof.write_heads, heads)
    service = LedgerService(database, slowly, bench.clock, keeper.batch_written)
    bench.stack.push_async_callback(service.close)
    bench.meters.gauge("bezant_ledger_queued", "Commands waiting to be written.", _queued(service))
    bench.ticks += ledger_jobs.ticks(service, proof, database, heads, bench.clock)
    return service, ledger_feed.feed(database)


def _queued(service: LedgerService) -> Callable[[], int]:
    return lambda: service.queued


async def open_book(bench: Workbench) -> tuple[LedgerService, Proof]:
    """Open the book for a command beside a running platform: nothing recurring is started here."""
    database = await bench.database("ledger", SLOW_CONNECTIONS_MAX, SLOW_QUESTIONS)
    service = LedgerService(database, database, bench.clock)
    bench.stack.push_async_callback(service.close)
    return service, Proof(database, bench.clock)


def addresses(settings: Settings) -> list[tuple[str, int]]:
    """Return every address the house will answer on, the main one first."""
    return [(host, port) for _, host, port in _listeners(settings)]


def _listeners(settings: Settings) -> list[tuple[Listener, str, int]]:
    """Return what a profile opens while these modules exist; `PORT` moves the main one."""
    platform = settings.platform
    opened = load_profile(platform.profile).opens(MODULES)
    return [
        (listener, platform.host, platform.port if listener.main else listener.port)
        for listener in sorted(opened, key=lambda listener: not listener.main)
    ]


def _ground(bench: Workbench, identity: Identity, callers: RememberedCallers) -> Ground:
    async def database_answers() -> None:
        await identity.generation()

    health = Health(bench.clock, database=database_answers)
    return Ground(callers, MemoryLimits(monotonic), bench.meters, bench.ids, health)


def _edge(bench: Workbench, listener: Listener, routes: Sequence[Routes], ground: Ground) -> Edge:
    profile = load_profile(bench.settings.platform.profile)
    known = [one for one in routes if one.family in {None, profile.name}]
    return build_listener(
        [one for one in known if listener.serves(one.module)],
        service=listener.unit,
        ground=ground,
        rules=_rules(bench.settings, profile),
        title=profile.title,
        aliases=[Alias(path, of) for path, of in listener.aliases],
        services={
            name: frozenset(modules)
            for name, modules in listener.services.items()
            if frozenset(modules) & frozenset(MODULES)
        },
    )


def _rules(settings: Settings, profile: Profile) -> Rules:
    edge = settings.edge
    limit = edge.rate_limit
    own = None if limit is None else Rule(limit, edge.rate_window_milliseconds / 1000)
    return Rules(
        address=own or profile.address_rule,
        key=profile.key_rule,
        origins=edge.cors_origins,
        trusted_proxies=edge.trusted_proxies,
        dialect=profile.dialect,
    )
