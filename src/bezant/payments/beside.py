"""Money taken beside a payment: a charge that was thought dead took it after all, and another one
had taken its place. It is a fact that is told, its money is in `suspense`, and what is given back
of it clears `suspense` again: the payment itself never had it.
"""

import hashlib
from typing import Final

import msgspec

from bezant import telemetry
from bezant.ledger.port import Side
from bezant.money import Money
from bezant.payments.attempt import Operation
from bezant.payments.booking import Booked, Sides
from bezant.payments.codes import OPERATIONS, Kind
from bezant.payments.parts import Parts
from bezant.payments.port import BookUnavailable
from bezant.payments.repeating import AGAIN_SECONDS
from bezant.payments.rules import MOVEMENT_CHARACTERS_MAX
from bezant.payments.store import beside as stored
from bezant.payments.store import due, read, write
from bezant.payments.work import Work, follow_up_of
from bezant.psp.port import (
    Incoming,
    ListsRefunds,
    ProviderUnavailable,
    RefundNews,
    Result,
    Verdict,
)

_log = telemetry.log("payments")
_NOT_KEPT: Final = frozenset({Result.DECLINED, Result.VOIDED})


class Beside:
    """Looks after charges that have no place in their payment."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def taken(self, work: Work, verdict: Verdict, amount: Money) -> None:
        """Book what was taken, and tell of it once. Who heard of it so late that the payment had
        gone on may have booked it as the payment's before.
        """
        parts = self._parts
        if amount:
            if await parts.booking.undone(work) is not Booked.YES:
                raise BookUnavailable(retry_after_seconds=AGAIN_SECONDS)
            await self._booked(work, "stray", _sides(work, amount), "charged beside the payment")
        await self._noted(work, verdict.reference or work.reference, verdict.part, amount)

    async def heard(self, work: Work, news: RefundNews) -> None:
        """Take what was given back of such a charge, or came back again; once each."""
        parts, amount = self._parts, news.verdict.amount
        legible = amount is not None and amount.asset == work.amount.asset and amount.minor > 0
        if amount is None or not legible or not 0 < len(news.part) <= MOVEMENT_CHARACTERS_MAX:
            _log.error("refund.unreadable", attempt=work.key, part=news.part)
            return
        known = await stored.is_given(parts.database, work.attempt, news.part)
        if news.verdict.result is Result.REFUNDED and not known:
            if await stored.one(parts.database, work.attempt) is None:
                # What is given back was taken before.
                charge = Verdict(Result.CAPTURED, news.verdict.reference)
                await self.taken(work, charge, work.amount)
            await self._moved(work, news.part, amount)
        elif news.verdict.result in _NOT_KEPT and known:
            await self._moved(work, f"{news.part} came back", -amount)

    async def look(self, work: Work, news: Incoming) -> None:
        """Ask for every refund of such a charge, where its provider lists them."""
        connector = self._parts.connectors[work.provider]
        row = await stored.one(self._parts.database, work.attempt)
        known = None if row is None else row.reference
        work.reference = work.reference or known or news.reference
        if isinstance(connector, ListsRefunds) and work.reference:
            # It is asked about by its own name, not by that of the charge that counts.
            work.before = msgspec.structs.replace(work.before, charge=work.number)
            step = follow_up_of(work, self._parts.clock.now())
            answer = await self._parts.vault.send(connector.ask_refunds(step))
            listed = connector.listed_refunds(step, answer)
            if listed is None:
                raise ProviderUnavailable(retry_after_seconds=AGAIN_SECONDS)
            for one in listed:
                if one.part:
                    await self.heard(work, one)

    async def _moved(self, work: Work, part: str, amount: Money) -> None:
        """Book and note what left `suspense`; of a sum below nothing, what came to it again."""
        back = amount.minor > 0
        name = hashlib.sha256(part.encode()).hexdigest()[:32]
        sides = _sides(work, -amount)
        await self._booked(work, f"stray/{name}", sides, "given back beside the payment")
        parts, now, payment = self._parts, self._parts.clock.now(), work.facts.id
        kind = Kind.BESIDE_GIVEN_BACK if back else Kind.CHARGED_BESIDE
        async with parts.database.transaction() as tx:
            await read.locked(tx, payment)
            if not await stored.add_back(tx, work.attempt, part, now, amount.minor):
                return
            moved = abs(amount.minor)
            await write.add_step(tx, payment, kind, now, work.number, amount=moved)
        _log.warn("payment.beside_moved", attempt=work.key, amount=str(amount))
        parts.told()

    async def _noted(self, work: Work, reference: str, part: str, amount: Money) -> None:
        parts, now, payment = self._parts, self._parts.clock.now(), work.facts.id
        async with parts.database.transaction() as tx:
            await read.locked(tx, payment)
            if not await stored.add(tx, work.attempt, now, amount.minor, reference, part):
                return
            await write.add_step(
                tx, payment, Kind.CHARGED_BESIDE, now, work.number, amount=amount.minor or None
            )
        _log.error("payment.charged_beside", attempt=work.key, provider=work.provider)
        parts.told()

    async def _booked(self, work: Work, what: str, sides: Sides, why: str) -> None:
        name, facts = f"tr_{work.attempt.hex}/{what}", work.facts
        booked = await self._parts.booking.post(facts.mode, name, sides, facts.spelled, why)
        if booked is not Booked.YES:
            raise BookUnavailable(retry_after_seconds=AGAIN_SECONDS)


def is_beside(found: due.DueRow, row: read.PaymentRow) -> bool:
    """Tell whether an attempt is a charge other than the one that counts for its payment."""
    charge = OPERATIONS[found.operation] is Operation.CHARGE
    return charge and found.attempt.int & 0xFF != row.charge


def _sides(work: Work, amount: Money) -> Sides:
    """Return what came to us beside a payment; less than nothing left us again."""
    towards, away = Side.DEBIT, Side.CREDIT
    if amount.minor < 0:
        towards, away, amount = away, towards, -amount
    return [
        ("psp_receivable", work.provider, towards, amount),
        ("suspense", "", away, amount),
    ]
