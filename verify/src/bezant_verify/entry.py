r"""An entry of the log: where it comes from, and a commitment to what happened. Nothing of what
happened stands in it.

    byte    version, 1
    text    feed: a byte for its length, then ASCII
    8 bytes position in that feed, from 1 on without gaps
    text    type, such as payment.captured
    8 bytes when it happened: microseconds since 2000-01-01T00:00:00Z, signed
    32      commitment: SHA-256 of "bezant audit opening 1\n", a salt of 32 bytes, and the event

Numbers are big-endian. Who is shown salt and event (the *opening*) can check the commitment; when
the opening is destroyed, nobody can tell any more what was committed to.
"""

import struct
from datetime import datetime, timedelta
from hashlib import sha256
from typing import NamedTuple

from bezant_verify.encoding import EPOCH

VERSION = 1
SALT_BYTES = 32
TEXT_BYTES_MAX = 100
ENTRY_BYTES_MAX = 65_535  # What fits behind the two bytes of its length in a bundle.
_OPENING = b"bezant audit opening 1\n"
_numbers = struct.Struct(">q").pack
position = struct.Struct(">q").unpack_from
"""Reads the position of an entry, which stands behind its head."""


UNREADABLE = struct.error


class MalformedEntry(Exception):
    """These bytes are no entry."""


class Entry(NamedTuple):
    """An entry, taken apart."""

    feed: str
    position: int
    type: str
    occurred_at: int
    """Microseconds since 2000."""
    commitment: bytes

    def encoded(self) -> bytes:
        """Return the bytes that are hashed."""
        return b"".join(
            (
                bytes((VERSION,)), _text(self.feed), _numbers(self.position), _text(self.type),
                _numbers(self.occurred_at), self.commitment,
            )
        )  # fmt: skip

    @property
    def moment(self) -> datetime:
        """When it happened."""
        return EPOCH + timedelta(microseconds=self.occurred_at)


def commitment(salt: bytes, event: bytes) -> bytes:
    """Return what an entry says of an event."""
    if len(salt) != SALT_BYTES:
        raise MalformedEntry(f"a salt has {SALT_BYTES} bytes")
    return sha256(_OPENING + salt + event).digest()


def check_head(head: bytes) -> None:
    """Raise unless an entry may begin so: with its version and its feed."""
    if head[0] != VERSION or len(head) != 2 + head[1] or not head.isascii() or len(head) < 3:
        raise MalformedEntry("the entry is of a version or a feed that is not known here")


def decoded(entry: bytes) -> Entry:
    """Take an entry apart; every byte of it must be where it belongs."""
    try:
        head = entry[: 2 + entry[1]]
        check_head(head)
        at = 8 + len(head)
        end = at + 1 + entry[at]
        kind = entry[at + 1 : end].decode("ascii")
        (number,) = position(entry, len(head))
        (occurred_at,) = position(entry, end)
        found = Entry(head[2:].decode("ascii"), number, kind, occurred_at, entry[end + 8 :])
    except (IndexError, struct.error, UnicodeDecodeError) as error:
        raise MalformedEntry("these bytes are no entry") from error
    if len(found.commitment) != sha256().digest_size or number < 1 or found.encoded() != entry:
        raise MalformedEntry("these bytes are no entry")
    return found


def _text(value: str) -> bytes:
    written = value.encode("ascii")
    if not 0 < len(written) <= TEXT_BYTES_MAX:
        raise MalformedEntry(f"a name has 1 to {TEXT_BYTES_MAX} bytes")
    return bytes((len(written),)) + written
