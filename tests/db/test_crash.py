"""kill -9 under load: what was acknowledged is there once; asking again resolves the rest."""

import asyncio
import os
import random
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import psycopg
import pytest
from tests.harness import keyed
from tests.harness.cluster import TestDatabase
from tests.harness.folders import open_folder
from tests.harness.journal import Verdict, check
from tests.harness.keyed import Book, HastyBook, KeyedBook
from tests.harness.load import Load
from tests.harness.ports import free_port
from tests.harness.processes import Program, start_module
from tests.harness.waiting import until

from bezant.db.data_folder import DataFolder
from bezant.db.embedded import EmbeddedServer
from bezant.db.leftovers import living
from bezant.db.standing import Standing
from bezant.errors import Unavailable

CLIENTS = 12
ACKNOWLEDGED_BETWEEN_KILLS = 60
RESTART_SECONDS_PER_GB = 10
SEED = 20_260_801


@asynccontextmanager
async def running_server(*, durable: bool, own_settings: str = "") -> AsyncIterator[EmbeddedServer]:
    with open_folder() as place:
        (place / "data").mkdir()
        (place / "data" / "postgres.conf").write_text(own_settings)
        server = EmbeddedServer(place / "data", durable=durable)
        await server.start()
        try:
            keyed.make_tables(server.administrator_dsn())
            yield server
        finally:
            await server.stop()


def kill_everything(server: EmbeddedServer, chance: random.Random) -> None:
    """Kill the main process and every child, in any order."""
    place = DataFolder(Path(server.facts.sockets).parent)
    victims = living(place, Standing("dropped", server_owner(server)))
    assert server.facts.postgres_pid in victims
    assert len(victims) > 3
    chance.shuffle(victims)
    for process in victims:
        with_no_error_if_gone(process)


def with_no_error_if_gone(process: int) -> None:
    try:
        os.kill(process, signal.SIGKILL)
    except ProcessLookupError:
        return


def server_owner(server: EmbeddedServer) -> int:
    return Path(f"/proc/{server.facts.postgres_pid}").stat().st_uid


async def restarted(server: EmbeddedServer, times: int) -> None:
    await until(lambda: server.restarts >= times, "a restart")


async def killed_under_load(
    server: EmbeddedServer, opened: Callable[[str], Awaitable[Book]], folder: Path, kills: int
) -> tuple[Verdict, Load, list[float]]:
    """Kill the whole server so often under load; return what the journals say about it."""
    chance = random.Random(SEED)
    dsn = server.administrator_dsn()
    book = await opened(dsn)
    outages: list[float] = []
    try:
        async with Load(folder, book.post, clients=CLIENTS) as load:
            for kill in range(1, kills + 1):
                await load.more(ACKNOWLEDGED_BETWEEN_KILLS + chance.randrange(60))
                began = time.monotonic()
                kill_everything(server, chance)
                await restarted(server, kill)
                await server.ready(RESTART_SECONDS_PER_GB)
                outages.append(time.monotonic() - began)
            await load.more(ACKNOWLEDGED_BETWEEN_KILLS)
        await load.resolve()
    finally:
        await book.close()
    return check(folder, keyed.effects(dsn)), load, outages


@pytest.mark.catalogue("T11")
@pytest.mark.parametrize("kills", [10, pytest.param(200, marks=pytest.mark.long)])
@pytest.mark.timeout(1800)
async def test_a_server_killed_under_load_loses_and_doubles_nothing(tmp_path: Path, kills: int):
    async with running_server(durable=True) as server:
        verdict, load, outages = await killed_under_load(server, KeyedBook.open, tmp_path, kills)
    print(f"seed {SEED}: {verdict.acknowledged} acknowledged, worst outage {max(outages):.2f} s")
    assert verdict.clean, verdict
    assert load.wrong == []
    assert verdict.acknowledged >= kills * ACKNOWLEDGED_BETWEEN_KILLS
    assert load.unavailable > 0, "no client noticed any of the crashes"
    assert max(outages) <= RESTART_SECONDS_PER_GB


@pytest.mark.catalogue("T11")
@pytest.mark.timeout(120)
async def test_answering_before_the_commit_is_caught(tmp_path: Path):
    """Negative control: the same run finds losses when the book answers too early."""
    async with running_server(durable=True) as server:
        verdict, _, _ = await killed_under_load(server, HastyBook.open, tmp_path, kills=3)
    assert verdict.lost


@pytest.mark.catalogue("T11")
@pytest.mark.timeout(120)
async def test_a_server_that_commits_to_memory_is_caught(tmp_path: Path):
    """Negative control: the same run finds losses when commits do not wait for the disk."""
    slow_writer = "wal_writer_delay = 10s\nwal_writer_flush_after = 1GB\n"
    async with running_server(durable=False, own_settings=slow_writer) as server:
        verdict, _, _ = await killed_under_load(server, KeyedBook.open, tmp_path, kills=2)
    assert verdict.lost


@pytest.mark.catalogue("T11")
@pytest.mark.timeout(300)
async def test_recovery_keeps_its_pace_when_there_is_much_to_replay():
    async with running_server(durable=True) as server:
        dsn = server.administrator_dsn()
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute("CHECKPOINT")
            start = connection.execute("SELECT pg_current_wal_lsn()").fetchone()
            connection.execute("CREATE TABLE wide (id bigint PRIMARY KEY, filler text)")
            connection.execute(
                "INSERT INTO wide SELECT n, repeat(md5(n::text), 8)"
                " FROM generate_series(1, 600000) AS n"
            )
            row = connection.execute(
                "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), %s)::bigint", start
            ).fetchone()
        assert row is not None
        gigabytes = row[0] / (1 << 30)
        assert gigabytes > 0.15
        began = time.monotonic()
        kill_everything(server, random.Random(SEED))
        await restarted(server, 1)
        await server.ready(600)
        seconds = time.monotonic() - began
        with psycopg.connect(dsn) as connection:
            count = connection.execute("SELECT count(*) FROM wide").fetchone()
    print(f"{gigabytes:.2f} GB of WAL replayed in {seconds:.2f} s")
    assert count == (600_000,)
    assert seconds <= RESTART_SECONDS_PER_GB * max(1, gigabytes)


class FarBook:
    """A client's view of a book in another process: its connections are made again when lost."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def post(self, key: str) -> None:
        try:
            link = self._idle.pop() if self._idle else await self._connect()
            link[1].write(f"{key}\n".encode())
            said = await link[0].readline()
        except OSError as error:
            raise Unavailable from error
        if said != b"done\n":
            link[1].close()
            raise Unavailable
        self._idle.append(link)

    def close(self) -> None:
        for _, writer in self._idle:
            writer.close()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self._port)


async def app_killed_under_load(
    dsn: str, book_class: str, folder: Path, kills: int
) -> tuple[Verdict, Load]:
    keyed.make_tables(dsn)
    port = free_port()
    chance = random.Random(SEED)

    def start() -> Program:
        return start_module("tests.harness.book_program", dsn, str(port), book_class)

    book = FarBook(port)
    program = start()
    try:
        await asyncio.to_thread(program.wait_for_line)
        async with Load(folder, book.post, clients=CLIENTS) as load:
            for _ in range(kills):
                await load.more(ACKNOWLEDGED_BETWEEN_KILLS + chance.randrange(40))
                assert program.kill() == -signal.SIGKILL
                program = start()
                await asyncio.to_thread(program.wait_for_line)
            await load.more(ACKNOWLEDGED_BETWEEN_KILLS)
        await load.resolve()
    finally:
        program.kill()
        book.close()
    return check(folder, keyed.effects(dsn)), load


@pytest.mark.catalogue("T10")
@pytest.mark.parametrize("kills", [20, pytest.param(200, marks=pytest.mark.long)])
@pytest.mark.timeout(1800)
async def test_an_app_killed_under_load_loses_and_doubles_nothing(
    empty_database: TestDatabase, tmp_path: Path, kills: int
):
    verdict, load = await app_killed_under_load(
        empty_database.administrator_dsn, "tests.harness.keyed:KeyedBook", tmp_path, kills
    )
    assert verdict.clean, verdict
    assert load.wrong == []
    assert load.unavailable > 0
    assert verdict.acknowledged >= kills * ACKNOWLEDGED_BETWEEN_KILLS


@pytest.mark.catalogue("T10")
@pytest.mark.timeout(120)
async def test_an_app_that_answers_before_the_commit_is_caught(
    empty_database: TestDatabase, tmp_path: Path
):
    verdict, _ = await app_killed_under_load(
        empty_database.administrator_dsn, "tests.harness.keyed:HastyBook", tmp_path, kills=5
    )
    assert verdict.lost
