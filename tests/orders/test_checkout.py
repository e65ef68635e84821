"""A payer pays one order in one session, by client secret; a link is used so often and no more."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import psycopg
import pytest
from tests.orders.shop import ANN, BOB, CARD, Shop
from tests.orders.till import ACTION_CARD, DECLINED_CARD, OUTAGE_CARD

from bezant.actor import Mode
from bezant.keys.port import RotateKey
from bezant.money import EUR
from bezant.orders.checkout import (
    CheckoutSession,
    CreateLink,
    Offer,
    ReadSession,
    SessionState,
    Way,
)
from bezant.orders.order import OrdersOf, OrderStatus
from bezant.orders.port import (
    CardOfAnotherSession,
    CheckoutBusy,
    ClientSecretInvalid,
    MalformedOffer,
    OrderKeyReused,
    SessionOver,
    UnknownCheckoutSession,
    UnknownOrder,
    WayNotOffered,
)
from bezant.orders.secrets import CLIENT_SECRET
from bezant.payments.port import (
    ConfirmPayment,
    MethodKind,
    Payment,
    PaymentState,
    SavedMethod,
)
from bezant.secret import Secret
from bezant.vault.port import UnknownCard

pytestmark = pytest.mark.requirement("S000-14", part="checkout sessions")


async def test_a_payer_pays(shop: Shop):
    new = await shop.session(return_url="https://shop.example/done")
    assert new.session.state is SessionState.OPEN
    done = await shop.confirm(new)
    assert (done.state, done.payment_state) == (SessionState.COMPLETE, "succeeded")
    await shop.follow()
    order = await shop.orders.order(ANN, Mode.TEST, done.order)
    assert (order.status, order.payments) == (OrderStatus.PAID, (done.payment,))


async def test_a_decline_is_an_answer_and_another_card_may_do(shop: Shop):
    new = await shop.session()
    first = await shop.confirm(new, DECLINED_CARD)
    assert (first.state, first.payment_state) == (SessionState.OPEN, "declined")
    assert first.advice == "Try another card."
    again = await shop.confirm(new, DECLINED_CARD)
    assert again == first, "the same card again is the same question"
    done = await shop.confirm(new)
    assert (done.state, done.payment) == (SessionState.COMPLETE, first.payment)


async def test_a_payment_that_never_reached_a_provider_is_made_anew(shop: Shop):
    new = await shop.session()
    first = await shop.confirm(new, DECLINED_CARD)
    failed = replace(shop.till.held[first.payment], state=PaymentState.FAILED)
    shop.till.held[first.payment] = failed
    seen = await shop.orders.session(ReadSession(ANN, Mode.TEST, new.session.id))
    assert (seen.state, seen.payment_state) == (SessionState.OPEN, "failed")
    outcomes = await asyncio.gather(
        *(shop.confirm(new, f"card_{letter * 32}") for letter in "123"), return_exceptions=True
    )
    won = [one for one in outcomes if isinstance(one, CheckoutSession)]
    assert won
    assert won[0].payment != first.payment
    assert len(shop.till.held) == 2
    seen = await shop.orders.session(ReadSession(ANN, Mode.TEST, new.session.id))
    assert (seen.state, seen.payment) == (SessionState.COMPLETE, won[0].payment)


async def test_who_comes_late_with_a_payment_that_was_made_anew_is_not_charged_beside_it(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
):
    """One tab is about to pay; meanwhile another meets an outage, and a third one pays."""
    new = await shop.session()
    confirm, paid = shop.till.confirm, list[CheckoutSession]()

    async def delayed(command: ConfirmPayment) -> Payment:
        monkeypatch.setattr(shop.till, "confirm", confirm)
        assert (await shop.confirm(new, OUTAGE_CARD)).payment_state == "failed"
        paid.append(await shop.confirm(new, "card_" + "2" * 32))
        return await confirm(command)

    monkeypatch.setattr(shop.till, "confirm", delayed)
    with pytest.raises(SessionOver):
        await shop.confirm(new)
    captured = [one.id for one in shop.till.held.values() if one.captured]
    assert captured == [one.payment for one in paid]
    seen = await shop.orders.session(ReadSession(ANN, Mode.TEST, new.session.id))
    assert (seen.state, seen.payment) == (SessionState.COMPLETE, captured[0])


async def test_a_payment_that_is_just_tried_again_is_not_made_anew(shop: Shop):
    new = await shop.session()
    first = await shop.confirm(new, OUTAGE_CARD)

    async def tried_again() -> None:
        shop.till.pay(first.payment)

    shop.till.before_void = tried_again
    with pytest.raises(CheckoutBusy):
        await shop.confirm(new)
    assert [one.id for one in shop.till.held.values() if one.captured] == [first.payment]
    seen = await shop.orders.session(ReadSession(ANN, Mode.TEST, new.session.id))
    assert (seen.state, seen.payment) == (SessionState.COMPLETE, first.payment)


async def test_a_payment_that_was_let_go_ends_its_session(shop: Shop):
    new = await shop.session(capture=False)
    done = await shop.confirm(new)
    shop.till.held[done.payment] = replace(shop.till.held[done.payment], state=PaymentState.VOIDED)
    seen = await shop.orders.session(ReadSession(ANN, Mode.TEST, new.session.id))
    assert seen.state is SessionState.EXPIRED
    with pytest.raises(SessionOver):
        await shop.confirm(new, "card_" + "2" * 32)


async def test_what_the_payer_has_to_do_is_told(shop: Shop):
    pending = await shop.confirm(await shop.session(), ACTION_CARD)
    assert pending.state is SessionState.PENDING
    assert pending.next_action is not None
    assert (pending.next_action.type, pending.next_action.url) == (
        "redirect",
        "https://bank.example/3ds",
    )


async def test_an_order_is_paid_through_a_session(shop: Shop):
    order = await shop.order()
    new = await shop.session(order=order.id)
    await shop.confirm(new)
    assert (await shop.seen(order)).status is OrderStatus.PAID
    for wrong in (shop.ids.new("ord"), "A-1"):
        with pytest.raises(UnknownOrder):
            await shop.session(order=wrong)
    with pytest.raises(MalformedOffer):
        await shop.session("20.00 USD", order=order.id)


async def test_only_the_secret_of_this_session_opens_it(shop: Shop):
    new, other = await shop.session(), await shop.session()
    session = new.session.id
    wrong = [
        other.client_secret,
        Secret(""),
        Secret(session),
        Secret(session + "_secret_"),
        Secret(new.client_secret.reveal()[:-1]),
        Secret(new.client_secret.reveal() + "A"),
        Secret(new.client_secret.reveal().swapcase()),
        Secret("x" * 5_000),
        Secret(f"{session}_secret_" + other.client_secret.reveal().rpartition("_secret_")[2]),
    ]
    for secret in wrong:
        with pytest.raises(ClientSecretInvalid):
            await shop.orders.session(ReadSession(ANN, Mode.TEST, session, secret))
        with pytest.raises(ClientSecretInvalid):
            await shop.confirm(replace(new, client_secret=secret))
    assert shop.till.held == {}
    seen = await shop.orders.session(ReadSession(ANN, Mode.TEST, session, new.client_secret))
    assert seen == new.session, "the control"


async def test_a_secret_works_while_keys_rotate_and_lies_nowhere(shop: Shop):
    new = await shop.session()
    await shop.keys.rotate(RotateKey(CLIENT_SECRET, by="test"))
    shop.clock.move(timedelta(seconds=10))
    assert (await shop.confirm(new)).state is SessionState.COMPLETE
    tail = new.client_secret.reveal().rpartition("_secret_")[2]
    with psycopg.connect(shop.database.administrator_dsn) as connection:
        for table in ("checkout_session", "customer_order", "event"):
            rows = connection.execute(f"SELECT t::text FROM orders.{table} AS t".encode())
            found = rows.fetchall()
            assert found
            assert not any(tail in row[0] for row in found)


async def test_sessions_of_others_do_not_exist(shop: Shop):
    new = await shop.session()
    for tenant, mode in ((BOB, Mode.TEST), (ANN, Mode.LIVE)):
        with pytest.raises(UnknownCheckoutSession):
            await shop.orders.session(ReadSession(tenant, mode, new.session.id))
        with pytest.raises(UnknownCheckoutSession):
            await shop.confirm(new, tenant=tenant, mode=mode)
    for unknown in ("cs_1", "", "ord_" + "0" * 32):
        with pytest.raises(UnknownCheckoutSession):
            await shop.orders.session(ReadSession(ANN, Mode.TEST, unknown))


async def test_a_session_is_paid_in_the_ways_it_offers(shop: Shop):
    new = await shop.session(ways=(Way.PAYPAL, Way.CRYPTO))
    with pytest.raises(WayNotOffered):
        await shop.confirm(new)
    done = await shop.confirm(new, card="", way=Way.PAYPAL)
    assert done.state is SessionState.COMPLETE


async def test_a_card_given_for_one_checkout_is_of_no_use_in_another(shop: Shop):
    mine, theirs = await shop.session(), await shop.session()
    card = "card_" + "7" * 32
    shop.cards.bound[card] = theirs.session.id
    with pytest.raises(CardOfAnotherSession):
        await shop.confirm(mine, card)
    assert (await shop.confirm(theirs, card)).state is SessionState.COMPLETE
    with pytest.raises(UnknownCard):
        await shop.orders.confirm(
            replace_command(mine, "card_" + "8" * 32),
        )


def replace_command(new: object, card: str):
    from bezant.orders.checkout import ConfirmSession, NewSession

    assert isinstance(new, NewSession)
    return ConfirmSession(ANN, Mode.TEST, new.session.id, new.client_secret, Way.CARD, card)


async def test_what_a_customer_saved_is_for_that_customer(shop: Shop):
    now = shop.clock.now()
    method = SavedMethod("pm_1", Mode.TEST, "cus_" + "1" * 32, MethodKind.CARD, CARD, "visa", now)
    shop.till.saved["pm_1"] = method
    shop.till.customers |= {f"cus_{letter * 32}" for letter in "12"}
    for customer in ("", "cus_" + "2" * 32):
        with pytest.raises(WayNotOffered):
            await shop.confirm(await shop.session(customer=customer), card="", saved="pm_1")
    new = await shop.session(customer="cus_" + "1" * 32)
    assert (await shop.confirm(new, card="", saved="pm_1")).state is SessionState.COMPLETE


async def test_a_session_is_over_when_its_time_is(shop: Shop):
    new = await shop.session()
    shop.clock.move(timedelta(hours=24))
    with pytest.raises(SessionOver):
        await shop.confirm(new)
    assert shop.till.held == {}
    seen = await shop.orders.session(ReadSession(ANN, Mode.TEST, new.session.id))
    assert seen.state is SessionState.EXPIRED
    assert await shop.orders.end_overdue() == 1
    assert await shop.orders.end_overdue() == 0


async def test_a_merchant_ends_a_session(shop: Shop):
    new, paid = await shop.session(), await shop.session()
    ended = await shop.orders.expire_session(ANN, Mode.TEST, new.session.id)
    assert ended.state is SessionState.EXPIRED
    with pytest.raises(SessionOver):
        await shop.confirm(new)
    await shop.confirm(paid)
    with pytest.raises(SessionOver):
        await shop.orders.expire_session(ANN, Mode.TEST, paid.session.id)


async def test_a_payment_under_way_is_given_up_before_its_session_ends(shop: Shop):
    pending = await shop.session()
    told = await shop.confirm(pending, ACTION_CARD)
    unknown = await shop.session()
    doubt = await shop.confirm(unknown, DECLINED_CARD)
    shop.till.held[doubt.payment] = replace(
        shop.till.held[doubt.payment], state=PaymentState.UNKNOWN
    )
    shop.clock.move(timedelta(hours=24))
    await shop.orders.end_overdue()
    assert shop.till.held[told.payment].state is PaymentState.VOIDED
    seen = await shop.orders.session(ReadSession(ANN, Mode.TEST, unknown.session.id))
    assert seen.state is SessionState.PENDING, "nobody says it is over while nobody knows"


async def test_asking_twice_opens_one_session(shop: Shop):
    made = await asyncio.gather(*(shop.session(key="k") for _ in range(8)))
    assert len({one.session.id for one in made}) == 1
    assert len({one.client_secret.reveal() for one in made}) == 1
    assert len((await shop.orders.orders(OrdersOf(ANN, Mode.TEST))).orders) == 1
    with pytest.raises(OrderKeyReused):
        await shop.session("21.00 EUR", key="k")


async def test_confirming_at_once_pays_once(shop: Shop):
    new = await shop.session()
    cards = ["card_" + letter * 32 for letter in "123456"]
    outcomes = await asyncio.gather(
        *(shop.confirm(new, card) for card in cards * 2), return_exceptions=True
    )
    assert len(shop.till.held) == 1
    (payment,) = shop.till.held.values()
    assert payment.captured == EUR(20_00)
    won = [one for one in outcomes if not isinstance(one, BaseException)]
    assert won
    assert all(isinstance(one, SessionOver) for one in outcomes if one not in won)


@pytest.mark.parametrize(
    "change",
    [
        {"return_url": "http://shop.example"},
        {"return_url": "javascript:alert(1)"},
        {"return_url": "https://user:pass@shop.example"},
        {"return_url": "https:///nowhere"},
        {"return_url": "https://shop.example/\n"},
        {"cancel_url": "data:text/html,x"},
        {"descriptor": "x" * 23},
        {"description": "a\tb"},
        {"ways": (Way.CARD, Way.CARD)},
        {"metadata": {"": "x"}},
        {"amount": EUR(0)},
    ],
)
async def test_an_offer_that_leads_astray_is_refused(shop: Shop, change: dict[str, object]):
    offer = replace(Offer(EUR(1_00)), **change)  # pyright: ignore[reportArgumentType]
    with pytest.raises(MalformedOffer):
        await shop.orders.create_link(CreateLink("", ANN, Mode.TEST, offer))
