"""The audit: one transaction a question."""

from datetime import timedelta

import msgspec

from bezant.actor import PLATFORM, Mode
from bezant.audit.port import (
    KEPT_DAYS,
    PAGE_MAX,
    RequestPage,
    RequestSeen,
    RequestsOf,
    Started,
    UnknownEntry,
    UnknownRequest,
)
from bezant.audit.published import Verification
from bezant.audit.recorded import EXPORT_MAX, EventsOf, Recorded, RecordedPage
from bezant.audit.store import checkpoints, entries, events
from bezant.audit.store import requests as store
from bezant.audit.store.entries import OpeningRow
from bezant.clock import Clock
from bezant.db.database import Database
from bezant.db.nudges import Nudges
from bezant.db.outbox import Outbox
from bezant.events import Event
from bezant.ids import Ids

MODULE = "audit"


class AuditService:
    """Implements `Audit` on its own tables."""

    def __init__(
        self, database: Database, clock: Clock, ids: Ids, nudges: Nudges | None = None
    ) -> None:
        self._database = database
        self._clock = clock
        self._ids = ids
        self._outbox = Outbox(MODULE, nudges or Nudges())

    async def note_requests(self, requests: tuple[RequestSeen, ...]) -> None:
        """Add requests to the log."""
        if requests:
            async with self._database.transaction() as tx:
                await store.add(tx, requests)

    async def request(self, tenant: str, mode: Mode, request: str) -> RequestSeen:
        """Return one request."""
        async with self._database.transaction() as tx:
            row = await store.request(tx, tenant, mode, request)
        if row is None:
            raise UnknownRequest
        return row.seen()

    async def requests(self, query: RequestsOf) -> RequestPage:
        """Return a page of the log."""
        limit = min(max(query.limit, 1), PAGE_MAX)
        async with self._database.transaction() as tx:
            if query.before and not await store.request(tx, query.tenant, query.mode, query.before):
                raise UnknownRequest(field="starting_after")
            rows = await store.requests(tx, query, limit + 1)
        return RequestPage(tuple(row.seen() for row in rows[:limit]), len(rows) > limit)

    async def events(self, query: EventsOf) -> RecordedPage:
        """Return a page of what was recorded."""
        limit = min(max(query.limit, 1), EXPORT_MAX)
        async with self._database.transaction() as tx:
            rows = await events.events(tx, query, limit + 1)
        return RecordedPage(tuple(_recorded(row) for row in rows[:limit]), len(rows) > limit)

    async def event(self, tenant: str, mode: Mode, index: int) -> Recorded:
        """Return what one entry of the log committed to."""
        async with self._database.transaction() as tx:
            row = await entries.opening(tx, index)
        if row is None or row.mode is not mode or tenant not in ("", row.tenant):
            raise UnknownEntry
        return _recorded(row)

    async def forget(self, tenant: str, subjects: tuple[str, ...]) -> int:
        """Erase what was recorded about these subjects."""
        async with self._database.transaction() as tx:
            return await entries.forget(tx, tenant, subjects)

    async def note_verification(self, found: Verification) -> None:
        """Keep how far something was recomputed."""
        async with self._database.transaction() as tx:
            await checkpoints.note_verification(tx, found)

    async def note_start(self, started: Started) -> None:
        """Record that a process began its work."""
        event = Event(
            id=self._ids.new("evt"),
            type="process.started",
            version=1,
            mode=started.mode,
            tenant=PLATFORM,
            subject=started.process,
            occurred_at=self._clock.now(),
            data={
                "version": started.version,
                "configuration": started.configuration,
                "settings": started.settings,
                "given": started.given,
            },
        )
        async with self._database.transaction() as tx:
            await self._outbox.append(tx, event)

    async def tidy(self) -> None:
        """Drop what is older than the log reaches."""
        async with self._database.transaction() as tx:
            await store.forget(tx, self._clock.now() - timedelta(days=KEPT_DAYS))


def _recorded(row: OpeningRow) -> Recorded:
    event = msgspec.json.decode(row.event)
    return Recorded(
        row.leaf, row.feed, row.position, row.type, row.mode, row.tenant, row.subject,
        row.occurred_at, event["data"], row.event, row.salt,
    )  # fmt: skip
