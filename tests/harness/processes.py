"""Programs run as processes of their own: waited for, killed by id, their words collected."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

READY = "ready"
ROOT = Path(__file__).resolve().parents[2]


class Program:
    """A started program. It is a direct child: this process collects it, whoever is process 1."""

    def __init__(self, command: Sequence[str], variables: Mapping[str, str] | None = None) -> None:
        self.lines: list[str] = []
        self._changed = threading.Condition()
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=ROOT,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **(variables or {})},
            start_new_session=True,
        )
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
        if self._process.stdin is not None:
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


def start_module(
    module: str, *arguments: str | Path, variables: Mapping[str, str] | None = None
) -> Program:
    """Start `python -m module arguments…` with the interpreter of the tests."""
    return Program([sys.executable, "-m", module, *(str(each) for each in arguments)], variables)
