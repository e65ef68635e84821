"""Which provider takes a payment, and when another one is tried."""

from datetime import timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from tests.payments.acquirer import NOT_SENT, OUTAGE
from tests.payments.till import MERCHANT, STRANGER, Second, Till

from bezant.actor import Mode
from bezant.money import Money
from bezant.payments.port import (
    AttemptState,
    FeeRule,
    MalformedRules,
    MethodKind,
    NoProvider,
    PaymentState,
    RoutingRule,
    Terms,
    UnknownPriority,
    WaysOf,
)
from bezant.payments.routing import Wanted, choose, explained, ways
from bezant.psp.bank import Bank, BankAccount
from bezant.psp.card import Card

BOTH = {"card": Card(), "second": Second()}


def wanted(amount: str = "20.00 EUR", number: int = 0, **more: object) -> Wanted:
    return Wanted(
        UUID(int=number << 8), MERCHANT, Mode.TEST, Money.of(amount),
        more.get("method", MethodKind.CARD), capture=True,  # pyright: ignore[reportArgumentType]
    )  # fmt: skip


@pytest.mark.parametrize("happening", [NOT_SENT, OUTAGE, "processing_error"])
async def test_after_an_outage_or_a_soft_decline_another_provider_is_tried(
    till: Till, happening: str
) -> None:
    till.acquirer.plan("charge", happening)
    payment = await till.pay()
    assert (payment.state, payment.provider) == (PaymentState.SUCCEEDED, "second")
    first, second = await till.payments.attempts(MERCHANT, payment.mode, payment.id)
    assert (first.provider, second.provider) == ("card", "second")
    soft = happening == "processing_error"
    assert first.state is (AttemptState.DECLINED if soft else AttemptState.FAILED)
    assert second.why.startswith("card ")
    assert payment == await till.now(payment)
    await till.agrees()


@pytest.mark.parametrize("happening", ["lost_card", "silence", "act_then_silence", "garbage"])
async def test_after_a_hard_decline_or_silence_nobody_else_is_asked(
    till: Till, happening: str
) -> None:
    till.acquirer.plan("charge", happening)
    payment = await till.pay()
    assert payment.provider == "card"
    assert len(await till.payments.attempts(MERCHANT, payment.mode, payment.id)) == 1
    assert payment.state in (PaymentState.DECLINED, PaymentState.UNKNOWN)


async def test_when_nobody_can_the_payment_failed_and_may_be_tried_again(till: Till) -> None:
    till.acquirer.plan("charge", NOT_SENT, NOT_SENT)
    payment = await till.pay()
    assert (payment.state, payment.failure) == (PaymentState.FAILED, "provider_unavailable")
    assert not till.acquirer.charges()
    till.clock.move(timedelta(minutes=5))
    again = await till.confirm(payment)
    assert again.state is PaymentState.SUCCEEDED
    assert len(till.acquirer.charges()) == 1
    await till.agrees()


async def test_a_card_that_is_not_the_merchants_is_told(till: Till) -> None:
    till.acquirer.cards.clear()
    payment = await till.pay()
    assert (payment.state, payment.failure) == (PaymentState.FAILED, "unknown_card")
    assert not till.acquirer.charges()


def test_rules_decide_in_their_order() -> None:
    rules = [
        RoutingRule(2, "card"),
        RoutingRule(1, "second", asset="EUR", amount_min=10_000),
        RoutingRule(0, "second", tenant=STRANGER),
    ]
    assert choose(wanted("20.00 EUR"), BOTH, rules).provider == "card"
    assert choose(wanted("100.00 EUR"), BOTH, rules).provider == "second"
    assert choose(wanted("100.00 USD"), BOTH, rules).provider == "card"


def test_rules_of_one_place_share_by_weight_the_same_way_each_time() -> None:
    rules = [RoutingRule(0, "card", 30), RoutingRule(0, "second", 70)]
    chosen = [choose(wanted(number=number), BOTH, rules).provider for number in range(1_000)]
    assert chosen.count("card") == 300
    assert chosen == [choose(wanted(number=one), BOTH, rules).provider for one in range(1_000)]
    why = choose(wanted(number=1), BOTH, rules).why
    assert explained(why) == "routing rule 0 sends 30/100 of such payments here"


def test_who_fails_too_often_just_now_is_asked_last() -> None:
    choice = choose(wanted(), BOTH, [], frozenset({"card"}))
    assert choice.provider == "second"
    assert "fails too often" in explained(choice.why)
    assert choose(wanted(), BOTH, [], frozenset({"card", "second"})).provider == "card"


def test_what_nobody_takes_is_refused() -> None:
    with pytest.raises(NoProvider):
        choose(wanted(method=MethodKind.PAYPAL), BOTH, [])
    with pytest.raises(NoProvider):
        choose(wanted(), BOTH, [], tried=("card", "second"), after="outage")


def test_a_payer_is_offered_what_somebody_takes() -> None:
    asked = WaysOf(MERCHANT, Mode.TEST, Money.of("20.00 EUR"))
    bank = Bank(BankAccount("DE89370400440532013000", "COBADEFFXXX", "Shop"))
    assert ways(asked, BOTH) == (MethodKind.CARD,)
    assert ways(asked, {**BOTH, "bank": bank}) == (MethodKind.CARD, MethodKind.BANK_TRANSFER)
    in_dollars = WaysOf(MERCHANT, Mode.TEST, Money.of("20.00 USD"))
    assert ways(in_dollars, {"bank": bank}) == ()
    set_aside = WaysOf(MERCHANT, Mode.TEST, Money.of("20.00 EUR"), capture=False)
    assert ways(set_aside, {"bank": bank}) == ()  # A transfer cannot be set aside.
    assert ways(asked, {}) == ()


async def test_rules_are_set_as_a_whole_and_hold_at_once(till: Till) -> None:
    terms = Terms(
        (RoutingRule(0, "second"),),
        (FeeRule(Decimal("1.5"), 25, asset="EUR"), FeeRule(Decimal(0), tenant=STRANGER)),
    )
    assert await till.set_terms(terms) == terms
    payment = await till.pay("100.00 EUR")
    assert (payment.provider, payment.fee.decimal()) == ("second", "1.75")
    assert await till.balance("fees_earned") == "1.75"
    assert await till.balance("merchant_payable", MERCHANT) == "98.25"
    assert (await till.pay("100.00 EUR", tenant=STRANGER)).fee.minor == 0
    await till.agrees()


@pytest.mark.parametrize(
    "terms",
    [
        Terms((RoutingRule(0, "nobody"),)),
        Terms((RoutingRule(0, "card", amount_min=1),)),
        Terms((RoutingRule(0, "card", weight=1_001),)),
        Terms((), (FeeRule(Decimal(101)),)),
        Terms((), (FeeRule(Decimal(1), 5),)),
        Terms((), (FeeRule(Decimal(1), 0, 500, 400, asset="EUR"),)),
        Terms((), (FeeRule(Decimal(1), asset="XYZ"),)),
    ],
)
async def test_rules_that_contradict_themselves_change_nothing(till: Till, terms: Terms) -> None:
    with pytest.raises(MalformedRules):
        await till.set_terms(terms)
    assert await till.payments.terms() == Terms()


async def test_a_priority_costs_what_its_rule_says_and_one_made_up_costs_no_less(
    till: Till,
) -> None:
    ordinary = FeeRule(Decimal(1))
    express = FeeRule(Decimal(3), tenant=MERCHANT, priority="express")
    await till.set_terms(Terms((), (ordinary, express)))
    assert (await till.pay("100.00 EUR")).fee.decimal() == "1.00"
    assert (await till.pay("100.00 EUR", priority="express")).fee.decimal() == "3.00"
    assert (
        await till.pay("100.00 EUR", priority="express", tenant=STRANGER)
    ).fee.decimal() == "1.00"
    with pytest.raises(UnknownPriority) as refused:
        await till.pay("100.00 EUR", priority="gratis")
    assert refused.value.field == "priority"
    await till.agrees()


async def test_the_fixed_part_of_a_fee_is_charged_once(till: Till) -> None:
    await till.set_terms(Terms((), (FeeRule(Decimal(1), 30, asset="EUR"),)))
    payment = await till.authorized("100.00 EUR")
    first = await till.capture(payment, "50.00 EUR", last=False)
    second = await till.capture(payment, "50.00 EUR")
    assert (first.fee.decimal(), second.fee.decimal()) == ("0.80", "1.30")
    assert await till.balance("fees_earned") == "1.30"
    await till.agrees()
