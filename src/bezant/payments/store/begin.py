"""Beginning payments: one call for many."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from bezant.db.arrays import binaries, flags, instants, numbers, texts_if_any, uuids
from bezant.db.database import Line, Tx

_BEGIN: Final = """
SELECT request, fingerprint, subject, answer
FROM payments.begin_batch(
    %s, %s::timestamptz[], %s::uuid[], %s::bigint[], %s::uuid[], %s::uuid[], %s::uuid[],
    %s::smallint[],
    %s::smallint[], %s::smallint[], %s::boolean[], %s::boolean[], %s::text[], %s::numeric[],
    %s::text[], %s::text[], %s::text[], %s::jsonb[], %s::jsonb[], %s::text[], %s::bytea[],
    %s::uuid[]
)
"""


@dataclass(slots=True)
class Beginning:
    """A payment ready to be stored, with its first charge if it has one."""

    at: datetime
    request: UUID
    fingerprint: int
    payment: UUID
    tenant: UUID
    customer: UUID | None
    state: int
    method: int | None
    exponent: int
    live: bool
    captures: bool
    asset: str
    amount: int
    provider: str
    card: str
    order: str
    details: str
    metadata: str
    why: str
    answer: bytes | None
    trace: str
    """32 hexadecimal digits, or nothing."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that was asked before: what for, and what was answered."""

    request: UUID
    fingerprint: int
    subject: UUID
    answer: bytes | None


async def begin(line: Line, wait: timedelta, commands: Sequence[Beginning]) -> dict[UUID, Asked]:
    """Store these payments, and return what was asked before instead of stored now."""
    rows = await line.call(Asked, _BEGIN, _parameters(wait, commands))
    mine = {one.request: one.payment for one in commands}
    # After a lost answer the batch is sent again and finds itself: that is no repeat.
    return {row.request: row for row in rows if row.subject != mine[row.request]}


async def begin_in(tx: Tx, wait: timedelta, command: Beginning) -> Asked | None:
    """Store one payment in a transaction, or return what was asked before under its key."""
    asked = await tx.fetch_one(Asked, _BEGIN, _parameters(wait, (command,)))
    # As above: a transaction that is done again finds itself.
    return None if asked is not None and asked.subject == command.payment else asked


def _parameters(wait: timedelta, commands: Sequence[Beginning]) -> tuple[object, ...]:
    return (
        wait,
        instants([one.at for one in commands]),
        uuids([one.request for one in commands]),
        numbers([one.fingerprint for one in commands]),
        uuids([one.payment for one in commands]),
        uuids([one.tenant for one in commands]),
        uuids([one.customer for one in commands]),
        numbers([one.state for one in commands]),
        numbers([one.method for one in commands]),
        numbers([one.exponent for one in commands]),
        flags([one.live for one in commands]),
        flags([one.captures for one in commands]),
        numbers([one.asset for one in commands]),
        numbers([one.amount for one in commands]),
        texts_if_any([one.provider for one in commands]),
        texts_if_any([one.card for one in commands]),
        texts_if_any([one.order for one in commands]),
        texts_if_any([one.details for one in commands]),
        texts_if_any([one.metadata for one in commands]),
        texts_if_any([one.why for one in commands]),
        binaries([one.answer for one in commands]),
        numbers([one.trace or None for one in commands]),
    )
