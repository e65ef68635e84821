"""What a provider's answer means for a payment: pure. Only an explicit yes is a yes."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from bezant.money import Money
from bezant.payments.attempt import Operation
from bezant.payments.codes import STATES, Ended, Kind
from bezant.payments.payment import PaymentState
from bezant.payments.port import NEVER_ARRIVED, PROVIDER_UNAVAILABLE
from bezant.payments.states import PAYMENT, PaymentEvent, RefundEvent
from bezant.payments.work import EXPIRY, Work
from bezant.psp.port import Result, Verdict

NEVER_SENT: Final = frozenset({"unknown_card", "card_forgotten"})
"""What the vault refuses to send, and no other provider would get either."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What an answer comes to."""

    event: PaymentEvent
    ended: Ended | None
    """How the attempt ended; nothing if it has not."""
    authorized: int = 0
    """How much more is set aside, in minor units."""
    captured: int = 0
    failure: str = ""

    def state(self, before: PaymentState) -> PaymentState | None:
        """Return the payment's next state; nothing if this cannot happen in that state."""
        return PAYMENT.after(before, self.event)


KINDS: Final = {
    PaymentEvent.ACTION_NEEDED: Kind.NEEDS_ACTION,
    PaymentEvent.PENDING: Kind.PROCESSING,
    PaymentEvent.SILENCE: Kind.UNKNOWN,
    PaymentEvent.AUTHORIZED: Kind.AUTHORIZED,
    PaymentEvent.CAPTURED: Kind.CAPTURED,
    PaymentEvent.CAPTURED_PART: Kind.CAPTURED,
    PaymentEvent.DECLINED: Kind.DECLINED,
    PaymentEvent.NOT_REACHED: Kind.FAILED,
    PaymentEvent.LET_GO: Kind.VOIDED,
    PaymentEvent.RUN_OUT: Kind.EXPIRED,
    PaymentEvent.STILL_AUTHORIZED: Kind.STEP_FAILED,
    PaymentEvent.STILL_PARTLY: Kind.STEP_FAILED,
}


def judged(
    work: Work, verdict: Verdict, now: datetime, not_found_after_seconds: float
) -> Judgement:
    """Tell what an answer means for the charge, capture or void it is about."""
    match work.operation:
        case Operation.CHARGE:
            return _charge(work, verdict, now, not_found_after_seconds)
        case Operation.CAPTURE:
            return _capture(work, verdict, now, not_found_after_seconds)
        case Operation.VOID:
            return _void(work, verdict, now, not_found_after_seconds)
        case Operation.REFUND:
            raise AssertionError("refunds are judged by themselves")


_CHARGED: Final = {
    Result.DECLINED: Judgement(PaymentEvent.DECLINED, Ended.DECLINED),
    Result.VOIDED: Judgement(PaymentEvent.LET_GO, Ended.VOIDED),
    Result.NEEDS_ACTION: Judgement(PaymentEvent.ACTION_NEEDED, None),
    Result.PENDING: Judgement(PaymentEvent.PENDING, None),
    Result.APPROVED: Judgement(PaymentEvent.PENDING, None),
}


def _charge(
    work: Work, verdict: Verdict, now: datetime, not_found_after_seconds: float
) -> Judgement:
    moved = _amount(work, verdict)
    match verdict.result:
        case Result.AUTHORIZED:
            return Judgement(PaymentEvent.AUTHORIZED, Ended.AUTHORIZED, moved)
        case Result.CAPTURED | Result.REFUNDED:
            # What was given back since was captured before.
            return Judgement(PaymentEvent.CAPTURED, Ended.CAPTURED, moved, moved)
        case Result.NOT_SENT | Result.OUTAGE | Result.NOT_FOUND | Result.UNKNOWN:
            failure = _not_done(work, verdict, now, not_found_after_seconds)
            if failure:
                return Judgement(PaymentEvent.NOT_REACHED, Ended.NOT_REACHED, failure=failure)
            return Judgement(PaymentEvent.SILENCE, None)
        case decided:
            return _CHARGED[decided]


def _capture(
    work: Work, verdict: Verdict, now: datetime, not_found_after_seconds: float
) -> Judgement:
    match verdict.result:
        case Result.CAPTURED | Result.REFUNDED:
            moved = _amount(work, verdict)
            left = int(work.before.authorized) - int(work.before.captured) - moved
            last = work.ends or left <= 0
            event = PaymentEvent.CAPTURED if last else PaymentEvent.CAPTURED_PART
            return Judgement(event, Ended.CAPTURED, 0, moved)
        case Result.DECLINED | Result.AUTHORIZED:
            return Judgement(_still(work), Ended.DECLINED, failure="declined")
        case Result.VOIDED:
            return Judgement(PaymentEvent.LET_GO, Ended.VOIDED)
        case Result.PENDING | Result.APPROVED | Result.NEEDS_ACTION:
            return Judgement(PaymentEvent.PENDING, None)
        case Result.NOT_SENT | Result.OUTAGE | Result.NOT_FOUND | Result.UNKNOWN:
            return _undecided(work, verdict, now, not_found_after_seconds)


def _void(work: Work, verdict: Verdict, now: datetime, not_found_after_seconds: float) -> Judgement:
    match verdict.result:
        case Result.VOIDED:
            if work.why == EXPIRY:
                return Judgement(PaymentEvent.RUN_OUT, Ended.RUN_OUT)
            return Judgement(PaymentEvent.LET_GO, Ended.VOIDED)
        case Result.CAPTURED | Result.REFUNDED:
            # Somebody captured it at the provider itself: a fact of money, whatever we wanted.
            left = int(work.before.authorized) - int(work.before.captured)
            return Judgement(PaymentEvent.CAPTURED, Ended.CAPTURED, 0, left)
        case Result.DECLINED | Result.AUTHORIZED:
            return Judgement(_still(work), Ended.DECLINED, failure="declined")
        case Result.PENDING | Result.APPROVED | Result.NEEDS_ACTION:
            return Judgement(PaymentEvent.PENDING, None)
        case Result.NOT_SENT | Result.OUTAGE | Result.NOT_FOUND | Result.UNKNOWN:
            return _undecided(work, verdict, now, not_found_after_seconds)


def _undecided(
    work: Work, verdict: Verdict, now: datetime, not_found_after_seconds: float
) -> Judgement:
    failure = _not_done(work, verdict, now, not_found_after_seconds)
    if failure:
        return Judgement(_still(work), Ended.NOT_REACHED, failure=failure)
    return Judgement(PaymentEvent.SILENCE, None)


def refund_judged(
    work: Work, verdict: Verdict, now: datetime, not_found_after_seconds: float
) -> tuple[RefundEvent, Ended | None, str]:
    """Tell what an answer means for a refund: what happened, how it ended, why it failed."""
    match verdict.result:
        case Result.REFUNDED:
            return RefundEvent.GIVEN, Ended.REFUNDED, ""
        case Result.DECLINED | Result.VOIDED:
            return RefundEvent.NOT_GIVEN, Ended.DECLINED, "declined"
        case Result.NOT_SENT | Result.OUTAGE | Result.NOT_FOUND | Result.UNKNOWN:
            failure = _not_done(work, verdict, now, not_found_after_seconds)
            if failure:
                return RefundEvent.NOT_GIVEN, Ended.NOT_REACHED, failure
            return RefundEvent.SILENCE, None, ""
        case _:
            return RefundEvent.PENDING, None, ""


def _not_done(work: Work, verdict: Verdict, now: datetime, not_found_after_seconds: float) -> str:
    """Return why nothing was done, if that is certain."""
    match verdict.result:
        case Result.NOT_SENT | Result.OUTAGE:
            return verdict.status if verdict.status in NEVER_SENT else PROVIDER_UNAVAILABLE
        case Result.NOT_FOUND if now - work.sent_at >= timedelta(seconds=not_found_after_seconds):
            # A provider may find a request only some time after it took it.
            return NEVER_ARRIVED
        case _:
            return ""


def _still(work: Work) -> PaymentEvent:
    partly = work.before.captured != "0"
    return PaymentEvent.STILL_PARTLY if partly else PaymentEvent.STILL_AUTHORIZED


def _amount(work: Work, verdict: Verdict) -> int:
    """Return what moved: what the provider says, which differs only where payers send money."""
    told = verdict.amount
    if told is None or told.asset != work.amount.asset:
        return work.amount.minor
    return told.minor


def state_of(work: Work) -> PaymentState:
    """Return the state the work found its payment in."""
    return STATES[work.before.state]


def moved(work: Work, judgement: Judgement) -> Money:
    """Return what was captured."""
    return Money(judgement.captured, work.amount.asset)
