"""Transactions: whole or not at all, never forgotten, and callers hear no SQL and no data."""

import asyncio
import traceback
from dataclasses import dataclass
from enum import StrEnum
from typing import LiteralString

import psycopg
import pytest
from psycopg import sql
from tests.db.rooms import Rooms
from tests.harness.cluster import Cluster

from bezant.clock import RealClock
from bezant.db import faults, guard
from bezant.db.database import Database, Limits, Tx
from bezant.db.watch import oldest_transactions
from bezant.errors import Unavailable

DEADLINE_SECONDS = 30


class Colour(StrEnum):
    RED = "red"


@dataclass(frozen=True, slots=True)
class Thing:
    id: int
    name: str


@dataclass(frozen=True, slots=True)
class Painted:
    colour: Colour
    other: Colour | None
    parts: tuple[int, ...]
    names: tuple[str, ...] | None


async def count(database: Database) -> int:
    return await database.fetch_value("SELECT count(*) FROM thing")


async def insert(tx: Tx, number: int, name: str = "") -> None:
    await tx.execute("INSERT INTO thing (id, name) VALUES (%s, %s)", (number, name))


async def test_rows_become_dataclasses_by_name(rooms: Rooms):
    async with rooms.open("alpha") as database:
        async with database.transaction() as tx:
            await insert(tx, 1, "one")
            await insert(tx, 2, "two")
            found = await tx.fetch_all(Thing, "SELECT name, id FROM thing ORDER BY id")
            assert found == [Thing(1, "one"), Thing(2, "two")]
            assert await tx.fetch_one(Thing, "SELECT id, name FROM thing WHERE id = 9") is None
            assert await tx.fetch_value("SELECT name FROM thing WHERE id = %s", (2,)) == "two"
            assert await tx.execute("UPDATE thing SET name = 'x'") == 2
        row = await database.fetch_one(
            Painted,
            "SELECT 'red' AS colour, NULL AS other, ARRAY[1, 2] AS parts, ARRAY['a'] AS names",
        )
        assert row == Painted(Colour.RED, None, (1, 2), ("a",))


async def test_a_row_that_is_not_what_the_class_says_is_our_mistake(rooms: Rooms):
    async with rooms.open("alpha") as database:
        with pytest.raises(AssertionError, match="Thing has"):
            await database.fetch_all(Thing, "SELECT 1 AS id, 'x' AS nickname")
        with pytest.raises(AssertionError, match="2 rows"):
            await database.fetch_one(Thing, "SELECT 1 AS id, '' AS name UNION SELECT 2, ''")
        with pytest.raises(ValueError, match="blue"):
            await database.fetch_one(
                Painted,
                "SELECT 'blue' AS colour, NULL AS other, ARRAY[1] AS parts, NULL AS names",
            )


async def test_an_error_undoes_everything_and_passes_on(rooms: Rooms):
    async with rooms.open("alpha") as database:
        with pytest.raises(LookupError):
            async with database.transaction() as tx:
                await insert(tx, 1)
                raise LookupError
        assert await count(database) == 0


async def test_isolation_is_read_committed_whatever_the_database_says(
    rooms: Rooms, cluster: Cluster
):
    cluster.execute(
        sql.SQL("ALTER DATABASE {} SET default_transaction_isolation = 'serializable'").format(
            sql.Identifier(rooms.where.name)
        )
    )
    async with rooms.open("alpha") as database, database.transaction() as tx:
        assert await tx.fetch_value("SHOW transaction_isolation") == "read committed"
        assert await tx.fetch_value("SHOW timezone") == "UTC"


@pytest.mark.parametrize(
    ("statement", "rule", "constraint"),
    [
        ("INSERT INTO thing (id) VALUES (%s)", faults.Rule.UNIQUE, "thing_pkey"),
        ("INSERT INTO thing (id) VALUES (-%s)", faults.Rule.CHECK, "thing_id_check"),
        (
            "INSERT INTO thing (id, name) SELECT %s, NULL",
            faults.Rule.NOT_NULL,
            "thing_name_not_null",
        ),
    ],
)
async def test_a_broken_constraint_is_named_and_no_value_is(
    rooms: Rooms, statement: LiteralString, rule: faults.Rule, constraint: str
):
    number = 4_111_111
    async with rooms.open("alpha") as database:
        async with database.transaction() as tx:
            await insert(tx, number)
        with pytest.raises(faults.ConstraintViolated) as caught:
            async with database.transaction() as tx:
                await tx.execute(statement, (number,))
        assert (caught.value.rule, caught.value.table) == (rule, "alpha.thing")
        assert constraint in (caught.value.constraint, f"thing_{caught.value.column}_not_null")
        says_nothing_of(caught.value, str(number), "INSERT")


async def test_neither_sql_nor_values_are_in_any_error(rooms: Rooms):
    async with rooms.open("alpha") as database:
        for statement in (
            "SELECT '4111111111111111'::int",
            "SELECT %s::int",
            "SELECT secret_word FROM thing WHERE name = %s",
        ):
            with pytest.raises(faults.DatabaseFault) as caught:
                async with database.transaction() as tx:
                    parameters = ("4111111111111111",) if "%s" in statement else None
                    await tx.execute(statement, parameters)
            says_nothing_of(caught.value, "4111111111111111", "SELECT", "WHERE")


def says_nothing_of(error: BaseException, *words: str) -> None:
    chain: list[BaseException] = []
    link: BaseException | None = error
    while link is not None:
        chain.append(link)
        link = link.__context__ or link.__cause__
    assert not any(isinstance(one, psycopg.Error) for one in chain)
    for word in words:
        assert all(word not in str(one) and word not in repr(vars(one)) for one in chain), word
    lines = traceback.format_exception_only(error)
    assert all(word not in line for word in words for line in lines)


async def test_the_guard_knows_an_open_transaction(rooms: Rooms):
    async def reach_out() -> None:
        guard.no_open_transaction()

    async with rooms.open("alpha") as database:
        guard.no_open_transaction()
        async with database.transaction():
            with pytest.raises(guard.TransactionOpen, match="alpha"):
                guard.no_open_transaction()
            with pytest.raises(guard.TransactionOpen):
                await asyncio.create_task(reach_out())
            with pytest.raises(guard.TransactionOpen):
                await database.fetch_value("SELECT 1")
            with pytest.raises(guard.TransactionOpen):
                async with database.transaction():
                    pass
            gate = asyncio.Event()

            async def later() -> None:
                await gate.wait()
                guard.no_open_transaction()

            started_inside = asyncio.create_task(later())
        guard.no_open_transaction()
        gate.set()
        await started_inside


async def test_a_swallowed_error_is_not_taken_for_success(rooms: Rooms):
    async with rooms.open("alpha") as database:
        with pytest.raises(AssertionError, match="swallowed"):
            async with database.transaction() as tx:
                await insert(tx, 1)
                with pytest.raises(faults.ConstraintViolated):
                    await insert(tx, 1)
        assert await count(database) == 0
        async with database.transaction() as tx:
            await insert(tx, 1)
            with pytest.raises(faults.ConstraintViolated):
                async with tx.savepoint():
                    await insert(tx, 2)
                    await insert(tx, 1)
        assert await count(database) == 1
        with pytest.raises(LookupError):
            async with database.transaction() as tx:
                async with (
                    tx.savepoint()
                ):  # The first thing in a transaction is undone with it too.
                    await insert(tx, 3)
                raise LookupError
        assert await count(database) == 1


async def test_a_deferred_constraint_is_a_refusal_not_a_doubt(rooms: Rooms):
    async with rooms.open("alpha") as database:
        with pytest.raises(faults.ConstraintViolated):
            async with database.transaction() as tx:
                await tx.execute("INSERT INTO thing (id, pair) VALUES (1, 1), (2, 1)")
        assert await count(database) == 0


async def test_what_waits_for_the_commit_is_called_after_it_and_only_then(rooms: Rooms):
    seen: list[str] = []
    async with rooms.open("alpha") as database:
        async with database.transaction() as tx:
            tx.after_commit(lambda: seen.append("committed"))
            assert seen == []
        assert seen == ["committed"]
        async with database.transaction() as tx:
            tx.after_commit(lambda: seen[9])
            await insert(tx, 1)
        assert await count(database) == 1  # A failing callback does not turn success into failure.
        with pytest.raises(LookupError):
            async with database.transaction() as tx:
                tx.after_commit(lambda: seen.append("never"))
                raise LookupError
        assert seen == ["committed"]


async def test_cancelled_callers_leave_nothing_behind(rooms: Rooms):
    async def write(database: Database, number: int) -> None:
        async with database.transaction() as tx:
            await insert(tx, number)
            await tx.execute("SELECT pg_sleep(0.02)")

    async with rooms.open("alpha", size_max=3) as database:
        finished = 0
        for number in range(60):
            task = asyncio.create_task(write(database, number))
            await asyncio.sleep(0.0007 * number)
            task.cancel()
            finished += not isinstance((await asyncio.gather(task, return_exceptions=True))[0],
                                       asyncio.CancelledError)  # fmt: skip
        gate = asyncio.Barrier(3)

        async def hold() -> None:
            async with database.transaction() as tx:
                await tx.execute("SELECT 1")
                await gate.wait()

        async with asyncio.timeout(DEADLINE_SECONDS):
            await asyncio.gather(hold(), hold(), hold())  # Every session of the pool is there.
        assert finished <= await count(database) < 60
        assert await oldest_transactions(database) == []


async def test_a_deadlock_is_tried_again_and_otherwise_told_as_unavailable(rooms: Rooms):
    async with rooms.open("alpha") as database:
        async with database.transaction() as tx:
            await insert(tx, 1)
            await insert(tx, 2)
        both_hold_one = asyncio.Barrier(2)
        undone = 0

        async def swap(tx: Tx, first: int, second: int) -> None:
            nonlocal undone
            await tx.execute("UPDATE thing SET name = name || 'x' WHERE id = %s", (first,))
            if not undone:
                await both_hold_one.wait()
            try:
                await tx.execute("UPDATE thing SET name = name || 'x' WHERE id = %s", (second,))
            except faults.TransactionUndone:
                undone += 1
                raise

        await asyncio.gather(
            database.attempt(lambda tx: swap(tx, 1, 2)), database.attempt(lambda tx: swap(tx, 2, 1))
        )
        assert undone >= 1
        assert await database.fetch_value("SELECT string_agg(name, '') FROM thing") == "xxxx"

        always = 0

        async def never(tx: Tx) -> None:
            nonlocal always
            always += 1
            raise faults.TransactionUndone(retry_after_seconds=1)

        with pytest.raises(Unavailable):
            await database.attempt(never)
        assert always == 3


async def test_a_taken_lock_and_a_busy_pool_are_told_as_unavailable(rooms: Rooms):
    limits = Limits(lock_seconds=0.05, acquire_seconds=0.05)
    async with rooms.open("alpha", size_max=1, limits=limits) as database:
        with psycopg.connect(rooms.where.administrator_dsn) as other:
            other.execute("INSERT INTO alpha.thing (id) VALUES (1)")
            with pytest.raises(faults.DatabaseUnavailable):
                async with database.transaction() as tx:
                    await insert(tx, 1)
            other.rollback()
        held = await database.take()
        with pytest.raises(faults.DatabaseUnavailable) as caught:
            await database.fetch_value("SELECT 1")
        assert caught.value.retry_after_seconds
        await database.give_back(held)
        assert await database.fetch_value("SELECT 1") == 1


async def test_sessions_the_server_ended_are_replaced_before_anybody_notices(rooms: Rooms):
    async with rooms.open("alpha", size_max=3) as database:
        line = database.line("writer")
        for round_ in range(5):
            with psycopg.connect(rooms.where.administrator_dsn, autocommit=True) as killer:
                killer.execute(
                    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
                    "WHERE usename = 'bezant_alpha'"
                )
            async with database.transaction() as tx:
                await insert(tx, round_)
            assert await line.call_value("SELECT count(*) FROM thing") == round_ + 1
        await line.close()


async def test_too_many_connections_and_a_wrong_password_say_so(rooms: Rooms, cluster: Cluster):
    name = sql.Identifier("bezant_alpha")
    cluster.execute(sql.SQL("ALTER ROLE {} CONNECTION LIMIT 0").format(name))
    try:
        with pytest.raises(Unavailable):
            async with rooms.open("alpha"):
                pass
    finally:
        cluster.execute(sql.SQL("ALTER ROLE {} CONNECTION LIMIT -1").format(name))
    wrong = rooms.where.dsn("bezant_alpha", "wrong")
    with pytest.raises(Unavailable, match="refuses this role and password") as caught:
        await Database.open(wrong, name="alpha", size_max=1, clock=RealClock())
    assert "bezant_alpha" not in str(caught.value)
    nowhere = "host=127.0.0.1 port=1 user=x password=x"
    with pytest.raises(Unavailable, match="cannot be reached"):
        await Database.open(nowhere, name="alpha", size_max=1, clock=RealClock())
