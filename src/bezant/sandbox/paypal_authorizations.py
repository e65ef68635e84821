"""Authorizations: taken in parts, given up, renewed, or forgotten when their time is over."""

from dataclasses import replace
from datetime import timedelta
from typing import Final

from bezant.sandbox.book import Page
from bezant.sandbox.emulator import Call
from bezant.sandbox.exchange import Answer
from bezant.sandbox.movement import Moved
from bezant.sandbox.paypal_errors import refused
from bezant.sandbox.paypal_events import emit
from bezant.sandbox.paypal_money import answered, known, put, take, there
from bezant.sandbox.paypal_objects import (
    ID_LENGTH,
    IDS,
    Authorization,
    AuthorizationStatus,
    Capture,
    Order,
)
from bezant.sandbox.paypal_requests import (
    CaptureRequest,
    ReauthorizeRequest,
    decode,
    refuse_as_scripted,
    wants_all,
)
from bezant.sandbox.paypal_values import parse
from bezant.sandbox.paypal_views import authorization as show_authorization
from bezant.sandbox.paypal_views import capture as show_capture

HONOURED: Final = timedelta(days=3)
"""Within it the money is there for sure; only afterwards may an authorization be renewed."""
CAPTURES_MAX: Final = 10
RENEWED_PERCENT_MAX: Final = 115
RENEWED_MORE_MAX: Final = 75_00
_LIVE: Final = frozenset({AuthorizationStatus.CREATED, AuthorizationStatus.PARTIALLY_CAPTURED})


def show(call: Call, page: Page) -> Answer:
    """Show an authorization."""
    return Answer.json(200, show_authorization(page, known(call, page, Authorization)))


def capture(call: Call, page: Page) -> Answer:
    """Take all or a part of what was set aside."""
    one = known(call, page, Authorization)
    root = _root(page, one)
    asked = decode(call, call.body, CaptureRequest)
    _refuse_ended(call, one, root)
    left = root.limit - root.captured
    amount = parse(call, asked.amount, "/amount") if asked.amount else one.amount.of(left)
    if amount.currency != one.amount.currency:
        raise refused(call, "AUTH_CAPTURE_CURRENCY_MISMATCH", "/amount/currency_code")
    if root.captures >= CAPTURES_MAX:
        raise refused(call, "MAX_CAPTURE_COUNT_EXCEEDED")
    # PayPal lets some merchants take up to 115 percent; one without that agreement gets no more
    # than was set aside.
    if amount.minor > left:
        raise refused(call, "MAX_CAPTURE_AMOUNT_EXCEEDED", "/amount/value")
    refuse_as_scripted(call)
    earlier = page.find(Capture, name=asked.invoice_id) if asked.invoice_id else []
    if any(other.order != one.order for other in earlier):
        raise refused(call, "DUPLICATE_INVOICE_ID", "/invoice_id")
    order = there(page.get(Order, one.order))
    unit = next(unit for unit in order.units if unit.reference_id == one.unit)
    taken = take(call, page, order, unit, authorization=one.id, asked=asked, amount=amount)
    _used(page, one, root, amount.minor, final=asked.final_capture or amount.minor == left)
    return answered(call, 201, show_capture(page, taken))


def void(call: Call, page: Page) -> Answer:
    """Give up what was set aside and not taken."""
    one = known(call, page, Authorization)
    if one.root != one.id:
        raise refused(call, "CANNOT_BE_VOIDED")
    if one.status is AuthorizationStatus.CAPTURED:
        raise refused(call, "PREVIOUSLY_CAPTURED")
    if one.status is AuthorizationStatus.VOIDED:
        raise refused(call, "PREVIOUSLY_VOIDED")
    refuse_as_scripted(call)
    one = _give_up(page, one)
    return Answer.json(200, show_authorization(page, one)) if wants_all(call) else Answer(204)


def reauthorize(call: Call, page: Page) -> Answer:
    """Set the same money aside anew, once it is no longer sure to be there."""
    one = known(call, page, Authorization)
    if one.root != one.id:
        raise refused(call, "REAUTHORIZATION_NOT_SUPPORTED")
    _refuse_ended(call, one, one)
    if page.now < one.created_at + HONOURED:
        raise refused(call, "REAUTHORIZATION_TOO_SOON")
    asked = decode(call, call.body, ReauthorizeRequest)
    amount = parse(call, asked.amount, "/amount") if asked.amount else one.amount
    if amount.currency != one.amount.currency:
        raise refused(call, "AUTH_CURRENCY_MISMATCH", "/amount/currency_code")
    most = min(one.amount.minor * RENEWED_PERCENT_MAX // 100, one.amount.minor + RENEWED_MORE_MAX)
    if amount.minor > most:
        raise refused(call, "MAX_CAPTURE_AMOUNT_EXCEEDED", "/amount/value")
    refuse_as_scripted(call)
    more = max(0, amount.minor - one.limit)
    put(page, replace(one, limit=one.limit + more, updated_at=page.now))
    renewed = replace(
        one,
        id=page.new_id("", ID_LENGTH, IDS),
        status=AuthorizationStatus.CREATED,
        amount=amount,
        created_at=page.now,
        updated_at=page.now,
        limit=0,
        captured=0,
        captures=0,
    )
    put(page, renewed)
    key = call.header("paypal-request-id")
    page.move(Moved.AUTHORISATION, renewed.id, one.order, amount.currency, more, key=key)
    page.mark(one.order, renewed.id)
    emit(page, "PAYMENT.AUTHORIZATION.CREATED", show_authorization(page, renewed))
    return answered(call, 201, show_authorization(page, renewed))


def again(call: Call, page: Page, id_: str) -> Answer:
    """Answer a repeated reauthorization with what came of it, as it is now."""
    return answered(call, 201, show_authorization(page, there(page.get(Authorization, id_))))


def voided_again(call: Call, page: Page, id_: str) -> Answer:
    """Answer a repeated void."""
    one = there(page.get(Authorization, id_))
    return Answer.json(200, show_authorization(page, one)) if wants_all(call) else Answer(204)


def expire(page: Page, id_: str) -> None:
    """Let an authorization end that was not used up."""
    one = there(page.get(Authorization, id_))
    if one.status in _LIVE:
        _give_up(page, replace(one, expired=True))


def _root(page: Page, one: Authorization) -> Authorization:
    return one if one.root == one.id else there(page.get(Authorization, one.root))


def _refuse_ended(call: Call, one: Authorization, root: Authorization) -> None:
    if root.expired:
        raise refused(call, "AUTHORIZATION_EXPIRED")
    statuses = {one.status, root.status}
    if AuthorizationStatus.VOIDED in statuses:
        raise refused(call, "AUTHORIZATION_VOIDED")
    if AuthorizationStatus.CAPTURED in statuses:
        raise refused(call, "AUTHORIZATION_ALREADY_CAPTURED")


def _used(page: Page, one: Authorization, root: Authorization, minor: int, *, final: bool) -> None:
    used = AuthorizationStatus.CAPTURED if final else AuthorizationStatus.PARTIALLY_CAPTURED
    root = replace(
        root,
        status=used,
        captured=root.captured + minor,
        captures=root.captures + 1,
        updated_at=page.now,
    )
    put(page, root)
    if one.id != root.id:
        put(page, replace(one, status=used, updated_at=page.now))
    if final:
        page.not_later("expire", root.id)
        _release(page, root)


def _give_up(page: Page, one: Authorization) -> Authorization:
    one = replace(one, status=AuthorizationStatus.VOIDED, updated_at=page.now)
    put(page, one)
    page.not_later("expire", one.id)
    _release(page, one)
    emit(page, "PAYMENT.AUTHORIZATION.VOIDED", show_authorization(page, one))
    return one


def _release(page: Page, root: Authorization) -> None:
    left = root.limit - root.captured
    if left:
        page.move(Moved.VOID, root.id, root.order, root.amount.currency, -left)
