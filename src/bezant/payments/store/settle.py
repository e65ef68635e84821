"""How attempts end: one call for many."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from bezant.db.arrays import binaries, instants, numbers, texts_if_any, uuids
from bezant.db.database import Line

_SETTLE: Final = """
SELECT settle_batch AS attempt FROM payments.settle_batch(
    %s::timestamptz[], %s::uuid[], %s::uuid[], %s::smallint[], %s::smallint[], %s::boolean[],
    %s::numeric[],
    %s::numeric[], %s::jsonb[], %s::text[], %s::text[], %s::bytea[], %s::text[], %s::smallint[],
    %s::smallint[], %s::numeric[], %s::numeric[], %s::numeric[], %s::timestamptz[], %s::integer[],
    %s::bytea[], %s::uuid[]
)
"""


@dataclass(slots=True)
class Settling:
    """How a charge, capture or void ended, and what that makes of its payment."""

    at: datetime
    attempt: UUID
    payment: UUID
    result: int
    state: int
    kind: int
    authorized: int
    captured: int
    fee: int
    answer: bytes
    decline: int | None = None
    soft: bool | None = None
    moved: int | None = None
    cost: int | None = None
    payer: str = ""
    reference: str = ""
    part: str = ""
    digest: bytes | None = None
    raw: str = ""
    expires_at: datetime | None = None
    refused: int | None = None
    """How often the book refused its money; nothing if that is booked."""
    trace: str = ""
    """32 hexadecimal digits, or nothing."""


@dataclass(frozen=True, slots=True)
class _Fresh:
    attempt: UUID


async def settle(line: Line, commands: Sequence[Settling]) -> frozenset[UUID]:
    """Store these outcomes, and return the attempts that were not settled before."""
    rows = await line.call(
        _Fresh,
        _SETTLE,
        (
            instants([one.at for one in commands]),
            uuids([one.attempt for one in commands]),
            uuids([one.payment for one in commands]),
            numbers([one.result for one in commands]),
            numbers([one.decline for one in commands]),
            numbers([None if one.soft is None else int(one.soft) for one in commands]),
            numbers([one.moved for one in commands]),
            numbers([one.cost for one in commands]),
            texts_if_any([one.payer for one in commands]),
            texts_if_any([one.reference for one in commands]),
            texts_if_any([one.part for one in commands]),
            binaries([one.digest for one in commands]),
            texts_if_any([one.raw for one in commands]),
            numbers([one.state for one in commands]),
            numbers([one.kind for one in commands]),
            numbers([one.authorized for one in commands]),
            numbers([one.captured for one in commands]),
            numbers([one.fee for one in commands]),
            instants([one.expires_at for one in commands]),
            numbers([one.refused for one in commands]),
            binaries([one.answer for one in commands]),
            numbers([one.trace or None for one in commands]),
        ),
    )
    return frozenset([row.attempt for row in rows])
