"""Somebody's own folder with the program in it: an empty home, only the settings given."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from tests.harness.copies import Copy, Start

from bezant.cli.installation import is_locked, place_of

PROGRAM = "bezant.cli.main"
START_SECONDS = 120
STOP_SECONDS_MAX = 10  # The bar of the product; the machine may be busy, so it is generous already.
KEPT = ("PATH", "LANG", "LC_ALL", "TMPDIR", "COVERAGE_PROCESS_START")


class Ended:
    """How a command ended."""

    def __init__(self, done: subprocess.CompletedProcess[str]) -> None:
        self.code = done.returncode
        self.out = done.stdout
        self.err = done.stderr

    @property
    def facts(self) -> Any:
        return json.loads(self.out)

    def __repr__(self) -> str:
        return f"exit {self.code}\n--- out\n{self.out}\n--- err\n{self.err}"


class Foreground:
    """A `bezant up` that stays; its words are collected while it lives."""

    def __init__(self, process: "subprocess.Popen[str] | Copy") -> None:
        self.process = process
        self.pid = process.pid
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._collect, daemon=True)
        self._reader.start()

    @property
    def said(self) -> str:
        return "".join(self.lines)

    def wait_for(self, words: str, seconds: float = START_SECONDS) -> None:
        def there() -> bool:
            return words in self.said or self.process.poll() is not None

        wait_until(there, f"{words!r} on the screen", seconds)
        if words not in self.said:
            self.ended()
            assert words in self.said, self.said

    def url(self) -> str:
        """Return where it answers, once it does."""
        self.wait_for("Stop ")
        found = re.search(r"http://[0-9.]+:\d+", self.said)
        assert found is not None
        return found[0]

    def stop(self, number: int = signal.SIGTERM) -> float:
        """Send a signal, wait for the end, and return how many seconds that took."""
        begin = time.monotonic()
        self.process.send_signal(number)
        self.ended()
        return time.monotonic() - begin

    def ended(self, seconds: float = 60) -> int:
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGABRT)
            self._reader.join(seconds)
            raise AssertionError(f"after {seconds} s it does not end:\n{self.said}") from None
        self._reader.join(seconds)
        return code

    def _collect(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as stream:
            for line in stream:
                self.lines.append(line)


class Nest:
    """A working folder and a home for one newcomer."""

    def __init__(self, root: Path) -> None:
        self.home = root / "home"
        self.folder = root / "work"
        self.home.mkdir()
        self.folder.mkdir()
        self.data = self.folder / ".bezant"
        self._started: list[Foreground] = []

    def copy(self, other: "Nest") -> None:
        """Take over another nest's installation, as it was left."""
        subprocess.run(["cp", "-a", other.data, self.data], check=True)
        shutil.copytree(other.home, self.home, dirs_exist_ok=True)
        state = self.data / "state.json"
        state.write_text(state.read_text().replace(str(other.home), str(self.home)))

    def place_of_sample(self) -> Path:
        """Return where a demo keeps its sample keys."""
        return self.data / "sample.json"

    def environment(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        kept = {name: os.environ[name] for name in KEPT if name in os.environ}
        return {**kept, "HOME": str(self.home), "PYTHONUNBUFFERED": "1", **(more or {})}

    def run(
        self,
        *words: str,
        typed: str | None = None,
        seconds: float = START_SECONDS,
        **variables: str,
    ) -> Ended:
        """Run a command to its end."""
        environment = self.environment(variables)
        if any(name.startswith("PYTHON") for name in variables):  # It is about starting itself.
            return Ended(
                subprocess.run(
                    [sys.executable, "-m", PROGRAM, *words],
                    cwd=self.folder,
                    env=environment,
                    input=typed,
                    capture_output=True,
                    text=True,
                    timeout=seconds,
                    check=False,
                )
            )
        start = Start(PROGRAM, words, self.folder, environment)
        return Ended(start.finish(typed or "", seconds))

    def begin(self, *words: str, **variables: str) -> Foreground:
        """Start a command and stay with it."""
        return Foreground(Start(PROGRAM, words, self.folder, self.environment(variables)).begin())

    def up(self, *words: str, **variables: str) -> Foreground:
        """Start `bezant up` on a free port and stay with it."""
        return self.up_as_it_is("--port", "0", *words, **variables)

    def up_as_it_is(self, *words: str, **variables: str) -> Foreground:
        """Start `bezant up` with these words only."""
        self._started.append(self.begin("up", *words, **variables))
        return self._started[-1]

    def clear(self) -> None:
        """End whatever still runs, however a test ended."""
        for running in self._started:
            if running.process.poll() is None:
                running.process.send_signal(signal.SIGTERM)
                with suppress(subprocess.TimeoutExpired):
                    running.ended(30)
            if running.process.poll() is None:
                running.process.kill()
                running.ended(30)
        if self.data.is_dir() and is_locked(place_of(self.data)):
            self.run("down", seconds=60)
        shutil.rmtree(self.data / "postgres", ignore_errors=True)  # Logs stay, to be looked at.


@contextmanager
def served(nest: Nest, *words: str, **variables: str) -> Iterator[Foreground]:
    """Run `bezant serve` while the block lasts."""
    running = nest.begin("serve", *words, **variables)
    try:
        yield running
    finally:
        running.process.send_signal(signal.SIGTERM)
        running.ended()


def health(url: str) -> dict[str, Any]:
    with urlopen(url + "/health", timeout=10) as answer:
        return json.loads(answer.read())


def answers(url: str) -> bool:
    try:
        return bool(health(url))
    except OSError:
        return False


def postgres_processes(data: Path) -> list[int]:
    """Return the processes that have this database open, by their working folder."""
    found: list[int] = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                if (entry / "cwd").readlink() == data / "postgres":
                    found.append(int(entry.name))
    return found


def wait_until(true: Callable[[], bool], what: str, seconds: float = START_SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"after {seconds} s still not: {what}"
        time.sleep(0.05)
