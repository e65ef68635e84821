"""J4 Provider trouble: what a provider did not say is not guessed, and is found out."""

import secrets
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace

import httpx2
import pytest
from tests.cli.running import Nest, served
from tests.harness.ports import free_port
from tests.harness.waiting import wait_until
from tests.journeys.conftest import MANNERS
from tests.journeys.house import House, Json, money, open_house

ENDS = {"timeout_after_acting": "succeeded", "timeout_before_acting": "failed"}


def providers(house: House, payment: str) -> list[str]:
    attempts = house.told("GET", f"/v1/payments/{payment}/attempts")["data"]
    return [one["provider"] for one in attempts if one["operation"] == "charge"]


@pytest.mark.requirement("J4", part="charged, and the reply lost")
def test_a_lost_reply_is_unknown_and_ends_with_one_capture(anywhere: House):
    house = anywhere
    house.script("drop_after_acting", operation="create")
    payment = house.pay()
    assert payment["state"] == "unknown", payment
    paid = house.comes_to(payment, "succeeded")
    assert paid["captured"]["amount"] == "20.00"
    assert house.charges(payment) == 1


@pytest.mark.requirement("J4", part="provider two")
@pytest.mark.parametrize(
    ("effect", "state", "tried"),
    [
        ("rate_limit", "succeeded", ["stripe", "card"]),
        ("soft_decline", "succeeded", ["stripe", "card"]),
        ("hard_decline", "declined", ["stripe"]),
    ],
)
def test_outage_and_soft_decline_move_on_and_a_hard_no_is_a_no(
    anywhere: House, effect: str, state: str, tried: list[str]
):
    house = anywhere
    house.script(effect, operation="create")
    payment = house.pay()
    assert payment["state"] == state, payment
    assert providers(house, payment["id"]) == tried
    assert house.charges(payment) == (state == "succeeded")


@pytest.mark.requirement("J4", part="paid without an order")
@pytest.mark.requirement("G3", part="paid without an order")
def test_money_without_its_order_goes_back_within_the_window(anywhere: House):
    house = anywhere
    nowhere = f"ord_{secrets.token_hex(16)}"
    taken, held = (house.pay(order=nowhere, capture=capture) for capture in (True, False))
    house.pass_time("+16m")
    for payment in (taken, held):
        wait_until(lambda one=payment: _noted(house, one), "it went back")
    assert house.comes_to(held, "voided")["captured"]["amount"] == "0.00"
    after = house.payment(taken)
    assert after["refunded"] == after["captured"] == money("20.00 EUR")


def _noted(house: House, payment: Json) -> bool:
    return "without_order" in house.payment(payment)["metadata"]


@pytest.mark.requirement("J4", part="killed while charging")
def test_a_house_that_dies_while_charging_finds_out_what_happened(nest: Nest):
    with open_house(nest, RATE_LIMIT="100000") as house:
        bodies: dict[str, Json] = {}
        with ThreadPoolExecutor(2) as callers:
            asked = [_charging(house, callers, bodies, effect) for effect in ENDS]
            house.running.process.kill()
            assert all(isinstance(one.exception(), httpx2.TransportError) for one in asked)
        house.running.ended()
    with open_house(nest, RATE_LIMIT="100000") as house:
        house.pass_time("+1m")
        _ended_as_they_had_to(house, bodies)


@pytest.mark.requirement("J4", part="killed while charging, apart")
def test_a_process_of_payments_that_dies_while_charging_is_followed_by_another(house: House):
    address = f"127.0.0.1:{free_port()}"
    words = ("payments", "--grpc", address)
    bodies: dict[str, Json] = {}
    with ExitStack() as stack:
        first = stack.enter_context(served(house.nest, *words, **MANNERS))
        first.wait_for("Stop ")
        gateway = stack.enter_context(
            served(
                house.nest, "gateway", "--port", str(free_port()), PAYMENTS_GRPC=address, **MANNERS
            )
        )
        front = replace(house, url=gateway.url())
        with ThreadPoolExecutor(2) as callers:
            asked = {one: _charging(front, callers, bodies, one) for one in ENDS}
            first.process.kill()
            first.ended()
            statuses = {one: answer.result().status_code for one, answer in asked.items()}
        assert all(status >= 500 for status in statuses.values()), statuses
        stack.enter_context(served(house.nest, *words, **MANNERS)).wait_for("Stop ")
        house.pass_time("+1m")
        _ended_as_they_had_to(front, bodies)


def _ended_as_they_had_to(house: House, bodies: dict[str, Json]) -> None:
    """The emulators' book is the judge: what it took is taken, and nothing else is."""
    for effect, state in ENDS.items():
        key = bodies[effect]["description"]
        wait_until(lambda of=effect, key=key: _answered(house, bodies[of], key), "it is known")
        told = house.told("POST", "/v1/payments", bodies[effect], key=key)
        after = house.comes_to(told, state)
        assert told["state"] == state
        assert house.charges(after) == (state == "succeeded")
    assert set(house.imbalances(house.operator()).values()) == {"0.00"}


def _charging(
    house: House, callers: ThreadPoolExecutor, bodies: dict[str, Json], effect: str
) -> "Future[httpx2.Response]":
    """Let a charge be on its way, and the provider hold its answer back."""
    key = house.fresh(effect)
    card = {"card": house.card()}
    body = {"amount": money("20.00 EUR"), "pay_with": card, "description": key}
    bodies[effect] = body
    house.script(effect, operation="create")
    asked = callers.submit(house.ask, "POST", "/v1/payments", body, key=key)
    wait_until(lambda: not house.at_desk("GET", "/scripts")["scripts"], "it is charging")
    return asked


def _answered(house: House, body: Json, key: str) -> bool:
    return house.ask("POST", "/v1/payments", body, key=key).status_code in {200, 201}
