"""The issuer's page in Stripe's name: the payer confirms a payment, or does not (3-D Secure)."""

from typing import Final
from urllib.parse import urlencode

from bezant.sandbox import stripe_charging as charging
from bezant.sandbox.book import Page
from bezant.sandbox.emulator import Call, Route
from bezant.sandbox.exchange import Answer
from bezant.sandbox.pages import payer_answer
from bezant.sandbox.stripe_errors import INVALID, missing
from bezant.sandbox.stripe_events import tell
from bezant.sandbox.stripe_requests import decimals_of
from bezant.sandbox.stripe_shapes import (
    Challenge,
    IntentStatus,
    PaymentIntent,
    PaymentMethod,
    Trouble,
)


def show(call: Call, page: Page) -> Answer:
    """Show the issuer's question."""
    made = _known(call, page)
    if made.challenge != call.at("secret") or made.status is not IntentStatus.NEEDS_ACTION:
        return payer_answer("Nothing to confirm", [f"It {_word(made)}."])
    places = decimals_of(made.currency)
    whole, part = divmod(made.amount, 10**places)
    amount = f"{whole}.{part:0{places}}" if places else str(whole)
    lines = [f"Do you pay {amount} {made.currency.upper()}?", made.description]
    buttons = [(f"{call.path}/complete", "Complete"), (f"{call.path}/fail", "Fail")]
    return payer_answer("3D Secure 2 Test Page", lines, buttons)


def complete(call: Call, page: Page) -> Answer:
    """Take the payer's yes; what the card itself does comes now."""
    made = _waiting(call, page)
    if made is not None:
        method = page.get(PaymentMethod, made.method)
        assert method is not None
        charging.authorise(page, call, made, method)
    return _back(call, page)


def fail(call: Call, page: Page) -> Answer:
    """Take the payer's no."""
    made = _waiting(call, page)
    if made is not None:
        trouble = Trouble(
            INVALID,
            "payment_intent_authentication_failure",
            "The provided PaymentMethod has failed authentication. You can provide a new "
            "payment_method or a new PaymentMethod to attempt to fulfill this PaymentIntent again.",
            method=made.method,
        )
        made = charging.needs_other(page, made, trouble)
        tell(page, "payment_intent.payment_failed", made, call)
    return _back(call, page)


def _waiting(call: Call, page: Page) -> PaymentIntent | None:
    """Return the intent if it still waits for this answer; each is given once."""
    made = _known(call, page)
    if made.status is not IntentStatus.NEEDS_ACTION or made.challenge != call.at("secret"):
        return None
    return made


def _back(call: Call, page: Page) -> Answer:
    made = _known(call, page)
    if not made.return_url:
        return payer_answer("Thank you", [f"The payment {_word(made)}."])
    paid = made.status in {IntentStatus.SUCCEEDED, IntentStatus.NEEDS_CAPTURE}
    told = {
        "payment_intent": made.id,
        "payment_intent_client_secret": made.client_secret,
        "redirect_status": "succeeded" if paid else "failed",
    }
    joint = "&" if "?" in made.return_url else "?"
    return Answer.redirect(f"{made.return_url}{joint}{urlencode(told)}")


def _known(call: Call, page: Page) -> PaymentIntent:
    asked = page.get(Challenge, call.at("secret"))
    made = page.get(PaymentIntent, call.at("id"))
    if asked is None or made is None or asked.intent != made.id:
        raise missing(call.at("id"), "payment_intent", "intent")
    return made


def _word(made: PaymentIntent) -> str:
    match made.status:
        case IntentStatus.SUCCEEDED:
            return "is paid"
        case IntentStatus.NEEDS_CAPTURE:
            return "is authorised"
        case _:
            return "was not made"


ROUTES: Final = (
    Route("GET", "/authenticate/{id}/{secret}", "challenge", show, frozenset()),
    Route("POST", "/authenticate/{id}/{secret}/complete", "challenge", complete, frozenset()),
    Route("POST", "/authenticate/{id}/{secret}/fail", "challenge", fail, frozenset()),
)
