"""Refunds that ended otherwise than was thought: one that was given up and was given after all, and
one that was given and came back, because the payer's bank did not take it.
"""

from bezant import telemetry
from bezant.db.faults import ConstraintViolated
from bezant.payments.booking import Booked
from bezant.payments.codes import ENDED_NUMBERS, GIVEN, Ended, Kind, Waiting
from bezant.payments.exchanging import Heard
from bezant.payments.parts import Parts
from bezant.payments.port import BookUnavailable
from bezant.payments.repeating import AGAIN_SECONDS
from bezant.payments.states import REFUND, RefundEvent
from bezant.payments.store import due, read, write
from bezant.payments.store import refund as stored
from bezant.payments.work import Work
from bezant.psp.port import Result, Verdict

_log = telemetry.log("payments")


async def given_after_all(parts: Parts, work: Work, heard: Heard) -> bool:
    """Believe a refund that was given after all; false if there is nothing to believe."""
    if heard.verdict.result is not Result.REFUNDED or work.refund is None:
        return False
    row = await stored.refund(parts.database, work.refund)
    found = await due.one(parts.database, work.attempt)
    if row is None or row.failure is None or found is None or _is_final(found):
        return False
    if found.waiting == Waiting.UNBOOKED:  # First that it was given up, then that it was given.
        raise BookUnavailable(retry_after_seconds=AGAIN_SECONDS)
    try:
        room = await _written(parts, work, heard, row)
    except ConstraintViolated as error:
        if stored.is_counted_twice(error):
            _log.error("refund.of_two_payments", attempt=work.key, movement=heard.verdict.part)
            return False
        raise
    if room is None:
        return False
    if not room:
        # Given back twice: the book has it, and somebody has to talk to the payer.
        _log.error("refund.too_much", refund=f"re_{row.id.hex}", payment=work.facts.spelled)
    _log.warn("refund.overruled", attempt=work.key)
    parts.told()
    if await parts.booking.given_late(work) is Booked.YES:  # Else the walk has it booked.
        async with parts.database.transaction() as tx:
            await due.booked(tx, work.attempt, 0, ENDED_NUMBERS[Ended.GIVEN_LATE])
    return True


async def _written(parts: Parts, work: Work, heard: Heard, row: stored.RefundRow) -> bool | None:
    """Write that a refund was given after all; return whether its payment had room for it, or
    nothing if that is not written.
    """
    now, part = parts.clock.now(), heard.verdict.part
    async with parts.database.transaction() as tx:
        payment = await read.locked(tx, work.facts.id)
        seen = await stored.refund(tx, row.id)
        assert payment is not None, "a refund has a payment"
        assert seen is not None, "refunds are not deleted"
        if part and await stored.is_known(tx, payment.id, part, but=work.attempt):
            return None  # Somebody told of it without our key: it is counted as given elsewhere.
        state = REFUND.after(seen.state, RefundEvent.GIVEN)
        overruled = state is not None and await write.overrule(
            tx,
            work.attempt,
            now,
            ENDED_NUMBERS[Ended.GIVEN_LATE],
            None,
            0,
            heard.verdict.reference,
            part,
            heard.digest,
        )
        if state is None or not overruled:
            return None
        room = await stored.set_aside(tx, payment.id, int(row.amount), payment.attempts)
        if not room:
            await stored.take_what_is_left(tx, payment.id, int(row.amount), payment.attempts)
        await stored.change(tx, row.id, state, now)
        if part:
            await stored.name_movement(tx, row.id, work.provider, part)
        await stored.add_step(tx, row, Kind.REFUND_SUCCEEDED, state, now, work.number)
        await due.add_unbooked(tx, work.attempt, now, 0)
    return room


async def came_back(parts: Parts, work: Work, heard: Heard) -> bool:
    """Believe that a refund that was given came back; false if that is not what was told."""
    verdict = heard.verdict
    # The provider has to call the refund by its name: an error in answer to us says nothing of it.
    failed = verdict.result in (Result.DECLINED, Result.VOIDED) and bool(verdict.part)
    found = await due.one(parts.database, work.attempt) if failed and work.refund else None
    if found is None or work.refund is None or found.result not in GIVEN:
        return False
    if found.waiting == Waiting.UNBOOKED:  # First that it was given, then that it came back.
        raise BookUnavailable(retry_after_seconds=AGAIN_SECONDS)
    now, failure = parts.clock.now(), _why(verdict)
    booked = await parts.booking.came_back(work)
    async with parts.database.transaction() as tx:
        payment = await read.locked(tx, work.facts.id)
        row = await stored.refund(tx, work.refund)
        assert payment is not None, "a refund has a payment"
        assert row is not None, "refunds are not deleted"
        state = REFUND.after(row.state, RefundEvent.CAME_BACK)
        if state is None or not await write.came_back(tx, work.attempt, now, heard.digest, failure):
            return False
        await stored.change(tx, row.id, state, now, failure=failure)
        await stored.count_again(tx, payment.id)
        await stored.add_step(tx, row, Kind.REFUND_CAME_BACK, state, now, work.number)
        if booked is not Booked.YES:
            await due.add_unbooked(tx, work.attempt, now, int(booked is Booked.REFUSED))
    _log.warn("refund.came_back", attempt=work.key, why=failure)
    parts.told()
    return True


def _is_final(found: due.DueRow) -> bool:
    """Tell whether the provider itself has called this very refund failed: it never says otherwise
    later, and what it said before may arrive late.
    """
    if found.result == ENDED_NUMBERS[Ended.CAME_BACK]:
        return True
    return found.result == ENDED_NUMBERS[Ended.DECLINED] and bool(found.known_part)


def _why(verdict: Verdict) -> str:
    raw = verdict.decline.raw if verdict.decline else ""
    return raw or verdict.status or "came_back"
