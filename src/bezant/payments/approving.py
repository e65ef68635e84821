"""Refunds that a second person has to agree to: proposed, and taken up when approved."""

import hashlib
from typing import Final
from uuid import UUID, uuid5

import msgspec

from bezant import ids, telemetry
from bezant.actor import Mode
from bezant.approvals.port import (
    ApprovalExpired,
    ApprovalOpen,
    ApprovalRejected,
    Approvals,
    Propose,
    Spend,
)
from bezant.errors import BezantError
from bezant.payments.codes import Kind
from bezant.payments.exchanging import Exchanges
from bezant.payments.gathered import DUE
from bezant.payments.parts import Parts
from bezant.payments.refund import RefundState, RequestRefund
from bezant.payments.refund_work import refund_work
from bezant.payments.returning import Returning
from bezant.payments.states import REFUND, RefundEvent
from bezant.payments.store import read, write
from bezant.payments.store import refund as stored
from bezant.payments.work import Work, asking

_log = telemetry.log("payments")
APPROVALS_MAX: Final = 100  # Looked at in one round.
KIND: Final = "refund"
PERMISSION: Final = "refunds.write"


class Approving:
    """Asks for approvals and does what was approved."""

    def __init__(
        self, parts: Parts, exchanges: Exchanges, returning: Returning, approvals: Approvals
    ) -> None:
        self._parts = parts
        self._exchanges = exchanges
        self._returning = returning
        self._approvals = approvals
        self._behind: UUID | None = None

    async def propose(self, command: RequestRefund, row: stored.RefundRow) -> None:
        """Ask for the approval of a refund; asking again for the same one is safe."""
        assert row.approval is not None, "only what needs an approval is proposed"
        await self._approvals.propose(
            Propose(
                id=row.approval,
                by=command.by,
                tenant=command.tenant,
                kind=KIND,
                subject=f"pay_{row.payment.hex}",
                summary=f"Refund {row.money} of payment pay_{row.payment.hex}{_sent(row)}",
                digest=digest(row),
                permission=PERMISSION,
            )
        )

    async def take_up_approved(self) -> int:
        """Begin refunds that were approved, end those that were rejected; return how many.

        Each round goes on behind the last one: refunds that nobody decides hold up nobody's.
        """
        rows = await stored.waiting_for_approval(self._parts.database, APPROVALS_MAX, self._behind)
        self._behind = rows[-1].id if len(rows) == APPROVALS_MAX else None
        taken = 0
        for row in rows:
            try:
                taken += await self._take_up(row)
            except BezantError as error:
                _log.warn("refund.waits", refund=f"re_{row.id.hex}", code=error.code)
        return taken

    async def _take_up(self, row: stored.RefundRow) -> bool:
        """Spend an approval and begin its refund."""
        assert row.approval is not None, "it waits for an approval"
        mode = Mode.LIVE if row.live else Mode.TEST
        spend = Spend(
            row.approval, ids.spell("mer", row.tenant), mode, KIND, digest(row), f"re_{row.id.hex}"
        )
        try:
            await self._approvals.spend(spend)
        except ApprovalOpen:
            return False
        except (ApprovalRejected, ApprovalExpired) as error:
            await self._rejected(row, error)
            return True
        parts = self._parts
        payment = await read.payment(parts.database, row.payment)
        assert payment is not None, "a refund has a payment"
        work = await refund_work(parts, payment, row, None)
        provider_request = asking(parts.connectors[work.provider], work, work.sent_at)
        if not await self._begun(row, work):
            return False
        parts.told()
        await parts.booking.promised(work)
        await self._returning.conclude(work, await self._exchanges.tell(work, provider_request))
        return True

    async def _begun(self, row: stored.RefundRow, work: Work) -> bool:
        """Store what is about to be sent; false if another process was quicker."""
        async with self._parts.database.transaction() as tx:
            locked = await read.locked(tx, row.payment)
            seen = await stored.refund(tx, row.id)
            if locked is None or seen is None or locked.attempts + 1 != work.number:
                return False
            state = REFUND.after(seen.state, RefundEvent.APPROVED)
            if state is None:
                return False
            await stored.count_attempt(tx, row.payment, work.number)
            await stored.change(tx, row.id, state, work.sent_at, attempt=work.number)
            await write.add_attempt(tx, work, work.sent_at + DUE)
            await stored.add_step(tx, row, Kind.REFUND_APPROVED, state, work.sent_at, work.number)
        return True

    async def _rejected(self, row: stored.RefundRow, error: BezantError) -> None:
        parts, now = self._parts, self._parts.clock.now()
        async with parts.database.transaction() as tx:
            await read.locked(tx, row.payment)
            now_row = await stored.refund(tx, row.id)
            if now_row is None or now_row.state is not RefundState.NEEDS_APPROVAL:
                return
            await stored.change(tx, row.id, RefundState.REJECTED, now, failure=error.code)
            await stored.count_again(tx, row.payment)
            await stored.add_step(tx, row, Kind.REFUND_REJECTED, RefundState.REJECTED, now, 0)
        parts.told()


def approval_of(request: UUID) -> str:
    """Return the id of the approval a request needs: the same for its repeats."""
    return f"apr_{uuid5(request, KIND).hex}"


def digest(row: stored.RefundRow) -> str:
    """Return what is approved, and nothing else: this amount of this payment, once."""
    exactly = [row.approval, row.payment.hex, row.tenant.hex, row.live, str(row.money)]
    exactly += [row.sent] if row.sent else []
    return hashlib.sha256(msgspec.json.encode(exactly)).hexdigest()


def _sent(row: stored.RefundRow) -> str:
    return f", which somebody has sent as {row.sent}" if row.sent else ""
