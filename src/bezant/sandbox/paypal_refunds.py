"""Captures and their refunds: never more given back than was taken."""

from dataclasses import replace
from datetime import timedelta
from typing import Final

from bezant.sandbox.book import Page
from bezant.sandbox.emulator import Call
from bezant.sandbox.exchange import Answer
from bezant.sandbox.movement import Moved
from bezant.sandbox.paypal_errors import refused
from bezant.sandbox.paypal_events import emit
from bezant.sandbox.paypal_money import answered, known, put, there
from bezant.sandbox.paypal_objects import (
    ID_LENGTH,
    IDS,
    Capture,
    CaptureStatus,
    Dispute,
    DisputeStatus,
    Refund,
    RefundStatus,
)
from bezant.sandbox.paypal_requests import RefundRequest, decode, refuse_as_scripted
from bezant.sandbox.paypal_values import parse
from bezant.sandbox.paypal_views import capture as show_capture
from bezant.sandbox.paypal_views import refund as show_refund
from bezant.sandbox.scripts import Effect

REFUNDABLE: Final = timedelta(days=180)
COMES_BACK: Final = timedelta(days=2)


def show_taken(call: Call, page: Page) -> Answer:
    """Show a capture."""
    return Answer.json(200, show_capture(page, known(call, page, Capture)))


def show(call: Call, page: Page) -> Answer:
    """Show a refund."""
    return Answer.json(200, show_refund(page, known(call, page, Refund)))


def refund(call: Call, page: Page) -> Answer:
    """Give back all or a part of a capture."""
    taken = known(call, page, Capture)
    asked = decode(call, call.body, RefundRequest)
    _refuse_unrefundable(call, page, taken)
    left = taken.amount.minor - taken.refunded
    amount = parse(call, asked.amount, "/amount") if asked.amount else taken.amount.of(left)
    if amount.currency != taken.amount.currency:
        raise refused(call, "REFUND_CAPTURE_CURRENCY_MISMATCH", "/amount/currency_code")
    if amount.minor > left:
        raise refused(call, "REFUND_AMOUNT_EXCEEDED", "/amount/value")
    refuse_as_scripted(call, "REFUND_FAILED_INSUFFICIENT_FUNDS")
    one = Refund(
        id=page.new_id("", ID_LENGTH, IDS),
        capture=taken.id,
        amount=amount,
        total_refunded=taken.refunded + amount.minor,
        custom_id=asked.custom_id or taken.custom_id,
        invoice_id=asked.invoice_id or taken.invoice_id,
        note=asked.note_to_payer,
        created_at=page.now,
    )
    page.put(one, parent=taken.id)
    whole = one.total_refunded == taken.amount.minor
    status = CaptureStatus.REFUNDED if whole else CaptureStatus.PARTIALLY_REFUNDED
    put(page, replace(taken, status=status, refunded=one.total_refunded, updated_at=page.now))
    key = call.header("paypal-request-id")
    page.move(Moved.REFUND, one.id, taken.order, amount.currency, -amount.minor, key=key)
    page.mark(taken.order, one.id, asked.custom_id, asked.invoice_id)
    view = show_refund(page, one)
    emit(page, "PAYMENT.CAPTURE.REFUNDED", view)
    script = call.script
    if script is not None and script.effect is Effect.RETURN:
        page.later("refund_fails", one.id, timedelta(seconds=script.seconds) or COMES_BACK)
    return answered(call, 201, view)


def fail(page: Page, id_: str) -> None:
    """Let a refund come back that had been given: the payer's bank did not take it."""
    one = there(page.get(Refund, id_))
    taken = there(page.get(Capture, one.capture))
    one = replace(one, status=RefundStatus.FAILED)
    page.put(one, parent=taken.id)
    left = taken.refunded - one.amount.minor
    status = CaptureStatus.PARTIALLY_REFUNDED if left else CaptureStatus.COMPLETED
    put(page, replace(taken, status=status, refunded=left, updated_at=page.now))
    page.move(Moved.REFUND_FAILED, one.id, taken.order, one.amount.currency, one.amount.minor)
    emit(page, "PAYMENT.REFUND.FAILED", show_refund(page, one))


def again(call: Call, page: Page, id_: str) -> Answer:
    """Answer a repeated refund with the refund as it is now."""
    return answered(call, 201, show_refund(page, there(page.get(Refund, id_))))


def taken_again(call: Call, page: Page, id_: str) -> Answer:
    """Answer a repeated capture with the capture as it is now."""
    return answered(call, 201, show_capture(page, there(page.get(Capture, id_))))


def _refuse_unrefundable(call: Call, page: Page, taken: Capture) -> None:
    if taken.status is CaptureStatus.PENDING:
        raise refused(call, "PENDING_CAPTURE")
    if taken.status is CaptureStatus.DECLINED or taken.reversed:
        raise refused(call, "REFUND_NOT_ALLOWED")
    if taken.status is CaptureStatus.REFUNDED:
        raise refused(call, "CAPTURE_FULLY_REFUNDED")
    if page.now > taken.created_at + REFUNDABLE:
        raise refused(call, "REFUND_TIME_LIMIT_EXCEEDED")
    disputes = page.find(Dispute, parent=taken.id)
    if any(one.status is not DisputeStatus.RESOLVED for one in disputes):
        raise refused(call, "TRANSACTION_DISPUTED")
