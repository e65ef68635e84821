"""A refund that was given up, and of which the provider says later that it gave it."""

from bezant import telemetry
from bezant.payments.booking import Booked
from bezant.payments.codes import ENDED_NUMBERS, Ended, Kind
from bezant.payments.exchanging import Heard
from bezant.payments.parts import Parts
from bezant.payments.port import BookUnavailable
from bezant.payments.repeating import AGAIN_SECONDS
from bezant.payments.states import REFUND, RefundEvent
from bezant.payments.store import read, write
from bezant.payments.store import refund as stored
from bezant.payments.work import Work
from bezant.psp.port import Result

_log = telemetry.log("payments")


async def given_after_all(parts: Parts, work: Work, heard: Heard) -> bool:
    """Believe a refund that was given after all; false if there is nothing to believe."""
    if heard.verdict.result is not Result.REFUNDED or work.refund is None:
        return False
    row = await stored.refund(parts.database, work.refund)
    if row is None or row.failure is None:
        return False
    now = parts.clock.now()
    if await parts.booking.given_late(work) is not Booked.YES:
        raise BookUnavailable(retry_after_seconds=AGAIN_SECONDS)
    async with parts.database.transaction() as tx:
        payment = await read.locked(tx, work.facts.id)
        seen = await stored.refund(tx, row.id)
        assert payment is not None, "a refund has a payment"
        assert seen is not None, "refunds are not deleted"
        state = REFUND.after(seen.state, RefundEvent.GIVEN)
        overruled = state is not None and await write.overrule(
            tx,
            work.attempt,
            now,
            ENDED_NUMBERS[Ended.REFUNDED],
            None,
            0,
            heard.verdict.reference,
            heard.verdict.part,
            heard.digest,
        )
        if state is None or not overruled:
            return False
        room = await stored.set_aside(tx, payment.id, int(row.amount), payment.attempts)
        await stored.change(tx, row.id, state, now)
        await stored.add_step(tx, row, Kind.REFUND_SUCCEEDED, state, now, work.number)
    if not room:
        # Given back twice: the book has it, and somebody has to talk to the payer.
        _log.error("refund.too_much", refund=f"re_{row.id.hex}", payment=work.facts.spelled)
    _log.warn("refund.overruled", attempt=work.key)
    parts.told()
    return True
