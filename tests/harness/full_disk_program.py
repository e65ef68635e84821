"""Clients post while the disk fills up and is emptied again.

`python -m tests.harness.full_disk_program DATA LOG JOURNALS BOOK`

DATA and LOG are folders on file systems of their own; the small one is filled. BOOK is a class of
`keyed`. Says one line of JSON with what was seen.
"""

import asyncio
import dataclasses
import json
import os
import shutil
import sys
import time
from pathlib import Path

from tests.harness import journal, keyed
from tests.harness.load import Load
from tests.harness.waiting import until

from bezant.db.embedded import EmbeddedServer

CLIENTS = 6
NOTE_BLOCKS = 512  # 16 kB a key: the disk is full soon
CALM, REFUSED = 100, 20
BALLAST_BLOCK = bytes(1 << 20)
LEFT_BYTES = 1 << 20
LITTLE_LOG = "max_wal_size = 64MB\nmin_wal_size = 32MB\n"


def fill(folder: Path) -> Path:
    """Take almost all the space that is left."""
    ballast = folder / "ballast"
    with ballast.open("wb") as file:
        while shutil.disk_usage(folder).free > LEFT_BYTES:
            file.write(BALLAST_BLOCK)
            file.flush()
    return ballast


def move_log(folder: Path, to: Path) -> None:
    """Give the write-ahead log a disk of its own, as operators do."""
    shutil.copytree(folder / "postgres" / "pg_wal", to / "pg_wal")
    (to / "pg_wal").chmod(0o700)
    shutil.rmtree(folder / "postgres" / "pg_wal")
    (folder / "postgres" / "pg_wal").symlink_to(to / "pg_wal")
    (folder / "postgres.conf").write_text(LITTLE_LOG)


async def run(folder: Path, log: Path, journals: Path, name: str) -> dict[str, object]:
    server = EmbeddedServer(folder / "data", disk_free_min_bytes=1)
    await server.start()
    if log != folder:
        await server.stop()
        move_log(folder / "data", log)
        await server.start()
    dsn = server.administrator_dsn()
    keyed.make_tables(dsn)
    book = await getattr(keyed, name).open(dsn, note_blocks=NOTE_BLOCKS)
    try:
        async with Load(journals, book.post, clients=CLIENTS) as load:
            await load.more(CALM)
            ballast = fill(log)
            full_at = time.monotonic()
            refused = book.refused + REFUSED
            await until(lambda: book.refused >= refused, "clients are refused", 120)
            before = load.acknowledged
            ballast.unlink()
            freed_at = time.monotonic()
            await load.more(CALM, 120)
            recovered_at = time.monotonic()
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
        "acknowledged_before_space_returned": before,
        "full_seconds": freed_at - full_at,
        "recovery_seconds": recovered_at - freed_at,
        "restarts": server.restarts,
        "log_tells": "No space left on device" in (folder / "data/logs/postgres.log").read_text(),
    }


async def main(arguments: list[str]) -> dict[str, object]:
    data, log, journals, name = arguments
    return await run(Path(data), Path(log), Path(journals), name)


if __name__ == "__main__":
    os.umask(0o077)
    print(json.dumps(asyncio.run(main(sys.argv[1:]))))
