"""The server is restarted when it dies, never left behind, and never shared by two."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest
import pytest_asyncio
from tests.harness.folders import open_folder
from tests.harness.processes import Program, start_module
from tests.harness.waiting import until, wait_until

from bezant.db import binaries, leftovers, supervision
from bezant.db.data_folder import DataFolder
from bezant.db.embedded import (
    AlreadyRunning,
    EmbeddedServer,
    ServerDown,
    ServerState,
    running,
)
from bezant.db.leftovers import living
from bezant.db.standing import Standing

STOP_SECONDS_MAX = 10  # what a platform that is told to stop is given
RECOVER_SECONDS_MAX = 10  # what a supervisor has to bring the server back


@pytest.fixture
def folder(installation: Path) -> Path:
    return installation


@pytest_asyncio.fixture
async def server(folder: Path) -> AsyncIterator[EmbeddedServer]:
    started = EmbeddedServer(folder)
    await started.start()
    yield started
    await started.stop()


def processes(folder: Path) -> list[int]:
    return living(DataFolder(folder), Standing())


def hold(process: int) -> None:
    """Stop a process where it is, unless it has ended since it was seen."""
    with suppress(ProcessLookupError):
        os.kill(process, signal.SIGSTOP)


def one(dsn: str, statement: str) -> object:
    with psycopg.connect(dsn, autocommit=True) as connection:
        cursor = connection.execute(statement)  # pyright: ignore[reportArgumentType]
        row = cursor.fetchone() if cursor.description else None
        return row[0] if row else None


def answers(dsn: str) -> bool:
    with suppress(psycopg.OperationalError):
        return one(dsn, "SELECT 1") == 1
    return False


def cluster_state(folder: Path) -> str:
    """Return what the control file says about how the server ended."""
    said = subprocess.run(
        [binaries.folder() / "pg_controldata", folder / "postgres"],
        capture_output=True,
        text=True,
        check=True,
        env=binaries.environment(),
    ).stdout
    return next(
        line.split(":", 1)[1].strip()
        for line in said.splitlines()
        if line.startswith("Database cluster state")
    )


@pytest.mark.catalogue("T17")
async def test_a_killed_server_is_restarted_with_its_data(server: EmbeddedServer):
    one(server.administrator_dsn(), "CREATE TABLE kept AS SELECT 1")
    before = server.facts.postgres_pid
    os.kill(before, signal.SIGKILL)
    began = time.monotonic()

    await until(lambda: server.state is not ServerState.READY, "the death is noticed")
    with pytest.raises(ServerDown) as told:
        server.require_ready()
    assert told.value.status == 503
    assert told.value.retry_after_seconds
    assert "ended with status -9" in told.value.detail

    await server.ready(RECOVER_SECONDS_MAX)
    assert time.monotonic() - began < RECOVER_SECONDS_MAX
    assert server.facts.postgres_pid != before
    assert server.restarts == 1
    assert one(server.administrator_dsn(), "SELECT count(*) FROM kept") == 1


@pytest.mark.catalogue("T17")
async def test_backends_that_outlive_the_main_process_do_not_block_the_restart(
    server: EmbeddedServer,
):
    connection = await psycopg.AsyncConnection.connect(server.administrator_dsn())
    backend = connection.info.backend_pid
    os.kill(backend, signal.SIGSTOP)  # It cannot notice that its main process is gone.
    os.kill(server.facts.postgres_pid, signal.SIGKILL)

    await until(lambda: server.restarts > 0, "a restart")
    await server.ready(RECOVER_SECONDS_MAX)
    assert backend not in living(DataFolder(Path(server.facts.sockets).parent), Standing())
    assert one(server.administrator_dsn(), "SELECT 1") == 1
    await connection.close()


async def test_a_server_that_lost_a_process_is_started_anew_whole(server: EmbeddedServer):
    main = server.facts.postgres_pid
    connection = await psycopg.AsyncConnection.connect(server.administrator_dsn())
    os.kill(connection.info.backend_pid, signal.SIGKILL)
    with pytest.raises(psycopg.OperationalError):
        await connection.execute("SELECT 1")
    await connection.close()

    await until(lambda: server.restarts == 1, "it ended, and began again")
    await server.ready(RECOVER_SECONDS_MAX)
    assert server.facts.postgres_pid != main
    assert one(server.administrator_dsn(), "SELECT 1") == 1
    assert server.restarts == 1


async def test_a_server_that_cannot_come_back_says_why_and_comes_back_when_it_can(
    server: EmbeddedServer, folder: Path
):
    control = folder / "postgres" / "global" / "pg_control"
    aside = folder / "pg_control.aside"
    os.kill(server.facts.postgres_pid, signal.SIGKILL)
    control.rename(aside)
    await until(lambda: server.restarts >= 2, "two tries")
    with pytest.raises(ServerDown, match=r"did not start|could not find"):
        await server.ready(0.01)

    aside.rename(control)
    await server.ready(RECOVER_SECONDS_MAX)
    assert one(server.administrator_dsn(), "SELECT 1") == 1
    assert server.trouble is None


@pytest.mark.catalogue("T17")
async def test_a_second_start_refuses_or_joins(server: EmbeddedServer, folder: Path):
    with pytest.raises(AlreadyRunning, match=f"process {os.getpid()}"):
        await EmbeddedServer(folder).start()
    with start_module("tests.harness.server_program", folder) as program:
        said = await asyncio.to_thread(program.wait_for_line, "refused")
    assert said.startswith("refused database_already_running")

    found = running(folder)
    assert found == server.facts
    password = DataFolder(folder).read_password()
    assert one(found.dsn("bezant", password, "postgres"), "SELECT 1") == 1
    await server.stop()
    assert running(folder) is None


def test_nothing_runs_on_a_folder_that_is_not_there(folder: Path, tmp_path: Path):
    assert running(folder) is None
    assert running(tmp_path / "nowhere") is None


@pytest.mark.catalogue("T17")
@pytest.mark.parametrize("holder", ["another program", "a zombie", "nobody"])
async def test_a_stale_lock_file_does_not_stop_a_start(folder: Path, holder: str):
    server = EmbeddedServer(folder)
    await server.start()
    written = (folder / "postgres" / "postmaster.pid").read_text().split("\n")
    await server.stop()

    program = Program([sys.executable, "-c", "print('ready'); input()"])
    program.wait_for_line()
    if holder == "a zombie":
        zombie = subprocess.Popen([sys.executable, "-c", ""])
        wait_until(lambda: " Z " in Path(f"/proc/{zombie.pid}/stat").read_text(), "it is a zombie")
        pid = zombie.pid
    else:
        pid = program.pid
    if holder == "nobody":
        program.kill()
    (folder / "postgres" / "postmaster.pid").write_text("\n".join([str(pid), *written[1:]]))

    await server.start()
    try:
        assert one(server.administrator_dsn(), "SELECT 1") == 1
    finally:
        await server.stop()
        program.kill()
        if holder == "a zombie":
            zombie.wait()


@pytest.mark.catalogue("T17")
async def test_a_server_started_by_hand_is_not_touched(folder: Path):
    """Control for the test above: a lock file that tells the truth is obeyed."""
    server = EmbeddedServer(folder)
    await server.start()
    await server.stop()
    by_hand = binaries.command(
        server._standing,
        "postgres",
        ["-D", folder / "postgres", "-c", "listen_addresses=", "-k", folder / "run"],
    )
    with Program(by_hand) as other:
        other.wait_for_line("20", 30)
        wait_until(
            lambda: "ready" in (folder / "postgres" / "postmaster.pid").read_text(),
            "the other server is ready",
        )
        with pytest.raises(AlreadyRunning, match=f"process {other.pid}, which this program did"):
            await server.start()
        assert other.alive
        other.signal(signal.SIGINT)
        assert other.wait() == 0


def test_a_platform_that_is_killed_leaves_no_server_behind(folder: Path):
    with start_module("tests.harness.server_program", folder) as program:
        dsn = program.wait_for_line().removeprefix("ready ")
        one(dsn, "CREATE TABLE kept AS SELECT 1")
        assert processes(folder)
        program.kill()
        wait_until(lambda: not processes(folder), "the server ended with it", STOP_SECONDS_MAX)
    assert cluster_state(folder) == "shut down"


async def test_the_next_start_waits_for_a_server_that_is_still_ending(folder: Path):
    with start_module("tests.harness.server_program", folder) as program:
        dsn = program.wait_for_line().removeprefix("ready ")
        one(dsn, "CREATE TABLE kept AS SELECT generate_series(1, 200000) AS n")
        program.kill()
    server = EmbeddedServer(folder)
    await server.start()
    try:
        assert one(server.administrator_dsn(), "SELECT count(*) FROM kept") == 200_000
    finally:
        await server.stop()


async def test_an_orphan_that_is_stuck_is_ended_by_the_next_start_without_loss(
    folder: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(leftovers, "FAST_SECONDS", 0.5)
    monkeypatch.setattr(leftovers, "IMMEDIATE_SECONDS", 0.5)
    with start_module("tests.harness.server_program", folder) as program:
        dsn = program.wait_for_line().removeprefix("ready ")
        one(dsn, "CREATE TABLE kept AS SELECT 1")
        for process in processes(folder):
            hold(process)
        orphans = processes(folder)  # A session that was just ending is gone by now.
        program.kill()
    assert processes(folder) == orphans

    server = EmbeddedServer(folder)
    await server.start()
    try:
        assert not set(orphans) & set(processes(folder))
        assert one(server.administrator_dsn(), "SELECT count(*) FROM kept") == 1
    finally:
        await server.stop()


def test_a_platform_told_to_stop_ends_the_server_cleanly_and_in_time(folder: Path):
    with start_module("tests.harness.server_program", folder) as program:
        dsn = program.wait_for_line().removeprefix("ready ")
        busy = psycopg.connect(dsn)
        busy.execute("CREATE TABLE half AS SELECT generate_series(1, 100000) AS n")
        idle = psycopg.connect(dsn)
        began = time.monotonic()
        program.signal(signal.SIGTERM)
        assert program.wait(STOP_SECONDS_MAX) == 0
        assert time.monotonic() - began < STOP_SECONDS_MAX
        for connection in (busy, idle):
            connection.close()
    assert "stopped" in program.lines
    assert processes(folder) == []
    assert cluster_state(folder) == "shut down"


async def test_a_server_that_does_not_stop_is_ended_all_the_same(
    server: EmbeddedServer, folder: Path
):
    one(server.administrator_dsn(), "CREATE TABLE kept AS SELECT 1")
    for process in processes(folder):
        hold(process)
    began = time.monotonic()
    await server.stop()
    assert time.monotonic() - began < STOP_SECONDS_MAX
    assert processes(folder) == []
    await server.start()
    assert one(server.administrator_dsn(), "SELECT count(*) FROM kept") == 1


@pytest.mark.catalogue("T17")
@pytest.mark.parametrize("size", ["64k", "1m"])
def test_a_machine_with_little_shared_memory_runs_it_too(made_once: Path, size: str):
    with open_folder(on_disk=True) as place:  # The data would not fit into what is mounted.
        subprocess.run(["cp", "-a", made_once, place / "data"], check=True)
        starts_with_little(place / "data", size)


def starts_with_little(folder: Path, size: str) -> None:
    private = ["--mount"] if os.geteuid() == 0 else ["--user", "--map-root-user", "--mount"]
    mount = f'mount -t tmpfs -o size={size} tmpfs /dev/shm && exec "$@"'
    command = ["unshare", *private, "sh", "-c", mount, "sh", sys.executable]
    with Program([*command, "-m", "tests.harness.server_program", str(folder)]) as program:
        dsn = program.wait_for_line("ready ", 30).removeprefix("ready ")
        assert one(dsn, "SHOW dynamic_shared_memory_type") == "mmap"
        one(dsn, "CREATE TABLE wide AS SELECT generate_series(1, 500000) AS n")
        one(dsn, "ALTER TABLE wide SET (parallel_workers = 2)")
        with psycopg.connect(dsn) as connection:
            connection.execute("SET debug_parallel_query = on")
            row = connection.execute("SELECT count(DISTINCT n), sum(n) FROM wide").fetchone()
            assert row == (500_000, 125_000_250_000)
        assert program.stop() == 0


async def test_the_log_is_kept_bounded(
    folder: Path, server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(supervision, "LOG_BYTES_MAX", 2_000)
    log = folder / "logs" / "postgres.log"
    for round_number in range(supervision.LOGS_KEPT + 3):
        with psycopg.connect(server.administrator_dsn(), autocommit=True) as connection:
            for _ in range(30):
                with suppress(psycopg.Error):
                    connection.execute(f"SELECT no_such_column_{round_number}".encode())
        supervision.rotate(log)
        assert log.stat().st_size < 2_000
    assert sorted(path.name for path in log.parent.iterdir()) == [
        "postgres.log",
        *(f"postgres.log.{number}" for number in range(1, supervision.LOGS_KEPT + 1)),
    ]
    with suppress(psycopg.Error):
        one(server.administrator_dsn(), "SELECT after_the_cut")
    wait_until(lambda: "after_the_cut" in log.read_text(), "the server still writes to it")
