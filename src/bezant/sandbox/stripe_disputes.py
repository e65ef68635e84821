"""Disputes of Stripe, and debits a bank takes back.

Evidence whose `uncategorized_text` is `winning_evidence` wins, `losing_evidence` loses, as Stripe's
test mode has it. Silence loses when the time is over.
"""

from dataclasses import replace
from datetime import timedelta
from typing import Final

from bezant.sandbox.book import Page
from bezant.sandbox.emulator import Call, Route
from bezant.sandbox.exchange import Answer
from bezant.sandbox.movement import Moved
from bezant.sandbox.stripe_balance import DISPUTE_FEE, book
from bezant.sandbox.stripe_errors import missing, refuse
from bezant.sandbox.stripe_events import tell
from bezant.sandbox.stripe_expand import told
from bezant.sandbox.stripe_render import dispute as show_dispute
from bezant.sandbox.stripe_requests import Wish
from bezant.sandbox.stripe_shapes import Charge, Dispute, PaymentIntent

ANSWER_WINDOW: Final = timedelta(days=9)
DECISION: Final = timedelta(days=60)
WINNING: Final = "winning_evidence"
LOSING: Final = "losing_evidence"
NEEDS_RESPONSE: Final = "needs_response"


def open_dispute(page: Page, charge_id: str) -> None:
    """Let the payer dispute what was taken and not given back."""
    charge = page.get(Charge, charge_id)
    intent = page.get(PaymentIntent, charge.intent) if charge else None
    assert charge is not None
    assert intent is not None
    amount = charge.refundable
    if amount <= 0 or charge.disputed:
        return
    card = charge.method.card is not None
    reason = intent.dispute or charge.method.habit.dispute or "general"
    made = _booked(page, charge, amount, reason, NEEDS_RESPONSE if card else "lost")
    if card:
        page.later("decide", made.id, ANSWER_WINDOW)
    tell(page, "charge.dispute.created", made)
    tell(page, "charge.dispute.funds_withdrawn", made)
    if not card:  # A bank in the United States decides before it asks.
        tell(page, "charge.dispute.closed", made)


def take_back(page: Page, charge_id: str) -> None:
    """Let a bank take back a debit that had arrived: a dispute that is lost from the start."""
    charge = page.get(Charge, charge_id)
    intent = page.get(PaymentIntent, charge.intent) if charge else None
    assert charge is not None
    assert intent is not None
    if charge.refundable <= 0 or charge.disputed:
        return
    made = _booked(page, charge, charge.refundable, intent.returns, "lost")
    tell(page, "charge.dispute.created", made)
    tell(page, "charge.dispute.funds_withdrawn", made)
    tell(page, "charge.dispute.closed", made)


def _booked(page: Page, charge: Charge, amount: int, reason: str, status: str) -> Dispute:
    id_ = page.new_id("dp_")
    card = charge.method.card is not None
    line = book(
        page,
        Moved.DISPUTE,
        id_,
        charge.intent,
        charge.currency,
        -amount,
        fee=DISPUTE_FEE if card else 0,
        card=card,
    )
    made = Dispute(
        id_,
        charge.id,
        charge.intent,
        amount,
        charge.currency,
        page.now,
        reason,
        status,
        page.now + ANSWER_WINDOW,
        (line.id,),
    )
    page.put(made, parent=charge.id, name=charge.intent)
    charge = replace(charge, disputed=True, amount_disputed=charge.amount_disputed + amount)
    page.put(charge, parent=charge.intent)
    return made


def answer(call: Call, page: Page) -> Answer:
    """Take the merchant's evidence; unless told otherwise it is submitted."""
    wish = Wish(call, "evidence", "metadata", "submit")
    made = _known(call, page)
    if made.status != NEEDS_RESPONSE:
        raise refuse("This dispute is already closed or under review.")
    evidence = {**made.evidence, **wish.group("evidence")}
    made = replace(made, evidence=evidence, metadata=wish.metadata(made.metadata))
    if wish.text("submit", "true") == "true" and "evidence" in wish:
        made = replace(made, status="under_review", submissions=made.submissions + 1)
        page.not_later("decide", made.id)
        decided = evidence.get("uncategorized_text") in {WINNING, LOSING}
        page.later("decide", made.id, timedelta(0) if decided else DECISION)
    _keep(page, made)
    tell(page, "charge.dispute.updated", made, call)
    return told(page, wish, show_dispute(page, made))


def close(call: Call, page: Page) -> Answer:
    """Accept that it is lost."""
    wish = Wish(call)
    made = _known(call, page)
    if made.status != NEEDS_RESPONSE:
        raise refuse("This dispute is already closed or under review.")
    page.not_later("decide", made.id)
    return told(page, wish, show_dispute(page, _closed(page, made, won=False)))


def decide(page: Page, id_: str) -> None:
    """Decide a dispute: for the merchant only if the evidence says so."""
    made = page.get(Dispute, id_)
    assert made is not None
    _closed(page, made, won=made.evidence.get("uncategorized_text") == WINNING)


def _closed(page: Page, made: Dispute, *, won: bool) -> Dispute:
    made = replace(made, status="won" if won else "lost")
    if won:
        charge = page.get(Charge, made.charge)
        assert charge is not None
        line = book(
            page,
            Moved.DISPUTE_WON,
            made.id,
            made.intent,
            made.currency,
            made.amount,
            fee=-DISPUTE_FEE,
        )
        made = replace(made, transactions=(*made.transactions, line.id))
        left = charge.amount_disputed - made.amount
        page.put(replace(charge, amount_disputed=left), parent=charge.intent)
    _keep(page, made)
    if won:
        tell(page, "charge.dispute.funds_reinstated", made)
    tell(page, "charge.dispute.closed", made)
    return made


def show(call: Call, page: Page) -> Answer:
    return told(page, Wish(call), show_dispute(page, _known(call, page)))


def list_disputes(call: Call, page: Page) -> Answer:
    names = ("charge", "payment_intent", "created", "limit", "starting_after", "ending_before")
    wish = Wish(call, *names)
    found = wish.page_of(
        page,
        Dispute,
        lambda one: show_dispute(page, one),
        parent=wish.text("charge") or None,
        name=wish.text("payment_intent") or None,
        wanted=lambda one: wish.within("created", one.created),
    )
    return told(page, wish, found)


def _keep(page: Page, made: Dispute) -> None:
    page.put(made, parent=made.charge, name=made.intent)


def _known(call: Call, page: Page) -> Dispute:
    found = page.get(Dispute, call.at("id"))
    if found is None:
        raise missing(call.at("id"), "dispute")
    return found


ROUTES: Final = (
    Route("GET", "/v1/disputes", "list", list_disputes, frozenset()),
    Route("GET", "/v1/disputes/{id}", "retrieve", show, frozenset()),
    Route("POST", "/v1/disputes/{id}", "evidence", answer, frozenset()),
    Route("POST", "/v1/disputes/{id}/close", "close", close, frozenset()),
)
