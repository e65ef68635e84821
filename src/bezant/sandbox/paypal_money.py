"""Money at PayPal: how it is set aside, taken from the payer, and taken back."""

from dataclasses import replace
from datetime import timedelta
from typing import Final, TypeVar

from bezant.sandbox.book import Page
from bezant.sandbox.emulator import Call
from bezant.sandbox.exchange import Answer
from bezant.sandbox.movement import Moved
from bezant.sandbox.paypal_errors import refused
from bezant.sandbox.paypal_events import emit
from bezant.sandbox.paypal_objects import (
    ID_LENGTH,
    IDS,
    Authorization,
    AuthorizationStatus,
    Capture,
    CaptureStatus,
    Dispute,
    Order,
    Payer,
    Refund,
    Unit,
)
from bezant.sandbox.paypal_requests import CaptureRequest, wants_all
from bezant.sandbox.paypal_values import Sum
from bezant.sandbox.paypal_views import View, brief
from bezant.sandbox.paypal_views import authorization as show_authorization
from bezant.sandbox.paypal_views import capture as show_capture
from bezant.sandbox.paypal_views import refund as show_refund
from bezant.sandbox.scripts import Effect

AUTHORIZED: Final = timedelta(days=29)
CLEARING: Final = timedelta(days=3)
"""How long a payer's bank takes to send money, or to say that there is none."""
A_DAY: Final = timedelta(days=1)

Kept = TypeVar("Kept", Authorization, Capture, Refund, Dispute)
Thing = TypeVar("Thing")


def set_aside(call: Call, page: Page, order: Order, unit: Unit) -> None:
    """Set the money of a purchase unit aside."""
    id_ = page.new_id("", ID_LENGTH, IDS)
    one = Authorization(
        id=id_,
        order=order.id,
        root=id_,
        unit=unit.reference_id,
        status=AuthorizationStatus.CREATED,
        amount=unit.amount,
        custom_id=unit.custom_id,
        invoice_id=unit.invoice_id,
        payer=order.payer,
        created_at=page.now,
        updated_at=page.now,
        expires_at=page.now + AUTHORIZED,
        limit=unit.amount.minor,
    )
    put(page, one)
    key = call.header("paypal-request-id")
    amount = one.amount
    page.move(Moved.AUTHORISATION, id_, order.id, amount.currency, amount.minor, key=key)
    page.mark(order.id, id_)
    page.later("expire", id_, AUTHORIZED)
    emit(page, "PAYMENT.AUTHORIZATION.CREATED", show_authorization(page, one))


def take(
    call: Call,
    page: Page,
    order: Order,
    unit: Unit,
    *,
    authorization: str = "",
    asked: CaptureRequest | None = None,
    amount: Sum | None = None,
) -> Capture:
    """Take money from the payer, at once or as soon as their bank has sent it."""
    slow = order.payer in {Payer.ECHECK, Payer.BOUNCING}
    taken = amount or unit.amount
    one = Capture(
        id=page.new_id("", ID_LENGTH, IDS),
        order=order.id,
        authorization=authorization,
        unit=unit.reference_id,
        status=CaptureStatus.PENDING if slow else CaptureStatus.COMPLETED,
        amount=taken,
        fee=taken.fee(),
        refunded=0,
        final=asked.final_capture if asked else True,
        custom_id=unit.custom_id,
        invoice_id=(asked.invoice_id if asked else "") or unit.invoice_id,
        note=asked.note_to_payer if asked else "",
        created_at=page.now,
        updated_at=page.now,
        key=call.header("paypal-request-id"),
    )
    put(page, one)
    page.mark(order.id, one.id, one.invoice_id, one.key)
    if slow:
        page.later("clear", one.id, CLEARING)
        emit(page, "PAYMENT.CAPTURE.PENDING", show_capture(page, one))
    else:
        _arrived(page, one)
    _plan(call, page, order, one)
    return one


def clear(page: Page, id_: str) -> None:
    """Learn from the payer's bank whether there was money."""
    one = there(page.get(Capture, id_))
    order = there(page.get(Order, one.order))
    if order.payer is Payer.BOUNCING:
        one = replace(one, status=CaptureStatus.DECLINED, updated_at=page.now)
        put(page, one)
        emit(page, "PAYMENT.CAPTURE.DECLINED", show_capture(page, one))
        return
    one = replace(one, status=CaptureStatus.COMPLETED, updated_at=page.now)
    put(page, one)
    _arrived(page, one)


def reverse(page: Page, id_: str) -> None:
    """Take a capture back for the payer, without asking the merchant: told as a refund."""
    one = there(page.get(Capture, id_))
    left = one.amount.minor - one.refunded
    if one.status is CaptureStatus.DECLINED or one.reversed or left == 0:
        return
    taken_back = Refund(
        id=page.new_id("", ID_LENGTH, IDS),
        capture=one.id,
        amount=one.amount.of(left),
        total_refunded=one.amount.minor,
        custom_id=one.custom_id,
        invoice_id=one.invoice_id,
        note="",
        created_at=page.now,
        reversal=True,
    )
    page.put(taken_back, parent=one.id)
    one = replace(one, reversed=True, refunded=one.amount.minor, updated_at=page.now)
    put(page, one)
    page.move(Moved.RETURN, taken_back.id, one.order, one.amount.currency, -left)
    page.mark(one.order, taken_back.id)
    emit(page, "PAYMENT.CAPTURE.REVERSED", show_refund(page, taken_back))


def put(page: Page, one: Authorization | Capture) -> None:
    """Keep an authorization or a capture where its order finds it."""
    name = one.root if isinstance(one, Authorization) else one.invoice_id
    page.put(one, parent=one.order, name=name)


def known(call: Call, page: Page, kind: type[Kept]) -> Kept:
    """Return the object that is meant."""
    found = page.get(kind, call.at("id"))
    if found is None:
        raise refused(call, "INVALID_RESOURCE_ID")
    return found


def there(found: Thing | None) -> Thing:
    """Return what must be in the book, because something in the book names it."""
    assert found is not None, "the book names what it does not have"
    return found


def answered(call: Call, status: int, view: View) -> Answer:
    """Answer with as much as the caller wants to see."""
    return Answer.json(status, view if wants_all(call) else brief(view))


def _arrived(page: Page, one: Capture) -> None:
    amount = one.amount
    page.move(
        Moved.CHARGE,
        one.id,
        one.order,
        amount.currency,
        amount.minor,
        fee=one.fee,
        key=one.key,
    )
    emit(page, "PAYMENT.CAPTURE.COMPLETED", show_capture(page, one))


def _plan(call: Call, page: Page, order: Order, one: Capture) -> None:
    script = call.script
    effect = script.effect if script else None
    after = timedelta(seconds=script.seconds) if script and script.seconds else A_DAY
    if effect is Effect.RETURN:
        page.later("reverse", one.id, after)
    elif effect is Effect.DISPUTE or order.payer is Payer.DISPUTING:
        page.later("dispute", one.id, after)
