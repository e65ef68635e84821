"""PayPal's objects as its API shows them."""

from typing import Final, TypeVar

import msgspec

from bezant.sandbox.book import Page
from bezant.sandbox.paypal_objects import (
    Authorization,
    AuthorizationStatus,
    Capture,
    CaptureStatus,
    Dispute,
    DisputeStatus,
    Intent,
    Order,
    OrderStatus,
    Refund,
    Unit,
)
from bezant.sandbox.paypal_values import instant

View = dict[str, object]
Taken = TypeVar("Taken", Authorization, Capture)

BASE_NOTE: Final = "base_url"
"""Under this name the book remembers where callers reach us: links in webhooks need it."""
BASE_ELSE: Final = "https://api-m.sandbox.paypal.com"
PAYEE: Final = {"email_address": "merchant@bezant.example", "merchant_id": "BEZANTSHP2222"}
PAYER_ID: Final = "BEZANTPAYER22"
_PAYER: Final = {
    "name": {"given_name": "Paula", "surname": "Payer"},
    "email_address": "paula@bezant.example",
    "payer_id": PAYER_ID,
    "address": {"country_code": "DE"},
}
_PROTECTED: Final = {
    "status": "ELIGIBLE",
    "dispute_categories": ["ITEM_NOT_RECEIVED", "UNAUTHORIZED_TRANSACTION"],
}


def base(page: Page) -> str:
    """Return where callers reach us."""
    return page.note(BASE_NOTE) or BASE_ELSE


def link(href: str, rel: str, method: str = "GET") -> dict[str, str]:
    """Return a link of an answer."""
    return {"href": href, "rel": rel, "method": method}


def approval(order: Order, at: str) -> str:
    """Return the address of the page on which the payer approves."""
    return f"{at}/checkoutnow?token={order.id}"


def payer_link(page: Page, order: Order) -> dict[str, str]:
    """Return the link that leads the payer to PayPal."""
    rel = "payer-action" if order.has_source else "approve"
    return link(approval(order, base(page)), rel)


def brief_order(page: Page, order: Order) -> View:
    """Show an order as it is when nothing more is asked for."""
    shown: View = {"id": order.id, "status": order.status, "links": _order_links(page, order)}
    if order.has_source:
        shown["payment_source"] = {"paypal": {}}
    return shown


def paid_order(page: Page, order: Order) -> View:
    """Show an order after money was taken or set aside: with the payments, without the rest."""
    units = [
        {"reference_id": unit.reference_id, "payments": _payments(page, order, unit)}
        for unit in order.units
    ]
    return brief_order(page, order) | {
        "purchase_units": units,
        "payer": _PAYER,
        "payment_source": _source(order),
    }


def whole_order(page: Page, order: Order) -> View:
    """Show everything of an order."""
    shown: View = {
        "id": order.id,
        "intent": order.intent,
        "status": order.status,
        "purchase_units": [_unit(page, order, unit) for unit in order.units],
        "create_time": instant(order.created_at),
        "update_time": instant(order.updated_at),
        "links": _order_links(page, order),
    }
    if order.status in {OrderStatus.APPROVED, OrderStatus.COMPLETED}:
        shown |= {"payer": _PAYER, "payment_source": _source(order)}
    elif order.has_source:
        shown["payment_source"] = {"paypal": {}}
    return shown


def brief(view: View) -> View:
    """Return the little that is shown when nothing more is asked for."""
    return {name: view[name] for name in ("id", "status", "links")}


def authorization(page: Page, one: Authorization) -> View:
    """Show an authorization."""
    at = f"{base(page)}/v2/payments/authorizations/{one.id}"
    live = one.status in {AuthorizationStatus.CREATED, AuthorizationStatus.PARTIALLY_CAPTURED}
    actions = [link(f"{at}/{name}", name, "POST") for name in ("capture", "void", "reauthorize")]
    return {
        "id": one.id,
        "status": one.status,
        "amount": one.amount.shown(),
        **_names(one.custom_id, one.invoice_id),
        "seller_protection": _PROTECTED,
        "expiration_time": instant(one.expires_at),
        "supplementary_data": {"related_ids": {"order_id": one.order}},
        "payee": PAYEE,
        "create_time": instant(one.created_at),
        "update_time": instant(one.updated_at),
        "links": [link(at, "self"), *(actions if live else []), _up(page, one.order)],
    }


def capture(page: Page, one: Capture) -> View:
    """Show a capture."""
    at = f"{base(page)}/v2/payments/captures/{one.id}"
    related = {"order_id": one.order}
    if one.authorization:
        related["authorization_id"] = one.authorization
    shown: View = {
        "id": one.id,
        "status": one.status,
        "amount": one.amount.shown(),
        **_names(one.custom_id, one.invoice_id),
        "final_capture": one.final,
        "seller_protection": _PROTECTED,
        "supplementary_data": {"related_ids": related},
        "payee": PAYEE,
        "create_time": instant(one.created_at),
        "update_time": instant(one.updated_at),
        "links": [link(at, "self"), link(f"{at}/refund", "refund", "POST"), _up(page, one.order)],
    }
    if one.note:
        shown["note_to_payer"] = one.note
    match one.status:
        case CaptureStatus.PENDING:
            shown["status_details"] = {"reason": "ECHECK"}
        case CaptureStatus.DECLINED:
            pass
        case _:
            shown["seller_receivable_breakdown"] = {
                "gross_amount": one.amount.shown(),
                "paypal_fee": one.amount.of(one.fee).shown(),
                "net_amount": one.amount.of(one.amount.minor - one.fee).shown(),
            }
    return shown


def refund(page: Page, one: Refund) -> View:
    """Show a refund. PayPal keeps the fee of the capture."""
    at = f"{base(page)}/v2/payments"
    shown: View = {
        "id": one.id,
        "status": one.status,
        "amount": one.amount.shown(),
        **_names(one.custom_id, one.invoice_id),
        "seller_payable_breakdown": {
            "gross_amount": one.amount.shown(),
            "paypal_fee": one.amount.of(0).shown(),
            "net_amount": one.amount.shown(),
            "total_refunded_amount": one.amount.of(one.total_refunded).shown(),
        },
        "payer": {"email_address": PAYEE["email_address"], "merchant_id": PAYEE["merchant_id"]},
        "create_time": instant(one.created_at),
        "update_time": instant(one.created_at),
        "links": [
            link(f"{at}/refunds/{one.id}", "self"),
            link(f"{at}/captures/{one.capture}", "up"),
        ],
    }
    if one.note:
        shown["note_to_payer"] = one.note
    return shown


def dispute(page: Page, one: Dispute, taken: Capture) -> View:
    """Show a dispute."""
    at = f"{base(page)}/v1/customer/disputes/{one.id}"
    actions: tuple[str, ...] = ()
    state = "RESOLVED"
    if one.status is DisputeStatus.WAITING_FOR_SELLER:
        state, actions = "REQUIRED_ACTION", ("accept-claim", "provide-evidence")
    elif one.status is DisputeStatus.UNDER_REVIEW:
        state, actions = "UNDER_PAYPAL_REVIEW", ("adjudicate",)
    shown: View = {
        "dispute_id": one.id,
        "create_time": instant(one.created_at),
        "update_time": instant(one.updated_at),
        "disputed_transactions": [
            {
                "seller_transaction_id": taken.id,
                "create_time": instant(taken.created_at),
                "transaction_status": taken.status,
                "gross_amount": taken.amount.shown(),
                **({"invoice_number": taken.invoice_id} if taken.invoice_id else {}),
                **({"custom": taken.custom_id} if taken.custom_id else {}),
                "seller": {"merchant_id": PAYEE["merchant_id"], "name": "Bezant Sandbox Merchant"},
            }
        ],
        "reason": one.reason,
        "status": one.status,
        "dispute_state": state,
        "dispute_amount": one.amount.shown(),
        "dispute_life_cycle_stage": "CHARGEBACK",
        "dispute_channel": "INTERNAL",
        "seller_response_due_date": instant(one.answer_by),
        "links": [link(at, "self"), *(link(f"{at}/{to}", to, "POST") for to in actions)],
    }
    if one.evidence:
        shown["evidences"] = [msgspec.json.decode(written) for written in one.evidence]
    if one.outcome:
        shown["dispute_outcome"] = {"outcome_code": one.outcome}
    return shown


def _unit(page: Page, order: Order, unit: Unit) -> View:
    written = msgspec.json.decode(unit.request, type=View)
    shown = written | {"reference_id": unit.reference_id, "payee": PAYEE}
    payments = _payments(page, order, unit)
    return shown | {"payments": payments} if payments else shown


def _payments(page: Page, order: Order, unit: Unit) -> View:
    authorizations = _of_unit(page.find(Authorization, parent=order.id), unit)
    captures = _of_unit(page.find(Capture, parent=order.id), unit)
    refunds = [one for taken in captures for one in page.find(Refund, parent=taken.id)[::-1]]
    shown: View = {
        "authorizations": [authorization(page, one) for one in authorizations],
        "captures": [capture(page, one) for one in captures],
        "refunds": [refund(page, one) for one in refunds],
    }
    return {name: listed for name, listed in shown.items() if listed}


def _of_unit(found: list[Taken], unit: Unit) -> list[Taken]:
    return [one for one in found[::-1] if one.unit == unit.reference_id]


def _source(order: Order) -> View:
    shown: View = {**_PAYER, "account_id": PAYER_ID, "account_status": "VERIFIED"}
    if order.saves and order.saved_as:
        vault = {"id": order.saved_as, "status": "VAULTED", "customer": {"id": "paula"}}
        shown["attributes"] = {"vault": vault}
    return {"paypal": shown}


def _order_links(page: Page, order: Order) -> list[dict[str, str]]:
    at = f"{base(page)}/v2/checkout/orders/{order.id}"
    links = [link(at, "self")]
    if order.status in {OrderStatus.CREATED, OrderStatus.PAYER_ACTION_REQUIRED}:
        links.append(payer_link(page, order))
    if order.status is not OrderStatus.COMPLETED:
        action = "capture" if order.intent is Intent.CAPTURE else "authorize"
        links.append(link(f"{at}/{action}", action, "POST"))
    return links


def _up(page: Page, order: str) -> dict[str, str]:
    return link(f"{base(page)}/v2/checkout/orders/{order}", "up")


def _names(custom: str, invoice: str) -> dict[str, str]:
    named = {"custom_id": custom, "invoice_id": invoice}
    return {name: text for name, text in named.items() if text}
