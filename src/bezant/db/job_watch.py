"""What `doctor` and the queue page ask about jobs: depths, ticks and workers."""

from dataclasses import dataclass
from datetime import datetime

from bezant.db.database import Database

LATE_AFTER_INTERVALS = 3  # One interval may be lost to a restart; three mean that nobody ticks.
LATE_AFTER_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class QueueDepth:
    """One module's queue."""

    queue: str
    waiting: int
    running: int
    failed: int
    oldest_seconds: float
    """For how long the oldest waiting job could have run."""


@dataclass(frozen=True, slots=True)
class TickState:
    """One tick, as the database remembers it."""

    name: str
    every_seconds: float
    called_at: datetime | None
    ended_at: datetime | None
    trouble: str
    failures: int
    late: bool
    """It should have ended a while ago."""


@dataclass(frozen=True, slots=True)
class WorkerState:
    """One process that runs jobs."""

    worker: int
    heartbeat_at: datetime
    silent_seconds: float
    running: int


async def queue_depths(database: Database) -> list[QueueDepth]:
    """Return every queue with jobs in it. The database is opened for the role `bezant_jobs`."""
    return await database.fetch_all(
        QueueDepth,
        """
        SELECT queue_name::text AS queue,
          count(*) FILTER (WHERE status = 'todo') AS waiting,
          count(*) FILTER (WHERE status = 'doing') AS running,
          count(*) FILTER (WHERE status = 'failed') AS failed,
          coalesce(extract(epoch FROM clock_timestamp() - min(coalesce(scheduled_at, queued.at))
            FILTER (WHERE status = 'todo')), 0)::float8 AS oldest_seconds
        FROM jobs.procrastinate_jobs AS job
        LEFT JOIN LATERAL (
          SELECT min(event.at) AS at FROM jobs.procrastinate_events AS event
          WHERE event.job_id = job.id AND job.status = 'todo'
        ) AS queued ON true
        GROUP BY queue_name ORDER BY queue_name
        """,
    )


async def tick_states(database: Database) -> list[TickState]:
    """Return every tick that was ever called."""
    return await database.fetch_all(
        TickState,
        """
        SELECT name, every_seconds, nullif(called_at, '-infinity') AS called_at, ended_at, trouble,
          failures, coalesce(
            clock_timestamp() - ended_at > make_interval(secs => %s * every_seconds + %s), true
          ) AS late
        FROM jobs.tick ORDER BY name
        """,
        (LATE_AFTER_INTERVALS, LATE_AFTER_SECONDS),
    )


async def worker_states(database: Database) -> list[WorkerState]:
    """Return every worker that has registered and not left."""
    return await database.fetch_all(
        WorkerState,
        """
        SELECT worker.id AS worker, last_heartbeat AS heartbeat_at,
          extract(epoch FROM clock_timestamp() - last_heartbeat)::float8 AS silent_seconds,
          count(job.id) AS running
        FROM jobs.procrastinate_workers AS worker
        LEFT JOIN jobs.procrastinate_jobs AS job
          ON job.worker_id = worker.id AND job.status = 'doing'
        GROUP BY worker.id ORDER BY worker.id
        """,
    )
