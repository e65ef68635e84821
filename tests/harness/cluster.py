"""A PostgreSQL server for tests, and databases made in it from a template."""

import asyncio
import itertools
import os
import shutil
import tempfile
import threading
from collections.abc import Coroutine, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import psycopg
from psycopg import conninfo, sql

from bezant.db.embedded import EmbeddedServer
from bezant.db.migrate import migrate
from bezant.db.schema import PACKAGE, ModuleSchema, Piece
from bezant.secret import Secret

Answer = TypeVar("Answer")
TEMPLATE = "bezant_template"
MODULE_PASSWORD = "the password of every module in tests"
CALL_SECONDS = 120
MEMORY = "/dev/shm"
MEMORY_FREE_MIN_BYTES = 4 << 30
QUICK_SETTINGS = """
scram_iterations = 1     # 4,096 rounds are 2 ms a connection; these passwords protect nothing
shared_buffers = 64MB    # making and dropping a database each look through all of them
"""
_numbers = itertools.count(1)


class LoopThread:
    """An event loop that runs beside the tests, so that a server is watched between them too."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="cluster", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[object, object, Answer]) -> Answer:
        """Run this to its end on that loop and return its answer."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(CALL_SECONDS)

    def close(self) -> None:
        self.run(self._loop.shutdown_default_executor())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(CALL_SECONDS)
        self._loop.close()


@dataclass(frozen=True, slots=True)
class TestDatabase:
    """One database of the cluster; it is dropped when the test ends."""

    __test__ = False

    server: EmbeddedServer
    name: str

    @property
    def administrator_dsn(self) -> str:
        return self.server.administrator_dsn(self.name)

    def dsn(self, role: str, password: str) -> str:
        """Return the connection string of a role in this database."""
        return self.server.dsn(role, password, self.name)

    def module_dsn(self, module: str) -> str:
        """Return the connection string with which a module's own role enters `database`."""
        return self.dsn(f"bezant_{module}", MODULE_PASSWORD)


class Cluster:
    """A started server; may be used from synchronous and asynchronous tests alike."""

    def __init__(self, loop: LoopThread, server: EmbeddedServer, folder: Path) -> None:
        self._loop = loop
        self.server = server
        self.folder = folder
        self._passwords: dict[str, str] = {}
        self._session: psycopg.Connection | None = None

    def administrator_dsn(self, database: str = "postgres") -> str:
        return self.server.administrator_dsn(database)

    def run(self, work: Coroutine[object, object, Answer]) -> Answer:
        """Run a coroutine of the server on the loop the server lives on."""
        return self._loop.run(work)

    def execute(
        self, statement: sql.Composed | sql.SQL, values: Sequence[object] | None = None
    ) -> psycopg.Cursor:
        """Say something to the server as its administrator, in one session for all tests."""
        if self._session is None or self._session.closed:
            self._session = psycopg.connect(self.administrator_dsn(), autocommit=True)
        try:
            return self._session.execute(statement, values)
        except psycopg.OperationalError:  # A test has ended the session, or the server.
            self._session.close()
            self._session = psycopg.connect(self.administrator_dsn(), autocommit=True)
            return self._session.execute(statement, values)

    def close(self) -> None:
        if self._session is not None:
            self._session.close()

    def create(self, name: str, template: str = "template1") -> TestDatabase:
        # In memory files are copied in 15 ms, pages through the log in 25.
        self.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY").format(
                sql.Identifier(name), sql.Identifier(template)
            )
        )
        # A template's contents are copied, who may connect is not.
        self.execute(
            sql.SQL(
                "UPDATE pg_database SET datacl = source.datacl FROM pg_database AS source"
                " WHERE pg_database.datname = {} AND source.datname = {}"
            ).format(sql.Literal(name), sql.Literal(template))
        )
        return TestDatabase(self.server, name)

    def keep_passwords(self, roles: Sequence[str]) -> None:
        """Give these roles the password they have now again, whenever a database is lent."""
        self._passwords |= self._verifiers(roles)

    def _verifiers(self, roles: Sequence[str]) -> dict[str, str]:
        asked = sql.SQL("SELECT rolname, rolpassword FROM pg_authid WHERE rolname = ANY (%s)")
        return dict(self.execute(asked, (list(roles),)).fetchall())

    def _restore_passwords(self) -> None:
        """Undo what a test did to roles: they are the server's, not a database's."""
        now = self._verifiers(list(self._passwords))
        for role, verifier in self._passwords.items():
            if now.get(role) != verifier:
                self.execute(
                    sql.SQL("ALTER ROLE {} PASSWORD {}").format(
                        sql.Identifier(role), sql.Literal(verifier)
                    )
                )

    def drop(self, name: str) -> None:
        self.execute(
            sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
        )

    @contextmanager
    def fresh(self, template: str = "template1") -> Generator[TestDatabase]:
        """Lend a database of its own, dropped afterwards whatever happened."""
        name = f"test_{next(_numbers)}"
        database = self.create(name, template)
        self._restore_passwords()
        try:
            yield database
        finally:
            self.drop(name)


def every_module() -> list[ModuleSchema]:
    """Return the schema of every module that has migrations, with all this room can bring."""
    return [
        ModuleSchema(folder.parent.name, tuple(Piece))
        for folder in sorted(PACKAGE.glob("*/migrations"))
        if folder.parent.name != "db"
    ]


def migrated(cluster: Cluster, name: str = TEMPLATE) -> TestDatabase:
    """Make a database with the migrations of every module applied."""
    database = cluster.create(name)
    modules = every_module()
    passwords = {each.module: Secret(MODULE_PASSWORD) for each in modules}
    cluster.run(migrate(database.administrator_dsn, modules, passwords))
    cluster.keep_passwords([each.role for each in modules])
    return database


def memory() -> str | None:
    """Return a folder in memory, where a database is made 20 times faster, if there is room."""
    try:
        free = shutil.disk_usage(MEMORY).free
    except OSError:
        return None
    runs = not os.statvfs(MEMORY).f_flag & os.ST_NOEXEC  # Some tests run what they have built.
    fits = free >= MEMORY_FREE_MIN_BYTES and os.access(MEMORY, os.W_OK)
    return MEMORY if fits and runs else None


@contextmanager
def started(*, durable: bool, tcp_port: int | None = None) -> Generator[Cluster]:
    """Lend a server in a temporary folder; it is stopped and erased whatever happened."""
    folder = Path(tempfile.mkdtemp(prefix="bezant-test-", dir=None if durable else memory()))
    if not durable:
        (folder / "data").mkdir(mode=0o700)
        (folder / "data" / "postgres.conf").write_text(QUICK_SETTINGS)
    loop = LoopThread()
    server = EmbeddedServer(
        folder / "data", durable=durable, tcp_port=tcp_port, disk_free_min_bytes=64 << 20
    )
    try:
        loop.run(server.start())
        cluster = Cluster(loop, server, folder)
        if not durable:
            _quicken(cluster)
        yield cluster
        cluster.close()
    finally:
        loop.run(server.stop())
        loop.close()
        shutil.rmtree(folder)


def _quicken(cluster: Cluster) -> None:
    """Give the administrator the same password again: initdb knew nothing of the settings."""
    same = conninfo.conninfo_to_dict(cluster.administrator_dsn())
    cluster.execute(
        sql.SQL("ALTER ROLE {} PASSWORD {}").format(
            sql.Identifier(str(same["user"])), sql.Literal(same["password"])
        )
    )
