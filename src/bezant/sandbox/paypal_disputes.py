"""Disputes: a payer complains, the money is held, the merchant answers, PayPal decides.

Opened by a script or by a payer who is like that. `adjudicate` exists at PayPal's own sandbox too;
whoever never answers loses when the time is over.
"""

from dataclasses import replace
from datetime import timedelta
from typing import Final, Literal

import msgspec

from bezant.sandbox.book import Page
from bezant.sandbox.emulator import Call
from bezant.sandbox.exchange import Answer
from bezant.sandbox.movement import Moved
from bezant.sandbox.paypal_errors import refused
from bezant.sandbox.paypal_events import emit
from bezant.sandbox.paypal_money import known, put, there
from bezant.sandbox.paypal_objects import Capture, CaptureStatus, Dispute, DisputeStatus
from bezant.sandbox.paypal_requests import decode
from bezant.sandbox.paypal_views import View, base, link
from bezant.sandbox.paypal_views import dispute as show_dispute

ANSWERED_WITHIN: Final = timedelta(days=10)
LISTED_MAX: Final = 50
REASON: Final = "MERCHANDISE_OR_SERVICE_NOT_RECEIVED"
BUYER: Final = "RESOLVED_BUYER_FAVOUR"
SELLER: Final = "RESOLVED_SELLER_FAVOUR"
_DIGITS: Final = "0123456789"


class Adjudication(msgspec.Struct, frozen=True):
    """Who is right."""

    adjudication_outcome: Literal["BUYER_FAVOR", "SELLER_FAVOR"]


class Claim(msgspec.Struct, frozen=True):
    """The merchant gives in."""

    note: str = ""


class Evidence(msgspec.Struct, frozen=True):
    """What the merchant has to say."""

    evidences: tuple[msgspec.Raw, ...] = ()


def raise_dispute(page: Page, capture_id: str) -> None:
    """Open a dispute over what is left of a capture, and hold the money."""
    taken = there(page.get(Capture, capture_id))
    left = taken.amount.minor - taken.refunded
    unpaid = taken.status in {CaptureStatus.PENDING, CaptureStatus.DECLINED}
    if unpaid or taken.reversed or left == 0 or page.find(Dispute, parent=taken.id, limit=1):
        return
    one = Dispute(
        id=f"PP-R-{page.new_id('', 3, 'ABCDEFGHJKLMNPQRSTUVWXYZ')}-{page.new_id('', 8, _DIGITS)}",
        capture=taken.id,
        reason=REASON,
        status=DisputeStatus.WAITING_FOR_SELLER,
        amount=taken.amount.of(left),
        created_at=page.now,
        updated_at=page.now,
        answer_by=page.now + ANSWERED_WITHIN,
    )
    page.put(one, parent=taken.id)
    page.move(Moved.DISPUTE, one.id, taken.order, one.amount.currency, -left)
    page.mark(taken.order, one.id)
    page.later("lose", one.id, ANSWERED_WITHIN)
    emit(page, "CUSTOMER.DISPUTE.CREATED", show_dispute(page, one, taken))


def lose(page: Page, id_: str) -> None:
    """Decide for the payer: nobody answered in time."""
    _decide(page, there(page.get(Dispute, id_)), BUYER)


def find(call: Call, page: Page) -> Answer:
    """List disputes, or those of one transaction."""
    taken = call.form.get("disputed_transaction_id")
    found = page.find(Dispute, parent=taken, limit=LISTED_MAX)
    here = f"{base(page)}/v1/customer/disputes"
    items = [_brief(_view(page, one)) for one in found]
    return Answer.json(200, {"items": items, "links": [link(here, "self")]})


def show(call: Call, page: Page) -> Answer:
    """Show a dispute."""
    return Answer.json(200, _view(page, known(call, page, Dispute)))


def accept_claim(call: Call, page: Page) -> Answer:
    """Give in."""
    one = _open(call, page)
    decode(call, call.body, Claim)
    return _linked(page, _decide(page, one, BUYER))


def provide_evidence(call: Call, page: Page) -> Answer:
    """Take the merchant's word; from now on it is PayPal's turn."""
    one = _open(call, page)
    said = tuple(bytes(raw).decode() for raw in decode(call, _json_part(call), Evidence).evidences)
    one = replace(
        one, status=DisputeStatus.UNDER_REVIEW, evidence=one.evidence + said, updated_at=page.now
    )
    page.put(one, parent=one.capture)
    page.not_later("lose", one.id)
    emit(page, "CUSTOMER.DISPUTE.UPDATED", _view(page, one))
    return _linked(page, one)


def adjudicate(call: Call, page: Page) -> Answer:
    """Decide, as PayPal would."""
    one = known(call, page, Dispute)
    if one.status is not DisputeStatus.UNDER_REVIEW:
        raise refused(call, "ACTION_NOT_ALLOWED_IN_CURRENT_DISPUTE_STATE")
    ruling = decode(call, call.body, Adjudication).adjudication_outcome
    return _linked(page, _decide(page, one, SELLER if ruling == "SELLER_FAVOR" else BUYER))


def _decide(page: Page, one: Dispute, outcome: str) -> Dispute:
    one = replace(one, status=DisputeStatus.RESOLVED, outcome=outcome, updated_at=page.now)
    page.put(one, parent=one.capture)
    page.not_later("lose", one.id)
    taken = there(page.get(Capture, one.capture))
    if outcome == SELLER:
        currency = one.amount.currency
        page.move(Moved.DISPUTE_WON, one.id, taken.order, currency, one.amount.minor)
    else:
        put(page, replace(taken, reversed=True, updated_at=page.now))
    emit(page, "CUSTOMER.DISPUTE.RESOLVED", _view(page, one))
    return one


def _open(call: Call, page: Page) -> Dispute:
    one = known(call, page, Dispute)
    if one.status is not DisputeStatus.WAITING_FOR_SELLER:
        raise refused(call, "ACTION_NOT_ALLOWED_IN_CURRENT_DISPUTE_STATE")
    return one


def _json_part(call: Call) -> bytes:
    """Return the JSON of a body that may be a form with documents around it."""
    kind = call.header("content-type")
    if not kind.startswith("multipart/"):
        return call.body
    boundary = kind.partition("boundary=")[2].strip('"').encode()
    for part in call.body.split(b"--" + boundary):
        head, _, text = part.partition(b"\r\n\r\n")
        if b'name="input"' in head:
            return text.strip()
    return b""


def _view(page: Page, one: Dispute) -> View:
    return show_dispute(page, one, there(page.get(Capture, one.capture)))


def _brief(view: View) -> View:
    left_out = {"disputed_transactions", "evidences", "dispute_outcome"}
    return {name: value for name, value in view.items() if name not in left_out}


def _linked(page: Page, one: Dispute) -> Answer:
    at = f"{base(page)}/v1/customer/disputes/{one.id}"
    return Answer.json(200, {"links": [link(at, "self")]})
