"""The embedded PostgreSQL: a real server, private to one installation, that needs no attention.

It is started before anything else, restarted when it dies, and stopped last. Its own processes end
with ours: however this process dies, the kernel asks the server for a clean shutdown, and the next
start waits for that or finishes it.
"""

import asyncio
import os
import shutil
import socket
from collections.abc import Callable
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import Final

from bezant.db import binaries, leftovers, standing
from bezant.db.data_folder import (
    ADMINISTRATOR,
    AlreadyRunning,
    DataFolder,
    DataNotOurs,
    DataOfAnotherVersion,
    LowDisk,
    Running,
    give,
    running,
    sync_folder,
    write_whole,
)
from bezant.db.server_settings import ServerSettings, access, configuration, dynamic_memory
from bezant.db.standing import Standing
from bezant.db.supervision import PortTaken, ServerFailed, ServerProcess, rotate
from bezant.errors import Unavailable
from bezant.secret import Secret

__all__ = [
    "ADMINISTRATOR",
    "AlreadyRunning",
    "DataNotOurs",
    "DataOfAnotherVersion",
    "EmbeddedServer",
    "LowDisk",
    "PortTaken",
    "Running",
    "ServerDown",
    "ServerFailed",
    "ServerState",
    "running",
]

SOCKET_PORT = 5432  # Only names the socket when no TCP port is asked for.
DISK_FREE_MIN_BYTES = 512 << 20  # A quarter of max_wal_size to write, and room to notice.
RESTART_PAUSES_SECONDS: Final = (0.0, 0.2, 0.5, 1.0, 2.0, 5.0)
STEADY_SECONDS = 1.0  # A server that served this long was well: its death is answered at once.
LOOK_AT_LOG_SECONDS = 60.0


class ServerState(StrEnum):
    """What the server is doing."""

    STOPPED = "stopped"
    STARTING = "starting"
    READY = "ready"
    RESTARTING = "restarting"


class ServerDown(Unavailable):
    """The database is being restarted; the same request may be sent again shortly."""

    code = "database_down"


class EmbeddedServer:
    """Starts, watches, restarts and stops the PostgreSQL of one data folder."""

    def __init__(
        self,
        folder: Path,
        *,
        tcp_port: int | None = None,
        durable: bool = True,
        disk_free_min_bytes: int = DISK_FREE_MIN_BYTES,
        chance: Callable[[int], bytes] = os.urandom,
        choose_standing: Callable[[Path], Standing] = standing.choose,
    ) -> None:
        """Name the folder and what is special. `durable=False` is for data that is thrown away."""
        self._place = DataFolder.at(folder)
        self._tcp_port = tcp_port
        self._port = tcp_port or SOCKET_PORT
        self._durable = durable
        self._disk_free_min_bytes = disk_free_min_bytes
        self._chance = chance
        self._choose_standing = choose_standing
        self._standing = Standing()
        self._sockets = self._place.run
        self._lock: int | None = None
        self._process: ServerProcess | None = None
        self._watch: asyncio.Task[None] | None = None
        self._facts: Running | None = None
        self._ready = asyncio.Event()
        self.state = ServerState.STOPPED
        self.restarts = 0
        self.trouble: str | None = None

    async def start(self) -> None:
        """Start the server, making the database first if there is none; raise clearly otherwise."""
        assert self.state is ServerState.STOPPED, self.state
        self.state = ServerState.STARTING
        try:
            await self._prepare()
            await self._launch()
        except BaseException:
            await self._release()
            raise
        self._watch = asyncio.create_task(self._keep_running(), name="embedded postgres")

    async def stop(self) -> None:
        """Stop the server within ten seconds; what was acknowledged is kept in any case."""
        if self._watch is not None:
            self._watch.cancel()
            with suppress(asyncio.CancelledError):
                await self._watch
            self._watch = None
        await self._release()

    async def ready(self, timeout_seconds: float) -> None:
        """Wait until the server accepts connections again, at most this long."""
        try:
            async with asyncio.timeout(timeout_seconds):
                await self._ready.wait()
        except TimeoutError:
            self.require_ready()

    def require_ready(self) -> None:
        """Raise unless the server accepts connections."""
        if self.state is not ServerState.READY:
            raise ServerDown(self.trouble or "", retry_after_seconds=1)

    @property
    def facts(self) -> Running:
        """Return the process ids and addresses of the running server."""
        if self._facts is None:
            raise ServerDown("the database server was not started")
        return self._facts

    def dsn(self, role: str, password: Secret[str] | str, database: str) -> str:
        """Return the connection string of a role over the private socket."""
        return self.facts.dsn(role, password, database)

    def administrator_dsn(self, database: str = "postgres") -> str:
        """Return the connection string of the administrator, who owns the cluster."""
        return self.dsn(ADMINISTRATOR, self._place.read_password(), database)

    async def _prepare(self) -> None:
        place = self._place
        place.prepare()
        self._lock = place.claim()
        place.check_disk(self._disk_free_min_bytes)
        exists = place.check_version(binaries.major_version())
        self._standing = self._choose_standing(place.data)
        place.hand_to(self._standing)
        self._sockets = place.choose_sockets(self._port, self._standing.owner)
        if exists:
            await self._clear_the_way()
            if not place.password.exists():
                await self._reset_password()
        else:
            await self._make_database()
        if self._tcp_port is not None:
            check_port(self._tcp_port)

    async def _clear_the_way(self) -> None:
        if not self._sockets.is_dir():  # Somebody tidied the temporary folder.
            self._sockets = self._place.choose_sockets(self._port, self._standing.owner)
        await leftovers.end(self._place, self._standing)
        leftovers.clear_stale_locks(self._place, self._sockets)

    async def _make_database(self) -> None:
        """Make the database beside its place and rename it: it is never there half made."""
        place = self._place
        for left in place.root.glob("postgres.new*"):
            shutil.rmtree(left)
        # A name of its own: an initdb that was interrupted may still be clearing up behind itself.
        beside = place.data.with_name(f"postgres.new-{self._chance(4).hex()}")
        if not place.password.exists():
            place.write_password(self._chance(24).hex())
        beside.mkdir(mode=0o700)
        give(beside, self._standing)
        give(place.password, self._standing)
        await binaries.must(
            self._standing,
            "initdb",
            [
                *("--pgdata", beside, "--username", ADMINISTRATOR, "--pwfile", place.password),
                *("--auth=scram-sha-256", "--data-checksums", "--encoding=UTF8"),
                *("--locale-provider=builtin", "--locale=C.UTF-8", "--no-instructions"),
                *("--set", f"dynamic_shared_memory_type={dynamic_memory()}"),
                *(() if self._durable else ("--no-sync",)),
            ],
        )
        if place.data.exists():
            place.data.rmdir()
        beside.rename(place.data)
        sync_folder(place.root)

    async def _reset_password(self) -> None:
        """Give the administrator a new password after a restore, or when the file was lost."""
        word = self._chance(24).hex()
        await binaries.must(
            self._standing,
            "postgres",
            ["--single", "-D", self._place.data, "-c", "log_min_error_statement=panic", "postgres"],
            typed=f"ALTER ROLE {ADMINISTRATOR} PASSWORD '{word}'\n",
        )
        self._place.write_password(word)  # Written last: interrupted, this happens again.

    async def _launch(self) -> None:
        place = self._place
        settings = ServerSettings(
            tag=place.tag,
            sockets=self._sockets,
            port=self._port,
            tcp_port=self._tcp_port,
            own_settings=place.own_settings,
            durable=self._durable,
        )
        files = {
            place.run / "postgresql.conf": configuration(settings),
            place.run / "pg_hba.conf": access(self._tcp_port is not None),
        }
        for path, text in files.items():
            write_whole(path, text)
        place.log.touch(mode=0o600)
        place.hand_to(self._standing)
        options = [
            f"--cluster_name={place.tag}",
            f"--config_file={place.run / 'postgresql.conf'}",
            f"--hba_file={place.run / 'pg_hba.conf'}",
        ]
        self._process = ServerProcess.spawn(self._standing, place.data, place.log, options)
        await self._process.ready()
        self._facts = Running(
            os.getpid(), self._process.pid, str(self._sockets), self._port, self._tcp_port
        )
        place.write_facts(self._facts)
        self.trouble = None
        self.state = ServerState.READY
        self._ready.set()

    async def _keep_running(self) -> None:
        """Restart the server whenever it dies, for as long as we live."""
        loop = asyncio.get_running_loop()
        failures = 0
        while True:
            since = loop.time()
            status = await self._watch_once()
            self._ready.clear()
            self.state = ServerState.RESTARTING
            self.trouble = f"the database server ended with status {status}"
            if loop.time() - since > STEADY_SECONDS:
                failures = 0
            while self.state is ServerState.RESTARTING:
                await asyncio.sleep(pause_seconds(failures))
                failures += 1
                self.restarts += 1
                await self._try_again()

    async def _watch_once(self) -> int:
        assert self._process is not None
        ended = asyncio.ensure_future(self._process.ended())
        try:
            while not ended.done():
                await asyncio.wait({ended}, timeout=LOOK_AT_LOG_SECONDS)
                with suppress(OSError):
                    rotate(self._place.log)
            return ended.result()
        finally:
            ended.cancel()

    async def _try_again(self) -> None:
        try:
            await self._clear_the_way()
            await self._launch()
        except Exception as error:  # noqa: BLE001
            # Whatever it is (a full disk, a port in use) may pass; the reason is told meanwhile.
            self.trouble = str(error)
            if self._process is not None:
                await self._process.stop()

    async def _release(self) -> None:
        if self._process is not None:
            await self._process.stop()
            self._process = None
        if self._lock is not None:
            with suppress(AlreadyRunning):
                await leftovers.end(self._place, self._standing)
            self._place.facts.unlink(missing_ok=True)
            if self._sockets != self._place.run:
                shutil.rmtree(self._sockets, ignore_errors=True)
            os.close(self._lock)
            self._lock = None
        self._ready.clear()
        self._facts = None
        self.state = ServerState.STOPPED


def check_port(port: int) -> None:
    """Raise if another program already listens there: the server's own words are less clear."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise PortTaken(
                f"port {port} is in use by another program; stop it or name another port"
            ) from error


def pause_seconds(failures: int) -> float:
    """Return how long to wait before the next try after so many failures in a row."""
    return RESTART_PAUSES_SECONDS[min(failures, len(RESTART_PAUSES_SECONDS) - 1)]
