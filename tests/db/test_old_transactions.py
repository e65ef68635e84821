"""Old transactions: ended by their own process, else by the server, else by whoever looks."""

import asyncio

import psycopg
import pytest
from tests.db.rooms import Rooms

from bezant.clock import RealClock
from bezant.db import faults
from bezant.db.database import Database, Limits, Tx
from bezant.db.watch import end_forgotten_transactions, oldest_transactions

DEADLINE_SECONDS = 30


async def count(database: Database) -> int:
    return await database.fetch_value("SELECT count(*) FROM thing")


async def insert(tx: Tx, number: int) -> None:
    await tx.execute("INSERT INTO thing (id) VALUES (%s)", (number,))


async def test_a_transaction_ends_at_its_maximum_age(rooms: Rooms):
    limits = Limits(transaction_seconds=0.2)
    async with rooms.open("alpha", limits=limits) as database:
        for hanging in ("asyncio", "postgres"):
            with pytest.raises(faults.TransactionTooOld):
                async with database.transaction() as tx:
                    await insert(tx, 1)
                    if hanging == "asyncio":
                        await asyncio.Event().wait()
                    await tx.execute("SELECT pg_sleep(60)")
        assert await count(database) == 0


async def test_the_server_ends_a_transaction_whose_process_is_stuck(rooms: Rooms):
    limits = Limits(transaction_seconds=0.2)
    async with rooms.open("alpha", limits=limits) as database:
        stuck = await database.take()  # A process that stopped would not run its own clock either.
        await stuck.execute("INSERT INTO thing (id) VALUES (1)")
        async with asyncio.timeout(DEADLINE_SECONDS):
            while await oldest_transactions(database):
                await asyncio.sleep(0.02)
        with pytest.raises(psycopg.errors.IdleInTransactionSessionTimeout):
            await stuck.execute("SELECT 1")
        await database.give_back(stuck)
        assert await count(database) == 0


async def test_a_forgotten_transaction_is_named_and_ended_and_strangers_are_left_alone(
    rooms: Rooms,
):
    async with rooms.open("alpha") as database:
        forgotten = await database.take()
        await forgotten.execute("INSERT INTO thing (id) VALUES (1)")
        with psycopg.connect(
            rooms.where.administrator_dsn, application_name="somebody's psql"
        ) as stranger:
            stranger.execute("SELECT 1")
            administrator = await Database.open(
                rooms.where.administrator_dsn, name="doctor", size_max=1, clock=RealClock()
            )
            try:
                first, second = await oldest_transactions(administrator)
                assert (first.module, first.role, first.ours, first.wrote) == (
                    "alpha", "bezant_alpha", True, True,
                )  # fmt: skip
                assert (second.module, second.ours, second.wrote) == (
                    "somebody's psql", False, False,
                )  # fmt: skip
                assert first.opened_at <= second.opened_at
                assert first.age_seconds >= 0
                assert await end_forgotten_transactions(administrator, 3_600) == []
                ended = await end_forgotten_transactions(administrator, 0)
                assert [one.pid for one in ended] == [first.pid]
                stranger.execute("SELECT 1")
            finally:
                await administrator.close()
        await database.give_back(forgotten)
        assert await count(database) == 0
