"""What payments mean to the book: each fact of money is one transfer, under an id of its own.

docs/concepts/chart-of-accounts.md shows them. Booking the same fact again answers the first record,
so whoever is not sure whether it was booked books it.
"""

from collections.abc import Sequence
from enum import IntEnum
from typing import Final
from uuid import UUID

from bezant import telemetry
from bezant.actor import PLATFORM, Mode
from bezant.errors import BezantError, Unavailable
from bezant.ledger.port import (
    ChartAccount,
    IdReused,
    Ledger,
    Leg,
    PostTransfer,
    ReverseTransfer,
    Side,
    Transfer,
    TransfersOf,
)
from bezant.money import Money, total
from bezant.payments.dispute import DisputeState
from bezant.payments.port import BookUnavailable, PaymentBusy
from bezant.payments.told import Facts
from bezant.payments.work import Work

_log = telemetry.log("payments")
ACCOUNTS_KEPT_MAX: Final = 10_000
AGAIN_SECONDS: Final = 1.0
Sides = Sequence[tuple[str, str, Side, Money]]
"""Legs by the names of their accounts: the chart's name, what it is of, the side, how much."""


class Booked(IntEnum):
    """What became of a booking."""

    YES = 0
    LATER = 1
    """The book did not answer: the same may be asked again."""
    REFUSED = 2
    """The book said no, and would say so again: another try needs another id."""


class Booking:
    """The payments' side of the book."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._accounts: dict[tuple[str, Mode, str, str], str] = {}

    @property
    def ledger(self) -> Ledger:
        """Return the book itself, for questions."""
        return self._ledger

    async def captured(
        self, work: Work, amount: Money, fee: Money, again: int = 0
    ) -> tuple[Booked, Money]:
        """The provider took money for us: it owes us, we owe the merchant, less our fee.

        `again` counts how often the book has refused it. The fee that is returned is the one in the
        book: whoever booked it first may have gone by other rules.
        """
        of = work.facts.tenant
        sides = [("psp_receivable", work.provider, Side.DEBIT, amount)]
        if amount > fee:
            sides.append(("merchant_payable", of, Side.CREDIT, amount - fee))
        if fee:
            sides.append(("fees_earned", "", Side.CREDIT, fee))
        name = f"tr_{work.attempt.hex}"
        booked, first = await self._posted(work.facts, name, again, sides, "capture")
        return booked, fee if first is None else await self._fee_in(first, work.facts, amount)

    async def fee_before(self, work: Work, amount: Money) -> Money | None:
        """Return the fee of a capture that is in the book already; nothing if there is none."""
        name, facts = f"tr_{work.attempt.hex}", work.facts
        booked, first = await self._before(facts.mode, name, facts.spelled, "capture")
        if booked is Booked.LATER:
            raise BookUnavailable(retry_after_seconds=AGAIN_SECONDS)
        return None if first is None else await self._fee_in(first, facts, amount)

    async def undone(self, work: Work) -> Booked:
        """Take a capture out of the book that has no place in its payment, if it is in there."""
        name, facts = f"tr_{work.attempt.hex}", work.facts
        booked, first = await self._before(facts.mode, name, facts.spelled, "capture")
        if first is None:
            return Booked.YES if booked is Booked.REFUSED else booked
        undo = ReverseTransfer(f"{name}/undone", PLATFORM, facts.mode, first.id, "has no place")
        try:
            await self._ledger.reverse(undo)
        except BezantError as error:
            _log.error("payment.not_undone", transfer=name, code=error.code)
            return Booked.LATER
        return Booked.YES

    async def _fee_in(self, capture: Transfer, facts: Facts, amount: Money) -> Money:
        """Return the fee in a capture of this amount as it was booked."""
        asset = facts.amount.asset
        debits = [leg.amount for leg in capture.legs if leg.side is Side.DEBIT]
        if total(debits, asset) != amount:
            # Somebody counts another sum of a payer's transfers, and has not told it yet.
            raise PaymentBusy(retry_after_seconds=AGAIN_SECONDS)
        earned = await self._account("fees_earned", facts.mode, asset.code, "")
        return total([leg.amount for leg in capture.legs if leg.account == earned], asset)

    async def promised(self, work: Work, again: int = 0) -> Booked:
        """We promised a refund: the merchant bears it."""
        sides = [
            ("merchant_payable", work.facts.tenant, Side.DEBIT, work.amount),
            ("refund_payable", work.provider, Side.CREDIT, work.amount),
        ]
        return await self._of(work, "", again, sides, "refund promised")

    async def given(self, work: Work, again: int = 0) -> Booked:
        """The provider gave a refund: it owes us less."""
        sides = [
            ("refund_payable", work.provider, Side.DEBIT, work.amount),
            ("psp_receivable", work.provider, Side.CREDIT, work.amount),
        ]
        return await self._of(work, "/given", again, sides, "refund given")

    async def not_given(self, work: Work, again: int = 0) -> Booked:
        """The refund came to nothing: the merchant has the money again."""
        sides = [
            ("refund_payable", work.provider, Side.DEBIT, work.amount),
            ("merchant_payable", work.facts.tenant, Side.CREDIT, work.amount),
        ]
        return await self._of(work, "/back", again, sides, "refund not given")

    async def given_late(self, work: Work, again: int = 0) -> Booked:
        """The provider gave a refund that was given up, and booked as such."""
        sides = [
            ("merchant_payable", work.facts.tenant, Side.DEBIT, work.amount),
            ("psp_receivable", work.provider, Side.CREDIT, work.amount),
        ]
        return await self._of(work, "/late", again, sides, "refund given after all")

    async def came_back(self, work: Work, again: int = 0) -> Booked:
        """A refund that was given came back: the provider owes us again, and we the merchant."""
        sides = [
            ("psp_receivable", work.provider, Side.DEBIT, work.amount),
            ("merchant_payable", work.facts.tenant, Side.CREDIT, work.amount),
        ]
        return await self._of(work, "/came_back", again, sides, "refund came back")

    async def disputed(
        self,
        facts: Facts,
        dispute: UUID,
        provider: str,
        amount: Money,
        state: DisputeState,
        again: int = 0,
    ) -> Booked:
        """A provider took money back: it is set aside until somebody has decided, then it is the
        merchant's again or the payer's for good.
        """
        name = f"tr_dp_{dispute.hex}"
        taken = [
            ("dispute_receivable", provider, Side.DEBIT, amount),
            ("psp_receivable", provider, Side.CREDIT, amount),
            ("merchant_payable", facts.tenant, Side.DEBIT, amount),
            ("dispute_reserve", facts.tenant, Side.CREDIT, amount),
        ]
        booked, _ = await self._posted(facts, name, again, taken, "dispute opened")
        if booked is not Booked.YES:
            return booked
        match state:
            case DisputeState.WON:
                back = [
                    (chart, of, Side.CREDIT if side is Side.DEBIT else Side.DEBIT, amount)
                    for chart, of, side, _ in taken
                ]
                return (await self._posted(facts, f"{name}/won", again, back, "dispute won"))[0]
            case DisputeState.LOST:
                lost = [
                    ("dispute_reserve", facts.tenant, Side.DEBIT, amount),
                    ("dispute_receivable", provider, Side.CREDIT, amount),
                ]
                return (await self._posted(facts, f"{name}/lost", again, lost, "dispute lost"))[0]
            case _:
                return booked

    async def _of(self, work: Work, what: str, again: int, sides: Sides, why: str) -> Booked:
        name = f"tr_{work.attempt.hex}{what}"
        return (await self._posted(work.facts, name, again, sides, why))[0]

    async def _posted(
        self, facts: Facts, name: str, again: int, sides: Sides, why: str
    ) -> tuple[Booked, Transfer | None]:
        return await self._numbered(facts.mode, name, sides, facts.spelled, why, again)

    async def post(
        self, mode: Mode, name: str, sides: Sides, reference: str, why: str, again: int = 0
    ) -> Booked:
        """Post one transfer, once; `again` counts how often the book has refused it."""
        return (await self._numbered(mode, name, sides, reference, why, again))[0]

    async def _numbered(
        self, mode: Mode, name: str, sides: Sides, reference: str, why: str, again: int
    ) -> tuple[Booked, Transfer | None]:
        """Post a transfer. What the book refused once it refuses under that id for a month, so
        another try has another id; one that was taken is found among those asked before.
        """
        booked, first = Booked.LATER, None
        for tries in range(again + 1):
            numbered = f"{name}/{tries}" if tries else name
            booked, first = await self._once(mode, numbered, sides, reference, why)
            if booked is not Booked.REFUSED:
                break
        return booked, first

    async def _once(
        self, mode: Mode, name: str, sides: Sides, reference: str, why: str
    ) -> tuple[Booked, Transfer | None]:
        """Post a transfer, or return the one that has its id already and says something else: the
        fact is in the book then, and booking it under another id would book it twice.
        """
        try:
            known = self._accounts
            legs = tuple(
                [
                    Leg(
                        known.get((chart, mode, amount.asset.code, of))
                        or await self._account(chart, mode, amount.asset.code, of),
                        side,
                        amount,
                    )
                    for chart, of, side, amount in sides
                ]
            )
            await self._ledger.post(PostTransfer(name, PLATFORM, mode, legs, reference, why))
        except IdReused:
            return await self._before(mode, name, reference, why)
        except BezantError as error:
            # The money moved all the same: it is stored as such, and booked as soon as can be.
            _log.error(
                "payment.not_booked", reference=reference, transfer=name, why=why, code=error.code
            )
            return Booked.LATER if isinstance(error, Unavailable) else Booked.REFUSED, None
        return Booked.YES, None

    async def _before(
        self, mode: Mode, name: str, reference: str, why: str
    ) -> tuple[Booked, Transfer | None]:
        """Find what was booked under this id in other words; it may have been refused only, or
        nobody has asked for it yet. The book is asked by the id alone: others, too, can write this
        reference and this reason into it.
        """
        try:
            page = await self._ledger.transfers(TransfersOf(PLATFORM, mode, posted_as=name))
        except BezantError:
            return Booked.LATER, None
        for one in page.transfers:
            if (one.reference, one.reason) == (reference, why):
                _log.warn("payment.booked_before", reference=reference, transfer=name)
                return Booked.YES, one
        return Booked.REFUSED, None

    async def _account(self, name: str, mode: Mode, asset: str, of: str) -> str:
        key = (name, mode, asset, of)
        known = self._accounts.get(key)
        if known is None:
            account = await self._ledger.chart_account(ChartAccount(name, mode, asset, of))
            if len(self._accounts) >= ACCOUNTS_KEPT_MAX:
                self._accounts.clear()
            known = self._accounts[key] = account.id
        return known
