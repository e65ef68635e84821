"""Functions and triggers in the database are those of the migrations; whatever is not, is named."""

from collections.abc import AsyncIterator, Iterator

import psycopg
import pytest
from tests.harness.cluster import Cluster, TestDatabase
from tests.vault.room import template_of

from bezant.clock import RealClock
from bezant.db.database import Database
from bezant.db.functions import differences, written
from bezant.schemas import ROLES, SCHEMAS


@pytest.fixture
def house_database(cluster: Cluster) -> Iterator[TestDatabase]:
    with cluster.fresh(template_of(cluster, "house_template", ROLES)) as fresh:
        yield fresh


@pytest.fixture
async def house(house_database: TestDatabase) -> AsyncIterator[Database]:
    database = await Database.open(
        house_database.administrator_dsn, name="test", size_max=1, clock=RealClock()
    )
    yield database
    await database.close()


async def told(house: Database) -> list[str]:
    return [f"{one.what} {one.how}" for one in await differences(house, SCHEMAS)]


async def test_a_fresh_database_differs_in_nothing(house: Database):
    assert await told(house) == []
    made = {f"{one.module}.{name}" for one in SCHEMAS for name, _ in written(one)}
    assert {
        "ledger.record", "ledger.transfer_bytes", "jobs.procrastinate_fetch_job_v2",
        "identity.refuse_revival",
    } <= made  # fmt: skip
    gone = await house.fetch_value(
        "SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'bezant_doctor%'"
    )
    assert gone == 0


@pytest.mark.catalogue("T69")
@pytest.mark.parametrize(
    ("statement", "said"),
    [
        (
            """
            CREATE OR REPLACE FUNCTION identity.refuse_revival() RETURNS trigger
            LANGUAGE plpgsql AS $$ BEGIN RETURN new; END $$
            """,
            "identity.refuse_revival was replaced or changed",
        ),
        (
            "ALTER FUNCTION identity.count_generation() SECURITY INVOKER",
            "identity.count_generation was replaced or changed",
        ),
        (
            "ALTER FUNCTION ledger.forget_refusals(timestamptz) SET search_path = public, ledger",
            "ledger.forget_refusals was replaced or changed",
        ),
        (
            """
            CREATE OR REPLACE FUNCTION ledger.entry_bytes(
              account bigint, transfer bigint, amount numeric, balance numeric, held numeric,
              floor numeric, state smallint
            ) RETURNS bytea LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN int8send(account)
            """,
            "ledger.entry_bytes was replaced or changed",
        ),
        (
            "ALTER FUNCTION jobs.rescue(float8, int) OWNER TO bezant",
            "jobs.rescue belongs to bezant",
        ),
        (
            "ALTER FUNCTION ledger.step_bytes(bigint, bigint, numeric) STABLE",
            "ledger.step_bytes was replaced or changed",
        ),
        ("DROP FUNCTION jobs.forget(float8)", "jobs.forget is missing"),
        (
            "CREATE FUNCTION ledger.mint() RETURNS int LANGUAGE sql AS 'SELECT 1'",
            "ledger.mint stands in no migration",
        ),
        (
            "CREATE FUNCTION jobs.forget(text) RETURNS int LANGUAGE sql AS 'SELECT 1'",
            "jobs.forget stands in no migration",
        ),
        (
            "ALTER TABLE identity.api_key DISABLE TRIGGER api_key_no_revival",
            "trigger api_key_no_revival of identity.api_key is switched off",
        ),
        (
            "ALTER TABLE identity.api_key ENABLE REPLICA TRIGGER api_key_rights_taken",
            "trigger api_key_rights_taken of identity.api_key is switched off",
        ),
    ],
)
async def test_what_was_changed_behind_our_back_is_named(
    statement: str, said: str, house: Database, house_database: TestDatabase
):
    with psycopg.connect(house_database.administrator_dsn, autocommit=True) as admin:
        admin.execute(statement.encode())
    assert await told(house) == [said]
