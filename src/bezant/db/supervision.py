"""One server process from its start to its end, waited for as our direct child."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from bezant.db.binaries import command, environment
from bezant.db.standing import Standing
from bezant.errors import Conflict, Unavailable

START_SECONDS_MAX = 600.0  # Crash recovery of a full max_wal_size on a slow disk still fits.
READY_PAUSE_SECONDS = 0.01
LOOK_PAUSE_SECONDS = 0.1  # where the kernel cannot tell us that a process ended
STATUS_LINE = 7  # `postmaster.pid`, counted from zero: "starting", "ready", "standby", "stopping"
LOG_TAIL_BYTES = 4096
LOG_BYTES_MAX = 16 << 20
LOGS_KEPT = 4
# How long a stop waits after each signal: together well below the ten seconds a platform has.
STOP: Final = ((signal.SIGINT, 5.0), (signal.SIGQUIT, 2.0), (signal.SIGKILL, 1.0))


class ServerFailed(Unavailable):
    """The database server could not start."""

    code = "database_start_failed"


class PortTaken(Conflict):
    """Another program already listens on the port the database shall have."""

    code = "database_port_taken"


class ServerProcess:
    """The postmaster: started by us, signalled by us, collected by us."""

    def __init__(self, process: subprocess.Popen[bytes], data: Path, log: Path, start: int) -> None:
        self._process = process
        self._data = data
        self._log = log
        self._log_start = start
        self.pid = process.pid

    @classmethod
    def spawn(
        cls, standing: Standing, data: Path, log: Path, settings: Sequence[str]
    ) -> "ServerProcess":
        """Start the server in a session of its own, its words going to the log.

        Called in the event loop's own thread: the kernel ends the server with the thread that
        started it.
        """
        with log.open("ab") as file:
            start = file.tell()
            process = subprocess.Popen(  # noqa: S603
                command(standing, "postgres", ["-D", data, *settings]),
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                env=environment(),
                cwd="/",
                start_new_session=True,
            )
        return cls(process, data, log, start)

    async def ready(self) -> None:
        """Wait until the server accepts connections, or raise with its own words."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + START_SECONDS_MAX
        while self._status() != "ready":
            if self._process.poll() is not None or loop.time() > deadline:
                raise self._failure()
            await asyncio.sleep(READY_PAUSE_SECONDS)

    async def ended(self) -> int:
        """Wait for the process to end, collect it, and return its status."""
        if sys.platform == "linux" and self._process.poll() is None:
            loop = asyncio.get_running_loop()
            over = asyncio.Event()
            descriptor = os.pidfd_open(self.pid)
            loop.add_reader(descriptor, over.set)
            try:
                await over.wait()
            finally:
                loop.remove_reader(descriptor)
                os.close(descriptor)
        while True:
            if (status := self._process.poll()) is not None:
                return status
            await asyncio.sleep(LOOK_PAUSE_SECONDS)

    async def stop(self) -> None:
        """End the server: cleanly if that is quick enough, otherwise leaving work for recovery."""
        for word, patience in STOP:
            if self._process.poll() is not None:
                return
            with suppress(ProcessLookupError):
                self._process.send_signal(word)
            with suppress(TimeoutError):
                async with asyncio.timeout(patience):
                    await self.ended()

    def _status(self) -> str:
        try:
            lines = (self._data / "postmaster.pid").read_text().split("\n")
        except OSError:
            return ""
        if len(lines) <= STATUS_LINE or lines[0] != str(self.pid):
            return ""
        return lines[STATUS_LINE].strip()

    def _failure(self) -> Unavailable | Conflict:
        with self._log.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(self._log_start, size - LOG_TAIL_BYTES))
            said = file.read().decode(errors="replace").strip()
        if "Address already in use" in said:
            return PortTaken("another program listens on the database's port; name another one")
        telling = [line for line in said.splitlines() if "FATAL" in line or "PANIC" in line]
        words = (telling or said.splitlines() or ["it said nothing"])[-1]
        return ServerFailed(f"the database server did not start: {words} (see {self._log})")


def rotate(log: Path) -> None:
    """Keep the log bounded. The server holds the file open, so it is copied and cut, not moved.

    Lines written between the two are lost; they are the server's chatter, never a record of money.
    """
    if not log.exists() or log.stat().st_size < LOG_BYTES_MAX:
        return
    for number in range(LOGS_KEPT - 1, 0, -1):
        older = log.with_name(f"{log.name}.{number}")
        if older.exists():
            older.rename(log.with_name(f"{log.name}.{number + 1}"))
    with suppress(OSError):  # A full disk: cutting helps, copying cannot.
        log.with_name(f"{log.name}.1").write_bytes(log.read_bytes())
    os.truncate(log, 0)
