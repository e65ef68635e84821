"""Databases with small modules in them, for the tests of this room."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.db.feeding import reader, writer
from tests.db.rooms import Rooms, furnish, module
from tests.harness.cluster import TestDatabase

from bezant.db.database import Database

ALPHA = """
CREATE TABLE thing (
  id int PRIMARY KEY CHECK (id >= 0),
  name text NOT NULL DEFAULT '',
  pair int UNIQUE DEFERRABLE INITIALLY DEFERRED
);
GRANT SELECT, INSERT, UPDATE, DELETE ON thing TO bezant_alpha;

-- Ends its own session in the middle of the commit, after everything was written.
CREATE FUNCTION end_session() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_terminate_backend(pg_backend_pid());
  RETURN NULL;
END $$;
CREATE TABLE fatal (id int);
CREATE CONSTRAINT TRIGGER at_commit AFTER INSERT ON fatal
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION end_session();
GRANT INSERT ON fatal TO bezant_alpha;
"""


@pytest.fixture
async def rooms(empty_database: TestDatabase, tmp_path: Path) -> Rooms:
    return await furnish(empty_database, [module(tmp_path, "alpha", ALPHA)])


@pytest.fixture
async def feeding(empty_database: TestDatabase, tmp_path: Path) -> Rooms:
    modules = [writer(tmp_path), reader(tmp_path, "beta"), reader(tmp_path, "gamma")]
    return await furnish(empty_database, modules)


@pytest.fixture
async def alpha(feeding: Rooms) -> AsyncIterator[Database]:
    async with feeding.open("alpha", size_max=16) as database:
        yield database
