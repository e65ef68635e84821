"""Every connector in front of its emulator: the whole story, and the answers that get lost."""

from dataclasses import replace

import pytest
from tests.psp.shops import BANK, PRICE, Shop, approve, charge_of, open_shop, step_of
from tests.sandbox.stand import Town

from bezant.money import EUR, USD, USDC, Money
from bezant.psp.port import Charge, DeclineCode, MethodKind, Result, Verdict

CARDS = ("stripe", "card")
HARD = "4000000000000002"
BROKE = "4000000000009995"
SOFT = "4000000000000119"
CHALLENGED = "4000000000003220"


async def held_at(shop: Shop, amount: Money = PRICE) -> tuple[Charge, Verdict]:
    """Set money aside."""
    charge = charge_of(shop.provider, amount, capture=False)
    told = await shop.charge(charge)
    if told.result is Result.NEEDS_ACTION:
        approve(shop.town, told)
        told = await shop.finish(charge, told.reference)
    assert (told.result, told.amount) == (Result.AUTHORIZED, amount)
    return charge, told


async def in_haste(shop: Shop, charge: Charge) -> Verdict:
    """Charge with little patience."""
    request = replace(shop.connector.charge(charge), deadline_seconds=1.0)
    return shop.connector.charged(charge, await shop.send(request))


@pytest.mark.requirement("S004-1")
@pytest.mark.parametrize("provider", CARDS)
async def test_a_card_is_charged_captured_and_refunded_in_parts(city: Town, provider: str):
    async with open_shop(provider, city) as shop:
        charge, held = await held_at(shop)
        taken = await shop.capture(step_of(charge, held, amount=EUR(15_00)))
        assert (taken.result, taken.amount) == (Result.CAPTURED, EUR(15_00))
        for amount in (EUR(5_00), EUR(10_00)):
            part = taken.part or held.part
            given = await shop.refund(step_of(charge, held, amount=amount, part=part))
            assert (given.result, given.amount) == (Result.REFUNDED, amount)
        more = await shop.refund(step_of(charge, held, amount=EUR(1)))
        assert more.result is Result.DECLINED
        assert city.charges(charge.attempt, provider) == 1


@pytest.mark.parametrize("provider", CARDS)
@pytest.mark.parametrize(
    ("number", "code", "soft"),
    [
        (HARD, DeclineCode.CARD_DECLINED, False),
        (BROKE, DeclineCode.INSUFFICIENT_FUNDS, False),
        (SOFT, DeclineCode.PROCESSING_ERROR, True),
    ],
)
async def test_a_decline_is_told_in_our_words(
    city: Town, provider: str, number: str, code: DeclineCode, soft: bool
):
    async with open_shop(provider, city, number) as shop:
        charge = charge_of(provider)
        told = await shop.charge(charge)
        assert told.result is Result.DECLINED
        assert told.decline is not None
        assert (told.decline.code, told.decline.soft) == (code, soft)
        asked = await shop.ask("charge", step_of(charge, Verdict(Result.UNKNOWN)))
        assert asked.result is Result.DECLINED
        assert city.charges(charge.attempt, provider) == 0


@pytest.mark.parametrize("provider", CARDS)
@pytest.mark.parametrize("effect", ["timeout_after_acting", "drop_after_acting"])
async def test_a_charge_whose_answer_was_lost_is_found_by_our_key(
    city: Town, provider: str, effect: str
):
    async with open_shop(provider, city) as shop:
        city.script(effect, provider=provider)
        charge = charge_of(provider)
        request = shop.connector.charge(charge)
        told = await in_haste(shop, charge)
        assert (told.result, told.status) == (Result.UNKNOWN, "silent")
        assert request.key == charge.attempt
        asked = await shop.ask("charge", step_of(charge, told))
        assert (asked.result, asked.amount) == (Result.CAPTURED, charge.amount)
        assert city.charges(charge.attempt, provider) == 1


@pytest.mark.parametrize("provider", CARDS)
async def test_a_charge_that_never_arrived_is_not_found(city: Town, provider: str):
    async with open_shop(provider, city) as shop:
        city.script("drop_before_acting", provider=provider)
        charge = charge_of(provider)
        told = await in_haste(shop, charge)
        assert told.result is Result.UNKNOWN
        asked = await shop.ask("charge", step_of(charge, told))
        assert asked.result is Result.NOT_FOUND


@pytest.mark.parametrize("provider", CARDS)
@pytest.mark.parametrize("effect", ["error_before_acting", "error_after_acting"])
async def test_a_servers_fault_says_nothing_and_the_question_tells(
    city: Town, provider: str, effect: str
):
    async with open_shop(provider, city) as shop:
        city.script(effect, provider=provider)
        charge = charge_of(provider)
        told = await shop.charge(charge)
        assert told.result is Result.UNKNOWN
        asked = await shop.ask("charge", step_of(charge, told))
        acted = effect == "error_after_acting"
        assert asked.result is (Result.CAPTURED if acted else Result.NOT_FOUND)


@pytest.mark.parametrize("provider", CARDS)
async def test_a_rate_limit_did_nothing_and_says_when_to_come_back(city: Town, provider: str):
    async with open_shop(provider, city) as shop:
        city.script("rate_limit", provider=provider)
        told = await shop.charge(charge_of(provider))
        assert told.result is Result.OUTAGE


@pytest.mark.parametrize("provider", CARDS)
async def test_the_payer_confirms_on_the_issuers_page(city: Town, provider: str):
    async with open_shop(provider, city, CHALLENGED) as shop:
        charge = charge_of(provider)
        told = await shop.charge(charge)
        assert told.result is Result.NEEDS_ACTION
        assert told.action is not None
        assert told.action.type == "redirect"
        waiting = await shop.ask("charge", step_of(charge, told))
        assert waiting.result is Result.NEEDS_ACTION
        approve(city, told)
        asked = await shop.ask("charge", step_of(charge, told))
        assert (asked.result, asked.amount) == (Result.CAPTURED, charge.amount)


@pytest.mark.parametrize("provider", ["stripe", "card", "paypal"])
async def test_what_is_set_aside_is_let_go(city: Town, provider: str):
    async with open_shop(provider, city) as shop:
        charge, held = await held_at(shop)
        step = step_of(charge, held)
        assert (await shop.ask("void", step)).result is not Result.VOIDED
        assert (await shop.void(step)).result is Result.VOIDED
        assert (await shop.capture(step_of(charge, held))).result in {
            Result.DECLINED,
            Result.UNKNOWN,
        }
        assert city.charges(charge.attempt, provider) == 0


@pytest.mark.parametrize("provider", ["stripe", "card", "paypal"])
async def test_a_capture_and_a_refund_whose_answers_were_lost_are_found(city: Town, provider: str):
    async with open_shop(provider, city) as shop:
        charge, held = await held_at(shop)
        step = step_of(charge, held)
        nothing = await shop.ask("capture", step)
        assert nothing.result is Result.NOT_FOUND
        city.script("drop_after_acting", provider=provider)
        assert (await shop.capture(step)).result is Result.UNKNOWN
        found = await shop.ask("capture", step)
        assert (found.result, found.amount) == (Result.CAPTURED, charge.amount)

        part = found.part or held.part
        back = step_of(charge, held, amount=EUR(5_00), part=part)
        assert (await shop.ask("refund", back)).result is Result.NOT_FOUND
        city.script("drop_after_acting", provider=provider)
        assert (await shop.refund(back)).result is Result.UNKNOWN
        given = await shop.ask("refund", back)
        assert (given.result, given.amount) == (Result.REFUNDED, EUR(5_00))
        assert (await shop.refund(back)).part == given.part, "the same key answers the same"


@pytest.mark.parametrize("provider", ["stripe", "card", "paypal"])
async def test_several_captures_are_told_apart(city: Town, provider: str):
    async with open_shop(provider, city) as shop:
        charge, held = await held_at(shop)
        first = step_of(charge, held, amount=EUR(5_00), last=False)
        second = step_of(charge, held, amount=EUR(7_00))
        for step in (first, second):
            told = await shop.capture(step)
            assert (told.result, told.amount) == (Result.CAPTURED, step.amount)
        for step in (first, second):
            asked = await shop.ask("capture", step)
            assert (asked.result, asked.amount) == (Result.CAPTURED, step.amount)
        other = await shop.ask("capture", step_of(charge, held, amount=EUR(5_00)))
        assert other.result in {Result.NOT_FOUND, Result.UNKNOWN}


@pytest.mark.requirement("S004-1")
async def test_a_payer_approves_at_paypal_and_the_charge_is_finished(city: Town):
    async with open_shop("paypal", city) as shop:
        charge = charge_of("paypal")
        told = await shop.charge(charge)
        assert told.result is Result.NEEDS_ACTION
        early = await shop.finish(charge, told.reference)
        assert early.result is Result.PENDING
        approve(city, told)
        asked = await shop.ask("charge", step_of(charge, told))
        assert asked.result is Result.APPROVED
        done = await shop.finish(charge, told.reference)
        assert (done.result, done.amount) == (Result.CAPTURED, charge.amount)
        assert done.part
        assert done.fee is not None
        given = await shop.refund(step_of(charge, done, amount=EUR(5_00)))
        assert (given.result, given.amount) == (Result.REFUNDED, EUR(5_00))
        assert city.charges(charge.attempt, "paypal") == 1


async def test_a_lost_paypal_order_can_never_be_paid(city: Town):
    async with open_shop("paypal", city) as shop:
        city.script("drop_after_acting", provider="paypal", operation="create_order")
        charge = charge_of("paypal")
        told = await shop.charge(charge)
        assert told.result is Result.UNKNOWN
        asked = await shop.ask("charge", step_of(charge, told))
        assert asked.result is Result.NOT_FOUND


@pytest.mark.requirement("S004-1")
async def test_a_checkout_is_paid_in_usdc_and_refunded_in_part(city: Town):
    async with open_shop("coinbase", city) as shop:
        charge = charge_of("coinbase", USDC(25_500_000))
        told = await shop.charge(charge)
        assert told.result is Result.NEEDS_ACTION
        assert told.action is not None
        assert told.action.facts["amount"] == "25.50"
        approve(city, told)
        pending = await shop.ask("charge", step_of(charge, told))
        assert pending.result is Result.PENDING
        city.pass_time(minutes=5)
        paid = await shop.ask("charge", step_of(charge, told))
        assert (paid.result, paid.amount) == (Result.CAPTURED, charge.amount)
        assert paid.fee is not None
        step = step_of(charge, paid, amount=USDC(10_000_000), reason="one too many")
        assert (await shop.ask("refund", step)).result is Result.NOT_FOUND
        given = await shop.refund(step)
        assert given.result is Result.PENDING
        city.pass_time(minutes=5)
        asked = await shop.ask("refund", step)
        assert (asked.result, asked.amount) == (Result.REFUNDED, step.amount)
        assert (await shop.void(step_of(charge, paid))).result is Result.DECLINED


@pytest.mark.parametrize("provider", ["coinbase", "coinbase_links"])
async def test_a_page_of_coinbase_is_closed_before_anybody_paid(city: Town, provider: str):
    async with open_shop(provider, city) as shop:
        charge = charge_of(provider, USDC(3_000_000))
        told = await shop.charge(charge)
        step = step_of(charge, told)
        assert (await shop.ask("void", step)).result is Result.NOT_FOUND
        assert (await shop.void(step)).result is Result.VOIDED
        assert (await shop.ask("void", step)).result is Result.VOIDED
        assert (await shop.ask("charge", step)).result is Result.VOIDED


@pytest.mark.parametrize(
    ("how", "least", "most"),
    [("exact", 100_00, 100_00), ("under", 1, 99_99), ("over", 100_01, 999_99)],
)
async def test_what_arrives_at_commerce_is_told_as_it_is(
    city: Town, how: str, least: int, most: int
):
    async with open_shop("coinbase_commerce", city) as shop:
        charge = charge_of("coinbase_commerce", USD(100_00))
        told = await shop.charge(charge)
        assert told.result is Result.NEEDS_ACTION
        approve(city, told, how)
        city.pass_time(minutes=5)
        paid = await shop.ask("charge", step_of(charge, told))
        assert paid.result is Result.CAPTURED, paid.status
        assert paid.amount is not None
        assert least <= paid.amount.minor <= most
        assert shop.connector.capabilities.inexact


@pytest.mark.parametrize("cents", [20_00, 19_99, 20_01])
async def test_a_transfer_is_found_by_its_reference_and_sent_back(city: Town, cents: int):
    async with open_shop("bank", city) as shop:
        charge = charge_of("bank", payment="pay_0199c2f00d")
        told = await shop.charge(charge)
        assert told.result is Result.NEEDS_ACTION
        assert told.action is not None
        assert told.action.facts["iban"] == BANK.iban
        step = step_of(charge, told, now=city.clock.now())
        assert (await shop.ask("charge", step)).result is Result.NEEDS_ACTION
        sent = {
            "creditor_iban": BANK.iban,
            "amount": EUR(cents).decimal(),
            "reference": told.action.facts["reference"],
            "instant": True,
        }
        assert city.post("bank", "/transfers", json=sent).status_code == 201
        paid = await shop.ask("charge", step)
        assert (paid.result, paid.amount) == (Result.CAPTURED, EUR(cents))
        assert paid.payer["iban"]

        back = step_of(charge, paid, amount=EUR(5_00), now=city.clock.now())
        assert (await shop.ask("refund", back)).result is Result.NOT_FOUND
        assert (await shop.refund(back)).result is Result.PENDING
        city.pass_time(hours=3)
        given = await shop.ask("refund", back)
        assert (given.result, given.amount) == (Result.REFUNDED, EUR(5_00))


def debit(**saved: str) -> Charge:
    """Return a charge of an American bank account."""
    return charge_of(
        "stripe",
        USD(50_00),
        method=MethodKind.BANK_ACCOUNT,
        card="",
        customer_name="Paula Payer",
        saved=saved,
    )


@pytest.mark.requirement("S004-1")
@pytest.mark.parametrize(
    ("account", "result"),
    [
        ("pm_usBankAccount_success", Result.CAPTURED),
        ("pm_usBankAccount_insufficientFunds", Result.DECLINED),
        ("pm_usBankAccount_debitNotAuthorized", Result.DECLINED),
    ],
)
async def test_a_debit_from_an_american_account_takes_days(
    city: Town, account: str, result: Result
):
    async with open_shop("stripe", city) as shop:
        charge = debit(payment_method=account)
        told = await shop.charge(charge)
        assert told.result is Result.PENDING
        city.pass_time(days=6)
        asked = await shop.ask("charge", step_of(charge, told))
        assert asked.result is result
        if asked.decline is not None:
            assert asked.decline.code in {DeclineCode.INSUFFICIENT_FUNDS, DeclineCode.RETURNED}


async def test_an_account_nobody_verified_is_verified_by_small_deposits_first(city: Town):
    async with open_shop("stripe", city) as shop:
        charge = debit(routing_number="110000000", account_number="000123456789")
        told = await shop.charge(charge)
        assert told.result is Result.NEEDS_ACTION
        assert told.action is not None
        assert told.action.type == "verify_micro_deposits"


async def test_a_saved_paypal_account_is_charged_without_asking(city: Town):
    async with open_shop("paypal", city) as shop:
        charge = charge_of("paypal", saved={"vault_id": "saved-wealthy"})
        told = await shop.charge(charge)
        assert (told.result, told.amount) == (Result.CAPTURED, charge.amount)
        asked = await shop.ask("charge", step_of(charge, told))
        assert asked.result is Result.CAPTURED
        refused = await shop.charge(charge_of("paypal", saved={"vault_id": "saved-declined"}))
        assert refused.result is Result.DECLINED


@pytest.mark.parametrize("acted", [True, False])
async def test_a_lost_charge_of_a_saved_account_is_found_or_not_once_paypal_knows(
    city: Town, acted: bool
):
    async with open_shop("paypal", city) as shop:
        effect = "drop_after_acting" if acted else "drop_before_acting"
        city.script(effect, provider="paypal", operation="create_order")
        charge = charge_of("paypal", saved={"vault_id": "saved-wealthy"})
        sent_at = city.clock.now()
        told = await shop.charge(charge)
        assert told.result is Result.UNKNOWN

        async def ask() -> Verdict:
            now = city.clock.now()
            return await shop.ask(
                "charge", step_of(charge, told, saved=charge.saved, now=now, sent_at=sent_at)
            )

        city.script("stale", provider="paypal", seconds=10_800)
        early = await ask()
        assert early.result is Result.UNKNOWN, "the search does not know that hour yet"
        city.pass_time(hours=6)
        late = await ask()
        assert late.result is (Result.CAPTURED if acted else Result.NOT_FOUND)
        assert city.charges(charge.attempt, "paypal") == int(acted)
        if acted:
            given = await shop.refund(step_of(charge, late, amount=EUR(5_00)))
            assert given.result is Result.REFUNDED
        unsure = await shop.ask(
            "charge",
            step_of(charge, told, saved=charge.saved, now=city.clock.now()),
        )
        assert unsure.result is (Result.CAPTURED if acted else Result.UNKNOWN)
