"""Hashing passwords in a process of its own, which lets everybody else go first.

This file is both ends: `Worker` asks, and `python hashing.py` answers, a line of JSON each. A hash
is one long piece of work over 64 MiB. In the process that serves it would hold up who asks for
memory; and a thread cannot be made less urgent than the database, because Linux weighs sessions
against each other before it looks at what is in them (sched(7), autogroup).
"""

import json
import os
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread, Timer
from typing import Final

import bcrypt
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

NICENESS: Final = 10  # A tenth of what others get when all want something.
SESSION_NICENESS: Final = 19  # And of all sessions this one comes last.
PATIENCE_SECONDS: Final = 1.0  # Thrice what a hash takes where nobody else wants the core.
END_SECONDS: Final = 5
LEGACY_BYTES: Final = 72  # bcrypt never looked further; those who made these hashes cut there.


class WorkerGone(Exception):
    """The process ended before it answered."""


class Worker:
    """One such process. It ends with whoever began it, whatever that one dies of."""

    def __init__(self) -> None:
        # Without the folder of this file before all others (-P): the names in it are not meant.
        self._process = subprocess.Popen(  # noqa: S603 - ourselves
            [sys.executable, "-P", __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )

    def verify(self, stored: str, typed: str) -> bool:
        """Tell whether a password fits."""
        return self._ask("verify", stored, typed) == "fits"

    def hash(self, hasher: PasswordHasher, typed: str) -> str:
        """Return a new hash."""
        costs = (hasher.time_cost, hasher.memory_cost, hasher.parallelism)
        return self._ask("hash", typed, *costs)

    def end(self) -> None:
        """Let it go."""
        streams = self._process.stdin, self._process.stdout
        for stream in streams:
            assert stream is not None
            with suppress(OSError):
                stream.close()
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _ask(self, *words: str | int) -> str:
        asked, answers = self._process.stdin, self._process.stdout
        assert asked is not None
        assert answers is not None
        try:
            asked.write(json.dumps(words).encode() + b"\n")
            asked.flush()
            answer = answers.readline()
        except (OSError, ValueError) as broken:
            raise WorkerGone from broken
        if not answer.endswith(b"\n"):
            raise WorkerGone
        return str(json.loads(answer))


def _weigh(niceness: int) -> None:
    """Set how urgent this session is beside others."""
    with suppress(OSError):
        Path("/proc/self/autogroup").write_text(str(niceness))


def _leave_cores() -> None:
    """Stay on half the cores: the lanes of one hash would take all of them."""
    if sys.platform == "linux":
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, cores[len(cores) // 2 :])


def _may_rest() -> bool:
    """Tell whether a thread that rests may come back from it: not everybody may (sched(7)), and who
    could not would never get a turn on a busy machine. A thread of its own tries it out.
    """
    came_back: list[bool] = []

    def try_it() -> None:
        with suppress(OSError):
            _schedule(0, rests=True)
            _schedule(0, rests=False)
            came_back.append(True)

    if sys.platform == "linux":
        trial = Thread(target=try_it)
        trial.start()
        trial.join()
    return bool(came_back)


def _schedule(task: int, *, rests: bool) -> None:
    """Let a task have the core only while nobody else wants it, or like everybody."""
    if sys.platform == "linux":
        os.sched_setscheduler(task, os.SCHED_IDLE if rests else os.SCHED_OTHER, os.sched_param(0))


def _step_back(*, may_rest: bool) -> None:
    """Let everybody go first. A task that is merely nice keeps its core for a few milliseconds; one
    that rests lets go of it whenever anybody wakes.
    """
    _weigh(SESSION_NICENESS)
    if may_rest:
        _schedule(os.getpid(), rests=True)  # The one that hashes, and the lanes it begins.


def _step_forward(*, may_rest: bool) -> None:
    _weigh(0)
    if may_rest:
        _schedule(os.getpid(), rests=False)


@contextmanager
def _no_longer_than_is_fair(*, may_rest: bool) -> Generator[None]:
    """Step forward again when a piece of work takes long: beside a crowd of busy sessions, what is
    left over would keep somebody waiting for minutes.
    """
    hurried = Event()

    def hurry() -> None:
        hurried.set()
        _step_forward(may_rest=may_rest)

    patience = Timer(PATIENCE_SECONDS, hurry)
    patience.start()
    try:
        yield
    finally:
        patience.cancel()
        patience.join()
        if hurried.is_set():
            _step_back(may_rest=may_rest)


def _answer(task: str, *words: str | int) -> str:
    match task, words:
        case "hash", (str(typed), int(time), int(memory), int(lanes)):
            return PasswordHasher(time, memory, lanes).hash(typed)
        case "verify", (str(stored), str(typed)):
            return "fits" if _fits(stored, typed) else "does not"
        case _:
            raise AssertionError(task)


def _fits(stored: str, typed: str) -> bool:
    if stored.startswith("$2"):  # As those did who made the hash: the letters as they were typed.
        return bcrypt.checkpw(typed.encode(errors="replace")[:LEGACY_BYTES], stored.encode())
    try:
        return PasswordHasher().verify(stored, typed)
    except (VerificationError, InvalidHashError):
        return False


def main() -> None:
    """Answer until nobody can ask any more."""
    with suppress(OSError):
        os.nice(NICENESS)
    _leave_cores()
    may_rest = _may_rest()
    _step_back(may_rest=may_rest)
    for line in sys.stdin.buffer:
        with _no_longer_than_is_fair(may_rest=may_rest):
            answer = _answer(*json.loads(line))
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
