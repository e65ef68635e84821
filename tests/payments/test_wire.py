"""Payments mean the same near and far: every command and answer travels unchanged."""

import pytest
from tests.payments.acquirer import CHALLENGE
from tests.payments.till import CLERK, MERCHANT, Till

from bezant.actor import Mode
from bezant.money import Money
from bezant.payments.port import (
    Arrival,
    Payments,
    PaymentsOf,
    RequestRefund,
    RoutingRule,
    StatsOf,
    Terms,
)
from bezant.rpc import wire


def far(method: str, *arguments: object) -> tuple[object, ...]:
    """Return the arguments of a call as they arrive on the other side."""
    found = next(one for one in wire.contract(Payments).methods if one.name == method)
    return found.asked(found.ask(arguments, {}))


def back(method: str, answer: object) -> object:
    """Return an answer as it arrives on this side."""
    found = next(one for one in wire.contract(Payments).methods if one.name == method)
    return found.told(found.tell(answer))


async def test_payments_and_refunds_travel_unchanged(till: Till) -> None:
    command = till.asking("20.00 EUR", metadata={"cart": "7"}, order="o-1")
    assert far("create", command) == (command,)
    payment = await till.payments.create(command)
    assert back("create", payment) == payment
    till.acquirer.plan("charge", CHALLENGE, "lost_card")
    for _ in range(2):
        other = await till.pay()
        assert back("payment", other) == other
    attempts = await till.payments.attempts(MERCHANT, payment.mode, payment.id)
    assert back("attempts", attempts) == attempts
    asked = RequestRefund("k", MERCHANT, Mode.TEST, payment.id, CLERK, Money.of("5.00 EUR"))
    assert far("request_refund", asked) == (asked,)
    refund = await till.payments.request_refund(asked)
    assert back("request_refund", refund) == refund
    query = PaymentsOf(MERCHANT, Mode.TEST, amount_min=Money.of("1 EUR"), metadata={"cart": "7"})
    assert far("payments", query) == (query,)
    page = await till.payments.payments(PaymentsOf(MERCHANT, Mode.TEST))
    assert back("payments", page) == page
    now = till.clock.now()
    stats = await till.payments.stats(StatsOf(MERCHANT, Mode.TEST, payment.created_at, now))
    assert back("stats", stats) == stats


@pytest.mark.parametrize("mode", [None, Mode.TEST])
def test_events_and_rules_travel_unchanged(mode: Mode | None) -> None:
    arrival = Arrival("card", mode, {"card-signature": "t=1"}, b"\x00\xff")
    assert far("arrive", arrival) == (arrival,)
    terms = Terms((RoutingRule(0, "card", asset="EUR", amount_min=5),))
    assert back("terms", terms) == terms
