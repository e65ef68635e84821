"""What was recorded, for auditors: searched, shown with its opening, exported."""

from datetime import datetime
from typing import Annotated, Final, cast

import msgspec
from fastapi import Query, Response
from pydantic import BaseModel, JsonValue

from bezant.actor import PLATFORM, Actor, Mode
from bezant.audit.port import Audit
from bezant.audit.recorded import EXPORT_MAX, EventsOf, Recorded
from bezant.errors import Invalid
from bezant.http.pages import Page, PageQuery
from bezant.http.routes import Asker, Routes

READ: Final = "audit.read"
LINES: Final = "application/jsonl"
INDEX_MAX: Final = 2**63 - 1


class RecordedAnswer(BaseModel):
    """Something that happened, with its place in the log."""

    index: int
    feed: str
    position: int
    type: str
    mode: Mode
    tenant: str
    subject: str
    occurred_at: datetime
    data: dict[str, JsonValue]
    object: str = "audit_event"

    @classmethod
    def of(cls, found: Recorded) -> "RecordedAnswer":
        """Return an event as it is answered."""
        return cls(
            index=found.index, feed=found.feed, position=found.position, type=found.type,
            mode=found.mode, tenant=found.tenant, subject=found.subject,
            occurred_at=found.occurred_at, data=cast("dict[str, JsonValue]", dict(found.data)),
        )  # fmt: skip


class OpeningAnswer(RecordedAnswer):
    """An event with what shows that the log committed to it."""

    salt: str
    event: str

    @classmethod
    def of(cls, found: Recorded) -> "OpeningAnswer":
        """Return an event as it is answered, with its opening."""
        shown = RecordedAnswer.of(found).model_dump()
        return cls(**shown, salt=found.salt.hex(), event=found.event)


def routes(audit: Audit) -> Routes:
    """Return the routes for auditors."""
    made = Routes("audit")

    @made.get("/v1/audit", permission=READ, summary="Search what was recorded")
    async def search(
        page: PageQuery,
        asker: Asker,
        subject: Annotated[str, Query(max_length=80)] = "",
        feed: Annotated[str, Query(max_length=40)] = "",
        kind: Annotated[str, Query(max_length=80, alias="type")] = "",
        text: Annotated[str, Query(max_length=100)] = "",
        since: Annotated[datetime | None, Query(alias="occurred_at[gte]")] = None,
        until: Annotated[datetime | None, Query(alias="occurred_at[lt]")] = None,
    ) -> Page[RecordedAnswer]:
        if page.ending_before:
            raise Invalid("this list is read from the newest on", field="ending_before")
        asked = EventsOf(
            _tenant(asker), asker.mode, subject, feed, kind, text, since, until, page.limit,
            _index(page.starting_after),
        )  # fmt: skip
        _zoned(asked)
        found = await audit.events(asked)
        data = [RecordedAnswer.of(one) for one in found.events]
        return Page(data=data, has_more=found.has_more)

    @made.get("/v1/audit/export", permission=READ, summary="Export what was recorded, as lines")
    async def export(
        asker: Asker,
        subject: Annotated[str, Query(max_length=80)] = "",
        feed: Annotated[str, Query(max_length=40)] = "",
        kind: Annotated[str, Query(max_length=80, alias="type")] = "",
        since: Annotated[datetime | None, Query(alias="occurred_at[gte]")] = None,
        until: Annotated[datetime | None, Query(alias="occurred_at[lt]")] = None,
        before: Annotated[int | None, Query(ge=0, le=INDEX_MAX)] = None,
    ) -> Response:
        asked = EventsOf(
            _tenant(asker), asker.mode, subject, feed, kind, "", since, until, EXPORT_MAX, before
        )
        _zoned(asked)
        found = await audit.events(asked)
        lines = b"".join(_line(one) for one in found.events)
        headers = {"x-has-more": str(found.has_more).lower()}
        return Response(lines, media_type=LINES, headers=headers)

    @made.get("/v1/audit/{index}", permission=READ, summary="Show one entry with its opening")
    async def event(index: int, asker: Asker) -> OpeningAnswer:
        if not 0 <= index <= INDEX_MAX:
            raise Invalid("an index is a whole number from 0 on", field="index")
        return OpeningAnswer.of(await audit.event(_tenant(asker), asker.mode, index))

    return made


def _tenant(asker: Actor) -> str:
    """Return whose events are shown: a merchant's own, or to the platform's people all."""
    return "" if asker.tenant == PLATFORM else asker.tenant


def _index(cursor: str | None) -> int | None:
    if cursor is None:
        return None
    if not cursor.isascii() or not cursor.isdecimal() or int(cursor) > INDEX_MAX:
        raise Invalid("this list is continued from an index", field="starting_after")
    return int(cursor)


def _zoned(asked: EventsOf) -> None:
    moments = (("occurred_at[gte]", asked.since), ("occurred_at[lt]", asked.until))
    for name, moment in moments:
        if moment is not None and moment.tzinfo is None:
            raise Invalid("a time says its zone, such as 2026-01-31T12:00:00Z", field=name)


def _line(one: Recorded) -> bytes:
    shown = {"index": one.index, "salt": one.salt.hex(), "event": one.event}
    return msgspec.json.encode(shown) + b"\n"
