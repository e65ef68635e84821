"""PayPal's words: the currencies it takes, and why it says no.

https://developer.paypal.com/reference/currency-codes and /api/rest/reference/orders/v2/errors.
"""

from typing import Final

from bezant.money import Money
from bezant.psp.amounts import MajorUnits
from bezant.psp.document import Document
from bezant.psp.port import DeclineCode

UNITS: Final = MajorUnits({"HUF": 0, "TWD": 0}, decimals_max=2)
"""It takes no decimals of the forint and the Taiwan dollar, though ISO gives them two."""
ASSETS_TAKEN: Final = frozenset(
    [
        *("AUD", "BRL", "CAD", "CHF", "CNY", "CZK", "DKK", "EUR", "GBP", "HKD", "HUF", "ILS"),
        *("JPY", "MXN", "MYR", "NOK", "NZD", "PHP", "PLN", "SEK", "SGD", "THB", "TWD", "USD"),
    ]
)
ISSUES: Final = {
    "AUTHORIZATION_AMOUNT_EXCEEDED": DeclineCode.LIMIT_EXCEEDED,
    "AUTHORIZATION_EXPIRED": DeclineCode.OTHER,
    "AUTHORIZATION_VOIDED": DeclineCode.OTHER,
    "CARD_CLOSED": DeclineCode.CARD_DECLINED,
    "CARD_EXPIRED": DeclineCode.EXPIRED_CARD,
    "COMPLIANCE_VIOLATION": DeclineCode.FRAUD_SUSPECTED,
    "CURRENCY_NOT_SUPPORTED_FOR_RECEIVER": DeclineCode.METHOD_NOT_SUPPORTED,
    "INSTRUMENT_DECLINED": DeclineCode.CARD_DECLINED,
    "INSUFFICIENT_FUNDS": DeclineCode.INSUFFICIENT_FUNDS,
    "PAYEE_BLOCKED_TRANSACTION": DeclineCode.FRAUD_SUSPECTED,
    "PAYER_ACCOUNT_LOCKED_OR_CLOSED": DeclineCode.METHOD_NOT_SUPPORTED,
    "PAYER_ACCOUNT_RESTRICTED": DeclineCode.METHOD_NOT_SUPPORTED,
    "PAYER_CANNOT_PAY": DeclineCode.METHOD_NOT_SUPPORTED,
    "PAYMENT_DENIED": DeclineCode.FRAUD_SUSPECTED,
    "REFUND_AMOUNT_EXCEEDED": DeclineCode.LIMIT_EXCEEDED,
    "REFUND_FAILED_INSUFFICIENT_FUNDS": DeclineCode.INSUFFICIENT_FUNDS,
    "TRANSACTION_AMOUNT_EXCEEDS_MONTHLY_MAX_LIMIT": DeclineCode.LIMIT_EXCEEDED,
    "TRANSACTION_LIMIT_EXCEEDED": DeclineCode.LIMIT_EXCEEDED,
    "TRANSACTION_REFUSED": DeclineCode.CARD_DECLINED,
}
UNCLEAR: Final = frozenset(
    [
        "AUTHORIZATION_ALREADY_CAPTURED",
        "CAPTURE_FULLY_REFUNDED",
        "DUPLICATE_INVOICE_ID",
        "DUPLICATE_REQUEST_ID",
        "ORDER_ALREADY_AUTHORIZED",
        "ORDER_ALREADY_CAPTURED",
        "ORDER_ALREADY_COMPLETED",
        "PREVIOUSLY_CAPTURED",
        "PREVIOUSLY_VOIDED",
    ]
)
"""It was done before, perhaps by an earlier request of ours: asking will tell."""


def money(amount: Money) -> dict[str, str]:
    """Write an amount."""
    return {"currency_code": amount.asset.code, "value": UNITS.write(amount)}


def money_of(found: Document, *path: str) -> Money | None:
    """Read an amount, if one stands there."""
    return UNITS.read(found.text(*path, "value"), found.text(*path, "currency_code"))
