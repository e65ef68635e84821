"""Keeps what is said to providers and what they answer: of everything that went wrong, all.

Of what went well there are millions, and nobody looks: in live mode nothing more is kept of it than
its attempt, with a hash of the answer. In test mode, where developers look, some are kept each
second. No payment waits for this: what cannot be kept is counted and dropped.
"""

import asyncio
import contextlib
from collections import deque
from datetime import timedelta
from typing import Final

from bezant import telemetry
from bezant.actor import Mode
from bezant.clock import Clock
from bezant.db.database import Database
from bezant.exchange import LOCAL, ProviderAnswer, ProviderRequest, Sending
from bezant.ids import Ids
from bezant.payments.store import transcript as stored
from bezant.payments.work import Work
from bezant.psp.port import Redaction, Result, Verdict

WRONG_A_SECOND: Final = 100
"""A burst of stolen cards is not worth more: each has its attempt and its reason besides."""
WELL_A_SECOND: Final = 5
SLOW_MILLISECONDS: Final = 3_000
HELD_MAX: Final = 1_000
WRITTEN_MAX: Final = 100
_WRONG: Final = frozenset({Result.DECLINED, Result.UNKNOWN, Result.OUTAGE, Result.NOT_SENT})
_log = telemetry.log("payments")


class Transcribing:
    """The transcripts of one process that are not stored yet."""

    def __init__(self, database: Database, clock: Clock, ids: Ids, redaction: Redaction) -> None:
        self._database = database
        self._clock = clock
        self._ids = ids
        self._redaction = redaction
        self._held: deque[stored.TranscriptRow] = deque()
        self._has_some = asyncio.Event()
        self._room = {True: Room(WRONG_A_SECOND), False: Room(WELL_A_SECOND)}
        self._task: asyncio.Task[None] | None = None
        self.dropped = 0
        """What there was no room for."""

    def note(
        self, work: Work, request: ProviderRequest, answer: ProviderAnswer, verdict: Verdict
    ) -> None:
        """Keep a call, if it is worth keeping and there is room."""
        wrong = _went_wrong(answer, verdict)
        if request.method == LOCAL or not (wrong or work.facts.mode is Mode.TEST):
            return
        now_seconds = asyncio.get_running_loop().time()
        if not self._room[wrong].take(now_seconds) or len(self._held) >= HELD_MAX:
            self.dropped += 1
            return
        try:
            self._held.append(self._row(work, request, answer, verdict))
        except Exception as error:  # noqa: BLE001 - money has moved: nothing here may be in its way
            self.dropped += 1
            _log.error("transcript.failed", error, attempt=work.key, provider=work.provider)
        self._has_some.set()

    def _row(
        self, work: Work, request: ProviderRequest, answer: ProviderAnswer, verdict: Verdict
    ) -> stored.TranscriptRow:
        return stored.TranscriptRow(
            id=self._ids.uuid(),
            attempt=work.attempt,
            asked_at=self._clock.now() - timedelta(milliseconds=answer.milliseconds),
            provider=request.provider,
            operation=request.operation,
            method=request.method,
            path=self._redaction.path(request.path),
            key=request.key,
            sending=answer.sending.value,
            status=answer.status,
            milliseconds=answer.milliseconds,
            result=f"{verdict.result}: {self._redaction.status(verdict.status)}",
            request=self._redaction.request(request),
            answer=self._redaction.answer(request.provider, answer),
            answer_bytes=len(answer.body),
        )

    def start(self) -> None:
        """Begin to store them."""
        self._task = asyncio.create_task(self._run(), name="transcripts")

    async def stop(self) -> None:
        """Store what is held, and end."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        await self._write()

    async def _run(self) -> None:
        while True:
            await self._has_some.wait()
            self._has_some.clear()
            await self._write()

    async def _write(self) -> None:
        while self._held:
            count = min(len(self._held), WRITTEN_MAX)
            rows = [self._held.popleft() for _ in range(count)]
            try:
                await stored.add(self._database, rows)
            except Exception as error:  # noqa: BLE001 - it is for reading: no payment ends for it
                self.dropped += count
                _log.error("transcripts.dropped", error, count=count)


class Room:
    """So many a second."""

    def __init__(self, a_second: int) -> None:
        self._a_second = a_second
        self._second = -1
        self._taken = 0

    def take(self, now_seconds: float) -> bool:
        """Take a place in this second, if there is one."""
        second = int(now_seconds)
        if second != self._second:
            self._second, self._taken = second, 0
        self._taken += 1
        return self._taken <= self._a_second


def _went_wrong(answer: ProviderAnswer, verdict: Verdict) -> bool:
    return (
        answer.sending is not Sending.ANSWERED
        or answer.status >= 400
        or answer.milliseconds >= SLOW_MILLISECONDS
        or verdict.result in _WRONG
    )
