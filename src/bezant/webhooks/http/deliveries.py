"""Deliveries over HTTP."""

from typing import Annotated

from fastapi import Query
from pydantic import AwareDatetime

from bezant.actor import Actor
from bezant.http.pages import Page, PageQuery, PageRequest
from bezant.http.routes import Asker, Routes
from bezant.webhooks.http import messages as models
from bezant.webhooks.http.endpoints import READ, WRITE, forward
from bezant.webhooks.port import (
    FILTERS_MAX,
    DeliveriesOf,
    DeliveryState,
    Resend,
    Webhooks,
)

State = Annotated[DeliveryState | None, Query(description="Only in this state.")]
Types = Annotated[
    list[str] | None,
    Query(alias="type", max_length=FILTERS_MAX, description="Only these: `payment.*`."),
]
From = Annotated[AwareDatetime | None, Query(alias="created[gte]")]
Before = Annotated[AwareDatetime | None, Query(alias="created[lt]")]


def add(made: Routes, webhooks: Webhooks) -> None:
    """Add the routes of deliveries."""

    @made.get(
        "/v1/webhook_endpoints/{endpoint}/deliveries",
        permission=READ,
        summary="What was sent to an endpoint",
    )
    async def of_endpoint(
        endpoint: str,
        asker: Asker,
        page: PageQuery,
        state: State = None,
        types: Types = None,
        created_from: From = None,
        created_before: Before = None,
    ) -> Page[models.DeliveryAnswer]:
        query = _query(asker, page, endpoint, state, types, created_from, created_before)
        return await _page(webhooks, query)

    @made.get("/v1/webhook_deliveries", permission=READ, summary="What was sent to all endpoints")
    async def deliveries(
        asker: Asker,
        page: PageQuery,
        state: State = None,
        types: Types = None,
        created_from: From = None,
        created_before: Before = None,
    ) -> Page[models.DeliveryAnswer]:
        query = _query(asker, page, None, state, types, created_from, created_before)
        return await _page(webhooks, query)

    @made.get(
        "/v1/webhook_deliveries/{delivery}", permission=READ, summary="One, with its attempts"
    )
    async def delivery(delivery: str, asker: Asker) -> models.DeliveryWithAttemptsAnswer:
        found = await webhooks.delivery(asker.tenant, asker.mode, delivery)
        return models.delivery_with_attempts(found)

    @made.post(
        "/v1/webhook_deliveries/{delivery}/resend",
        permission=WRITE,
        status=200,
        summary="Send it again",
    )
    async def resend(delivery: str, asker: Asker) -> models.DeliveryAnswer:
        return models.delivery(await webhooks.resend(Resend(asker.tenant, asker.mode, delivery)))

    del of_endpoint, deliveries, delivery, resend


def _query(
    asker: Actor,
    page: PageRequest,
    endpoint: str | None,
    state: DeliveryState | None,
    types: list[str] | None,
    created_from: AwareDatetime | None,
    created_before: AwareDatetime | None,
) -> DeliveriesOf:
    return DeliveriesOf(
        asker.tenant,
        asker.mode,
        endpoint,
        None,
        state,
        tuple(types or ()),
        created_from,
        created_before,
        page.limit,
        forward(page),
    )


async def _page(webhooks: Webhooks, query: DeliveriesOf) -> Page[models.DeliveryAnswer]:
    found = await webhooks.deliveries(query)
    data = [models.delivery(one) for one in found.deliveries]
    return Page(data=data, has_more=found.has_more)
