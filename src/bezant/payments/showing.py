"""What an office shows beside payments: their course over time, their postings, what is owed."""

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from bezant.actor import PLATFORM, Mode
from bezant.errors import Invalid
from bezant.ledger.port import PAGE_MAX as LEDGER_PAGE_MAX
from bezant.ledger.port import Account, AccountsOf, BalanceOf, Transfer, TransfersOf
from bezant.money import ASSETS, Money
from bezant.payments import rules
from bezant.payments.asking import Questions, conditions_of
from bezant.payments.parts import Parts
from bezant.payments.question import Owed, PostedSide, Posting, Series, SeriesOf, SeriesPoint, Step
from bezant.payments.store import sums

STEPS_MAX: Final = 400  # A year of days, or a fortnight of hours: no screen shows more.
_SECONDS: Final = {Step.HOUR: 3_600, Step.DAY: 86_400}
PAGES_MAX: Final = 10  # Of the book; a payment with more of its own than that there is not.
MERCHANTS_ACCOUNTS: Final = ("merchant_payable", "dispute_reserve")
PLATFORMS_ACCOUNTS: Final = ("psp_receivable", "refund_payable", "fees_earned")


class Showing:
    """Reads, and changes nothing."""

    def __init__(self, parts: Parts, questions: Questions) -> None:
        self._parts = parts
        self._ledger = parts.booking.ledger
        self._questions = questions

    async def series(self, query: SeriesOf) -> Series:
        """Return what each hour or day brought, of the payments that fit."""
        since, until = rules.aware(query.since, "since"), rules.aware(query.until, "until")
        assert since is not None, "a query says since when"
        assert until is not None, "a query says until when"
        if not 0 <= (until - since).total_seconds() <= STEPS_MAX * _SECONDS[query.step]:
            raise Invalid(f"ask for at most {STEPS_MAX} steps", field="until")
        conditions, values = conditions_of(query.payments)
        conditions.append("p.created_at >= %(since)s")
        conditions.append("p.created_at < %(until)s")
        values |= {"since": since, "until": until, "step": query.step.value}
        rows = await sums.series(self._parts.database, conditions, values)
        return Series(since, until, query.step, tuple(_point(row) for row in rows))

    async def postings(self, tenant: str, mode: Mode, payment: str) -> tuple[Posting, ...]:
        """Return what a payment meant to the book, oldest first."""
        found = await self._questions.payment(tenant, mode, payment)
        transfers = await self._ours(mode, found.id)
        names = await self._named(mode, (leg.account for one in transfers for leg in one.legs))
        told = [
            Posting(
                one.id,
                one.recorded_at,
                one.reason,
                tuple(
                    PostedSide(
                        leg.account,
                        names[leg.account].chart,
                        names[leg.account].owner,
                        leg.side.value,
                        leg.amount,
                    )
                    for leg in one.legs
                ),
            )
            for one in transfers
        ]
        return tuple(sorted(told, key=lambda one: (one.recorded_at, one.transfer)))

    async def owed(self, tenant: str, mode: Mode) -> tuple[Owed, ...]:
        """Return the balances between us and a merchant, or between us and the providers."""
        ours = tenant == PLATFORM
        wanted = AccountsOf(PLATFORM, mode, owner=None if ours else tenant, limit=LEDGER_PAGE_MAX)
        shown = PLATFORMS_ACCOUNTS if ours else MERCHANTS_ACCOUNTS
        # The owner of an account is a word anybody may choose; its place in the chart is ours.
        pages = [await self._ledger.accounts(replace(wanted, chart=chart)) for chart in shown]
        accounts = [one for page in pages for one in page.accounts]
        balances = [await self._ledger.balance(BalanceOf(PLATFORM, mode, a.id)) for a in accounts]
        told = [
            Owed(account.chart, account.owner, balance.posted)
            for account, balance in zip(accounts, balances, strict=True)
        ]
        return tuple(
            sorted(told, key=lambda o: (o.amount.asset.code, shown.index(o.account), o.of))
        )

    async def _ours(self, mode: Mode, payment: str) -> list[Transfer]:
        """Return the transfers of a payment, newest first. A reference is a word anybody may write
        into the book, so only what is on accounts of our own counts.
        """
        wanted = TransfersOf(PLATFORM, mode, reference=payment, limit=LEDGER_PAGE_MAX)
        ours: list[Transfer] = []
        for _ in range(PAGES_MAX):
            page = await self._ledger.transfers(wanted)
            first = await self._named(mode, (one.legs[0].account for one in page.transfers))
            ours += [one for one in page.transfers if first[one.legs[0].account].tenant == PLATFORM]
            if not page.has_more:
                break
            wanted = replace(wanted, before=page.transfers[-1].id)
        return ours

    async def _named(self, mode: Mode, accounts: Iterable[str]) -> dict[str, Account]:
        found = await asyncio.gather(
            *(self._ledger.account(PLATFORM, mode, one) for one in sorted(set(accounts)))
        )
        return {one.id: one for one in found}


def _point(row: sums.SeriesRow) -> SeriesPoint:
    asset = ASSETS[row.asset]
    return SeriesPoint(
        starts_at=row.starts_at,
        asset=row.asset,
        payments=row.payments,
        succeeded=row.succeeded,
        declined=row.declined,
        open=row.undecided,
        captured=Money(int(row.captured), asset),
        refunded=Money(int(row.refunded), asset),
    )
