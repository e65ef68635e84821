"""Feeds: every event once, in order, at a position that stays."""

import asyncio
import random
import subprocess
from collections import defaultdict
from pathlib import Path

import psycopg
import pytest
from tests.db.feeding import append, happened, note, reader, seen, write, writer
from tests.db.rooms import Rooms, furnish, module, until
from tests.harness.cluster import TestDatabase, started

from bezant.db import binaries
from bezant.db.database import Database, Limits
from bezant.db.feeds import StoredFeed
from bezant.db.follower import Follower
from bezant.db.nudges import Nudges
from bezant.db.outbox import Outbox
from bezant.db.schema import Piece
from bezant.db.sequencer import Sequencer
from bezant.db.watch import oldest_transactions
from bezant.errors import Invalid
from bezant.events import FedEvent

EVENTS = 5_000
WRITERS = 8


async def naive(database: Database, stop: asyncio.Event) -> set[int]:
    """The negative control: remember the highest id seen, ask for higher ones."""
    seen: set[int] = set()
    last = 0
    while True:
        ending = stop.is_set()
        rows: list[int] = await database.fetch_value(
            "SELECT array(SELECT ticket FROM event WHERE ticket > %s ORDER BY ticket)", (last,)
        )
        seen.update(rows)
        last = max(last, *rows) if rows else last
        if ending:
            return seen
        await asyncio.sleep(0.002)


@pytest.mark.catalogue("T34")
async def test_eight_writers_two_followers_and_nothing_is_missed(feeding: Rooms, alpha: Database):
    seed = 34
    stop = asyncio.Event()
    nudges = Nudges()
    outbox = Outbox("alpha", nudges)
    written: list[str] = []

    async def keep_writing(chance: random.Random) -> None:
        while len(written) < EVENTS:
            try:
                written.extend(await write(alpha, outbox, chance))
            except LookupError:
                continue

    async with feeding.open("beta") as beta, feeding.open("gamma") as gamma:
        feed = StoredFeed(alpha, "alpha")
        # Two sequencers at once, as in two processes: they take turns.
        sequencers = [Sequencer(alpha, "alpha", nudges, round_max=100) for _ in range(2)]
        followers = [
            Follower("follower", "alpha", feed, database, note, nudges)
            for database in (beta, gamma)
        ]
        control = asyncio.create_task(naive(alpha, stop))
        for one in (*sequencers, *followers):
            one.start()
        writers = [keep_writing(random.Random(seed * 100 + n)) for n in range(WRITERS)]
        await asyncio.gather(*writers)
        stop.set()
        naive_saw = await control

        async def all_followed() -> bool:
            return all(follower.state.position == len(written) for follower in followers)

        await until(all_followed)
        for one in (*sequencers, *followers):
            await one.stop()
        stored: int = await alpha.fetch_value("SELECT count(*) FROM event")
        assert stored == len(written) >= EVENTS
        missed_by_naive = stored - len(naive_saw)
        assert missed_by_naive > 0, "the control must miss some, or this test proves nothing"
        # The order of transaction numbers would have been wrong, so the tickets are needed.
        assert await broken_by_transaction_number(alpha) > 0
        for database in (beta, gamma):
            await everything_once_and_in_order(database, written)
        assert not any(one.state.trouble for one in (*sequencers, *followers))


async def broken_by_transaction_number(database: Database) -> int:
    """The second control: count the events a reader in that order sees before an earlier one."""
    return await database.fetch_value(
        "SELECT count(*) FROM (SELECT (data ->> 'number')::int - lag((data ->> 'number')::int) "
        "OVER (PARTITION BY subject ORDER BY xmin::text::bigint, ticket) AS step FROM event) AS s "
        "WHERE step < 0"
    )


async def everything_once_and_in_order(database: Database, written: list[str]) -> None:
    rows = await seen(database)
    assert [position for position, *_ in rows] == list(range(1, len(written) + 1))
    assert {identity for _, identity, *_ in rows} == set(written)
    numbers: defaultdict[str, list[int]] = defaultdict(list)
    for _, _, subject, number in rows:
        numbers[subject].append(number)
    for subject, found in numbers.items():
        assert found == list(range(1, len(found) + 1)), f"order broken for subject {subject}"


async def test_pages_are_dense_and_go_on_where_the_last_one_ended(alpha: Database):
    sequencer = Sequencer(alpha, "alpha", Nudges(), round_max=4)
    for size in (3, 1, 5, 2):
        await append(alpha, size)
        with pytest.raises(LookupError):
            await undone(alpha)
        while await sequencer.step():
            pass
    feed = StoredFeed(alpha, "alpha")
    whole = await feed.read(0, 1_000)
    assert [fed.position for fed in whole] == list(range(1, 12))
    assert await feed.head() == 11
    for limit in (1, 2, 3, 10, 11, 12):
        for after in range(13):
            assert await feed.read(after, limit) == whole[after : after + limit]
    for after, limit in ((-1, 1), (0, 0), (0, 1_001)):
        with pytest.raises(Invalid):
            await feed.read(after, limit)


async def undone(database: Database) -> None:
    async with database.transaction() as tx:
        await Outbox("alpha", Nudges()).append(tx, happened("a", 0))
        raise LookupError


async def test_an_open_transaction_holds_back_its_own_events_only(alpha: Database):
    sequencer = Sequencer(alpha, "alpha", Nudges())
    gate = asyncio.Event()

    async def slow() -> None:
        async with alpha.transaction() as tx:
            await Outbox("alpha", Nudges()).append(tx, happened("slow", 1))
            appended.set()
            await gate.wait()

    appended = asyncio.Event()
    writing = asyncio.create_task(slow())
    await appended.wait()
    await append(alpha, 2, "quick")
    for _ in range(3):
        await sequencer.step()
    assert (sequencer.state.head, sequencer.state.unsettled) == (2, 1)
    fresh = Sequencer(alpha, "alpha", Nudges())  # Another process takes over meanwhile.
    await fresh.step()
    assert (fresh.state.head, fresh.state.unsettled) == (2, 1)
    gate.set()
    await writing
    assert await sequencer.step() == 1
    assert await fresh.step() == 0
    subjects = [fed.event.subject for fed in await StoredFeed(alpha, "alpha").read(0, 10)]
    assert subjects == ["quick", "quick", "slow"]
    assert (fresh.state.head, fresh.state.unsettled) == (3, 0)


@pytest.mark.catalogue("T34")
async def test_a_forgotten_transaction_is_ended_by_the_sequencer_it_hinders(
    feeding: Rooms, alpha: Database
):
    forgotten = await alpha.take()
    await forgotten.execute(
        "INSERT INTO event (id, type, version, mode, tenant, subject, occurred_at, data) "
        "VALUES (gen_random_uuid(), 'x', 1, 'test', 't', 's', clock_timestamp(), '{}')"
    )
    await append(alpha, 3)
    async with feeding.open("alpha", limits=Limits(transaction_seconds=0.3)) as database:
        sequencer = Sequencer(database, "alpha", Nudges())
        sequencer.start()

        async def named() -> bool:
            old = await oldest_transactions(database, 0.2)
            return [one.module for one in old] == ["alpha"] and sequencer.state.unsettled == 1

        async def ended() -> bool:
            return not sequencer.state.unsettled and not await oldest_transactions(database, 0.2)

        await until(named)
        assert sequencer.state.head == 3  # It never held back anybody else's events.
        await until(ended)
        assert await StoredFeed(database, "alpha").head() == 3
        await sequencer.stop()
    with pytest.raises(psycopg.OperationalError):
        await forgotten.execute("SELECT 1")
    await alpha.give_back(forgotten)


async def test_a_module_may_feed_from_rows_of_its_own(empty_database: TestDatabase, tmp_path: Path):
    """The ledger's way: no event row per transfer, a view over the rows it writes anyway."""
    own = module(
        tmp_path,
        "book",
        """
        CREATE SEQUENCE batch_ticket AS bigint;
        CREATE TABLE batch (
          id bigint PRIMARY KEY,
          recorded_at timestamptz NOT NULL,
          ticket bigint NOT NULL UNIQUE DEFAULT nextval(
            CASE WHEN pg_current_xact_id() IS NOT NULL THEN 'book.batch_ticket'::regclass END)
        );
        CREATE VIEW recorded AS SELECT ticket, md5('book batch ' || id)::uuid AS id,
          'transfers.recorded' AS type, 1 AS version, 'live' AS mode, 'platform' AS tenant,
          'led_1' AS subject, recorded_at AS occurred_at, json_build_object('batch', id) AS data
        FROM batch;
        GRANT SELECT, INSERT ON batch TO bezant_book;
        GRANT SELECT ON recorded TO bezant_book;
        GRANT USAGE ON SEQUENCE batch_ticket TO bezant_book;
        """,
        pieces=(Piece.FEED,),
    )
    rooms = await furnish(empty_database, [own])
    async with rooms.open("book") as book:
        for number in (7, 8, 9):
            async with book.transaction() as tx:
                await tx.execute(
                    "INSERT INTO batch (id, recorded_at) VALUES (%s, clock_timestamp())", (number,)
                )
        await Sequencer(book, "book", Nudges(), source="recorded").step()
        fed = await StoredFeed(book, "book", source="recorded").read(1, 10)
        assert [(one.position, one.event.data["batch"]) for one in fed] == [(2, 8), (3, 9)]
        assert fed[0].event.type == "transfers.recorded"


async def test_positions_survive_dump_and_restore_into_another_cluster(
    feeding: Rooms, alpha: Database, tmp_path: Path
):
    sequencer = Sequencer(alpha, "alpha", Nudges())
    await append(alpha, 5)
    open_one = await alpha.take()  # In the dump its row is missing and its ticket is a gap.
    await open_one.execute("SELECT nextval('event_ticket')")
    await append(alpha, 5, "b")
    await sequencer.step()
    async with feeding.open("beta") as beta:
        follower = Follower(
            "one", "alpha", StoredFeed(alpha, "alpha"), beta, note, Nudges(), batch_max=4
        )
        await follower.step()
    before = await StoredFeed(alpha, "alpha").read(0, 100)
    dump = tmp_path / "dump.sql"
    programs = binaries.folder()
    run(programs / "pg_dump", "-f", str(dump), "-d", feeding.where.administrator_dsn)
    await open_one.rollback()
    await alpha.give_back(open_one)
    with started(durable=False) as other:
        where = other.create("restored")
        modules = [writer(tmp_path), reader(tmp_path, "beta"), reader(tmp_path, "gamma")]
        await furnish(other.create("roles"), modules)
        arguments = ("-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", str(dump))
        run(programs / "psql", *arguments, "-d", where.administrator_dsn)
        await goes_on_in(Rooms(where), before)


async def goes_on_in(rooms: Rooms, before: tuple[FedEvent, ...]) -> None:
    async with rooms.open("alpha") as restored, rooms.open("beta") as beta:
        feed = StoredFeed(restored, "alpha")
        assert await feed.read(0, 100) == before
        sequencer = Sequencer(restored, "alpha", Nudges())
        await append(restored, 3, "c")
        await sequencer.step()
        await sequencer.step()
        assert sequencer.state.unsettled == 0
        after = await feed.read(0, 100)
        assert after[: len(before)] == before
        assert [fed.event.subject for fed in after[len(before) :]] == ["c"] * 3
        follower = Follower("one", "alpha", feed, beta, note, Nudges())
        while await follower.step():
            pass
        rows = await seen(beta)
        assert [position for position, *_ in rows] == list(range(1, len(after) + 1))


def run(*command: str | Path) -> None:
    subprocess.run([str(part) for part in command], check=True, capture_output=True, timeout=60)
