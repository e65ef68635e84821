"""The payments in front of the providers' emulators: their books are the judge."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest
from tests.harness.cluster import TestDatabase
from tests.payments.till import MERCHANT, Till, opened
from tests.psp.shops import Shop, approve, open_shop
from tests.sandbox.stand import Town

from bezant.actor import Mode
from bezant.exchange import ProviderAnswer, ProviderRequest
from bezant.payments.port import (
    Arrival,
    MethodKind,
    Payment,
    PaymentState,
    PayWith,
    RefundState,
)
from bezant.psp.port import NextAction, Result, Verdict
from bezant.vault.port import CardFace, UnknownCard

PAYING = {
    "card": PayWith(MethodKind.CARD, "card_1"),
    "stripe": PayWith(MethodKind.CARD, "card_1"),
    "paypal": PayWith(MethodKind.PAYPAL),
}
CARDS = ("card", "stripe")
CHALLENGED = "4000000000003220"
PATIENCE_SECONDS = 2.0  # A test waits less than a payer.
LOST = ["timeout_after_acting", "drop_after_acting", "error_after_acting"]


@dataclass
class Sends:
    """The vault's way to a provider, with one card in it."""

    shop: Shop

    async def send(self, request: ProviderRequest) -> ProviderAnswer:
        return await self.shop.send(replace(request, deadline_seconds=PATIENCE_SECONDS))

    async def card(self, tenant: str, mode: Mode, token: str) -> CardFace:
        raise UnknownCard

    async def forget(self, tenant: str, mode: Mode, token: str) -> None:
        raise UnknownCard


@asynccontextmanager
async def till_at(
    provider: str,
    town: Town,
    database: TestDatabase,
    number: str = "4242424242424242",
    **more: Any,
) -> AsyncGenerator[Till]:
    """Lend a till whose only provider is this one."""
    async with open_shop(provider, town, number) as shop:
        options: dict[str, Any] = {
            "acquirer": Sends(shop),
            "connectors": shop.providers.connectors,
            "checks": shop.providers.checks,
            **more,
        }
        async with opened(database, town.clock, **options) as till:
            yield till


async def paid(till: Till, provider: str, town: Town, **more: Any) -> Payment:
    """Pay; where the payer has to do something, they do."""
    payment = await till.pay("20.00 EUR", pay_with=PAYING[provider], **more)
    if payment.state is PaymentState.NEEDS_ACTION:
        await passed(till, town, payment)
    return await till.now(payment)


async def passed(till: Till, town: Town, payment: Payment) -> None:
    """Do the payer's part, and find out."""
    action = payment.next_action
    assert action is not None
    told = NextAction(action.type, action.url)
    approve(town, Verdict(Result.NEEDS_ACTION, payment.reference, action=told))
    town.pass_time(seconds=20)
    await till.payments.walk()


async def judged(till: Till, town: Town, payment: Payment, provider: str) -> int:
    """Return how many charges the provider's book has for a payment."""
    attempts = await till.payments.attempts(MERCHANT, payment.mode, payment.id)
    return sum(
        town.charges(one.id, provider) for one in attempts if one.operation.value == "charge"
    )


@pytest.mark.requirement("S004-1", part="charge, capture, refund")
@pytest.mark.parametrize("provider", PAYING)
async def test_a_payment_from_charge_to_refund(
    city: Town,
    payments_database: TestDatabase,
    provider: str,
) -> None:
    async with till_at(provider, city, payments_database) as till:
        payment = await paid(till, provider, city)
        assert payment.state is PaymentState.SUCCEEDED, payment
        assert payment.reference
        for amount in ("5.00 EUR", "15.00 EUR"):
            refund = await till.refund(payment, amount)
            assert refund.state is RefundState.SUCCEEDED, refund
        assert await judged(till, city, payment, provider) == 1
        assert await till.balance("psp_receivable", provider) == "0.00"
        assert till.count("pending") == 0


@pytest.mark.parametrize("provider", PAYING)
async def test_what_is_set_aside_is_captured_or_let_go(
    city: Town,
    payments_database: TestDatabase,
    provider: str,
) -> None:
    async with till_at(provider, city, payments_database) as till:
        payment = await paid(till, provider, city, capture=False)
        assert payment.state is PaymentState.AUTHORIZED, payment
        part = await till.capture(payment, "15.00 EUR")
        assert (part.state, part.captured.decimal()) == (PaymentState.SUCCEEDED, "15.00")
        assert (await till.refund(payment, "15.00 EUR")).state is RefundState.SUCCEEDED
        other = await paid(till, provider, city, capture=False)
        assert (await till.void(other)).state is PaymentState.VOIDED
        assert await judged(till, city, other, provider) == 0


@pytest.mark.catalogue("T12")
@pytest.mark.parametrize("provider", CARDS)
@pytest.mark.parametrize("effect", LOST)
async def test_a_lost_answer_is_unknown_and_ends_with_one_charge(
    city: Town,
    payments_database: TestDatabase,
    provider: str,
    effect: str,
) -> None:
    async with till_at(provider, city, payments_database) as till:
        city.script(effect, provider=provider)
        payment = await till.pay("20.00 EUR", pay_with=PAYING[provider])
        assert payment.state is PaymentState.UNKNOWN
        city.pass_time(seconds=30)
        await till.payments.walk()
        after = await till.now(payment)
        assert after.state is PaymentState.SUCCEEDED
        assert await judged(till, city, payment, provider) == 1
        assert await till.balance("merchant_payable", MERCHANT) == "20.00"


@pytest.mark.parametrize("provider", CARDS)
async def test_what_never_arrived_failed_and_nobody_was_charged(
    city: Town,
    payments_database: TestDatabase,
    provider: str,
) -> None:
    async with till_at(provider, city, payments_database) as till:
        city.script("drop_before_acting", provider=provider)
        payment = await till.pay("20.00 EUR", pay_with=PAYING[provider])
        assert payment.state is PaymentState.UNKNOWN
        can = till.parts.connectors[provider].capabilities
        city.pass_time(seconds=20)
        await till.payments.walk()
        early = await till.now(payment)
        assert early.state is PaymentState.UNKNOWN, "not found so soon is not believed"
        city.pass_time(seconds=int(can.not_found_after_seconds))
        await till.payments.walk()
        after = await till.now(payment)
        assert (after.state, after.failure) == (PaymentState.FAILED, "never_arrived")
        assert await judged(till, city, payment, provider) == 0


@pytest.mark.parametrize("provider", CARDS)
@pytest.mark.parametrize(
    ("number", "code"),
    [("4000000000000002", "card_declined"), ("4000000000009995", "insufficient_funds")],
)
async def test_a_decline_is_told_with_advice(
    city: Town,
    payments_database: TestDatabase,
    provider: str,
    number: str,
    code: str,
) -> None:
    async with till_at(provider, city, payments_database, number) as till:
        payment = await till.pay("20.00 EUR", pay_with=PAYING[provider])
        assert payment.state is PaymentState.DECLINED
        assert payment.declined is not None
        assert payment.declined.code == code
        assert await judged(till, city, payment, provider) == 0


@pytest.mark.parametrize("provider", CARDS)
async def test_a_payer_is_challenged_and_passes(
    city: Town,
    payments_database: TestDatabase,
    provider: str,
) -> None:
    async with till_at(provider, city, payments_database, CHALLENGED) as till:
        payment = await till.pay(
            "20.00 EUR", pay_with=PAYING[provider], return_url="https://shop.example/return"
        )
        assert payment.state is PaymentState.NEEDS_ACTION
        await passed(till, city, payment)
        after = await till.now(payment)
        assert after.state is PaymentState.SUCCEEDED
        assert after.next_action is None
        assert await judged(till, city, payment, provider) == 1


@pytest.mark.requirement("S004-1", part="webhooks")
@pytest.mark.parametrize("provider", PAYING)
async def test_the_providers_own_events_end_a_silence(
    city: Town, payments_database: TestDatabase, provider: str
) -> None:
    async with till_at(provider, city, payments_database) as till:
        payment = await till.pay("20.00 EUR", pay_with=PAYING[provider], capture=False)
        if payment.state is PaymentState.NEEDS_ACTION:
            await passed(till, city, payment)
        city.script("drop_after_acting", provider=provider)
        assert (await till.capture(payment)).state is PaymentState.UNKNOWN
        for _ in range(2):  # Providers send events more than once.
            city.pass_time(seconds=1)
            for letter in city.box.letters:
                arrival = Arrival(provider, Mode.TEST, letter.headers, letter.body)
                await till.payments.arrive(arrival)
            await till.acted()
            await till.payments.act_on_arrivals()
        after = await till.now(payment)
        assert after.state is PaymentState.SUCCEEDED
        assert await judged(till, city, payment, provider) == 1
        assert await till.balance("merchant_payable", MERCHANT) == "20.00"


@pytest.mark.parametrize("provider", CARDS)
async def test_a_payment_the_payer_did_not_finish_is_given_up(
    city: Town, payments_database: TestDatabase, provider: str
) -> None:
    async with till_at(provider, city, payments_database, CHALLENGED) as till:
        payment = await till.pay(
            "20.00 EUR", pay_with=PAYING[provider], return_url="https://shop.example/return"
        )
        assert payment.state is PaymentState.NEEDS_ACTION
        given_up = await till.void(payment, key="enough")
        assert given_up.state is PaymentState.VOIDED
        assert (await till.void(payment, key="enough")).replayed
        assert till.count("pending") == 0
        assert await judged(till, city, payment, provider) == 0


@pytest.mark.parametrize("sent", ["20.00", "19.99", "20.01"])
async def test_a_payers_transfer_counts_for_what_arrived(
    city: Town, payments_database: TestDatabase, sent: str
) -> None:
    async with till_at("bank", city, payments_database) as till:
        payment = await till.pay("20.00 EUR", pay_with=PayWith(MethodKind.BANK_TRANSFER))
        assert payment.state is PaymentState.NEEDS_ACTION
        assert payment.next_action is not None
        facts = payment.next_action.facts
        body = {
            "creditor_iban": facts["iban"], "amount": sent, "reference": facts["reference"],
            "instant": True,
        }  # fmt: skip
        assert city.post("bank", "/transfers", json=body).status_code == 201
        city.pass_time(minutes=2)
        await till.payments.walk()
        after = await till.now(payment)
        assert (after.state, after.captured.decimal()) == (PaymentState.SUCCEEDED, sent)
        assert await till.balance("merchant_payable", MERCHANT) == sent
        refund = await till.refund(payment, "5.00 EUR")
        assert refund.state is RefundState.PROCESSING
        city.pass_time(hours=3)
        await till.payments.walk()
        given = await till.payments.refund(MERCHANT, payment.mode, refund.id)
        assert given.state is RefundState.SUCCEEDED
        assert await till.balance("refund_payable", "bank") == "0.00"


async def test_a_payer_sends_crypto_and_gets_some_back(
    city: Town, payments_database: TestDatabase
) -> None:
    async with till_at("coinbase", city, payments_database) as till:
        payment = await till.pay("25.50 USDC", pay_with=PayWith(MethodKind.CRYPTO))
        assert payment.state is PaymentState.NEEDS_ACTION
        await passed(till, city, payment)
        city.pass_time(minutes=5)
        await till.payments.walk()
        after = await till.now(payment)
        assert (after.state, after.captured.decimal()) == (PaymentState.SUCCEEDED, "25.500000")
        refund = await till.refund(payment, "10.00 USDC")
        assert refund.state is RefundState.PROCESSING
        city.pass_time(minutes=5)
        await till.payments.walk()
        given = await till.payments.refund(MERCHANT, payment.mode, refund.id)
        assert given.state is RefundState.SUCCEEDED
        assert await till.balance("psp_receivable", "coinbase", "USDC") == "15.500000"


@pytest.mark.catalogue("T12")
@pytest.mark.parametrize("forgotten", [False, True])
@pytest.mark.parametrize("acted", [True, False])
async def test_a_lost_charge_of_a_saved_account_is_looked_for_until_it_is_known(
    city: Town, payments_database: TestDatabase, acted: bool, forgotten: bool
) -> None:
    async with till_at("paypal", city, payments_database) as till:
        saved = await till.saved(MethodKind.PAYPAL, {"vault_id": "saved-wealthy"})
        effect = "drop_after_acting" if acted else "drop_before_acting"
        city.script(effect, provider="paypal", operation="create_order")
        paying = PayWith(MethodKind.PAYPAL, saved=saved.id)
        payment = await till.pay("20.00 EUR", pay_with=paying)
        assert payment.state is PaymentState.UNKNOWN
        if forgotten:
            await till.payments.forget_customer(MERCHANT, payment.mode, saved.customer)
        city.script("stale", provider="paypal", operation="search_transactions", seconds=10_800)
        city.pass_time(minutes=5)
        await till.payments.walk()
        early = await till.now(payment)
        assert early.state is PaymentState.UNKNOWN, "the search does not know that hour yet"
        city.pass_time(days=3)
        await till.payments.walk()
        after = await till.now(payment)
        assert after.state is (PaymentState.SUCCEEDED if acted else PaymentState.FAILED), after
        assert await judged(till, city, payment, "paypal") == int(acted)
        assert await till.balance("merchant_payable", MERCHANT) == ("20.00" if acted else "0.00")
