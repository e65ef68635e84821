"""A backup is whole or not there, is found damaged when it is, and brings the books back."""

import asyncio
import os
import random
import resource
import subprocess
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
import pytest_asyncio
from tests.harness.waiting import until

from bezant.clock import RealClock
from bezant.db.backup import (
    KeysAre,
    TargetInUse,
    WrongKeys,
    backup,
    drill,
    restore,
    verify,
)
from bezant.db.embedded import EmbeddedServer, ServerDown
from bezant.db.sums import BackupDamaged

FLIPS = 60
SEED = 20_260_802
CLOCK = RealClock()


@pytest.fixture
def folder(installation: Path) -> Path:
    return installation.parent


@pytest_asyncio.fixture
async def server(folder: Path):
    (folder / "data" / "heads").mkdir()
    (folder / "data" / "heads" / "eur.txt").write_text("42 3f9a\n")
    (folder / "data" / "state.json").write_text("{}\n")
    (folder / "bezant.key").write_bytes(os.urandom(32))
    started = EmbeddedServer(folder / "data")
    await started.start()
    with psycopg.connect(started.administrator_dsn()) as connection:
        connection.execute("CREATE TABLE entry (id bigint PRIMARY KEY, amount numeric NOT NULL)")
        connection.execute("INSERT INTO entry SELECT n, n * 7 FROM generate_series(1, 5000) AS n")
    yield started
    await started.stop()


async def books(dsn: Callable[[str], str]) -> dict[str, str]:
    with psycopg.connect(dsn("postgres")) as connection:
        row = connection.execute(
            "SELECT count(*), sum(amount), md5(string_agg(amount::text, ',' ORDER BY id))"
            " FROM entry"
        ).fetchone()
    assert row is not None
    return {"entries": str(row[0]), "sum": str(row[1]), "digest": row[2]}


async def test_a_drill_finds_the_books_equal(server: EmbeddedServer, folder: Path):
    expected = await books(server.administrator_dsn)
    about = await backup(folder / "data", folder / "b1", clock=CLOCK)
    with psycopg.connect(server.administrator_dsn()) as connection:
        connection.execute("DELETE FROM entry")  # What happens later does not reach the backup.

    found = await drill(folder / "b1", books, expected, scratch=folder)
    assert found.differing == ()
    assert found.backup == about
    assert found.found["entries"] == "5000"
    assert not list(folder.glob("bezant-drill-*"))


async def test_a_drill_names_what_differs(server: EmbeddedServer, folder: Path):
    await backup(folder / "data", folder / "b1", clock=CLOCK)
    with psycopg.connect(server.administrator_dsn()) as connection:
        connection.execute("UPDATE entry SET amount = amount + 1 WHERE id = 17")
    now = await books(server.administrator_dsn)
    found = await drill(folder / "b1", books, now, scratch=folder)
    assert found.differing == ("digest", "sum")


async def test_a_restored_installation_starts_with_its_heads_and_a_new_password(
    server: EmbeddedServer, folder: Path
):
    old_password = (folder / "data" / "postgres.password").read_text()
    await backup(folder / "data", folder / "b1", clock=CLOCK)
    await restore(folder / "b1", folder / "again")
    assert (folder / "again" / "heads" / "eur.txt").read_text() == "42 3f9a\n"
    assert (folder / "again" / "state.json").read_text() == "{}\n"

    second = EmbeddedServer(folder / "again")
    await second.start()
    try:
        assert await books(second.administrator_dsn) == await books(server.administrator_dsn)
        assert (folder / "again" / "postgres.password").read_text() != old_password
    finally:
        await second.stop()


async def test_writing_goes_on_during_a_backup_and_the_copy_is_consistent(
    server: EmbeddedServer, folder: Path
):
    """Two rows are always written together; the copy never has one of them alone."""
    stop = threading.Event()

    def write() -> None:
        with psycopg.connect(server.administrator_dsn(), autocommit=True) as connection:
            number = 10_000
            while not stop.is_set():
                connection.execute(
                    "INSERT INTO entry VALUES (%s, 1), (%s, -1)", (number, number + 1)
                )
                number += 2

    writer = threading.Thread(target=write)
    writer.start()
    try:
        await backup(folder / "data", folder / "b1", clock=CLOCK)
    finally:
        stop.set()
        writer.join()
    found = await drill(folder / "b1", books, {}, scratch=folder)
    assert int(found.found["entries"]) % 2 == 0
    assert int(found.found["sum"]) == 7 * 5000 * 5001 // 2


async def test_every_flipped_byte_is_found(server: EmbeddedServer, folder: Path):
    await backup(
        folder / "data", folder / "b1", clock=CLOCK, key_file=folder / "bezant.key", with_keys=True
    )
    await verify(folder / "b1")  # Control: untouched it is accepted.
    chance = random.Random(SEED)
    files = [path for path in sorted((folder / "b1").rglob("*")) if path.is_file()]
    kinds = {path.name: path for path in files if path.parent == folder / "b1"}
    logs = [path for path in files if path.parent.name == "pg_wal"]
    keys = [path for path in files if path.parent.name == "keys"]
    assert len(kinds) == 4  # backup.json, state.json and the two sums
    assert logs
    assert keys
    chosen = [*kinds.values(), *logs, *keys, folder / "b1" / "postgres" / "backup_manifest"]
    chosen += chance.choices([path for path in files if path.stat().st_size], k=FLIPS)

    for path in chosen:
        position = chance.randrange(path.stat().st_size)
        with path.open("r+b") as file:
            file.seek(position)
            right = file.read(1)
            file.seek(position)
            file.write(bytes([right[0] ^ (1 << chance.randrange(8))]))
        with pytest.raises(BackupDamaged):
            await restore(folder / "b1", folder / "never")
        assert not (folder / "never").exists()
        with path.open("r+b") as file:
            file.seek(position)
            file.write(right)
    await verify(folder / "b1")


@pytest.mark.parametrize("change", ["missing", "added", "cut", "no sums"])
async def test_files_that_come_or_go_are_found(server: EmbeddedServer, folder: Path, change: str):
    await backup(folder / "data", folder / "b1", clock=CLOCK)
    control = folder / "b1" / "postgres" / "global" / "pg_control"
    match change:
        case "missing":
            control.unlink()
        case "added":
            (folder / "b1" / "postgres" / "extra").touch()
        case "cut":
            os.truncate(control, 100)
        case _:
            (folder / "b1" / "sha256sums.txt").unlink()
    with pytest.raises(BackupDamaged):
        await verify(folder / "b1")


async def test_a_stranger_can_check_the_sums_without_us(server: EmbeddedServer, folder: Path):
    await backup(folder / "data", folder / "b1", clock=CLOCK)
    for sums in ("sha256sums.txt.sha256", "sha256sums.txt"):
        subprocess.run(["sha256sum", "--check", "--quiet", sums], cwd=folder / "b1", check=True)


async def test_a_target_that_holds_anything_is_refused_and_left(
    server: EmbeddedServer, folder: Path
):
    (folder / "full").mkdir()
    (folder / "full" / "letter.txt").write_text("mine")
    with pytest.raises(TargetInUse, match="nothing in it was changed"):
        await backup(folder / "data", folder / "full", clock=CLOCK)
    await backup(folder / "data", folder / "b1", clock=CLOCK)
    for target in (folder / "full", folder / "data"):
        with pytest.raises(TargetInUse):
            await restore(folder / "b1", target)
    assert [path.name for path in (folder / "full").iterdir()] == ["letter.txt"]


async def test_a_backup_that_failed_has_no_name(server: EmbeddedServer, folder: Path):
    await server.stop()
    with pytest.raises(ServerDown, match="not running"):
        await backup(folder / "data", folder / "b1", clock=CLOCK)
    assert not (folder / "b1").exists()
    await server.start()

    (folder / "b1.part").mkdir()  # What a backup that was killed leaves behind is no obstacle.
    (folder / "b1.part" / "half").touch()
    await backup(folder / "data", folder / "b1", clock=CLOCK)
    assert not (folder / "b1" / "half").exists()
    assert not (folder / "b1.part").exists()


async def test_keys_stay_outside_unless_asked_for_and_must_fit(
    server: EmbeddedServer, folder: Path
):
    key = folder / "bezant.key"
    without = await backup(folder / "data", folder / "without", clock=CLOCK, key_file=key)
    inside = await backup(
        folder / "data", folder / "inside", clock=CLOCK, key_file=key, with_keys=True
    )
    assert (without.keys, inside.keys) == (KeysAre.ELSEWHERE, KeysAre.INSIDE)
    secret = key.read_bytes()
    holders = [
        path
        for name in ("without", "inside")
        for path in (folder / name).rglob("*")
        if path.is_file() and secret in path.read_bytes()
    ]
    assert holders == [folder / "inside" / "keys" / "bezant.key"]
    assert holders[0].stat().st_mode & 0o777 == 0o600

    await restore(
        folder / "inside", folder / "r1", durable=False, key_file=folder / "new" / "bezant.key"
    )
    assert (folder / "new" / "bezant.key").read_bytes() == secret
    with pytest.raises(WrongKeys, match="no keys inside"):
        await restore(
            folder / "without", folder / "r2", durable=False, key_file=folder / "none.key"
        )
    (folder / "other.key").write_bytes(os.urandom(32))
    with pytest.raises(WrongKeys, match="not the key file"):
        await restore(
            folder / "without", folder / "r2", durable=False, key_file=folder / "other.key"
        )
    await restore(folder / "without", folder / "r2", durable=False, key_file=key)


async def test_the_administrators_password_is_not_in_a_backup(server: EmbeddedServer, folder: Path):
    await backup(folder / "data", folder / "b1", clock=CLOCK)
    word = (folder / "data" / "postgres.password").read_bytes().strip()
    assert not [
        path for path in (folder / "b1").rglob("*") if path.is_file() and word in path.read_bytes()
    ]


@pytest.mark.parametrize("was_there", [True, False])
async def test_a_restore_that_fails_midway_leaves_the_folder_as_it_was(
    server: EmbeddedServer, folder: Path, was_there: bool
):
    await backup(folder / "data", folder / "b1", clock=CLOCK)
    into = folder / "again"
    if was_there:
        into.mkdir()
    with files_of_at_most(1 << 20), pytest.raises(OSError, match="File too large"):
        await restore(folder / "b1", into)
    assert as_before(into, was_there)

    await restore(folder / "b1", into)  # Control: it was the limit, and the folder is good.
    assert (into / "state.json").exists()


@pytest.mark.parametrize("was_there", [True, False])
async def test_a_restore_that_is_interrupted_leaves_the_folder_as_it_was(
    server: EmbeddedServer, folder: Path, was_there: bool
):
    await backup(folder / "data", folder / "b1", clock=CLOCK)
    into = folder / "again"
    if was_there:
        into.mkdir()
    restoring = asyncio.create_task(restore(folder / "b1", into))
    await until((into / "postgres.new" / "PG_VERSION").exists, "the database is being copied")
    assert not (into / "state.json").exists()  # Killed here, it is not taken for an installation.
    restoring.cancel()
    with pytest.raises(asyncio.CancelledError):
        await restoring
    assert as_before(into, was_there)


def as_before(folder: Path, was_there: bool) -> bool:
    return folder.exists() == was_there and not (was_there and any(folder.iterdir()))


@contextmanager
def files_of_at_most(size: int) -> Generator[None]:
    """Let this process write no file beyond a size, as a disk does that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
