"""Money taken beside a payment: a charge that was thought dead took it after all, and another one
had taken its place. It is a fact that is told, its money is in `suspense`, and what is given back
of it, or taken by a dispute, clears `suspense` again: the payment itself never had it.

How much was captured is what has been proved so far. More may be heard later, and is booked then:
under a name that says what was known before, so that of two who hear of it one books it.
"""

import hashlib
from typing import Final

import msgspec

from bezant import telemetry
from bezant.actor import PLATFORM, Mode
from bezant.errors import Unavailable
from bezant.ledger.port import Side, TransfersOf
from bezant.money import Money, total
from bezant.payments.attempt import Operation
from bezant.payments.booking import Booked, Sides
from bezant.payments.codes import OPERATIONS, Kind
from bezant.payments.parts import Parts
from bezant.payments.port import BookUnavailable
from bezant.payments.repeating import AGAIN_SECONDS
from bezant.payments.rules import MOVEMENT_CHARACTERS_MAX
from bezant.payments.store import beside as stored
from bezant.payments.store import due, read, settlement, write
from bezant.payments.work import Work, follow_up_of
from bezant.psp.port import (
    DisputeNews,
    FollowUp,
    Incoming,
    ListsRefunds,
    ProviderUnavailable,
    RefundNews,
    Result,
    Verdict,
)

_log = telemetry.log("payments")
_NOT_KEPT: Final = frozenset({Result.DECLINED, Result.VOIDED})
_CHARGED: Final = "charged beside the payment"
_GIVEN_BACK: Final = "given back beside the payment"
_DISPUTED: Final = "disputed beside the payment"


class Beside:
    """Looks after charges that have no place in their payment."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def taken(self, work: Work, verdict: Verdict, amount: Money) -> None:
        """Book what was taken, and tell of it once. Who heard of it so late that the payment had
        gone on may have booked it as the payment's before.
        """
        if amount:
            await self._captured(work, verdict, amount)
        else:
            await self._noted(work, verdict, amount)

    async def heard(self, work: Work, news: RefundNews) -> None:
        """Take what was given back of such a charge, or came back again; once each."""
        database, amount = self._parts.database, news.verdict.amount
        if amount is None or not _is_legible(work, news.part, amount):
            _log.error("refund.unreadable", attempt=work.key, part=news.part)
            return
        live = work.facts.mode is Mode.LIVE
        if await settlement.parts_known(database, work.provider, live, [news.part]):
            return  # It was counted as the payment's, by somebody who did not know better.
        given = await stored.given(database, work.attempt, news.part)
        if news.verdict.result is Result.REFUNDED and given is None:
            await self._proved(work, news.verdict.reference, amount, beyond_given=True)
            await self._moved(work, news.part, amount, _GIVEN_BACK)
        elif news.verdict.result in _NOT_KEPT and given is not None:
            await self._moved(work, f"{news.part} came back", -amount, _GIVEN_BACK)

    async def disputed(self, work: Work, news: DisputeNews) -> None:
        """Take what a dispute took of such a charge, or that it came back again; once each."""
        if not _is_legible(work, news.reference, news.amount):
            _log.error("dispute.unreadable", attempt=work.key, part=news.reference)
            return
        part, amount = f"{stored.DISPUTED}{news.reference}", news.amount
        taken = await stored.given(self._parts.database, work.attempt, part)
        if taken is None:
            await self._proved(work, work.reference, amount, beyond_given=False)
            await self._moved(work, part, amount, _DISPUTED)
        else:
            amount = Money(taken, amount.asset)
        if news.state == "won":
            await self._moved(work, f"{part} came back", -amount, _DISPUTED)

    async def look(self, work: Work, news: Incoming) -> None:
        """Ask for every refund of such a charge, where its provider lists them."""
        connector = self._parts.connectors[work.provider]
        row = await stored.one(self._parts.database, work.attempt)
        known = None if row is None else row.reference
        work.reference = work.reference or known or news.reference
        if isinstance(connector, ListsRefunds) and work.reference:
            step = self._step(work)
            answer = await self._parts.vault.send(connector.ask_refunds(step))
            listed = connector.listed_refunds(step, answer)
            if listed is None:
                raise ProviderUnavailable(retry_after_seconds=AGAIN_SECONDS)
            for one in listed:
                if one.part:
                    await self.heard(work, one)

    async def _proved(
        self, work: Work, reference: str, amount: Money, *, beyond_given: bool
    ) -> None:
        """Book what must have been captured for this sum to have left us. The provider is asked
        first how much that was, for it may be more.
        """
        for asked in (False, True):
            row = await stored.one(self._parts.database, work.attempt)
            given = int(row.given) if row is not None and beyond_given else 0
            if row is not None and row.captured >= given + amount.minor:
                return
            if asked:
                least = Money(given + amount.minor, amount.asset)
                await self._captured(work, Verdict(Result.CAPTURED, reference), least)
                return
            work.reference = work.reference or reference
            heard = await self._asked(work)
            told = heard.amount
            if heard.result is Result.CAPTURED and told and told.asset == amount.asset:
                await self._captured(work, heard, told)

    async def _asked(self, work: Work) -> Verdict:
        connector, step = self._parts.connectors[work.provider], self._step(work)
        try:
            answer = await self._parts.vault.send(connector.ask(work.operation.value, step))
            return connector.asked(work.operation.value, step, answer)
        except Unavailable:
            raise
        except Exception as error:  # noqa: BLE001 - what is proved is booked whatever we can read
            _log.error("answer.unreadable", error, attempt=work.key, provider=work.provider)
            return Verdict(Result.UNKNOWN)

    def _step(self, work: Work) -> FollowUp:
        """Return a question about it by its own name, not by that of the charge that counts."""
        work.before = msgspec.structs.replace(work.before, charge=work.number)
        return follow_up_of(work, self._parts.clock.now())

    async def _captured(self, work: Work, verdict: Verdict, whole: Money) -> None:
        """Book and note what was captured beyond what is known."""
        parts = self._parts
        while True:
            row = await stored.one(parts.database, work.attempt)
            known = 0 if row is None else int(row.captured)
            if known >= whole.minor:
                return
            if known:
                more = Money(whole.minor - known, whole.asset)
                await self._moved(work, f"{stored.BEYOND}{known}", -more, _CHARGED)
                continue
            if await parts.booking.undone(work) is not Booked.YES:
                raise BookUnavailable(retry_after_seconds=AGAIN_SECONDS)
            first = await self._booked(work, "stray", _sides(work, whole), _CHARGED)
            await self._noted(work, verdict, first)

    async def _moved(self, work: Work, part: str, amount: Money, why: str) -> None:
        """Book and note what left `suspense`; of a sum below nothing, what came to it again."""
        back = amount.minor > 0
        name = hashlib.sha256(part.encode()).hexdigest()[:32]
        booked = await self._booked(work, f"stray/{name}", _sides(work, -amount), why)
        amount = booked if back else -booked
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

    async def _noted(self, work: Work, verdict: Verdict, amount: Money) -> None:
        parts, now, payment = self._parts, self._parts.clock.now(), work.facts.id
        reference, part = verdict.reference or work.reference, verdict.part
        async with parts.database.transaction() as tx:
            await read.locked(tx, payment)
            if not await stored.add(tx, work.attempt, now, amount.minor, reference, part):
                return
            await write.add_step(
                tx, payment, Kind.CHARGED_BESIDE, now, work.number, amount=amount.minor or None
            )
        _log.error("payment.charged_beside", attempt=work.key, provider=work.provider)
        parts.told()

    async def _booked(self, work: Work, what: str, sides: Sides, why: str) -> Money:
        """Book it, and return the sum that is in the book: another one may have been first."""
        name, facts, booking = f"tr_{work.attempt.hex}/{what}", work.facts, self._parts.booking
        booked = await booking.post(facts.mode, name, sides, facts.spelled, why)
        page = await booking.ledger.transfers(TransfersOf(PLATFORM, facts.mode, posted_as=name))
        if booked is not Booked.YES or not page.transfers:
            raise BookUnavailable(retry_after_seconds=AGAIN_SECONDS)
        debits = [leg.amount for leg in page.transfers[0].legs if leg.side is Side.DEBIT]
        return total(debits, facts.amount.asset)


def is_beside(found: due.DueRow, row: read.PaymentRow) -> bool:
    """Tell whether an attempt is a charge other than the one that counts for its payment."""
    charge = OPERATIONS[found.operation] is Operation.CHARGE
    return charge and found.attempt.int & 0xFF != row.charge


def _is_legible(work: Work, part: str, amount: Money) -> bool:
    money = amount.asset == work.amount.asset and amount.minor > 0
    return money and 0 < len(part) <= MOVEMENT_CHARACTERS_MAX


def _sides(work: Work, amount: Money) -> Sides:
    """Return what came to us beside a payment; less than nothing left us again."""
    towards, away = Side.DEBIT, Side.CREDIT
    if amount.minor < 0:
        towards, away, amount = away, towards, -amount
    return [
        ("psp_receivable", work.provider, towards, amount),
        ("suspense", "", away, amount),
    ]
