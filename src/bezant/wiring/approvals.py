"""Approvals: the door, its feed, and the end of what nobody decided in time."""

from typing import Final

from bezant.actor import Actor
from bezant.approvals.port import Approvals, ApprovalsFeed
from bezant.approvals.service import MODULE, ApprovalsService
from bezant.db.feeds import StoredFeed
from bezant.db.jobs import Tick, Turn
from bezant.db.nudges import Nudges
from bezant.db.outbox import Outbox
from bezant.db.sequencer import Sequencer
from bezant.identity.port import Identity
from bezant.identity.rules import operator
from bezant.rpc.near import near
from bezant.wiring.workbench import Workbench

EXPIRE_EVERY_SECONDS: Final = 30.0


class KeyMakers:
    """Asks identity who made a key."""

    def __init__(self, identity: Identity) -> None:
        self._identity = identity

    async def maker_of(self, key: Actor) -> str:
        """Return the id of who made this key."""
        found = await self._identity.key(operator(key.mode), key.tenant, key.subject)
        return found.created_by


async def approvals_port(bench: Workbench, identity: Identity) -> Approvals:
    """Return approvals, near or far."""
    far = bench.elsewhere(Approvals, "approvals")
    return far or near(Approvals, (await open_approvals(bench, identity))[0])


async def open_approvals(
    bench: Workbench, identity: Identity
) -> tuple[ApprovalsService, ApprovalsFeed]:
    """Open approvals with their feed."""
    database = await bench.database(MODULE)
    nudges = Nudges(database)
    nudges.start()
    bench.stack.push_async_callback(nudges.stop)
    sequencer = Sequencer(database, MODULE, nudges)
    sequencer.start()
    bench.stack.push_async_callback(sequencer.stop)
    service = ApprovalsService(
        database, bench.clock, bench.ids, Outbox(MODULE, nudges), KeyMakers(identity)
    )

    async def expire(turn: Turn) -> None:
        del turn  # Safe to repeat: what is expired stays so.
        await service.expire()

    bench.ticks.append(Tick("approvals.expire", EXPIRE_EVERY_SECONDS, expire))
    return service, StoredFeed(database, MODULE)
