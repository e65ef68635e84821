"""Sends what is due: claims a few deliveries of each endpoint, sends them side by side, and writes
down what came of them.

Any number of workers may run. A claim is a lease with a fence: whoever dies leaves deliveries that
are due again when the lease is over, and whoever was only frozen finds that its results are not
wanted any more. A delivery may arrive twice; nothing that is stored happens twice.
"""

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from bezant import telemetry
from bezant.clock import Clock
from bezant.db.database import Database
from bezant.db.nudges import Nudges
from bezant.db.poster import Poster
from bezant.errors import Unavailable
from bezant.ids import spell
from bezant.webhooks import rules
from bezant.webhooks.delivery import DeliveryState, Outcome
from bezant.webhooks.desk import DUE
from bezant.webhooks.payload import Told, body_of
from bezant.webhooks.results import Results
from bezant.webhooks.schedule import Schedule
from bezant.webhooks.sender import Answered, Sender
from bezant.webhooks.signatures import Stamp, headers_of
from bezant.webhooks.store import work
from bezant.webhooks.store.work import Claim, Result
from bezant.webhooks.targets import SLOTS_FIRST, Paces, Target, Targets

POLL_SECONDS: Final = 1.0  # Retries become due without anybody ringing.
GATHER_SECONDS: Final = 0.005  # Places that become free together are filled by one claim.
PAUSE_SECONDS: Final = 0.1
PAUSE_SECONDS_MAX: Final = 30.0
STOP_SECONDS: Final = 5.0  # What is under way is given this long; its lease covers the rest.
RELEASE_SECONDS: Final = 10
NOBODY: Final = UUID(int=0)
_log = telemetry.log("webhooks")


@dataclass(frozen=True, slots=True)
class Manner:
    """How deliveries are sent."""

    schedule: Schedule
    lease: timedelta
    """Longer than an attempt takes; a dead worker's deliveries wait for its end."""
    sha256: bool = False
    """Whether the older `X-Webhook-Signature` is sent as well."""
    under_way_max: int = 512
    poll_seconds: float = POLL_SECONDS


class Worker:
    """One worker in one process."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        real: Clock,
        nudges: Nudges,
        targets: Targets,
        sender: Sender,
        results: Results,
        manner: Manner,
        note: Callable[[Answered], None] = lambda _answered: None,
        chance: Callable[[int], bytes] = os.urandom,
    ) -> None:
        """Business time decides what is due; a signature tells the machine's."""
        self._database = database
        self._clock = clock
        self._real = real
        self._nudges = nudges
        self._targets = targets
        self._sender = sender
        self._manner = manner
        self._note = note
        self._chance = chance
        self._paces = Paces()
        self._results = Poster("webhook results", results.write)
        self._under_way: set[asyncio.Task[None]] = set()
        self._freed = asyncio.Event()
        self._behind = NOBODY
        self._task: asyncio.Task[None] | None = None

    @property
    def under_way(self) -> int:
        """Return how many requests are under way."""
        return len(self._under_way)

    def start(self) -> None:
        """Begin to send."""
        self.start_writing()
        self.start_sending()

    def start_writing(self) -> None:
        """Begin to write results down; enough for whoever moves this worker by steps."""
        self._results.start()

    def start_sending(self) -> None:
        """Begin to claim what is due."""
        assert self._task is None, "a worker is started once"
        self._task = asyncio.create_task(self._run(), name="webhooks worker")

    async def stop(self) -> None:
        """Claim no more, give what is under way a moment, and write down what came of it."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._under_way:
            await asyncio.wait(tuple(self._under_way), timeout=STOP_SECONDS)
        for sending in tuple(self._under_way):
            sending.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)
        await self._results.stop()

    async def step(self) -> int:
        """Claim what is due and begin to send it; return how much that was."""
        free = self._manner.under_way_max - len(self._under_way)
        if free <= 0:
            return 0
        now = self._clock.now()
        async with self._database.transaction() as tx:
            claims = await work.claim(
                tx,
                now,
                now + self._manner.lease,
                SLOTS_FIRST,
                self._paces.left(),
                self._behind,
                free,
            )
        if not claims:
            return 0
        # The last of the walk, which began behind this one and came round again.
        self._behind = max((one.endpoint_id <= self._behind, one.endpoint_id) for one in claims)[1]
        sent = 0
        for claim, target in await self._with_targets(claims, now):
            self._paces.of(claim.endpoint_id).under_way += 1
            task = asyncio.create_task(self._deliver(claim, target))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)
            sent += 1
        return sent

    async def settled(self) -> None:
        """Wait until nothing is under way."""
        while self._under_way:
            await asyncio.wait(tuple(self._under_way))

    async def _with_targets(self, claims: list[Claim], now: datetime) -> list[tuple[Claim, Target]]:
        """Put each claim beside its endpoint; those without keys are given back for a while."""
        unknown = {
            one.endpoint_id
            for one in claims
            if self._targets.known(one.endpoint_id, one.endpoint_version) is None
        }
        if unknown:
            await self._targets.learn(sorted(unknown))
        found: list[tuple[Claim, Target]] = []
        unsendable: list[Claim] = []
        for claim in claims:
            target = self._targets.known(claim.endpoint_id, claim.endpoint_version)
            if target is None:
                unsendable.append(claim)
            else:
                found.append((claim, target))
        if unsendable:
            async with self._database.transaction() as tx:
                await work.release(tx, unsendable, now + timedelta(seconds=RELEASE_SECONDS))
        return found

    async def _deliver(self, claim: Claim, target: Target) -> None:
        """Send once and write it down. What goes wrong here is told; the lease does the rest."""
        try:
            await self._results.submit(await self._attempt(claim, target))
        except Exception as error:  # noqa: BLE001 (one delivery must not end the worker)
            self._tell(error)

    async def _attempt(self, claim: Claim, target: Target) -> Result:
        pace = self._paces.of(claim.endpoint_id)
        started_at = self._clock.now()
        try:
            answered = await self._sent(claim, target)
        finally:
            pace.under_way -= 1
            self._freed.set()
        if answered.outcome is Outcome.DELIVERED:
            pace.answered(answered.milliseconds)
        else:
            pace.failed()
        self._note(answered)
        return self._result(claim, answered, started_at)

    async def _sent(self, claim: Claim, target: Target) -> Answered:
        told = Told(
            spell("evt", claim.event_id), claim.type, claim.version, claim.mode, claim.subject,
            claim.occurred_at, claim.data,
        )  # fmt: skip
        body = body_of(told, target.payload)
        keys = target.keys_at(self._clock.now())
        stamp = Stamp(told.id, self._real.now())
        headers = headers_of(stamp, body, keys, sha256=self._manner.sha256)
        return await self._sender.send(target.url, headers, body)

    def _result(self, claim: Claim, answered: Answered, started_at: datetime) -> Result:
        now = self._clock.now()
        verdict = rules.judge(
            answered.outcome,
            answered.status,
            answered.asked_seconds,
            claim.retries,
            now,
            self._manner.schedule,
            self._chance(2),
        )
        state = DeliveryState.PENDING
        if verdict.settled:
            delivered = answered.outcome is Outcome.DELIVERED
            state = DeliveryState.DELIVERED if delivered else DeliveryState.FAILED
        return Result(
            claim,
            state.value,
            verdict.retries,
            verdict.due_at,
            now if verdict.settled else None,
            started_at,
            answered.milliseconds,
            answered.outcome,
            answered.status,
            answered.answer,
            verdict.paused_until,
        )

    async def _run(self) -> None:
        """Send whenever something is due. Only `stop` ends this loop."""
        failures = 0
        while True:
            seen = self._nudges.count(DUE)
            self._freed.clear()
            try:
                claimed = await self.step()
            except Exception as error:  # noqa: BLE001 (it goes on when the cause is gone)
                failures += 1
                self._tell(error)
                await asyncio.sleep(min(PAUSE_SECONDS * 2 ** min(failures, 10), PAUSE_SECONDS_MAX))
                continue
            failures = 0
            if claimed:
                await asyncio.sleep(GATHER_SECONDS)
            else:
                await self._wait(seen)

    async def _wait(self, seen: int) -> None:
        """Wait for something new, a place that became free, or the next look."""
        waits = {
            asyncio.create_task(self._nudges.wait(DUE, seen, self._manner.poll_seconds)),
            asyncio.create_task(self._freed.wait()),
        }
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in waits:
                one.cancel()
        if self._freed.is_set():
            await asyncio.sleep(GATHER_SECONDS)

    def _tell(self, error: Exception) -> None:
        if isinstance(error, Unavailable):
            _log.info("webhooks.waits", code=error.code)
        else:
            _log.error("webhooks.failed", error)
