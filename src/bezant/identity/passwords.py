"""Passwords: hashed with Argon2id in threads, few at a time, the same work for anybody."""

import asyncio
import os
import re
import sys
import threading
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from typing import Final, TypeVar

import bcrypt
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY

from bezant.identity.people.known_passwords import is_known
from bezant.identity.port import PASSWORD_CHARACTERS_MAX, LoginBusy, WeakPassword
from bezant.identity.rules import normal_password, strong_password
from bezant.secret import Secret

Answer = TypeVar("Answer")

AT_ONCE_MAX: Final = 2  # Each takes 64 MiB and a core: a login storm must not starve payments.
WAITING_MAX: Final = 64  # About ten seconds of work; who comes later is told to come back.
_LEGACY: Final = re.compile(r"\$2[aby]\$(0[4-9]|1[0-5])\$[./A-Za-z0-9]{53}\Z")
_LEGACY_BYTES: Final = 72  # bcrypt never looked further; those who made these hashes cut there.
_NOTHING: Final = "A" * 22, "A" * 43
NICENESS: Final = 10  # A hash has four lanes: at less, two of them outweigh who serves.


def _step_back() -> None:
    """Let everybody else go first: hashing is long and can wait, answers about money cannot.

    On Linux a thread, and those it starts for the lanes of a hash, can be less urgent by itself.
    """
    if sys.platform == "linux":
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)


_hashing: Final = ThreadPoolExecutor(AT_ONCE_MAX, "passwords", _step_back)


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
        """Wait for one's turn to hash; when too many wait already, raise `LoginBusy`."""
        if self._waiting >= WAITING_MAX:
            raise LoginBusy(retry_after_seconds=2)
        self._waiting += 1
        try:
            await self._turns.acquire()
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._turns.release()

    async def hash(self, password: Secret[str]) -> str:
        """Return what is stored of a password."""
        return await _in_thread(lambda: self._hasher.hash(normal_password(password.reveal())))

    async def verify(self, stored: str | None, password: Secret[str]) -> bool:
        """Tell whether a password fits; None is the member that does not exist."""
        typed = normal_password(password.reveal())[: PASSWORD_CHARACTERS_MAX + 1]
        if stored is not None and is_legacy(stored):
            return await _in_thread(lambda: _fits_legacy(stored, password))
        return await _in_thread(lambda: self._verified(stored or self._nobody, typed))

    def outdated(self, stored: str) -> bool:
        """Tell whether a hash was made with other parameters than today's."""
        return is_legacy(stored) or self._hasher.check_needs_rehash(stored)

    def _verified(self, stored: str, typed: str) -> bool:
        try:
            return self._hasher.verify(stored, typed)
        except (VerificationError, InvalidHashError):
            return False


def is_legacy(stored: str) -> bool:
    """Tell whether a hash is one of bcrypt, brought along from elsewhere."""
    return _LEGACY.match(stored) is not None


def strong(password: Secret[str], email: str) -> None:
    """Refuse a password that is short, dull, or known to everybody (NIST SP 800-63B, 3.1.1.2)."""
    plain = normal_password(password.reveal())
    strong_password(plain, email)
    if is_known(plain):
        raise WeakPassword("this password is among those that are tried first", field="password")


def _fits_legacy(stored: str, password: Secret[str]) -> bool:
    """Verify as those did who made the hash: the letters as they were typed."""
    typed = password.reveal().encode(errors="replace")[:_LEGACY_BYTES]
    return bcrypt.checkpw(typed, stored.encode())


async def _in_thread(work: Callable[[], Answer]) -> Answer:
    """Run in a thread; whoever goes away keeps their turn until the thread is done."""
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(loop.run_in_executor(_hashing, work))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise
