"""The real ledger as crash tests post into it: a key is a transfer or a hold with that key as its
reference.
"""

from zlib import crc32

import psycopg
from tests.ledger.shelf import MERCHANT

from bezant.actor import Mode
from bezant.clock import RealClock
from bezant.db.database import Database
from bezant.ledger import (
    Account,
    AccountType,
    CaptureHold,
    Leg,
    OpenAccount,
    PlaceHold,
    PostTransfer,
    Side,
)
from bezant.ledger.service import LedgerService
from bezant.money import EUR

ACCOUNTS = 6


class LedgerBook:
    """Posts keys; the same key is the same command, whoever sends it and however often."""

    def __init__(self, database: Database, slowly: Database, service: LedgerService) -> None:
        self._database = database
        self._slowly = slowly
        self.service = service
        self.accounts: list[Account] = []

    @classmethod
    async def open(cls, dsn: str) -> "LedgerBook":
        clock = RealClock()
        database = await Database.open(dsn, name="ledger", size_max=4, clock=clock)
        slowly = await Database.open(dsn, name="sums", size_max=1, clock=clock)
        book = cls(database, slowly, LedgerService(database, slowly, clock))
        for number in range(ACCOUNTS):
            book.accounts.append(
                await book.service.open_account(
                    OpenAccount(
                        f"account-{number}", MERCHANT, Mode.TEST, "EUR", AccountType.LIABILITY
                    )
                )
            )
        return book

    async def post(self, key: str) -> None:
        chance = crc32(key.encode())
        source = self.accounts[chance % ACCOUNTS]
        target = self.accounts[(chance + 1 + chance // 7 % (ACCOUNTS - 1)) % ACCOUNTS]
        if source is target:
            target = self.accounts[(chance + 1) % ACCOUNTS]
        amount = EUR(1 + chance % 500)
        if chance % 4:
            legs = (Leg(source.id, Side.DEBIT, amount), Leg(target.id, Side.CREDIT, amount))
            await self.service.post(PostTransfer(key, MERCHANT, Mode.TEST, legs, key))
            return
        hold = await self.service.place_hold(
            PlaceHold(key, MERCHANT, Mode.TEST, source.id, amount, target.id, reference=key)
        )
        await self.service.capture_hold(
            CaptureHold(f"{key}.c", MERCHANT, Mode.TEST, hold.id, reference="captured")
        )

    async def close(self) -> None:
        await self.service.close()
        await self._slowly.close()
        await self._database.close()


def effects(administrator_dsn: str) -> list[str]:
    """Return the key of every transfer and hold that is really there, and check that each hold was
    captured.
    """
    with psycopg.connect(administrator_dsn) as connection:
        found = connection.execute(
            "SELECT reference, kind FROM ledger.transfer"
            " WHERE kind IN (1, 3) AND reference IS NOT NULL"
        ).fetchall()
        captured = connection.execute(
            "SELECT count(*), count(DISTINCT subject) FROM ledger.transfer WHERE kind = 4"
        ).fetchone()
    holds = sum(kind == 3 for _, kind in found)
    assert captured is not None
    assert captured[0] == captured[1] <= holds
    return [str(key) for key, _ in found]
