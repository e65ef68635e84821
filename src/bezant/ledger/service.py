"""The ledger behind its port."""

from collections.abc import Callable

from bezant.actor import Mode
from bezant.clock import Clock
from bezant.db.database import Database
from bezant.ledger.account import (
    Account,
    AccountPage,
    AccountsOf,
    ChangeAccount,
    ChartAccount,
    OpenAccount,
)
from bezant.ledger.asking import Questions
from bezant.ledger.books import Books
from bezant.ledger.hold import CaptureHold, Hold, PlaceHold, VoidHold
from bezant.ledger.holding import Holds
from bezant.ledger.opening import Accounts
from bezant.ledger.posts import Posts
from bezant.ledger.question import (
    AssetTrial,
    Balance,
    BalanceOf,
    LedgerHead,
    Reconcile,
    Reconciliation,
    Report,
    ReportOf,
    Statement,
    StatementOf,
    Trial,
    TrialBalanceOf,
)
from bezant.ledger.summing import Sums
from bezant.ledger.transfer import (
    Outcome,
    PostLinked,
    PostTransfer,
    ReverseTransfer,
    Transfer,
    TransferPage,
    TransfersOf,
)


class LedgerService:
    """One writer a book, and readers beside it. `slowly` is the same database with more time a
    question.
    """

    def __init__(
        self,
        database: Database,
        slowly: Database,
        clock: Clock,
        after_batch: Callable[[], None] | None = None,
    ) -> None:
        self._books = Books(database, clock, after_batch)
        self._accounts = Accounts(database, self._books, clock)
        self._posts = Posts(database, self._books, clock)
        self._holds = Holds(database, self._books, clock)
        self._questions = Questions(database, self._books)
        self._sums = Sums(slowly, self._books, clock)

    async def close(self) -> None:
        """Write what is queued and let go of the sessions."""
        await self._books.close()

    @property
    def queued(self) -> int:
        """How many commands wait to be written."""
        return self._books.queued

    async def expire_holds(self) -> int:
        """End every hold that is past its time."""
        return await self._holds.expire_due()

    async def open_account(self, command: OpenAccount) -> Account:
        return await self._accounts.open(command)

    async def chart_account(self, command: ChartAccount) -> Account:
        return await self._accounts.chart(command)

    async def change_account(self, command: ChangeAccount) -> Account:
        return await self._accounts.change(command)

    async def post(self, command: PostTransfer) -> Transfer:
        return await self._posts.post(command)

    async def post_batch(self, commands: tuple[PostTransfer, ...]) -> tuple[Outcome, ...]:
        return await self._posts.post_batch(commands)

    async def post_linked(self, command: PostLinked) -> tuple[Transfer, ...]:
        return await self._posts.post_linked(command)

    async def rehearse(self, command: PostTransfer) -> Trial:
        return await self._posts.rehearse(command)

    async def reverse(self, command: ReverseTransfer) -> Transfer:
        return await self._posts.reverse(command)

    async def place_hold(self, command: PlaceHold) -> Hold:
        return await self._holds.place(command)

    async def capture_hold(self, command: CaptureHold) -> Transfer:
        return await self._holds.capture(command)

    async def void_hold(self, command: VoidHold) -> Hold:
        return await self._holds.void(command)

    async def account(self, tenant: str, mode: Mode, account: str) -> Account:
        return await self._accounts.one(tenant, mode, account)

    async def accounts(self, query: AccountsOf) -> AccountPage:
        return await self._accounts.page(query)

    async def transfer(self, tenant: str, mode: Mode, transfer: str) -> Transfer:
        return await self._questions.transfer(tenant, mode, transfer)

    async def transfers(self, query: TransfersOf) -> TransferPage:
        return await self._questions.transfers(query)

    async def hold(self, tenant: str, mode: Mode, hold: str) -> Hold:
        return await self._holds.one(tenant, mode, hold)

    async def balance(self, query: BalanceOf) -> Balance:
        return await self._questions.balance(query)

    async def statement(self, query: StatementOf) -> Statement:
        return await self._questions.statement(query)

    async def trial_balance(self, query: TrialBalanceOf) -> tuple[AssetTrial, ...]:
        return await self._sums.trial_balance(query)

    async def report(self, query: ReportOf) -> Report:
        return await self._sums.report(query)

    async def reconcile(self, command: Reconcile) -> Reconciliation:
        return await self._sums.reconcile(command)

    async def ledgers(self, mode: Mode) -> tuple[LedgerHead, ...]:
        return await self._questions.heads(mode)
