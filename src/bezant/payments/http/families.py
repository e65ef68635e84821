"""Payments as families of clients know them: a merchant's API, a gateway's orchestrator, and
refunds of people's payments.

An amount is a JSON number or text in major units; it is read from the body's own characters, so a
number never becomes a float here.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Final

import msgspec

from bezant.actor import Actor
from bezant.errors import BezantError, Invalid, SeveralInvalid
from bezant.http.fast import FastAnswer, FastBody, FastRequest, FastRoute
from bezant.http.idempotency import Idempotency
from bezant.http.mistakes import FieldInvalid, of_msgspec
from bezant.http.pages import PageQuery
from bezant.http.routes import Asker, Routes, ThisVisit
from bezant.http.visit import Visit
from bezant.money import Asset, MalformedAmount, Money, asset_of
from bezant.payments.http.raw import RawBody
from bezant.payments.port import (
    AmountTooSmall,
    CreatePayment,
    Customer,
    ManyOf,
    MethodKind,
    Payment,
    Payments,
    PaymentsOf,
    PayWith,
    RequestRefund,
)

READ: Final = "payments.read"
WRITE: Final = "payments.write"
REFUND: Final = "refunds.write"
OPTIONAL: Final = Idempotency.OPTIONAL
Written = Annotated[
    msgspec.Raw,
    msgspec.Meta(
        extra_json_schema={
            "type": ["string", "number"],
            "description": "A decimal in major units, read as text.",
            "examples": ["19.99"],
        }
    ),
]
"""An amount exactly as it was written."""
Word = Annotated[msgspec.Raw, msgspec.Meta(extra_json_schema={"type": "string"})]
"""A text that is read by hand, so that every mistake of a body is told at once."""
FINEST: Final = Asset("ETH", 18, "")
"""Of all assets the one with the most decimals: what is no amount of it is none of any other."""


class AskBody(FastBody, frozen=True):
    """Money to ask a customer for; `token` charges a card at once."""

    amount: Written = msgspec.field(default_factory=msgspec.Raw)
    currency: Word = msgspec.field(default_factory=msgspec.Raw)
    customer_email: Word = msgspec.field(default_factory=msgspec.Raw)
    customer_name: Word = msgspec.field(default_factory=msgspec.Raw)
    token: str = ""
    order_id: str = ""
    description: str = ""
    metadata: dict[str, str] = msgspec.field(default_factory=dict[str, str])

    def command(self, actor: Actor, key: str, *, named: bool) -> CreatePayment:
        """Return the command, or every mistake at once."""
        mistakes: list[Invalid] = []
        asset = _asset(_word(self.currency, "currency", mistakes), mistakes)
        amount = _amount(self.amount, asset, mistakes)
        name = _word(self.customer_name, "customer_name", mistakes)
        if named and name is not None and not name.strip():
            mistakes.append(Invalid("a name has at least one character", field="customer_name"))
        email = _word(self.customer_email, "customer_email", mistakes)
        if named and email is not None and "@" not in email.strip("@"):
            mistakes.append(
                Invalid("an address looks like name@example.com", field="customer_email")
            )
        if mistakes or amount is None or name is None or email is None:
            raise _all_of(mistakes)
        return CreatePayment(
            key=key,
            tenant=actor.tenant,
            mode=actor.mode,
            amount=amount,
            pay_with=PayWith(MethodKind.CARD, self.token) if self.token else None,
            order=self.order_id,
            description=self.description,
            metadata=self.metadata,
            customer_email=email,
            customer_name=name.strip(),
        )


class GiveBackBody(FastBody, frozen=True):
    """How much to give back; nothing said gives back all that remains."""

    amount: Written = msgspec.field(default_factory=msgspec.Raw)
    reason: str = ""


class PlainPayment(msgspec.Struct, frozen=True):
    """A payment as these families read it."""

    id: str
    amount: str
    currency: str
    status: str
    customer_email: str
    customer_name: str
    order_id: str
    psp_reference: str
    captured_amount: str
    refunded_amount: str
    decline_advice: str
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, one: Payment, whose: Customer | None) -> "PlainPayment":
        """Write a payment."""
        return cls(
            id=one.id,
            amount=one.amount.decimal(),
            currency=one.amount.asset.code,
            status=one.state.value,
            customer_email=whose.email if whose else "",
            customer_name=whose.name if whose else "",
            order_id=one.order,
            psp_reference=one.reference,
            captured_amount=one.captured.decimal(),
            refunded_amount=one.refunded.decimal(),
            decline_advice=one.declined.advice if one.declined else "",
            created_at=one.created_at,
            updated_at=one.updated_at,
        )


class PlainPayments(msgspec.Struct, frozen=True):
    """A page of them, newest first."""

    data: list[PlainPayment]
    has_more: bool


def routes(port: Payments) -> tuple[Routes, ...]:
    """Return the routes of every family."""
    merchant = Routes("payments", family="merchant")  # Its profile answers all below /api, too.
    _add(merchant, port, "/payments", named=True)
    poc = Routes("payments", family="poc")
    _add(poc, port, "/api/payment/payments", named=False)
    people = Routes("payments", family="peopletrust")
    _add_refund_of_people(people, port)
    return merchant, poc, people


def _add_refund_of_people(routes: Routes, port: Payments) -> None:
    @routes.post("/payments/refund/{transactionId}", permission=REFUND, idempotency=OPTIONAL)
    async def refund(
        transactionId: str,  # noqa: N803 - the family's own name
        body: RawBody,
        asker: Asker,
        visit: ThisVisit,
    ) -> Mapping[str, object]:
        """Give a payment back, or a part of it: the same refund as everywhere."""
        return await _give_back(port, transactionId, body, asker, visit)

    del refund


def _add(routes: Routes, port: Payments, path: str, *, named: bool) -> None:
    async def ask(request: FastRequest[AskBody]) -> FastAnswer:
        """Ask a customer for money."""
        command = request.body.command(request.actor, request.idempotency_key or "", named=named)
        made = await port.create(command)
        told = PlainPayment.of(made, await _customer(port, request.actor, made))
        return FastAnswer(told, 201, made.replayed)

    routes.add_fast(
        FastRoute("POST", path, WRITE, ask, AskBody, PlainPayment, idempotency=OPTIONAL)
    )

    @routes.get(path, permission=READ)
    async def payments(asker: Asker, page: PageQuery) -> Mapping[str, object]:
        """List payments, newest first."""
        query = PaymentsOf(
            asker.tenant, asker.mode, limit=page.limit, before=page.starting_after,
            after=page.ending_before,
        )  # fmt: skip
        found = await port.payments(query)
        named = tuple({one.customer for one in found.payments if one.customer})
        people = (await port.many(ManyOf(asker.tenant, asker.mode, customers=named))).customers
        whose = {one.id: one for one in people}
        told = [PlainPayment.of(one, whose.get(one.customer)) for one in found.payments]
        return _plain(PlainPayments(told, found.has_more))

    @routes.get(f"{path}/{{payment}}", permission=READ)
    async def payment(payment: str, asker: Asker) -> Mapping[str, object]:
        """Return one payment."""
        found = await port.payment(asker.tenant, asker.mode, payment)
        return _plain(PlainPayment.of(found, await _customer(port, asker, found)))

    @routes.patch(f"{path}/{{payment}}/refund", permission=REFUND, idempotency=OPTIONAL)
    async def refund(
        payment: str, body: RawBody, asker: Asker, visit: ThisVisit
    ) -> Mapping[str, object]:
        """Give a payment back, or a part of it."""
        return await _give_back(port, payment, body, asker, visit)


async def _give_back(
    port: Payments, payment: str, body: bytes, asker: Actor, visit: Visit
) -> Mapping[str, object]:
    found = await port.payment(asker.tenant, asker.mode, payment)
    asked = _given_back(body)
    mistakes: list[Invalid] = []
    amount = None
    if bytes(asked.amount):
        amount = _amount(asked.amount, found.amount.asset, mistakes)
    if mistakes:
        raise _all_of(mistakes)
    key = visit.idempotency_key or visit.request_id
    made = await port.request_refund(
        RequestRefund(key, asker.tenant, asker.mode, found.id, asker, amount, asked.reason)
    )
    after = await port.payment(asker.tenant, asker.mode, payment)
    told = _plain(PlainPayment.of(after, await _customer(port, asker, after)))
    return {**told, "refund": {"id": made.id, "status": made.state.value}}


def _given_back(body: bytes) -> GiveBackBody:
    """Read a body that may be missing."""
    try:
        return msgspec.json.decode(body, type=GiveBackBody) if body else GiveBackBody()
    except msgspec.MsgspecError as error:
        raise of_msgspec(error) from None


async def _customer(port: Payments, actor: Actor, payment: Payment) -> Customer | None:
    if not payment.customer:
        return None
    return await port.customer(actor.tenant, actor.mode, payment.customer)


def _plain(told: msgspec.Struct) -> Mapping[str, object]:
    return msgspec.to_builtins(told)


def _all_of(mistakes: list[Invalid]) -> Invalid:
    return mistakes[0] if len(mistakes) == 1 else SeveralInvalid(mistakes)


def _word(raw: msgspec.Raw, field: str, mistakes: list[Invalid]) -> str | None:
    """Return a text, or note that it is none; what is missing is empty."""
    try:
        return msgspec.json.decode(bytes(raw) or b'""', type=str)
    except msgspec.MsgspecError:
        mistakes.append(FieldInvalid("expected text in quotes", field=field))
        return None


def _asset(code: str | None, mistakes: list[Invalid]) -> Asset | None:
    if code is None:
        return None
    try:
        return asset_of(code, "currency")
    except BezantError as error:
        mistakes.append(_as_invalid(error))
        return None


def _amount(raw: msgspec.Raw, asset: Asset | None, mistakes: list[Invalid]) -> Money | None:
    """Return an amount; without an asset, only note what is wrong in any of them."""
    try:
        amount = Money.parse(_text(bytes(raw)), asset or FINEST, "amount")
        if amount.minor <= 0:
            raise AmountTooSmall(field="amount")
    except BezantError as error:
        mistakes.append(_as_invalid(error))
        return None
    return None if asset is None else amount


def _text(written: bytes) -> str:
    """Return the characters of a JSON number or text; what is neither is no amount."""
    if written[:1] == b'"':
        return msgspec.json.decode(written, type=str)
    if not written or written[:1] not in b"-0123456789" or b"e" in written.lower():
        raise MalformedAmount('an amount looks like 19.99 or "19.99"', field="amount")
    return written.decode()


def _as_invalid(error: BezantError) -> Invalid:
    return error if isinstance(error, Invalid) else Invalid(error.detail, field="amount")
