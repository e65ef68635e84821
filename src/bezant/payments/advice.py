"""What to tell a payer whose payment was declined, and a merchant whose step came to nothing:
everyday words, nothing a thief could use.
"""

from collections.abc import Mapping
from typing import Final

from bezant.exchange import DeclineCode
from bezant.payments.payment import Declined

_ADVICE: Final[Mapping[DeclineCode, str]] = {
    DeclineCode.AUTHENTICATION_FAILED: (
        "Your bank could not confirm that it is you. Please try again, or pay another way."
    ),
    DeclineCode.AUTHENTICATION_REQUIRED: (
        "Your bank wants to confirm that it is you. Please try again and follow its steps."
    ),
    DeclineCode.CARD_DECLINED: (
        "Your bank declined the card. Please use another card, or ask your bank."
    ),
    DeclineCode.DO_NOT_HONOR: (
        "Your bank declined the card without saying why. Please ask your bank, or use another card."
    ),
    DeclineCode.EXPIRED_CARD: "This card has expired. Please use another one.",
    # A stolen card is declined like any other: whoever holds it should not learn what we know.
    DeclineCode.FRAUD_SUSPECTED: (
        "Your bank declined the card. Please use another card, or ask your bank."
    ),
    DeclineCode.INCORRECT_CVC: "The security code does not fit the card. Please check it.",
    DeclineCode.INCORRECT_NUMBER: "The card number is not right. Please check it.",
    DeclineCode.INSUFFICIENT_FUNDS: (
        "There is not enough money on the account. Please use another card or account."
    ),
    DeclineCode.LIMIT_EXCEEDED: (
        "The card's limit does not allow this payment. Please ask your bank, or use another card."
    ),
    DeclineCode.LOST_OR_STOLEN: (
        "Your bank declined the card. Please use another card, or ask your bank."
    ),
    DeclineCode.METHOD_NOT_SUPPORTED: "This way to pay is not accepted here. Please use another.",
    DeclineCode.PAYER_CANCELLED: "The payment was cancelled. Nothing was charged.",
    DeclineCode.PROCESSING_ERROR: "Something went wrong at the bank. Please try again in a moment.",
    DeclineCode.RETURNED: "Your bank returned the payment. Please pay another way.",
    DeclineCode.TRY_AGAIN_LATER: "The bank cannot answer right now. Please try again later.",
    DeclineCode.OTHER: "The payment was declined. Please use another card or way to pay.",
}


_FAILURES: Final[Mapping[str, str]] = {
    "card_forgotten": "This card was forgotten. Ask the payer for another way to pay.",
    "declined": (
        "The provider refused this step and the money is still set aside. Its attempt says why; try"
        " again under a new key, or let the money go."
    ),
    "never_arrived": (
        "The provider never got this, and no money moved. Try again under a new key."
    ),
    "no_provider": "No provider that is set up here takes this. Offer another way to pay.",
    "provider_unavailable": (
        "The provider could not be reached, or was too busy, and no money moved. Try again under a"
        " new key in a few minutes."
    ),
    "unknown_card": "The vault does not know this card. Tokenize it again.",
}


def about(failure: str) -> str:
    """Return what to do about a step that came to nothing."""
    return _FAILURES.get(failure, "") if failure else ""


def declined(code: DeclineCode, *, soft: bool) -> Declined:
    """Return a decline with what to tell the payer."""
    return Declined(code, _ADVICE[code], soft)
