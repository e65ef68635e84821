"""Every movement is in the book, and nothing is there that did not move: one id after the other."""

from datetime import timedelta
from uuid import UUID

import psycopg
import pytest
from tests.payments.events import checks, deliver, written
from tests.payments.till import MERCHANT, Till, opened

from bezant.actor import PLATFORM, Mode
from bezant.clock import MovableClock
from bezant.ledger.port import ChartAccount, Leg, PostTransfer, ReverseTransfer, Side, TransfersOf
from bezant.money import Money
from bezant.payments.port import Payment, PaymentState

pytestmark = pytest.mark.catalogue("T06")


async def posted(till: Till, name: str, reference: str, amount: str = "1.00 EUR") -> str:
    """Put something into the platform's book by hand."""
    accounts = [
        await till.ledger.chart_account(ChartAccount(chart, Mode.TEST, "EUR", of))
        for chart, of in (("psp_receivable", "card"), ("merchant_payable", MERCHANT))
    ]
    sides = zip(accounts, (Side.DEBIT, Side.CREDIT), strict=True)
    legs = tuple(Leg(account.id, side, Money.of(amount)) for account, side in sides)
    transfer = await till.ledger.post(
        PostTransfer(name, PLATFORM, Mode.TEST, legs, reference, "by hand")
    )
    return transfer.id


async def altered(till: Till, statement: str) -> None:
    """Change the payments' own record, past everything that would refuse it."""
    with psycopg.connect(till.database.administrator_dsn, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute(statement)


async def story(till: Till) -> list[Payment]:
    """Let something of everything happen."""
    whole, part = await till.pay("20.00 EUR"), await till.authorized("20.00 EUR")
    await till.capture(part, "5.00 EUR", last=False)
    await till.capture(part, "15.00 EUR")
    await till.refund(whole, "5.00 EUR")
    await till.void(await till.authorized("7.00 EUR"))
    till.acquirer.plan("charge", "insufficient_funds", "act_then_silence")
    declined, silent = await till.pay("20.00 EUR"), await till.pay("20.00 EUR")
    assert [declined.state, silent.state] == [PaymentState.DECLINED, PaymentState.UNKNOWN]
    till.acquirer.plan("refund", "not_allowed")
    await till.refund(part, "3.00 EUR")
    return [whole, part, silent]


async def test_whatever_happens_each_movement_has_its_transfer(till: Till) -> None:
    payments = await story(till)
    assert await till.incomplete() == [], "what nobody knows yet is no fault"
    await till.converge()
    assert (await till.now(payments[2])).state is PaymentState.SUCCEEDED
    assert await till.incomplete() == []
    await till.agrees()


@pytest.mark.parametrize("state", ["open", "won", "lost"])
async def test_disputes_are_complete_as_well(
    payments_database: object, clock: MovableClock, state: str
) -> None:
    async with opened(payments_database, clock, checks=checks(clock)) as till:  # pyright: ignore[reportArgumentType]
        payment = await till.pay("20.00 EUR")
        for each in ["open", *([state] if state != "open" else [])]:
            await deliver(till, disputed(till, payment, each))
            till.clock.move(timedelta(seconds=1))
        assert till.count("dispute", "booked") == 1
        assert await till.incomplete() == []
        await altered(till, "DELETE FROM payments.dispute")
        told = await till.incomplete()
        assert len(told) == (1 if state == "open" else 2)
        assert all("knows nothing of it" in one for one in told)


def disputed(till: Till, payment: Payment, state: str) -> bytes:
    thing = {
        "id": "dispute_1",
        "authorisation": payment.reference,
        "key": till.acquirer.authorisations[payment.reference].key,
        "asset": "EUR",
        "amount": "2000",
        "status": state,
        "reason": "fraudulent",
    }
    return written(f"dispute.{state}", thing)


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("DELETE FROM payments.outcome WHERE result = 2", ""),
        ("UPDATE payments.outcome SET result = 5 WHERE result = 2", "knows nothing of it"),
        ("UPDATE payments.outcome SET amount = 1999 WHERE result = 2", "and not 19.99 EUR"),
        ("UPDATE payments.outcome SET result = 8 WHERE result = 4", "/came_back of"),
        ("UPDATE payments.outcome SET result = 5 WHERE result = 4", "/back of"),
        ("DELETE FROM payments.attempt WHERE operation = 4", "knows nothing of it"),
    ],
)
async def test_what_one_of_the_two_says_alone_is_found(
    till: Till, statement: str, said: str
) -> None:
    """The controls: the same look finds one row that is not as it was."""
    payment = await till.pay("20.00 EUR")
    await till.refund(payment, "5.00 EUR")
    assert await till.incomplete() == []
    await altered(till, statement)
    told = await till.incomplete()
    if not said:  # A movement of which nobody has heard the end may be in the book or not.
        assert told == []
        return
    assert any(said in one for one in told), told
    assert all(payment.id in one for one in told)


async def test_a_capture_that_is_not_in_the_book_is_found(till: Till) -> None:
    await till.pay("1.00 EUR")
    await till.freeze("merchant_payable", MERCHANT)
    payment = await till.pay("20.00 EUR")
    assert not payment.booked
    assert await till.incomplete() == [], "it is somebody's work: that is no fault"
    await altered(till, "DELETE FROM payments.pending")
    (told,) = await till.incomplete()
    assert told == f"tr_{_first_attempt(payment)} of {payment.id} is not in the book"


def _first_attempt(payment: Payment) -> str:
    return UUID(int=UUID(hex=payment.id[4:]).int | 1).hex


async def test_what_somebody_booked_about_a_payment_is_found_unless_undone(till: Till) -> None:
    payment = await till.pay("20.00 EUR")
    stranger = await posted(till, "mine", payment.id)
    (told,) = await till.incomplete()
    assert told == f"{stranger} in the book tells of {payment.id}, which knows nothing of it"
    await till.ledger.reverse(ReverseTransfer("undo", PLATFORM, Mode.TEST, stranger, "a mistake"))
    assert await till.incomplete() == []
    nobody = "pay_" + "5" * 30 + "00"
    await posted(till, "nobody", nobody)
    await posted(till, "no-id", "pay_of_hers")
    await posted(till, "other", "invoice 7")
    assert sorted(await till.incomplete()) == [
        f"the book tells of {nobody}, which is no payment",
        "the book tells of pay_of_hers, which is no payment",
    ]


async def test_looking_changes_nothing(till: Till) -> None:
    await story(till)
    before = await till.ledger.transfers(TransfersOf(PLATFORM, Mode.TEST))
    await till.incomplete()
    assert await till.ledger.transfers(TransfersOf(PLATFORM, Mode.TEST)) == before
