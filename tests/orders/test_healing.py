"""Money without an order goes back whatever the provider does, and nothing says so before it has:
the real payments, in front of an emulator whose book is the judge.
"""

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from tests.harness.cluster import TestDatabase
from tests.orders.court import ANN, CLERK, Court, opened_court
from tests.orders.shop import WINDOW, Shop
from tests.sandbox.stand import Town, town

from bezant.actor import Mode
from bezant.clock import MovableClock
from bezant.errors import Invalid
from bezant.money import EUR
from bezant.orders import following
from bezant.orders.healing import TRIES_MAX, pause
from bezant.orders.order import OrderStatus
from bezant.payments import refunding
from bezant.payments.port import (
    ATTEMPTS_MAX,
    CapturePayment,
    CreatePayment,
    MethodKind,
    Payment,
    PaymentState,
    PayWith,
    RefundState,
    RequestRefund,
    VoidPayment,
)
from bezant.sandbox import card, stripe
from bezant.sandbox.stripe import EVERYBODY

pytestmark = pytest.mark.requirement("S004-5", part="money without an order")
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
HICCUPS = ("rate_limit", "error_before_acting", "drop_before_acting", "drop_after_acting")


@pytest.fixture
def city(tmp_path: Path, clock: MovableClock) -> Iterator[Town]:
    with town(card.Card(), stripe.Stripe(), folder=tmp_path / "town", clock=clock) as here:
        yield here


@pytest.fixture
async def court(
    database: TestDatabase, clock: MovableClock, tmp_path: Path, city: Town
) -> AsyncIterator[Court]:
    async with opened_court(database, clock, tmp_path, city) as court:
        yield court


async def without_order(court: Court, *, capture: bool) -> Payment:
    """Take money for an order that never comes, and let its time pass."""
    card = (await court.card()).token
    order = court.ids.new("ord")
    paid = CreatePayment(
        "pay", ANN, Mode.TEST, EUR(20_00), PayWith(MethodKind.CARD, card), capture=capture,
        order=order,
    )  # fmt: skip
    made = await court.payments.create(paid)
    assert made.state is (PaymentState.SUCCEEDED if capture else PaymentState.AUTHORIZED)
    await court.follow()
    court.clock.move(WINDOW)
    return made


async def seen(court: Court, payment: Payment) -> Payment:
    return await court.payments.payment(ANN, Mode.TEST, payment.id)


async def a_minute_later(court: Court) -> None:
    """Do what is done in a minute: questions, news, and the next step of healing."""
    await court.payments.walk()
    await court.follow()
    await court.healing.heal()
    await court.follow()
    court.clock.move(MINUTE)


async def until_told(court: Court, payment: Payment, minutes: int = 60) -> Payment:
    """Wait for the evidence; as long as there is none, the money may be anywhere."""
    for _ in range(minutes):
        await a_minute_later(court)
        now = await seen(court, payment)
        if "without_order" in now.metadata:
            return now
    raise AssertionError(f"no evidence after {minutes} minutes")


def told(court: Court) -> list[str]:
    with psycopg.connect(court.database.administrator_dsn) as connection:
        rows = connection.execute("SELECT type FROM orders.event ORDER BY ticket").fetchall()
    return [str(row[0]) for row in rows]


def their_book(court: Court) -> tuple[str, int]:
    """Return how Stripe's intent stands, and what it gave back."""
    headers = {"authorization": f"Bearer {EVERYBODY.secret.reveal()}"}
    (intent,) = court.town.get("stripe", "/v1/payment_intents", headers=headers).json()["data"]
    refunds = court.town.get("stripe", "/v1/refunds", headers=headers).json()["data"]
    given = sum(one["amount"] for one in refunds if one["status"] == "succeeded")
    return intent["status"], given


@pytest.mark.parametrize("effect", HICCUPS)
@pytest.mark.parametrize("capture", [True, False], ids=["captured", "set aside"])
async def test_a_hiccup_of_the_provider_does_not_end_it(court: Court, effect: str, capture: bool):
    made = await without_order(court, capture=capture)
    operation = "refund" if capture else "cancel"
    court.town.script(effect, provider=made.provider, operation=operation)
    await court.healing.heal()
    await court.follow()
    # Positive control: the provider did hiccup, and nothing is told that is not so.
    attempts = await court.payments.attempts(ANN, Mode.TEST, made.id)
    assert attempts[-1].state.value != "done"
    assert "without_order" not in (await seen(court, made)).metadata
    now = await until_told(court, made)
    if capture:
        assert now.refunded == now.captured == EUR(20_00)
        assert now.metadata["without_order"].startswith("refund re_")
        assert their_book(court) == ("succeeded", 20_00), "given back once"
    else:
        assert now.state is PaymentState.VOIDED
        assert now.metadata["without_order"] == "voided"
        assert their_book(court) == ("canceled", 0)
    assert told(court)[-1] == "order.given_back"
    assert "order.stuck" not in told(court), "one hiccup is nobody's work"


@pytest.mark.parametrize("capture", [True, False], ids=["captured", "set aside"])
async def test_an_outage_calls_somebody_and_is_outlasted(court: Court, capture: bool):
    made = await without_order(court, capture=capture)
    operation = "refund" if capture else "cancel"
    court.town.script("rate_limit", times=5, provider=made.provider, operation=operation)
    for _ in range(12):
        await a_minute_later(court)
    assert told(court) == ["order.missing", "order.stuck"]
    assert "without_order" not in (await seen(court, made)).metadata
    await until_told(court, made, 240)
    assert told(court) == ["order.missing", "order.stuck", "order.given_back"]
    assert their_book(court) == (("succeeded", 20_00) if capture else ("canceled", 0))


async def test_a_step_that_is_under_way_is_waited_for(court: Court):
    made = await without_order(court, capture=False)
    court.town.script("drop_after_acting", provider=made.provider, operation="capture")
    taken = await court.payments.capture(CapturePayment("c", ANN, Mode.TEST, made.id))
    assert taken.state is PaymentState.UNKNOWN
    await court.healing.heal()
    assert told(court) == ["order.missing"]
    now = await until_told(court, made)
    assert (now.captured, now.refunded) == (EUR(20_00), EUR(20_00))
    assert told(court)[-1] == "order.given_back"


@pytest.mark.parametrize("capture", [True, False], ids=["captured", "set aside"])
async def test_no_key_of_the_merchants_stands_in_the_way(court: Court, capture: bool):
    made = await without_order(court, capture=capture)
    other = await court.payments.create(CreatePayment("o", ANN, Mode.TEST, EUR(1_00)))
    for what in ("void", "refund", "0:void", "0:refund"):
        key = f"without-order:{made.id}:{what}"
        # Whatever is asked under such a key, it is the merchant's own.
        await court.payments.void(VoidPayment(key, ANN, Mode.TEST, other.id))
    now = await until_told(court, made)
    assert now.metadata["without_order"]
    assert their_book(court) == (("succeeded", 20_00) if capture else ("canceled", 0))


async def test_a_refund_that_is_refused_calls_somebody_at_once(court: Court):
    made = await without_order(court, capture=True)
    court.town.script("decline", provider=made.provider, operation="refund")
    await a_minute_later(court)
    assert told(court) == ["order.missing", "order.stuck"]
    await until_told(court, made)
    assert their_book(court) == ("succeeded", 20_00)


async def test_what_the_merchant_gave_back_meanwhile_is_told_as_such(court: Court):
    made = await without_order(court, capture=True)
    court.town.script("rate_limit", provider=made.provider, operation="refund")
    await a_minute_later(court)
    await court.payments.request_refund(RequestRefund("own", ANN, Mode.TEST, made.id, CLERK))
    now = await until_told(court, made)
    assert now.metadata["without_order"] == "refunded"
    assert their_book(court) == ("succeeded", 20_00), "once"


@pytest.mark.parametrize("key", ["Orders x", "orders  x", " x", "orders x y", "orders "])
async def test_nothing_but_a_modules_name_stands_before_a_key(court: Court, key: str):
    with pytest.raises(Invalid):
        await court.payments.create(CreatePayment(key, ANN, Mode.TEST, EUR(1_00)))


async def test_a_void_that_came_to_nothing_says_why(court: Court):
    made = await without_order(court, capture=False)
    court.town.script("rate_limit", provider=made.provider, operation="cancel")
    asked = VoidPayment("v", ANN, Mode.TEST, made.id)
    first = await court.payments.void(asked)
    assert (first.state, first.failure) == (PaymentState.AUTHORIZED, "provider_unavailable")
    assert "new key" in first.advice
    again = await court.payments.void(asked)
    assert (again.replayed, again.failure, again.advice) == (True, first.failure, first.advice)
    assert (await seen(court, made)).failure == "provider_unavailable"
    voided = await court.payments.void(VoidPayment("v2", ANN, Mode.TEST, made.id))
    assert (voided.state, voided.failure, voided.advice) == (PaymentState.VOIDED, "", "")
    assert (await seen(court, made)).failure == ""


async def test_attempts_used_up(court: Court, monkeypatch: pytest.MonkeyPatch):
    """However often a provider says no, whoever was called to look can still give it back."""
    assert 2 * TRIES_MAX < ATTEMPTS_MAX
    monkeypatch.setattr(refunding, "ATTEMPTS_MAX", TRIES_MAX + 2)
    made = await without_order(court, capture=True)
    court.town.script("decline", times=TRIES_MAX, provider=made.provider, operation="refund")
    for _ in range(TRIES_MAX + 5):
        await a_minute_later(court)
        court.clock.move(DAY)
    tried = await court.payments.attempts(ANN, Mode.TEST, made.id)
    assert len(tried) == 1 + TRIES_MAX, "the charge, and no more than these"
    assert their_book(court) == ("succeeded", 0)
    assert told(court) == ["order.missing", "order.stuck"]
    own = RequestRefund("own", ANN, Mode.TEST, made.id, CLERK)
    assert (await court.payments.request_refund(own)).state is RefundState.SUCCEEDED
    now = await until_told(court, made)
    assert now.metadata["without_order"] == "refunded"
    assert their_book(court) == ("succeeded", 20_00), "once"
    assert told(court)[-1] == "order.given_back"


def test_the_next_step_is_taken_later_each_time_up_to_a_day():
    waits = [pause(tries) for tries in range(TRIES_MAX)]
    assert waits[:3] == [MINUTE, 2 * MINUTE, 4 * MINUTE]
    assert waits == sorted(waits)
    assert waits[-1] == pause(10**6) == DAY


@pytest.mark.parametrize("taken", [False, True], ids=["voided", "captured"])
@pytest.mark.parametrize("overlooked", [False, True], ids=["told", "overlooked"])
async def test_no_evidence_while_a_provider_is_still_at_it(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, taken: bool, overlooked: bool
):
    """A void's answer is lost, and then the provider says that it has not decided."""
    if overlooked:  # Whatever was told, evidence is about the payment as it stands.
        monkeypatch.setattr(following, "HOLDING", following.HOLDING - {"processing"})
    till = shop.till

    async def unanswered(command: VoidPayment) -> Payment:
        return till.comes_to(command.payment, PaymentState.UNKNOWN)

    async def an_hour() -> list[str]:
        await shop.healing.heal()
        await shop.follow()
        shop.clock.move(timedelta(hours=1))
        return [fed.event.type for fed in await shop.told()]

    monkeypatch.setattr(till, "void", unanswered)
    payment = till.money_without_order(ANN, shop.ids.new("ord"), EUR(20_00), capture=False)
    await shop.follow()
    shop.clock.move(WINDOW)
    await an_hour()
    till.comes_to(payment, PaymentState.PROCESSING)
    await shop.follow()
    for _ in range(3):
        assert "order.given_back" not in await an_hour()
        assert till.held[payment].metadata == {}
    if taken:
        till.capture(payment)
        await shop.healing.heal()  # Before it was told.
        assert till.held[payment].metadata == {}
    else:
        till.comes_to(payment, PaymentState.VOIDED)
    await shop.follow()
    for _ in range(3):
        await an_hour()
    assert (await an_hour())[-1] == "order.given_back"
    evidence = till.held[payment].metadata["without_order"]
    assert evidence.startswith("refund re_") if taken else evidence == "voided"


async def test_money_a_provider_is_still_at_is_set_aside(shop: Shop):
    """A capture's answer was lost, and then the provider says that it has not decided."""
    till, order = shop.till, await shop.order()
    paid = till.money_without_order(ANN, order.id, EUR(20_00), capture=False)
    payment = till.money_without_order(ANN, shop.ids.new("ord"), EUR(20_00), capture=False)
    await shop.follow()
    for one in (paid, payment):
        till.comes_to(one, PaymentState.PROCESSING)
    assert (await shop.seen(order)).status is OrderStatus.AUTHORIZED
    shop.clock.move(WINDOW)
    await shop.healing.heal()
    about = [fed.event.type for fed in await shop.told() if fed.event.subject == payment]
    assert about == ["order.missing"], "it is not given back yet"
    for one in (paid, payment):
        till.capture(one)
    assert (await shop.seen(order)).status is OrderStatus.PAID
    for _ in range(3):
        shop.clock.move(timedelta(hours=1))
        await shop.healing.heal()
        await shop.follow()
    about = [fed.event.type for fed in await shop.told() if fed.event.subject == payment]
    assert (about[0], about[-1]) == ("order.missing", "order.given_back")
    assert till.held[payment].metadata["without_order"].startswith("refund re_")
    assert till.held[paid].metadata == {}
