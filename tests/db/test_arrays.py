"""Arrays that are written all at once read as what was written, whatever stands in them."""

from psycopg import AsyncConnection
from tests.harness.cluster import TestDatabase

from bezant.db.arrays import texts, texts_if_any

STRANGE = [
    "plain", "", " ", "NULL", "null", "a,b", "{a}", '"', '""', "\\", '\\"', "line\nbreak", "tab\t",
    "ä €", '{"json": "with \\"quotes\\" and \\\\ more"}', "'; DROP TABLE x; --", '","',
]  # fmt: skip


async def read(database: TestDatabase, written: str) -> list[str | None]:
    async with await AsyncConnection.connect(database.administrator_dsn) as connection:
        row = await (await connection.execute("SELECT %s::text[]", (written,))).fetchone()
    assert row is not None
    return row[0]


async def test_texts_are_read_as_they_were(database: TestDatabase) -> None:
    for values in ([], STRANGE, *[[one] for one in STRANGE], STRANGE[::-1]):
        assert await read(database, texts(values)) == values


async def test_an_empty_text_is_absent_where_that_is_meant(database: TestDatabase) -> None:
    values = ["a", "", None, '"', "NULL"]
    assert await read(database, texts_if_any(values)) == ["a", None, None, '"', "NULL"]
    assert await read(database, texts_if_any(["", None])) == [None, None]
    assert await read(database, texts_if_any([])) == []


def test_what_no_database_takes_does_not_become_two() -> None:
    assert texts(["a\0b", "c"]) == '{"a\0b","c"}'
