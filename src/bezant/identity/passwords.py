"""Passwords: hashed with Argon2id apart from all else, few at a time, the same work for all."""

import asyncio
import atexit
import os
import re
import threading
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Final, TypeVar

from argon2 import PasswordHasher
from argon2.profiles import RFC_9106_LOW_MEMORY

from bezant import telemetry
from bezant.identity.hashing import Worker, WorkerGone
from bezant.identity.people.known_passwords import is_known
from bezant.identity.port import PASSWORD_CHARACTERS_MAX, LoginBusy, WeakPassword
from bezant.identity.rules import normal_password, strong_password
from bezant.secret import Secret

Answer = TypeVar("Answer")

# Each takes 64 MiB and a core: a login storm must leave cores, and their memory, to payments.
AT_ONCE_MAX: Final = max(1, (os.cpu_count() or 1) // 2)
WAITING_MAX: Final = 64  # About ten seconds of work; who comes later is told to come back.
WAIT_SECONDS_MAX: Final = 30.0  # Nobody looks at a page longer than that before trying again.
BUSY_SECONDS: Final = 2
_LEGACY: Final = re.compile(r"\$2[aby]\$(0[4-9]|1[0-5])\$[./A-Za-z0-9]{53}\Z")
_NOTHING: Final = "A" * 22, "A" * 43

_log = telemetry.log("identity")
_asking: Final = ThreadPoolExecutor(AT_ONCE_MAX, "passwords")
_of_thread: Final = threading.local()


class Passwords:
    """Hashes and verifies within its own limits."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)
        self._turns = asyncio.Semaphore(AT_ONCE_MAX)
        self._waiting = 0
        made = self._hasher
        # A hash of no password, verified when there is no member: as much work, never a match.
        self._nobody = (
            f"$argon2id$v=19$m={made.memory_cost},t={made.time_cost},p={made.parallelism}"
            f"${_NOTHING[0]}${_NOTHING[1]}"
        )

    @asynccontextmanager
    async def turn(self) -> AsyncGenerator[None]:
        """Wait for one's turn to hash, first come first served; raise `LoginBusy` where too many
        wait already, and after too long.
        """
        if self._waiting >= WAITING_MAX:
            raise LoginBusy(retry_after_seconds=BUSY_SECONDS)
        self._waiting += 1
        try:
            async with asyncio.timeout(WAIT_SECONDS_MAX):
                await self._turns.acquire()
        except TimeoutError:
            raise LoginBusy(retry_after_seconds=BUSY_SECONDS) from None
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._turns.release()

    async def hash(self, password: Secret[str]) -> str:
        """Return what is stored of a password."""
        typed = normal_password(password.reveal())
        return await _asked(lambda worker: worker.hash(self._hasher, typed))

    async def verify(self, stored: str | None, password: Secret[str]) -> bool:
        """Tell whether a password fits; None is the member that does not exist."""
        known = stored or self._nobody
        typed = password.reveal()
        if not is_legacy(known):
            typed = normal_password(typed)[: PASSWORD_CHARACTERS_MAX + 1]
        return await _asked(lambda worker: worker.verify(known, typed))

    def outdated(self, stored: str) -> bool:
        """Tell whether a hash was made with other parameters than today's."""
        return is_legacy(stored) or self._hasher.check_needs_rehash(stored)


def is_legacy(stored: str) -> bool:
    """Tell whether a hash is one of bcrypt, brought along from elsewhere."""
    return _LEGACY.match(stored) is not None


def strong(password: Secret[str], email: str) -> None:
    """Refuse a password that is short, dull, or known to everybody (NIST SP 800-63B, 3.1.1.2)."""
    plain = normal_password(password.reveal())
    strong_password(plain, email)
    if is_known(plain):
        raise WeakPassword("this password is among those that are tried first", field="password")


async def _asked(question: Callable[[Worker], Answer]) -> Answer:
    """Ask in a thread; whoever goes away keeps their turn until the answer is there."""
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(loop.run_in_executor(_asking, _ask, question))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


def _ask(question: Callable[[Worker], Answer]) -> Answer:
    """Ask this thread's worker. One that has gone, perhaps for want of memory, is followed by
    another; whoever asked in vain twice is told to come back.
    """
    for _ in range(2):
        try:
            return question(_worker())
        except (WorkerGone, OSError) as gone:
            _log.warn("passwords.worker_gone", why=str(gone))
            _dismiss()
    raise LoginBusy(retry_after_seconds=BUSY_SECONDS)


def _worker() -> Worker:
    worker: Worker | None = getattr(_of_thread, "worker", None)
    if worker is None:
        worker = _of_thread.worker = Worker()
        atexit.register(worker.end)
    return worker


def _dismiss() -> None:
    worker: Worker | None = _of_thread.__dict__.pop("worker", None)
    if worker is not None:
        atexit.unregister(worker.end)
        worker.end()
