"""A refund as work at the provider that has the charge."""

from uuid import UUID

from bezant.payments import rules
from bezant.payments.attempt import Operation
from bezant.payments.parts import Parts
from bezant.payments.store import read
from bezant.payments.store import refund as stored
from bezant.payments.work import Work


async def refund_work(
    parts: Parts, payment: read.PaymentRow, row: stored.RefundRow, request: UUID | None
) -> Work:
    """Return a refund as the payment's next attempt; nothing is stored yet."""
    part = await stored.part_captured(parts.database, payment.id)
    return Work(
        attempt=rules.attempt_id(payment.id, payment.attempts + 1),
        facts=payment.facts(),
        before=payment.standing(),
        operation=Operation.REFUND,
        provider=payment.provider or "",
        amount=row.money,
        sent_at=parts.clock.now(),
        why="same",
        request=request,
        refund=row.id,
        saved=payment.payers_side,
        reason=row.reason or "",
        reference=payment.reference or "",
        part=part,
        sent=row.sent or "",
    )
