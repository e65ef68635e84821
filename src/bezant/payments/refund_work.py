"""A refund as work at the provider that has the charge."""

from collections.abc import Mapping
from uuid import UUID

from bezant.exchange import MethodKind
from bezant.payments import rules
from bezant.payments.attempt import Operation
from bezant.payments.codes import METHOD_NUMBERS
from bezant.payments.parts import Parts
from bezant.payments.paying import saved_facts
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
        saved=await _target(parts, payment),
        reason=row.reason or "",
        reference=payment.reference or "",
        part=part,
        sent=row.sent or "",
    )


async def _target(parts: Parts, payment: read.PaymentRow) -> Mapping[str, str]:
    """Return where money goes back to: where it came from, and where a bank did not tell that, the
    account the payer lets us keep.
    """
    if payment.payers_side or payment.method != METHOD_NUMBERS[MethodKind.BANK_TRANSFER]:
        return payment.payers_side
    return await saved_facts(parts, payment.card or "")
