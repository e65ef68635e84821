"""The list of events: asked for by page, followed from a place, added to by samples."""

import asyncio
from dataclasses import replace
from typing import Final

from bezant.actor import Mode
from bezant.db.database import Tx
from bezant.errors import Invalid
from bezant.events import Event
from bezant.ids import read
from bezant.webhooks import rules
from bezant.webhooks.desk import TOLD, Desk, take
from bezant.webhooks.endpoint import EndpointDisabled, EndpointState, UnknownEndpoint
from bezant.webhooks.event import (
    RUN_MAX,
    WAIT_MILLISECONDS_MAX,
    EventPage,
    EventRun,
    EventsAfter,
    EventsOf,
    SamplesOnlyInTest,
    TriggerEvent,
    UnknownEvent,
)
from bezant.webhooks.samples import sample_of
from bezant.webhooks.store import endpoint as endpoint_store
from bezant.webhooks.store import event as store
from bezant.webhooks.store.event import Wanted

LOOK_SECONDS: Final = 1.0  # A nudge that was lost costs a follower this much.


class Listing(Desk):
    """The part of the service that is about events."""

    async def event(self, tenant: str, mode: Mode, event: str) -> Event:
        """Return one event."""
        async with self._database.transaction() as tx:
            row = await store.find(tx, tenant, mode, read(store.PREFIX, event))
        if row is None:
            raise UnknownEvent
        return row.told()

    async def events(self, query: EventsOf) -> EventPage:
        """Return a page of events, newest first."""
        if query.after and query.before:
            raise Invalid("a page is after one event or before one, not both", field="before")
        limit = rules.page_limit(query.limit)
        filters = rules.well_formed_filters(query.types, "type") if query.types else ()
        async with self._database.transaction() as tx:
            wanted = Wanted(
                query.tenant,
                query.mode,
                filters,
                query.subject,
                query.created_from,
                query.created_before,
                above=await self._place(tx, query, query.before),
                below=await self._place(tx, query, query.after),
            )
            if query.before:
                rows = await store.oldest(tx, wanted, limit + 1)
            else:
                rows = await store.newest(tx, wanted, limit + 1)
        page = rows[:limit]
        if query.before:
            page.reverse()
        return EventPage(tuple(row.told() for row in page), has_more=len(rows) > limit)

    async def place(self, tenant: str, mode: Mode, event: str | None) -> int:
        """Return where an event stands in the list; without one, where the list ends now."""
        async with self._database.transaction() as tx:
            if event is None:
                return await store.head(tx, tenant, mode)
            row = await store.find(tx, tenant, mode, read(store.PREFIX, event, "after"))
        if row is None:
            raise UnknownEvent
        return row.number

    async def events_after(self, query: EventsAfter) -> EventRun:
        """Return what comes after a place, oldest first; wait a little if nothing is there yet."""
        filters = rules.well_formed_filters(query.types, "type") if query.types else ()
        wanted = Wanted(query.tenant, query.mode, filters, above=query.place)
        limit = max(1, min(query.limit, RUN_MAX))
        loop = asyncio.get_running_loop()
        until = loop.time() + min(query.wait_milliseconds, WAIT_MILLISECONDS_MAX) / 1000
        while True:
            seen = self._nudges.count(TOLD)
            async with self._database.transaction() as tx:
                # Asked first: whatever comes between the two questions is behind this place.
                head = await store.head(tx, query.tenant, query.mode)
                rows = await store.oldest(tx, wanted, limit)
            left_seconds = until - loop.time()
            if rows:
                return EventRun(tuple(row.told() for row in rows), rows[-1].number)
            # What did not fit is looked through once, not again with every event of anybody.
            wanted = replace(wanted, above=max(head, wanted.above or 0))
            if left_seconds <= 0:
                return EventRun((), wanted.above or 0)
            await self._nudges.wait(TOLD, seen, min(left_seconds, LOOK_SECONDS))

    async def trigger(self, command: TriggerEvent) -> Event:
        """Make a sample event; asked twice, it is made once."""
        kind = rules.well_formed_type(command.type)
        if command.mode is Mode.LIVE and (command.endpoint is None or kind != rules.TESTED):
            raise SamplesOnlyInTest
        now = self._clock.now()
        event = sample_of(command.id, kind, command.mode, command.tenant, now)
        async with self._database.transaction() as tx:
            alone = None
            if command.endpoint is not None:
                alone = read("whe", command.endpoint)
                endpoint = await endpoint_store.find(tx, command.tenant, command.mode, alone)
                if endpoint is None:
                    raise UnknownEndpoint
                if endpoint.state is not EndpointState.ENABLED:
                    raise EndpointDisabled
            await take(tx, self._nudges, [event], now, alone)
        return event

    async def _place(self, tx: Tx, query: EventsOf, event: str | None) -> int | None:
        if event is None:
            return None
        row = await store.find(tx, query.tenant, query.mode, read(store.PREFIX, event, "after"))
        if row is None:
            raise UnknownEvent
        return row.number
