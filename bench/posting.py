"""Pressing the ledger through its port, in this process: in batches of 256, or one a call."""

import asyncio
import math
import random
import time
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from itertools import count

from bench.measure import Sample
from bezant.actor import Mode
from bezant.ledger.port import (
    BATCH_MAX,
    AccountType,
    BalanceOf,
    Ledger,
    Leg,
    OpenAccount,
    PostTransfer,
    Side,
    StatementOf,
)
from bezant.money import Money, asset_of

BATCH = 256
HANDS = 2
"""One hands in a batch while the other's is being committed, as the requests of many callers do."""
ASSET = asset_of("EUR")
MODE = Mode.TEST
FUNDS = Money(1_000_000_000, ASSET)
FLOOR = Money(0, ASSET)
ONE = Money(1, ASSET)
OPEN_AT_ONCE = 64
STATEMENT_LINES = 50


class Rejected(Exception):
    """The ledger refused a transfer that it should have taken."""


@dataclass(slots=True)
class Crowd:
    """Accounts with money and a floor, and what was posted between them."""

    ledger: Ledger
    tenant: str
    accounts: Sequence[str]
    chance: random.Random = field(default_factory=lambda: random.Random(20_260_101))
    accepted: int = 0
    numbers: "count[int]" = field(default_factory=count)

    def transfer(self, payer: str | None = None) -> PostTransfer:
        """Make a transfer between two accounts drawn by chance, or from one to any other."""
        debit, credit = self.chance.sample(self.accounts, 2)
        if payer is not None:
            credit = debit if debit != payer else credit
            debit = payer
        number = next(self.numbers)
        return PostTransfer(
            id=f"bench-{number}",
            tenant=self.tenant,
            mode=MODE,
            legs=(Leg(debit, Side.DEBIT, ONE), Leg(credit, Side.CREDIT, ONE)),
            reference=f"invoice {number:012}",
        )

    async def post(self, size: int = BATCH, payer: str | None = None) -> None:
        """Post one batch; every transfer of it must be taken."""
        commands = tuple([self.transfer(payer) for _ in range(size)])
        for outcome in await self.ledger.post_batch(commands):
            if outcome.transfer is None:
                raise Rejected(str(outcome.refusal))
        self.accepted += size

    async def batches(self, seconds: float, payer: str | None = None) -> Sample:
        """Post batches of 256 for so long; the value is transfers a second."""
        before, began = self.accepted, time.monotonic()
        took: list[float] = []

        async def hand() -> None:
            while time.monotonic() < began + seconds:
                sent = time.perf_counter()
                await self.post(payer=payer)
                took.append(time.perf_counter() - sent)

        await _all(*[hand() for _ in range(HANDS)])
        lasted = time.monotonic() - began
        return Sample((self.accepted - before) / lasted, lasted, _latency(took))

    async def fill(self, transfers: int, seconds_max: float) -> None:
        """Post until so many transfers were accepted in all."""
        until = time.monotonic() + seconds_max

        async def hand() -> None:
            while self.accepted < transfers:
                if time.monotonic() > until:
                    raise Rejected(f"{self.accepted} transfers after {seconds_max:.0f} s")
                await self.post(BATCH_MAX)

        await _all(*[hand() for _ in range(HANDS)])

    async def singles(self, seconds: float, callers: int) -> Sample:
        """Post one transfer a call from so many callers at once; the value is their rate."""
        before, began = self.accepted, time.monotonic()
        took: list[float] = []

        async def caller() -> None:
            while time.monotonic() < began + seconds:
                sent = time.perf_counter()
                await self.ledger.post(self.transfer())
                took.append(time.perf_counter() - sent)
                self.accepted += 1

        await _all(*[caller() for _ in range(callers)])
        lasted = time.monotonic() - began
        return Sample((self.accepted - before) / lasted, lasted, _latency(took))

    async def balances(self, seconds: float) -> Sample:
        """Ask for balances one after the other; the value is the 99th percentile."""
        began = time.monotonic()
        took: list[float] = []
        while time.monotonic() < began + seconds:
            account = self.chance.choice(self.accounts)
            sent = time.perf_counter()
            await self.ledger.balance(BalanceOf(self.tenant, MODE, account))
            took.append(time.perf_counter() - sent)
        return Sample(percentile(took, 99) * 1e3, time.monotonic() - began, _latency(took))

    async def statements(self, seconds: float) -> Sample:
        """Ask for 50-line statements one after the other; the value is the 99th percentile."""
        began = time.monotonic()
        took: list[float] = []
        while time.monotonic() < began + seconds:
            account = self.chance.choice(self.accounts)
            sent = time.perf_counter()
            page = await self.ledger.statement(
                StatementOf(self.tenant, MODE, account, limit=STATEMENT_LINES)
            )
            took.append(time.perf_counter() - sent)
            if len(page.lines) != STATEMENT_LINES:
                raise Rejected(f"a statement of {len(page.lines)} lines is not what is measured")
        return Sample(percentile(took, 99) * 1e3, time.monotonic() - began, _latency(took))


async def crowd(ledger: Ledger, tenant: str, size: int) -> Crowd:
    """Open so many accounts above a floor of zero and fund each."""
    turns = asyncio.Semaphore(OPEN_AT_ONCE)

    async def opened(number: int, kind: AccountType, floor: Money | None) -> str:
        async with turns:
            command = OpenAccount(
                f"bench-open-{number}", tenant, MODE, ASSET.code, kind, f"owner {number}", floor
            )
            return (await ledger.open_account(command)).id

    source = await opened(0, AccountType.EQUITY, None)
    accounts = await asyncio.gather(
        *[opened(number, AccountType.LIABILITY, FLOOR) for number in range(1, size + 1)]
    )
    funding = [
        PostTransfer(
            f"bench-fund-{account}",
            tenant,
            MODE,
            (Leg(source, Side.DEBIT, FUNDS), Leg(account, Side.CREDIT, FUNDS)),
        )
        for account in accounts
    ]
    for start in range(0, size, BATCH):
        for outcome in await ledger.post_batch(tuple(funding[start : start + BATCH])):
            if outcome.transfer is None:
                raise Rejected(str(outcome.refusal))
    return Crowd(ledger, tenant, accounts)


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the value that so many percent do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, math.ceil(len(ordered) * percent / 100) - 1))]


def _latency(took: Sequence[float]) -> dict[str, float]:
    return {
        "calls": len(took),
        "p50_ms": round(percentile(took, 50) * 1e3, 3),
        "p99_ms": round(percentile(took, 99) * 1e3, 3),
        "max_ms": round(max(took) * 1e3, 3),
    }


async def _all(*callers: Coroutine[None, None, None]) -> None:
    """Wait for every caller; the first that fails ends the others."""
    async with asyncio.TaskGroup() as group:
        for caller in callers:
            group.create_task(caller)
