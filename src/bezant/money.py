"""Money: whole minor units of a known asset. Nothing else in this code base is an amount.

Text at the edge is a decimal in major units (`"19.99"`), stored and computed is an integer of minor
units (1999). A float is refused wherever it shows up: it has already lost cents by the time we see
it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import (
    ROUND_CEILING,
    ROUND_DOWN,
    ROUND_FLOOR,
    ROUND_HALF_EVEN,
    ROUND_HALF_UP,
    Context,
    Decimal,
    Inexact,
    InvalidOperation,
)
from enum import StrEnum
from fractions import Fraction

from bezant.assets import known_assets
from bezant.errors import Conflict, Invalid

DIGITS_MAX = 38  # Of a whole amount in minor units: room for 10^30 and for 10^19 ETH in wei.
MINOR_MAX = 10**DIGITS_MAX - 1
EXPONENT_MAX = 18
_DECIMAL = re.compile(r"(-?)(\d+)(?:\.(\d+))?\Z", re.ASCII)
_CODE = re.compile(r"[A-Z][A-Z0-9]{2,9}\Z", re.ASCII)
RATE_DIGITS_MAX = 40  # Of a rate or factor, before and after the point; more would be a mistake.
_EXACT = Context(prec=160, traps=[Inexact, InvalidOperation])  # Rounds only where it is told to.


class MalformedAmount(Invalid):
    """An amount is a decimal number in quotes, such as "19.99"."""

    code = "malformed_amount"


class TooManyDecimals(Invalid):
    """The amount has more decimals than its asset."""

    code = "too_many_decimals"


class AmountTooLarge(Invalid):
    """The amount has more digits than any amount here may have."""

    code = "amount_too_large"


class UnknownAsset(Invalid):
    """No such asset is known here."""

    code = "unknown_asset"


class AssetMismatch(Conflict):
    """Two amounts of different assets cannot be added or compared."""

    code = "asset_mismatch"


class Rounding(StrEnum):
    """How a fraction of a minor unit becomes whole. It is always said aloud."""

    DOWN = ROUND_DOWN
    FLOOR = ROUND_FLOOR
    CEILING = ROUND_CEILING
    HALF_UP = ROUND_HALF_UP
    HALF_EVEN = ROUND_HALF_EVEN


@dataclass(frozen=True, slots=True)
class Asset:
    """Something that can be owed: a currency or a token, and how many decimals it has."""

    code: str
    exponent: int
    name: str

    def __post_init__(self) -> None:
        assert _CODE.match(self.code), self.code
        assert 0 <= self.exponent <= EXPONENT_MAX, self.exponent

    def __call__(self, minor: int) -> "Money":
        """Return this many minor units: `EUR(20_01)` is 20.01 EUR."""
        return Money(minor, self)

    def __str__(self) -> str:
        return self.code


@dataclass(frozen=True, slots=True)
class Money:
    """An exact amount: whole minor units of one asset."""

    minor: int
    asset: Asset

    def __post_init__(self) -> None:
        if type(self.minor) is not int:
            raise MalformedAmount("an amount is a whole number of minor units")
        if not -MINOR_MAX <= self.minor <= MINOR_MAX:
            raise AmountTooLarge(f"an amount has at most {DIGITS_MAX} digits in minor units")

    @classmethod
    def parse(cls, text: object, asset: "Asset | str", field: str | None = None) -> "Money":
        """Read a decimal text in major units. Numbers are refused: JSON numbers are floats."""
        known = asset if isinstance(asset, Asset) else asset_of(asset, field)
        return cls(parse_minor(text, known.exponent, field), known)

    @classmethod
    def of(cls, text: str) -> "Money":
        """Read `"19.99 EUR"`: for tests, the command line and configuration."""
        number, _, code = text.partition(" ")
        return cls.parse(number, code)

    def __add__(self, other: "Money") -> "Money":
        return Money(self.minor + self._same(other), self.asset)

    def __sub__(self, other: "Money") -> "Money":
        return Money(self.minor - self._same(other), self.asset)

    def __neg__(self) -> "Money":
        return Money(-self.minor, self.asset)

    def __lt__(self, other: "Money") -> bool:
        return self.minor < self._same(other)

    def __le__(self, other: "Money") -> bool:
        return self.minor <= self._same(other)

    def __gt__(self, other: "Money") -> bool:
        return self.minor > self._same(other)

    def __ge__(self, other: "Money") -> bool:
        return self.minor >= self._same(other)

    def __bool__(self) -> bool:
        return self.minor != 0

    def split(self, *shares: int) -> tuple["Money", ...]:
        """Divide by whole shares; nothing is lost, and the leftover units go to the largest
        remainders.
        """
        whole = sum(shares)
        if whole <= 0 or min(shares) < 0:
            raise ValueError("shares are whole numbers of at least 0, and not all 0")
        exact = [Fraction(self.minor * share, whole) for share in shares]
        parts = [part.numerator // part.denominator for part in exact]
        left = self.minor - sum(parts)
        by_remainder = sorted(range(len(shares)), key=lambda at: (parts[at] - exact[at], at))
        for at in by_remainder[:left]:
            parts[at] += 1
        return tuple(Money(part, self.asset) for part in parts)

    def times(self, factor: Decimal, rounding: Rounding) -> "Money":
        """Multiply by an exact factor, rounding to a whole minor unit in the way named."""
        _check_factor(factor)
        product = _EXACT.multiply(Decimal(self.minor), factor)
        return Money(_whole(product, rounding), self.asset)

    def convert(self, rate: Decimal, into: Asset, rounding: Rounding) -> "Money":
        """Exchange at a rate of one major unit of mine in major units of the other asset."""
        _check_factor(rate)
        scaled = _EXACT.multiply(Decimal(self.minor), rate)
        return Money(
            _whole(_EXACT.scaleb(scaled, into.exponent - self.asset.exponent), rounding), into
        )

    def decimal(self) -> str:
        """Return the amount in major units, with every decimal of its asset: `"19.90"`."""
        return format_minor(self.minor, self.asset.exponent)

    def __str__(self) -> str:
        return f"{self.decimal()} {self.asset.code}"

    def _same(self, other: "Money") -> int:
        if other.asset is not self.asset and other.asset != self.asset:
            raise AssetMismatch(f"{self.asset} and {other.asset} are different assets")
        return other.minor


def parse_minor(text: object, exponent: int, field: str | None = None) -> int:
    """Read a decimal text in major units as whole minor units."""
    if not isinstance(text, str):
        raise MalformedAmount('write the amount as text in quotes, such as "19.99"', field=field)
    if len(text) > DIGITS_MAX + EXPONENT_MAX + 2:
        raise AmountTooLarge(
            f"an amount has at most {DIGITS_MAX} digits in minor units", field=field
        )
    match = _DECIMAL.match(text)
    if match is None:
        raise MalformedAmount('an amount looks like "19.99": digits, a dot, digits', field=field)
    sign, whole, decimals = match[1], match[2], match[3] or ""
    if len(decimals) > exponent:
        raise TooManyDecimals(f"this asset has {exponent} decimals", field=field)
    minor = int(whole + decimals.ljust(exponent, "0"))
    if minor > MINOR_MAX:
        raise AmountTooLarge(
            f"an amount has at most {DIGITS_MAX} digits in minor units", field=field
        )
    return -minor if sign else minor


def format_minor(minor: int, exponent: int) -> str:
    """Write whole minor units as a decimal text in major units."""
    digits = str(abs(minor)).rjust(exponent + 1, "0")
    sign = "-" if minor < 0 else ""
    return f"{sign}{digits[:-exponent]}.{digits[-exponent:]}" if exponent else f"{sign}{digits}"


def asset_of(code: object, field: str | None = None) -> Asset:
    """Find a known asset by its code."""
    known = ASSETS.get(code) if isinstance(code, str) else None
    if known is None:
        raise UnknownAsset('an asset is a code such as "EUR", "JPY" or "BTC"', field=field)
    return known


def total(amounts: Sequence[Money], asset: Asset) -> Money:
    """Add up amounts of one asset; of none, zero."""
    result = Money(0, asset)
    for amount in amounts:
        result = result + amount
    return result


def _whole(value: Decimal, rounding: Rounding) -> int:
    return int(value.to_integral_value(rounding=rounding.value, context=_EXACT))


def _check_factor(value: object) -> None:
    if not isinstance(value, Decimal) or not value.is_finite():
        raise TypeError("a rate or factor is a finite Decimal, never a float")
    lowest = value.as_tuple().exponent
    if value.adjusted() >= RATE_DIGITS_MAX or int(lowest) < -RATE_DIGITS_MAX:
        raise ValueError(f"a rate or factor has at most {RATE_DIGITS_MAX} digits on either side")


ASSETS: dict[str, Asset] = {
    code: Asset(code, exponent, name) for code, exponent, name in known_assets()
}
"""Every asset we can keep books in, by its code."""

EUR = ASSETS["EUR"]
USD = ASSETS["USD"]
GBP = ASSETS["GBP"]
CHF = ASSETS["CHF"]
JPY = ASSETS["JPY"]
KWD = ASSETS["KWD"]
USDC = ASSETS["USDC"]
EURC = ASSETS["EURC"]
BTC = ASSETS["BTC"]
ETH = ASSETS["ETH"]
