"""The payments as a test holds them: the real service and book on a real database, and an acquirer
in memory that says yes, no, or nothing, as planned.
"""

import asyncio
import itertools
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import psycopg
from tests.harness.cluster import MODULE_PASSWORD, TestDatabase
from tests.harness.local_keys import LOCAL_KEYS
from tests.payments.acquirer import Acquirer
from tests.payments.second_person import Nobody

from bezant.actor import PLATFORM, Actor, Caller, Mode
from bezant.approvals.port import Approvals
from bezant.clock import MovableClock
from bezant.db.database import Database
from bezant.db.migrate import migrate
from bezant.exchange import ProviderRequest
from bezant.ids import Ids
from bezant.ledger.port import (
    AccountState,
    BalanceOf,
    ChangeAccount,
    ChartAccount,
    Reconcile,
    TrialBalanceOf,
)
from bezant.ledger.service import LedgerService
from bezant.money import Money
from bezant.payments.booking import Booking
from bezant.payments.completeness import Completeness
from bezant.payments.failpoints import NOWHERE, Failpoints
from bezant.payments.gathered import Gathered
from bezant.payments.health import Health
from bezant.payments.parts import Parts
from bezant.payments.port import (
    CapturePayment,
    ChangeTerms,
    ConfirmPayment,
    CreateCustomer,
    CreatePayment,
    MethodKind,
    Payment,
    PayWith,
    Refund,
    RequestRefund,
    SavedMethod,
    SaveMethod,
    Terms,
    TermsState,
    VoidPayment,
)
from bezant.payments.refunding import Thresholds
from bezant.payments.rulebook import Rulebook
from bezant.payments.safe import Safe
from bezant.payments.service import PaymentsService
from bezant.psp.card import Card
from bezant.psp.port import Charge, Connector, FollowUp, WebhookCheck
from bezant.psp.shown import Shown
from bezant.schemas import SCHEMAS
from bezant.secret import Secret

MERCHANT = "mer_" + "1" * 32
STRANGER = "mer_" + "2" * 32
CLERK = Actor(Caller.KEY, "key_1", MERCHANT, Mode.TEST, frozenset({"refunds.write"}))
ITSELF = Actor(Caller.MODULE, "sample", PLATFORM, Mode.TEST, frozenset({"settings.write"}))
CARD = PayWith(MethodKind.CARD, "card_good")


class Second(Card):
    """The same acquirer under another name: another provider."""

    name: str = "second"

    def charge(self, charge: Charge) -> ProviderRequest:
        return replace(super().charge(charge), provider="second")

    def capture(self, step: FollowUp) -> ProviderRequest:
        return replace(super().capture(step), provider="second")

    def void(self, step: FollowUp) -> ProviderRequest:
        return replace(super().void(step), provider="second")

    def refund(self, step: FollowUp) -> ProviderRequest:
        return replace(super().refund(step), provider="second")

    def ask(self, operation: str, step: FollowUp) -> ProviderRequest:
        return replace(super().ask(operation, step), provider="second")


def migrated(database: TestDatabase) -> None:
    """Put the tables of the payments, and of what they need, into a database."""
    schemas = [one for one in SCHEMAS if one.module in ("keys", "identity", "ledger", "payments")]
    passwords = {schema.module: Secret(MODULE_PASSWORD) for schema in schemas}
    asyncio.run(migrate(database.administrator_dsn, schemas, passwords))


@asynccontextmanager
async def opened(
    database: TestDatabase, clock: MovableClock, **options: Any
) -> AsyncIterator["Till"]:
    """Lend a service on this database."""
    async with service_on(
        database.module_dsn("ledger"), database.module_dsn("payments"), clock, **options
    ) as till:
        till.database = database
        yield till


@asynccontextmanager
async def service_on(
    ledger_dsn: str,
    payments_dsn: str,
    clock: MovableClock,
    *,
    failpoints: Failpoints = NOWHERE,
    approvals: Approvals | None = None,
    thresholds: Sequence[str] = (),
    acquirer: Acquirer | None = None,
    checks: Mapping[str, WebhookCheck] | None = None,
    connectors: Mapping[str, Connector] | None = None,
) -> AsyncIterator["Till"]:
    """Lend a service on these databases."""
    books = await Database.open(ledger_dsn, name="ledger", size_max=6, clock=clock)
    own = await Database.open(payments_dsn, name="payments", size_max=10, clock=clock)
    ledger = LedgerService(books, books, clock)
    acquirer = acquirer or Acquirer()
    connectors = connectors or {"card": Card(), "second": Second()}
    parts = Parts(
        database=own,
        clock=clock,
        ids=Ids(clock),
        connectors=connectors,
        modes={name: frozenset(Mode) for name in connectors},
        vault=acquirer,
        booking=Booking(ledger),
        gathered=Gathered(own),
        rulebook=Rulebook(own),
        health=Health(clock),
        failpoints=failpoints,
        redaction=Shown(),
        safe=Safe(LOCAL_KEYS),
        told=lambda: None,
    )
    limits = {one.asset.code: one for one in (Money.of(text) for text in thresholds)}
    service = PaymentsService(parts, approvals or Nobody(), checks or {}, Thresholds(limits))
    service.start()
    try:
        yield Till(service, parts, ledger, acquirer, clock)
    finally:
        await service.close()
        await ledger.close()
        await own.close()
        await books.close()


@dataclass
class Till:
    """A service, its book, and the acquirer's."""

    payments: PaymentsService
    parts: Parts
    ledger: LedgerService
    acquirer: Acquirer
    clock: MovableClock
    database: TestDatabase = field(init=False)
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    def fresh(self, what: str = "key") -> str:
        """Return a key that was not used before."""
        return f"{what}-{next(self._numbers)}"

    def asking(self, amount: str = "20.00 EUR", **more: Any) -> CreatePayment:
        """Return the command that charges a card; captured at once."""
        given = {"key": self.fresh("pay"), "pay_with": CARD, **more}
        return CreatePayment(
            tenant=given.pop("tenant", MERCHANT),
            mode=given.pop("mode", Mode.TEST),
            amount=Money.of(amount),
            **given,
        )

    async def pay(self, amount: str = "20.00 EUR", **more: Any) -> Payment:
        """Charge a card."""
        return await self.payments.create(self.asking(amount, **more))

    async def authorized(self, amount: str = "20.00 EUR", **more: Any) -> Payment:
        """Set money aside."""
        return await self.pay(amount, capture=False, **more)

    async def confirm(self, payment: Payment, key: str = "") -> Payment:
        """Try again with a card."""
        return await self.payments.confirm(
            ConfirmPayment(key or self.fresh("confirm"), MERCHANT, payment.mode, payment.id, CARD)
        )

    async def capture(
        self, payment: Payment, amount: str | None = None, *, last: bool = True, key: str = ""
    ) -> Payment:
        """Take what is set aside."""
        return await self.payments.capture(
            CapturePayment(
                key or self.fresh("capture"),
                MERCHANT,
                payment.mode,
                payment.id,
                None if amount is None else Money.of(amount),
                last,
            )
        )

    async def void(self, payment: Payment, key: str = "") -> Payment:
        """Let go of what is set aside."""
        return await self.payments.void(
            VoidPayment(key or self.fresh("void"), MERCHANT, payment.mode, payment.id)
        )

    async def refund(self, payment: Payment, amount: str | None = None, key: str = "") -> Refund:
        """Give money back."""
        return await self.payments.request_refund(
            RequestRefund(
                key or self.fresh("refund"),
                MERCHANT,
                payment.mode,
                payment.id,
                CLERK,
                None if amount is None else Money.of(amount),
            )
        )

    async def saved(self, kind: MethodKind, facts: Mapping[str, str]) -> SavedMethod:
        """Keep a way to pay for a new customer."""
        customer = await self.payments.create_customer(
            CreateCustomer(self.fresh("customer"), MERCHANT, Mode.TEST, "Ada", "ada@example.com")
        )
        return await self.payments.save_method(
            SaveMethod(self.fresh("save"), MERCHANT, Mode.TEST, customer.id, kind, facts=facts)
        )

    async def set_terms(self, terms: Terms) -> Terms:
        """Set the rules as the platform itself does at its start."""
        change = await self.payments.change_terms(ChangeTerms(ITSELF, terms))
        assert change.state is TermsState.IN_FORCE
        return await self.payments.terms()

    async def converge(self, seconds: int = 60) -> int:
        """Let time pass, a second at a time, until nothing is open; return how long it took."""
        for second in range(seconds + 1):
            await self.payments.walk()
            if not self.count("pending"):
                return second
            self.clock.move(timedelta(seconds=1))
        raise AssertionError(f"after {seconds} s something is still open")

    async def acted(self) -> None:
        """Wait until events that were stored here were acted on, or wait for something."""
        await self.payments._arriving.stop()  # pyright: ignore[reportPrivateUsage]

    async def now(self, payment: Payment) -> Payment:
        """Return a payment as it stands."""
        return await self.payments.payment(MERCHANT, payment.mode, payment.id)

    async def balance(self, name: str, of: str = "", asset: str = "EUR") -> str:
        """Return what one of the platform's accounts holds."""
        account = await self.ledger.chart_account(ChartAccount(name, Mode.TEST, asset, of))
        found = await self.ledger.balance(BalanceOf(PLATFORM, Mode.TEST, account.id))
        return found.posted.decimal()

    async def freeze(self, name: str, of: str) -> None:
        """Freeze one of the platform's accounts."""
        await self._change(name, of, AccountState.FROZEN)

    async def thaw(self, name: str, of: str) -> None:
        """Open it again."""
        await self._change(name, of, AccountState.OPEN)

    async def _change(self, name: str, of: str, state: AccountState) -> None:
        account = await self.ledger.chart_account(ChartAccount(name, Mode.TEST, "EUR", of))
        await self.ledger.change_account(
            ChangeAccount(self.fresh("account"), PLATFORM, Mode.TEST, account.id, state)
        )

    async def agrees(self) -> None:
        """Assert that the book balances, and agrees with the acquirer's about what was taken."""
        found = await self.ledger.reconcile(Reconcile(PLATFORM, Mode.TEST))
        assert found.differences == ()
        for trial in await self.ledger.trial_balance(TrialBalanceOf(PLATFORM, Mode.TEST)):
            assert trial.difference.minor == 0, trial
        taken = sum(one.captured - one.refunded for one in self.acquirer.charges())
        owed = 0
        for provider in ("card", "second"):
            owed += Money.of(f"{await self.balance('psp_receivable', provider)} EUR").minor
        assert owed == taken, f"the acquirer took {taken}, the book says {owed}"
        assert await self.incomplete() == []

    async def incomplete(self) -> list[str]:
        """Return which movements are not in the book, and what is there that nothing moved."""
        found = await Completeness(self.parts.database, self.ledger).look()
        return [one.found for one in found]

    def count(self, table: str, where: str = "true") -> int:
        """Count rows, as the administrator sees them."""
        return self.value(f"SELECT count(*) FROM payments.{table} WHERE {where}")

    def value(self, statement: str) -> Any:
        """Return one value, as the administrator sees it."""
        with psycopg.connect(self.database.administrator_dsn, autocommit=True) as connection:
            row = connection.execute(statement).fetchone()
        return None if row is None else row[0]
