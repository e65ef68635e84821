"""A commit in doubt is never told as a success, and asking again settles it."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from tests.db.conftest import ALPHA
from tests.db.rooms import Rooms, furnish, module
from tests.harness.cluster import Cluster, started
from tests.harness.faults import FaultProxy, Faults, Side
from tests.harness.ports import free_port

from bezant.clock import RealClock
from bezant.db.database import Database, Limits
from bezant.db.poster import Poster
from bezant.errors import OutcomeUnknown

DEADLINE_SECONDS = 60
WAITING = "FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
TRIES = 20


@pytest.fixture(scope="module")
def listening() -> Iterator[Cluster]:
    """Lend a server of this file's own, durable and on a TCP port."""
    with started(durable=True, tcp_port=free_port()) as running:
        yield running


@pytest.fixture
async def own(listening: Cluster, tmp_path: Path) -> AsyncIterator[Rooms]:
    with listening.fresh() as where:
        yield await furnish(where, [module(tmp_path, "alpha", ALPHA)])


class MissingStandby:
    """Makes every synchronous commit wait for a standby that does not exist."""

    def __init__(self, cluster: Cluster) -> None:
        self._settings = cluster.folder / "data" / "postgres.conf"
        self._admin = psycopg.connect(cluster.administrator_dsn(), autocommit=True)

    def begin(self) -> None:
        self._set("missing")

    def heal(self) -> None:
        self._set("")

    def close(self) -> None:
        self.heal()
        self._admin.close()

    def _set(self, standby: str) -> None:
        self._settings.write_text(f"synchronous_standby_names = '{standby}'\n")
        self._admin.execute("SELECT pg_reload_conf()")
        while self._admin.execute("SHOW synchronous_standby_names").fetchone() != (standby,):
            pass

    async def somebody_waits(self) -> None:
        async with asyncio.timeout(DEADLINE_SECONDS):
            while self._admin.execute(f"SELECT pid {WAITING}".encode()).fetchone() is None:
                await asyncio.sleep(0.01)

    def cancel(self) -> None:
        self._admin.execute(f"SELECT pg_cancel_backend(pid) {WAITING}".encode())

    def terminate(self) -> None:
        self._admin.execute(f"SELECT pg_terminate_backend(pid, 5000) {WAITING}".encode())


@pytest.fixture
def standby(listening: Cluster) -> Iterator[MissingStandby]:
    trap = MissingStandby(listening)
    yield trap
    trap.close()


async def put(database: Database, key: int) -> str:
    """Write once under a key: the same key again finds the first record."""
    async with database.transaction() as tx:
        new = await tx.execute(
            "INSERT INTO thing (id) VALUES (%s) ON CONFLICT (id) DO NOTHING", (key,)
        )
    return "written" if new else "found"


async def trapped(
    database: Database, standby: MissingStandby, key: int, way: str
) -> str | BaseException:
    """Commit into the trap, spring it in one of several ways, and return what the caller hears."""
    caller = asyncio.create_task(put(database, key))
    await standby.somebody_waits()
    if way == "the server cancels":
        standby.cancel()
    elif way == "the server ends the session":
        standby.terminate()
    elif way == "the caller goes away":
        caller.cancel()
    result = (await asyncio.gather(caller, return_exceptions=True))[0]
    standby.terminate()  # Nobody waits any more when the next one is sent in.
    return result


WAYS = {
    "the server cancels": OutcomeUnknown,
    "the server ends the session": OutcomeUnknown,
    "the caller goes away": asyncio.CancelledError,
    "nobody answers in time": OutcomeUnknown,
}


@pytest.mark.catalogue("T22")
async def test_a_commit_in_doubt_is_never_told_as_a_success(own: Rooms, standby: MissingStandby):
    heard: list[object] = []
    async with own.open("alpha", limits=Limits(commit_seconds=1.0)) as database:
        assert await put(database, 0) == "written"  # Without the trap the same code succeeds.
        standby.begin()
        for key in range(1, TRIES + 1):
            way = list(WAYS)[key % len(WAYS)]
            told = await trapped(database, standby, key, way)
            assert isinstance(told, WAYS[way]), (way, told)
            heard.append(told)
        standby.heal()
        assert [told for told in heard if told in ("written", "found")] == []
        for key in range(TRIES + 1):
            assert await put(database, key) in ("written", "found")
        assert await database.fetch_value("SELECT count(*) FROM thing") == TRIES + 1


async def test_the_driver_alone_would_have_called_it_a_success(own: Rooms, standby: MissingStandby):
    """The negative control: the trap is real, and the bare driver walks into it."""
    standby.begin()
    bare = await psycopg.AsyncConnection.connect(own.where.administrator_dsn)
    await bare.execute("INSERT INTO alpha.thing (id) VALUES (1)")
    commit = asyncio.create_task(bare.commit())
    await standby.somebody_waits()
    standby.cancel()
    await commit  # No error at all.
    await bare.close()


@pytest.mark.catalogue("T22")
async def test_a_statement_that_commits_itself_is_in_doubt_the_same_way(
    own: Rooms, standby: MissingStandby
):
    async with own.open("alpha", limits=Limits(commit_seconds=1.0)) as database:
        line = database.line("writer")
        statement = "INSERT INTO thing (id) VALUES (%s) ON CONFLICT (id) DO NOTHING RETURNING id"
        assert await line.call_value(statement, (0,)) == 0
        standby.begin()
        for key, spring in enumerate((standby.cancel, standby.terminate), 1):
            caller = asyncio.create_task(line.call_value(statement, (key,)))
            await standby.somebody_waits()
            spring()
            with pytest.raises(OutcomeUnknown):
                await caller
        caller = asyncio.create_task(line.call_value(statement, (3,)))
        await standby.somebody_waits()
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller
        standby.heal()
        for key in range(1, 4):
            await line.call_value(statement, (key,))
        assert await database.fetch_value("SELECT count(*) FROM thing") == 4
        await line.close()


async def test_a_session_that_dies_in_the_commit_is_in_doubt(own: Rooms):
    async with own.open("alpha") as database:
        with pytest.raises(OutcomeUnknown) as caught:
            async with database.transaction() as tx:
                await tx.execute("INSERT INTO fatal VALUES (1)")
        assert caught.value.retry_after_seconds
        assert await put(database, 1) == "written"


@pytest.mark.catalogue("T12")
async def test_a_poster_settles_a_commit_whose_answer_was_lost(own: Rooms, listening: Cluster):
    """The network swallows the answer of one batch; its callers hear how it ended all the same."""
    port = listening.server.facts.tcp_port
    assert port is not None
    async with FaultProxy("127.0.0.1", port) as proxy:
        dsn = make_conninfo(
            own.where.dsn("bezant_alpha", "a password of the tests"),
            host="127.0.0.1",
            port=proxy.port,
        )
        database = await Database.open(
            dsn,
            name="alpha",
            size_max=2,
            clock=RealClock(),
            limits=Limits(statement_seconds=0.5, commit_seconds=0.5),
        )
        line = database.line("poster")
        written: list[int] = []

        async def write(keys: list[int]) -> list[str]:
            rows = await line.call_value(
                "WITH new AS (INSERT INTO thing (id) SELECT unnest(%s::int[]) "
                "ON CONFLICT (id) DO NOTHING RETURNING id) SELECT array_agg(id) FROM new",
                (keys,),
            )
            written.extend(rows or [])
            return ["written" if key in (rows or []) else "found" for key in keys]

        poster = Poster("things", write)  # pyright: ignore[reportArgumentType]
        poster.start()
        assert await poster.submit(0) == "written"
        proxy.faults = Faults(deaf=Side.CLIENT)  # What is sent arrives; no answer comes back.
        callers = [asyncio.ensure_future(poster.submit(key)) for key in range(1, 50)]
        async with asyncio.timeout(DEADLINE_SECONDS):
            while not poster.written.resends:
                await asyncio.sleep(0.01)
        assert not any(caller.done() for caller in callers)
        proxy.faults = Faults()
        proxy.reset_all()
        async with asyncio.timeout(DEADLINE_SECONDS):
            answers = await asyncio.gather(*callers)
        assert set(answers) == {"found"}  # It had been committed the first time.
        assert written == [0]
        await poster.stop()
        await line.close()
        assert await database.fetch_value("SELECT count(*) FROM thing") == 50
        await database.close()
