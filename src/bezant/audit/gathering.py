"""Gathers the requests one process has answered, and hands them to the audit once a second.

Answering is never slowed by this: a line that cannot be kept, because its tenant sends more than so
many a second or because the audit does not answer, is counted and dropped. Refused requests have
room of their own: they are the ones that somebody will look for.
"""

import asyncio
import contextlib
from collections import deque
from datetime import timedelta
from typing import Final

from bezant import telemetry
from bezant.audit.port import Audit, RequestSeen
from bezant.clock import Clock
from bezant.errors import BezantError
from bezant.http.seen import Seen
from bezant.telemetry.scrub import scrub

ANSWERED_A_SECOND: Final = 50
"""Of each tenant: enough for a developer at work, too few to weigh on a busy platform."""
REFUSED_A_SECOND: Final = 50
HELD_MAX: Final = 10_000
HANDED_MAX: Final = 1_000
EVERY_SECONDS: Final = 1.0
AGENT_CHARACTERS_MAX: Final = 120
ABOUT_CHARACTERS_MAX: Final = 80
MICROSECONDS_MAX: Final = 2**31 - 1

_log = telemetry.log("audit")


class RequestLog:
    """The lines of one process that are not in the log yet."""

    def __init__(self, audit: Audit, clock: Clock) -> None:
        self._audit = audit
        self._clock = clock
        self._held: deque[RequestSeen] = deque()
        self._kept: dict[tuple[str, bool], int] = {}
        self._task: asyncio.Task[None] | None = None
        self.dropped = 0
        """Lines that were only counted."""

    def __call__(self, seen: Seen) -> None:
        """Keep a line, if there is room for it."""
        visit = seen.visit
        actor = visit.actor
        if actor is None:
            return
        refused = visit.status >= 400
        place = (actor.tenant, refused)
        kept = self._kept.get(place, 0)
        room = REFUSED_A_SECOND if refused else ANSWERED_A_SECOND
        if kept >= room or len(self._held) >= HELD_MAX:
            self.dropped += 1
            return
        self._kept[place] = kept + 1
        problem = visit.problem
        agent = visit.headers.get(b"user-agent", b"").decode("latin-1")
        about = next(iter(visit.path.values()), "")
        self._held.append(
            RequestSeen(
                id=visit.request_id,
                at=self._clock.now() - timedelta(seconds=seen.seconds),
                tenant=actor.tenant,
                mode=actor.mode,
                caller=actor.caller,
                subject=actor.subject,
                method=seen.method,
                route=seen.route,
                # Masked before it is cut: half a card number is not found any more.
                about=scrub(about)[:ABOUT_CHARACTERS_MAX],
                status=visit.status,
                microseconds=min(round(seen.seconds * 1_000_000), MICROSECONDS_MAX),
                address=visit.address,
                agent=scrub(agent)[:AGENT_CHARACTERS_MAX],
                key=scrub(visit.idempotency_key or ""),
                code=problem.code if problem else "",
                detail=problem.detail if problem else "",
            )
        )

    def start(self) -> None:
        """Begin to hand lines over."""
        self._task = asyncio.create_task(self._run(), name="request log")

    async def stop(self) -> None:
        """Hand over what is held, and end."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        await self._hand_over()

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(EVERY_SECONDS)
            self._kept.clear()
            await self._hand_over()

    async def _hand_over(self) -> None:
        while self._held:
            lines = tuple(self._held.popleft() for _ in range(min(len(self._held), HANDED_MAX)))
            try:
                await self._audit.note_requests(lines)
            except BezantError as error:
                self.dropped += len(lines)
                _log.warn("audit.requests_dropped", lines=len(lines), code=error.code)
                return
