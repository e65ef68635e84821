"""Errors as Stripe words them."""

from collections.abc import Mapping
from typing import Final

from bezant.sandbox.emulator import NotDone
from bezant.sandbox.exchange import Answer
from bezant.sandbox.stripe_shapes import Trouble

INVALID: Final = "invalid_request_error"
CARD: Final = "card_error"
DOCUMENTED: Final = "https://stripe.com/docs/error-codes/"

# What an issuer says, and what Stripe makes of it: the error's code and its sentence. What is not
# here is told as `card_declined`, with the issuer's word beside it.
_OWN_CODES: Final = {
    "expired_card": "Your card has expired.",
    "incorrect_cvc": "Your card's security code is incorrect.",
    "processing_error": "An error occurred while processing your card. Try again in a little bit.",
    "incorrect_number": "Your card number is incorrect.",
    "authentication_required": (
        "Your card was declined. This transaction requires authentication."
    ),
}
_SENTENCES: Final = {
    "insufficient_funds": "Your card has insufficient funds.",
    "card_velocity_exceeded": (
        "Your card was declined for making repeated attempts too frequently or exceeding its "
        "amount limit."
    ),
}
_TRY_AGAIN: Final = frozenset(
    {
        "approve_with_id",
        "issuer_not_available",
        "processing_error",
        "reenter_transaction",
        "try_again_later",
        "insufficient_funds",
        "card_velocity_exceeded",
        "generic_decline",
        "do_not_honor",
    }
)


def problem(
    status: int,
    message: str,
    *,
    kind: str = INVALID,
    code: str = "",
    param: str = "",
    more: Mapping[str, object] | None = None,
) -> Answer:
    """Return an error."""
    told: dict[str, object] = {"message": message, "type": kind}
    if code:
        told |= {"code": code, "doc_url": DOCUMENTED + code.replace("_", "-")}
    if param:
        told["param"] = param
    return Answer.json(status, {"error": {**told, **(more or {})}})


def refuse(
    message: str,
    *,
    status: int = 400,
    code: str = "",
    param: str = "",
    more: Mapping[str, object] | None = None,
) -> NotDone:
    """Return what ends a call that is wrong."""
    return NotDone(problem(status, message, code=code, param=param, more=more))


def missing(id_: str, kind: str, param: str = "id") -> NotDone:
    """Return what is said of an object that is not there."""
    message = f"No such {kind}: '{id_}'"
    return refuse(message, status=404, code="resource_missing", param=param)


def declined(decline_code: str, charge: str = "", method: str = "") -> Trouble:
    """Return why a card was refused."""
    if decline_code in _OWN_CODES:
        code, message = decline_code, _OWN_CODES[decline_code]
    else:
        code, message = "card_declined", _SENTENCES.get(decline_code, "Your card was declined.")
    return Trouble(CARD, code, message, decline_code, charge, method)


def advice(decline_code: str) -> str:
    """Return what Stripe advises after such an answer of an issuer."""
    if decline_code == "authentication_required":
        return "confirm_card_data"
    return "try_again_later" if decline_code in _TRY_AGAIN else "do_not_try_again"
