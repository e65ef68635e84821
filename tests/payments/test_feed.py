"""Followers of the payments see every step once, in order, as it was when it happened."""

import asyncio
from typing import cast

import pytest
from tests.payments.acquirer import NOT_SENT
from tests.payments.till import MERCHANT, Till

from bezant.actor import Mode
from bezant.db.nudges import Nudges
from bezant.db.sequencer import Sequencer
from bezant.errors import Unavailable
from bezant.events import FedEvent
from bezant.exchange import MethodKind
from bezant.money import Money, format_minor
from bezant.payments.codes import Kind
from bezant.payments.feed import SCHEMA, SOURCE, feed
from bezant.payments.port import CreateCustomer, SaveMethod
from bezant.payments.rules import payment_id
from bezant.payments.store import write
from bezant.telemetry.traces import continue_trace


async def fed(till: Till) -> tuple[FedEvent, ...]:
    sequencer = Sequencer(till.parts.database, SCHEMA.module, Nudges(), source=SOURCE)
    while await sequencer.step():
        pass
    return await feed(till.parts.database).read(0, 1_000)


async def test_a_story_is_told_in_order(till: Till) -> None:
    till.acquirer.plan("charge", NOT_SENT)
    payment = await till.authorized("20.00 EUR", order="ord_1", metadata={"cart": "7"})
    before = await fed(till)
    await till.capture(payment, "15.00 EUR")
    await till.refund(payment, "5.00 EUR")
    events = await fed(till)
    assert events[: len(before)] == before, "what was told is not told otherwise later"
    assert [one.event.type for one in events] == [
        "payment.created", "payment.retried", "payment.authorized", "payment.captured",
        "refund.created", "refund.succeeded",
    ]  # fmt: skip
    assert [one.position for one in events] == list(range(1, 7))
    assert {one.event.tenant for one in events} == {MERCHANT}
    captured = events[3].event.data
    assert captured["state"] == "succeeded"
    assert captured["captured"] == {"amount": "15.00", "asset": "EUR"}
    assert captured["order"] == "ord_1"
    assert captured["metadata"] == {"cart": "7"}
    assert events[2].event.data["reference"] == payment.reference
    refunded = events[5].event
    assert refunded.subject.startswith("re_")
    assert refunded.data["payment"] == payment.id
    assert refunded.data["amount"] == {"amount": "5.00", "asset": "EUR"}
    assert refunded.data["refunded"] == {"amount": "5.00", "asset": "EUR"}


async def test_every_step_names_the_trace_of_its_own_request(till: Till) -> None:
    first, second = "0af7651916cd43dd8448eb211c80319c", "4bf92f3577b34da6a3ce929d0e0e4736"
    with continue_trace(f"00-{first}-b7ad6b7169203331-01"):
        payment = await till.authorized("20.00 EUR")
    with continue_trace(f"00-{second}-00f067aa0ba902b7-01"):
        await till.capture(payment)
        await till.refund(payment, "5.00 EUR")
    await till.pay("1.00 EUR")
    traces = [one.event.data.get("trace_id") for one in await fed(till)]
    assert traces == [first, first, second, second, second, None, None]


async def test_together_each_names_its_own_trace(till: Till) -> None:
    async def paid(number: int) -> tuple[str, str]:
        trace = f"{number:032x}"
        with continue_trace(f"00-{trace}-b7ad6b7169203331-01"):
            return (await till.pay("1.00 EUR")).id, trace

    wanted = dict(await asyncio.gather(*(paid(number) for number in range(1, 21))))
    found = [(one.event.subject, one.event.data["trace_id"]) for one in await fed(till)]
    assert len(found) == 2 * len(wanted)
    assert set(found) == set(wanted.items())


async def test_who_is_forgotten_is_told_of_each_of_their_payments_once(till: Till) -> None:
    customer = await till.payments.create_customer(
        CreateCustomer("c", MERCHANT, Mode.TEST, "Ada", "ada@example.com")
    )
    theirs = [await till.pay("20.00 EUR", customer=customer.id) for _ in range(3)]
    await till.pay("20.00 EUR")
    for _ in range(2):
        await till.payments.forget_customer(MERCHANT, Mode.TEST, customer.id)
    told = [one.event for one in await fed(till) if one.event.type == "payment.payer_forgotten"]
    assert sorted(one.subject for one in told) == sorted(one.id for one in theirs)
    assert {one.data["state"] for one in told} == {"succeeded"}
    assert "ada@" not in str(told).lower()
    assert "Ada" not in str(told)  # Ids are written small, and may well have an ada within.


async def test_a_card_that_could_not_be_forgotten_is_forgotten_when_asked_again(
    till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = CreateCustomer("c", MERCHANT, Mode.TEST, "Ada")
    customer = await till.payments.create_customer(made)
    save = SaveMethod("s", MERCHANT, Mode.TEST, customer.id, MethodKind.CARD, "card_good")
    await till.payments.save_method(save)

    async def away(tenant: str, mode: Mode, token: str) -> None:
        raise Unavailable

    with monkeypatch.context() as patched, pytest.raises(Unavailable):
        patched.setattr(till.acquirer, "forget", away)
        await till.payments.forget_customer(MERCHANT, Mode.TEST, customer.id)
    assert "card_good" in till.acquirer.cards
    await till.payments.forget_customer(MERCHANT, Mode.TEST, customer.id)
    assert "card_good" not in till.acquirer.cards


async def test_what_is_told_of_the_forgotten_is_how_the_payment_stands(till: Till) -> None:
    customer = await till.payments.create_customer(CreateCustomer("c", MERCHANT, Mode.TEST, "Ada"))
    payments = [await till.authorized("20.00 EUR", customer=customer.id) for _ in range(8)]
    await asyncio.gather(
        *(till.capture(one) for one in payments),
        till.payments.forget_customer(MERCHANT, Mode.TEST, customer.id),
    )
    last: dict[str, object] = {}
    for one in await fed(till):
        last[one.event.subject] = one.event.data["captured"]
    assert list(last.values()) == [{"amount": "20.00", "asset": "EUR"}] * len(payments)


async def test_amounts_are_told_exactly_in_every_asset(till: Till) -> None:
    amounts = ["0.01 EUR", "1 JPY", "1.234 KWD", "0.000000000000000001 ETH", "0.00000001 BTC"]
    for text in amounts:
        await till.pay(text)
    told = [
        one.event.data["amount"] for one in await fed(till) if one.event.type == "payment.created"
    ]
    for text, one in zip(amounts, told, strict=True):
        money = Money.of(text)
        found = cast("dict[str, str]", one)
        assert found["amount"] == format_minor(money.minor, money.asset.exponent)


async def test_every_kind_of_step_has_a_name(till: Till) -> None:
    payment = await till.pay("20.00 EUR")
    before = len(await fed(till))
    number, now = payment_id(payment.id), till.clock.now()
    for kind in Kind:
        async with till.parts.database.transaction() as tx:
            await write.add_step(tx, number, kind, now, subject=number, state=1)
    told = [one.event.type for one in (await fed(till))[before:]]
    assert told == [_named(kind) for kind in Kind]


def _named(kind: Kind) -> str:
    name = kind.name.lower()
    first, _, rest = name.partition("_")
    return f"{first}.{rest}" if first in ("refund", "dispute") else f"payment.{name}"


@pytest.mark.parametrize("step", ["capture", "void"])
async def test_a_step_that_did_not_happen_is_told(till: Till, step: str) -> None:
    payment = await till.authorized("20.00 EUR")
    till.acquirer.plan(step, "refused")
    await (till.capture(payment) if step == "capture" else till.void(payment))
    last = (await fed(till))[-1].event
    assert (last.type, last.data["state"]) == ("payment.step_failed", "authorized")
