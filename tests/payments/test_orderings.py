"""Every provider's own events, in every order and number, come to the same money (T40)."""

import asyncio
import itertools
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pytest
from tests.harness.cluster import TestDatabase
from tests.payments.test_emulators import PAYING, Sends, passed, till_at
from tests.payments.till import MERCHANT, Till
from tests.psp.shops import Shop, attempt_key
from tests.sandbox.stand import Letter, Town

from bezant.actor import Mode
from bezant.money import Money
from bezant.payments.port import Arrival, MethodKind, Payment, PaymentState, PayWith
from bezant.psp.port import FollowUp
from bezant.psp.port import MethodKind as ProviderMethod

SEED = 40
LETTERS_MAX = 4  # Of one story; so many have 24 orders.
TIMES_MAX = 3
WAYS = {
    **PAYING,
    "coinbase": PayWith(MethodKind.CRYPTO),
    "coinbase_links": PayWith(MethodKind.CRYPTO),
    "coinbase_commerce": PayWith(MethodKind.CRYPTO),
    "bank": PayWith(MethodKind.BANK_TRANSFER),
}
ASSETS = {"coinbase": "USDC", "coinbase_links": "USDC"}

KEEPS = ("coinbase_links", "coinbase_commerce")
"""They give nothing back by themselves, and tell nothing of what people send by hand."""
SUMS = {"bank": (25, 5), **dict.fromkeys(KEEPS, (20, 0))}
"""What is captured and what returns, where that is not 20 and 10."""
ONE = "coinbase_links"
"""It tells of a payment in one event."""
LOST = ("card", "stripe")
"""Their answers to the charge are lost: only events, and asking, tell of it."""


class Everything:
    """Believes every letter: those of long ago, too. Signatures have tests of their own."""

    def __init__(self, provider: str) -> None:
        self.provider = provider

    async def check(self, mode: Mode, headers: Mapping[str, str], body: bytes) -> None:
        del mode, headers, body


@dataclass
class Story:
    """A payment, and the letters that tell what became of it."""

    payment: Payment
    letters: list[Letter]


async def told(till: Till, provider: str, town: Town) -> Story:
    """Pay, and give two parts back at the provider itself: we are not asked."""
    town.box.letters.clear()
    amount = f"20.00 {ASSETS.get(provider, 'EUR')}"
    if provider in LOST:
        town.script("drop_after_acting", provider=provider)
    payment = await till.pay(amount, pay_with=WAYS[provider])
    if provider == "bank":
        return await told_by_bank(till, town, payment)
    if payment.state is PaymentState.NEEDS_ACTION:
        await passed(till, town, payment)
        town.pass_time(minutes=5)
        if provider not in KEEPS:  # Of theirs the events tell before anybody asks.
            await till.payments.walk()
    shop = shop_of(till)
    for _ in range(0 if provider in KEEPS else 2):
        await given_back(till, shop, town, payment)
        town.pass_time(minutes=5)
    town.catch_up()
    return Story(payment, of_concern(shop, town.box.letters, 1 if provider == ONE else 3))


async def given_back(till: Till, shop: Shop, town: Town, payment: Payment) -> None:
    """Give a quarter back as somebody else who has the provider's account."""
    charge = (await till.payments.attempts(MERCHANT, payment.mode, payment.id))[0]
    town.catch_up()
    news = [shop.connector.incoming(one.headers, one.body) for one in town.box.letters]
    reference = next(one.reference for one in news if one.about == "charge" and one.reference)
    quarter = Money(payment.amount.minor // 4, payment.amount.asset)
    step = FollowUp(
        attempt_key(), payment.id, MERCHANT, Mode.TEST, ProviderMethod(payment_method(payment)),
        charge.reference or reference, attempt_key(), quarter, payment.amount, charge.part,
        now=town.clock.now(),
    )  # fmt: skip
    answer = await shop.send(shop.connector.refund(step))
    assert answer.status in (200, 201), answer


async def told_by_bank(till: Till, town: Town, payment: Payment) -> Story:
    """A payer sends the money, then a quarter once more, and has that taken back."""
    action = payment.next_action
    assert action is not None
    for amount in ("20.00", "5.00"):
        body = {
            "creditor_iban": action.facts["iban"], "amount": amount,
            "reference": action.facts["reference"], "instant": True,
        }  # fmt: skip
        sent = town.post("bank", "/transfers", json=body)
        assert sent.status_code == 201, sent.text
    taken_back = town.post("bank", f"/transfers/{sent.json()['id']}/return", json={})
    assert taken_back.status_code == 200, taken_back.text
    town.catch_up()
    return Story(payment, list(town.box.letters))


def payment_method(payment: Payment) -> str:
    assert payment.method is not None
    return payment.method.value


def shop_of(till: Till) -> Shop:
    sends = till.acquirer
    assert isinstance(sends, Sends)
    return sends.shop


def of_concern(shop: Shop, letters: Sequence[Letter], least: int = 3) -> list[Letter]:
    """Return the letters about money; a story has only so many."""
    found = [one for one in letters if shop.connector.incoming(one.headers, one.body).about]
    assert len(found) >= least, "three have six orders"
    return found[-LETTERS_MAX:]


async def at_rest(till: Till, town: Town) -> None:
    """Let time pass until every event was acted on and everything is booked."""
    for _ in range(80):
        await till.payments.walk()
        await till.payments.act_on_arrivals()
        await till.acted()
        if not till.count("pending") and not till.count("arrival", "due_at IS NOT NULL"):
            return
        town.pass_time(seconds=5)
    waiting = till.value(
        "SELECT json_agg(w) FROM (SELECT type, note, tries FROM payments.arrival"
        " WHERE due_at IS NOT NULL UNION ALL"
        " SELECT attempt::text, state::text, asked FROM payments.pending) AS w"
    )
    raise AssertionError(f"something is still waiting: {waiting}")


@pytest.mark.catalogue("T40")
@pytest.mark.parametrize("provider", [*WAYS])
async def test_events_in_any_order_and_number_come_to_the_same(
    city: Town, payments_database: TestDatabase, provider: str
) -> None:
    chance = random.Random(SEED)
    captured, returned = SUMS.get(provider, (20, 10))
    asset = ASSETS.get(provider, "EUR")
    done = 0
    async with till_at(
        provider, city, payments_database, checks={provider: Everything(provider)}
    ) as till:
        first = await told(till, provider, city)
        orders = list(itertools.permutations(range(len(first.letters))))
        for order in orders * (TIMES_MAX if len(orders) == 1 else 1):
            story = await told(till, provider, city)
            assert len(story.letters) == len(first.letters), "each story has the same letters"
            for place in order:
                letter = story.letters[place]
                arrival = Arrival(provider, Mode.TEST, letter.headers, letter.body)
                for _ in range(chance.randint(1, TIMES_MAX)):
                    await till.payments.arrive(arrival)
                await till.acted()
            await at_rest(till, city)
            after = await till.now(story.payment)
            back = after.disputed if provider == "bank" else after.refunded
            assert after.state is PaymentState.SUCCEEDED, order
            assert after.captured == Money.of(f"{captured}.00 {asset}"), order
            assert back == Money.of(f"{returned}.00 {asset}"), order
            done += 1
        for letter in first.letters:  # The first story is told at last, all at once.
            await asyncio.gather(
                *(
                    till.payments.arrive(Arrival(provider, Mode.TEST, letter.headers, letter.body))
                    for _ in range(2)
                )
            )
        await at_rest(till, city)
        kept = (captured - returned) * (done + 1)
        owed = Money.of(f"{kept}.00 {asset}").decimal()
        assert await till.balance("psp_receivable", provider, asset) == owed
        assert await till.balance("merchant_payable", MERCHANT, asset) == owed
        nothing = Money(0, Money.of(f"1 {asset}").asset).decimal()
        assert await till.balance("refund_payable", provider, asset) == nothing
        assert done in (3, 6, 24)
