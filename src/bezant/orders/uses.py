"""Uses of payment links: one is taken when a payer begins to pay, and given back if that came to
nothing.

Giving back begins with the payment: only one that can never be paid any more frees its use, so
whoever races, a link for one is paid by one. A payer who tries again takes a use anew, and pays by
another payment.
"""

from datetime import timedelta
from typing import Final

from bezant import telemetry
from bezant.db.database import Tx
from bezant.errors import BezantError
from bezant.orders.ordering import Desk, own_key
from bezant.orders.port import CheckoutBusy, LinkUsedUp
from bezant.orders.standing import came_to_nothing
from bezant.orders.store import checkout as store
from bezant.orders.store.checkout import SessionRow
from bezant.payments.port import (
    NotInThisState,
    Payment,
    PaymentBusy,
    Payments,
    PaymentState,
    VoidPayment,
)

AT_ONCE_MAX: Final = 100
AGAIN_AFTER: Final = timedelta(seconds=60)
NOT_PAID: Final = frozenset({PaymentState.DECLINED, PaymentState.FAILED})
"""Somebody might still try again with such a payment."""
_log = telemetry.log("orders")


class Uses:
    """Takes uses of links, and gives them back."""

    def __init__(self, desk: Desk, payments: Payments) -> None:
        self._desk = desk
        self._payments = payments

    async def take(self, tx: Tx, row: SessionRow) -> None:
        """Count a locked session as a use of its link, once; refuse if there is none left."""
        if row.link_id is None or row.uses_link:
            return
        if not await store.use_link(tx, row.link_id, self._desk.clock.now()):
            raise LinkUsedUp("this link was used up, or closed, before you paid")
        await store.set_uses_link(tx, row.id, uses=True)

    async def tried(self, row: SessionRow, payment: Payment) -> None:
        """Give a use back at once if a try came to nothing; the feed tells it later as well."""
        if row.link_id is None or payment.state not in NOT_PAID:
            return
        try:
            await self._give_back(row, payment)
        except BezantError as refusal:
            _log.warn("link.use_kept", session=str(row.id), code=refusal.code)

    async def let_go(self, row: SessionRow, payment: str) -> Payment:
        """Make sure that nobody tries again with a payment; refuse while somebody does."""
        try:
            return await self._payments.void(
                VoidPayment(
                    own_key(f"checkout:{payment}:let-go"), row.tenant, row.mode, payment,
                    "the try came to nothing", unpaid_only=True,
                )
            )  # fmt: skip
        except (NotInThisState, PaymentBusy):
            raise CheckoutBusy(retry_after_seconds=1) from None

    async def look(self) -> int:
        """Look at sessions whose payment was told to come to nothing; returns how many."""
        async with self._desk.database.transaction() as tx:
            rows = await store.to_look_at(tx, self._desk.clock.now(), AT_ONCE_MAX)
        for row in rows:
            again_at = None
            try:
                payment = await self._payments.payment(row.tenant, row.mode, row.payment)
                await self._give_back(row, payment)
            except BezantError as refusal:  # Its turn comes again; the others have theirs now.
                _log.warn("link.use_kept", session=str(row.id), code=refusal.code)
                again_at = self._desk.clock.now() + AGAIN_AFTER
            async with self._desk.database.transaction() as tx:
                await store.looked_at(tx, row, again_at)
        return len(rows)

    async def _give_back(self, row: SessionRow, payment: Payment) -> None:
        if payment.state in NOT_PAID:
            try:
                payment = await self.let_go(row, payment.id)
            except CheckoutBusy:
                return  # The payer is trying again, and that will be told, too.
        if not came_to_nothing(payment):
            return
        async with self._desk.database.transaction() as tx:
            now = await store.lock_session(tx, row.id)
            if now.payment == payment.id and now.uses_link and now.link_id is not None:
                await store.set_uses_link(tx, row.id, uses=False)
                await store.give_back_use(tx, now.link_id)
