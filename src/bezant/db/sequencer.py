"""Gives the events of one module their positions: dense, without gaps, for ever.

The events are rows of a relation of the module, `event` if the module has an outbox, or a table or
view of its own with the columns of `event`. Any number of processes may run a sequencer for a
module: they take turns by an advisory lock, and whoever finds that another one was at work reads
what it left. `reckoning` says why nothing is missed.
"""

import asyncio
from dataclasses import dataclass, replace
from typing import Final

from psycopg import sql

from bezant import telemetry
from bezant.db.database import Database
from bezant.db.nudges import Nudges
from bezant.db.outbox import positions_of, rows_of
from bezant.db.reckoning import Look, Reckoning, Run
from bezant.db.tx import Tx
from bezant.db.watch import end_forgotten_transactions
from bezant.errors import Unavailable

ADVISORY_LOCK: Final = 7_002
ROUND_MAX = 5_000  # Positions given in one transaction.
POLL_SECONDS = 1.0  # A nudge that was lost costs this much.
POLL_UNSETTLED_SECONDS = 0.05  # While transactions are open below the top.
BUSY_SECONDS = 0.2  # From a round that placed something to the next: under load many share one.
PAUSE_SECONDS_MAX = 30.0

_log = telemetry.log("db")

_LOOK = """
SELECT
  coalesce((
    SELECT position + last_ticket - first_ticket
    FROM {schema}.feed_run ORDER BY position DESC LIMIT 1
  ), 0) AS head,
  ARRAY(
    SELECT ticket FROM (
      (
        SELECT seen.ticket
        FROM unnest(%(firsts)s::bigint[], %(lasts)s::bigint[]) AS gap (first, last)
        JOIN {schema}.{source} AS seen ON seen.ticket BETWEEN gap.first AND gap.last
      ) UNION ALL (
        SELECT seen.ticket FROM {schema}.{source} AS seen
        WHERE seen.ticket > %(top)s ORDER BY seen.ticket LIMIT %(limit)s
      )
    ) AS seen ORDER BY ticket LIMIT %(limit)s
  ) AS tickets,
  pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS xmin
"""

_LAST = """
SELECT position + last_ticket - first_ticket AS head, settled
FROM {schema}.feed_run ORDER BY position DESC LIMIT 1
"""

_RUNS = """
SELECT position, first_ticket, last_ticket, settled
FROM {schema}.feed_run
WHERE int8range(first_ticket, last_ticket, '[]') && int8range(%(settled)s, NULL, '()')
ORDER BY first_ticket
"""

_PLACE = """
INSERT INTO {schema}.feed_run (position, first_ticket, last_ticket, settled)
SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[])
"""


@dataclass(frozen=True, slots=True)
class _Last:
    head: int
    settled: int


@dataclass(frozen=True, slots=True)
class SequencerState:
    """What `doctor` asks."""

    module: str
    head: int
    """The last position given."""
    unsettled: int
    """Tickets below it that an open transaction may still fill."""
    trouble: str
    """The code of the last error, empty when all is well."""


class Sequencer:
    """One module's sequencer in one process."""

    def __init__(
        self,
        database: Database,
        module: str,
        nudges: Nudges,
        *,
        source: str = "event",
        poll_seconds: float = POLL_SECONDS,
        round_max: int = ROUND_MAX,
    ) -> None:
        self._database = database
        self._module = module
        self._nudges = nudges
        self._poll_seconds = poll_seconds
        self._round_max = round_max
        names = {"schema": sql.Identifier(module), "source": sql.Identifier(source)}
        self._look, self._last, self._runs, self._place = (
            sql.SQL(text).format(**names) for text in (_LOOK, _LAST, _RUNS, _PLACE)
        )
        self._reckoning: Reckoning | None = None
        self._unsettled_since: float | None = None
        self._trouble = ""
        self._task: asyncio.Task[None] | None = None

    @property
    def state(self) -> SequencerState:
        """Return how far this sequencer is."""
        known = self._reckoning or Reckoning()
        return SequencerState(self._module, known.head, known.unsettled, self._trouble)

    def start(self) -> None:
        """Begin to give positions."""
        assert self._task is None, "a sequencer is started once"
        self._task = asyncio.create_task(self._run(), name=f"sequencer {self._module}")

    async def stop(self) -> None:
        """End after the round under way."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def step(self) -> int:
        """Do one round and return how many positions it gave."""
        reckoning = replace(self._reckoning) if self._reckoning else None
        async with self._database.transaction() as tx:
            await tx.execute(
                "SELECT pg_advisory_xact_lock(%s, hashtext(%s))", (ADVISORY_LOCK, self._module)
            )
            look = await self._seen(tx, reckoning) if reckoning else None
            if reckoning is None or look is None or look.head != reckoning.head:
                reckoning = await self._resumed(tx)
                look = await self._seen(tx, reckoning)
            runs = reckoning.place(look, self._round_max)
            if runs:
                await self._give(tx, reckoning, runs)
        self._reckoning = reckoning  # Only now: a round that was undone changed nothing.
        if runs:
            self._nudges.poke(positions_of(self._module))
        return len(look.tickets)

    async def _seen(self, tx: Tx, reckoning: Reckoning) -> Look:
        look = await tx.fetch_one(
            Look,
            self._look,
            {
                "firsts": [gap.first for gap in reckoning.gaps],
                "lasts": [gap.last for gap in reckoning.gaps],
                "top": reckoning.top,
                "limit": self._round_max,
            },
        )
        assert look is not None
        return look

    async def _resumed(self, tx: Tx) -> Reckoning:
        """Read what was placed before, by an earlier process or another one."""
        reckoning = Reckoning()
        last = await tx.fetch_one(_Last, self._last)
        if last is not None:
            runs = await tx.fetch_all(Run, self._runs, {"settled": last.settled})
            reckoning.resume(last.head, last.settled, runs)
        if reckoning.gaps:
            reckoning.numbered(await _transaction_number(tx))
        return reckoning

    async def _give(self, tx: Tx, reckoning: Reckoning, runs: list[Run]) -> None:
        await tx.execute(
            self._place,
            (
                [run.position for run in runs],
                [run.first_ticket for run in runs],
                [run.last_ticket for run in runs],
                [run.settled for run in runs],
            ),
        )
        if reckoning.gaps:
            # Writing gave this transaction its number, after the look.
            reckoning.numbered(await _transaction_number(tx))

    async def _run(self) -> None:
        """Give positions whenever there are rows. Only `stop` ends this loop."""
        failures = 0
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            seen = self._nudges.count(rows_of(self._module))
            try:
                given = await self.step()
                await self._end_what_was_forgotten()
            except Exception as error:  # noqa: BLE001 (it goes on when the cause is gone)
                failures += 1
                self._tell(error)
                await asyncio.sleep(min(0.1 * 2 ** min(failures, 10), PAUSE_SECONDS_MAX))
                continue
            failures, self._trouble = 0, ""
            if given < self._round_max:
                unsettled = self.state.unsettled
                seconds = POLL_UNSETTLED_SECONDS if unsettled else self._poll_seconds
                await self._nudges.wait(rows_of(self._module), seen, seconds)
                if given:
                    await asyncio.sleep(began + BUSY_SECONDS - loop.time())

    def _tell(self, error: Exception) -> None:
        self._trouble = str(getattr(error, "code", type(error).__name__))
        if isinstance(error, Unavailable):
            _log.info("sequencer.waits", module=self._module, code=error.code)
        else:
            _log.error("sequencer.failed", error, module=self._module)

    async def _end_what_was_forgotten(self) -> None:
        """End transactions of ours that keep gaps open for longer than any of them may live."""
        now = asyncio.get_running_loop().time()
        if not self.state.unsettled:
            self._unsettled_since = None
            return
        self._unsettled_since = self._unsettled_since or now
        age = 2 * self._database.limits.transaction_seconds
        if now - self._unsettled_since > age:
            self._unsettled_since = None
            for ended in await end_forgotten_transactions(self._database, age):
                _log.warn(
                    "transaction.forgotten",
                    module=ended.module,
                    pid=ended.pid,
                    opened_at=ended.opened_at.isoformat(),
                    age_seconds=round(ended.age_seconds, 1),
                )


async def _transaction_number(tx: Tx) -> int:
    return await tx.fetch_value("SELECT pg_current_xact_id()::text::bigint")
