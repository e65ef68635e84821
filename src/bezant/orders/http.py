"""Orders over HTTP: the merchant's server makes them, the payer's browser pays by client secret."""

from collections.abc import Callable
from time import monotonic
from typing import Annotated, TypeVar

from fastapi import Query, Response

from bezant.actor import Actor
from bezant.http.idempotency import Idempotency
from bezant.http.limits import MemoryLimits, Rule, bucket_of_address
from bezant.http.pages import CreatedQuery, Page, PageQuery
from bezant.http.routes import Asker, RequiredKey, Routes, ThisVisit
from bezant.orders import messages as models
from bezant.orders.checkout import (
    ChangeCheckoutSettings,
    CheckoutSettings,
    ConfirmSession,
    CreateLink,
    LinksOf,
    OpenLink,
    OpenSession,
    ReadSession,
    SessionsOf,
)
from bezant.orders.expanding import BesideOrder, ExpandedOrderAnswer, expanded
from bezant.orders.order import CreateOrder, OrdersOf, OrderStatus
from bezant.orders.port import ClientSecretInvalid, Orders, TooManyCheckouts
from bezant.payments.port import Payments
from bezant.secret import Secret

BODY_BYTES_MAX = 65_536
PAYER_BYTES_MAX = 4_096
READ, WRITE = "orders.read", "orders.write"
PAYER_READ, PAYER_WRITE = "checkout.read", "checkout.write"
"""What a publishable key may do: with a client secret, and only there."""
REPLAYED = "idempotent-replayed"
CUSTOMER = "customer"
Word = Annotated[str | None, Query(max_length=500)]
Notes = Annotated[list[str] | None, Query(max_length=50, description="key:value")]
Shown = TypeVar("Shown", bound=models.OfferAnswer)
# Each opening writes an order and an event, and anybody may follow a link who sees its page.
OPENINGS_OF_ADDRESS = Rule(60, 60)


def routes(
    orders: Orders,
    payments: Payments,
    machine_seconds: Callable[[], float] = monotonic,
    pages_url: str = "",
) -> list[Routes]:
    """Return every route of orders, and the names the family `poc` has for them.

    Addresses of pages begin with `pages_url`, or with the address that was asked.
    """
    made, poc = Routes("orders"), Routes("orders", family="poc")
    _add_orders(made, orders, payments, "/v1/orders")
    _add_orders(poc, orders, payments, "/api/order")
    _add_sessions(made, orders, pages_url)
    _add_payers(made, orders, pages_url)
    _add_opening(made, orders, MemoryLimits(machine_seconds), pages_url)
    _add_links(made, orders, pages_url)
    _add_settings(made, orders)
    return [made, poc]


def _add_orders(made: Routes, orders: Orders, payments: Payments, path: str) -> None:
    @made.post(
        path,
        permission=WRITE,
        idempotency=Idempotency.OPTIONAL,
        body_bytes_max=BODY_BYTES_MAX,
        summary="Make an order",
    )
    async def create(
        body: models.OrderBody, asker: Asker, visit: ThisVisit, response: Response
    ) -> models.OrderAnswer:
        command = CreateOrder(
            visit.idempotency_key or "",
            asker.tenant,
            asker.mode,
            body.amount,
            body.id,
            body.reference,
            body.description,
            body.customer,
            body.metadata,
        )
        order = await orders.create_order(command)
        if order.replayed:
            response.headers[REPLAYED] = "true"
        return models.order(order)

    @made.get(path, permission=READ, summary="List orders")
    async def listed(
        asker: Asker,
        page: PageQuery,
        created: CreatedQuery,
        status: OrderStatus | None = None,
        reference: Word = None,
        customer: Word = None,
        metadata: Notes = None,
        query: Annotated[str, Query(max_length=500, description="In reference, description")] = "",
        expand: Annotated[list[BesideOrder] | None, Query(alias="expand[]")] = None,
    ) -> Page[ExpandedOrderAnswer]:
        wanted = OrdersOf(
            asker.tenant, asker.mode, status, reference, page.limit, page.starting_after, customer,
            created.since, created.until, models.notes(metadata or ()), query, page.ending_before,
        )  # fmt: skip
        found = await orders.orders(wanted)
        shown = await expanded(payments, asker, found.orders, expand or ())
        return Page(data=shown, has_more=found.has_more)

    @made.get(path + "/{order}", permission=READ, summary="One order")
    async def one(
        order: str,
        asker: Asker,
        expand: Annotated[list[BesideOrder] | None, Query(alias="expand[]")] = None,
    ) -> ExpandedOrderAnswer:
        found = await orders.order(asker.tenant, asker.mode, order)
        (told,) = await expanded(payments, asker, (found,), expand or ())
        return told

    del create, listed, one


def _add_sessions(made: Routes, orders: Orders, pages_url: str) -> None:
    @made.post(
        "/v1/checkout_sessions",
        permission=WRITE,
        idempotency=Idempotency.OPTIONAL,
        body_bytes_max=BODY_BYTES_MAX,
        summary="Let a payer pay",
    )
    async def open_session(
        body: models.SessionBody, asker: Asker, visit: ThisVisit
    ) -> models.NewSessionAnswer:
        command = OpenSession(
            visit.idempotency_key or "",
            asker.tenant,
            asker.mode,
            body.offer(),
            body.order,
            body.customer,
            body.expires_at,
        )
        new = await orders.open_session(command)
        base = models.base_of(visit, pages_url)
        return models.new_session(new.session, new.client_secret.reveal(), base)

    @made.post(
        "/v1/checkout_sessions/{session}/expire",
        permission=WRITE,
        status=200,
        summary="End a session that was not paid",
    )
    async def expire(session: str, asker: Asker) -> models.SessionAnswer:
        return models.session(await orders.expire_session(asker.tenant, asker.mode, session))

    @made.get("/v1/checkout_sessions", permission=READ, summary="List checkout sessions")
    async def listed(
        asker: Asker,
        page: PageQuery,
        created: CreatedQuery,
        order: Word = None,
        link: Word = None,
        customer: Word = None,
    ) -> Page[models.SessionAnswer]:
        wanted = SessionsOf(
            asker.tenant, asker.mode, order, link, customer, page.limit, page.starting_after,
            created.since, created.until, page.ending_before,
        )  # fmt: skip
        found = await orders.sessions(wanted)
        return Page(data=[models.session(one) for one in found.sessions], has_more=found.has_more)

    del open_session, expire, listed


def _add_payers(made: Routes, orders: Orders, pages_url: str) -> None:
    @made.get(
        "/v1/checkout_sessions/{session}", permission=PAYER_READ, summary="One checkout session"
    )
    async def one(
        session: str,
        asker: Asker,
        client_secret: Annotated[str | None, Query(max_length=200)] = None,
    ) -> models.SessionAnswer:
        if client_secret is None and asker.subject != session and not asker.may(READ):
            raise ClientSecretInvalid("show the client secret of this session")
        secret = None if client_secret is None else Secret(client_secret)
        query = ReadSession(asker.tenant, asker.mode, session, secret)
        return _shown(asker, models.session(await orders.session(query)))

    @made.post(
        "/v1/checkout_sessions/{session}/confirm",
        permission=PAYER_WRITE,
        status=200,
        idempotency=Idempotency.REQUIRED,
        body_bytes_max=PAYER_BYTES_MAX,
        summary="Pay",
    )
    async def confirm(
        session: str, body: models.ConfirmBody, asker: Asker, key: RequiredKey
    ) -> models.SessionAnswer:
        command = ConfirmSession(
            asker.tenant,
            asker.mode,
            session,
            Secret(body.client_secret.get_secret_value()),
            body.method,
            body.card,
            body.saved,
            key,
            body.return_url,
            asker.role == CUSTOMER,
        )
        return _shown(asker, models.session(await orders.confirm(command)))

    @made.get("/v1/payment_links/{link}", permission=PAYER_READ, summary="One payment link")
    async def link(link: str, asker: Asker, visit: ThisVisit) -> models.LinkAnswer:
        found = await orders.link(asker.tenant, asker.mode, link)
        return _shown(asker, models.link(found, models.base_of(visit, pages_url)))

    del one, confirm, link


def _add_opening(made: Routes, orders: Orders, limits: MemoryLimits, pages_url: str) -> None:
    def spend(by: Actor, address: str) -> None:
        if not by.pays or not address:
            return  # A merchant's own server opens links for many payers.
        spent = limits.spend(bucket_of_address(address), OPENINGS_OF_ADDRESS)
        if not spent.allowed:
            raise TooManyCheckouts(retry_after_seconds=spent.reset_seconds)

    @made.post("/v1/payment_links/{link}/open", permission=PAYER_WRITE, summary="Follow a link")
    async def open_link(link: str, asker: Asker, visit: ThisVisit) -> models.NewSessionAnswer:
        spend(asker, visit.address)
        new = await orders.open_link(OpenLink(asker.tenant, asker.mode, link))
        base = models.base_of(visit, pages_url)
        told = models.new_session(new.session, new.client_secret.reveal(), base)
        return _shown(asker, told)

    del open_link


def _add_links(made: Routes, orders: Orders, pages_url: str) -> None:
    @made.post(
        "/v1/payment_links",
        permission=WRITE,
        idempotency=Idempotency.OPTIONAL,
        body_bytes_max=BODY_BYTES_MAX,
        summary="Make a payment link",
    )
    async def create(
        body: models.LinkBody, asker: Asker, visit: ThisVisit, response: Response
    ) -> models.LinkAnswer:
        command = CreateLink(
            visit.idempotency_key or "",
            asker.tenant,
            asker.mode,
            body.offer(),
            body.uses_max,
            body.expires_at,
        )
        made_link = await orders.create_link(command)
        if made_link.replayed:
            response.headers[REPLAYED] = "true"
        return models.link(made_link, models.base_of(visit, pages_url))

    @made.get("/v1/payment_links", permission=READ, summary="List payment links")
    async def listed(
        asker: Asker, page: PageQuery, created: CreatedQuery, visit: ThisVisit
    ) -> Page[models.LinkAnswer]:
        wanted = LinksOf(
            asker.tenant, asker.mode, page.limit, page.starting_after, created.since,
            created.until, page.ending_before,
        )  # fmt: skip
        found = await orders.links(wanted)
        base = models.base_of(visit, pages_url)
        return Page(data=[models.link(one, base) for one in found.links], has_more=found.has_more)

    @made.post(
        "/v1/payment_links/{link}/close",
        permission=WRITE,
        status=200,
        summary="Let nobody pay by it any more",
    )
    async def close(link: str, asker: Asker, visit: ThisVisit) -> models.LinkAnswer:
        closed = await orders.close_link(asker.tenant, asker.mode, link)
        return models.link(closed, models.base_of(visit, pages_url))

    del create, listed, close


def _add_settings(made: Routes, orders: Orders) -> None:
    path = "/v1/checkout_settings"

    @made.get(path, permission=READ, summary="How the checkout page may be used")
    async def settings(asker: Asker) -> models.CheckoutSettingsAnswer:
        found = await orders.checkout_settings(asker.tenant, asker.mode)
        return models.CheckoutSettingsAnswer.model_validate(found)

    @made.put(path, permission=WRITE, summary="Say whose pages may show the checkout in a frame")
    async def change(
        body: models.CheckoutSettingsBody, asker: Asker
    ) -> models.CheckoutSettingsAnswer:
        wish = CheckoutSettings(tuple(body.origins))
        command = ChangeCheckoutSettings(asker.tenant, asker.mode, wish)
        found = await orders.change_checkout_settings(command)
        return models.CheckoutSettingsAnswer.model_validate(found)

    del settings, change


def _shown(by: Actor, answer: Shown) -> Shown:
    """Leave out what merchants write for themselves, unless it is their own server that asks."""
    return answer if by.may(READ) else answer.model_copy(update={"metadata": {}})
