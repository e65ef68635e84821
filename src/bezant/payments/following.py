"""Taking what is set aside, or letting it go: one step of a payment at a time."""

from uuid import UUID

import msgspec

from bezant.errors import Invalid
from bezant.money import Money
from bezant.payments import rules
from bezant.payments.attempt import Operation
from bezant.payments.carrying import Carrier
from bezant.payments.codes import STATE_NUMBERS, Kind
from bezant.payments.creating import found
from bezant.payments.failpoints import Point
from bezant.payments.gathered import DUE
from bezant.payments.parts import Parts
from bezant.payments.payment import CapturePayment, Payment, PaymentState, VoidPayment
from bezant.payments.port import (
    ATTEMPTS_MAX,
    CaptureTooLarge,
    NotInThisState,
    PaymentBusy,
    StepNotOffered,
    TooManyAttempts,
)
from bezant.payments.repeating import AGAIN_SECONDS, Repeats
from bezant.payments.states import PAYMENT, PaymentEvent
from bezant.payments.store import read, write
from bezant.payments.told import microseconds, spelled, written
from bezant.payments.work import EXPIRY, Work, asking

_SET_ASIDE = frozenset({PaymentState.AUTHORIZED, PaymentState.PARTLY_CAPTURED})
_UNPAID = frozenset(
    {
        PaymentState.CREATED,
        PaymentState.DECLINED,
        PaymentState.FAILED,
        PaymentState.VOIDED,
        PaymentState.EXPIRED,
    }
)


class Following:
    """Captures and voids."""

    def __init__(self, parts: Parts, carrier: Carrier, repeats: Repeats) -> None:
        self._parts = parts
        self._carrier = carrier
        self._repeats = repeats

    async def capture(self, command: CapturePayment) -> Payment:
        """Take what is set aside, or a part of it."""
        request = rules.request_id(command.tenant, command.mode, command.key)
        asked = command.amount
        fingerprint = rules.fingerprint(
            "capture", command.payment, "all" if asked is None else str(asked), command.last
        )
        repeated = await self._repeats.payment(request, fingerprint)
        if repeated is not None:
            return repeated
        row = await found(self._parts, command.tenant, command.mode, command.payment)
        amount = self._amount(row, asked)
        self._offered(row, amount, last=command.last)
        work = self._work(row, Operation.CAPTURE, amount, request, ends=command.last)
        return await self._carried(work, row, fingerprint)

    async def void(self, command: VoidPayment) -> Payment:
        """Let go of what is set aside, or give up a payment that was never charged."""
        request = rules.request_id(command.tenant, command.mode, command.key)
        rules.text(command.reason, "reason")
        fingerprint = rules.fingerprint("void", command.payment, command.reason)
        repeated = await self._repeats.payment(request, fingerprint)
        if repeated is not None:
            return repeated
        row = await found(self._parts, command.tenant, command.mode, command.payment)
        if row.busy:
            raise PaymentBusy(retry_after_seconds=AGAIN_SECONDS)
        if command.unpaid_only and row.state_named not in _UNPAID:
            raise NotInThisState(facts={"state": row.state_named.value})
        if row.state_named not in _SET_ASIDE:
            return await self._given_up(row, request, fingerprint, PaymentEvent.LET_GO)
        left = Money(int(row.authorized - row.captured), row.money)
        work = self._work(row, Operation.VOID, left, request, reason=command.reason)
        return await self._carried(work, row, fingerprint)

    async def expire(self, payment: UUID) -> None:
        """Let go of an authorization whose time is over: at the provider first."""
        row = await read.payment(self._parts.database, payment)
        if row is None or row.busy or row.state_named not in _SET_ASIDE:
            return
        left = Money(int(row.authorized - row.captured), row.money)
        await self._carried(self._work(row, Operation.VOID, left, None, why=EXPIRY), row, 0)

    def _amount(self, row: read.PaymentRow, asked: Money | None) -> Money:
        if row.state_named not in _SET_ASIDE:
            if row.busy:
                raise PaymentBusy(retry_after_seconds=AGAIN_SECONDS)
            raise NotInThisState(facts={"state": row.state_named.value})
        left = Money(int(row.authorized - row.captured), row.money)
        if asked is None:
            return left
        rules.amount(asked)
        if asked.asset != left.asset:
            raise Invalid(f"this payment is in {left.asset.code}", field="amount")
        if asked > left:
            raise CaptureTooLarge(field="amount", facts={"left": str(left)})
        return asked

    def _offered(self, row: read.PaymentRow, amount: Money, *, last: bool) -> None:
        can = self._parts.connectors[row.provider or ""].capabilities
        partly = amount.minor < row.authorized - row.captured or row.captured > 0
        if partly and not can.partial_capture:
            raise StepNotOffered("this provider captures all or nothing", field="amount")
        if not last and not can.multiple_captures:
            raise StepNotOffered("this provider captures once", field="last")

    def _work(
        self,
        row: read.PaymentRow,
        operation: Operation,
        amount: Money,
        request: UUID | None,
        *,
        ends: bool = True,
        why: str = "same",
        reason: str = "",
    ) -> Work:
        number = row.attempts + 1
        now = self._parts.clock.now()
        before = msgspec.structs.replace(
            row.standing(), busy=number, attempts=number, updated_at=microseconds(now)
        )
        return Work(
            attempt=rules.attempt_id(row.id, min(number, ATTEMPTS_MAX)),
            facts=row.facts(),
            before=before,
            operation=operation,
            provider=row.provider or "",
            amount=amount,
            sent_at=now,
            why=why,
            card=row.card or "",
            ends=ends,
            request=request,
            reason=reason,
            reference=row.reference or "",
            part=row.part or "",
        )

    async def _carried(self, work: Work, row: read.PaymentRow, fingerprint: int) -> Payment:
        """Store the step, unless another one was quicker, and carry it through."""
        parts, facts = self._parts, work.facts
        provider_request = asking(parts.connectors[work.provider], work, work.sent_at)
        asked = None
        parts.failpoints.reach(Point.BEFORE_BEGIN)
        async with parts.database.transaction() as tx:
            locked = await read.locked(tx, facts.id)
            assert locked is not None, "payments are not deleted"
            if work.request is not None:
                asked = await write.ask(tx, work.request, fingerprint, facts.id, work.sent_at, None)
            if asked is None:
                _may_go_on(locked, row)
                await write.change(tx, facts.id, work.before, work.sent_at)
                await write.add_attempt(tx, work, work.sent_at + DUE)
        if asked is not None:
            return await self._repeats.answered(asked, fingerprint)
        settled = await self._carrier.carry(work, provider_request)
        if settled is None:
            return await self._repeats.overtaken(facts.id, work.request)
        return spelled(facts, settled)

    async def _given_up(
        self, row: read.PaymentRow, request: UUID, fingerprint: int, event: PaymentEvent
    ) -> Payment:
        """Give up a payment no provider has anything of."""
        parts, now = self._parts, self._parts.clock.now()
        async with parts.database.transaction() as tx:
            locked = await read.locked(tx, row.id)
            assert locked is not None, "payments are not deleted"
            asked = await write.ask(tx, request, fingerprint, row.id, now, None)
            standing = locked.standing()
            if asked is None:
                state = PAYMENT.after(locked.state_named, event)
                if state is None or locked.busy:
                    raise NotInThisState(facts={"state": locked.state_named.value})
                if locked.state != row.state:  # Perhaps a provider has something of it by now.
                    raise PaymentBusy(retry_after_seconds=AGAIN_SECONDS)
                standing = msgspec.structs.replace(
                    standing, state=STATE_NUMBERS[state], updated_at=microseconds(now)
                )
                if state is not locked.state_named:
                    await write.change(tx, row.id, standing, now)
                    await write.add_step(tx, row.id, Kind.VOIDED, now)
                await write.answer(tx, request, written(standing))
        if asked is not None:
            return await self._repeats.answered(asked, fingerprint)
        parts.told()
        return spelled(row.facts(), standing)


def _may_go_on(locked: read.PaymentRow, seen: read.PaymentRow) -> None:
    """Refuse a step if another one is under way, or has changed what this one was decided on."""
    if locked.busy or locked.attempts != seen.attempts or locked.state != seen.state:
        raise PaymentBusy(retry_after_seconds=AGAIN_SECONDS)
    if locked.attempts >= ATTEMPTS_MAX:
        raise TooManyAttempts
