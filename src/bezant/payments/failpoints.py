"""Named places where tests let a process die or fail. Nothing stops at them unless asked to."""

from enum import StrEnum
from typing import Final, Protocol


class Point(StrEnum):
    """Where something irreversible was just done, or is about to be."""

    BEFORE_BEGIN = "before_begin"
    BEFORE_SEND = "before_send"
    AFTER_SEND = "after_send"
    BEFORE_BOOK = "before_book"
    AFTER_BOOK = "after_book"
    AFTER_SETTLE = "after_settle"
    BEFORE_RETRY = "before_retry"
    AFTER_PROMISE = "after_promise"
    EVENT_STORED = "event_stored"


class Failpoints(Protocol):
    """Told of every place that is reached."""

    def reach(self, point: Point) -> None:
        """Return, raise, or never return."""
        ...


class Nothing:
    """Stops nowhere."""

    def reach(self, point: Point) -> None:
        """Return."""


NOWHERE: Final = Nothing()
