"""Values that must not be printed, logged or compared in the open."""

import hmac
import re
from typing import Final, Generic, TypeVar

MASK: Final = "•••"
Value = TypeVar("Value", str, bytes)

# The lengths and beginnings of the networks' numbers (ISO/IEC 7812), in groups or not. Shorter ones
# would take telephone numbers for cards.
_CARD: Final = re.compile(
    r"(?<![0-9A-Za-z_])(?:(?:4|5[1-5]|2[2-7]|6)(?:[ -]?[0-9]){12,18}|3(?:[ -]?[0-9]){13,14})"
    r"(?![0-9A-Za-z])"
)
_CARD_DIGITS: Final = frozenset({14, 15, 16, 19})


class Secret(Generic[Value]):
    """Holds a value that shows itself only when asked by name."""

    __slots__ = ("_value",)

    def __init__(self, value: Value) -> None:
        self._value = value

    def reveal(self) -> Value:
        """Return the value itself. Every call of this is a place worth reading."""
        return self._value

    def equals(self, other: Value) -> bool:
        """Compare in constant time."""
        mine = self._value.encode() if isinstance(self._value, str) else self._value
        theirs = other.encode() if isinstance(other, str) else other
        return hmac.compare_digest(mine, theirs)

    def __repr__(self) -> str:
        return MASK

    __str__ = __repr__

    def __format__(self, _spec: str) -> str:
        return MASK

    def __reduce__(self) -> str:
        raise TypeError("a secret is never pickled")


def holds_card_number(text: str) -> bool:
    """Tell whether a card's number stands in a text: only the vault may ever hold one."""
    for found in _CARD.finditer(text):
        digits = [int(one) for one in found[0] if one.isdigit()]
        doubled = sum(sum(divmod(2 * one, 10)) for one in digits[-2::-2])
        if len(digits) in _CARD_DIGITS and (doubled + sum(digits[-1::-2])) % 10 == 0:
            return True
    return False
