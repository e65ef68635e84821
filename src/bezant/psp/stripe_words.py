"""Stripe's words: its minor units (https://docs.stripe.com/currencies), its errors, its fees."""

from typing import Final

from bezant.assets import CURRENCIES_BY_EXPONENT
from bezant.money import Money
from bezant.psp.amounts import MinorUnits
from bezant.psp.declines import CODES, SOFT
from bezant.psp.document import Document
from bezant.psp.port import Decline, DeclineCode

# Stripe counts the ariary in whole units though ISO gives it two decimals. The króna and the
# Ugandan shilling have no decimals, and Stripe still counts them in hundredths that must be zero.
_EXPONENTS: Final = {"MGA": 0, "ISK": 2, "UGX": 2}
# Of three decimals the last one must be zero.
_DECIMALS: Final = {"MGA": 0, "BHD": 2, "JOD": 2, "KWD": 2, "OMR": 2, "TND": 2}
UNITS: Final = MinorUnits(_EXPONENTS, _DECIMALS)
# What ISO lists and Stripe does not settle: funds codes, sanctioned and index currencies.
_NOT_TAKEN: Final = frozenset(
    [
        *("BOV", "BTN", "CHE", "CHW", "CLF", "COU", "CUP", "ERN", "GHS", "IQD", "IRR", "KPW"),
        *("LYD", "MRU", "MXV", "SDG", "SSP", "STN", "SVC", "SYP", "TMT", "USN", "UYI", "UYW"),
        *("VED", "VES", "XAD", "ZWG"),
    ]
)
ASSETS_TAKEN: Final = frozenset(
    line.split()[0]
    for table in CURRENCIES_BY_EXPONENT.values()
    for line in table.strip().splitlines()
    if line.split()[0] not in _NOT_TAKEN
)


def decline_of(error: Document) -> Decline:
    """Read an error: the issuer's own code says more than Stripe's."""
    raw = error.text("decline_code") or error.text("code")
    code = CODES.get(raw) or CODES.get(error.text("code"), DeclineCode.OTHER)
    return Decline(code, soft=code in SOFT, raw=raw)


def fee_of(transaction: Document) -> Money | None:
    """Read what Stripe keeps, where the balance transaction came along."""
    return UNITS.read(transaction.whole("fee"), transaction.text("currency"))


def told(status: str) -> str:
    """Return a status as it is kept: short, whatever was sent."""
    return status[:64]
