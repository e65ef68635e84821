"""The daily dump: whole, private, loadable, and not kept for ever."""

import gzip
import os
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from tests.harness.cluster import Cluster, TestDatabase

from bezant.clock import MovableClock
from bezant.db import binaries
from bezant.db.binaries import ProgramFailed
from bezant.db.dump import check, dump, prune
from bezant.db.sums import BackupDamaged
from bezant.secret import Secret

NOON = datetime(2026, 8, 1, 12, 0, 5, tzinfo=UTC)


def fill(database: TestDatabase) -> None:
    with psycopg.connect(database.administrator_dsn) as connection:
        connection.execute("CREATE TABLE entry (id bigint PRIMARY KEY, amount numeric NOT NULL)")
        connection.execute(
            "INSERT INTO entry SELECT n, 10::numeric ^ 30 + n FROM generate_series(1, 1000) AS n"
        )


def books(dsn: str) -> tuple[object, ...] | None:
    with psycopg.connect(dsn) as connection:
        return connection.execute(
            "SELECT count(*), sum(amount), md5(string_agg(amount::text, ',' ORDER BY id))"
            " FROM entry"
        ).fetchone()


@pytest.mark.requirement("S003-4")
async def test_a_dump_loads_into_an_empty_database_with_every_digit(
    empty_database: TestDatabase, cluster: Cluster, tmp_path: Path
):
    fill(empty_database)
    made = await dump(
        Secret(empty_database.administrator_dsn), tmp_path / "dumps", clock=MovableClock(NOON)
    )
    assert made == tmp_path / "dumps" / "backup_20260801_120005.sql.gz"
    assert made.stat().st_mode & 0o777 == 0o600
    with cluster.fresh() as other:
        subprocess.run(
            [
                *(binaries.folder() / "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1"),
                *("-d", other.administrator_dsn),
            ],
            input=gzip.decompress(made.read_bytes()),
            stdout=subprocess.DEVNULL,
            check=True,
        )
        assert books(other.administrator_dsn) == books(empty_database.administrator_dsn)


async def test_a_dump_that_fails_leaves_no_file(empty_database: TestDatabase, tmp_path: Path):
    wrong = empty_database.dsn("bezant", "wrong")
    with pytest.raises(ProgramFailed, match="password authentication failed"):
        await dump(Secret(wrong), tmp_path / "dumps", clock=MovableClock(NOON))
    assert list((tmp_path / "dumps").iterdir()) == []


async def test_a_cut_or_damaged_dump_is_found(empty_database: TestDatabase, tmp_path: Path):
    fill(empty_database)
    made = await dump(Secret(empty_database.administrator_dsn), tmp_path, clock=MovableClock(NOON))
    check(made)  # Control: untouched it is accepted.
    whole = made.read_bytes()
    middle = len(whole) // 2
    for broken in (
        whole[:-20],
        whole[:middle],
        whole[:middle] + bytes([whole[middle] ^ 4]) + whole[middle + 1 :],
        gzip.compress(gzip.decompress(whole)[:-500]),
        b"",
    ):
        made.write_bytes(broken)
        with pytest.raises(BackupDamaged):
            check(made)


def test_old_dumps_go_and_the_newest_stays(tmp_path: Path):
    def made(days_ago: int) -> Path:
        path = tmp_path / (NOON - timedelta(days=days_ago)).strftime("backup_%Y%m%d_%H%M%S.sql.gz")
        path.touch()
        return path

    old, younger, newest = made(31), made(29), made(1)
    other = tmp_path / "backup_of_my_own.sql.gz"
    other.touch()
    os.utime(other, (0, 0))
    clock = MovableClock(NOON)

    assert prune(tmp_path, clock=clock) == [old]
    assert {*tmp_path.iterdir()} == {younger, newest, other}
    clock.move(timedelta(days=365))
    assert prune(tmp_path, clock=clock) == [younger]
    assert {*tmp_path.iterdir()} == {newest, other}
