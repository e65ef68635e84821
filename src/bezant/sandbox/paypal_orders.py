"""Orders: asked for by the merchant, approved by the payer, then captured or authorized."""

from dataclasses import replace
from datetime import timedelta
from typing import Final

from bezant.sandbox.book import Page
from bezant.sandbox.emulator import Call
from bezant.sandbox.exchange import Answer
from bezant.sandbox.paypal_errors import issued, refused
from bezant.sandbox.paypal_events import emit
from bezant.sandbox.paypal_money import set_aside, take
from bezant.sandbox.paypal_objects import (
    ID_LENGTH,
    IDS,
    Capture,
    Intent,
    Order,
    OrderStatus,
    Payer,
    SavedAccount,
)
from bezant.sandbox.paypal_requests import (
    OrderRequest,
    decode,
    refuse_as_scripted,
    units_of,
    wants_all,
)
from bezant.sandbox.paypal_views import brief_order, paid_order, payer_link, whole_order
from bezant.sandbox.scripts import Effect

REDIRECT: Final = timedelta(hours=3)
"""How long a payer may take to come, and then again to approve and for the merchant to act."""
_OPEN: Final = frozenset({OrderStatus.CREATED, OrderStatus.PAYER_ACTION_REQUIRED})


def create(call: Call, page: Page) -> Answer:
    """Open an order; one that a saved account pays is completed at once."""
    refuse_as_scripted(call)
    asked = decode(call, call.body, OrderRequest)
    units = units_of(call, asked)
    source = asked.payment_source.paypal if asked.payment_source else None
    context = source.experience_context if source else asked.application_context
    order = Order(
        id=page.new_id("", ID_LENGTH, IDS),
        intent=asked.intent,
        status=OrderStatus.PAYER_ACTION_REQUIRED if source else OrderStatus.CREATED,
        units=units,
        has_source=source is not None,
        return_url=context.return_url,
        cancel_url=context.cancel_url,
        created_at=page.now,
        updated_at=page.now,
        expires_at=page.now + REDIRECT,
        saves=source is not None and bool(source.attributes.vault.store_in_vault),
        saved_as=source.vault_id if source else "",
    )
    page.put(order)
    names = [name for unit in units for name in (unit.custom_id, unit.invoice_id)]
    page.mark(order.id, call.header("paypal-request-id"), *names)
    return _charge_saved(call, page, order) if order.saved_as else _created(call, page, order)


def show(call: Call, page: Page) -> Answer:
    """Show everything of an order."""
    return Answer.json(200, whole_order(page, known(call, page)))


def capture(call: Call, page: Page) -> Answer:
    """Take the money of an approved order."""
    order = _actionable(call, page, Intent.CAPTURE)
    if page.find(Capture, parent=order.id, limit=1):
        raise refused(call, "ORDER_ALREADY_CAPTURED")
    challenged = _challenged(call, page, order)
    if challenged is not None:
        return challenged
    return _captured(call, page, order)


def authorize(call: Call, page: Page) -> Answer:
    """Set the money of an approved order aside."""
    order = _actionable(call, page, Intent.AUTHORIZE)
    if order.status is OrderStatus.COMPLETED:
        raise refused(call, "ORDER_ALREADY_AUTHORIZED")
    challenged = _challenged(call, page, order)
    if challenged is not None:
        return challenged
    return _authorized(call, page, order)


def again(call: Call, page: Page, order_id: str) -> Answer:
    """Answer a repeated request with the order as it is now."""
    order = page.get(Order, order_id)
    assert order is not None, "an answer was kept for it"
    if call.operation == "create_order":
        return _created(call, page, order, 200)
    view = whole_order if wants_all(call) else paid_order
    return Answer.json(200, view(page, order))


def open_by_payer(page: Page, order: Order) -> Order:
    """Note that the payer came."""
    if order.opened:
        return order
    order = replace(order, opened=True, expires_at=page.now + REDIRECT)
    page.put(order)
    return order


def approve(page: Page, order: Order, payer: Payer) -> None:
    """Let the payer approve."""
    order = replace(order, status=OrderStatus.APPROVED, payer=payer, updated_at=page.now)
    page.put(order)
    emit(page, "CHECKOUT.ORDER.APPROVED", whole_order(page, order))


def is_over(page: Page, order: Order) -> bool:
    """Tell whether nobody came, approved or acted in time."""
    return order.status is not OrderStatus.COMPLETED and page.now >= order.expires_at


def waits_for_payer(order: Order) -> bool:
    """Tell whether it is the payer's turn."""
    return order.status in _OPEN


def ask_payer(call: Call, page: Page, order: Order) -> Answer:
    """Say that the payer has to come back."""
    link = payer_link(page, order) | {"rel": "payer-action"}
    return issued(call, "PAYER_ACTION_REQUIRED", links=(link,))


def is_paid(order: Order) -> bool:
    """Tell whether the money was taken or set aside."""
    return order.status is OrderStatus.COMPLETED


def known(call: Call, page: Page) -> Order:
    """Return the order that is meant; PayPal forgets those that nobody paid in time."""
    order = page.get(Order, call.at("id"))
    if order is None or (is_over(page, order) and waits_for_payer(order)):
        raise refused(call, "INVALID_RESOURCE_ID")
    return order


def _created(call: Call, page: Page, order: Order, status: int = 201) -> Answer:
    # With a payment source PayPal says 200 even the first time.
    first = 200 if order.has_source else status
    view = whole_order if wants_all(call) else brief_order
    return Answer.json(first, view(page, order))


def _actionable(call: Call, page: Page, intent: Intent) -> Order:
    order = known(call, page)
    if order.intent is not intent:
        raise refused(call, "ACTION_DOES_NOT_MATCH_INTENT")
    if waits_for_payer(order):
        raise refused(call, "ORDER_NOT_APPROVED", links=(payer_link(page, order),))
    if is_over(page, order):
        raise refused(call, "ORDER_EXPIRED")
    return order


def _charge_saved(call: Call, page: Page, order: Order) -> Answer:
    if not call.header("paypal-request-id"):
        raise refused(call, "PAYPAL_REQUEST_ID_REQUIRED")
    account = page.get(SavedAccount, order.saved_as)
    if account is None:
        raise refused(call, "TOKEN_ID_NOT_FOUND", "/payment_source/paypal/vault_id")
    order = replace(order, status=OrderStatus.APPROVED, payer=account.payer)
    page.put(order)
    charge = _captured if order.intent is Intent.CAPTURE else _authorized
    return charge(call, page, order)


def _captured(call: Call, page: Page, order: Order) -> Answer:
    _refuse_decline(call, page, order)
    for unit in order.units:
        take(call, page, order, unit)
    return _paid(call, page, order)


def _authorized(call: Call, page: Page, order: Order) -> Answer:
    _refuse_decline(call, page, order)
    for unit in order.units:
        set_aside(call, page, order, unit)
    return _paid(call, page, order)


def _challenged(call: Call, page: Page, order: Order) -> Answer | None:
    if call.script is None or call.script.effect is not Effect.CHALLENGE:
        return None
    order = replace(order, status=OrderStatus.PAYER_ACTION_REQUIRED, updated_at=page.now)
    page.put(order)
    return ask_payer(call, page, order)


def _refuse_decline(call: Call, page: Page, order: Order) -> None:
    refuse_as_scripted(call)
    if order.payer is Payer.DECLINED:
        link = payer_link(page, order) | {"rel": "redirect"}
        raise refused(call, "INSTRUMENT_DECLINED", links=(link,))
    taken = [page.find(Capture, name=unit.invoice_id) for unit in order.units if unit.invoice_id]
    if any(taken):
        raise refused(call, "DUPLICATE_INVOICE_ID")


def _paid(call: Call, page: Page, order: Order) -> Answer:
    saved_as = order.saved_as
    if order.saves and not saved_as:
        saved_as = page.new_id("", 8, IDS).lower()
        page.put(SavedAccount(id=saved_as, payer=order.payer))
    order = replace(order, status=OrderStatus.COMPLETED, saved_as=saved_as, updated_at=page.now)
    page.put(order)
    emit(page, "CHECKOUT.ORDER.COMPLETED", whole_order(page, order))
    view = whole_order if wants_all(call) else paid_order
    return Answer.json(201, view(page, order))
