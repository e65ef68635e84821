"""Amounts, fees and times in PayPal's spelling."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

import msgspec

from bezant.money import format_minor
from bezant.sandbox.emulator import Call
from bezant.sandbox.paypal_errors import refused

# The currencies PayPal moves, with the decimals it gives them: fewer than ISO 4217 for two of them.
CURRENCIES: Final = {
    **dict.fromkeys(
        (
            *("AUD", "BRL", "CAD", "CHF", "CNY", "CZK", "DKK", "EUR", "GBP", "HKD", "ILS"),
            *("MXN", "MYR", "NOK", "NZD", "PHP", "PLN", "SEK", "SGD", "THB", "USD"),
        ),
        2,
    ),
    **dict.fromkeys(("HUF", "JPY", "TWD"), 0),
}
_VALUE: Final = re.compile(r"(-?)(\d{1,15})(?:\.(\d{1,10}))?\Z", re.ASCII)

# A merchant without special terms, inside one country.
FEE_RATE: Final = Decimal("0.0349")
FEE_FIXED: Final = {"USD": 49, "EUR": 39, "GBP": 29}
FEE_FIXED_ELSE: Final = 49


class Money(msgspec.Struct, frozen=True):
    """An amount as PayPal writes it."""

    currency_code: str
    value: str


@dataclass(frozen=True, slots=True)
class Sum:
    """An amount in the smallest unit that PayPal has of a currency."""

    currency: str
    minor: int

    def shown(self) -> dict[str, str]:
        """Write the amount as PayPal does."""
        return {
            "currency_code": self.currency,
            "value": format_minor(self.minor, CURRENCIES[self.currency]),
        }

    def of(self, minor: int) -> "Sum":
        """Return another amount of the same currency."""
        return Sum(self.currency, minor)

    def fee(self) -> int:
        """Return what PayPal keeps of it, never more than all of it."""
        share = (self.minor * FEE_RATE).quantize(Decimal(1), ROUND_HALF_UP)
        fixed = FEE_FIXED.get(self.currency, FEE_FIXED_ELSE)
        if CURRENCIES[self.currency] == 0:
            fixed = round(fixed / 100)
        return min(self.minor, int(share) + fixed)


def parse(call: Call, money: Money, field: str, *, zero: bool = False) -> Sum:
    """Read an amount; what is wrong with it ends the call."""
    decimals = CURRENCIES.get(money.currency_code)
    if decimals is None:
        raise refused(call, "INVALID_CURRENCY_CODE", f"{field}/currency_code")
    match = _VALUE.match(money.value)
    if match is None:
        raise refused(call, "INVALID_PARAMETER_SYNTAX", f"{field}/value")
    sign, whole, fraction = match[1], match[2], match[3] or ""
    if len(fraction) > decimals:
        issue = "DECIMAL_PRECISION" if decimals else "DECIMALS_NOT_SUPPORTED"
        raise refused(call, issue, f"{field}/value")
    minor = int(whole + fraction.ljust(decimals, "0"))
    if sign or (minor == 0 and not zero):
        raise refused(call, "CANNOT_BE_ZERO_OR_NEGATIVE", f"{field}/value")
    return Sum(money.currency_code, minor)


def instant(at: datetime) -> str:
    """Write an instant the way PayPal does."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
