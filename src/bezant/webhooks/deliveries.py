"""Deliveries as their owners see them: listed, looked at, sent again."""

from typing import Final

from bezant.actor import Mode
from bezant.ids import read, read_number, spell, spell_number
from bezant.webhooks import rules
from bezant.webhooks.delivery import (
    RESENT_AT_ONCE_MAX,
    Attempt,
    DeliveriesOf,
    Delivery,
    DeliveryPage,
    DeliveryState,
    QueueDepth,
    Resend,
    ResendMany,
    Resent,
    UnknownDelivery,
)
from bezant.webhooks.desk import Desk
from bezant.webhooks.endpoint import EndpointDisabled, EndpointState, UnknownEndpoint
from bezant.webhooks.store import delivery as store
from bezant.webhooks.store import endpoint as endpoint_store
from bezant.webhooks.store.delivery import Again, DeliveryRow, Wanted

PREFIX: Final = "whd"


class Deliveries(Desk):
    """The part of the service that is about deliveries."""

    async def deliveries(self, query: DeliveriesOf) -> DeliveryPage:
        """Return a page of deliveries, newest first."""
        limit = rules.page_limit(query.limit)
        wanted = Wanted(
            query.tenant,
            query.mode,
            read("whe", query.endpoint) if query.endpoint else None,
            read("evt", query.event, "event") if query.event else None,
            query.state,
            rules.well_formed_filters(query.types, "type") if query.types else (),
            query.created_from,
            query.created_before,
            read_number(PREFIX, query.after, "after") if query.after else None,
        )
        async with self._database.transaction() as tx:
            if wanted.endpoint is not None and not await endpoint_store.find(
                tx, query.tenant, query.mode, wanted.endpoint
            ):
                raise UnknownEndpoint
            rows = await store.page(tx, wanted, limit + 1)
        return DeliveryPage(tuple(_told(row) for row in rows[:limit]), has_more=len(rows) > limit)

    async def delivery(self, tenant: str, mode: Mode, delivery: str) -> Delivery:
        """Return one delivery with its attempts."""
        number = read_number(PREFIX, delivery)
        async with self._database.transaction() as tx:
            row = await store.find(tx, tenant, mode, number)
            if row is None:
                raise UnknownDelivery
            return _told(row, tuple(await store.attempts(tx, number)))

    async def resend(self, command: Resend) -> Delivery:
        """Make a delivery due now, with all its retries before it."""
        number = read_number(PREFIX, command.delivery)
        async with self._database.transaction() as tx:
            row = await store.find(tx, command.tenant, command.mode, number)
            if row is None:
                raise UnknownDelivery
            if not row.sends:
                raise EndpointDisabled
            await store.again(tx, number, self._clock.now())
            self._due(tx)
            again = await store.find(tx, command.tenant, command.mode, number)
        assert again is not None
        return _told(again)

    async def resend_many(self, command: ResendMany) -> Resent:
        """Make everything that fits due now."""
        now, most = self._clock.now(), RESENT_AT_ONCE_MAX
        wanted = Wanted(
            command.tenant,
            command.mode,
            read("whe", command.endpoint),
            None,
            command.state,
            rules.well_formed_filters(command.types, "type") if command.types else (),
            command.created_from,
            command.created_before,
            read_number(PREFIX, command.after, "after") if command.after else None,
        )
        async with self._database.transaction() as tx:
            assert wanted.endpoint is not None
            row = await endpoint_store.find(tx, command.tenant, command.mode, wanted.endpoint)
            if row is None:
                raise UnknownEndpoint
            if row.state is not EndpointState.ENABLED:
                raise EndpointDisabled
            missed = await store.make_missed(tx, wanted, now, most) if command.missed else 0
            again = Again(0, None)
            if missed < most:
                again = await store.again_many(tx, wanted, now, most - missed)
            self._due(tx)
        count = missed + again.count
        after = command.after if again.last is None else spell_number(PREFIX, again.last)
        return Resent(count, has_more=count == most, after=after)

    async def queue(self) -> QueueDepth:
        """Return how much waits, over all merchants."""
        async with self._database.transaction() as tx:
            return await store.depth(tx, self._clock.now())


def _told(row: DeliveryRow, tries: tuple[Attempt, ...] = ()) -> Delivery:
    waits = row.state is DeliveryState.PENDING and row.sends
    return Delivery(
        id=spell_number(PREFIX, row.id),
        event=spell("evt", row.event_id),
        type=row.type,
        endpoint=spell("whe", row.endpoint_id),
        state=row.state,
        retries=row.retries,
        attempts=row.attempts,
        created_at=row.created_at,
        settled_at=row.settled_at,
        next_attempt_at=row.due_at if waits else None,
        tries=tries,
    )
