"""A flipped byte on disk: no wrong value is ever served, and whoever reads everything finds it."""

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from tests.db.test_crash import kill_everything, restarted, running_server

from bezant.clock import RealClock
from bezant.db import binaries
from bezant.db.database import Database
from bezant.db.embedded import EmbeddedServer
from bezant.db.soundness import LIMITS, LOG, Looked, look

ROWS = 6_000
PAGE_BYTES = 8_192
SEED = 20_261_120
DAMAGED = psycopg.errors.DataCorrupted
THINGS = f"""
CREATE TABLE thing (id int PRIMARY KEY, amount bigint NOT NULL, name text NOT NULL);
CREATE INDEX thing_amount ON thing (amount);
INSERT INTO thing
SELECT n, n::bigint * 7919 % 1000003, repeat(md5(n::text), 3) FROM generate_series(1, {ROWS}) AS n;
VACUUM ANALYZE thing;
CHECKPOINT;
CREATE SCHEMA bezant;
"""
RIGHT = "amount = id::bigint * 7919 % 1000003 AND name = repeat(md5(id::text), 3)"
# Each way reads every row: from the table, and from each index as far as it leads there.
WAYS = (
    ("enable_indexscan = off; SET enable_bitmapscan = off", "ORDER BY name"),
    ("enable_seqscan = off; SET enable_bitmapscan = off", "ORDER BY id"),
    ("enable_seqscan = off; SET enable_bitmapscan = off", "ORDER BY amount"),
)


@dataclass(frozen=True)
class Flip:
    """One byte of a file that becomes another."""

    path: Path
    offset: int
    mask: int

    def apply(self) -> None:
        """Flip it, or flip it back."""
        with self.path.open("r+b") as file:
            file.seek(self.offset)
            (byte,) = file.read(1)
            file.seek(self.offset)
            file.write(bytes([byte ^ self.mask]))


def somewhere(path: Path, chance: random.Random) -> Flip:
    pages = path.stat().st_size // PAGE_BYTES
    page, byte = chance.randrange(pages), chance.randrange(PAGE_BYTES)
    return Flip(path, page * PAGE_BYTES + byte, chance.randrange(1, 256))


@dataclass(frozen=True)
class Served:
    """What a client was told."""

    rows: int
    wrong: int
    refusals: int
    """How many ways of reading ended with an error instead of rows."""


def served(dsn: str, rows: int) -> Served:
    """Read everything in every way; an answer that is not whole counts as wrong, too."""
    seen = wrong = refusals = 0
    with psycopg.connect(dsn, autocommit=True) as connection:
        for settings, order in WAYS:
            connection.execute(f"RESET ALL; SET {settings}".encode())
            try:
                answer = connection.execute(
                    f"SELECT id, {RIGHT} FROM thing {order}".encode()
                ).fetchall()
            except DAMAGED:
                refusals += 1
                continue
            seen = len(answer)
            ids = [row[0] for row in answer if row[1]]
            wrong += rows - len(set(ids)) + len(answer) - len(ids)
    return Served(seen, wrong, refusals)


async def scrubbed(dsn: str) -> Looked:
    """Look as `bezant doctor --deep` does."""
    database = await Database.open(dsn, name="doctor", size_max=1, clock=RealClock(), limits=LIMITS)
    try:
        return await look(database, ["public"])
    finally:
        await database.close()


@asynccontextmanager
async def with_things(
    *, durable: bool = False
) -> AsyncIterator[tuple[EmbeddedServer, dict[str, Path]]]:
    """A server with a known table, and where its files are."""
    async with running_server(durable=durable) as server:
        with psycopg.connect(server.administrator_dsn(), autocommit=True) as connection:
            for statement in THINGS.split(";"):
                connection.execute(statement.encode())
            files = {
                name: data_of(server) / path
                for name, path in connection.execute(
                    "SELECT relname, pg_relation_filepath(oid) FROM pg_class"
                    " WHERE relname IN ('thing', 'thing_pkey', 'thing_amount')"
                )
            }
        yield server, files


def data_of(server: EmbeddedServer) -> Path:
    return Path(server.facts.sockets).parent / "postgres"


async def with_flip(server: EmbeddedServer, flip: Flip) -> tuple[Served, Looked]:
    """Flip a byte while the server rests, ask it everything, and put the byte back."""
    await server.stop()
    flip.apply()
    await server.start()
    dsn = server.administrator_dsn()
    seen = served(dsn, ROWS), await scrubbed(dsn)
    await server.stop()
    flip.apply()
    await server.start()
    return seen


TRIALS = [3, pytest.param(35, marks=pytest.mark.long)]


@pytest.mark.catalogue("T14")
@pytest.mark.timeout(1_200)
@pytest.mark.parametrize("trials", TRIALS)
async def test_a_flipped_byte_of_a_table_or_index_is_found_and_never_served(trials: int):
    chance = random.Random(SEED)
    async with with_things() as (server, files):
        assert served(server.administrator_dsn(), ROWS) == Served(ROWS, 0, 0)
        assert (await scrubbed(server.administrator_dsn())).broken == []
        for trial in range(trials):
            name = sorted(files)[trial % len(files)]
            flip = somewhere(files[name], chance)
            seen, found = await with_flip(server, flip)
            assert seen.wrong == 0, flip
            broken = {one.partition(" ")[0] for one in found.broken}
            # Each index is compared with its table, so damage there is found from both sides.
            assert broken == (set(files) if name == "thing" else {name}), flip
        assert served(server.administrator_dsn(), ROWS) == Served(ROWS, 0, 0)


@pytest.mark.catalogue("T14")
@pytest.mark.timeout(600)
async def test_without_checksums_a_wrong_value_is_served():
    """Negative control: the same reading notices wrong values where nothing prevents them."""
    async with with_things() as (server, files):
        await server.stop()
        data = files["thing"].parents[2]
        standing = server._standing  # pyright: ignore[reportPrivateUsage]
        await binaries.must(standing, "pg_checksums", ["--disable", "--pgdata", data])
        page = files["thing"].read_bytes()[:PAGE_BYTES]
        flip = Flip(files["thing"], page.rindex(b"c4ca4238a0b923820dcc509a6f75849b"), 1)
        flip.apply()
        await server.start()
        seen = served(server.administrator_dsn(), ROWS)
    assert seen.wrong > 0
    assert seen.refusals == 0


@pytest.mark.catalogue("T14")
@pytest.mark.timeout(1_200)
@pytest.mark.parametrize("trials", [1, pytest.param(15, marks=pytest.mark.long)])
async def test_a_flipped_byte_of_the_log_is_found_before_a_crash_needs_it(trials: int):
    chance = random.Random(SEED)
    for _ in range(trials):
        async with with_things(durable=True) as (server, _):
            dsn = server.administrator_dsn()
            first, last = post_more(dsn, ROWS, 400)
            at = chance.randrange(first, last - last % PAGE_BYTES)  # Its last page is still open.
            flip = log_flip(dsn, data_of(server), at, chance)
            flip.apply()
            found = await scrubbed(dsn)
            kill_everything(server, chance)
            await restarted(server, 1)
            await server.ready(60)
            seen = whole_prefix(server.administrator_dsn())
            # What was lost can be lost silently by a crash, so it has to be found before.
            if found.broken:
                assert found.broken[0].startswith(LOG)
                assert seen >= ROWS
            else:
                assert seen == ROWS + 400, flip  # A byte between two records decides nothing.


async def test_a_damaged_log_that_was_found_is_no_longer_needed_after_a_checkpoint():
    chance = random.Random(SEED)
    async with with_things(durable=True) as (server, _):
        dsn = server.administrator_dsn()
        first, last = post_more(dsn, ROWS, 400)
        flips = [
            log_flip(dsn, data_of(server), at, chance)
            for at in range(first, last - last % PAGE_BYTES, 997)
        ]
        for flip in flips:
            flip.apply()
        assert (await scrubbed(dsn)).log_broken
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute("CHECKPOINT")
        assert (await scrubbed(dsn)).broken == []
        kill_everything(server, chance)
        await restarted(server, 1)
        await server.ready(60)
        assert whole_prefix(server.administrator_dsn()) == ROWS + 400


def post_more(dsn: str, after: int, count: int) -> tuple[int, int]:
    """Write rows one commit at a time; return where the log of that begins and ends."""
    where = "SELECT pg_current_wal_flush_lsn() - '0/0'::pg_lsn"
    with psycopg.connect(dsn, autocommit=True) as connection:
        first = number(connection, where)
        for at in range(after + 1, after + count + 1):
            connection.execute(
                "INSERT INTO thing"
                " SELECT n, n::bigint * 7919 %% 1000003, repeat(md5(n::text), 3)"
                " FROM (SELECT %s::int AS n) AS one",
                (at,),
            )
        return first, number(connection, where)


def number(connection: psycopg.Connection, question: str) -> int:
    row = connection.execute(question.encode()).fetchone()
    assert row is not None
    return int(row[0])


def log_flip(dsn: str, data: Path, at: int, chance: random.Random) -> Flip:
    with psycopg.connect(dsn, autocommit=True) as connection:
        row = connection.execute(
            "SELECT file_name, file_offset FROM pg_walfile_name_offset('0/0'::pg_lsn + %s)", (at,)
        ).fetchone()
    assert row is not None
    return Flip(data / "pg_wal" / row[0], row[1], chance.randrange(1, 256))


def whole_prefix(dsn: str) -> int:
    """Return how many rows there are: the first so many, each of them right."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        row = connection.execute(
            f"SELECT count(*), max(id), bool_and({RIGHT}) FROM thing".encode()
        ).fetchone()
    assert row is not None
    assert (row[0], row[2]) == (row[1], True)
    return row[0]
