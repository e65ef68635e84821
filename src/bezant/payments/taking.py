"""Money nobody here has asked for: captured at the provider itself, at its dashboard or after a
void that came too late; or sent once more by a payer. It is a fact like any other, so it becomes a
capture of its payment.
"""

from datetime import datetime
from typing import Final

import msgspec

from bezant import telemetry
from bezant.money import Money
from bezant.payments.attempt import Operation
from bezant.payments.codes import ENDED_NUMBERS, STATE_NUMBERS, Ended, Kind
from bezant.payments.concluding import Conclusions
from bezant.payments.judging import Judgement
from bezant.payments.parts import Parts
from bezant.payments.port import ATTEMPTS_MAX, PaymentBusy, TooManyAttempts
from bezant.payments.repeating import AGAIN_SECONDS
from bezant.payments.rules import attempt_id
from bezant.payments.states import PaymentEvent
from bezant.payments.store import read, write
from bezant.payments.told import microseconds
from bezant.payments.work import Work
from bezant.psp.port import MethodKind, Result, Verdict

_log = telemetry.log("payments")
WHY: Final = "provider"
"""Why such a capture is there: routing.py spells it out."""


class Taking:
    """Believes captures nobody here has asked for."""

    def __init__(self, parts: Parts, conclusions: Conclusions) -> None:
        self._parts = parts
        self._conclusions = conclusions

    async def heard(self, charge: Work, verdict: Verdict) -> Work | None:
        """Store what was captured beyond what we know of; it is to be booked then. Nothing if we
        know of all of it, or if it is not about the charge that counts.
        """
        parts, now = self._parts, self._parts.clock.now()
        row = await read.payment(parts.database, charge.facts.id)
        if row is None or verdict.result is not Result.CAPTURED or row.charge != charge.number:
            return None
        methods = parts.connectors[charge.provider].capabilities.methods
        if methods == frozenset({MethodKind.BANK_TRANSFER}):
            taken = await self._sent(row, verdict)
        else:
            taken = _captured(row, verdict)
        if taken is None:
            return None
        if row.busy:  # Perhaps it is ours, and its answer is on its way.
            raise PaymentBusy(retry_after_seconds=AGAIN_SECONDS)
        if row.attempts >= ATTEMPTS_MAX:
            raise TooManyAttempts
        work = _capture(charge, row, Money(taken.captured, row.money), now)
        fee = await self._conclusions.fee(work, taken)
        if not await self._stored(work, row, taken, verdict, fee):
            return None
        _log.warn("payment.captured_elsewhere", attempt=work.key, amount=str(work.amount))
        parts.told()
        return work

    async def _sent(self, row: read.PaymentRow, verdict: Verdict) -> Judgement | None:
        """Tell what a transfer of the payer's adds; nothing if it was counted before."""
        told, part = verdict.amount, verdict.part
        if told is None or told.asset != row.money or not part:
            return None
        attempts = await read.attempts(self._parts.database, row.id)
        counted = {name for one in attempts for name in (one.part or "").split(",")}
        if part in counted:
            return None
        return Judgement(PaymentEvent.CAPTURED, Ended.CAPTURED, told.minor, told.minor)

    async def _stored(
        self, work: Work, seen: read.PaymentRow, taken: Judgement, verdict: Verdict, fee: Money
    ) -> bool:
        now, payment = work.sent_at, work.facts.id
        ending = write.Ending(
            result=ENDED_NUMBERS[Ended.CAPTURED],
            fee=fee.minor or None,
            reference=verdict.reference,
            part=verdict.part,
        )
        async with self._parts.database.transaction() as tx:
            row = await read.locked(tx, payment)
            if row is None or row.busy or row.attempts != seen.attempts:
                raise PaymentBusy(retry_after_seconds=AGAIN_SECONDS)
            state = taken.state(row.state_named)
            if state is None:
                _log.error("payment.impossible", attempt=work.key, happening=taken.event.value)
                return False
            standing = msgspec.structs.replace(
                row.standing(),
                state=STATE_NUMBERS[state],
                attempts=work.number,
                updated_at=microseconds(now),
            )
            await write.add_attempt(tx, work, now)
            await write.end(tx, work.attempt, ending, now, refused=0)
            await write.add_money(tx, payment, taken.authorized, taken.captured, fee.minor)
            await write.change(tx, payment, standing, now)
            await write.add_step(
                tx, payment, Kind.CAPTURED, now, work.number, amount=taken.captured
            )
        return True


def _captured(row: read.PaymentRow, verdict: Verdict) -> Judgement | None:
    """Tell what was captured beyond what we know of; a provider tells the whole."""
    told = verdict.amount
    if told is None or told.asset != row.money or told.minor <= row.captured:
        return None
    if told.minor > row.authorized:
        _log.error("payment.overcaptured", payment=f"pay_{row.id.hex}", amount=str(told))
        return None
    more = told.minor - int(row.captured)
    return Judgement(PaymentEvent.CAPTURED, Ended.CAPTURED, captured=more)


def _capture(charge: Work, row: read.PaymentRow, amount: Money, now: datetime) -> Work:
    return Work(
        attempt=attempt_id(row.id, row.attempts + 1),
        facts=charge.facts,
        before=row.standing(),
        operation=Operation.CAPTURE,
        provider=charge.provider,
        amount=amount,
        sent_at=now,
        why=WHY,
        card=row.card or "",
        reference=row.reference or "",
    )
