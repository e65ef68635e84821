"""Programs run as processes of their own: waited for, killed by id, their words collected."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from tests.harness.copies import Copy, Start

READY = "ready"
ROOT = Path(__file__).resolve().parents[2]


class Program:
    """A started program. It is collected when it ends, whoever is process 1."""

    def __init__(self, command: Sequence[str] | Copy) -> None:
        self.lines: list[str] = []
        self._changed = threading.Condition()
        self._process = command if isinstance(command, Copy) else _begun(command)
        self.pid = self._process.pid
        self._reader = threading.Thread(target=self._collect, daemon=True)
        self._reader.start()

    def wait_for_line(self, beginning: str = READY, timeout_seconds: float = 60) -> str:
        """Return the first line that begins so; raise with everything said if it never comes."""
        deadline = time.monotonic() + timeout_seconds
        with self._changed:
            while True:
                for line in self.lines:
                    if line.startswith(beginning):
                        return line
                rest = deadline - time.monotonic()
                if rest <= 0 or (self._process.poll() is not None and self._over):
                    raise AssertionError(f"no line {beginning!r} came:\n{self.output}")
                self._changed.wait(min(rest, 0.5))

    def signal(self, number: int) -> None:
        self._process.send_signal(number)

    def kill(self) -> int:
        """End it the hardest way, and collect it."""
        with suppress(ProcessLookupError):
            self._process.kill()
        return self.wait()

    def wait(self, timeout_seconds: float = 60) -> int:
        """Wait for the end and return the status; negative is the signal that ended it."""
        status = self._process.wait(timeout_seconds)
        if isinstance(self._process, subprocess.Popen) and self._process.stdin is not None:
            self._process.stdin.close()
        self._reader.join(timeout_seconds)
        return status

    def stop(self, timeout_seconds: float = 30) -> int:
        """Ask it to end, insist if it does not, and return its status."""
        if self._process.poll() is None:
            self.signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                return self.wait(timeout_seconds)
        return self.kill()

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    @property
    def output(self) -> str:
        return "\n".join(self.lines)

    @property
    def _over(self) -> bool:
        return not self._reader.is_alive()

    def _collect(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as stream:
            for line in stream:
                with self._changed:
                    self.lines.append(line.rstrip("\n"))
                    self._changed.notify_all()

    def __enter__(self) -> "Program":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def _begun(command: Sequence[str]) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        start_new_session=True,
    )


def start_module(
    module: str, *arguments: str | Path, variables: Mapping[str, str] | None = None
) -> Program:
    """Start `python -m module arguments…`, in a copy of a process that has loaded ours."""
    words = [str(each) for each in arguments]
    return Program(Start(module, words, ROOT, {**os.environ, **(variables or {})}).begin())
