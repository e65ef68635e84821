"""Amounts at Coinbase: what its coins are worth here, what it keeps, and how it writes times."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_HALF_UP, Decimal
from typing import Final

from bezant.money import format_minor

USDC: Final = "USDC"
DECIMALS: Final = {"USDC": 6, "ETH": 18, "BTC": 8}
NETWORKS: Final = {"USDC": "base", "ETH": "ethereum", "BTC": "bitcoin"}
PRICES: Final = {"USDC": Decimal(1), "ETH": Decimal("3125.50"), "BTC": Decimal("64210.75")}
"""In US dollars. The sandbox has fixed prices, so that every amount can be worked out by hand."""
DOLLARS: Final = {
    "USD": Decimal(1),
    "EUR": Decimal("1.0842"),
    "GBP": Decimal("1.2710"),
    "SGD": Decimal("0.7435"),
}
"""What one unit of a currency is worth."""
FEE_RATE: Final = Decimal("0.0125")
COMMERCE_FEE_RATE: Final = Decimal("0.01")
CENTS: Final = 2
AMOUNT_CENTS_MAX: Final = 100_000_000_00
_AMOUNT: Final = re.compile(r"\d{1,9}(\.\d{1,2})?\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class Coins:
    """An amount of a coin in its smallest unit."""

    asset: str
    minor: int

    def written(self) -> str:
        """Write the amount with all its decimals."""
        return format_minor(self.minor, DECIMALS[self.asset])

    def cents(self) -> str:
        """Write the amount with two decimals, where it has no more."""
        return format_minor(self.minor // 10 ** (DECIMALS[self.asset] - CENTS), CENTS)

    def fee(self, rate: Decimal) -> int:
        """Return what Coinbase keeps of it: whole cents of a stable coin, else whole units."""
        step = 10 ** (DECIMALS[USDC] - CENTS) if self.asset == USDC else 1
        share = Decimal(self.minor) * rate / step
        return int(share.to_integral_value(ROUND_HALF_UP)) * step


def cents_of(text: str) -> int | None:
    """Read an amount of at most two decimals; None if it is none, or nothing, or too much."""
    if not _AMOUNT.match(text):
        return None
    whole, _, fraction = text.partition(".")
    cents = int(whole + fraction.ljust(CENTS, "0"))
    return cents if 0 < cents <= AMOUNT_CENTS_MAX else None


def in_usdc(currency: str, cents: int) -> Coins:
    """Return what a price is in USDC, in whole cents and never less than the price."""
    rate = Decimal(1) if currency == USDC else DOLLARS[currency]
    whole = (cents * rate).to_integral_value(ROUND_CEILING)
    return Coins(USDC, int(whole) * 10 ** (DECIMALS[USDC] - CENTS))


def in_coin(asset: str, currency: str, cents: int) -> Coins:
    """Return what a price is in a coin, never less than the price."""
    dollars = Decimal(cents) * DOLLARS[currency] / 100
    units = dollars / PRICES[asset] * 10 ** DECIMALS[asset]
    return Coins(asset, int(units.to_integral_value(ROUND_CEILING)))


def worth(coins: Coins, currency: str) -> str:
    """Write what coins are worth in a currency, rounded down to cents."""
    dollars = Decimal(coins.minor) / 10 ** DECIMALS[coins.asset] * PRICES[coins.asset]
    cents = (dollars / DOLLARS[currency] * 100).to_integral_value(ROUND_DOWN)
    return format_minor(int(cents), CENTS)


def instant(at: datetime) -> str:
    """Write an instant the way Coinbase does."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
