"""Charges and refunds of Stripe, and debits that a bank takes back."""

from dataclasses import replace
from datetime import timedelta
from typing import Final

from bezant.sandbox.book import Page
from bezant.sandbox.emulator import Call, Route
from bezant.sandbox.exchange import Answer
from bezant.sandbox.movement import Moved
from bezant.sandbox.scripts import REFUSALS
from bezant.sandbox.stripe_balance import book
from bezant.sandbox.stripe_errors import declined, missing, problem, refuse
from bezant.sandbox.stripe_events import tell
from bezant.sandbox.stripe_expand import told
from bezant.sandbox.stripe_render import charge as show_charge
from bezant.sandbox.stripe_render import refund as show_refund
from bezant.sandbox.stripe_requests import Wish
from bezant.sandbox.stripe_shapes import Charge, PaymentIntent, Refund

REASONS: Final = ("duplicate", "fraudulent", "requested_by_customer")
LATE: Final = timedelta(days=2)
BANK_REFUND: Final = timedelta(days=4)


def refund(call: Call, page: Page) -> Answer:
    """Give back all that is left of a charge, or a part of it."""
    wish = Wish(
        call, "charge", "payment_intent", "amount", "reason", "metadata", "instructions_email"
    )
    reason = wish.one_of("reason", REASONS)
    charge = _to_refund(wish, page)
    if charge.disputed:
        raise refuse(
            f"Charge {charge.id} has been charged back; cannot issue a refund.",
            code="charge_disputed",
        )
    if charge.status != "succeeded" or not charge.captured:
        raise refuse(f"Charge {charge.id} was not captured and cannot be refunded.")
    if charge.refundable <= 0:
        raise refuse(
            f"Charge {charge.id} has already been refunded.", code="charge_already_refunded"
        )
    amount = wish.amount("amount") or charge.refundable
    if amount > charge.refundable:
        raise refuse(
            f"Refund amount ({amount}) is greater than unrefunded amount on charge "
            f"({charge.refundable})",
            param="amount",
        )
    if call.script is not None and call.script.refusal:
        trouble = declined(call.script.refusal)
        return problem(402, trouble.message, kind=trouble.type, code=trouble.code)
    given = _given(call, page, charge, amount, reason, wish)
    return told(page, wish, show_refund(given))


def _to_refund(wish: Wish, page: Page) -> Charge:
    id_, intent_id = wish.text("charge"), wish.text("payment_intent")
    if not id_ and not intent_id:
        raise refuse(
            "One of the following params should be provided for this request: payment_intent or "
            "charge.",
            code="parameter_missing",
        )
    if intent_id:
        intent = page.get(PaymentIntent, intent_id)
        if intent is None:
            raise missing(intent_id, "payment_intent", "payment_intent")
        if not intent.received:
            raise refuse(
                f"This PaymentIntent ({intent.id}) does not have a successful charge to refund."
            )
        id_ = intent.latest_charge
    found = page.get(Charge, id_)
    if found is None:
        raise missing(id_, "charge", "charge")
    return found


def _given(call: Call, page: Page, charge: Charge, amount: int, reason: str, wish: Wish) -> Refund:
    card = charge.method.card is not None
    habit = charge.method.habit.refund
    id_ = page.new_id("re_" if card else "pyr_")
    line = book(
        page,
        Moved.REFUND,
        id_,
        charge.intent,
        charge.currency,
        -amount,
        key=call.header("idempotency-key"),
        card=card,
    )
    late = habit == "late" or not card
    given = Refund(
        id_,
        charge.id,
        charge.intent,
        amount,
        charge.currency,
        page.now,
        "pending" if late else "succeeded",
        reason,
        line.id,
        metadata=wish.metadata(),
    )
    page.put(given, parent=charge.id, name=charge.intent)
    page.mark(charge.intent, *given.metadata.values())
    charge = replace(charge, amount_refunded=charge.amount_refunded + amount)
    page.put(charge, parent=charge.intent)
    if late or habit == "failing":
        page.later("refund", given.id, BANK_REFUND if not card else LATE)
    tell(page, "refund.created", given, call)
    tell(page, "charge.refunded", charge, call)
    return given


def refund_arrives(page: Page, id_: str) -> None:
    """End a refund that took a while: it arrived, or it came back."""
    given = page.get(Refund, id_)
    charge = page.get(Charge, given.charge) if given else None
    assert given is not None
    assert charge is not None
    if charge.method.habit.refund != "failing":
        given = replace(given, status="succeeded")
        page.put(given, parent=charge.id, name=charge.intent)
        tell(page, "refund.updated", given)
        return
    card = charge.method.card is not None
    line = book(
        page,
        Moved.REFUND_FAILED,
        given.id,
        given.intent,
        given.currency,
        given.amount,
        card=card,
    )
    given = replace(
        given,
        status="failed",
        failure_reason="expired_or_canceled_card",
        failure_transaction=line.id,
    )
    page.put(given, parent=charge.id, name=charge.intent)
    charge = replace(charge, amount_refunded=charge.amount_refunded - given.amount)
    page.put(charge, parent=charge.intent)
    tell(page, "refund.failed", given)


def show_one(call: Call, page: Page) -> Answer:
    found = page.get(Refund, call.at("id"))
    if found is None:
        raise missing(call.at("id"), "refund")
    return told(page, Wish(call), show_refund(found))


def change(call: Call, page: Page) -> Answer:
    wish = Wish(call, "metadata")
    found = page.get(Refund, call.at("id"))
    if found is None:
        raise missing(call.at("id"), "refund")
    found = replace(found, metadata=wish.metadata(found.metadata))
    page.put(found, parent=found.charge, name=found.intent)
    return told(page, wish, show_refund(found))


def list_refunds(call: Call, page: Page) -> Answer:
    names = ("charge", "payment_intent", "created", "limit", "starting_after", "ending_before")
    wish = Wish(call, *names)
    charge = call.parameters.get("id", "") if call.parameters else ""
    found = wish.page_of(
        page,
        Refund,
        show_refund,
        parent=charge or wish.text("charge") or None,
        name=wish.text("payment_intent") or None,
        wanted=lambda one: wish.within("created", one.created),
    )
    return told(page, wish, found)


def show_one_charge(call: Call, page: Page) -> Answer:
    found = page.get(Charge, call.at("id"))
    if found is None:
        raise missing(call.at("id"), "charge")
    return told(page, Wish(call), show_charge(found))


def list_charges(call: Call, page: Page) -> Answer:
    names = ("customer", "payment_intent", "transfer_group", "created", "limit")
    wish = Wish(call, *names, "starting_after", "ending_before")
    customer, group = wish.text("customer"), wish.text("transfer_group")
    found = wish.page_of(
        page,
        Charge,
        show_charge,
        parent=wish.text("payment_intent") or None,
        wanted=lambda one: (
            (not customer or one.customer == customer)
            and (not group or one.transfer_group == group)
            and wish.within("created", one.created)
        ),
    )
    return told(page, wish, found)


ROUTES: Final = (
    Route("POST", "/v1/refunds", "refund", refund, REFUSALS),
    Route("GET", "/v1/refunds", "list", list_refunds, frozenset()),
    Route("GET", "/v1/refunds/{id}", "retrieve", show_one, frozenset()),
    Route("POST", "/v1/refunds/{id}", "update", change, frozenset()),
    Route("GET", "/v1/charges", "list", list_charges, frozenset()),
    Route("GET", "/v1/charges/{id}", "retrieve", show_one_charge, frozenset()),
    Route("GET", "/v1/charges/{id}/refunds", "list", list_refunds, frozenset()),
)
