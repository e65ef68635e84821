"""Whether every movement of money has its transfer in the book, and every transfer its movement.

Compared one id after the other, for the payments something happened to lately and those the book
has told of lately: what a payment says must be in the book is asked for there by its id, and what
the book says of a payment has to be one of those. `bezant doctor` tells what is wrong.
"""

import hashlib
from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID

from bezant import ids
from bezant.actor import PLATFORM, Mode
from bezant.db.database import Database
from bezant.errors import Invalid
from bezant.ledger.port import PAGE_MAX as LEDGER_PAGE_MAX
from bezant.ledger.port import Ledger, Side, Transfer, TransferKind, TransfersOf
from bezant.money import Asset, Money, total
from bezant.payments.attempt import Operation
from bezant.payments.codes import (
    DISPUTE_STATES,
    ENDINGS,
    OPERATION_NUMBERS,
    OPERATIONS,
    Ended,
)
from bezant.payments.dispute import DisputeState
from bezant.payments.finding import Trouble
from bezant.payments.store import completeness as stored
from bezant.payments.store import read

STEPS_MAX: Final = 400  # So many are looked back at; a payment takes a few milliseconds.
TRIES_MAX: Final = 300  # So often the book refuses the same at most, while somebody looks into it.
PAGES_MAX: Final = 10  # A payment with more transfers than that there is not.
REMEDY: Final = "Change nothing, and find out which of the two is right: money moved, or did not."
BESIDE_REMEDY: Final = "Give that charge back at its provider: its file or event clears suspense."
_CHARGE: Final = OPERATION_NUMBERS[Operation.CHARGE]
_REFUNDED: Final = {
    Ended.REFUNDED: ("", "/given"),
    Ended.GIVEN_LATE: ("", "/back", "/late"),
}
_DISPUTED: Final = {DisputeState.WON: ("", "/won"), DisputeState.LOST: ("", "/lost")}
_OPENED: Final = ("", "/won")
"""Of a dispute: they move its amount twice, between the provider and us and us and the merchant."""


@dataclass(frozen=True, slots=True)
class Due:
    """A transfer that is in the book, or may be while its movement is somebody's work."""

    name: str
    debits: Money
    must: bool = True
    instead: str = ""
    """Another name that does as well."""


class Completeness:
    """Compares the payments with the book."""

    def __init__(self, database: Database, ledger: Ledger) -> None:
        self._database = database
        self._ledger = ledger
        self._ours: dict[str, bool] = {}

    async def look(self, steps_max: int = STEPS_MAX) -> list[Trouble]:
        """Return what is in one of the two only, or in both and differs."""
        payments = set(await stored.recent(self._database, steps_max))
        told: list[Trouble] = []
        for mode in Mode:
            for reference in await self._told_of(mode):
                try:
                    payments.add(ids.read("pay", reference))
                except Invalid:
                    told.append(_trouble(f"the book tells of {reference}, which is no payment"))
        for payment in sorted(payments):
            if await self._compared(payment):
                # It may have gone on between two questions; what is wrong is wrong for longer.
                told += await self._compared(payment)
        return told

    async def _compared(self, payment: UUID) -> list[Trouble]:
        row = await read.payment(self._database, payment)
        if row is None:
            return [_trouble(f"the book tells of pay_{payment.hex}, which is no payment")]
        mode, reference = row.facts().mode, row.facts().spelled
        booked = await self._booked(mode, reference)  # Before we ask what must be there.
        told: list[Trouble] = []
        known: set[str] = set()
        for due in await self._dues(payment, row.money):
            found = await self._posted(mode, due)
            if found is not None:
                known.add(found.id)
            if due.must and (found is None or found.reference != reference):
                told.append(_trouble(f"{due.name} of {reference} is not in the book"))
            elif found is not None and due.must and _debits(found) != due.debits:
                said = f"{due.name} of {reference} debits {_debits(found)} and not {due.debits}"
                told.append(_trouble(said))
        known |= {one.subject for one in booked if one.kind is TransferKind.REVERSAL}
        left = [
            one for one in booked if one.kind is not TransferKind.REVERSAL and one.id not in known
        ]
        strays = await self._strays(mode, payment, row.money) if left else set[str]()
        for one in left:
            if one.id in strays:
                said = f"{one.id} of {reference} was charged beside, before it was noted"
                told.append(Trouble("completeness", said, BESIDE_REMEDY))
                continue
            said = f"{one.id} in the book tells of {reference}, which knows nothing of it"
            told.append(_trouble(said))
        return told

    async def _strays(self, mode: Mode, payment: UUID, asset: Asset) -> set[str]:
        """Return what the book has of charges beside a payment, noted or not."""
        rows = await stored.movements(self._database, payment)
        charges = [one for one in rows if one.operation == _CHARGE]
        amount = Money(0, asset)
        names = [Due(f"tr_{one.id.hex}/stray", amount, must=False) for one in charges]
        found = [await self._posted(mode, due) for due in names]
        return {one.id for one in found if one is not None}

    async def _dues(self, payment: UUID, asset: Asset) -> list[Due]:
        rows = await stored.movements(self._database, payment)
        beside = await stored.beside(self._database, [row.id for row in rows if row.operation])
        return [due for row in rows for due in _of(row, asset)] + [
            Due(_stray(row), Money(abs(int(row.amount)), asset)) for row in beside
        ]

    async def _posted(self, mode: Mode, due: Due) -> Transfer | None:
        names = [name for name in (due.name, due.instead) if name]
        # What the book refused has another id each time; what may be there is in nobody's way.
        for tries in range(TRIES_MAX if due.must else 1):
            for name in names:
                numbered = f"{name}/{tries}" if tries else name
                page = await self._ledger.transfers(TransfersOf(PLATFORM, mode, posted_as=numbered))
                if page.transfers:
                    return page.transfers[0]
        return None

    async def _booked(self, mode: Mode, reference: str) -> list[Transfer]:
        wanted = TransfersOf(PLATFORM, mode, reference=reference, limit=LEDGER_PAGE_MAX)
        found: list[Transfer] = []
        for _ in range(PAGES_MAX):
            page = await self._ledger.transfers(wanted)
            found += page.transfers
            if not page.has_more:
                break
            wanted = replace(wanted, before=page.transfers[-1].id)
        return [one for one in found if await self._is_ours(one)]

    async def _told_of(self, mode: Mode) -> set[str]:
        """Return the payments the book's last transfers are about."""
        page = await self._ledger.transfers(TransfersOf(PLATFORM, mode, limit=LEDGER_PAGE_MAX))
        told = [one for one in page.transfers if one.reference.startswith("pay_")]
        return {one.reference for one in told if await self._is_ours(one)}

    async def _is_ours(self, transfer: Transfer) -> bool:
        """Tell whether it is on the platform's accounts: anybody may write such a reference."""
        account = transfer.legs[0].account
        if account not in self._ours:
            found = await self._ledger.account(PLATFORM, transfer.mode, account)
            self._ours[account] = found.tenant == PLATFORM
        return self._ours[account]


def _of(row: stored.MovementRow, asset: Asset) -> list[Due]:
    """Return what a movement means to the book."""
    amount = Money(int(row.amount), asset)
    if not row.operation:
        return _of_dispute(row, amount)
    name = f"tr_{row.id.hex}"
    ended = None if row.result is None else ENDINGS[row.result]
    if OPERATIONS[row.operation] is Operation.REFUND:
        if ended is None or not row.booked:
            every = ("", "/given", "/back", "/late", "/came_back")
            return [Due(name + what, amount, must=False) for what in every]
        if ended is Ended.CAME_BACK:
            # It was given at once, or after it had been given up.
            given = Due(f"{name}/given", amount, instead=f"{name}/late")
            back = Due(f"{name}/back", amount, must=False)
            return [Due(name, amount), given, back, Due(f"{name}/came_back", amount)]
        return [Due(name + what, amount) for what in _REFUNDED.get(ended, ("", "/back"))]
    if ended is None or not row.booked:
        return [Due(name, amount, must=False)]
    return [Due(name, amount)] if ended is Ended.CAPTURED else []


def _of_dispute(row: stored.MovementRow, amount: Money) -> list[Due]:
    name = f"tr_dp_{row.id.hex}"
    if not row.booked or row.result is None:
        return [Due(name + what, amount, must=False) for what in ("", "/won", "/lost")]
    return [
        Due(name + what, amount + amount if what in _OPENED else amount)
        for what in _DISPUTED.get(DISPUTE_STATES[row.result], ("",))
    ]


def _stray(row: stored.BesideRow) -> str:
    name = f"tr_{row.attempt.hex}/stray"
    if row.part is None:
        return name
    return f"{name}/{hashlib.sha256(row.part.encode()).hexdigest()[:32]}"


def _debits(transfer: Transfer) -> Money:
    debits = [leg.amount for leg in transfer.legs if leg.side is Side.DEBIT]
    return total(debits, debits[0].asset)


def _trouble(found: str) -> Trouble:
    return Trouble("completeness", found, REMEDY)
