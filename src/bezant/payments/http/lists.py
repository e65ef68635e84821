"""Questions about payments and refunds over HTTP."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Final

from fastapi import Depends, Query

from bezant.actor import Actor
from bezant.errors import Invalid
from bezant.http.pages import LIMIT_DEFAULT, CreatedQuery, Page, PageQuery, PageRequest
from bezant.http.routes import Asker, Routes
from bezant.money import Money, asset_of
from bezant.payments.http import answers as a
from bezant.payments.http import expanding
from bezant.payments.http.expanding import Beside, BesideRefund
from bezant.payments.port import (
    ChangePayment,
    MethodKind,
    Payments,
    PaymentsOf,
    PaymentState,
    RefundsOf,
    RefundState,
    StatsOf,
)

READ: Final = "payments.read"
WRITE: Final = "payments.write"
Notes = Annotated[list[str] | None, Query(description="key:value")]
Expand = Annotated[list[Beside] | None, Query(alias="expand[]")]


class Filters(a.Body):
    """Conditions on payments; every one given holds."""

    state: PaymentState | None = None
    customer: str | None = None
    order: str | None = None
    provider: str | None = None
    reference: str | None = None
    method: MethodKind | None = None
    asset: str | None = None
    amount_min: str | None = None
    amount_max: str | None = None
    created_from: datetime | None = None
    created_until: datetime | None = None
    metadata: tuple[str, ...] = ()
    text: str = ""


async def filters(
    state: PaymentState | None = None,
    customer: str | None = None,
    order: str | None = None,
    provider: str | None = None,
    reference: str | None = None,
    method: MethodKind | None = None,
    asset: str | None = None,
    amount_min: str | None = None,
    amount_max: str | None = None,
    metadata: Notes = None,
    text: str = "",
    *,
    created: CreatedQuery,
) -> Filters:
    """Read the conditions of a list."""
    return Filters(
        state=state, customer=customer, order=order, provider=provider, reference=reference,
        method=method, asset=asset, amount_min=amount_min, amount_max=amount_max,
        created_from=created.since, created_until=created.until, metadata=tuple(metadata or ()),
        text=text,
    )  # fmt: skip


def add(routes: Routes, port: Payments) -> None:
    """Add the routes that only read, and those that change a merchant's notes."""
    _payments(routes, port)
    _notes(routes, port)
    _refunds(routes, port)


def _payments(routes: Routes, port: Payments) -> None:
    @routes.get("/v1/payments", permission=READ)
    async def payments(
        asker: Asker,
        page: PageQuery,
        where: Annotated[Filters, Depends(filters)],
        expand: Expand = None,
    ) -> Page[a.ExpandedPaymentModel]:
        """List payments, newest first."""
        return await _found(port, asker, page, where, expand)

    @routes.get("/v1/payments/search", permission=READ)
    async def search(
        asker: Asker,
        page: PageQuery,
        where: Annotated[Filters, Depends(filters)],
        query: str,
        expand: Expand = None,
    ) -> Page[a.ExpandedPaymentModel]:
        """Find payments by a part of their description, order or descriptor, by a part of their
        customer's name or address, or by their own id or the provider's reference.
        """
        where = where.model_copy(update={"text": query})
        return await _found(port, asker, page, where, expand)

    @routes.get("/v1/payments/{payment}", permission=READ)
    async def payment(payment: str, asker: Asker, expand: Expand = None) -> a.ExpandedPaymentModel:
        """Return one payment."""
        found = await port.payment(asker.tenant, asker.mode, payment)
        (told,) = await expanding.payments(port, asker, [found], expand or ())
        return told

    @routes.get("/v1/payments/{payment}/attempts", permission=READ)
    async def attempts(payment: str, asker: Asker) -> a.AttemptsModel:
        """Return everything that was asked of providers for a payment, oldest first."""
        found = await port.attempts(asker.tenant, asker.mode, payment)
        return a.AttemptsModel(data=[a.AttemptModel.model_validate(one) for one in found])


def _notes(routes: Routes, port: Payments) -> None:
    @routes.patch("/v1/payments/{payment}", permission=WRITE)
    async def change(payment: str, body: a.ChangePaymentBody, asker: Asker) -> a.PaymentModel:
        """Change a payment's description and metadata."""
        command = ChangePayment(asker.tenant, asker.mode, payment, body.description, body.metadata)
        return a.PaymentModel.model_validate(await port.change(command))

    @routes.get("/v1/stats", permission=READ)
    async def stats(asker: Asker, since: datetime, until: datetime) -> a.StatsModel:
        """Return what a stretch of time brought."""
        found = await port.stats(StatsOf(asker.tenant, asker.mode, since, until))
        return a.StatsModel.model_validate(found)


def _refunds(routes: Routes, port: Payments) -> None:
    @routes.get("/v1/refunds", permission=READ)
    async def refunds(
        asker: Asker,
        page: PageQuery,
        created: CreatedQuery,
        payment: str | None = None,
        state: RefundState | None = None,
        metadata: Notes = None,
        expand: Annotated[list[BesideRefund] | None, Query(alias="expand[]")] = None,
    ) -> Page[a.ExpandedRefundModel]:
        """List refunds, newest first."""
        found = await port.refunds(
            RefundsOf(
                asker.tenant, asker.mode, payment, state, page.limit, page.starting_after,
                created.since, created.until, pairs(metadata), page.ending_before,
            )
        )  # fmt: skip
        shown = await expanding.refunds(port, asker, found.refunds, expand or ())
        return Page(data=shown, has_more=found.has_more)

    @routes.get("/v1/refunds/{refund}", permission=READ)
    async def refund(refund: str, asker: Asker) -> a.RefundModel:
        """Return one refund."""
        found = await port.refund(asker.tenant, asker.mode, refund)
        return a.RefundModel.model_validate(found)


def wanted(
    asker: Actor,
    where: Filters,
    limit: int = LIMIT_DEFAULT,
    before: str | None = None,
    after: str | None = None,
) -> PaymentsOf:
    """Return the question a caller asks with these conditions."""
    return PaymentsOf(
        asker.tenant,
        asker.mode,
        where.state,
        where.customer,
        where.order,
        where.provider,
        where.reference,
        where.method,
        None if where.asset is None else asset_of(where.asset, "asset").code,
        _amount(where.amount_min, where.asset, "amount_min"),
        _amount(where.amount_max, where.asset, "amount_max"),
        where.created_from,
        where.created_until,
        pairs(where.metadata),
        where.text,
        limit,
        before,
        after,
    )


async def _found(
    port: Payments,
    asker: Actor,
    page: PageRequest,
    where: Filters,
    expand: Sequence[Beside] | None,
) -> Page[a.ExpandedPaymentModel]:
    query = wanted(asker, where, page.limit, page.starting_after, page.ending_before)
    found = await port.payments(query)
    shown = await expanding.payments(port, asker, found.payments, expand or ())
    return Page(data=shown, has_more=found.has_more)


def pairs(written: Sequence[str] | None) -> dict[str, str]:
    """Read what a merchant's own notes have to hold."""
    return dict(_pair(one) for one in written or ())


def _amount(text: str | None, asset: str | None, field: str) -> Money | None:
    if text is None:
        return None
    if asset is None:
        raise Invalid("an amount is compared within one asset: name it", field="asset")
    return Money.parse(text, asset, field)


def _pair(text: str) -> tuple[str, str]:
    key, colon, value = text.partition(":")
    if not key or not colon:
        raise Invalid("metadata is asked for as key:value", field="metadata")
    return key, value
