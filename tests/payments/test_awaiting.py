"""What waits for a second person is never told as given, nor what is given as less, whoever is told
of it while somebody decides.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import cast

import psycopg
import pytest
from tests.harness.cluster import TestDatabase
from tests.harness.waiting import until
from tests.payments.second_person import SecondPerson
from tests.payments.test_feed import fed
from tests.payments.till import MERCHANT, Till, opened

from bezant.actor import Mode
from bezant.clock import MovableClock
from bezant.exchange import ProviderRequest
from bezant.payments.port import CreateCustomer

WAITING = """
SELECT count(*) FROM pg_stat_activity
WHERE wait_event_type = 'Lock' AND datname = current_database()
"""


@dataclass
class Desk:
    """A till, and the second person it asks."""

    till: Till
    person: SecondPerson

    async def waiting(self, count: int) -> None:
        """Wait until so many sessions wait for one another."""
        await until(lambda: self.till.value(WAITING) >= count, f"{count} sessions wait")


@pytest.fixture
async def desk(payments_database: TestDatabase, clock: MovableClock) -> AsyncIterator[Desk]:
    person = SecondPerson()
    async with opened(payments_database, clock, approvals=person, thresholds=["1.00 EUR"]) as till:
        yield Desk(till, person)


async def last_told(till: Till, kind: str) -> str:
    """Return what was told last to be given back."""
    refunded = [one.event for one in await fed(till) if one.event.type == kind][-1].data["refunded"]
    return cast("dict[str, str]", refunded)["amount"]


async def test_of_a_payer_who_is_forgotten_while_somebody_says_no(desk: Desk) -> None:
    till = desk.till
    customer = await till.payments.create_customer(
        CreateCustomer("c", MERCHANT, Mode.TEST, "Ada", "ada@example.com")
    )
    payment = await till.pay("90.00 EUR", customer=customer.id)
    refund = await till.refund(payment, "40.00 EUR")
    await till.refund(payment, "30.00 EUR")
    desk.person.says[refund.approval] = False
    with psycopg.connect(till.database.administrator_dsn) as holder:
        holder.execute("SELECT 1 FROM payments.refund WHERE id = %s FOR UPDATE", (refund.id[3:],))
        deciding = asyncio.create_task(till.payments.take_up_approved())
        await desk.waiting(1)
        forgetting = asyncio.create_task(
            till.payments.forget_customer(MERCHANT, Mode.TEST, customer.id)
        )
        await desk.waiting(2)
    await asyncio.gather(deciding, forgetting)
    assert await last_told(till, "refund.rejected") == "0.00"
    assert await last_told(till, "payment.payer_forgotten") == "0.00"


async def test_of_a_capture_that_is_answered_while_somebody_says_no(desk: Desk) -> None:
    till = desk.till
    payment = await till.authorized("90.00 EUR")
    await till.capture(payment, "80.00 EUR", last=False)
    refund = await till.refund(payment, "40.00 EUR")
    await till.refund(payment, "30.00 EUR")
    desk.person.says[refund.approval] = False
    asked, answered = asyncio.Event(), asyncio.Event()

    async def slowly(request: ProviderRequest) -> None:
        if request.operation == "capture":
            asked.set()
            await answered.wait()

    till.acquirer.hold = slowly
    capturing = asyncio.create_task(till.capture(payment, "10.00 EUR"))
    await asked.wait()
    with psycopg.connect(till.database.administrator_dsn) as holder:
        holder.execute("SELECT 1 FROM payments.refund WHERE id = %s FOR UPDATE", (refund.id[3:],))
        deciding = asyncio.create_task(till.payments.take_up_approved())
        await desk.waiting(1)
        answered.set()
        await desk.waiting(2)
    captured, _ = await asyncio.gather(capturing, deciding)
    assert await last_told(till, "payment.captured") == "0.00"
    assert captured.refunded.decimal() == "0.00"
    now = await till.now(payment)
    assert now.refunds_awaiting is not None
    assert (now.refunded.decimal(), now.refunds_awaiting.decimal()) == ("0.00", "30.00")
