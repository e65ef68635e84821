"""How refunds end: the promise and what came of it are booked, then the outcome is written."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

from bezant import telemetry
from bezant.db.database import Tx
from bezant.db.faults import ConstraintViolated
from bezant.payments import judging
from bezant.payments.booking import Booked
from bezant.payments.codes import (
    ENDED_NUMBERS,
    REFUND_STATES,
    Ended,
    Kind,
    Waiting,
)
from bezant.payments.concluding import pause_seconds
from bezant.payments.exchanging import Heard
from bezant.payments.failpoints import Point
from bezant.payments.late_refund import came_back, given_after_all
from bezant.payments.parts import Parts
from bezant.payments.port import UnknownRefund
from bezant.payments.refund import Refund
from bezant.payments.rules import MOVEMENT_CHARACTERS_MAX
from bezant.payments.states import REFUND, RefundEvent
from bezant.payments.store import due, read, write
from bezant.payments.store import refund as stored
from bezant.payments.told import instant, microseconds
from bezant.payments.work import Work

_log = telemetry.log("payments")
_KINDS: Final = {
    RefundEvent.SILENCE: Kind.REFUND_UNKNOWN,
    RefundEvent.GIVEN: Kind.REFUND_SUCCEEDED,
    RefundEvent.NOT_GIVEN: Kind.REFUND_FAILED,
}


class Kept(msgspec.Struct, array_like=True, frozen=True):
    """What was answered first about a refund. Fields are only ever appended."""

    state: int
    updated_at: int
    reference: str
    failure: str


_ENCODE: Final = msgspec.msgpack.Encoder().encode
_DECODE: Final = msgspec.msgpack.Decoder(Kept).decode


class Returning:
    """Stores what answers mean for refunds."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def conclude(self, work: Work, heard: Heard) -> None:
        """Store what an answer means for a refund; what was given although we had given it up is
        believed, and so is what came back after it was given.
        """
        parts = self._parts
        if await self._concluded(work, heard) or await given_after_all(parts, work, heard):
            return
        await came_back(parts, work, heard)

    async def _concluded(self, work: Work, heard: Heard) -> bool:
        """Store what an answer means; its money is booked before. False if it has ended before."""
        parts = self._parts
        now = parts.clock.now()
        can = parts.connectors[work.provider].capabilities
        event, ended, failure = judging.refund_judged(
            work, heard.verdict, now, can.not_found_after_seconds
        )
        if ended is None:
            await self._wait(work, event, heard, now)
            return True
        given = ended is Ended.REFUNDED
        before = await due.one(parts.database, work.attempt)
        if before is not None and before.result is not None:
            return False
        if given and not await self._named(work, heard.verdict.part):
            await self._wait(work, RefundEvent.SILENCE, heard, now)
            return True
        parts.failpoints.reach(Point.BEFORE_BOOK)
        booked = await self.booked(work, given=given)
        parts.failpoints.reach(Point.AFTER_BOOK)
        ending = write.Ending(
            result=ENDED_NUMBERS[ended],
            cost=None if heard.verdict.fee is None else heard.verdict.fee.minor,
            reference=heard.verdict.reference,
            part=heard.verdict.part,
            digest=heard.digest,
            raw=failure,
        )
        refused = None if booked is Booked.YES else int(booked is Booked.REFUSED)
        assert work.refund is not None, "a refund's work knows its refund"
        async with parts.database.transaction() as tx:
            payment = await read.locked(tx, work.facts.id)
            row = await stored.refund(tx, work.refund)
            assert payment is not None, "a refund has a payment"
            assert row is not None, "work on a refund has a refund"
            state = REFUND.after(row.state, event)
            if state is None or not await write.end(tx, work.attempt, ending, now, refused):
                return False
            await stored.change(tx, row.id, state, now, failure=failure)
            if not given:
                await stored.count_again(tx, work.facts.id)
            await stored.add_step(tx, row, _KINDS[event], state, now, work.number)
            await answer(tx, work.request, row.id)
        parts.failpoints.reach(Point.AFTER_SETTLE)
        parts.told()
        return True

    async def _named(self, work: Work, movement: str) -> bool:
        """Store by what name the provider knows what it gave, before it is booked. False if that is
        another refund already: then one of the two was not given, and somebody has to look.
        """
        assert work.refund is not None, "a refund's work knows its refund"
        if not movement or len(movement) > MOVEMENT_CHARACTERS_MAX:
            return True
        try:
            async with self._parts.database.transaction() as tx:
                await stored.name_movement(tx, work.refund, work.provider, movement)
        except ConstraintViolated as error:
            if not stored.is_counted_twice(error):
                raise
            _log.error("refund.of_two_payments", attempt=work.key, movement=movement)
            return False
        return True

    async def booked(self, work: Work, *, given: bool, again: int = 0) -> Booked:
        """Book a refund's promise and what came of it; both may be booked already."""
        booking = self._parts.booking
        promised = await booking.promised(work, again)
        if promised is not Booked.YES:
            return promised
        return await (booking.given(work, again) if given else booking.not_given(work, again))

    async def _wait(self, work: Work, event: RefundEvent, heard: Heard, now: datetime) -> None:
        parts, verdict = self._parts, heard.verdict
        silent = event is RefundEvent.SILENCE
        due_at = now + timedelta(seconds=pause_seconds(work, verdict, silent=silent))
        waiting = Waiting.UNKNOWN if silent else Waiting.WITH_PROVIDER
        assert work.refund is not None, "a refund's work knows its refund"
        async with parts.database.transaction() as tx:
            await read.locked(tx, work.facts.id)
            row = await stored.refund(tx, work.refund)
            assert row is not None, "work on a refund has a refund"
            state = REFUND.after(row.state, event)
            if state is None or not await write.wait(
                tx, work, waiting, due_at, reference="", part=verdict.part, action=None
            ):
                return
            if state is not row.state:
                await stored.change(tx, row.id, state, now)
                if silent:
                    await stored.add_step(tx, row, Kind.REFUND_UNKNOWN, state, now, work.number)
            if work.answers:
                await answer(tx, work.request, row.id)
        parts.told()


async def answer(tx: Tx, request: UUID | None, refund: UUID) -> None:
    """Keep how a refund stands with the key it was asked for under, if nothing is kept yet."""
    row = await stored.refund(tx, refund) if request else None
    if request is not None and row is not None:
        kept = Kept(
            row.number, microseconds(row.updated_at), row.reference or "", row.failure or ""
        )
        await write.answer(tx, request, _ENCODE(kept))


async def repeated(parts: Parts, refund: UUID, kept: bytes) -> Refund:
    """Return a refund as it was told first."""
    row = await stored.refund(parts.database, refund)
    if row is None:
        raise UnknownRefund
    first = _DECODE(kept)
    return _as_told(row, first)


def _as_told(row: stored.RefundRow, first: Kept) -> Refund:
    return row.spelled(
        state=REFUND_STATES[first.state],
        updated_at=instant(first.updated_at),
        reference=first.reference,
        failure=first.failure,
        replayed=True,
    )
