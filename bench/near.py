"""The ledger in this process, without the edge: what posting and asking alone cost."""

import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from psycopg import AsyncConnection

from bench import books
from bench.measure import Fact, Sample, Subject, median, ratio, told
from bench.peers import pgledger, tigerbeetle
from bench.posting import Crowd, crowd
from bench.run import GROW_SECONDS_MAX, GROWN_LARGE, GROWN_SMALL, Run
from bench.server import Server
from bezant.clock import RealClock
from bezant.db.database import Database
from bezant.db.migrate import migrate
from bezant.ids import Ids
from bezant.ledger.feed import SCHEMA
from bezant.ledger.feed import keeper as feed_keeper
from bezant.ledger.service import LedgerService

CONNECTIONS_MAX = 10
IN_FLIGHT = 256
LINES_EACH = 60
"""Transfers an account takes part in before statements of fifty lines are asked for."""


@dataclass(frozen=True, slots=True)
class NearLedger:
    """A ledger of our own, its accounts, and the address of its database."""

    crowd: Crowd
    dsn: str

    async def check(self, run: Run) -> None:
        """Look for faults in its book."""
        run.problems.extend(await books.faults(self.dsn, self.crowd.accepted))


@asynccontextmanager
async def near_ledger(server: Server, name: str, accounts: int) -> AsyncGenerator[NearLedger]:
    """Make a database with the ledger's tables, and accounts; the service lives with the block."""
    dsn = await server.create(name)
    await migrate(dsn, [SCHEMA], {})
    clock = RealClock()
    async with AsyncExitStack() as stack:
        database = await Database.open(dsn, name="ledger", size_max=CONNECTIONS_MAX, clock=clock)
        stack.push_async_callback(database.close)
        keeper = feed_keeper(database)
        keeper.start()
        stack.push_async_callback(keeper.stop)
        ledger = LedgerService(database, database, clock, keeper.written)
        stack.push_async_callback(ledger.close)
        yield NearLedger(await crowd(ledger, Ids(clock).new("mer"), accounts), dsn)


@asynccontextmanager
async def open_snapshot(dsn: str) -> AsyncGenerator[None]:
    """Keep a snapshot open, as a report or a dump does."""
    async with await AsyncConnection.connect(dsn, autocommit=True) as reader:
        await reader.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        await reader.execute("SELECT count(*) FROM ledger.book")
        yield
        await reader.execute("COMMIT")


async def measure_near(run: Run) -> None:
    """Take every measure that needs no HTTP."""
    wanted = ("post_256_vs_tpcb", "hot_vs_uniform", "snapshot_open_vs_not", "bytes_per_transfer")
    wanted += ("balance_p99_ms", "statement_p99_ms", "post_256_vs_pgledger", "hot_vs_pgledger")
    if not run.wants(*wanted, "singles_256_vs_tigerbeetle"):
        return
    async with near_ledger(run.server, "near", run.size.accounts) as near:
        bytes_before, posted_before = await books.stored_bytes(near.dsn), near.crowd.accepted
        await _posting(run, near.crowd)
        if run.wants("snapshot_open_vs_not"):
            await _snapshot(run, near)
        if run.wants("bytes_per_transfer"):
            await near.crowd.fill(run.size.bytes_after, GROW_SECONDS_MAX)
            await books.vacuum(near.dsn)
            taken = await books.stored_bytes(near.dsn) - bytes_before
            posted = near.crowd.accepted - posted_before
            facts: dict[str, Fact] = {"transfers": posted, "bytes": taken}
            run.keep_with("bytes_per_transfer", taken / posted, facts)
        if not run.options.long:
            await _reads(run, near)
        await _tigerbeetle(run, near.crowd)
        await near.check(run)


async def measure_grown(run: Run) -> None:
    """Grow two books, one ten times the other, and compare them; ask the large one."""
    if not (
        run.options.long and run.wants("grown_10m_vs_1m", "balance_p99_ms", "statement_p99_ms")
    ):
        return
    async with AsyncExitStack() as stack:
        large = await stack.enter_async_context(
            near_ledger(run.server, "grown_large", run.size.accounts)
        )
        run.options.tell(f"growing a book to {GROWN_LARGE:,} transfers")
        await large.crowd.fill(GROWN_LARGE, GROW_SECONDS_MAX)
        if run.wants("grown_10m_vs_1m"):
            small = await stack.enter_async_context(
                near_ledger(run.server, "grown_small", run.size.accounts)
            )
            await small.crowd.fill(GROWN_SMALL, GROW_SECONDS_MAX)
            subjects: dict[str, Subject] = {
                "small": lambda: small.crowd.batches(run.size.stretch_seconds),
                "large": lambda: large.crowd.batches(run.size.stretch_seconds),
            }
            samples = await run.turns(subjects, run.size.near_seconds)
            run.keep("grown_10m_vs_1m", ratio(samples["large"], samples["small"]), **samples)
            await small.check(run)
        await _reads(run, large)
        await large.check(run)


async def _posting(run: Run, our: Crowd) -> None:
    """Take turns: pgbench, uniform accounts, one hot account, and pgledger where it is present."""
    seconds = run.size.stretch_seconds
    subjects: dict[str, Subject] = {}
    if run.wants("post_256_vs_tpcb"):
        subjects["tpcb"] = run.tpcb
    if run.wants("post_256_vs_tpcb", "hot_vs_uniform", "post_256_vs_pgledger"):
        subjects["uniform"] = lambda: our.batches(seconds)
    if run.wants("hot_vs_uniform", "hot_vs_pgledger"):
        subjects["hot"] = lambda: our.batches(seconds, payer=our.accounts[0])
    peer = await _pgledger(run)
    if peer is not None:
        if run.wants("post_256_vs_pgledger"):
            subjects["pgledger"] = lambda: peer.uniform(seconds)
        if run.wants("hot_vs_pgledger"):
            subjects["pgledger_hot"] = lambda: peer.hot(seconds)
    if not subjects:
        return
    await our.batches(1.0)  # Plans are made and caches warm before anything counts.
    samples = await run.turns(subjects, run.size.near_seconds)
    _compare(run, samples, "post_256_vs_tpcb", "uniform", "tpcb")
    _compare(run, samples, "hot_vs_uniform", "hot", "uniform")
    _compare(run, samples, "post_256_vs_pgledger", "uniform", "pgledger")
    _compare(run, samples, "hot_vs_pgledger", "hot", "pgledger_hot")
    if peer is not None:
        run.problems.extend(await peer.faults())


def _compare(
    run: Run, samples: Mapping[str, list[Sample]], measure: str, above: str, below: str
) -> None:
    if above in samples and below in samples:
        pair = {above: samples[above], below: samples[below]}
        run.keep(measure, ratio(samples[above], samples[below]), **pair)


async def _pgledger(run: Run) -> pgledger.Pgledger | None:
    measures = ("post_256_vs_pgledger", "hot_vs_pgledger")
    if not run.wants(*measures):
        return None
    source = pgledger.checkout()
    if source is None:
        run.missing.update(
            dict.fromkeys(measures, f"not present: {pgledger.VARIABLE} names no checkout")
        )
        return None
    return await pgledger.install(run.server, source, run.folder)


async def _snapshot(run: Run, near: NearLedger) -> None:
    """Post before, while and after a snapshot is open; the growth of the book cancels out."""
    seconds = run.size.stretch_seconds
    before = await near.crowd.batches(seconds)
    held: list[Sample] = []
    async with open_snapshot(near.dsn):
        until = time.monotonic() + run.size.snapshot_seconds
        while time.monotonic() < until:
            held.append(await near.crowd.batches(min(seconds, run.size.snapshot_seconds)))
    after = await near.crowd.batches(seconds)
    value = median(held) / median([before, after])
    run.keep("snapshot_open_vs_not", value, before=[before], held=held, after=[after])


async def _reads(run: Run, near: NearLedger) -> None:
    """Ask for balances and statements, one after the other."""
    if not run.wants("balance_p99_ms", "statement_p99_ms"):
        return
    await near.crowd.fill(LINES_EACH * len(near.crowd.accounts), GROW_SECONDS_MAX)
    entries: dict[str, Fact] = {"entries": 2 * await books.transfers(near.dsn)}
    if run.wants("balance_p99_ms"):
        balances = await near.crowd.balances(run.size.reads_seconds)
        run.keep_with("balance_p99_ms", balances.value, {**entries, "samples": told([balances])})
    if run.wants("statement_p99_ms"):
        pages = await near.crowd.statements(run.size.reads_seconds)
        run.keep_with("statement_p99_ms", pages.value, {**entries, "samples": told([pages])})


async def _tigerbeetle(run: Run, our: Crowd) -> None:
    measure, seconds = "singles_256_vs_tigerbeetle", run.size.stretch_seconds
    if not run.wants(measure):
        return
    program = tigerbeetle.program()
    if program is None:
        run.missing[measure] = (
            f"not present: {tigerbeetle.VARIABLE} names no server, or its client is not installed"
        )
        return
    async with tigerbeetle.running(program, run.folder) as peer:
        subjects: dict[str, Subject] = {
            "tigerbeetle": lambda: peer.singles(seconds, IN_FLIGHT),
            "bezant": lambda: our.singles(seconds, IN_FLIGHT),
        }
        samples = await run.turns(subjects, run.size.near_seconds)
        run.keep(measure, ratio(samples["bezant"], samples["tigerbeetle"]), **samples)
