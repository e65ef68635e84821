"""What an answer comes to, stored: the money is booked, then the outcome is written, once.

Whoever learns first how an attempt ended writes it: the request that asked, an event, or the walk.
All others find it written and change nothing.
"""

from datetime import datetime, timedelta
from typing import Final

import msgspec

from bezant import telemetry
from bezant.db.faults import ConstraintViolated
from bezant.money import Money
from bezant.payments import fees, judging
from bezant.payments.attempt import Operation
from bezant.payments.booking import Booked
from bezant.payments.codes import (
    DECLINE_NUMBERS,
    ENDED_NUMBERS,
    METHODS,
    STATE_NUMBERS,
    STATES,
    Waiting,
)
from bezant.payments.exchanging import Heard
from bezant.payments.failpoints import Point
from bezant.payments.judging import KINDS, Judgement
from bezant.payments.parts import Parts
from bezant.payments.payment import PaymentState
from bezant.payments.states import PaymentEvent
from bezant.payments.store import read, write
from bezant.payments.store.settle import Settling
from bezant.payments.told import Action, Standing, instant, microseconds, written
from bezant.payments.work import Work
from bezant.psp.port import NextAction, Verdict

_log = telemetry.log("payments")
WAIT_SECONDS_MIN: Final = 1.0
UNKNOWN_SECONDS_MAX: Final = 60.0  # Silence is asked about at least this often.
FENCE_ANSWERED: Final = 7  # Questions with doubling pauses: about a minute after the first.
PATIENT_SECONDS: Final = 10.0  # The first look after a payer who is busy.
PATIENT_SECONDS_MAX: Final = 3_600.0


class Conclusions:
    """Draws and stores them."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def conclude(self, work: Work, heard: Heard) -> Standing | None:
        """Store what an answer means; its money is booked before."""
        parts = self._parts
        now = parts.clock.now()
        verdict = heard.verdict
        connector = parts.connectors[work.provider]
        judgement = judging.judged(
            work, verdict, now, connector.capabilities.not_found_after_seconds
        )
        if judgement.ended is None:
            return await self._wait(work, judgement, verdict, now)
        state = judgement.state(judging.state_of(work))
        if state is None:
            _log.error("payment.impossible", attempt=work.key, happening=judgement.event.value)
            return None
        fee = await self.fee(work, judgement)
        booked, fee = await self.booked(work, judgement, fee)
        standing = after(work, judgement, verdict, state, fee, booked, now)
        if state is PaymentState.AUTHORIZED and work.operation is Operation.CHARGE:
            until = now + timedelta(days=connector.capabilities.authorization_days)
            standing = msgspec.structs.replace(standing, expires_at=microseconds(until))
        settling = _settling(work, judgement, heard, standing, fee, booked, now)
        try:
            fresh = await parts.gathered.settle(settling)
        except ConstraintViolated:
            return None  # The payment went on without us.
        parts.failpoints.reach(Point.AFTER_SETTLE)
        parts.told()
        return standing if fresh else None

    async def booked(self, work: Work, judgement: Judgement, fee: Money) -> tuple[Booked, Money]:
        """Book what was captured, and return the fee as it is in the book."""
        if not judgement.captured:
            return Booked.YES, fee
        self._parts.failpoints.reach(Point.BEFORE_BOOK)
        moved = judging.moved(work, judgement)
        booked, fee = await self._parts.booking.captured(work, moved, fee)
        self._parts.failpoints.reach(Point.AFTER_BOOK)
        return booked, fee

    async def fee(self, work: Work, judgement: Judgement) -> Money:
        """Return what the merchant is charged for it."""
        if not judgement.captured:
            return Money(0, work.amount.asset)
        facts = work.facts
        rules = await self._parts.rulebook.rules()
        rule = fees.rule_for(
            rules.fees,
            facts.tenant,
            facts.amount.asset.code,
            METHODS[work.before.method],
            facts.details.get("priority", ""),
        )
        first = work.before.captured == "0"
        return fees.fee(rule, judging.moved(work, judgement), first=first)

    async def _wait(
        self, work: Work, judgement: Judgement, verdict: Verdict, now: datetime
    ) -> Standing | None:
        """Note that an attempt has not ended, why, and when to look again."""
        parts = self._parts
        silent = judgement.event is PaymentEvent.SILENCE
        waiting = Waiting.UNKNOWN if silent else Waiting.WITH_PROVIDER
        due_at = now + timedelta(seconds=pause_seconds(work, verdict, silent=silent))
        action = _action(verdict.action)
        async with parts.database.transaction() as tx:
            row = await read.locked(tx, work.facts.id)
            assert row is not None, "an attempt has a payment"
            before = row.standing()
            state = judgement.state(STATES[before.state])
            if state is None:
                return None
            waits = await write.wait(
                tx,
                work,
                waiting,
                due_at,
                reference=verdict.reference,
                part=verdict.part,
                action=action,
            )
            if not waits:
                return None
            standing = msgspec.structs.replace(
                before,
                state=STATE_NUMBERS[state],
                updated_at=microseconds(now),
                reference=verdict.reference or before.reference,
                action=action or before.action,
                decline=0,
                failure="",
            )
            changed = standing.state != before.state
            if changed:
                await write.change(tx, work.facts.id, standing, now)
                await write.add_step(tx, work.facts.id, KINDS[judgement.event], now, work.number)
            else:
                standing = msgspec.structs.replace(standing, updated_at=before.updated_at)
            # Whoever asks again may well wait a minute for us to find out; longer is no answer.
            told = work.answers and not (silent and 0 < work.fence < FENCE_ANSWERED)
            if work.request is not None and told:
                await write.answer(tx, work.request, written(standing))
        if changed:
            parts.told()
        return standing


def after(
    work: Work,
    judgement: Judgement,
    verdict: Verdict,
    state: PaymentState,
    fee: Money,
    booked: Booked,
    now: datetime,
) -> Standing:
    """Return how a payment stands once this is stored."""
    before = work.before
    open_still = state in (PaymentState.AUTHORIZED, PaymentState.PARTLY_CAPTURED)
    charge = work.operation is Operation.CHARGE
    return msgspec.structs.replace(
        before,
        state=STATE_NUMBERS[state],
        authorized=str(int(before.authorized) + judgement.authorized),
        captured=str(int(before.captured) + judgement.captured),
        fee=str(int(before.fee) + fee.minor),
        updated_at=microseconds(now),
        reference=(verdict.reference or before.reference) if charge else before.reference,
        action=None,
        decline=(decline_of(verdict) or 0) if charge else before.decline,
        soft=bool(soft_of(verdict)) if charge else before.soft,
        failure=judgement.failure,
        expires_at=before.expires_at if open_still else 0,
        booked=before.booked and booked is Booked.YES,
        busy=0,
    )


def _settling(
    work: Work,
    judgement: Judgement,
    heard: Heard,
    standing: Standing,
    fee: Money,
    booked: Booked,
    now: datetime,
) -> Settling:
    verdict = heard.verdict
    assert judgement.ended is not None, "it has ended"
    moved = judgement.captured or judgement.authorized
    return Settling(
        at=now,
        attempt=work.attempt,
        payment=work.facts.id,
        result=ENDED_NUMBERS[judgement.ended],
        state=standing.state,
        kind=KINDS[judgement.event].value,
        authorized=judgement.authorized,
        captured=judgement.captured,
        fee=fee.minor,
        answer=written(standing),
        decline=decline_of(verdict),
        soft=soft_of(verdict),
        moved=None if moved in (0, work.amount.minor) else moved,
        cost=None if verdict.fee is None else verdict.fee.minor,
        payer=msgspec.json.encode(verdict.payer).decode() if verdict.payer else "",
        reference=verdict.reference
        or (work.reference if work.operation is Operation.CHARGE else ""),
        part=verdict.part,
        digest=heard.digest,
        raw=raw_of(verdict, judgement),
        expires_at=_until(standing),
        refused=None if booked is Booked.YES else int(booked is Booked.REFUSED),
        trace=telemetry.TRACE_ID.get(),
    )


def _until(standing: Standing) -> datetime | None:
    return instant(standing.expires_at) if standing.expires_at else None


def pause_seconds(work: Work, verdict: Verdict, *, silent: bool) -> float:
    """Return how long to wait before asking again: longer each time."""
    if verdict.retry_after_seconds is not None:
        return max(WAIT_SECONDS_MIN, verdict.retry_after_seconds)
    doubled = 2 ** min(work.asked, 12)
    if silent:
        return min(WAIT_SECONDS_MIN * doubled, UNKNOWN_SECONDS_MAX)
    return min(PATIENT_SECONDS * doubled, PATIENT_SECONDS_MAX)


def _action(action: NextAction | None) -> Action | None:
    if action is None:
        return None
    until = microseconds(action.expires_at) if action.expires_at else 0
    return Action(action.type, action.url, dict(action.facts), until)


def decline_of(verdict: Verdict) -> int | None:
    if verdict.decline is None:
        return None
    return DECLINE_NUMBERS[verdict.decline.code]


def soft_of(verdict: Verdict) -> bool | None:
    return None if verdict.decline is None else verdict.decline.soft


def raw_of(verdict: Verdict, judgement: Judgement) -> str:
    if judgement.failure:
        return judgement.failure
    return verdict.decline.raw if verdict.decline else ""
