"""An order is what the money says, never what somebody sets."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import psycopg
import pytest
from tests.orders.shop import ANN, BOB, WINDOW, Shop

from bezant.actor import Mode
from bezant.errors import BezantError, Unavailable
from bezant.money import EUR, Money
from bezant.orders.order import OrdersOf, OrderStatus
from bezant.orders.port import MalformedOffer, OrderExists, OrderKeyReused, UnknownOrder
from bezant.payments.port import RefundState

pytestmark = pytest.mark.requirement("S000-5")


async def test_a_new_order_is_open(shop: Shop):
    order = await shop.order(reference="A-1", description="Two chairs", metadata={"shop": "north"})
    assert order.status is OrderStatus.OPEN
    assert (order.paid, order.payments) == (EUR(0), ())
    assert await shop.orders.order(ANN, Mode.TEST, order.id) == order
    with pytest.raises(UnknownOrder):
        await shop.orders.order(BOB, Mode.TEST, order.id)
    with pytest.raises(UnknownOrder):
        await shop.orders.order(ANN, Mode.LIVE, order.id)
    for unknown in ("ord_1", "", "pay_" + "0" * 32, "ord_" + "0" * 32):
        with pytest.raises(UnknownOrder):
            await shop.orders.order(ANN, Mode.TEST, unknown)


STORIES = {
    "paid": (["pay 20"], "paid"),
    "paid in parts": (["pay 5", "pay 15"], "paid"),
    "part": (["pay 5"], "part_paid"),
    "over": (["pay 25"], "overpaid"),
    "twice": (["pay 20", "pay 20"], "overpaid"),
    "over, then the rest given back": (["pay 25", "refund 5"], "paid"),
    "given back": (["pay 20", "refund 20"], "refunded"),
    "given back, and it came back": (["pay 20", "refund 20", "back 20"], "paid"),
    "a part given back came back": (["pay 20", "refund 5", "refund 15", "back 5"], "part_refunded"),
    "given back in parts": (["pay 20", "refund 5", "refund 15"], "refunded"),
    "partly given back": (["pay 20", "refund 5"], "part_refunded"),
    "part paid and given back": (["pay 5", "refund 5"], "refunded"),
    "given back and paid again": (["pay 20", "refund 20", "pay 20"], "paid"),
    "taken back by the bank": (["pay 20", "dispute 20"], "refunded"),
    "partly taken back": (["pay 20", "dispute 1"], "part_refunded"),
    "set aside": (["hold 20"], "authorized"),
    "a part set aside": (["hold 5"], "open"),
    "set aside, then captured": (["hold 20", "capture"], "paid"),
}


@pytest.mark.parametrize("story", STORIES)
async def test_the_status_follows_the_money(shop: Shop, story: str):
    steps, status = STORIES[story]
    order = await shop.order()
    payment = ""
    for step in steps:
        what, _, number = step.partition(" ")
        amount = Money.of(f"{number or 0}.00 EUR")
        match what:
            case "pay" | "hold":
                payment = shop.till.money_without_order(
                    ANN, order.id, amount, capture=what == "pay"
                )
            case "capture":
                shop.till.capture(payment)
            case "refund":
                shop.till.give_back(payment, amount)
            case "back":
                shop.till.comes_back(payment, amount)
            case _:
                shop.till.take_back(payment, amount)
    assert (await shop.seen(order)).status == status
    told = [fed.event.type for fed in await shop.told()]
    assert told[0] == "order.created"
    assert told[-1] == ("order.created" if status == "open" else f"order.{status}")


async def test_events_may_be_read_one_by_one_or_all_at_once(shop: Shop):
    order = await shop.order()
    payment = shop.till.money_without_order(ANN, order.id, EUR(20_00))
    await shop.follow()
    shop.till.give_back(payment, EUR(1_00))
    seen = await shop.seen(order)
    assert (seen.paid, seen.refunded, seen.payments) == (EUR(20_00), EUR(1_00), (payment,))
    told = [fed.event.type for fed in await shop.told()]
    assert told == ["order.created", "order.paid", "order.part_refunded"]


async def test_payments_of_others_do_not_count(shop: Shop):
    order = await shop.order()
    shop.till.money_without_order(BOB, order.id, EUR(20_00))
    shop.till.money_without_order(ANN, order.id, EUR(20_00), mode=Mode.LIVE)
    shop.till.money_without_order(ANN, order.id, Money.of("20.00 USD"))
    shop.till.money_without_order(ANN, "A-1", EUR(20_00))
    assert (await shop.seen(order)).status is OrderStatus.OPEN
    shop.till.money_without_order(ANN, order.id, EUR(20_00))
    assert (await shop.seen(order)).status is OrderStatus.PAID, "the control"


async def test_a_payment_may_name_the_merchants_own_number(shop: Shop):
    order = await shop.order(reference="A-1")
    shop.till.money_without_order(ANN, "A-1", EUR(20_00))
    assert (await shop.seen(order)).status is OrderStatus.PAID


async def test_money_may_come_before_its_order(shop: Shop):
    own = shop.ids.new("ord")
    first = shop.till.money_without_order(ANN, own, EUR(15_00))
    second = shop.till.money_without_order(ANN, "A-1", EUR(5_00))
    await shop.follow()
    order = await shop.order(id=own, reference="A-1")
    assert order.status is OrderStatus.PAID
    assert order.payments == tuple(sorted((first, second)))
    shop.clock.move(2 * WINDOW)
    assert await shop.healing.heal() == 0
    assert "refund" not in shop.till.asked


async def test_asking_twice_makes_one(shop: Shop):
    first = await shop.order(key="k", reference="A-1")
    again = await shop.order(key="k", reference="A-1")
    assert again.replayed
    assert again.id == first.id
    with pytest.raises(OrderKeyReused):
        await shop.order(key="k", reference="A-2")
    other = await shop.order(key="k", tenant=BOB, reference="A-1")
    assert other.id != first.id
    with pytest.raises(OrderExists):
        await shop.order(reference="A-1")
    with pytest.raises(OrderExists):
        await shop.order(id=first.id)


async def test_an_id_of_ones_own_making_is_ones_own(shop: Shop):
    """What another merchant, or the other mode, calls theirs neither disturbs nor is told."""
    own = shop.ids.new("ord")
    hers = await shop.order(id=own)
    his = await shop.order("7.00 EUR", id=own, tenant=BOB)
    live = await shop.order("8.00 EUR", id=own, mode=Mode.LIVE)
    with pytest.raises(OrderExists):
        await shop.order(id=own)
    shop.till.money_without_order(BOB, own, EUR(7_00))
    assert (await shop.seen(hers)).status is OrderStatus.OPEN
    assert (await shop.orders.order(BOB, Mode.TEST, own)).status is OrderStatus.PAID
    assert (await shop.orders.order(ANN, Mode.LIVE, own)) == live
    assert his.amount == EUR(7_00)
    sessions = [
        await shop.session(order=own, tenant=ANN),
        await shop.session("7.00 EUR", order=own, tenant=BOB),
    ]
    assert {one.session.order for one in sessions} == {own}


async def test_asking_at_once_makes_one(shop: Shop):
    made = await asyncio.gather(*(shop.order(key="k") for _ in range(12)))
    assert len({one.id for one in made}) == 1
    assert sum(not one.replayed for one in made) == 1


@pytest.mark.parametrize("amount", ["0.00 EUR", "-1.00 EUR"])
async def test_nothing_is_no_order(shop: Shop, amount: str):
    with pytest.raises(MalformedOffer):
        await shop.order(amount)
    with pytest.raises(MalformedOffer):
        await shop.order(description="a\nb")
    with pytest.raises(BezantError):
        await shop.order(id="ord_1")


async def test_lists_by_status_and_number(shop: Shop):
    made: list[str] = []
    for number in range(5):
        made.append((await shop.order(reference=f"A-{number}")).id)
        shop.clock.move(timedelta(seconds=1))
    shop.till.money_without_order(ANN, made[2], EUR(20_00))
    await shop.follow()
    page = await shop.orders.orders(OrdersOf(ANN, Mode.TEST, limit=3))
    assert ([one.id for one in page.orders], page.has_more) == (made[:1:-1], True)
    rest = await shop.orders.orders(OrdersOf(ANN, Mode.TEST, limit=3, before=made[2]))
    assert ([one.id for one in rest.orders], rest.has_more) == (made[1::-1], False)
    paid = await shop.orders.orders(OrdersOf(ANN, Mode.TEST, OrderStatus.PAID))
    assert [one.id for one in paid.orders] == [made[2]]
    named = await shop.orders.orders(OrdersOf(ANN, Mode.TEST, reference="A-4"))
    assert [one.id for one in named.orders] == [made[4]]
    assert not (await shop.orders.orders(OrdersOf(BOB, Mode.TEST))).orders


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE orders.customer_order SET status = 'paid'",
        "UPDATE orders.customer_order SET paid = amount",
        "UPDATE orders.customer_order SET amount = 1",
        "DELETE FROM orders.customer_order",
        "DELETE FROM orders.order_payment",
        "UPDATE orders.order_payment SET said = 'x'",
    ],
)
async def test_not_even_the_modules_own_role_sets_a_status(shop: Shop, statement: str):
    order = await shop.order()
    shop.till.money_without_order(ANN, order.id, EUR(5_00))
    await shop.follow()
    connection = psycopg.connect(shop.database.module_dsn("orders"))
    with connection, pytest.raises(psycopg.Error):
        connection.execute(statement.encode())
    assert (await shop.seen(order)).status is OrderStatus.PART_PAID


# ---------------------------------------------------------------- money taken, no order


async def test_money_without_an_order_is_given_back_after_the_window(shop: Shop):
    nowhere = shop.ids.new("ord")
    payment = shop.till.money_without_order(ANN, nowhere, EUR(20_00))
    await shop.follow()
    assert await shop.healing.heal() == 0, "not before its time"
    shop.clock.move(WINDOW)
    assert await shop.healing.heal() == 1
    assert shop.till.held[payment].refunded == EUR(20_00)
    await shop.follow()
    assert await shop.healing.heal() == 1, "then it is told"
    assert shop.till.held[payment].metadata["without_order"].startswith("refund re_")
    await shop.follow()
    shop.clock.move(WINDOW)
    assert await shop.healing.heal() == 0, "and then it is over"
    told = {fed.event.type: fed.event.data for fed in await shop.told()}
    assert list(told) == ["order.missing", "order.given_back"]
    assert told["order.missing"]["order"] == nowhere
    assert str(told["order.given_back"]["evidence"]).startswith("refund re_")


async def test_what_was_given_back_and_comes_back_is_somebodys_work(shop: Shop):
    payment = shop.till.money_without_order(ANN, shop.ids.new("ord"), EUR(20_00))
    await shop.follow()
    shop.clock.move(WINDOW)
    await shop.healing.heal()
    await shop.follow()
    await shop.healing.heal()
    (refund,) = shop.till.refunds.values()
    shop.till.refunds[refund.id] = replace(refund, state=RefundState.FAILED)
    shop.till.comes_back(payment, EUR(20_00))
    await shop.follow()
    shop.clock.move(WINDOW)
    assert await shop.healing.heal() == 1
    told = {fed.event.type: fed.event.data for fed in await shop.told()}
    assert list(told) == ["order.missing", "order.given_back", "order.stuck"]
    assert str(told["order.stuck"]["evidence"]).endswith("failed")


async def test_money_set_aside_without_an_order_is_let_go(shop: Shop):
    payment = shop.till.money_without_order(ANN, shop.ids.new("ord"), EUR(20_00), capture=False)
    await shop.follow()
    shop.clock.move(WINDOW)
    await shop.healing.heal()
    assert shop.till.held[payment].state == "voided"
    await shop.follow()
    await shop.healing.heal()
    assert shop.till.held[payment].metadata["without_order"] == "voided"
    assert [fed.event.type for fed in await shop.told()] == ["order.missing", "order.given_back"]


async def test_a_merchants_own_number_needs_no_order_unless_every_payment_does(shop: Shop):
    shop.till.money_without_order(ANN, "A-1", EUR(20_00))
    shop.till.money_without_order(ANN, "", EUR(20_00))
    await shop.follow()
    shop.clock.move(10 * WINDOW)
    assert await shop.healing.heal() == 0
    assert await shop.told() == []


async def test_where_every_payment_has_an_order_all_others_go_back(strict_shop: Shop):
    shop = strict_shop
    order = await shop.order(reference="A-1")
    for said in ("A-1", "A-2", ""):
        shop.till.money_without_order(ANN, said, EUR(20_00))
    await shop.follow()
    shop.clock.move(WINDOW)
    assert await shop.healing.heal() == 2
    assert (await shop.seen(order)).status is OrderStatus.PAID


async def test_an_order_that_comes_too_late_does_not_take_what_goes_back(shop: Shop):
    own = shop.ids.new("ord")
    payment = shop.till.money_without_order(ANN, own, EUR(20_00))
    await shop.follow()
    shop.clock.move(WINDOW)
    await shop.healing.heal()
    order = await shop.order(id=own)
    assert (await shop.seen(order)).status is OrderStatus.OPEN
    assert shop.till.held[payment].refunded == EUR(20_00)


async def test_a_step_that_was_interrupted_is_taken_again_and_happens_once(shop: Shop):
    payment = shop.till.money_without_order(ANN, shop.ids.new("ord"), EUR(20_00))
    await shop.follow()
    shop.clock.move(WINDOW)
    refused = 2

    def interrupted(name: str) -> None:
        nonlocal refused
        if name == "refund" and refused:
            refused -= 1
            raise Unavailable

    shop.till.before = interrupted
    for _ in range(4):
        await shop.healing.heal()
        shop.clock.move(timedelta(minutes=1))
    await shop.follow()
    await shop.healing.heal()
    assert shop.till.held[payment].refunded == EUR(20_00)
    assert shop.till.asked.count("refund") >= 3
    assert [fed.event.type for fed in await shop.told()] == ["order.missing", "order.given_back"]


async def test_money_that_cannot_be_given_back_is_somebodys_work(shop: Shop):
    shop.till.refund_state = RefundState.FAILED
    shop.till.money_without_order(ANN, shop.ids.new("ord"), EUR(20_00))
    await shop.follow()
    shop.clock.move(WINDOW)
    for _ in range(3):
        await shop.healing.heal()
        shop.clock.move(timedelta(minutes=1))
    told = [(fed.event.type, fed.event.data["evidence"]) for fed in await shop.told()]
    assert [what for what, _ in told] == ["order.missing", "order.stuck"]
    assert str(told[1][1]).endswith("failed")


async def test_two_who_heal_at_once_give_back_once(shop: Shop):
    payments = [
        shop.till.money_without_order(ANN, shop.ids.new("ord"), EUR(20_00)) for _ in range(10)
    ]
    await shop.follow()
    shop.clock.move(WINDOW)
    await asyncio.gather(*(shop.healing.heal() for _ in range(3)))
    assert {shop.till.held[one].refunded for one in payments} == {EUR(20_00)}
