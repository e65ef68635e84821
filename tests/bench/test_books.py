"""A book with a fault makes a run invalid: each kind of fault is planted once and must be found."""

import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import LiteralString

import psycopg
import pytest
from bench.near import NearLedger, near_ledger, open_snapshot
from bench.posting import Rejected, percentile
from bench.server import NotDurable, Server
from psycopg import sql
from tests.harness.cluster import Cluster

from bench import books

NAMES = (f"bench_books_{number}" for number in itertools.count())


@asynccontextmanager
async def booked(cluster: Cluster) -> AsyncIterator[NearLedger]:
    name = next(NAMES)
    try:
        async with near_ledger(Server(cluster.server, cluster.folder), name, 4) as near:
            await near.crowd.post(30)
            await near.crowd.post(30, payer=near.crowd.accounts[0])
            yield near
    finally:
        cluster.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


async def tamper(near: NearLedger, statement: LiteralString) -> None:
    async with await psycopg.AsyncConnection.connect(near.dsn) as connection:
        changed = await connection.execute(statement)
        assert changed.rowcount != 0


async def test_a_right_book_has_no_fault(cluster: Cluster) -> None:
    async with booked(cluster) as near:
        assert near.crowd.accepted == 60
        assert await books.faults(near.dsn, 60) == []
        assert await books.transfers(near.dsn) == 64  # the four fundings as well
        assert await books.stored_bytes(near.dsn) > 0


@pytest.mark.parametrize(
    ("tampering", "fault"),
    [
        (("UPDATE ledger.entry SET amount = amount + 1 WHERE transfer = (SELECT max(transfer) FROM"
         " ledger.entry)"), "do not add up to zero"),
        (("UPDATE ledger.entry SET balance = balance + 1 WHERE transfer ="
         " (SELECT max(transfer) FROM ledger.entry)"), "is not the one before plus the entry"),
        ("DELETE FROM ledger.transfer WHERE id = (SELECT max(id) - 3 FROM ledger.transfer)",
         "have a gap"),
        (("UPDATE ledger.transfer SET reference = 'another' WHERE id = (SELECT max(id) FROM"
         " ledger.transfer)"), "the chain breaks"),
        ("DELETE FROM ledger.batch WHERE first = (SELECT max(first) FROM ledger.batch)",
         "the chain breaks"),
        ("UPDATE ledger.batch SET id = id + 1 WHERE first = (SELECT max(first) FROM ledger.batch)",
         "do not follow one another"),
        (("UPDATE ledger.entry SET floor = balance + 1 WHERE floor IS NOT NULL AND transfer ="
         " (SELECT max(transfer) FROM ledger.entry)"), "a floor is broken"),
        ("DELETE FROM ledger.entry WHERE transfer = (SELECT max(transfer) FROM ledger.entry)",
         "an entry has no transfer, or a transfer no entry"),
    ],
)  # fmt: skip
async def test_a_fault_is_found(cluster: Cluster, tampering: LiteralString, fault: str) -> None:
    async with booked(cluster) as near:
        await tamper(near, tampering)
        assert fault in "\n".join(await books.faults(near.dsn, 60))


async def test_an_acknowledged_transfer_that_is_not_there_is_found(cluster: Cluster) -> None:
    async with booked(cluster) as near:
        assert await books.faults(near.dsn, 65) == ["bezant: 65 acknowledged, 64 in the book"]


async def test_the_crowd_counts_only_what_was_taken(cluster: Cluster) -> None:
    async with booked(cluster) as near:
        sample = await near.crowd.batches(0.2)
        assert sample.value > 0
        single = await near.crowd.singles(0.2, callers=8)
        assert single.facts["calls"] > 0
        assert await books.faults(near.dsn, near.crowd.accepted) == []
        async with open_snapshot(near.dsn):
            await near.crowd.post(10)
        near.crowd.numbers = itertools.count()  # the same ids for other transfers
        with pytest.raises(Rejected, match="id_reused"):
            await near.crowd.post(60)


async def test_a_server_that_could_lose_commits_is_refused(cluster: Cluster) -> None:
    with pytest.raises(NotDurable, match="fsync"):
        await Server(cluster.server, cluster.folder).settings()


@pytest.mark.parametrize(
    ("values", "percent", "value"),
    [([1.0], 99, 1.0), ([float(n) for n in range(1, 101)], 99, 99.0), ([3.0, 1.0, 2.0], 50, 2.0)],
)
def test_percentiles(values: list[float], percent: float, value: float) -> None:
    assert percentile(values, percent) == value
