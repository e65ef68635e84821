"""Clients post while the disk of the write-ahead log becomes read-only, and writable again.

`python -m tests.harness.read_only_program DATA LOG JOURNALS BOOK`

LOG is a folder on a file system of its own, which this program may remount. A kernel that forces a
disk to be read-only does so under open files; by hand that is refused, so the server is killed
until the remount succeeds: its next start finds the disk as after such a fault. Says one line of
JSON.
"""

import asyncio
import dataclasses
import errno
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from tests.harness import journal, keyed
from tests.harness.full_disk_program import CALM, REFUSED, move_log
from tests.harness.load import Load
from tests.harness.waiting import until

from bezant.db.data_folder import DataFolder
from bezant.db.embedded import EmbeddedServer
from bezant.db.leftovers import living
from bezant.db.standing import Standing

TRIES_MAX = 200


def remount(folder: Path, how: str) -> bool:
    done = subprocess.run(
        ["mount", "-o", f"remount,{how}", folder], capture_output=True, timeout=30, check=False
    )
    return done.returncode == 0


async def make_read_only(server: EmbeddedServer, log: Path) -> None:
    place = DataFolder(Path(server.facts.sockets).parent)
    owner = Path(f"/proc/{server.facts.postgres_pid}").stat().st_uid
    for _ in range(TRIES_MAX):
        for process in living(place, Standing("dropped", owner)):
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        if remount(log, "ro"):
            return
        await asyncio.sleep(0.01)
    raise AssertionError("the file system could not be made read-only")


def refuses_writing(folder: Path) -> bool:
    try:
        (folder / "probe").touch()
    except OSError as error:
        return error.errno == errno.EROFS
    return False


def tells(folder: Path) -> bool:
    return "Read-only file system" in (folder / "data/logs/postgres.log").read_text()


async def run(folder: Path, log: Path, journals: Path, name: str) -> dict[str, object]:
    server = EmbeddedServer(folder / "data", disk_free_min_bytes=1)
    await server.start()
    await server.stop()
    move_log(folder / "data", log)
    await server.start()
    dsn = server.administrator_dsn()
    keyed.make_tables(dsn)
    book = await getattr(keyed, name).open(dsn)
    try:
        async with Load(journals, book.post, clients=6) as load:
            await load.more(CALM)
            await make_read_only(server, log)
            read_only = refuses_writing(log)
            refused = book.refused + REFUSED
            await until(lambda: tells(folder), "PostgreSQL meets the read-only disk", 120)
            await until(lambda: book.refused >= refused, "clients are refused", 120)
            before = load.acknowledged
            assert remount(log, "rw")
            writable_at = time.monotonic()
            await load.more(CALM, 120)
            recovered_at = time.monotonic()
        await server.ready(60)
        await load.resolve()
    finally:
        await book.close()
    verdict = journal.check(journals, keyed.effects(dsn))
    await server.stop()
    return {
        **dataclasses.asdict(verdict),
        "clean": verdict.clean,
        "wrong": load.wrong,
        "refused": book.refused,
        "read_only": read_only,
        "acknowledged_before_writable": before,
        "recovery_seconds": recovered_at - writable_at,
    }


async def main(arguments: list[str]) -> dict[str, object]:
    data, log, journals, name = arguments
    return await run(Path(data), Path(log), Path(journals), name)


if __name__ == "__main__":
    os.umask(0o077)
    print(json.dumps(asyncio.run(main(sys.argv[1:]))))
