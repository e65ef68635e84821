"""Other users of the machine: they neither connect nor read, whoever runs the server."""

import os
import stat
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import psycopg
import pytest
import pytest_asyncio
from tests.harness.folders import open_folder
from tests.harness.processes import Program, start_module
from tests.harness.waiting import wait_until

from bezant.db import standing
from bezant.db.data_folder import DataNotOurs
from bezant.db.embedded import EmbeddedServer
from bezant.db.standing import Standing

STRANGER = 65534
ROOT = os.geteuid() == 0
# Root has two ways to run the server; an ordinary user has one. Each machine tries all it has.
STANDINGS: dict[str, Callable[[Path], Standing]] = (
    {"namespace": standing.choose, "dropped": standing.dropped}
    if ROOT
    else {"ordinary": standing.choose}
)
# Root starts as itself and then gives its rights up: its interpreter need not be open to all.
LOOK = """
import os, socket, sys
os.setgroups([])
os.setgid(int(sys.argv[1]))
os.setuid(int(sys.argv[1]))
for name in sys.argv[2:]:
    try:
        if os.path.isdir(name):
            os.listdir(name)
        elif name.count(".s.PGSQL"):
            socket.socket(socket.AF_UNIX).connect(name)
        else:
            open(name, "rb").read()
        print("reached", name)
    except PermissionError:
        print("refused", name)
"""
# Without rights of its own, in a namespace where root has another number: an ordinary user.
AS_ORDINARY_USER = ["unshare", "--user", "--map-user=1000", "--map-group=1000"] if ROOT else []


@pytest.fixture
def folder() -> Iterator[Path]:
    with open_folder() as place:
        yield place / "data"


@pytest_asyncio.fixture(params=STANDINGS)
async def server(folder: Path, request: pytest.FixtureRequest) -> AsyncIterator[EmbeddedServer]:
    started = EmbeddedServer(folder, choose_standing=STANDINGS[request.param])
    await started.start()
    yield started
    await started.stop()


def looked_at_by_a_stranger(*names: Path) -> dict[str, str]:
    """Return what a process of another user reaches."""
    said = subprocess.run(
        [sys.executable, "-I", "-S", "-c", LOOK, str(STRANGER), *map(str, names)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return {name: answer for answer, name in (line.split(" ", 1) for line in said.splitlines())}


if ROOT:  # Only root can become somebody else; the modes are checked below for everybody.

    async def test_another_user_neither_connects_nor_reads(server: EmbeddedServer, folder: Path):
        socket = folder / "run" / ".s.PGSQL.5432"
        hidden = [
            folder,
            folder / "postgres",
            folder / "postgres" / "PG_VERSION",
            folder / "postgres" / "global" / "pg_control",
            folder / "postgres.password",
            folder / "logs" / "postgres.log",
            folder / "run",
            socket,
        ]
        assert all(path.exists() for path in hidden)
        control = folder.parent / "open.txt"
        control.write_text("everybody may read this")
        control.chmod(0o644)

        seen = looked_at_by_a_stranger(control, *hidden)
        assert seen.pop(str(control)) == "reached"
        assert seen == {str(path): "refused" for path in hidden}

        for path in (folder, folder / "run"):  # Control: it is these modes that keep them out.
            path.chmod(0o755)
        socket.chmod(0o777)
        seen = looked_at_by_a_stranger(folder / "run", socket)
        assert seen == {str(folder / "run"): "reached", str(socket): "reached"}


async def test_every_file_of_ours_is_closed_to_group_and_others(
    server: EmbeddedServer, folder: Path
):
    group = folder.stat().st_gid
    opened = [
        path
        for path in (folder, *folder.rglob("*"))
        if not stat.S_ISSOCK(path.stat().st_mode)
        and path.stat().st_mode & 0o077
        # The one exception: the dropped user's own group may pass through the outer folder.
        and not (path == folder and path.stat().st_mode & 0o777 == 0o710 and group != 0)
    ]
    assert opened == []


async def test_a_password_is_asked_of_everybody_even_of_the_same_user(server: EmbeddedServer):
    facts = server.facts
    with pytest.raises(psycopg.OperationalError, match="no password supplied"):
        psycopg.connect(host=facts.sockets, port=facts.port, user="bezant", dbname="postgres")
    psycopg.connect(server.administrator_dsn()).close()


async def test_the_server_is_never_root(server: EmbeddedServer):
    """Inside its namespace the server has another number; dropped, it has one outside as well."""
    status = Path(f"/proc/{server.facts.postgres_pid}/status").read_text()
    inside = Path(f"/proc/{server.facts.postgres_pid}/uid_map").read_text().split()
    uid = int(next(line for line in status.splitlines() if line.startswith("Uid:")).split()[1])
    assert uid != 0 or inside[0] != "0"
    capabilities = [line.split()[1] for line in status.splitlines() if line.startswith("CapEff")]
    assert set(capabilities) == {"0" * 16}


async def test_no_user_of_the_machine_and_no_folder_above_is_changed(folder: Path):
    before = (Path("/etc/passwd").read_bytes(), folder.parent.stat().st_mode)
    server = EmbeddedServer(folder)
    await server.start()
    await server.stop()
    assert (Path("/etc/passwd").read_bytes(), folder.parent.stat().st_mode) == before


@pytest.mark.parametrize("way", STANDINGS)
async def test_each_way_restarts_on_its_own_data(folder: Path, way: str):
    for count in (1, 2):
        server = EmbeddedServer(folder, choose_standing=STANDINGS[way])
        await server.start()
        with psycopg.connect(server.administrator_dsn()) as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS start (n int)")
            connection.execute("INSERT INTO start VALUES (1)")
            assert connection.execute("SELECT count(*) FROM start").fetchone() == (count,)
        await server.stop()


async def test_a_server_keeps_the_user_its_data_belongs_to(folder: Path):
    server = EmbeddedServer(folder, choose_standing=STANDINGS[next(reversed(STANDINGS))])
    await server.start()
    await server.stop()
    assert standing.choose(folder / "postgres").owner == (folder / "postgres").stat().st_uid
    again = EmbeddedServer(folder)
    await again.start()
    await again.stop()


async def test_a_dropped_server_that_cannot_reach_its_folder_says_so(folder: Path):
    folder.parent.chmod(0o700)
    passer_by = Standing("dropped", 64_000, 64_000)
    with pytest.raises(DataNotOurs, match="who cannot enter"):
        await EmbeddedServer(folder, choose_standing=lambda _: passer_by).start()
    assert not (folder / "postgres").exists()


@pytest.mark.parametrize("way", STANDINGS)
def test_each_way_ends_with_the_platform_however_it_dies(folder: Path, way: str):
    with start_module("tests.harness.server_program", folder, way) as program:
        psycopg.connect(program.wait_for_line().removeprefix("ready ")).close()
        lock = folder / "postgres" / "postmaster.pid"
        main = Path("/proc") / lock.read_text().split("\n")[0]
        program.kill()
    wait_until(lambda: not lock.exists() or not main.exists(), "the server ended")


def test_an_ordinary_user_runs_it_as_themselves(folder: Path):
    command = [sys.executable, "-m", "tests.harness.server_program", str(folder)]
    with Program([*AS_ORDINARY_USER, *command]) as program:
        dsn = program.wait_for_line().removeprefix("ready ")
        assert (folder / "postgres").stat().st_uid == os.geteuid()
        with psycopg.connect(dsn) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        assert program.stop() == 0


def test_a_folder_of_another_user_is_refused(folder: Path):
    wrong = Path("/")
    if ROOT:
        wrong = folder
        wrong.mkdir()
        wrong.chmod(0o777)
        os.chown(wrong, STRANGER, STRANGER)
    command = [sys.executable, "-m", "tests.harness.server_program", str(wrong)]
    with Program([*AS_ORDINARY_USER, *command]) as program:
        said = program.wait_for_line("refused")
    assert "database_data_not_ours" in said
    assert not (wrong / "postgres").exists()


async def test_a_folder_with_another_use_is_neither_closed_nor_filled(folder: Path):
    folder.mkdir()
    folder.chmod(0o1777)
    (folder / "letter.txt").write_text("mine")
    with pytest.raises(DataNotOurs, match=r"holds other things \(letter.txt\)"):
        await EmbeddedServer(folder).start()
    assert folder.stat().st_mode & 0o7777 == 0o1777
    assert [path.name for path in folder.iterdir()] == ["letter.txt"]

    (folder / "letter.txt").unlink()  # Control: an open folder that is empty is closed and used.
    server = EmbeddedServer(folder)
    await server.start()
    await server.stop()
    assert folder.stat().st_mode & 0o777 == 0o700
