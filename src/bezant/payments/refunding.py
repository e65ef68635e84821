"""Giving money back. What is asked for is taken from what was captured before anybody is asked, so
refunds never exceed it together; above a threshold a second person agrees first.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final
from uuid import UUID

import msgspec

from bezant.actor import Caller, Mode
from bezant.db.faults import ConstraintViolated
from bezant.errors import Invalid
from bezant.money import Money
from bezant.payments import rules
from bezant.payments.approving import Approving, approval_of
from bezant.payments.codes import REFUND_STATE_NUMBERS, Kind
from bezant.payments.creating import found
from bezant.payments.exchanging import Exchanges
from bezant.payments.failpoints import Point
from bezant.payments.gathered import DUE
from bezant.payments.parts import Parts
from bezant.payments.payment import PaymentState
from bezant.payments.port import (
    ATTEMPTS_MAX,
    CountedBefore,
    NotInThisState,
    PaymentBusy,
    RefundTooLarge,
    StepNotOffered,
    TooManyAttempts,
    UnknownRefund,
)
from bezant.payments.refund import Refund, RefundState, RequestRefund
from bezant.payments.refund_work import refund_work
from bezant.payments.repeating import AGAIN_SECONDS, kept_answer
from bezant.payments.returning import Returning, answer, repeated
from bezant.payments.store import read, write
from bezant.payments.store import refund as stored
from bezant.payments.work import Work, asking

_CAPTURED: Final = frozenset({PaymentState.PARTLY_CAPTURED, PaymentState.SUCCEEDED})
_encode: Final = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Above which amounts a second person has to agree; an asset that is not named has none."""

    amounts: Mapping[str, Money]

    def exceeded(self, amount: Money) -> bool:
        """Tell whether a second person has to agree."""
        limit = self.amounts.get(amount.asset.code)
        return limit is not None and amount > limit


class Refunding:
    """Takes requests for refunds and carries them through."""

    def __init__(
        self,
        parts: Parts,
        exchanges: Exchanges,
        returning: Returning,
        approving: Approving,
        thresholds: Thresholds,
    ) -> None:
        self._parts = parts
        self._exchanges = exchanges
        self._returning = returning
        self._approving = approving
        self._thresholds = thresholds

    async def request(self, command: RequestRefund) -> Refund:
        """Give money back, or ask for the approval that it needs."""
        parts = self._parts
        request = rules.request_id(command.tenant, command.mode, command.key)
        rules.text(command.reason, "reason")
        rules.metadata(command.metadata)
        rules.text(command.sent, "sent", rules.TOKEN_CHARACTERS_MAX)
        said = [
            "refund", command.payment, str(command.amount or "all"), command.reason,
            sorted(command.metadata.items()), *([command.sent] if command.sent else []),
        ]  # fmt: skip
        fingerprint = rules.fingerprint(*said)
        asked = await write.asked(parts.database, request)
        if asked is not None:
            return await repeated(parts, asked.subject, kept_answer(asked, fingerprint))
        payment = await found(parts, command.tenant, command.mode, command.payment)
        amount = self._allowed(payment, command.amount, command.sent)
        row = self._row(command, payment, amount, request)
        if row.approval is not None:
            await self._approving.propose(command, row)
            work, provider_request = None, None
        else:
            work = await refund_work(parts, payment, row, request)
            provider_request = asking(parts.connectors[work.provider], work, work.sent_at)
        parts.failpoints.reach(Point.BEFORE_BEGIN)
        try:
            before = await self._stored(row, work, request, fingerprint)
        except ConstraintViolated as error:
            if stored.is_counted_twice(error):
                raise CountedBefore(field="sent") from None
            raise
        if before is not None:
            return await repeated(parts, *before)
        parts.told()
        if work is not None and provider_request is not None:
            await parts.booking.promised(work)
            parts.failpoints.reach(Point.AFTER_PROMISE)
            heard = await self._exchanges.tell(work, provider_request)
            await self._returning.conclude(work, heard)
        return await self.one(row.id)

    async def one(self, refund: UUID) -> Refund:
        """Return a refund as it stands."""
        row = await stored.refund(self._parts.database, refund)
        if row is None:
            raise UnknownRefund
        return row.spelled()

    def _allowed(self, payment: read.PaymentRow, asked: Money | None, sent: str) -> Money:
        state = payment.state_named
        if state not in _CAPTURED:
            if payment.busy:
                raise PaymentBusy(retry_after_seconds=AGAIN_SECONDS)
            raise NotInThisState(facts={"state": state.value})
        left = Money(int(payment.captured - payment.refunded - payment.disputed), payment.money)
        amount = left if asked is None else rules.amount(asked)
        if amount.asset != left.asset:
            raise Invalid(f"this payment is in {left.asset.code}", field="amount")
        if amount > left or left.minor <= 0:
            raise RefundTooLarge(field="amount", facts={"left": str(left)})
        can = self._parts.connectors[payment.provider or ""].capabilities
        if can.refund and sent:
            raise StepNotOffered("this provider gives back what is asked for here", field="sent")
        if not can.refund and not sent:
            raise StepNotOffered(
                "this provider gives nothing back by itself: send the money from your account there"
                " and say in `sent` what its report calls that",
                field="sent",
                facts={"reference": payment.reference or ""},
            )
        if can.refund and amount.minor != payment.captured and not can.partial_refund:
            raise StepNotOffered("this provider does not give back a part", field="amount")
        return amount

    def _row(
        self, command: RequestRefund, payment: read.PaymentRow, amount: Money, request: UUID
    ) -> stored.RefundRow:
        parts, now = self._parts, self._parts.clock.now()
        # A module gives money back that nobody wanted; nobody has decided that, so nobody agrees.
        by_people = command.by.caller is not Caller.MODULE
        # All that was given back of it counts: a large refund does not become small in parts.
        whole = Money(int(payment.refunded), payment.money) + amount
        approves = by_people and self._thresholds.exceeded(whole)
        state = RefundState.NEEDS_APPROVAL if approves else RefundState.PROCESSING
        if payment.attempts >= ATTEMPTS_MAX:
            raise TooManyAttempts
        return stored.RefundRow(
            id=parts.ids.uuid(),
            payment=payment.id,
            tenant=payment.tenant,
            created_at=now,
            updated_at=now,
            number=REFUND_STATE_NUMBERS[state],
            attempt=0 if approves else payment.attempts + 1,
            live=command.mode is Mode.LIVE,
            amount=Decimal(amount.minor),
            requested_by=command.by.subject,
            approval=approval_of(request) if approves else None,
            reason=command.reason or None,
            failure=None,
            metadata=_encode(command.metadata).decode() if command.metadata else None,
            sent=command.sent or None,
            provider=payment.provider,
            movement=command.sent or None,
            asset=payment.asset,
            exponent=payment.exponent,
            reference=None,
        )

    async def _stored(
        self, row: stored.RefundRow, work: Work | None, request: UUID, fingerprint: int
    ) -> tuple[UUID, bytes] | None:
        """Store a refund, or return what was answered to the same request before."""
        parts = self._parts
        async with parts.database.transaction() as tx:
            payment = await read.locked(tx, row.payment)
            assert payment is not None, "payments are not deleted"
            asked = await write.ask(tx, request, fingerprint, row.id, row.created_at, None)
            if asked is None:
                if work is not None and payment.attempts + 1 != work.number:
                    raise PaymentBusy(retry_after_seconds=AGAIN_SECONDS)
                if row.sent and await stored.is_counted(tx, row.payment, row.sent):
                    raise CountedBefore(field="sent")
                attempts = payment.attempts if work is None else work.number
                if not await stored.set_aside(tx, row.payment, int(row.amount), attempts):
                    raise RefundTooLarge
                await stored.add(tx, row)
                if work is not None:
                    await write.add_attempt(tx, work, work.sent_at + DUE)
                await stored.add_step(
                    tx, row, Kind.REFUND_CREATED, row.state, row.created_at, row.attempt
                )
                if work is None:
                    await answer(tx, request, row.id)
        return None if asked is None else (asked.subject, kept_answer(asked, fingerprint))
