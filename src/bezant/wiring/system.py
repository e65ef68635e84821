"""What operators see of the house: a module's own role tells of its feed, `jobs` of the rest."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import bezant
from bezant.db.database import Database
from bezant.db.feed_watch import FeedState, FollowerLag, feed_states, follower_lags
from bezant.db.job_watch import queue_depths, tick_states, worker_states
from bezant.gateway.findings import Doctor, Examine
from bezant.gateway.http import (
    FeedStateAnswer,
    FollowerAnswer,
    ModuleAnswer,
    QueueAnswer,
    SystemAnswer,
    TickAnswer,
    TimeAnswer,
    WorkerAnswer,
)
from bezant.gateway.http import routes as system_routes
from bezant.http.routes import Routes
from bezant.wiring.modules import FEEDS, FOLLOWERS, MODULES
from bezant.wiring.workbench import Workbench


def system_page(bench: Workbench, examine: Examine) -> Routes:
    """Return what the office asks of the system, of its time, and of what is wrong with it."""

    async def look() -> SystemAnswer:
        return await _look(bench)

    def tell() -> TimeAnswer:
        return TimeAnswer(
            business_at=bench.clock.now(), machine_at=bench.real.now(), moves=not bench.site.live
        )

    return system_routes(look, tell, Doctor(examine, bench.real))


async def _look(bench: Workbench) -> SystemAnswer:
    platform = bench.settings.platform
    feeds: list[FeedState] = []
    followers: list[FollowerLag] = []
    for module, source in FEEDS.items():
        async with _opened(bench, module) as database:
            feeds += await feed_states(database, {module: source})
    for module in FOLLOWERS:
        async with _opened(bench, module) as database:
            followers += await follower_lags(database, (module,), feeds)
    async with _opened(bench, "jobs") as database:
        queues = await queue_depths(database)
        ticks = await tick_states(database)
        workers = await worker_states(database)
    return SystemAnswer(
        version=bezant.__version__,
        profile=platform.profile,
        live=bench.site.live,
        looked_at=bench.real.now(),
        modules=[ModuleAnswer(name=one, address=platform.peers.get(one, "")) for one in MODULES],
        queues=[QueueAnswer.model_validate(one, from_attributes=True) for one in queues],
        ticks=[TickAnswer.model_validate(one, from_attributes=True) for one in ticks],
        workers=[WorkerAnswer.model_validate(one, from_attributes=True) for one in workers],
        feeds=[FeedStateAnswer.model_validate(one, from_attributes=True) for one in feeds],
        followers=[FollowerAnswer.model_validate(one, from_attributes=True) for one in followers],
    )


@asynccontextmanager
async def _opened(bench: Workbench, module: str) -> AsyncGenerator[Database]:
    """Open a module's database for a moment: nobody holds sessions for a page that may be shut."""
    database = await Database.open(
        bench.site.databases[module], name=module, size_max=1, clock=bench.real
    )
    try:
        yield database
    finally:
        await database.close()
