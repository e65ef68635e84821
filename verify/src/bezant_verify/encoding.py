"""How the fields of a ledger row become bytes, exactly as PostgreSQL's own send functions write
them.

Integers are big-endian. A numeric says its own length: the number of its base-10,000 digits, the
weight of the first, the sign and the scale, each in two bytes, then the digits. A text enters as
its SHA-256 behind a byte that says it is there; an instant as microseconds since
2000-01-01T00:00:00Z behind such a byte.
"""

import struct
from datetime import UTC, datetime, timedelta
from hashlib import sha256

EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
ABSENT = b"\x00"
PRESENT = b"\x01"
_NEGATIVE = 0x4000
_head = struct.Struct(">hhHh").pack
_int8 = struct.Struct(">q").pack


def int8(value: int) -> bytes:
    """Encode a bigint."""
    return _int8(value)


def numeric(value: int) -> bytes:
    """Encode a whole number as a numeric without decimals."""
    if value == 0:
        return b"\x00\x00\x00\x00\x00\x00\x00\x00"
    digits: list[int] = []
    rest = abs(value)
    while rest:
        rest, digit = divmod(rest, 10_000)
        digits.append(digit)
    weight = len(digits) - 1
    while digits[0] == 0:  # The lowest digits come first here, and zeros at the end are not stored.
        del digits[0]
    digits.reverse()
    sign = _NEGATIVE if value < 0 else 0
    return _head(len(digits), weight, sign, 0) + struct.pack(f">{len(digits)}h", *digits)


def text(value: str | None) -> bytes:
    """Encode a text, which may be absent."""
    return ABSENT if value is None else PRESENT + sha256(value.encode()).digest()


def uuid(value: str | None) -> bytes:
    """Encode a uuid in hex, which may be absent."""
    return ABSENT if value is None else PRESENT + bytes.fromhex(value)


def microseconds(value: datetime) -> int:
    """Return an instant as whole microseconds since 2000."""
    return (value - EPOCH) // timedelta(microseconds=1)


def instant(value: int | None) -> bytes:
    """Encode an instant in microseconds since 2000, which may be absent."""
    return ABSENT if value is None else PRESENT + _int8(value)
