"""J4 Provider trouble: what a provider did not say is not guessed, and is found out."""

import secrets
from concurrent.futures import Future, ThreadPoolExecutor

import httpx2
import pytest
from tests.cli.running import Nest
from tests.harness.waiting import wait_until
from tests.journeys.house import House, Json, money, open_house

ENDS = {"timeout_after_acting": "succeeded", "timeout_before_acting": "failed"}


def providers(house: House, payment: str) -> list[str]:
    attempts = house.told("GET", f"/v1/payments/{payment}/attempts")["data"]
    return [one["provider"] for one in attempts if one["operation"] == "charge"]


@pytest.mark.requirement("J4", part="charged, and the reply lost")
def test_a_lost_reply_is_unknown_and_ends_with_one_capture(house: House):
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
    house: House, effect: str, state: str, tried: list[str]
):
    house.script(effect, operation="create")
    payment = house.pay()
    assert payment["state"] == state, payment
    assert providers(house, payment["id"]) == tried
    assert house.charges(payment) == (state == "succeeded")


@pytest.mark.requirement("J4", part="paid without an order")
@pytest.mark.requirement("G3", part="paid without an order")
def test_money_without_its_order_goes_back_within_the_window(house: House):
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
        for effect, state in ENDS.items():
            wait_until(lambda key=effect: _answered(house, bodies[key], key), "it is known")
            told = house.told("POST", "/v1/payments", bodies[effect], key=effect)
            after = house.comes_to(told, state)
            assert told["state"] == state
            assert house.charges(after) == (state == "succeeded")
        assert set(house.imbalances(house.operator()).values()) == {"0.00"}


def _charging(
    house: House, callers: ThreadPoolExecutor, bodies: dict[str, Json], effect: str
) -> "Future[httpx2.Response]":
    """Let a charge be on its way, and the provider hold its answer back."""
    bodies[effect] = {"amount": money("20.00 EUR"), "pay_with": {"card": house.card()}}
    house.script(effect, operation="create")
    asked = callers.submit(house.ask, "POST", "/v1/payments", bodies[effect], key=effect)
    wait_until(lambda: not house.at_desk("GET", "/scripts")["scripts"], "it is charging")
    return asked


def _answered(house: House, body: Json, key: str) -> bool:
    return house.ask("POST", "/v1/payments", body, key=key).status_code != 409
