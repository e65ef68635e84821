"""What may follow what: every pair is decided, and the database refuses all others."""

import itertools
import re
from pathlib import Path

import psycopg
import pytest
from tests.payments.till import Till

import bezant.payments
from bezant.payments.codes import (
    DISPUTE_STATE_NUMBERS,
    REFUND_STATE_NUMBERS,
    STATE_NUMBERS,
)
from bezant.payments.port import PaymentState
from bezant.payments.states import (
    DISPUTE,
    PAYMENT,
    REFUND,
    DisputeEvent,
    PaymentEvent,
    RefundEvent,
    Table,
)

FOLDER = Path(bezant.payments.__file__).parent / "migrations"
PAIR = re.compile(r"\((\d+), (\d+)\)")
TABLES = [
    ("payment", PAYMENT, STATE_NUMBERS, "0002_states.sql"),
    ("refund", REFUND, REFUND_STATE_NUMBERS, "0002_states.sql"),
    ("dispute", DISPUTE, DISPUTE_STATE_NUMBERS, "0008_dispute.sql"),
]

MADE = {
    "refund": """
        INSERT INTO payments.refund (
            id, payment, tenant, created_at, updated_at, state, live, amount, requested_by
        )
        SELECT i, i, i, t, t, 1, false, 1, 'somebody'
        FROM (SELECT gen_random_uuid() AS i, '2026-08-01'::timestamptz AS t) AS made
    """,
    "dispute": """
        INSERT INTO payments.dispute (
            id, payment, tenant, opened_at, updated_at, state, live, booked, amount, provider,
            reference
        )
        SELECT i, i, i, t, t, 1, false, true, 1, 'card', 'dis_1'
        FROM (SELECT gen_random_uuid() AS i, '2026-08-01'::timestamptz AS t) AS made
    """,
}


@pytest.mark.catalogue("T03")
@pytest.mark.parametrize(("table", "events"), [(PAYMENT, 13), (REFUND, 7), (DISPUTE, 4)])
def test_every_pair_of_state_and_event_is_decided(table: object, events: int) -> None:
    assert isinstance(table, Table)
    pairs = list(itertools.product(table.states, table.events))
    assert len(pairs) == len(table.states) * events
    decided = [table.after(*pair) for pair in pairs]
    assert None in decided
    assert any(decided)


@pytest.mark.catalogue("T03")
@pytest.mark.parametrize(("name", "table", "numbers", "file"), TABLES)
def test_the_database_allows_exactly_the_changes_of_the_table(
    name: str, table: object, numbers: dict[object, int], file: str
) -> None:
    assert isinstance(table, Table)
    text = (FOLDER / file).read_text()
    trigger = text[text.index(f"TRIGGER {name}_state_change") :]
    allowed = trigger[trigger.index("NOT IN (") : trigger.index("EXECUTE FUNCTION")]
    written = {(int(one), int(other)) for one, other in PAIR.findall(allowed)}
    assert written == {(numbers[one], numbers[other]) for one, other in table.changes()}


@pytest.mark.catalogue("T03")
async def test_a_direct_update_to_an_illegal_state_is_refused(till: Till) -> None:
    payment = await till.pay()
    with psycopg.connect(till.database.administrator_dsn, autocommit=True) as connection:
        refused = 0
        for one, other in itertools.permutations(PaymentState, 2):
            connection.execute("ALTER TABLE payments.payment DISABLE TRIGGER ALL")
            connection.execute("UPDATE payments.payment SET state = %s", (STATE_NUMBERS[one],))
            connection.execute("ALTER TABLE payments.payment ENABLE TRIGGER ALL")
            legal = (one, other) in PAYMENT.changes()
            try:
                connection.execute(
                    "UPDATE payments.payment SET state = %s", (STATE_NUMBERS[other],)
                )
                assert legal, f"{one} to {other} was stored"
            except psycopg.errors.CheckViolation:
                assert not legal, f"{one} to {other} was refused"
                refused += 1
    assert refused == len(PaymentState) * (len(PaymentState) - 1) - len(PAYMENT.changes())
    assert payment.id


@pytest.mark.catalogue("T03")
@pytest.mark.parametrize(("name", "table", "numbers", "file"), TABLES[1:])
def test_no_refund_and_no_dispute_goes_where_it_may_not(
    till: Till, name: str, table: object, numbers: dict[object, int], file: str
) -> None:
    del file
    assert isinstance(table, Table)
    with psycopg.connect(till.database.administrator_dsn, autocommit=True) as connection:
        connection.execute(MADE[name])
        for one, other in itertools.permutations(table.states, 2):
            connection.execute(f"ALTER TABLE payments.{name} DISABLE TRIGGER ALL")
            connection.execute(f"UPDATE payments.{name} SET state = %s", (numbers[one],))
            connection.execute(f"ALTER TABLE payments.{name} ENABLE TRIGGER ALL")
            legal = (one, other) in table.changes()
            try:
                connection.execute(f"UPDATE payments.{name} SET state = %s", (numbers[other],))
                assert legal, f"{one} to {other} was stored"
            except psycopg.errors.CheckViolation:
                assert not legal, f"{one} to {other} was refused"


async def test_what_a_payment_is_about_is_never_rewritten(till: Till) -> None:
    await till.pay()
    with psycopg.connect(till.database.administrator_dsn, autocommit=True) as connection:
        for change in ("amount = 1", "asset = 'USD'", "live = true", "tenant = gen_random_uuid()"):
            with pytest.raises(psycopg.errors.CheckViolation):
                connection.execute(f"UPDATE payments.payment SET {change}")
        with pytest.raises(psycopg.errors.CheckViolation):
            connection.execute("UPDATE payments.payment SET refunded = captured + 1")
        with pytest.raises(psycopg.errors.CheckViolation):
            connection.execute("UPDATE payments.payment SET captured = authorized + 1")


def test_money_is_a_fact_whatever_was_believed() -> None:
    for state in PaymentState:
        after = PAYMENT.after(state, PaymentEvent.CAPTURED)
        assert after in (None, PaymentState.SUCCEEDED)
        assert (after is None) == (state is PaymentState.CREATED)


def test_what_has_ended_well_stays_so() -> None:
    for event in PaymentEvent:
        assert PAYMENT.after(PaymentState.SUCCEEDED, event) in (None, PaymentState.SUCCEEDED)
    assert REFUND.after(REFUND.states[3], RefundEvent.NOT_GIVEN) is None
    assert DISPUTE.after(DISPUTE.states[2], DisputeEvent.LOST) is None
