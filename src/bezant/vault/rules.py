"""What a card is: its number, network, expiry and code. Pure."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from bezant.actor import Mode
from bezant.secret import Secret
from bezant.vault.port import (
    CardDateInvalid,
    CardExpired,
    CardNumberInvalid,
    CvcInvalid,
    LiveCardInTest,
)
from bezant.vault.test_cards import TEST_NUMBERS

YEARS_AHEAD_MAX: Final = 20  # Networks issue cards for ten at most; twenty leaves no doubt.
# A card is good to the end of its month where the payer lives, which may be half a day from here.
FARTHEST_ZONE: Final = timedelta(hours=12)
CVC_DIGITS: Final = 3
AMEX_CVC_DIGITS: Final = 4
AMEX: Final = "amex"
OTHER: Final = "other"
_GROUPED: Final = re.compile(r"[0-9](?:[ -]?[0-9]){11,18}\Z")
_CODE: Final = re.compile(r"[0-9]{3,4}\Z")
_TWO_DIGIT_YEARS: Final = 100

# First digits by network, longest beginnings first (ISO/IEC 7812 ranges as networks publish them),
# with the lengths that network issues.
_NETWORKS: Final[tuple[tuple[str, tuple[tuple[int, int], ...], frozenset[int]], ...]] = (
    ("discover", ((6011, 6011), (644, 649), (65, 65)), frozenset(range(16, 20))),
    ("maestro", ((5018, 5018), (5020, 5020), (5038, 5038), (5893, 5893)), frozenset(range(12, 20))),
    ("maestro", ((6304, 6304), (6759, 6763)), frozenset(range(12, 20))),
    ("mastercard", ((2221, 2720), (51, 55)), frozenset({16})),
    ("jcb", ((3528, 3589), (3088, 3088)), frozenset(range(16, 20))),
    ("diners", ((300, 305), (3095, 3095), (36, 36), (38, 39)), frozenset(range(14, 20))),
    (AMEX, ((34, 34), (37, 37)), frozenset({15})),
    ("unionpay", ((62, 62), (81, 81)), frozenset(range(16, 20))),
    ("visa", ((4, 4),), frozenset({13, 16, 19})),
)


@dataclass(frozen=True, slots=True)
class Card:
    """A card whose every part was looked at."""

    number: Secret[str]
    brand: str
    exp_month: int
    exp_year: int

    @property
    def last4(self) -> str:
        """Return what may be shown of the number."""
        return self.number.reveal()[-4:]


def card(number: str, month: int | str, year: int | str, mode: Mode, now: datetime) -> Card:
    """Return the card that these parts describe, or raise what is wrong with one of them."""
    digits = card_number(number)
    brand = brand_of(digits)
    exp_month, exp_year = expiry(month, year, now)
    if (digits in TEST_NUMBERS) is not (mode is Mode.TEST):
        raise LiveCardInTest(
            "test mode takes the published test numbers only"
            if mode is Mode.TEST
            else "this is a test number; live mode takes real cards only",
            field="number",
        )
    return Card(Secret(digits), brand, exp_month, exp_year)


def card_number(text: str) -> str:
    """Return the digits of a card number, which may be written in groups."""
    if not _GROUPED.match(text):
        raise CardNumberInvalid(field="number")
    digits = text.replace(" ", "").replace("-", "")
    if not passes_luhn(digits):
        raise CardNumberInvalid("the number does not check: one digit is wrong", field="number")
    return digits


def passes_luhn(digits: str) -> bool:
    """Tell whether the last digit is the check digit that card numbers have (ISO/IEC 7812-1)."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def brand_of(digits: str) -> str:
    """Return the network of a number, `other` if its beginning is none we know."""
    for brand, ranges, lengths in _NETWORKS:
        for low, high in ranges:
            if low <= int(digits[: len(str(low))]) <= high:
                if len(digits) not in lengths:
                    raise CardNumberInvalid("this network has no numbers so long", field="number")
                return brand
    return OTHER


def expiry(month: int | str, year: int | str, now: datetime) -> tuple[int, int]:
    """Return month and four-digit year, unless that time is over or is none."""
    exp_month, exp_year = _whole(month, "exp_month"), _whole(year, "exp_year")
    if exp_year < _TWO_DIGIT_YEARS:
        exp_year += now.year - now.year % _TWO_DIGIT_YEARS
    if not 1 <= exp_month <= 12:
        raise CardDateInvalid("a month is 1 to 12", field="exp_month")
    if not now.year - YEARS_AHEAD_MAX <= exp_year <= now.year + YEARS_AHEAD_MAX:
        raise CardDateInvalid(field="exp_year")
    there = now - FARTHEST_ZONE
    if (exp_year, exp_month) < (there.year, there.month):
        raise CardExpired(field="exp_year")
    return exp_month, exp_year


def cvc(text: str, brand: str) -> bytearray | None:
    """Return a code in memory that can be wiped, or nothing if the payer gave none."""
    if not text:
        return None
    wanted = AMEX_CVC_DIGITS if brand == AMEX else CVC_DIGITS
    if not _CODE.match(text) or (brand != OTHER and len(text) != wanted):
        raise CvcInvalid(field="cvc")
    return bytearray(text, "ascii")


def _whole(value: int | str, field: str) -> int:
    if isinstance(value, str):
        if not (value.isascii() and value.isdigit() and len(value) <= 4):
            raise CardDateInvalid(field=field)
        return int(value)
    return value
