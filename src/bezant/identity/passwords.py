"""Passwords: hashed with Argon2id in threads, few at a time, the same work for anybody."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Final, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY

from bezant.identity.port import PASSWORD_CHARACTERS_MAX, LoginBusy
from bezant.identity.rules import normal_password
from bezant.secret import Secret

Answer = TypeVar("Answer")

AT_ONCE_MAX: Final = 2  # Each takes 64 MiB and a core: a login storm must not starve payments.
WAITING_MAX: Final = 64  # About ten seconds of work; who comes later is told to come back.
_NOTHING: Final = "A" * 22, "A" * 43


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
        return await _in_thread(lambda: self._verified(stored or self._nobody, typed))

    def outdated(self, stored: str) -> bool:
        """Tell whether a hash was made with other parameters than today's."""
        return self._hasher.check_needs_rehash(stored)

    def _verified(self, stored: str, typed: str) -> bool:
        try:
            return self._hasher.verify(stored, typed)
        except (VerificationError, InvalidHashError):
            return False


async def _in_thread(work: Callable[[], Answer]) -> Answer:
    """Run in a thread; whoever goes away keeps their turn until the thread is done."""
    task = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise
