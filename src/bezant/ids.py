"""Ids: a prefix that names the kind, and 128 time-sorted bits (UUID version 7, RFC 9562).

The prefix is only spelling: tables store the bare `uuid` (or `bigint`, for the ledger's dense
numbers), and the text after the prefix is that value in hex, so an id found in a log can be pasted
into psql as it is.
"""

import os
import re
from collections.abc import Callable
from uuid import UUID

from bezant.clock import Clock
from bezant.errors import Invalid

_PREFIX = re.compile(r"[a-z]{2,8}\Z")
_HEX = re.compile(r"[0-9a-f]+\Z")
BIGINT_MAX = 2**63 - 1


class MalformedId(Invalid):
    """This is not an id of the expected kind."""

    code = "malformed_id"


class Ids:
    """Makes new ids from a clock and a source of chance, both handed in."""

    def __init__(self, clock: Clock, chance: Callable[[int], bytes] = os.urandom) -> None:
        self._clock = clock
        self._chance = chance

    def uuid(self) -> UUID:
        """Return a new UUID version 7: 48 bits of milliseconds, then chance."""
        milliseconds = int(self._clock.now().timestamp() * 1000) & (2**48 - 1)
        random = int.from_bytes(self._chance(10))
        high = milliseconds << 16 | 0x7000 | (random >> 64 & 0x0FFF)
        low = 0b10 << 62 | (random & (2**62 - 1))
        return UUID(int=high << 64 | low)

    def new(self, prefix: str) -> str:
        """Return a new id such as `pay_0199c2…`."""
        return spell(prefix, self.uuid())


def spell(prefix: str, value: UUID) -> str:
    """Write a stored uuid as an id of this kind."""
    assert _PREFIX.match(prefix), prefix
    return f"{prefix}_{value.hex}"


def read(prefix: str, text: str, field: str | None = None) -> UUID:
    """Read an id of this kind back into the uuid that is stored."""
    return UUID(hex=_body(prefix, text, 32, field))


def spell_number(prefix: str, number: int) -> str:
    """Write a stored bigint as an id of this kind."""
    assert 0 <= number <= BIGINT_MAX, number
    return f"{prefix}_{number:016x}"


def read_number(prefix: str, text: str, field: str | None = None) -> int:
    """Read an id of this kind back into the bigint that is stored."""
    number = int(_body(prefix, text, 16, field), 16)
    if number > BIGINT_MAX:
        raise MalformedId(f"an id here looks like {prefix}_ and 16 hex digits", field=field)
    return number


def _body(prefix: str, text: str, digits: int, field: str | None) -> str:
    head, _, body = text.partition("_")
    if head != prefix or len(body) != digits or not _HEX.match(body):
        raise MalformedId(f"an id here looks like {prefix}_ and {digits} hex digits", field=field)
    return body
