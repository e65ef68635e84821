"""PostgreSQL gives the bytes that were written by hand, and a real batch follows from them."""

from datetime import datetime

import psycopg
import pytest
from psycopg import sql
from tests.ledger.shelf import Shelf
from tests.verify import vectors as v

TRANSFER = """
bigint uuid bigint smallint bigint bigint bigint[] bigint timestamptz uuid text text jsonb
"""
FUNCTIONS = {
    "account_bytes": (v.ACCOUNTS, "bigint uuid smallint text text jsonb"),
    "transfer_bytes": (
        v.TRANSFERS,
        TRANSFER,
    ),
    "entry_bytes": (v.ENTRIES, "bigint bigint numeric numeric numeric numeric smallint"),
    "hold_bytes": (v.HOLDS, "bigint bigint bigint numeric timestamptz"),
    "step_bytes": (v.STEPS, "bigint bigint numeric"),
}


@pytest.fixture
def connection(shelf: Shelf):
    with psycopg.connect(shelf.database.administrator_dsn, autocommit=True) as opened:
        yield opened


def value(connection: psycopg.Connection, statement: str, fields: tuple[object, ...]) -> object:
    given = [list(one) if isinstance(one, tuple) else one for one in fields]
    row = connection.execute(sql.SQL(statement), given).fetchone()  # pyright: ignore
    assert row is not None
    return row[0]


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata"])
@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_row_gives_the_bytes_written_by_hand(
    connection: psycopg.Connection, function: str, zone: str
):
    connection.execute(sql.SQL("SET timezone = {}").format(sql.Literal(zone)))
    connection.execute("SET datestyle = 'SQL, DMY'")
    written, types = FUNCTIONS[function]
    marks = ", ".join(f"%s::{name}" for name in types.split())
    for fields, expected in written.items():
        found = value(connection, f"SELECT ledger.{function}({marks})", fields)
        assert found == expected, fields


def test_numbers_are_sent_as_they_were_written_by_hand(connection: psycopg.Connection):
    for number, written in v.NUMERICS.items():
        found = value(connection, "SELECT numeric_send(%s::numeric(32, 0))", (number,))
        assert found == v.hexed(written), number


def test_a_book_begins_with_the_hash_computed_by_hand(connection: psycopg.Connection):
    marks = "%s::integer, %s::text, %s::smallint, %s::text, %s::text, %s::timestamptz"
    found = value(connection, f"SELECT encode(ledger.genesis({marks}), 'hex')", v.TITLE)
    assert found == v.GENESIS


async def test_a_real_book_that_says_the_same_has_the_same_hash(
    shelf: Shelf, connection: psycopg.Connection
):
    """Write the hand-made batch through the book's own functions, at that very hour."""
    opened_at: datetime = v.AT
    number = value(
        connection,
        "SELECT ledger.open_book('EUR', 2::smallint, 'test', '', %s)",
        (opened_at,),
    )
    assert number == 1
    value(
        connection,
        "SELECT id FROM ledger.record(1, %s, 7::smallint, %s::uuid, 7, NULL, NULL, NULL, %s::jsonb,"
        " '{}', '{}', NULL, false, %s::uuid, 2::smallint, 'ada', NULL, NULL, 0, false, NULL, NULL)",
        (opened_at, "aa" * 16, v.METADATA, v.TENANT),
    )
    found = value(connection, "SELECT encode(hash, 'hex') FROM ledger.batch WHERE id = %s", (1,))
    assert found == v.BATCH_HASH
