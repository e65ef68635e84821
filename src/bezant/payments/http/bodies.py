"""What the fast lane reads and writes about payments and refunds."""

from datetime import datetime

import msgspec

from bezant.actor import Actor
from bezant.errors import Invalid
from bezant.http.amounts import AmountBody
from bezant.http.fast import FastBody
from bezant.payments.port import (
    CapturePayment,
    ConfirmPayment,
    CreatePayment,
    MethodKind,
    MethodMissing,
    Payment,
    PayWith,
    Refund,
    RequestRefund,
    VoidPayment,
)


class PayWithBody(FastBody, frozen=True):
    """With what it is paid: a card's token, something saved, or just its kind."""

    kind: MethodKind | None = None
    card: str = ""
    saved: str = ""

    def pay_with(self) -> PayWith:
        """Return the method a caller means."""
        kind = self.kind
        if kind is None:
            if not self.card and not self.saved:
                raise MethodMissing(field="pay_with")
            kind = MethodKind.CARD
        if self.card and (kind is not MethodKind.CARD or self.saved):
            raise Invalid("name a card, something saved, or a kind", field="pay_with")
        return PayWith(kind, self.card, self.saved)


class PaymentBody(FastBody, frozen=True):
    """Money to ask a payer for."""

    amount: AmountBody
    pay_with: PayWithBody | None = None
    confirm: bool = True
    capture: bool = True
    customer: str = ""
    order: str = ""
    description: str = ""
    descriptor: str = ""
    metadata: dict[str, str] = msgspec.field(default_factory=dict[str, str])
    return_url: str = ""
    country: str = ""
    priority: str = ""

    def command(self, actor: Actor, key: str) -> CreatePayment:
        """Return the command a caller gives with this body."""
        return CreatePayment(
            key,
            actor.tenant,
            actor.mode,
            self.amount.money(),
            None if self.pay_with is None else self.pay_with.pay_with(),
            self.confirm,
            self.capture,
            self.customer,
            self.order,
            self.description,
            self.descriptor,
            self.metadata,
            self.return_url,
            self.country,
            self.priority,
        )


class ConfirmBody(FastBody, frozen=True):
    """A way to pay a payment that waits for one."""

    pay_with: PayWithBody
    return_url: str = ""

    def command(self, actor: Actor, key: str, payment: str) -> ConfirmPayment:
        """Return the command a caller gives with this body."""
        return ConfirmPayment(
            key, actor.tenant, actor.mode, payment, self.pay_with.pay_with(), self.return_url
        )


class CaptureBody(FastBody, frozen=True):
    """How much to take; nothing said takes all that remains."""

    amount: AmountBody | None = None
    last: bool = True

    def command(self, actor: Actor, key: str, payment: str) -> CapturePayment:
        """Return the command a caller gives with this body."""
        amount = None if self.amount is None else self.amount.money()
        return CapturePayment(key, actor.tenant, actor.mode, payment, amount, self.last)


class VoidBody(FastBody, frozen=True):
    """Why it is let go."""

    reason: str = ""

    def command(self, actor: Actor, key: str, payment: str) -> VoidPayment:
        """Return the command a caller gives with this body."""
        return VoidPayment(key, actor.tenant, actor.mode, payment, self.reason)


class RefundBody(FastBody, frozen=True):
    """How much to give back; nothing said gives back all that remains."""

    payment: str
    amount: AmountBody | None = None
    reason: str = ""
    metadata: dict[str, str] = msgspec.field(default_factory=dict[str, str])
    sent: str = ""

    def command(self, actor: Actor, key: str) -> RequestRefund:
        """Return the command a caller gives with this body."""
        amount = None if self.amount is None else self.amount.money()
        return RequestRefund(
            key, actor.tenant, actor.mode, self.payment, actor, amount, self.reason, self.metadata,
            self.sent,
        )  # fmt: skip


class NextActionAnswer(msgspec.Struct, frozen=True):
    """What the payer has to do."""

    type: str
    url: str
    facts: dict[str, str]
    expires_at: datetime | None


class DeclinedAnswer(msgspec.Struct, frozen=True):
    """A provider's no, and what to tell the payer."""

    code: str
    advice: str
    soft: bool


class PaymentAnswer(msgspec.Struct, frozen=True):
    """A payment as it stands."""

    id: str
    object: str
    mode: str
    state: str
    amount: AmountBody
    authorized: AmountBody
    captured: AmountBody
    refunded: AmountBody
    disputed: AmountBody
    fee: AmountBody
    capture: bool
    created_at: datetime
    updated_at: datetime
    method: str
    card: str
    customer: str
    order: str
    description: str
    descriptor: str
    metadata: dict[str, str]
    provider: str
    reference: str
    next_action: NextActionAnswer | None
    declined: DeclinedAnswer | None
    failure: str
    expires_at: datetime | None
    cost: AmountBody | None
    booked: bool
    refunds_awaiting: AmountBody | None
    advice: str

    @classmethod
    def of(cls, one: Payment) -> "PaymentAnswer":
        """Write a payment."""
        action, declined = one.next_action, one.declined
        return cls(
            id=one.id,
            object="payment",
            mode=one.mode.value,
            state=one.state.value,
            amount=AmountBody.of(one.amount),
            authorized=AmountBody.of(one.authorized),
            captured=AmountBody.of(one.captured),
            refunded=AmountBody.of(one.refunded),
            disputed=AmountBody.of(one.disputed),
            fee=AmountBody.of(one.fee),
            capture=one.capture,
            created_at=one.created_at,
            updated_at=one.updated_at,
            method="" if one.method is None else one.method.value,
            card=one.card,
            customer=one.customer,
            order=one.order,
            description=one.description,
            descriptor=one.descriptor,
            metadata=dict(one.metadata),
            provider=one.provider,
            reference=one.reference,
            next_action=(
                None
                if action is None
                else NextActionAnswer(
                    action.type, action.url, dict(action.facts), action.expires_at
                )
            ),
            declined=(
                None
                if declined is None
                else DeclinedAnswer(declined.code.value, declined.advice, declined.soft)
            ),
            failure=one.failure,
            expires_at=one.expires_at,
            cost=None if one.cost is None else AmountBody.of(one.cost),
            booked=one.booked,
            refunds_awaiting=(
                None if one.refunds_awaiting is None else AmountBody.of(one.refunds_awaiting)
            ),
            advice=one.advice,
        )


class RefundAnswer(msgspec.Struct, frozen=True):
    """A refund as it stands."""

    id: str
    object: str
    mode: str
    payment: str
    state: str
    amount: AmountBody
    reason: str
    metadata: dict[str, str]
    requested_by: str
    approval: str
    reference: str
    failure: str
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, one: Refund) -> "RefundAnswer":
        """Write a refund."""
        return cls(
            id=one.id,
            object="refund",
            mode=one.mode.value,
            payment=one.payment,
            state=one.state.value,
            amount=AmountBody.of(one.amount),
            reason=one.reason,
            metadata=dict(one.metadata),
            requested_by=one.requested_by,
            approval=one.approval,
            reference=one.reference,
            failure=one.failure,
            created_at=one.created_at,
            updated_at=one.updated_at,
        )
