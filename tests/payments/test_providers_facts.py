"""What providers did by themselves, told by their own events or by their files alone: the book ends
where theirs does.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from tests.harness.cluster import TestDatabase
from tests.payments.test_emulators import PAYING, paid, till_at
from tests.payments.test_orderings import ASSETS, Everything, given_back, shop_of
from tests.payments.till import MERCHANT, Till
from tests.psp.shops import charge_of
from tests.sandbox.stand import Town

from bezant.actor import PLATFORM, Mode
from bezant.ledger.port import TrialBalanceOf
from bezant.money import EUR, USDC, Money
from bezant.payments.port import (
    Arrival,
    DisputesOf,
    MethodKind,
    Payment,
    PaymentState,
    PayWith,
    RefundsOf,
    RefundState,
    SettleFile,
    Settlement,
)

FAILING = "4000" + "000000005126"  # Its refunds are given, and come back two days later.
WAYS = {**PAYING, "coinbase": PayWith(MethodKind.CRYPTO)}
DAYS = 12


@dataclass
class Told:
    """How many letters were brought to the door so far."""

    letters: int = 0

    async def all(self, till: Till, provider: str, town: Town) -> None:
        """Bring every new letter to the door, and act on it."""
        town.catch_up()
        for letter in town.box.letters[self.letters :]:
            await till.payments.arrive(Arrival(provider, Mode.TEST, letter.headers, letter.body))
        self.letters = len(town.box.letters)
        await at_rest(till, town)


async def at_rest(till: Till, town: Town) -> None:
    for _ in range(60):
        await till.payments.walk()
        await till.payments.act_on_arrivals()
        await till.acted()
        if not till.count("pending") and not till.count("arrival", "due_at IS NOT NULL"):
            return
        town.pass_time(seconds=5)
    raise AssertionError("something is still waiting")


async def files(till: Till, provider: str, town: Town, since_days: int = DAYS) -> list[Settlement]:
    """Post the provider's file of each day."""
    today = town.clock.now().date()
    posted: list[Settlement] = []
    for back in range(since_days, -1, -1):
        on = today - timedelta(days=back)
        report = town.loop.run(town.inspection.settlement(provider, on))
        command = SettleFile(provider, Mode.TEST, report.file.text.encode())
        posted.append(await till.payments.settle(command))
    return posted


def theirs(provider: str, town: Town) -> int:
    """Return what the provider has of ours, by its own book: net of its fees and payouts."""
    today = town.clock.now().date()
    days = [today - timedelta(days=back) for back in range(DAYS, -1, -1)]
    reports = [town.loop.run(town.inspection.settlement(provider, on)) for on in days]
    return sum(one.net for report in reports for one in report.movements)


async def balanced(till: Till) -> None:
    for trial in await till.ledger.trial_balance(TrialBalanceOf(PLATFORM, Mode.TEST)):
        assert trial.difference.minor == 0, trial


@pytest.mark.catalogue("T06")
@pytest.mark.parametrize("told_by", ["events", "files"])
@pytest.mark.parametrize("provider", [*WAYS])
async def test_money_given_back_elsewhere_and_money_that_comes_back_end_in_the_book(
    city: Town, payments_database: TestDatabase, provider: str, told_by: str
) -> None:
    """Twenty are paid; five are given back and come back; three are given back on the dashboard."""
    asset = ASSETS.get(provider, "EUR")
    number = FAILING if provider in ("card", "stripe") else "4242424242424242"
    checks: dict[str, Any] = {provider: Everything(provider)}
    async with till_at(provider, city, payments_database, number, checks=checks) as till:
        payment = await bought(till, provider, city)
        told = Told(len(city.box.letters))
        if provider in ("paypal", "coinbase"):
            city.script("return", provider=provider, operation="refund", seconds=60)
        refund = await till.refund(payment, f"5.00 {asset}")
        city.pass_time(minutes=1)
        if provider not in ("card", "stripe"):  # Their cards' refunds would come back, too.
            await given_back(till, shop_of(till), city, payment)
        if told_by == "events":
            await told.all(till, provider, city)
        city.pass_time(days=3)
        if told_by == "events":
            await told.all(till, provider, city)
        city.pass_time(days=4)
        posted = await files(till, provider, city)
        await at_rest(till, city)
        assert [one.unmatched for one in posted if one.unmatched] == []
        after = await till.payments.refund(MERCHANT, payment.mode, refund.id)
        assert after.state is RefundState.FAILED, after
        elsewhere = 0 if provider in ("card", "stripe") else 5
        assert (await till.now(payment)).refunded == Money.of(f"{elsewhere}.00 {asset}")
        held = Money.of(f"{20 - elsewhere}.00 {asset}").decimal()
        assert await till.balance("merchant_payable", MERCHANT, asset) == held
        nothing = Money.of(f"0.00 {asset}").decimal()
        for name, of in (("refund_payable", provider), ("suspense", "")):
            assert await till.balance(name, of, asset) == nothing
        ours = Money.of(f"{await till.balance('psp_receivable', provider, asset)} {asset}")
        assert ours.minor == theirs(provider, city)
        if provider == "stripe":
            assert ours.minor == 0, "it has paid out everything"
        await balanced(till)


async def bought(till: Till, provider: str, city: Town) -> Payment:
    if provider != "coinbase":
        return await paid(till, provider, city)
    payment = await till.pay("20.00 USDC", pay_with=WAYS[provider])
    assert payment.next_action is not None
    page = payment.next_action.url.partition("/payment-links/")[2]
    sent = city.post("coinbase", f"/payment-links/{page}/pay", data={"how": "exact"})
    assert sent.status_code in (200, 303)
    city.pass_time(minutes=5)
    await till.payments.walk()
    return await till.now(payment)


@pytest.mark.parametrize("told_by", ["events", "files"])
@pytest.mark.parametrize("provider", ["card", "stripe"])
async def test_a_cards_refund_on_the_dashboard_is_found(
    city: Town, payments_database: TestDatabase, provider: str, told_by: str
) -> None:
    async with till_at(provider, city, payments_database) as till:
        payment = await paid(till, provider, city)
        told = Told(len(city.box.letters))
        await given_back(till, shop_of(till), city, payment)
        if told_by == "events":
            await told.all(till, provider, city)
        city.pass_time(days=4)
        await files(till, provider, city)
        await at_rest(till, city)
        page = await till.payments.refunds(RefundsOf(MERCHANT, payment.mode, payment.id))
        (refund,) = page.refunds
        assert (refund.state, refund.amount) == (RefundState.SUCCEEDED, EUR(5_00))
        assert refund.requested_by == provider
        assert await till.balance("merchant_payable", MERCHANT) == "15.00"
        ours = EUR(0) + Money.of(f"{await till.balance('psp_receivable', provider)} EUR")
        assert ours.minor == theirs(provider, city)


@pytest.mark.parametrize("told_by", ["events", "files"])
async def test_a_payment_that_paypal_takes_back_itself_is_given_back(
    city: Town, payments_database: TestDatabase, told_by: str
) -> None:
    async with till_at("paypal", city, payments_database) as till:
        city.script("return", provider="paypal", operation="capture_order", seconds=60)
        payment = await paid(till, "paypal", city)
        told = Told(len(city.box.letters))
        city.pass_time(minutes=2)
        if told_by == "events":
            await told.all(till, "paypal", city)
        await files(till, "paypal", city, 1)
        await at_rest(till, city)
        after = await till.now(payment)
        assert (after.state, after.refunded) == (PaymentState.SUCCEEDED, EUR(20_00))
        assert await till.balance("merchant_payable", MERCHANT) == "0.00"
        assert await till.balance("refund_payable", "paypal") == "0.00"


@pytest.mark.parametrize("told_by", ["events", "files"])
async def test_a_debit_that_a_bank_takes_back_after_it_arrived_is_lost(
    city: Town, payments_database: TestDatabase, told_by: str
) -> None:
    """Stripe tells of a late return of an ACH debit as a dispute that is lost from the start."""
    checks: dict[str, Any] = {"stripe": Everything("stripe")}
    async with till_at("stripe", city, payments_database, checks=checks) as till:
        kept = await till.saved(
            MethodKind.BANK_ACCOUNT, {"payment_method": "pm_usBankAccount_success"}
        )
        city.script("return", provider="stripe", code="insufficient_funds", seconds=86_400)
        payment = await till.pay(
            "20.00 USD", pay_with=PayWith(MethodKind.BANK_ACCOUNT, saved=kept.id)
        )
        city.pass_time(days=4, hours=1)
        await till.payments.walk()
        assert (await till.now(payment)).state is PaymentState.SUCCEEDED
        told = Told(len(city.box.letters))
        city.pass_time(days=2)
        if told_by == "events":
            await told.all(till, "stripe", city)
        city.pass_time(days=4)
        await files(till, "stripe", city)
        await at_rest(till, city)
        (dispute,) = (await till.payments.disputes(DisputesOf(MERCHANT, payment.mode))).disputes
        assert dispute.amount == Money.of("20.00 USD")
        assert dispute.state == ("lost" if told_by == "events" else "opened")
        await told.all(till, "stripe", city)
        (dispute,) = (await till.payments.disputes(DisputesOf(MERCHANT, payment.mode))).disputes
        assert dispute.state == "lost"
        assert await till.balance("merchant_payable", MERCHANT, "USD") == "0.00"
        for name, of in (("dispute_reserve", MERCHANT), ("dispute_receivable", "stripe")):
            assert await till.balance(name, of, "USD") == "0.00"
        ours = Money.of(f"{await till.balance('psp_receivable', 'stripe', 'USD')} USD")
        assert ours.minor == theirs("stripe", city)


@pytest.mark.parametrize("told_by", ["events", "files"])
async def test_a_transfer_of_ours_that_comes_back_is_the_merchants_again(
    city: Town, payments_database: TestDatabase, told_by: str
) -> None:
    checks: dict[str, Any] = {"bank": Everything("bank")}
    async with till_at("bank", city, payments_database, checks=checks) as till:
        payment = await till.pay("20.00 EUR", pay_with=PayWith(MethodKind.BANK_TRANSFER))
        assert payment.next_action is not None
        facts = payment.next_action.facts
        body = {
            "creditor_iban": facts["iban"], "amount": "20.00", "reference": facts["reference"],
            "instant": True,
        }  # fmt: skip
        assert city.post("bank", "/transfers", json=body).status_code == 201
        told = Told()
        await told.all(till, "bank", city)
        city.script("return", provider="bank", operation="pay", code="AC04", seconds=86_400)
        refund = await till.refund(payment, "5.00 EUR")
        city.pass_time(hours=3)
        await till.payments.walk()
        given = await till.payments.refund(MERCHANT, payment.mode, refund.id)
        assert given.state is RefundState.SUCCEEDED
        city.pass_time(days=2)
        if told_by == "events":
            await told.all(till, "bank", city)
        await statements(till, city)
        await at_rest(till, city)
        after = await till.payments.refund(MERCHANT, payment.mode, refund.id)
        assert (after.state, after.failure) == (RefundState.FAILED, "returned")
        assert await till.balance("merchant_payable", MERCHANT) == "20.00"
        assert await till.balance("refund_payable", "bank") == "0.00"
        assert await till.balance("psp_receivable", "bank") == "0.00"
        await balanced(till)


async def statements(till: Till, city: Town) -> None:
    """Post the bank's statement of each day."""
    await files(till, "bank", city, 4)


@pytest.mark.catalogue("T06")
@pytest.mark.parametrize("provider", [*WAYS])
async def test_a_payment_we_do_not_know_is_named_and_never_guessed(
    city: Town, payments_database: TestDatabase, provider: str
) -> None:
    """Somebody else took money with our account at the provider."""
    asset = ASSETS.get(provider, "EUR")
    async with till_at(provider, city, payments_database) as till:
        payment = await bought(till, provider, city)
        before = await till.balance("merchant_payable", MERCHANT, asset)
        told = Told(len(city.box.letters))
        charge = charge_of(provider, USDC(9_000_000) if asset == "USDC" else EUR(9_00))
        await charged_elsewhere(till, provider, city, charge)
        news = [
            shop_of(till).connector.incoming(one.headers, one.body)
            for one in city.box.letters[told.letters :]
        ]
        assert charge.attempt in {one.attempt for one in news}
        for letter in city.box.letters[told.letters :]:
            await till.payments.arrive(Arrival(provider, Mode.TEST, letter.headers, letter.body))
        for _ in range(12):
            city.pass_time(minutes=9)
            await till.payments.act_on_arrivals()
            await till.acted()
        notes = till.value("SELECT array_agg(DISTINCT note) FROM payments.arrival")
        assert "unmatched" in notes, notes
        posted = await files(till, provider, city, 1)
        unmatched = [name for one in posted for name in one.unmatched]
        assert len(unmatched) == 1, unmatched
        assert sum(one.matched for one in posted) >= 1, "the control: ours is known"
        nine = Money.of(f"9.00 {asset}").decimal()
        assert await till.balance("suspense", "", asset) == nine
        assert await till.balance("merchant_payable", MERCHANT, asset) == before
        ours = Money.of(f"{await till.balance('psp_receivable', provider, asset)} {asset}")
        assert ours.minor == theirs(provider, city)
        assert (await till.now(payment)).captured == payment.captured


async def charged_elsewhere(till: Till, provider: str, city: Town, charge: Any) -> None:
    """Take money with our account, and nothing of ours knows."""
    shop = shop_of(till)
    told = await shop.charge(charge)
    if provider == "paypal":
        city.post("paypal", f"/checkoutnow/{told.reference}/approve")
        told = await shop.finish(charge, told.reference)
    elif provider == "coinbase":
        assert told.action is not None
        page = told.action.url.partition("/payment-links/")[2]
        city.post("coinbase", f"/payment-links/{page}/pay", data={"how": "exact"})
    city.pass_time(minutes=5)
