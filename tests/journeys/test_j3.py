"""J3 Safe retries: however often a request is sent, by however many at once, it happens once."""

import time
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest
from tests.cli.running import Nest
from tests.journeys.house import House, Json, money, open_house

AT_ONCE = 50
TRIES_MAX = 100


def patiently(house: House, body: Json, key: str) -> httpx2.Response:
    """Send a request; while the first one is being answered, wait as long as told and repeat."""
    for _ in range(TRIES_MAX):
        answer = house.ask("POST", "/v1/payments", body, key=key)
        if answer.status_code != 409:
            return answer
        assert answer.json()["code"] == "key_in_flight"
        time.sleep(int(answer.headers["retry-after"]))
    raise AssertionError(f"after {TRIES_MAX} tries: {answer.text}")


def asked_at_once(house: House, body: Json, key: str) -> httpx2.Response:
    """Let fifty ask under one key; they are all told the same, and the payer is charged once."""
    with ThreadPoolExecutor(AT_ONCE) as people:
        answers = list(people.map(lambda _: patiently(house, body, key), range(AT_ONCE)))
    assert {one.status_code for one in answers} == {201}
    assert len({one.text for one in answers}) == 1
    replayed = [one for one in answers if one.headers.get("idempotent-replayed") == "true"]
    assert len(replayed) == AT_ONCE - 1
    assert house.charges(answers[0].json()) == 1
    return answers[0]


def keys_are_apart(house: House, body: Json, key: str, payment: str) -> None:
    """A key belongs to one body, one merchant and one mode."""
    other = house.ask("POST", "/v1/payments", {**body, "description": "more"}, key=key)
    assert (other.status_code, other.json()["code"]) == (422, "key_reused")
    asked = {"amount": money("20.00 EUR")}
    for by in (house.another_merchant(), house.owner("live")):
        strangers = house.ask("POST", "/v1/payments", asked, key=key, by=by)
        assert strangers.status_code == 201, strangers.text
        assert strangers.json()["id"] != payment
    # The control: another key is another payment.
    assert house.told("POST", "/v1/payments", body, key=f"{key}-2")["id"] != payment


@pytest.mark.requirement("J3", whole=True)
def test_safe_retries(nest: Nest):
    body: Json = {"amount": money("20.00 EUR")}
    with open_house(nest, RATE_LIMIT="100000") as house:
        body["pay_with"] = {"card": house.card()}
        first = asked_at_once(house, body, "once")
        keys_are_apart(house, body, "once", first.json()["id"])

    with open_house(nest, RATE_LIMIT="100000") as house:
        again = house.ask("POST", "/v1/payments", body, key="once")
        assert (again.status_code, again.text) == (201, first.text)
        assert again.headers["idempotent-replayed"] == "true"
        assert house.charges(first.json()) == 1


@pytest.mark.requirement("J3", part="apart")
def test_safe_retries_through_a_gateway(house_apart: House):
    house, key = house_apart, house_apart.fresh()
    body: Json = {"amount": money("20.00 EUR"), "pay_with": {"card": house.card()}}
    first = asked_at_once(house, body, key)
    keys_are_apart(house, body, key, first.json()["id"])
