"""Test cards: the numbers the networks and providers publish for tests, and what each of them does.

No emulator keeps a number. It reads what the number means, keeps that, the last four digits and a
fingerprint, and forgets it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Final


@dataclass(frozen=True, slots=True)
class Habit:
    """What a card does when it is charged."""

    decline: str = ""
    """Why the issuer refuses; empty if it does not."""
    challenge: bool = False
    """The payer has to confirm the payment."""
    dispute: str = ""
    """Why the payer disputes the charge afterwards."""
    refund: str = ""
    """`late` if refunds take a while, `failing` if they come back."""


@dataclass(frozen=True, slots=True)
class Card:
    """A card as it may be kept."""

    brand: str
    last4: str
    exp_month: int
    exp_year: int
    fingerprint: str
    habit: Habit
    funding: str = "credit"


# Published by Stripe for tests; the first four digits of all of them are 4000.
_FAMILY: Final = "4000"
_HABITS: Final = {
    "000000000002": Habit(decline="generic_decline"),
    "000000000341": Habit(decline="generic_decline"),
    "000000009995": Habit(decline="insufficient_funds"),
    "000000009987": Habit(decline="lost_card"),
    "000000009979": Habit(decline="stolen_card"),
    "000000000069": Habit(decline="expired_card"),
    "000000000127": Habit(decline="incorrect_cvc"),
    "000000000119": Habit(decline="processing_error"),
    "000000006975": Habit(decline="card_velocity_exceeded"),
    "000000004954": Habit(decline="fraudulent"),
    "000000000259": Habit(dispute="fraudulent"),
    "000000002685": Habit(dispute="product_not_received"),
    "000000007726": Habit(refund="late"),
    "000000005126": Habit(refund="failing"),
    "002500003155": Habit(challenge=True),
    "002760003184": Habit(challenge=True),
    "000000003220": Habit(challenge=True),
    "008260003178": Habit(challenge=True, decline="insufficient_funds"),
    "008400001629": Habit(challenge=True, decline="generic_decline"),
}
KNOWN: Final = frozenset(_FAMILY + rest for rest in _HABITS)
"""Every number that does something of its own."""
_DEBIT: Final = frozenset({"4000056655665556", "5200828282828210"})
_PREPAID: Final = frozenset({"5105105105105100"})
_BRANDS: Final = (
    ("visa", ("4",)),
    ("amex", ("34", "37")),
    ("diners", ("30", "36", "38", "39")),
    ("jcb", ("35",)),
    ("unionpay", ("62",)),
    ("discover", ("60", "64", "65")),
    ("mastercard", (*map(str, range(51, 56)), *map(str, range(22, 28)))),
)


def is_number(digits: str) -> bool:
    """Tell whether these digits are a card number: their length and their check digit."""
    if not (digits.isascii() and digits.isdecimal() and 12 <= len(digits) <= 19):
        return False
    doubled = [int(digit) * (1 + at % 2) for at, digit in enumerate(reversed(digits))]
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0


def is_over(exp_month: int, exp_year: int, today: date) -> bool:
    """Tell whether a card is no longer valid; it is until the end of its month."""
    return (exp_year, exp_month) < (today.year, today.month)


def read(digits: str, exp_month: int, exp_year: int, print_of: Callable[[bytes], str]) -> Card:
    """Return what may be kept of a card; `print_of` makes its fingerprint."""
    brand = next((name for name, first in _BRANDS if digits.startswith(first)), "unknown")
    habit = _HABITS.get(digits[4:], Habit()) if digits.startswith(_FAMILY) else Habit()
    kind = "debit" if digits in _DEBIT else "prepaid" if digits in _PREPAID else "credit"
    fingerprint = print_of(digits.encode())[:16]
    return Card(brand, digits[-4:], exp_month, exp_year, fingerprint, habit, kind)
