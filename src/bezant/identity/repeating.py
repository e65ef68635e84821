"""The same request under the same key has one effect, however often it is sent.

Whoever asks holds the merchant's row meanwhile, so that of two at once the second finds what the
first one made.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final
from uuid import UUID

from bezant.actor import Actor
from bezant.db.database import Tx
from bezant.errors import Refused
from bezant.identity.store import repeat as store
from bezant.identity.store.repeat import RepeatRow

REMEMBERED: Final = timedelta(days=30)  # As long as every other key is honoured here.


class RequestKeyReused(Refused):
    """This key was used before for another request."""

    code = "request_key_reused"


@dataclass(frozen=True, slots=True)
class Keyed:
    """A request under a key: which, and what it asks for. Without a key each is another one."""

    mark: bytes
    asked: bytes


def keyed(what: str, key: str, by: Actor, tenant: str, *parts: object) -> Keyed | None:
    """Return a request under its key, which is the tenant's in one mode."""
    if not key:
        return None
    named = "\n".join((what, tenant, by.mode, key))
    return Keyed(sha256(named.encode()).digest(), sha256(repr(parts).encode()).digest())


async def made_before(tx: Tx, request: Keyed | None, now: datetime) -> UUID | None:
    """Return what the same request made before, or raise if another had its key."""
    if request is None:
        return None
    found = await store.find(tx, request.mark, now)
    if found is not None and found.asked != request.asked:
        raise RequestKeyReused
    return found.made if found else None


async def remember(tx: Tx, request: Keyed | None, made: UUID, now: datetime) -> None:
    """Write down what a request under a key made."""
    if request is not None:
        await store.add(tx, request.mark, RepeatRow(request.asked, made), now + REMEMBERED)
