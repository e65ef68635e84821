"""What a started embedded server is, and what it refuses to start on."""

import hashlib
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from tests.harness.folders import open_folder
from tests.harness.ports import free_port
from tests.harness.processes import Program, start_module
from tests.harness.waiting import wait_until

from bezant.db import binaries
from bezant.db.data_folder import DataFolder
from bezant.db.embedded import (
    DataNotOurs,
    DataOfAnotherVersion,
    EmbeddedServer,
    LowDisk,
    PortTaken,
    ServerDown,
    ServerState,
    running,
)


@pytest.fixture
def folder() -> Iterator[Path]:
    with open_folder() as place:
        yield place / "data"


def setting(dsn: str, name: str) -> str:
    with psycopg.connect(dsn) as connection:
        row = connection.execute("SELECT current_setting(%s)", (name,)).fetchone()
        assert row is not None
        return str(row[0])


def digest(folder: Path) -> str:
    """Return one number for every name and byte below a folder."""
    total = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        total.update(str(path).encode())
        total.update(path.read_bytes() if path.is_file() else b"")
    return total.hexdigest()


def tune(folder: Path, text: str) -> None:
    folder.mkdir()
    (folder / "postgres.conf").write_text(text)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("fsync", "on"),
        ("synchronous_commit", "on"),
        ("full_page_writes", "on"),
        ("data_checksums", "on"),
        ("password_encryption", "scram-sha-256"),
        ("listen_addresses", ""),
        ("server_encoding", "UTF8"),
        ("TimeZone", "UTC"),
        ("wal_level", "replica"),
        ("log_statement", "none"),
    ],
)
def test_the_settings_are_those_of_a_payment_platform(durable_cluster, name: str, value: str):
    assert setting(durable_cluster.administrator_dsn(), name) == value


def test_nobody_can_loosen_durability_from_inside(durable_cluster):
    with (
        psycopg.connect(durable_cluster.administrator_dsn(), autocommit=True) as connection,
        pytest.raises(psycopg.Error, match="ALTER SYSTEM is not allowed"),
    ):
        connection.execute("ALTER SYSTEM SET fsync = off")


def test_text_sorts_by_code_point_and_knows_unicode(durable_cluster):
    with psycopg.connect(durable_cluster.administrator_dsn()) as connection:
        row = connection.execute(
            "SELECT datlocprovider, datlocale, upper('ß é') FROM pg_database"
            " WHERE datname = current_database()"
        ).fetchone()
    assert row == ("b", "C.UTF-8", "ß É")


async def test_an_operator_tunes_memory_but_not_durability(folder: Path):
    tune(folder, "work_mem = 3MB\nfsync = off\nlisten_addresses = '*'\n")
    server = EmbeddedServer(folder)
    await server.start()
    try:
        dsn = server.administrator_dsn()
        assert setting(dsn, "work_mem") == "3MB"
        assert setting(dsn, "fsync") == "on"
        assert setting(dsn, "listen_addresses") == ""
    finally:
        await server.stop()


async def test_what_was_written_is_there_after_a_restart(installation: Path):
    first = EmbeddedServer(installation)
    await first.start()
    with psycopg.connect(first.administrator_dsn()) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    await first.stop()
    assert first.state is ServerState.STOPPED
    with pytest.raises(ServerDown):
        first.require_ready()

    second = EmbeddedServer(installation)
    await second.start()
    try:
        with psycopg.connect(second.administrator_dsn()) as connection:
            assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)
    finally:
        await second.stop()


async def test_a_lost_password_file_is_replaced_and_the_old_password_is_dead(installation: Path):
    server = EmbeddedServer(installation)
    await server.start()
    old = server.administrator_dsn()
    await server.stop()
    (installation / "postgres.password").unlink()

    await server.start()
    try:
        assert server.administrator_dsn() != old
        psycopg.connect(server.administrator_dsn()).close()
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(old)
    finally:
        await server.stop()


async def test_tcp_listens_only_on_the_named_port_of_this_machine(installation: Path):
    port = free_port()
    server = EmbeddedServer(installation, tcp_port=port)
    await server.start()
    try:
        word = server.administrator_dsn().split("password=")[1].split()[0]
        near = f"host=127.0.0.1 port={port} user=bezant dbname=postgres"
        psycopg.connect(f"{near} password={word}").close()
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(f"{near} password=wrong")
        with pytest.raises(psycopg.OperationalError, match="no password supplied"):
            psycopg.connect(near)
        assert setting(server.administrator_dsn(), "listen_addresses") == "127.0.0.1"
    finally:
        await server.stop()


@pytest.mark.catalogue("T17")
async def test_a_taken_port_is_named_and_nothing_is_left_behind(installation: Path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        server = EmbeddedServer(installation, tcp_port=taken.getsockname()[1])
        with pytest.raises(PortTaken, match=str(taken.getsockname()[1])):
            await server.start()
        assert running(installation) is None
    await server.start()
    await server.stop()


@pytest.mark.catalogue("T17")
async def test_a_disk_too_full_is_told_before_anything_is_made(folder: Path):
    with pytest.raises(LowDisk, match="free some space"):
        await EmbeddedServer(folder, disk_free_min_bytes=1 << 60).start()
    assert not (folder / "postgres").exists()
    server = EmbeddedServer(folder, disk_free_min_bytes=1)
    await server.start()
    await server.stop()


@pytest.mark.catalogue("T17")
async def test_data_of_another_major_version_is_left_as_it_is(installation: Path):
    server = EmbeddedServer(installation)
    await server.start()
    await server.stop()
    (installation / "postgres" / "PG_VERSION").write_text("17\n")
    before = digest(installation / "postgres")

    with pytest.raises(DataOfAnotherVersion, match="made by PostgreSQL 17"):
        await server.start()
    assert digest(installation / "postgres") == before

    (installation / "postgres" / "PG_VERSION").write_text(f"{binaries.major_version()}\n")
    await server.start()
    await server.stop()


@pytest.mark.catalogue("T17")
async def test_a_folder_with_other_things_in_it_is_left_as_it_is(folder: Path):
    (folder / "postgres").mkdir(parents=True)
    (folder / "postgres" / "thesis.txt").write_text("ten years of work")
    with pytest.raises(DataNotOurs, match="nothing in it was changed"):
        await EmbeddedServer(folder).start()
    assert [path.name for path in (folder / "postgres").iterdir()] == ["thesis.txt"]


@pytest.mark.catalogue("T17")
def test_a_database_is_never_there_half_made(folder: Path):
    with start_module("tests.harness.server_program", folder) as program:
        wait_until(lambda: any(folder.glob("postgres.new*/base")), "initdb is at work")
        program.kill()
    assert not (folder / "postgres").exists()
    name = os.fsencode(folder)
    wait_until(
        lambda: not any(name in words for words in command_lines()),
        "initdb ended with its parent",
    )

    with start_module("tests.harness.server_program", folder) as program:
        dsn = program.wait_for_line().removeprefix("ready ")
        psycopg.connect(dsn).close()
    assert not list(folder.glob("postgres.new*"))


def command_lines() -> Iterator[bytes]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                yield (entry / "cmdline").read_bytes()
            except OSError:
                continue


async def test_no_password_shows_in_the_process_list_or_the_log(installation: Path):
    planted = "planted-9f3c"
    server = EmbeddedServer(installation)
    await server.start()
    try:
        word = server.administrator_dsn().split("password=")[1].split()[0]
        with Program([sys.executable, "-c", "print('ready'); input()", planted]) as program:
            program.wait_for_line()
            seen = b"\n".join(command_lines())
        with psycopg.connect(server.administrator_dsn(), autocommit=True) as connection:
            connection.execute("CREATE TABLE person (email text PRIMARY KEY)")
            for statement in (
                "CREATE ROLE a PASSWORD 'secret-in-a-statement' LOGIN ERROR",
                "INSERT INTO person VALUES ('payer@example.org'), ('payer@example.org')",
            ):
                with pytest.raises(psycopg.Error):
                    connection.execute(statement)
    finally:
        await server.stop()
    log = (installation / "logs" / "postgres.log").read_text()
    assert planted.encode() in seen  # The search works: it finds what is there.
    assert word.encode() not in seen
    assert "syntax error" in log
    assert "duplicate key" in log
    for secret in (word, "secret-in-a-statement", "payer@example.org"):
        assert secret not in log


async def test_a_long_path_gets_a_short_private_socket_folder(folder: Path):
    deep = folder / ("x" * 60) / ("y" * 60)
    server = EmbeddedServer(deep)
    await server.start()
    try:
        sockets = Path(server.facts.sockets)
        assert not sockets.is_relative_to(folder)
        assert sockets.lstat().st_mode & 0o777 == 0o700
        psycopg.connect(server.administrator_dsn()).close()
    finally:
        await server.stop()
    assert not sockets.exists()


@pytest.mark.parametrize("trap", ["symlink", "open folder", "file"])
async def test_a_trap_at_the_socket_folders_name_is_not_entered(
    folder: Path, trap: str, monkeypatch: pytest.MonkeyPatch
):
    deep = folder / ("x" * 60) / ("y" * 60)
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir(parents=True)
    runtime = folder / "runtime"
    runtime.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    name = runtime / f"{DataFolder(deep).tag}-{os.geteuid()}"
    match trap:
        case "symlink":
            name.symlink_to(elsewhere)
        case "open folder":
            name.mkdir()
            name.chmod(0o777)
        case _:
            name.write_text("")

    server = EmbeddedServer(deep)
    await server.start()
    try:
        assert Path(server.facts.sockets) not in {name, elsewhere}
        assert list(elsewhere.iterdir()) == []
        psycopg.connect(server.administrator_dsn()).close()
    finally:
        await server.stop()

    if name.is_dir() and not name.is_symlink():
        name.chmod(0o700)  # Control: the same folder is used once it is private.
        await server.start()
        assert Path(server.facts.sockets) == name
        await server.stop()
