"""A payer who was charged twice: the charge beside the payment is told, and what is given back of
it never touches the payment. The emulator's own book is the judge.
"""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.harness.cluster import TestDatabase
from tests.payments.acquirer import SILENCE
from tests.payments.events import checks, deliver, written
from tests.payments.test_emulators import PAYING, till_at
from tests.payments.test_feed import fed
from tests.payments.test_providers_facts import Told, at_rest, files, theirs
from tests.payments.till import MERCHANT, Till, opened
from tests.sandbox.stand import Town

from bezant.actor import Mode
from bezant.clock import MovableClock
from bezant.exchange import ProviderAnswer, ProviderRequest
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
