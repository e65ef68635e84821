"""One movement of money at a provider is one refund of one payment, whoever tells of it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from io import StringIO
from typing import Any

import pytest
from tests.harness.cluster import TestDatabase
from tests.payments.acquirer import ACT_THEN_SILENCE
from tests.payments.events import checks, deliver, written
from tests.payments.second_person import SecondPerson
from tests.payments.test_sent_by_hand import CONNECTORS, given
from tests.payments.test_settlements import line, settled
from tests.payments.till import MERCHANT, Till, opened

from bezant import telemetry
from bezant.clock import MovableClock
from bezant.payments.finding import troubles
from bezant.payments.port import CountedBefore, Payment, RefundsOf, RefundState

MOVEMENT = "0xabc"
TWICE = "refund.of_two_payments"


@pytest.fixture
def logged() -> Iterator[Callable[[], str]]:
    """Return all that was logged, once it is asked for; nothing is logged afterwards."""
    stream = StringIO()

    def told() -> str:
        telemetry.shut()
        return stream.getvalue()

    telemetry.configure(telemetry.Level.WARN, stream=stream)
    yield told
    telemetry.shut()


@pytest.fixture
async def generous(payments_database: TestDatabase, clock: MovableClock) -> AsyncIterator[Till]:
    """A till whose provider gives back itself."""
    async with opened(payments_database, clock, checks=checks(clock)) as till:
        yield till


@pytest.fixture
async def stingy(payments_database: TestDatabase, clock: MovableClock) -> AsyncIterator[Till]:
    """A till whose provider leaves giving back to people."""
    async with opened(
        payments_database, clock, connectors=CONNECTORS, checks=checks(clock)
    ) as till:
        yield till


async def states(till: Till, payment: Payment) -> list[RefundState]:
    found = await till.payments.refunds(RefundsOf(MERCHANT, payment.mode, payment.id))
    return [one.state for one in found.refunds]


async def test_what_somebody_sent_for_one_payment_is_not_sent_for_another(stingy: Till) -> None:
    first, second = await stingy.pay("20.00 EUR"), await stingy.pay("20.00 EUR")
    await given(stingy, first, "5.00 EUR", MOVEMENT)
    with pytest.raises(CountedBefore) as refused:
        await given(stingy, second, "5.00 EUR", MOVEMENT)
    assert refused.value.field == "sent"
    assert await states(stingy, second) == []
    assert (await stingy.now(second)).refunded.minor == 0
    assert await stingy.balance("merchant_payable", MERCHANT) == "35.00"
    # The control: another movement is another refund.
    await given(stingy, second, "5.00 EUR", "0xabd")
    assert await stingy.balance("merchant_payable", MERCHANT) == "30.00"


async def test_of_many_who_claim_it_at_once_one_is_believed(stingy: Till) -> None:
    payments = [await stingy.pay("20.00 EUR") for _ in range(6)]
    answers = await asyncio.gather(
        *(given(stingy, one, "5.00 EUR", MOVEMENT) for one in payments), return_exceptions=True
    )
    refused = [one for one in answers if isinstance(one, BaseException)]
    assert [type(one) for one in refused] == [CountedBefore] * 5
    assert await stingy.balance("merchant_payable", MERCHANT) == "115.00"


async def test_one_that_was_rejected_lets_go_of_it(
    payments_database: TestDatabase, clock: MovableClock
) -> None:
    person = SecondPerson()
    async with opened(
        payments_database, clock, connectors=CONNECTORS, approvals=person,
        thresholds=["10.00 EUR"],
    ) as till:  # fmt: skip
        first, second = await till.pay("20.00 EUR"), await till.pay("20.00 EUR")
        waiting = await given(till, first, "20.00 EUR", MOVEMENT)
        with pytest.raises(CountedBefore):
            await given(till, second, "5.00 EUR", MOVEMENT)
        person.says[waiting.approval] = False
        assert await till.payments.take_up_approved() == 1
        assert (await given(till, second, "5.00 EUR", MOVEMENT)).state is RefundState.SUCCEEDED


async def test_a_file_that_tells_of_it_under_another_payment_books_nothing(
    stingy: Till, logged: Callable[[], str]
) -> None:
    first, second = await stingy.pay("20.00 EUR"), await stingy.pay("20.00 EUR")
    await given(stingy, first, "5.00 EUR", MOVEMENT)
    await settled(stingy, line("refund", MOVEMENT, second.reference, -500))
    await stingy.converge()
    assert await states(stingy, second) == []
    assert await stingy.balance("merchant_payable", MERCHANT) == "35.00"
    assert TWICE in logged()
    # The control: one it tells of first is believed, and then nobody else's.
    await settled(stingy, line("refund", "0xabd", second.reference, -500))
    await stingy.converge()
    assert await stingy.balance("merchant_payable", MERCHANT) == "30.00"
    with pytest.raises(CountedBefore):
        await given(stingy, first, "5.00 EUR", "0xabd")


def named(till: Till, movement: str) -> dict[str, Any]:
    """Let the acquirer call its last refund by this name."""
    thing = [one for kind, one in till.acquirer.operations.values() if kind == "refund"][-1]
    thing["id"] = movement
    return thing


async def test_one_of_ours_under_anothers_name_is_in_doubt_and_not_in_the_book(
    generous: Till, logged: Callable[[], str]
) -> None:
    first, second = await generous.pay("20.00 EUR"), await generous.pay("20.00 EUR")
    taken = (await generous.refund(first, "5.00 EUR")).reference
    generous.acquirer.plan("refund", ACT_THEN_SILENCE)
    assert (await generous.refund(second, "5.00 EUR")).state is RefundState.UNKNOWN
    right = named(generous, taken)
    await generous.payments.walk()
    await deliver(generous, written("refund.succeeded", right))
    assert await states(generous, second) == [RefundState.UNKNOWN]
    (found,) = await troubles(generous.parts.database)
    assert (found.check, taken in found.found) == ("refund_name", True)
    assert TWICE in logged()
    # It is promised, and was not given.
    assert await generous.balance("refund_payable", "card") == "5.00"
    assert await generous.balance("psp_receivable", "card") == "35.00"
    named(generous, "refund_of_its_own")
    await generous.converge(300)
    assert await states(generous, second) == [RefundState.SUCCEEDED]
    assert await generous.balance("refund_payable", "card") == "0.00"
    await generous.agrees()
