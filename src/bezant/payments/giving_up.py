"""Giving up a payment whose payer has not finished: told to the provider, then asked about.

No money is set aside yet, so telling it has no outcome of its own: the charge has, and whoever
learns it first writes it. Should the payer have been quicker, the payment has succeeded.
"""

from typing import Final

from bezant.money import Money
from bezant.payments import rules
from bezant.payments.attempt import Operation
from bezant.payments.creating import found
from bezant.payments.exchanging import Exchanges
from bezant.payments.parts import Parts
from bezant.payments.payment import PaymentState, VoidPayment
from bezant.payments.port import PaymentBusy
from bezant.payments.repeating import AGAIN_SECONDS
from bezant.payments.store import read, write
from bezant.payments.walk import Walk
from bezant.payments.work import Work, asking

NUMBER: Final = 255
"""The number of the key under which a provider is told; no attempt of a payment has it."""


class GivingUp:
    """Gives up payments that wait for their payer."""

    def __init__(self, parts: Parts, exchanges: Exchanges, walk: Walk) -> None:
        self._parts = parts
        self._exchanges = exchanges
        self._walk = walk

    async def before_void(self, command: VoidPayment) -> None:
        """Give a payment up if it waits for its payer, and this was not asked before."""
        request = rules.request_id(command.tenant, command.mode, command.key)
        if await write.asked(self._parts.database, request) is not None:
            return
        row = await found(self._parts, command.tenant, command.mode, command.payment)
        if row.state_named is PaymentState.NEEDS_ACTION:
            await self._give_up(row, rules.text(command.reason, "reason"))

    async def _give_up(self, row: read.PaymentRow, reason: str) -> None:
        """Tell the provider, and find out what became of the charge."""
        parts = self._parts
        facts = row.facts()
        work = Work(
            attempt=rules.attempt_id(row.id, NUMBER),
            facts=facts,
            before=row.standing(),
            operation=Operation.VOID,
            provider=row.provider or "",
            amount=Money(int(row.amount), row.money),
            sent_at=parts.clock.now(),
            why="same",
            reason=reason,
            reference=row.reference or "",
            part=row.part or "",
        )
        request = asking(parts.connectors[work.provider], work, work.sent_at)
        await self._exchanges.tell(work, request)
        await self._walk.ask_about(rules.attempt_id(row.id, row.charge))
        after = await read.payment(parts.database, row.id)
        waits = after is None or after.state_named in (
            PaymentState.NEEDS_ACTION,
            PaymentState.PROCESSING,
        )
        if waits:
            raise PaymentBusy(retry_after_seconds=AGAIN_SECONDS)
