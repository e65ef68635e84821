"""What `bezant doctor database` looks at: durability, tables, old transactions, jobs."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from bezant.cli.checkup import Case, Finding, Health
from bezant.cli.checkup_catalogue import functions, opened_for_doctor, soundness
from bezant.cli.checkup_completeness import completeness
from bezant.cli.checkup_payments import payments
from bezant.cli.exits import Exit, Stop
from bezant.cli.ground import Ground, running_ground
from bezant.cli.installation import key_path
from bezant.clock import RealClock
from bezant.errors import BezantError

if TYPE_CHECKING:
    from bezant.db.database import Database
    from bezant.db.feed_watch import FeedState, FollowerLag
    from bezant.secret import Secret

CLOCK_SECONDS_MAX: Final = 2.0
OLD_TRANSACTION_SECONDS: Final = 60.0
OLD_JOB_SECONDS: Final = 300.0
WAITING_EVENTS_MAX: Final = 1_000  # A busy sequencer is a few batches behind, never this many.
FOLLOWER_SECONDS: Final = 15  # Whoever follows looks every second; a busy batch may take some.
AREA: Final = "database"
LOOK_AT_LOGS: Final = "Look at bezant logs; it is tried again by itself."


def database(case: Case) -> Iterator[Finding]:
    """Look at the database that runs; without one there is nothing to look at."""
    from bezant.schemas import ROLES
    from bezant.wiring.lent import load_key_file

    if case.installation is None:
        yield Finding(
            AREA, "server", Health.NOTE, "There is no database yet", "Start one with bezant up."
        )
        return
    try:
        key = load_key_file(key_path(case.installation, case.settings.platform.key_file))
        ground = running_ground(case.settings, case.place, ROLES, key)
        yield from asyncio.run(_look(ground, deep=case.deep))
    except Stop as stop:
        resting = stop.exit_code is Exit.NOT_RUNNING
        yield Finding(
            AREA, "server", Health.NOTE if resting else Health.WRONG, stop.sentence, stop.remedy
        )
    except BezantError as wrong:
        yield Finding(
            AREA,
            "server",
            Health.WRONG,
            wrong.detail,
            "Look at bezant logs, then bezant down and up.",
        )


async def _look(ground: Ground, *, deep: bool) -> list[Finding]:
    async with opened_for_doctor(ground.administrator) as opened:
        found = [
            finding
            for look in (_server, _durability, _transactions)
            async for finding in look(opened)
        ]
    found += [finding async for finding in _migrations(ground)]
    if all(finding.health is Health.GOOD for finding in found if finding.check == "migrations"):
        looks = (functions, _jobs, _feeds, _followers, payments, completeness)
        found += [finding for look in looks async for finding in look(ground)]
    if deep:
        found += [finding async for finding in soundness(ground)]
    return found


async def _server(opened: "Database") -> AsyncIterator[Finding]:
    from bezant.db.durability import about

    server = await about(opened)
    if server.supported:
        yield Finding(AREA, "version", Health.GOOD, f"PostgreSQL {server.version} answers")
    else:
        yield Finding(
            AREA,
            "version",
            Health.WRONG,
            f"PostgreSQL {server.version} is not supported",
            "Use PostgreSQL 15 to 18.",
        )
    apart = abs(server.now - RealClock().now())
    if apart > timedelta(seconds=CLOCK_SECONDS_MAX):
        yield Finding(
            AREA,
            "clock",
            Health.WRONG,
            f"The database's clock is {apart.total_seconds():.0f} s away from this machine's",
            "Set both clocks, best by NTP.",
        )


async def _durability(opened: "Database") -> AsyncIterator[Finding]:
    from bezant.db.durability import settings_of

    found = await settings_of(opened)
    for setting in found:
        if not setting.good:
            yield Finding(
                AREA,
                setting.name,
                Health.WRONG,
                f"{setting.name} is {setting.setting}",
                f"Set it to {setting.wanted}: without it, what was acknowledged can be lost.",
            )
    if all(setting.good for setting in found):
        names = ", ".join(setting.name for setting in found)
        yield Finding(AREA, "durability", Health.GOOD, f"Acknowledged writes are kept ({names})")


async def _migrations(ground: Ground) -> AsyncIterator[Finding]:
    from bezant.schemas import missing_migrations

    try:
        missing = await missing_migrations(ground.administrators)
    except BezantError as wrong:
        yield Finding(
            AREA, "migrations", Health.WRONG, wrong.detail, "Run the version that wrote it."
        )
        return
    if missing:
        yield Finding(
            AREA,
            "migrations",
            Health.WRONG,
            f"{len(missing)} migrations are missing",
            "Run bezant migrate.",
        )
    else:
        yield Finding(AREA, "migrations", Health.GOOD, "The tables are those of this version")


async def _jobs(ground: Ground) -> AsyncIterator[Finding]:
    """Look whether what should happen now and then did, and whether anything piles up."""
    from bezant.db.job_watch import queue_depths, tick_states

    async with opened_for_doctor(ground.roles["jobs"]) as opened:
        ticks = await tick_states(opened)
        queues = await queue_depths(opened)
    for tick in ticks:
        if tick.trouble or tick.late:
            said = f"failed {tick.failures} times ({tick.trouble})" if tick.trouble else "is late"
            yield Finding(AREA, tick.name, Health.WRONG, f"{tick.name} {said}", LOOK_AT_LOGS)
    for queue in queues:
        if queue.failed or queue.oldest_seconds > OLD_JOB_SECONDS:
            said = f"{queue.waiting} jobs of {queue.queue} wait, {queue.failed} failed"
            yield Finding(AREA, f"queue {queue.queue}", Health.WRONG, said, LOOK_AT_LOGS)
    if not any(tick.trouble or tick.late for tick in ticks):
        yield Finding(AREA, "jobs", Health.GOOD, f"{len(ticks)} recurring jobs are on time")


async def _feeds(ground: Ground) -> AsyncIterator[Finding]:
    """Look whether events get their places; what holds one back is an old transaction."""
    from bezant.db.feed_watch import feed_states
    from bezant.wiring.modules import FEEDS

    states: list[FeedState] = []
    for address, modules in _together(ground, FEEDS):
        async with opened_for_doctor(address) as opened:
            states += await feed_states(opened, {module: FEEDS[module] for module in modules})
    for state in states:
        told = f"{state.head} events of {state.module} have their places, {state.waiting} wait"
        if state.waiting > WAITING_EVENTS_MAX:
            yield Finding(AREA, "feed", Health.WRONG, told, "End old transactions; restart bezant.")
        else:
            yield Finding(AREA, "feed", Health.GOOD, told)


async def _followers(ground: Ground) -> AsyncIterator[Finding]:
    """Look whether what happened is followed up; whoever is behind gets a while to move on."""
    behind = first = await _behind(ground)
    for _ in range(FOLLOWER_SECONDS):
        if not behind:
            break
        await asyncio.sleep(1)
        now = await _behind(ground)
        behind = {
            name: lag
            for name, lag in now.items()
            if name in behind and lag.position == first[name].position
        }
    for (module, feed), lag in behind.items():
        yield Finding(
            AREA,
            f"follower {module} of {feed}",
            Health.WRONG,
            f"{module} does not get past event {lag.position + 1} of {feed}; {lag.behind} wait",
            "Run bezant logs and look for follower.failed: it names the cause; it goes on by "
            "itself once that is gone. Without a platform that runs, start it.",
        )
    if not behind:
        yield Finding(AREA, "followers", Health.GOOD, "Whoever follows a feed moves on")


async def _behind(ground: Ground) -> "dict[tuple[str, str], FollowerLag]":
    """Return who has events to handle, by module and feed."""
    from bezant.db.feed_watch import feed_states, follower_lags
    from bezant.wiring.modules import FEEDS, FOLLOWERS

    found: dict[tuple[str, str], FollowerLag] = {}
    states: list[FeedState] = []
    for address, modules in _together(ground, FEEDS):
        async with opened_for_doctor(address) as opened:
            states += await feed_states(opened, {module: FEEDS[module] for module in modules})
    for address, modules in _together(ground, FOLLOWERS):
        async with opened_for_doctor(address) as opened:
            lags = await follower_lags(opened, modules, states)
        found |= {(lag.module, lag.feed): lag for lag in lags if lag.behind}
    return found


def _together(
    ground: Ground, modules: Iterable[str]
) -> "Iterator[tuple[Secret[str], tuple[str, ...]]]":
    """Put together the modules whose databases are one."""
    shared: dict[str, list[str]] = {}
    for module in modules:
        shared.setdefault(ground.administrators[module].reveal(), []).append(module)
    for found in shared.values():
        yield ground.administrators[found[0]], tuple(found)


async def _transactions(opened: "Database") -> AsyncIterator[Finding]:
    from bezant.db.watch import oldest_transactions

    old = await oldest_transactions(opened, OLD_TRANSACTION_SECONDS)
    for one in old:
        yield Finding(
            AREA,
            "transaction",
            Health.WRONG,
            f"{one.module or one.role} has a transaction open for {one.age_seconds:.0f} s"
            + (" and holds the feeds back" if one.wrote else ""),
            f"End it, or its session: SELECT pg_terminate_backend({one.pid})",
        )
    if not old:
        yield Finding(
            AREA,
            "transaction",
            Health.GOOD,
            f"No transaction is older than {OLD_TRANSACTION_SECONDS:.0f} s",
        )
