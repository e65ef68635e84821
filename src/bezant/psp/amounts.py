"""Amounts as providers write them: each has its own minor units, and takes fewer decimals of some
assets than ISO 4217 gives them.

Writing refuses what cannot be said exactly; reading returns nothing for what is not exact here.
Nothing is ever rounded.
"""

import re
from collections.abc import Mapping
from typing import Final

from bezant.assets import known_assets
from bezant.errors import BezantError
from bezant.money import ASSETS, Asset, Money, format_minor, parse_minor
from bezant.psp.port import AmountNotAccepted

_KNOWN: Final = {code.lower(): ASSETS[code] for code, _, _ in known_assets()}
_DECIMAL: Final = re.compile(r"-?\d{1,38}(?:\.\d{1,36})?\Z", re.ASCII)


class MajorUnits:
    """Decimal text in major units, such as PayPal's and Coinbase's `"19.99"`."""

    def __init__(self, decimals: Mapping[str, int], decimals_max: int) -> None:
        self.decimals: Final = decimals
        self._decimals_max: Final = decimals_max

    def of(self, asset: Asset) -> int:
        """Return how many decimals the provider takes of an asset."""
        fewer = min(asset.exponent, self._decimals_max)
        return min(fewer, self.decimals.get(asset.code, fewer))

    def write(self, amount: Money) -> str:
        """Write an amount with the decimals the provider takes."""
        taken = self.of(amount.asset)
        return format_minor(_shifted(amount, taken - amount.asset.exponent), taken)

    def read(self, text: str, code: str) -> Money | None:
        """Read an amount; zeros beyond the asset's own decimals are no harm."""
        asset = _KNOWN.get(code.lower())
        if asset is None or not _DECIMAL.match(text):
            return None
        whole, point, decimals = text.partition(".")
        surplus = decimals[asset.exponent :]
        if surplus.strip("0"):
            return None
        kept = decimals[: asset.exponent]
        try:
            minor = parse_minor(f"{whole}{point if kept else ''}{kept}", asset.exponent)
        except BezantError:
            return None
        return Money(minor, asset)


class MinorUnits:
    """Whole numbers of the provider's own minor units, such as Stripe's `1999`."""

    def __init__(self, exponents: Mapping[str, int], decimals: Mapping[str, int]) -> None:
        self.decimals: Final = decimals
        self._exponents: Final = exponents

    def of(self, asset: Asset) -> int:
        """Return how many decimals the provider's minor unit stands for."""
        return self._exponents.get(asset.code, asset.exponent)

    def write(self, amount: Money) -> int:
        """Write an amount as the provider counts it."""
        asset = amount.asset
        _shifted(amount, self.decimals.get(asset.code, asset.exponent) - asset.exponent)
        return _shifted(amount, self.of(asset) - asset.exponent)

    def read(self, minor: int | None, code: str) -> Money | None:
        """Read an amount that must be whole in our own minor units as well."""
        asset = _KNOWN.get(code.lower())
        if asset is None or minor is None:
            return None
        try:
            counted = Money(minor, asset)
            return Money(_shifted(counted, asset.exponent - self.of(asset)), asset)
        except BezantError:
            return None


def asset_named(code: str) -> Asset | None:
    """Return a known asset by its code in whatever case, or nothing."""
    return _KNOWN.get(code.lower())


def _shifted(amount: Money, places: int) -> int:
    """Return the minor units with the point moved; what would be cut off must be zero."""
    if places >= 0:
        return int(amount.minor * 10**places)
    moved, lost = divmod(amount.minor, 10**-places)
    if lost:
        raise AmountNotAccepted(
            f"this provider takes {amount.asset} with {-places} decimals fewer than it has"
        )
    return int(moved)
