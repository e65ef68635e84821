"""What was said: a provider's answer, and the log of calls, from which nothing secret can be read.

The log shows people what happened. Card numbers and their codes never reach it, nor does what
proves who is calling.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

import msgspec

LOGGED_CHARACTERS_MAX: Final = 4_000
MASK: Final = "•••"
JSON: Final = "application/json"
Headers = tuple[tuple[str, str], ...]

_HIDDEN = r"(?:number|cvc|cvv|cvv2|security_code|client_secret|password)"
_IN_JSON: Final = re.compile(rf'("[a-z_]*{_HIDDEN}"\s*:\s*)("(?:[^"\\]|\\.)*"|\d+)')
_IN_FORM: Final = re.compile(rf"((?:^|&)[^&=]*{_HIDDEN}(?:%5D|\])*=)[^&]*", re.IGNORECASE)
_LIKE_A_CARD: Final = re.compile(r"(?<!\d)\d(?:(?:[ +-]|%20)?\d){12,18}(?!\d)")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a provider answers."""

    status: int
    body: bytes = b""
    headers: Headers = ()

    @classmethod
    def json(cls, status: int, value: object, headers: Mapping[str, str] | None = None) -> "Answer":
        """Answer a document."""
        told = {"content-type": JSON, **(headers or {})}
        return cls(status, msgspec.json.encode(value), tuple(told.items()))

    @classmethod
    def html(cls, status: int, text: str) -> "Answer":
        """Answer a page for the payer."""
        return cls(status, text.encode(), (("content-type", "text/html; charset=utf-8"),))

    @classmethod
    def text(cls, status: int, text: str, kind: str) -> "Answer":
        """Answer a text, such as a file of settlements."""
        return cls(status, text.encode(), (("content-type", kind),))

    @classmethod
    def redirect(cls, url: str) -> "Answer":
        """Send the payer's browser elsewhere."""
        return cls(303, b"", (("location", url),))

    def having(self, *headers: tuple[str, str]) -> "Answer":
        """Return the same answer with further headers."""
        return Answer(self.status, self.body, (*self.headers, *headers))


class Ending(StrEnum):
    """How a call ended for its caller."""

    ANSWERED = "answered"
    DROPPED = "dropped"
    """The connection was cut."""
    SILENT = "silent"
    """Never answered."""


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer kept under an idempotency key."""

    fingerprint: str
    request: str
    """The id of the request that was answered so."""
    answer: Answer
    answered_at: datetime


@dataclass(frozen=True, slots=True)
class Exchange:
    """One call as the log shows it."""

    number: int
    provider: str
    operation: str
    method: str
    path: str
    key: str
    sent: str
    status: int
    """0 if nothing was answered."""
    answered: str
    ending: Ending
    script: int
    """The script that changed its course; 0 if none did."""
    called_at: datetime


def legible(body: bytes) -> str:
    """Return a body for the log: cut to a length, and without what must not be in one."""
    text = body[: 2 * LOGGED_CHARACTERS_MAX].decode("utf-8", "replace")
    text = _IN_JSON.sub(rf'\1"{MASK}"', text)
    text = _IN_FORM.sub(rf"\1{MASK}", text)
    return _LIKE_A_CARD.sub(_masked, text)[:LOGGED_CHARACTERS_MAX]


def _masked(found: re.Match[str]) -> str:
    digits = [int(digit) for digit in re.sub(r"%20|\D", "", found[0])]
    doubled = [digit * (1 + at % 2) for at, digit in enumerate(reversed(digits))]
    checks = sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0
    return MASK if checks else found[0]


def header(headers: Sequence[tuple[str, str]], name: str) -> str:
    """Return a header's value, or nothing."""
    return next((value for key, value in headers if key == name), "")
