"""A payer who was charged twice: the charge beside the payment is told, and what is given back of
it never touches the payment. The emulator's own book is the judge.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import psycopg
import pytest
from tests.harness.cluster import TestDatabase
from tests.payments.acquirer import SILENCE, Authorisation
from tests.payments.events import checks, deliver, written
from tests.payments.test_emulators import PAYING, till_at
from tests.payments.test_feed import fed
from tests.payments.test_providers_facts import Told, at_rest, files, theirs
from tests.payments.till import MERCHANT, Till, opened
from tests.sandbox.stand import Town

from bezant.actor import Mode
from bezant.clock import MovableClock
from bezant.exchange import ProviderAnswer, ProviderRequest
from bezant.payments import elsewhere
from bezant.payments.finding import troubles
from bezant.payments.port import Payment, PaymentsOf, PaymentState, SettleFile
from bezant.sandbox.stripe import EVERYBODY

pytestmark = pytest.mark.requirement("S004-1", part="charges taken twice")
STRIPE = {"authorization": f"Bearer {EVERYBODY.secret.reveal()}"}
HEAD = "type,id,authorisation,key,asset,gross,fee,net,occurred_at"
AT = "2026-08-02T10:00:00Z"


@pytest.fixture
async def till(payments_database: TestDatabase, clock: MovableClock) -> AsyncIterator[Till]:
    async with opened(payments_database, clock, checks=checks(clock)) as till:
        yield till


async def charged_twice(till: Till, town: Town) -> Payment:
    """Let a charge stay on its way for hours, until another one has taken its place."""
    send, charges = till.acquirer.send, 0

    async def late(request: ProviderRequest) -> ProviderAnswer:
        nonlocal charges
        charges += request.operation == "charge"
        if request.operation == "charge" and charges == 1:
            for _ in range(8):
                town.pass_time(hours=1)
                await till.payments.walk()
            (given_up,) = (await till.payments.payments(PaymentsOf(MERCHANT, Mode.TEST))).payments
            assert given_up.failure == "never_arrived"
            assert (await till.confirm(given_up)).state is PaymentState.SUCCEEDED
        return await send(request)

    till.acquirer.send = late
    payment = await till.pay("20.00 EUR", pay_with=PAYING["stripe"])
    await at_rest(till, town)
    return await till.now(payment)


async def told(till: Till, type_: str) -> list[dict[str, Any]]:
    return [dict(one.event.data) for one in await fed(till) if one.event.type == type_]


def intents(town: Town) -> dict[str, str]:
    """Return Stripe's names of the charges, by our attempts."""
    page = town.get("stripe", "/v1/payment_intents", headers=STRIPE).json()
    return {one["metadata"]["attempt"]: one["id"] for one in page["data"]}


@pytest.mark.parametrize("parts", [(20_00,), (5_00, 15_00)], ids=["whole", "in parts"])
@pytest.mark.parametrize("by", ["event and file", "file"])
async def test_what_is_given_back_at_stripes_dashboard_never_touches_the_payment(
    payments_database: TestDatabase, city: Town, by: str, parts: tuple[int, ...]
) -> None:
    async with till_at("stripe", city, payments_database) as till:
        payment = await charged_twice(till, city)
        first, second = (await till.payments.attempts(MERCHANT, Mode.TEST, payment.id))[:2]
        (event,) = await told(till, "payment.charged_beside")
        assert event["part"] == {"amount": "20.00", "asset": "EUR"}
        assert (event["attempt"], event["provider"]) == (first.id, "stripe")
        assert event["reference"] == intents(city)[first.id]
        assert await till.balance("suspense") == "20.00"
        # Positive control: the payment has its own charge, and that is another one.
        assert payment.reference == intents(city)[second.id]
        (found,) = await troubles(till.parts.database)
        assert found.check == "charged_beside"
        assert payment.id in found.found
        assert event["reference"] in found.found

        letters = Told(len(city.box.letters))  # What was told before is of no concern here.
        for amount in parts:
            asked = {"payment_intent": intents(city)[first.id], "amount": str(amount)}
            given = city.post("stripe", "/v1/refunds", data=asked, headers=STRIPE)
            assert given.status_code == 200
        if by != "file":
            await letters.all(till, "stripe", city)
            assert await till.balance("suspense") == "0.00"
        city.pass_time(days=4)
        posted = await files(till, "stripe", city)
        await at_rest(till, city)
        assert [one.unmatched for one in posted if one.unmatched] == []

        after = await till.now(payment)
        assert (after.refunded.decimal(), after.captured.decimal()) == ("0.00", "20.00")
        assert await till.balance("suspense") == "0.00"
        assert await till.balance("merchant_payable", MERCHANT) == "20.00"
        # All of theirs was paid out; what is ours there is what their book says.
        assert (await till.balance("psp_receivable", "stripe"), theirs("stripe", city)) == (
            "0.00",
            0,
        )
        assert await till.balance("refund_payable", "stripe") == "0.00"
        back = await told(till, "payment.beside_given_back")
        assert sorted(one["part"]["amount"] for one in back) == sorted(
            f"{amount // 100}.00" for amount in parts
        )
        assert await troubles(till.parts.database) == []


async def test_a_refund_of_the_charge_that_counts_is_still_one_of_the_payment(
    payments_database: TestDatabase, city: Town
) -> None:
    async with till_at("stripe", city, payments_database) as till:
        payment = await charged_twice(till, city)
        asked = {"payment_intent": payment.reference}
        assert city.post("stripe", "/v1/refunds", data=asked, headers=STRIPE).status_code == 200
        city.pass_time(days=4)
        await files(till, "stripe", city)
        await at_rest(till, city)
        assert (await till.now(payment)).refunded.decimal() == "20.00"
        assert await till.balance("suspense") == "20.00"
        assert await till.balance("merchant_payable", MERCHANT) == "0.00"


@pytest.mark.parametrize("keyed", [True, False], ids=["by our key", "by the provider's name"])
async def test_a_file_may_name_the_charge_either_way(till: Till, keyed: bool) -> None:
    till.acquirer.plan("charge", SILENCE)
    payment = await till.pay("20.00 EUR")
    await till.converge()
    first = (await till.payments.attempts(MERCHANT, payment.mode, payment.id))[0]
    assert (await till.confirm(payment)).state is PaymentState.SUCCEEDED
    late = {
        "id": "auth_late", "key": first.id, "asset": "EUR", "amount": "2000", "captured": "2000",
        "status": "captured",
    }  # fmt: skip
    for _ in range(2):
        await deliver(till, written("authorisation.captured", late))
    assert len(await told(till, "payment.charged_beside")) == 1
    key = first.id if keyed else ""
    given = (
        f"charge,c1,auth_late,{first.id},EUR,2000,0,2000,{AT}",
        f"refund,refund_dash,auth_late,{key},EUR,-2000,0,-2000,{AT}",
    )
    came_back = (f"refund_failed,refund_dash,auth_late,{key},EUR,2000,0,2000,{AT}",)
    for lines, held in ((given, "0.00"), (came_back, "20.00")):
        file = "\n".join((HEAD, *lines, "")).encode()
        await till.payments.settle(SettleFile("card", Mode.TEST, file))
        await till.converge()
        assert await till.balance("suspense") == held
    assert (await till.now(payment)).refunded.decimal() == "0.00"
    assert await till.balance("merchant_payable", MERCHANT) == "20.00"


async def test_who_asks_about_a_dead_charge_is_not_told_of_the_one_that_counts(till: Till) -> None:
    payment = await twice(till)
    told = await late(till, payment, 3000)  # More than was asked for: that is looked into.
    await deliver(till, written("authorisation.captured", {**told, "amount": "3000"}))
    assert told["key"] in till.acquirer.calls[-1].path
    assert await standing(till, payment) == ("0.00", "20.00", "0.00")


async def late_charge(till: Till, captured: int = 2000, status: str = "captured") -> Payment:
    """Let a charge that was thought dead be told as taken, when another one had its place."""
    payment = await twice(till)
    told = await late(till, payment, captured, status)
    await deliver(till, written("authorisation.captured", told))
    return payment


async def twice(till: Till) -> Payment:
    """Let another charge take the place of one that was never heard of."""
    till.acquirer.plan("charge", SILENCE)
    payment = await till.pay("20.00 EUR")
    await till.converge()
    assert (await till.confirm(payment)).state is PaymentState.SUCCEEDED
    return payment


async def late(
    till: Till, payment: Payment, captured: int = 2000, status: str = "captured"
) -> dict[str, Any]:
    """Return the dead charge as the acquirer tells of it."""
    first = (await till.payments.attempts(MERCHANT, payment.mode, payment.id))[0]
    return {
        "id": "auth_late", "key": first.id, "asset": "EUR", "amount": "2000",
        "captured": str(captured), "status": status,
    }  # fmt: skip


async def settled(till: Till, *lines: str) -> None:
    file = "\n".join((HEAD, *lines, "")).encode()
    await till.payments.settle(SettleFile("card", Mode.TEST, file))
    await till.converge()


async def standing(till: Till, payment: Payment) -> tuple[str, str, str]:
    """Return what is in suspense, what the merchant has, and what is disputed."""
    now = await till.now(payment)
    return (
        await till.balance("suspense"),
        await till.balance("merchant_payable", MERCHANT),
        now.disputed.decimal(),
    )


def never(found: object, row: object) -> bool:
    """Know of no charge beside a payment, as before they were noted."""
    del found, row
    return False


async def dispute(till: Till, *statuses: str, of: str = "auth_late", name: str = "dis_1") -> None:
    for status in statuses:
        thing = {
            "id": name, "authorisation": of, "asset": "EUR", "amount": "2000",
            "status": status, "reason": "duplicate",
        }  # fmt: skip
        await deliver(till, written(f"dispute.{status}", thing))


@pytest.mark.parametrize("statuses", [("open", "lost"), ("lost", "open"), ("lost",), ("open",) * 2])
async def test_a_dispute_of_a_stray_charge_takes_nothing_from_the_payment(
    till: Till, statuses: tuple[str, ...]
) -> None:
    payment = await late_charge(till)
    assert await standing(till, payment) == ("20.00", "20.00", "0.00")
    await dispute(till, *statuses)
    assert await standing(till, payment) == ("0.00", "20.00", "0.00")
    assert await till.balance("psp_receivable", "card") == "20.00"
    assert await troubles(till.parts.database) == []
    assert await till.incomplete() == []
    # Positive control: one of the charge that counts is still the payment's.
    reference = (await till.now(payment)).reference
    await dispute(till, "open", of=reference, name="dis_2")
    assert await standing(till, payment) == ("0.00", "0.00", "20.00")


@pytest.mark.parametrize("statuses", [("open", "won", "won", "open"), ("won", "open")])
async def test_a_dispute_of_a_stray_charge_that_is_won_leaves_its_money_with_us(
    till: Till, statuses: tuple[str, ...]
) -> None:
    payment = await late_charge(till)
    await dispute(till, *statuses)
    assert await standing(till, payment) == ("20.00", "20.00", "0.00")
    assert [one.check for one in await troubles(till.parts.database)] == ["charged_beside"]
    assert await till.incomplete() == []


async def test_a_file_tells_of_a_dispute_of_a_stray_charge_as_well(till: Till) -> None:
    payment = await late_charge(till)
    key = (await till.payments.attempts(MERCHANT, payment.mode, payment.id))[0].id
    await settled(till, f"dispute,dis_1,auth_late,{key},EUR,-2000,0,-2000,{AT}")
    assert await standing(till, payment) == ("0.00", "20.00", "0.00")
    await dispute(till, "open", "lost")  # The same one.
    assert await standing(till, payment) == ("0.00", "20.00", "0.00")
    await settled(till, f"dispute_won,dis_1,auth_late,{key},EUR,2000,0,2000,{AT}")
    assert await standing(till, payment) == ("20.00", "20.00", "0.00")
    assert await till.incomplete() == []


async def test_a_dispute_that_was_counted_as_the_payments_before_ends_as_the_payments(
    till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    payment = await late_charge(till)
    with monkeypatch.context() as before:
        before.setattr(elsewhere, "is_beside", never)
        await dispute(till, "open")
    assert await standing(till, payment) == ("20.00", "0.00", "20.00")
    await dispute(till, "won")
    assert await standing(till, payment) == ("20.00", "20.00", "0.00")


async def test_of_a_charge_that_was_set_aside_only_what_went_back_had_been_captured(
    till: Till,
) -> None:
    payment = await late_charge(till, 0, "authorised")
    key = (await till.payments.attempts(MERCHANT, payment.mode, payment.id))[0].id
    assert await standing(till, payment) == ("0.00", "20.00", "0.00")
    assert till.count("beside", "amount = 0") == 1
    await settled(till, f"refund,ref_1,auth_late,{key},EUR,-500,0,-500,{AT}")
    await settled(till, f"refund,ref_2,auth_late,{key},EUR,-300,0,-300,{AT}")
    # Negative control: nothing is owed to suspense that never had it.
    assert await standing(till, payment) == ("0.00", "20.00", "0.00")
    assert await till.incomplete() == []
    # The true sum is heard at last, twice.
    for _ in range(2):
        await deliver(till, written("authorisation.captured", await late(till, payment, 1500)))
    assert await standing(till, payment) == ("7.00", "20.00", "0.00")
    assert await till.incomplete() == []


async def test_of_a_charge_nobody_has_heard_of_the_file_says_how_much_was_captured(
    till: Till,
) -> None:
    payment = await twice(till)
    key = (await till.payments.attempts(MERCHANT, payment.mode, payment.id))[0].id
    await settled(
        till,
        f"refund,ref_1,auth_late,{key},EUR,-500,0,-500,{AT}",
        f"charge,c1,auth_late,{key},EUR,1500,0,1500,{AT}",
    )
    assert await standing(till, payment) == ("10.00", "20.00", "0.00")
    assert (await till.now(payment)).refunded.decimal() == "0.00"
    assert await till.incomplete() == []


async def test_of_a_charge_nobody_has_heard_of_the_provider_is_asked_how_much_was_captured(
    till: Till,
) -> None:
    payment = await twice(till)
    key = (await till.payments.attempts(MERCHANT, payment.mode, payment.id))[0].id
    known = Authorisation("auth_late", key, "EUR", 2000, "captured", captured=1500)
    till.acquirer.authorisations["auth_late"] = known
    till.acquirer.operations[key] = ("authorisation", {"id": "auth_late"})
    given = till.acquirer.give_back_here("auth_late", 500)
    line = f"refund,{given['id']},auth_late,{key},EUR,-500,0,-500,{AT}"
    await settled(till, line)
    assert await standing(till, payment) == ("10.00", "20.00", "0.00")
    assert await till.incomplete() == []


async def test_a_stray_charge_of_before_they_were_noted_is_told_and_booked_once(
    till: Till,
) -> None:
    payment = await late_charge(till)
    with psycopg.connect(till.database.administrator_dsn, autocommit=True) as connection:
        connection.execute("DELETE FROM payments.beside")
    (said,) = await till.incomplete()
    assert "charged beside, before it was noted" in said
    key = (await till.payments.attempts(MERCHANT, payment.mode, payment.id))[0].id
    await settled(till, f"refund,ref_1,auth_late,{key},EUR,-500,0,-500,{AT}")
    # The book had all of it already, and knows how much that was.
    assert await standing(till, payment) == ("15.00", "20.00", "0.00")
    assert await till.incomplete() == []


async def test_what_was_counted_as_the_payments_before_is_not_booked_beside_it_again(
    till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    payment = await late_charge(till)
    key = (await till.payments.attempts(MERCHANT, payment.mode, payment.id))[0].id
    first = till.acquirer.authorisations["auth_late"] = Authorisation(
        "auth_late", key, "EUR", 2000, "captured", captured=2000
    )
    given = till.acquirer.give_back_here(first.id, 500)
    line = f"refund,{given['id']},auth_late,{key},EUR,-500,0,-500,{AT}"
    with monkeypatch.context() as before:
        before.setattr(elsewhere, "is_beside", never)
        await settled(till, line)
    assert (await till.now(payment)).refunded.decimal() == "5.00"
    told_again = {**given, "key": key}
    await deliver(till, written("refund.succeeded", told_again))
    await till.converge()
    assert await standing(till, payment) == ("20.00", "15.00", "0.00")
    # Positive control: another one of the same charge is given back beside the payment.
    other = till.acquirer.give_back_here(first.id, 300)
    await deliver(till, written("refund.succeeded", {**other, "key": key}))
    assert await standing(till, payment) == ("17.00", "15.00", "0.00")
    assert await till.incomplete() == []


async def test_of_sums_that_are_heard_at_once_the_largest_is_booked_once(till: Till) -> None:
    payment = await twice(till)
    told = [await late(till, payment, captured) for captured in (500, 2000, 1500, 2000)]
    await asyncio.gather(*[deliver(till, written("authorisation.captured", one)) for one in told])
    await till.converge()
    assert till.count("arrival", "due_at IS NOT NULL") == 0
    assert await standing(till, payment) == ("20.00", "20.00", "0.00")
    assert await till.incomplete() == []
