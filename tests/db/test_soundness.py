"""Every table, index and the log are read, within a time, and nothing is left behind."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
import pytest
from tests.db.rooms import PASSWORD, furnish, module
from tests.harness.cluster import TestDatabase

from bezant.clock import RealClock
from bezant.db.database import Database
from bezant.db.soundness import LIMITS, NotPossible, look

THINGS = """
CREATE TABLE thing (id int PRIMARY KEY, name text NOT NULL);
INSERT INTO thing SELECT n, 'thing ' || n FROM generate_series(1, 5000) AS n;
CREATE INDEX thing_name ON thing (name);
"""


@asynccontextmanager
async def opened(dsn: str) -> AsyncIterator[Database]:
    database = await Database.open(dsn, name="doctor", size_max=1, clock=RealClock(), limits=LIMITS)
    try:
        yield database
    finally:
        await database.close()


@pytest.fixture
async def things(empty_database: TestDatabase, tmp_path) -> TestDatabase:
    await furnish(empty_database, [module(tmp_path, "alpha", THINGS)])
    return empty_database


async def test_whole_tables_are_whole_and_the_extension_is_gone_again(things: TestDatabase):
    async with opened(things.administrator_dsn) as database:
        found = await look(database, ["alpha"])
        assert (found.whole, found.broken, found.not_reached) == (4, [], 0)
        assert not await database.fetch_value(
            "SELECT count(*) FROM pg_extension WHERE extname IN ('amcheck', 'pg_walinspect')"
        )


async def test_an_installed_extension_is_used_and_stays(things: TestDatabase):
    with psycopg.connect(things.administrator_dsn, autocommit=True) as admin:
        admin.execute("CREATE EXTENSION amcheck")
    async with opened(things.administrator_dsn) as database:
        assert (await look(database, ["alpha"])).whole == 4
        assert await database.fetch_value(
            "SELECT count(*) FROM pg_extension WHERE extname = 'amcheck'"
        )


async def test_an_index_that_misses_a_row_is_named_and_the_rest_is_still_read(
    things: TestDatabase,
):
    with psycopg.connect(things.administrator_dsn, autocommit=True) as admin:
        # As after a collation that changed, or an index that was not written to.
        admin.execute(
            "UPDATE pg_index SET indisready = false WHERE indexrelid = 'alpha.thing_name'::regclass"
        )
        admin.execute("INSERT INTO alpha.thing VALUES (-1, 'lost')")
        admin.execute(
            "UPDATE pg_index SET indisready = true WHERE indexrelid = 'alpha.thing_name'::regclass"
        )
    async with opened(things.administrator_dsn) as database:
        found = await look(database, ["alpha"])
    assert found.broken == ["alpha.thing_name (XX001)"]
    assert found.whole == 3


async def test_what_the_time_does_not_suffice_for_is_counted(things: TestDatabase):
    async with opened(things.administrator_dsn) as database:
        found = await look(database, ["alpha"], seconds_max=0)
        assert (found.whole, found.not_reached) == (0, 4)
        found = await look(database, ["alpha"], seconds_max=0.001)
        assert found.broken == []
        assert found.whole + found.not_reached == 4


async def test_whoever_may_not_is_told(things: TestDatabase):
    async with opened(things.dsn("bezant_alpha", PASSWORD)) as database:
        with pytest.raises(NotPossible):
            await look(database, ["alpha"])
