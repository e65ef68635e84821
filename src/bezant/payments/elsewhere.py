"""What a settlement file tells first: refunds made at the provider, refunds that came back, money
that a bank took back. Each becomes what its event would have made of it; then the file is posted.

A line is believed only where it names its refund or dispute as the provider does; of any other
nobody can tell whether it is known already.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Final
from uuid import UUID

from bezant import telemetry
from bezant.actor import Mode
from bezant.money import total
from bezant.payments.attempt import Operation
from bezant.payments.beside import Beside, is_beside
from bezant.payments.codes import OPERATION_NUMBERS
from bezant.payments.disputing import Disputing
from bezant.payments.giving import Giving
from bezant.payments.parts import Parts
from bezant.payments.port import NotInThisState, TooManyAttempts
from bezant.payments.returning import Returning
from bezant.payments.rules import payment_of
from bezant.payments.store import beside, due, read
from bezant.payments.store import settlement as stored
from bezant.payments.walk import Walk
from bezant.payments.work import Work
from bezant.psp.port import (
    Decline,
    DeclineCode,
    DisputeNews,
    MethodKind,
    RefundNews,
    Result,
    SettlementLine,
    Verdict,
)

_log = telemetry.log("payments")
_REFUND: Final = OPERATION_NUMBERS[Operation.REFUND]
Lines = Sequence[tuple[SettlementLine, UUID]]
"""Lines with the attempt each is about: of a charge, or of one of its refunds."""


class Elsewhere:
    """Believes what a file tells first."""

    def __init__(
        self, parts: Parts, walk: Walk, returning: Returning, disputing: Disputing
    ) -> None:
        self._parts = parts
        self._walk = walk
        self._disputing = disputing
        self._beside = Beside(parts)
        self._giving = Giving(parts, returning, walk.work)

    async def settled(self, provider: str, mode: Mode, lines: Lines) -> None:
        """Take what these lines tell of money that went back; telling it again changes nothing."""
        refunds = [(line, attempt) for line, attempt in lines if line.kind == "refund"]
        named = [line.part for line, _ in refunds if line.part]
        live = mode is Mode.LIVE
        await self._captured(lines)
        known = await stored.parts_known(self._parts.database, provider, live, named)
        # First what was given, then what of it came back, however the file is ordered.
        for line, attempt in sorted(refunds, key=lambda one: one[0].gross.minor > 0):
            counted = known.get(line.part)
            if counted is not None and payment_of(counted) != payment_of(attempt):
                told = f"pay_{payment_of(attempt).hex}"
                _log.error("refund.of_two_payments", payment=told, movement=line.part)
            elif line.part and (line.gross.minor > 0 or counted is None):
                await self._refund(line, attempt, counted)
        for line, attempt in lines:
            if line.part and line.kind in ("dispute", "dispute_reversal"):
                state = self._dispute_state(provider, line)
                news = DisputeNews(line.part, state, line.gross if state == "won" else -line.gross)
                await self.disputed(provider, mode, attempt, news)

    async def disputed(self, provider: str, mode: Mode, attempt: UUID, news: DisputeNews) -> None:
        """Take what is told of a dispute: of a charge beside its payment the merchant never had
        the money. What was counted as the payment's once stays so.
        """
        stray = await self._stray(attempt)
        if stray is None or await self._disputing.knows(provider, mode, news.reference):
            await self._disputing.heard(provider, mode, payment_of(attempt), news)
        else:
            await self._beside.disputed(stray, news)

    async def _captured(self, lines: Lines) -> None:
        """Take how much was captured of charges beside their payments, before what left of it."""
        sums: defaultdict[UUID, list[SettlementLine]] = defaultdict(list)
        for line, attempt in lines:
            if line.kind == "charge" and line.gross.minor > 0:
                sums[attempt].append(line)
        moved = {attempt for line, attempt in lines if line.part}
        noted = await beside.noted(self._parts.database, list(sums))
        for attempt in sorted(sums.keys() & (moved | noted)):
            stray = await self._stray(attempt)
            if stray is not None:
                asset, first = stray.amount.asset, sums[attempt][0]
                told = [line.gross for line in sums[attempt] if line.gross.asset == asset]
                whole = total(told, asset)
                if whole:
                    verdict = Verdict(Result.CAPTURED, first.reference, amount=whole)
                    await self._beside.taken(stray, verdict, whole)

    async def _stray(self, attempt: UUID) -> Work | None:
        """Return an attempt as work if it is a charge beside its payment."""
        database = self._parts.database
        found = await due.one(database, attempt)
        row = None if found is None else await read.payment(database, payment_of(attempt))
        if found is None or row is None or not is_beside(found, row):
            return None
        return await self._walk.work(found)

    async def _refund(self, line: SettlementLine, attempt: UUID, counted: UUID | None) -> None:
        # What was counted as the payment's once comes back to it as well.
        stray = await self._stray(attempt) if counted is None else None
        if stray is not None:
            await self._beside.heard(stray, _news(line))
            return
        found = await due.one(self._parts.database, attempt)
        if found is None or (found.operation == _REFUND and line.gross.minor < 0):
            return  # Ours; how it ended is told by its answer, an event, or when it is asked about.
        try:
            new = await self._giving.take(payment_of(attempt), _news(line))
        except NotInThisState:
            return  # Its charge is not known to have been captured, so nothing of it can go back.
        except TooManyAttempts:  # One payment must not keep everybody else's money from the book.
            _log.error("refund.not_counted", payment=f"pay_{payment_of(attempt).hex}", of=line.part)
            return
        if new is not None:
            await self._walk.ask_about(new)  # To have it booked.

    def _dispute_state(self, provider: str, line: SettlementLine) -> str:
        if line.kind == "dispute_reversal":
            return "won"
        methods = self._parts.connectors[provider].capabilities.methods
        # Nobody decides about what a bank has sent back.
        return "lost" if methods == frozenset({MethodKind.BANK_TRANSFER}) else "opened"


def _news(line: SettlementLine) -> RefundNews:
    if line.gross.minor < 0:
        given = Verdict(Result.REFUNDED, line.reference, line.part, -line.gross)
        return RefundNews(line.part, line.attempt, given)
    decline = Decline(DeclineCode.RETURNED, soft=False, raw="returned")
    failed = Verdict(Result.DECLINED, line.reference, line.part, line.gross, decline)
    return RefundNews(line.part, line.attempt, failed)
