"""The one server of a run: our embedded PostgreSQL, durable, a database for each system.

All systems of a run share it, one after the other: the same files, the same cache, the same
checkpoints.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from psycopg import AsyncConnection, sql

from bench.measure import Fact
from bezant.db.embedded import EmbeddedServer

TOLD_SETTINGS = (
    "server_version",
    "fsync",
    "synchronous_commit",
    "full_page_writes",
    "data_checksums",
    "shared_buffers",
    "max_wal_size",
)


IN_MEMORY = ("tmpfs", "ramfs")


class NotDurable(Exception):
    """The server could lose what it acknowledged; nothing measured on it would count."""


@dataclass(frozen=True, slots=True)
class Server:
    """A running server and how to reach its databases as their owner."""

    embedded: EmbeddedServer
    folder: Path

    def dsn(self, database: str) -> str:
        """Return the address of a database."""
        return self.embedded.administrator_dsn(database)

    async def create(self, database: str) -> str:
        """Create an empty database and return its address."""
        async with await AsyncConnection.connect(self.dsn("postgres"), autocommit=True) as admin:
            await admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(database)))
        return self.dsn(database)

    async def settings(self) -> dict[str, Fact]:
        """Return the settings that decide what a commit means; refuse one that is not durable."""
        found: dict[str, Fact] = {}
        async with await AsyncConnection.connect(self.dsn("postgres"), autocommit=True) as admin:
            for name in TOLD_SETTINGS:
                cursor = await admin.execute("SELECT current_setting(%s)", (name,))
                row = await cursor.fetchone()
                assert row is not None
                found[name] = str(row[0])
        found["file_system"] = file_system(self.folder)
        for name in ("fsync", "synchronous_commit", "full_page_writes", "data_checksums"):
            if found[name] != "on":
                raise NotDurable(f"{name} is {found[name]}")
        return found


@asynccontextmanager
async def durable_server(folder: Path) -> AsyncGenerator[Server]:
    """Run a server of our own in a folder, until the block ends."""
    kind = file_system(folder)
    if kind in IN_MEMORY:
        raise NotDurable(f"{folder} is on a {kind}, which is memory; name a disk with TMPDIR")
    embedded = EmbeddedServer(folder)
    await embedded.start()
    try:
        yield Server(embedded, folder)
    finally:
        await embedded.stop()


def file_system(folder: Path) -> str:
    """Return the kind of file system a folder is (or would be) on, where the kernel tells."""
    mounts = Path("/proc/self/mounts")
    if not mounts.exists():
        return "unknown"
    kinds: dict[str, str] = {}
    for line in mounts.read_text().splitlines():
        _, point, kind, *_ = line.split()
        kinds[point] = kind
    place = folder.absolute()
    return next(kinds[str(above)] for above in (place, *place.parents) if str(above) in kinds)
