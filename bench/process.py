"""Child processes of a benchmark: each has a time limit, is asked to end, and ends."""

import asyncio
import itertools
import os
import resource
import signal
import socket
import subprocess
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

HOST = "127.0.0.1"
COMPILED = {"PYTHONDONTWRITEBYTECODE": ""}
"""As on a user's machine: what is compiled once is kept, whatever this shell says."""
START_SECONDS_MAX = 60.0
STOP_SECONDS_MAX = 10.0
LOG_CHARACTERS_SHOWN = 2_000
ROOM = 20
"""Ports at a fixed distance above one belong to it: the vault's, the emulators'."""

# Below the range from which the kernel gives ports to clients; each process has its own start.
FIRST_PORT, ROOMS = 10_000, 490
_started_at = os.getpid() * 197 % ROOMS
_rooms = itertools.cycle(
    range(FIRST_PORT, FIRST_PORT + ROOMS * ROOM, ROOM)[(_started_at + step) % ROOMS]
    for step in range(ROOMS)
)


class ChildFailed(Exception):
    """A program ended with an error, or did not begin to answer."""


@dataclass(frozen=True, slots=True)
class Finished:
    """What a program left behind."""

    output: str
    seconds: float
    cpu_seconds: float


@dataclass(frozen=True, slots=True)
class Service:
    """A running HTTP service and where its own words go."""

    name: str
    pid: int
    port: int
    log: Path

    def memory_mb(self) -> float:
        """Return the resident memory now, in units of 1,000,000 bytes."""
        return _status_kib(self.pid, "VmRSS") * 1024 / 1e6

    def cpu_seconds(self) -> float:
        """Return the processor time used so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def finish(
    command: Sequence[str], environment: Mapping[str, str], seconds_max: float
) -> Finished:
    """Run a program to its end."""
    return await asyncio.to_thread(_finish, command, environment, seconds_max)


def _finish(command: Sequence[str], environment: Mapping[str, str], seconds_max: float) -> Finished:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.monotonic()
    try:
        done = subprocess.run(
            command,
            env={**os.environ, **COMPILED, **environment},
            capture_output=True,
            text=True,
            timeout=seconds_max,
            check=False,
        )
    except subprocess.TimeoutExpired as late:
        raise ChildFailed(f"{command[0]} took more than {seconds_max:.0f} s") from late
    seconds = time.monotonic() - began
    if done.returncode != 0:
        raise ChildFailed(f"{command[0]} ended with {done.returncode}: {done.stderr.strip()}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Finished(done.stdout, seconds, cpu)


@asynccontextmanager
async def serving(
    name: str, command: Sequence[str], environment: Mapping[str, str], port: int, log: Path
) -> AsyncGenerator[Service]:
    """Run a service until the block ends; it is handed out once its port answers."""
    child = _begin(command, environment, log)
    try:
        await _until_open(name, child, port, log)
        yield Service(name, child.pid, port, log)
    finally:
        await asyncio.to_thread(_end, child)


def free_port() -> int:
    """Return a loopback port that nobody listens on just now, nor on those of its room."""
    for port in itertools.islice(_rooms, ROOMS):
        if all(_is_free(one) for one in range(port, port + ROOM)):
            return port
    raise ChildFailed("no free port was found")


def _is_free(port: int) -> bool:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
        except OSError:
            return False
        return True


def _begin(
    command: Sequence[str], environment: Mapping[str, str], log: Path
) -> subprocess.Popen[bytes]:
    with log.open("wb") as words:
        return subprocess.Popen(
            command,
            env={**os.environ, **COMPILED, **environment},
            stdin=subprocess.DEVNULL,
            stdout=words,
            stderr=subprocess.STDOUT,
        )


async def _until_open(name: str, child: subprocess.Popen[bytes], port: int, log: Path) -> None:
    until = time.monotonic() + START_SECONDS_MAX
    while time.monotonic() < until:
        if child.poll() is not None:
            raise ChildFailed(f"{name} ended at once with {child.returncode}: {_tail(log)}")
        try:
            _, writer = await asyncio.open_connection(HOST, port)
        except OSError:
            await asyncio.sleep(0.05)
            continue
        writer.close()
        return
    raise ChildFailed(f"{name} did not answer within {START_SECONDS_MAX:.0f} s: {_tail(log)}")


def _end(child: subprocess.Popen[bytes]) -> None:
    if child.poll() is None:
        child.send_signal(signal.SIGTERM)
        try:
            child.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait(STOP_SECONDS_MAX)


def _tail(log: Path) -> str:
    return log.read_text(errors="replace")[-LOG_CHARACTERS_SHOWN:]


def _status_kib(pid: int, field: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1])
    raise ChildFailed(f"process {pid} tells no {field}")
