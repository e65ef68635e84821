"""What everything is built with: clocks, databases, certificates, recurring work."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from bezant.clock import Clock
from bezant.db.business_clock import ClockFollower
from bezant.db.database import Database, Limits
from bezant.db.feeds import StoredFeed
from bezant.db.jobs import JobRunner, Tick, Turn
from bezant.db.recent_feed import RecentFeed
from bezant.db.watched_feed import WatchedFeed
from bezant.events import Feed
from bezant.gateway.health import Traffic
from bezant.ids import Ids
from bezant.rpc.breaker import BreakerState
from bezant.settings import Settings
from bezant.telemetry.metrics import Meters
from bezant.wiring.site import Site

if TYPE_CHECKING:
    from bezant.rpc.authority import Authority
    from bezant.rpc.channel import Channel
    from bezant.rpc.papers import FolderIssuer

Port = TypeVar("Port")
FEED_CONNECTIONS_MAX: Final = 2
PAPERS: Final = "pki"
CLOSED: Final = BreakerState.CLOSED
RENEWAL: Final = "rpc.renew_papers"
RENEW_EVERY_SECONDS: Final = 60.0


class Workbench:
    """What everything is built with."""

    def __init__(
        self,
        stack: AsyncExitStack,
        settings: Settings,
        site: Site,
        real: Clock,
        ids: Ids,
        name: str,
    ) -> None:
        self.stack = stack
        self.settings = settings
        self.site = site
        self.real = real
        """The machine's time: keys, sessions, logins, certificates and signatures live by it."""
        self.clock = real
        """Business time: a demo may move it."""
        self.ids = ids
        self.name = name
        """Who we are towards other processes."""
        self.meters = Meters()
        self.traffic = Traffic()
        self.ticks: list[Tick] = []
        """What the modules of this process look after now and then."""
        self._feeds: dict[str, Feed] = {}
        self._followed: dict[str, WatchedFeed] = {}
        self._channels: list[Channel] = []
        self._shows_papers = False

    async def follow_business_time(self) -> None:
        """Let business time be moved from now on; a live installation's is the machine's."""
        if not self.site.live:
            follower = ClockFollower(await self.database("jobs", 1), self.real)
            self.stack.push_async_callback(follower.stop)
            await follower.start()
            self.clock = follower.clock

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

    async def feed(self, module: str, source: str) -> Feed:
        """Return a module's feed as its database tells it; its followers here share it."""
        if module not in self._feeds:
            database = await self.database(module, FEED_CONNECTIONS_MAX)
            self._feeds[module] = RecentFeed(StoredFeed(database, module, source=source))
        return self._feeds[module]

    def followed(self, follower: str, of: str, feed: Feed) -> Feed:
        """Return the feed as one follower reads it, with its lag on the page of metrics."""
        watched = self._followed[f"{follower} of {of}"] = WatchedFeed(feed)
        return watched

    async def run_jobs(self) -> None:
        """Begin to look after what modules look after; ends before anything of theirs closes."""
        watch = asyncio.create_task(self.meters.watch_loop(), name="loop watch")
        self.stack.callback(watch.cancel)
        self._show_lags()
        if self.ticks or self._shows_papers:
            ticks = [*self.ticks, Tick(RENEWAL, RENEW_EVERY_SECONDS, self._renew_papers)]
            runner = JobRunner(
                self.site.databases["jobs"], await self.database("jobs"), ticks=ticks
            )
            runner.start()
            self.stack.push_async_callback(runner.stop)

    def _show_lags(self) -> None:
        """Show on the page of metrics who is behind, and whom nobody asks at present."""
        self.meters.gauges(
            "bezant_rpc_breaker_open",
            "1 while another process is not asked because it does not answer.",
            "peer",
            self._silent_peers,
        )
        self.meters.gauges(
            "bezant_follower_behind_events",
            "Events of a feed that its follower read last and may still have to handle.",
            "follower",
            lambda: {name: feed.behind for name, feed in self._followed.items()},
        )
        self.meters.gauges(
            "bezant_follower_stuck_seconds",
            "For how long a follower has not got past the same event; more than a minute is wrong.",
            "follower",
            lambda: {name: feed.stuck_seconds for name, feed in self._followed.items()},
        )

    def _silent_peers(self) -> dict[str, int]:
        silent = {one.module for one in self._channels if one.breaker_state is not CLOSED}
        return {one.module: int(one.module in silent) for one in self._channels}

    def papers(self, module: str = "") -> "FolderIssuer":
        """Return the certificate this process shows to others: its own, or of a module it keeps."""
        from bezant.rpc.papers import FolderIssuer  # noqa: PLC0415 - only between processes

        return FolderIssuer(self.papers_folder(module or self.name))

    def papers_folder(self, module: str) -> Path:
        """Return where a module's certificate lies; it is replaced there before it ends."""
        self._shows_papers = True
        return self._authority().issue(module)

    def _authority(self) -> "Authority":
        from bezant.rpc.authority import Authority  # noqa: PLC0415 - only between processes

        return Authority(self.site.folder / PAPERS, self.site.installation, self.real)

    async def _renew_papers(self, turn: Turn) -> None:
        """Renew every process's papers, whoever's they are: the one that shows them may be gone.

        Two processes that renew at once take turns by the folder's lock.
        """
        del turn
        if (self.site.folder / PAPERS).is_dir():
            await asyncio.to_thread(self._authority().renew)

    def elsewhere(self, port: type[Port], module: str, caller: str = "") -> Port | None:
        """Return a module's port if it has a process of its own that is not this one.

        It is called in the name of this process, or of a module that this process keeps.
        """
        address = self.settings.platform.peers.get(module)
        if address is None or module == self.name:
            return None
        from bezant.rpc.channel import Channel  # noqa: PLC0415 - only between processes
        from bezant.rpc.far import far  # noqa: PLC0415

        calls = self.meters.tally(
            "bezant_rpc_calls", "Calls of other processes.", "peer", "method", "outcome"
        )
        channel = Channel(address, module, self.papers(caller), calls=calls)
        self._channels.append(channel)
        self.stack.push_async_callback(channel.close)
        return far(port, channel)
