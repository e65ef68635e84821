"""Fifty marked cards through checkouts, payments, refunds and every failure: kept nowhere (T80)."""

from collections.abc import AsyncIterator, Iterator
from io import StringIO
from pathlib import Path

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from tests.harness.cluster import TestDatabase
from tests.harness.databases import lent
from tests.orders import hearers
from tests.orders.court import ANN, Court, live, opened_court
from tests.sandbox.stand import Town, town
from tests.vault.canaries import Canary, canaries, codes_in, everything_in, found_in

from bezant import telemetry
from bezant.actor import Mode
from bezant.clock import MovableClock
from bezant.errors import BezantError
from bezant.money import EUR
from bezant.orders.checkout import ConfirmSession, Offer, OpenSession, Way
from bezant.payments.port import (
    CapturePayment,
    CreatePayment,
    MethodKind,
    PaymentState,
    PayWith,
    RequestRefund,
    VoidPayment,
)
from bezant.sandbox import card, stripe
from bezant.telemetry import traces

pytestmark = [
    pytest.mark.catalogue("T80"),
    pytest.mark.requirement("S003-7", "S004-5", part="no card number anywhere"),
]
LOOKED_INTO = (
    "webhooks sent", "webhooks.public_event", "receipts", "receipts.receipt", "audit.entry",
)  # fmt: skip
TROUBLES = ("", "decline", "error_before_acting", "error_after_acting", "drop_after_acting")


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


receipts_database = lent("heard_receipts_template", "keys", "audit", "receipts")
webhooks_database = lent("heard_webhooks_template", "keys", "identity", "ledger", "webhooks")


@pytest.fixture
def logged(tmp_path: Path) -> Iterator[StringIO]:
    told = StringIO()
    telemetry.configure(telemetry.Level.DEBUG, stream=told)
    yield told
    telemetry.shut()


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    kept = InMemorySpanExporter()
    traces.start_traces("http://unused", "bezant-test", exporter=kept)
    yield kept
    traces.stop_traces()


async def story(court: Court, one: Canary, number: int) -> list[str]:
    """Pay with a card in one of several ways, some of them in trouble; return what was told."""
    face = await court.card(one.number, by=live(), cvc=one.code)
    told = [repr(face)]
    if trouble := TROUBLES[number % len(TROUBLES)]:
        court.town.script(trouble, provider="card")
    if number % 2:
        offer = Offer(EUR(20_00), f"order {number}")
        new = await court.orders.open_session(OpenSession("", ANN, Mode.LIVE, offer))
        done = await court.orders.confirm(
            ConfirmSession(ANN, Mode.LIVE, new.session.id, new.client_secret, Way.CARD, face.token)
        )
        payment = await court.payments.payment(ANN, Mode.LIVE, done.payment)
        told.append(repr(done))
    else:
        payment = await court.payments.create(
            CreatePayment(
                f"k{number}",
                ANN,
                Mode.LIVE,
                EUR(20_00),
                PayWith(MethodKind.CARD, face.token),
                capture=False,
            )
        )
    told.append(repr(payment))
    match payment.state:
        case PaymentState.SUCCEEDED:
            refund = RequestRefund(
                f"r{number}", ANN, Mode.LIVE, payment.id, live(), EUR(1_00), reason="a gift"
            )
            told.append(repr(await court.payments.request_refund(refund)))
        case PaymentState.AUTHORIZED if number % 4:
            take = CapturePayment(f"c{number}", ANN, Mode.LIVE, payment.id, EUR(5_00))
            told.append(repr(await court.payments.capture(take)))
        case PaymentState.AUTHORIZED:
            let_go = VoidPayment(f"v{number}", ANN, Mode.LIVE, payment.id)
            told.append(repr(await court.payments.void(let_go)))
        case _:
            pass
    told.append(repr(await court.payments.attempts(ANN, Mode.LIVE, payment.id)))
    return told


async def test_marked_cards_are_kept_nowhere(
    court: Court,
    logged: StringIO,
    spans: InMemorySpanExporter,
    tmp_path: Path,
    receipts_database: TestDatabase,
    webhooks_database: TestDatabase,
):
    marked = canaries()
    told: list[str] = []
    for number, one in enumerate(marked):
        try:
            told += await story(court, one, number)
        except BezantError as refusal:
            told.append(f"{refusal!r} {refusal.facts}")
            telemetry.log("test").error("story.failed", refusal)
    await court.payments.walk()
    await court.follow()
    states = {state for state in PaymentState if any(f"'{state}'" in one for one in told)}
    assert states >= {PaymentState.SUCCEEDED, PaymentState.AUTHORIZED, PaymentState.DECLINED}
    events = await hearers.told_by_payments(court.database, court.clock)
    assert len(events) > 2 * len(marked), "payments told of every one, and of what came of it"
    heard = {
        **await hearers.sent_on(webhooks_database, court.clock, tmp_path / "sent", events),
        **await hearers.written_down(receipts_database, court.clock, tmp_path / "kept", events),
    }
    writer = telemetry.logs.current_writer()
    assert writer is not None
    writer.flush()
    traces.flush_traces()
    places = {
        "answers": "\n".join(told).encode(),
        "log": logged.getvalue().encode(),
        "spans": "".join(one.to_json() for one in spans.get_finished_spans()).encode(),
        **heard,
    }
    for place in LOOKED_INTO:
        assert len(places[place]) > 2_000, f"nobody looked into {place}"
    for table, row in everything_in(court.database.administrator_dsn):
        places[table] = places.get(table, b"") + row + b"\n"
    assert len(places["payments.attempt"]) > 2_000
    assert len(places["log"]) > 2_000
    assert {name: hits for name, text in places.items() if (hits := found_in(text, marked))} == {}
    assert {name: hits for name, text in places.items() if (hits := codes_in(text, marked))} == {}
