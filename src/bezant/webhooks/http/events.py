"""The list of events over HTTP: by page, by id, and as a stream that resumes."""

from enum import StrEnum
from typing import Annotated

from fastapi import Header, Query, Request
from fastapi.responses import StreamingResponse

from bezant.http.given import asker_of
from bezant.http.pages import Page, PageQuery
from bezant.http.routes import Asker, Routes
from bezant.ids import Ids
from bezant.webhooks.http import messages as models
from bezant.webhooks.http.deliveries import Before, From, Types
from bezant.webhooks.http.stream import (
    MEDIA_TYPE,
    EventStream,
    Places,
    StreamAnswer,
    stopping_of,
)
from bezant.webhooks.port import DeliveriesOf, EventsAfter, EventsOf, TriggerEvent, Webhooks

READ = "events.read"
WRITE = "webhooks.write"
ID_CHARACTERS_MAX = 64
BEGINNING = "beginning"


class Expansion(StrEnum):
    """What an event may be asked with."""

    DELIVERIES = "deliveries"


Expand = Annotated[list[Expansion] | None, Query(description="`deliveries`: who was told.")]
ExpandList = Annotated[list[Expansion] | None, Query(alias="expand[]")]
EventId = Annotated[str | None, Query(max_length=ID_CHARACTERS_MAX)]


def add(made: Routes, webhooks: Webhooks, ids: Ids) -> None:
    """Add the routes of events."""
    _add_list(made, webhooks)
    _add_stream(made, webhooks)

    @made.post("/v1/events", permission=WRITE, summary="Make a sample event, in test mode")
    async def trigger(body: models.TriggerBody, asker: Asker) -> models.EventAnswer:
        command = TriggerEvent(ids.new("evt"), asker.tenant, asker.mode, body.type)
        return models.event(await webhooks.trigger(command))

    del trigger


def _add_list(made: Routes, webhooks: Webhooks) -> None:
    @made.get("/v1/events", permission=READ, summary="What happened, newest first")
    async def events(
        asker: Asker,
        page: PageQuery,
        types: Types = None,
        subject: Annotated[str | None, Query(max_length=100)] = None,
        created_from: From = None,
        created_before: Before = None,
    ) -> Page[models.EventAnswer]:
        query = EventsOf(
            asker.tenant,
            asker.mode,
            tuple(types or ()),
            subject,
            created_from,
            created_before,
            page.limit,
            page.starting_after,
            page.ending_before,
        )
        found = await webhooks.events(query)
        return Page(data=[models.event(one) for one in found.events], has_more=found.has_more)

    @made.get("/v1/events/{event}", permission=READ, summary="One event")
    async def event(
        event: str, asker: Asker, expand: Expand = None, expand_list: ExpandList = None
    ) -> models.ExpandedEventAnswer:
        found = await webhooks.event(asker.tenant, asker.mode, event)
        if not expand and not expand_list:
            return models.expanded(found, None)
        query = DeliveriesOf(asker.tenant, asker.mode, event=event, limit=100)
        told = (await webhooks.deliveries(query)).deliveries
        return models.expanded(found, [models.delivery(one) for one in told])

    del events, event


def _add_stream(made: Routes, webhooks: Webhooks) -> None:
    places = Places()

    @made.get(
        "/v1/events/stream",
        permission=READ,
        summary="What happens, as it happens",
        response_class=StreamingResponse,
        responses={200: {"content": {MEDIA_TYPE: {}}}},
    )
    async def stream(
        request: Request,
        types: Types = None,
        after: EventId = None,
        last_event_id: Annotated[str | None, Header(max_length=ID_CHARACTERS_MAX)] = None,
    ) -> StreamingResponse:
        """Server-sent events. `Last-Event-ID`, or `after`, resumes behind that event, `beginning`
        before the first; without it the stream begins now. It ends after five minutes; whoever
        reads comes back with the last id.
        """
        asker = await asker_of(request)
        place = 0
        if (resumed := last_event_id or after) != BEGINNING:
            place = await webhooks.place(asker.tenant, asker.mode, resumed)
        wanted = EventsAfter(asker.tenant, asker.mode, place, tuple(types or ()), 1)
        await webhooks.events_after(wanted)  # What is wrong with it is told before it begins.
        if request.method == "HEAD":
            return StreamingResponse(iter(()), media_type=MEDIA_TYPE)
        lines = EventStream(webhooks, wanted, stopping_of(request.scope))
        return StreamAnswer(lines, places, asker.tenant)

    del stream
