"""The ledger as a test holds it, with short ways to say common things."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tests.harness.cluster import MODULE_PASSWORD, TestDatabase

from bezant.actor import PLATFORM, Mode
from bezant.clock import Clock
from bezant.db.database import Database
from bezant.db.migrate import migrate
from bezant.ledger import (
    Account,
    AccountType,
    BalanceOf,
    CaptureHold,
    Hold,
    Leg,
    OpenAccount,
    PlaceHold,
    PostTransfer,
    Reconcile,
    Side,
    Transfer,
    TrialBalanceOf,
    VoidHold,
)
from bezant.ledger.feed import SCHEMA as LEDGER
from bezant.ledger.service import LedgerService
from bezant.money import Money
from bezant.secret import Secret

PASSWORD = MODULE_PASSWORD  # Roles are the server's: both templates must give them one.
MERCHANT = "mer_" + "1" * 32
STRANGER = "mer_" + "2" * 32


def migrated(database: TestDatabase) -> None:
    """Put the ledger's tables into a database."""
    asyncio.run(migrate(database.administrator_dsn, [LEDGER], {"ledger": Secret(PASSWORD)}))


def dsn(database: TestDatabase) -> str:
    """Return how the ledger's own role connects."""
    return database.dsn("bezant_ledger", PASSWORD)


@asynccontextmanager
async def opened(database: TestDatabase, clock: Clock) -> AsyncIterator["Shelf"]:
    """Lend a ledger service on this database."""
    quick = await Database.open(dsn(database), name="ledger", size_max=8, clock=clock)
    slow = await Database.open(dsn(database), name="ledger sums", size_max=2, clock=clock)
    service = LedgerService(quick, slow, clock)
    try:
        yield Shelf(service, database, clock)
    finally:
        await service.close()
        await slow.close()
        await quick.close()


@dataclass
class Shelf:
    """A ledger service and its database."""

    ledger: LedgerService
    database: TestDatabase
    clock: Clock
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    def fresh(self, what: str = "id") -> str:
        """Return an id that was not used before."""
        return f"{what}-{next(self._numbers)}"

    async def open(
        self,
        asset: str = "EUR",
        *,
        floor: str | None = "0",
        type: AccountType = AccountType.LIABILITY,
        tenant: str = MERCHANT,
        mode: Mode = Mode.TEST,
        owner: str = "",
    ) -> Account:
        """Open an account; by default one of a merchant that cannot be overdrawn."""
        return await self.ledger.open_account(
            OpenAccount(
                self.fresh("open"),
                tenant,
                mode,
                asset,
                type,
                owner,
                None if floor is None else Money.parse(floor, asset),
            )
        )

    async def funded(self, amount: str, asset: str = "EUR", **options: object) -> Account:
        """Open an account with this much on it, taken from the owners' equity."""
        account = await self.open(asset, **options)  # pyright: ignore[reportArgumentType]
        mode = account.mode
        source = await self.open(asset, floor=None, tenant=PLATFORM, mode=mode)
        await self.ledger.post(
            self.moving(source, account, amount, tenant=PLATFORM, id=self.fresh("fund"))
        )
        return account

    def moving(
        self,
        source: Account,
        target: Account,
        amount: str,
        *,
        tenant: str = MERCHANT,
        id: str | None = None,
        reference: str = "",
    ) -> PostTransfer:
        """Return the command that debits one account and credits another."""
        money = Money.parse(amount, source.asset)
        return PostTransfer(
            id or self.fresh("move"),
            tenant,
            source.mode,
            (Leg(source.id, Side.DEBIT, money), Leg(target.id, Side.CREDIT, money)),
            reference,
        )

    async def move(
        self, source: Account, target: Account, amount: str, **options: object
    ) -> Transfer:
        """Post that command."""
        return await self.ledger.post(self.moving(source, target, amount, **options))  # pyright: ignore[reportArgumentType]

    async def hold(self, source: Account, target: Account, amount: str, **more: object) -> Hold:
        """Set money aside."""
        return await self.ledger.place_hold(
            PlaceHold(
                self.fresh("hold"),
                MERCHANT,
                source.mode,
                source.id,
                Money.parse(amount, source.asset),
                target.id,
                **more,  # pyright: ignore[reportArgumentType]
            )
        )

    async def capture(self, hold: Hold, amount: str | None = None, **more: object) -> Transfer:
        """Turn all or a part of a hold into a transfer."""
        money = None if amount is None else Money.parse(amount, hold.amount.asset)
        return await self.ledger.capture_hold(
            CaptureHold(self.fresh("capture"), MERCHANT, hold.mode, hold.id, money, **more)  # pyright: ignore[reportArgumentType]
        )

    async def void(self, hold: Hold) -> Hold:
        """Give a hold back."""
        return await self.ledger.void_hold(
            VoidHold(self.fresh("void"), MERCHANT, hold.mode, hold.id)
        )

    async def balance(self, account: Account) -> tuple[str, str, str]:
        """Return posted, held and available as texts."""
        found = await self.ledger.balance(BalanceOf(PLATFORM, account.mode, account.id))
        return found.posted.decimal(), found.held.decimal(), found.available.decimal()

    async def agrees(self, mode: Mode = Mode.TEST) -> None:
        """Assert that the whole book follows from its entries and balances to zero."""
        found = await self.ledger.reconcile(Reconcile(PLATFORM, mode))
        assert found.differences == ()
        for trial in await self.ledger.trial_balance(TrialBalanceOf(PLATFORM, mode)):
            assert trial.difference.minor == 0, trial
