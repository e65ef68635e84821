"""Programs of ours, each a copy of one process that has loaded everything already.

Loading takes a second of a processor, and tests start hundreds of programs. A copy is a process of
its own, with its own words, settings, folder and session, and it runs its module from the start;
only what that imports is there already. What is about starting itself starts for real.
"""

import atexit
import faulthandler
import gc
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from io import TextIOWrapper
from pathlib import Path
from pkgutil import iter_modules
from select import select
from tempfile import TemporaryFile
from typing import IO, NoReturn

import bezant.cli

PROGRAM = "bezant.cli.main"
REQUEST_BYTES_MAX = 1 << 18
STREAMS = 3
PID_DIGITS = 10
END_SECONDS = 10


class Copy:
    """A started program; it is asked, sent signals and waited for like a `subprocess.Popen`."""

    def __init__(self, told: int, stdout: IO[str] | None) -> None:
        self.stdout = stdout
        self.returncode: int | None = None
        self._told = os.fdopen(told, "rb", buffering=0)
        first = self._told.read(PID_DIGITS)
        assert first, "what is to be copied could not be loaded; it said why"
        self.pid = int(first)

    def poll(self) -> int | None:
        """Return the exit status if it has ended."""
        with suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end and return the exit status; negative is the signal that ended it."""
        if self.returncode is None:
            if not select([self._told], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(f"copy {self.pid}", timeout or 0)
            self.returncode = int(self._told.read())
            self._told.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


@dataclass(frozen=True, slots=True)
class Start:
    """What to start: `python -m module words…`, with these settings only, in this folder."""

    module: str
    words: Sequence[str]
    folder: Path
    variables: Mapping[str, str]

    def begin(self) -> Copy:
        """Start it as a session of its own; what it says can be read while it lives."""
        said, saying = os.pipe()
        with Path(os.devnull).open() as nothing:
            try:
                told = self._send(nothing.fileno(), saying, saying)
            finally:
                os.close(saying)
        return Copy(told, os.fdopen(said, encoding="utf-8"))

    def finish(self, typed: str, seconds: float) -> subprocess.CompletedProcess[str]:
        """Run it to its end."""
        with TemporaryFile() as given, TemporaryFile() as out, TemporaryFile() as errors:
            given.write(typed.encode())
            given.seek(0)
            copy = Copy(self._send(given.fileno(), out.fileno(), errors.fileno()), None)
            try:
                code = copy.wait(seconds)
            except subprocess.TimeoutExpired:
                copy.kill()
                copy.wait()
                raise
            written = [(stream.seek(0), stream.read())[1].decode() for stream in (out, errors)]
        return subprocess.CompletedProcess([self.module, *self.words], code, *written)

    def _send(self, *streams: int) -> int:
        request = json.dumps([self.module, *self.words, str(self.folder), dict(self.variables)])
        told, telling = os.pipe()
        try:
            socket.send_fds(_original(), [request.encode()], [*streams, telling])
        finally:
            os.close(telling)
        return told


@cache
def _original() -> socket.socket:
    """Start the process that is copied, once."""
    mine, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with its:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.harness.copies", str(its.fileno())],
            cwd=Path(__file__).resolve().parents[2],
            pass_fds=[its.fileno()],
            stdin=subprocess.DEVNULL,
        )

    def end() -> None:
        mine.close()
        try:
            process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:  # Somebody else still holds our end.
            process.kill()
            process.wait()

    atexit.register(end)
    return mine


def _serve(control: socket.socket) -> None:
    """Make a copy for each request; only in a copy does this return."""
    commands = [f"bezant.cli.{each.name}" for each in iter_modules(bezant.cli.__path__)]
    for module in ("bezant.wiring.house", "bezant.rpc.serve", "bezant.rpc.channel", *commands):
        if module != PROGRAM:  # It is what runs.
            import_module(module)
    gc.collect()
    gc.freeze()
    while True:
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        request, descriptors, _, _ = socket.recv_fds(control, REQUEST_BYTES_MAX, STREAMS + 1)
        if not request:
            sys.exit()
        if os.fork() == 0:
            control.close()
            return _begin(request, descriptors)
        for each in descriptors:
            os.close(each)


def _begin(request: bytes, descriptors: list[int]) -> None:
    """Become the program; a process between it and the original tells how it ended."""
    *streams, telling = descriptors
    os.setsid()
    pid = os.fork()
    if pid:
        _watch(pid, streams, telling)
    os.close(telling)
    os.setsid()
    for number, each in enumerate(streams):
        os.dup2(each, number)
        os.close(each)
    module, *words, folder, variables = json.loads(request)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(variables)
    time.tzset()
    tempfile.tempdir = None
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout = _written(1, "strict")
    sys.stderr = _written(2, "backslashreplace")
    faulthandler.enable()  # Aborted, it says what it was doing.
    sys.argv[1:] = words
    sys.path[0] = folder
    _end(_status(module))


def _status(module: str) -> int:
    """Run the module and return its exit status; what it raises is shown as ever."""
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        if not isinstance(ended.code, int | None):
            raise
        return ended.code or 0
    return 0


def _end(status: int) -> NoReturn:
    """End without taking everything apart that was loaded: that would copy all of it first."""
    threading._shutdown()  # Waits for threads, as every end does.
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(status)


def _watch(pid: int, streams: list[int], telling: int) -> NoReturn:
    for each in streams:
        os.close(each)
    os.write(telling, str(pid).zfill(PID_DIGITS).encode())
    _, status = os.waitpid(pid, 0)
    with suppress(BrokenPipeError):
        os.write(telling, str(os.waitstatus_to_exitcode(status)).encode())
    os._exit(0)


def _written(number: int, errors: str) -> TextIOWrapper:
    """Open a stream as PYTHONUNBUFFERED has it."""
    raw = open(number, "wb", buffering=0, closefd=False)  # noqa: SIM115
    return TextIOWrapper(raw, encoding="utf-8", errors=errors, write_through=True)


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
