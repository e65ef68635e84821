"""T57: histories of calls checked for lost updates, stale reads and skew; T97: one hot account."""

import asyncio
import random
import time
from dataclasses import dataclass

import pytest
from tests.ledger.shelf import MERCHANT, Shelf

from bezant.actor import Mode
from bezant.ledger import BalanceOf, InsufficientFunds, Transfer

SEED = 20_260_801


@dataclass
class Moved:
    """A transfer as its caller saw it."""

    began: float
    ended: float
    position: int
    account: int
    other: int
    amount: int


@dataclass
class Read:
    """A balance as its caller saw it."""

    began: float
    ended: float
    position: int
    account: int
    posted: int


def anomalies(moved: list[Moved], reads: list[Read], opening: int) -> list[str]:
    """Return what no serial order, agreeing with real time, explains.

    A transfer's number is its place in the serial order; a balance names the last transfer that is
    in it.
    """
    found: list[str] = []
    for before in moved:
        found.extend(
            f"{after.position} before {before.position}, which had ended when it began"
            for after in moved
            if before.ended < after.began and after.position < before.position
        )
    for read in reads:
        touching = [one for one in moved if read.account in (one.account, one.other)]
        seen = [one for one in touching if one.position <= read.position]
        total = opening + sum(
            one.amount if one.other == read.account else -one.amount for one in seen
        )
        if total != read.posted:
            found.append(f"account {read.account} read {read.posted} at {read.position}: {total}")
        found.extend(
            f"a read that began after {one.position} had ended does not see it"
            for one in touching
            if one.ended < read.began and one.position > read.position
        )
        found.extend(
            f"a read saw {one.position} before it had begun"
            for one in seen
            if one.began > read.ended
        )
    return found


async def history(shelf: Shelf, chance: random.Random) -> tuple[list[Moved], list[Read]]:
    accounts = [await shelf.funded("5.00") for _ in range(3)]
    moved: list[Moved] = []
    reads: list[Read] = []

    async def worker(steps: int) -> None:
        for _ in range(steps):
            a, b = chance.sample(range(3), 2)
            began = time.perf_counter()
            if chance.random() < 0.5:
                cents = chance.randrange(1, 300)
                try:
                    done: Transfer = await shelf.move(accounts[a], accounts[b], f"0.{cents:02}"[:4])
                except InsufficientFunds:
                    continue
                amount = done.legs[0].amount.minor
                ended = time.perf_counter()
                moved.append(Moved(began, ended, int(done.id[3:], 16), a, b, amount))
            else:
                found = await shelf.ledger.balance(BalanceOf(MERCHANT, Mode.TEST, accounts[a].id))
                ended = time.perf_counter()
                reads.append(Read(began, ended, int(found.position[3:], 16), a, found.posted.minor))

    await asyncio.gather(*(worker(6) for _ in range(5)))
    return moved, reads


@pytest.mark.catalogue("T57")
@pytest.mark.parametrize("histories", [60, pytest.param(10_000, marks=pytest.mark.long)])
@pytest.mark.timeout(3600)
async def test_every_history_has_a_serial_order(shelf: Shelf, histories: int):
    transfers = balances = 0
    for number in range(histories):
        moved, reads = await history(shelf, random.Random(SEED + number))
        assert anomalies(moved, reads, 500) == [], f"seed {SEED + number}"
        transfers += len(moved)
        balances += len(reads)
    assert min(transfers, balances) > 3 * histories


def test_a_lost_update_and_a_stale_read_are_noticed():
    """Negative control: histories that no serial order explains."""
    first, second = Moved(0, 1, 1, 0, 1, 100), Moved(2, 3, 2, 0, 1, 100)
    good = Read(4, 5, 2, 0, 300)
    assert anomalies([first, second], [good], 500) == []
    assert anomalies([first, second], [Read(4, 5, 2, 0, 400)], 500)  # One update was lost.
    assert anomalies([first, second], [Read(4, 5, 1, 0, 400)], 500)  # The second is not seen.
    assert anomalies([first, Moved(2, 3, 0, 0, 1, 100)], [], 500)  # Ordered against real time.
    assert anomalies([first, second], [Read(0, 1, 2, 0, 300)], 500)  # Seen before it began.


@pytest.mark.catalogue("T97")
@pytest.mark.parametrize("each", [25, pytest.param(2_000, marks=pytest.mark.long)])
@pytest.mark.timeout(1800)
async def test_sixty_four_writers_on_one_account_never_deadlock(shelf: Shelf, each: int):
    hot = await shelf.open(floor=None)
    others = [await shelf.open(floor=None) for _ in range(64)]

    async def writer(number: int) -> None:
        for turn in range(each):
            pair = (hot, others[number]) if turn % 2 else (others[number], hot)
            await shelf.move(*pair, "1.00")

    began = time.perf_counter()
    await asyncio.gather(*(writer(number) for number in range(64)))
    print(f"{64 * each / (time.perf_counter() - began):.0f} transfers a second on one account")
    assert await shelf.balance(hot) == (f"{64 * (each % 2)}.00", "0.00", f"{64 * (each % 2)}.00")
    await shelf.agrees()
