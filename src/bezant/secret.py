"""Values that must not be printed, logged or compared in the open."""

import hmac
from typing import Final, Generic, TypeVar

MASK: Final = "•••"
Value = TypeVar("Value", str, bytes)


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
