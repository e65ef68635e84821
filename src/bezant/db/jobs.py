"""What runs later: ticks and queued tasks, by procrastinate in the schema `jobs`.

It only ticks. What is due is a column of a module, compared with the injected clock inside the
tick; so tests and the demo move time, and a lost tick costs one interval. Of several processes one
runs a tick at a time. A worker that stopped without a word is noticed by its heartbeat and its job
given to another one; if it wakes up, `Turn.hold` stops it, inside the very transaction that would
have had the effect.

A task's arguments are ids and numbers, never personal data: they are shown in logs and queue pages.
Queueing notifies, and PostgreSQL commits transactions that notify one after the other: hot paths
write a due column instead.
"""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, LiteralString

from bezant import telemetry
from bezant.db import session
from bezant.db.database import Database, Tx
from bezant.db.faults import RaisedBySql
from bezant.db.schema import ROOM, ModuleSchema
from bezant.errors import BezantError, Unavailable
from bezant.secret import Secret

if TYPE_CHECKING:
    import procrastinate

JOBS: Final = ModuleSchema("jobs", folder=ROOM / "jobs")
"""The schema of the queue; it is migrated like a module's."""

ATTEMPTS_MAX = (
    8  # With pauses of 2, 4, … 256 seconds: about nine minutes, then somebody has to look.
)
CONCURRENCY = 4
LOOK_SECONDS = 1.0  # How soon a due tick is noticed.
RESTART_SECONDS = 1.0
STOP_SECONDS = 5.0  # What a turn under way is given when the process stops.
KEEP_SECONDS = 30 * 86_400.0  # Failed jobs stay this long, for somebody to look at.
FORGET_EVERY_SECONDS = 3_600.0
TURN_LOST = "BZJ01"

_log = telemetry.log("jobs")
# Its own lines tell arguments and pool addresses; ours tell what happened.
logging.getLogger("procrastinate").setLevel(logging.CRITICAL)


class TurnLost(Unavailable):
    """Another worker does this now; nothing of this attempt remains."""

    code = "turn_lost"


class TaskFailed(Exception):
    """A task failed; why is in the log."""


@dataclass(frozen=True, slots=True)
class Heartbeats:
    """How soon a dead worker is noticed, in seconds."""

    beat_seconds: float = 10.0
    stalled_seconds: float = 30.0


@dataclass(frozen=True, slots=True)
class Turn:
    """One run of a tick or task by one worker."""

    job: int
    worker: int
    attempt: int

    async def hold(self, tx: Tx) -> None:
        """Fail unless this turn is still ours; nobody takes it over before the transaction ends."""
        try:
            await tx.execute("SELECT jobs.hold(%s, %s)", (self.job, self.worker))
        except RaisedBySql as error:
            if error.sqlstate != TURN_LOST:
                raise
        else:
            return
        raise TurnLost


@dataclass(frozen=True, slots=True)
class Tick:
    """Something to look after every so often."""

    name: str
    """`module.what`; the part before the dot is its queue."""
    every_seconds: float
    run: Callable[[Turn], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Task:
    """Something that is queued with arguments, and tried again when it fails."""

    name: str
    run: Callable[[Turn, Mapping[str, object]], Awaitable[None]]
    attempts_max: int = ATTEMPTS_MAX


_ENQUEUE: Final[LiteralString] = "SELECT jobs.enqueue(%s, %s, %s, %s, %s::jsonb)"


async def enqueue(
    tx: Tx,
    task: str,
    arguments: Mapping[str, object],
    *,
    key: str | None = None,
    one_at_a_time: str | None = None,
) -> bool:
    """Queue a task in the caller's transaction.

    While another one with the same `key` waits, nothing is queued and False returned. Of those with
    the same `one_at_a_time` only one runs at a time, in order.
    """
    return await tx.fetch_value(
        _ENQUEUE, (queue_of(task), task, key, one_at_a_time, json.dumps(arguments))
    )


def queue_of(name: str) -> str:
    """Return the queue of a tick or task: its module's name."""
    module, dot, rest = name.partition(".")
    assert all((module, dot, rest)), f"{name} should be module.what"
    return module


class JobRunner:
    """Runs the ticks and tasks of some modules in this process."""

    def __init__(
        self,
        dsn: str | Secret[str],
        database: Database,
        *,
        ticks: Sequence[Tick] = (),
        tasks: Sequence[Task] = (),
        concurrency: int = CONCURRENCY,
        heartbeats: Heartbeats | None = None,
        look_seconds: float = LOOK_SECONDS,
    ) -> None:
        """Name what to run. Both `dsn` and `database` are for the role `bezant_jobs`."""
        self._dsn = dsn if isinstance(dsn, Secret) else Secret(dsn)
        self._database = database
        self._ticks = tuple(ticks)
        self._tasks = tuple(tasks)
        self._concurrency = concurrency
        self._heartbeats = heartbeats or Heartbeats()
        self._look_seconds = look_seconds
        self._running: list[asyncio.Task[None]] = []
        names = [one.name for one in (*self._ticks, *self._tasks)]
        assert len(names) == len(set(names)), f"named twice: {sorted(names)}"
        self._queues = sorted({queue_of(name) for name in names})

    def start(self) -> None:
        """Begin to call ticks and to run what is queued."""
        assert not self._running, "a runner is started once"
        self._running = [
            asyncio.create_task(self._call(), name="jobs call"),
            asyncio.create_task(self._work(), name="jobs work"),
        ]

    async def stop(self) -> None:
        """Take no more turns; give the ones under way a moment, then end them."""
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        self._running = []

    async def call_due(self) -> int:
        """Queue every tick that is due and return how many were."""
        return await self._database.attempt(self._call_in)

    async def rescue(self) -> int:
        """Give the jobs of dead workers to living ones and return how many there were."""
        return await self._database.attempt(self._rescue_in)

    async def _call_in(self, tx: Tx) -> int:
        return await tx.fetch_value(
            "SELECT jobs.call_ticks(%s, %s, %s)",
            (
                [tick.name for tick in self._ticks],
                [queue_of(tick.name) for tick in self._ticks],
                [float(tick.every_seconds) for tick in self._ticks],
            ),
        )

    async def _rescue_in(self, tx: Tx) -> int:
        return await tx.fetch_value(
            "SELECT jobs.rescue(%s, %s)", (self._heartbeats.stalled_seconds, ATTEMPTS_MAX)
        )

    async def forget(self, keep_seconds: float = KEEP_SECONDS) -> int:
        """Delete jobs that failed or were given up this long ago and return how many."""
        return await self._database.attempt(
            lambda tx: tx.fetch_value("SELECT jobs.forget(%s)", (keep_seconds,))
        )

    async def _call(self) -> None:
        loop = asyncio.get_running_loop()
        forget_at = loop.time()
        while True:
            try:
                await self.call_due()
                if rescued := await self.rescue():
                    _log.warn("jobs.rescued", count=rescued)
                if loop.time() >= forget_at:
                    await self.forget()
                    forget_at = loop.time() + FORGET_EVERY_SECONDS
            except BezantError as error:
                _log.info("jobs.waits", code=error.code)
            except Exception as error:  # noqa: BLE001 (it goes on when the cause is gone)
                _log.error("jobs.calling_failed", error)
            await asyncio.sleep(self._look_seconds)

    async def _work(self) -> None:
        while True:
            try:
                app = self._app()
                async with app.open_async():
                    await app.run_worker_async(
                        queues=self._queues,
                        concurrency=self._concurrency,
                        install_signal_handlers=False,
                        delete_jobs="successful",
                        fetch_job_polling_interval=self._look_seconds,
                        update_heartbeat_interval=self._heartbeats.beat_seconds,
                        stalled_worker_timeout=self._heartbeats.stalled_seconds,
                        shutdown_graceful_timeout=STOP_SECONDS,
                    )
            except Exception as error:  # noqa: BLE001 (it goes on when the cause is gone)
                _log.info("jobs.worker_restarts", error=type(error).__name__)
            await asyncio.sleep(RESTART_SECONDS)

    def _app(self) -> "procrastinate.App":
        import procrastinate  # noqa: PLC0415 - only who runs jobs loads what runs them

        limits = self._database.limits

        async def configure(connection: Any) -> None:
            await session.prepare(connection, limits)

        connector = procrastinate.PsycopgConnector(
            conninfo=self._dsn.reveal(),
            kwargs=session.options("jobs worker", limits),
            min_size=1,
            max_size=self._concurrency + 1,
            timeout=limits.acquire_seconds,
            reconnect_timeout=limits.reconnect_seconds,
            configure=configure,
        )
        app = procrastinate.App(connector=connector)
        for tick in self._ticks:
            app.task(name=tick.name, queue=queue_of(tick.name), pass_context=True)(
                self._ticking(tick)
            )
        for task in self._tasks:
            retry = procrastinate.RetryStrategy(
                max_attempts=task.attempts_max - 1, exponential_wait=2
            )
            app.task(name=task.name, queue=queue_of(task.name), pass_context=True, retry=retry)(
                _running(task)
            )
        return app

    def _ticking(self, tick: Tick) -> "Callable[[procrastinate.JobContext], Awaitable[None]]":
        async def run(context: "procrastinate.JobContext") -> None:
            trouble = ""
            try:
                await tick.run(_turn(context))
            except Exception as error:  # noqa: BLE001 (the next tick tries again)
                trouble = _told("tick.failed", tick.name, error)
            await self._note(tick, trouble)

        return run

    async def _note(self, tick: Tick, trouble: str) -> None:
        try:
            async with self._database.transaction() as tx:
                await tx.execute(
                    "UPDATE jobs.tick SET ended_at = clock_timestamp(), trouble = %(trouble)s, "
                    "failures = CASE WHEN %(trouble)s::text = '' THEN 0 ELSE failures + 1 END "
                    "WHERE name = %(name)s",
                    {"name": tick.name, "trouble": trouble},
                )
        except BezantError as error:
            _log.info("tick.unnoted", tick=tick.name, code=error.code)


def _running(task: Task) -> Callable[..., Awaitable[None]]:
    async def run(context: "procrastinate.JobContext", **arguments: object) -> None:
        try:
            await task.run(_turn(context), arguments)
        except Exception as error:  # noqa: BLE001 (told here, and in plain words to the queue)
            told = _told("task.failed", task.name, error)
        else:
            return
        raise TaskFailed(told)

    return run


def _told(event: str, name: str, error: Exception) -> str:
    if isinstance(error, Unavailable):
        _log.info(event, name=name, code=error.code)
        return error.code
    _log.error(event, error, name=name)
    return type(error).__name__


def _turn(context: "procrastinate.JobContext") -> Turn:
    job = context.job
    assert job.id is not None
    assert job.worker_id is not None
    return Turn(job.id, job.worker_id, job.attempts + 1)
