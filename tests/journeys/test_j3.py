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


@pytest.mark.requirement("J3", whole=True)
def test_safe_retries(nest: Nest):
    body: Json = {"amount": money("20.00 EUR")}
    with open_house(nest, RATE_LIMIT="100000") as house:
        body["pay_with"] = {"card": house.card()}
        with ThreadPoolExecutor(AT_ONCE) as people:
            answers = list(people.map(lambda _: patiently(house, body, "once"), range(AT_ONCE)))
        assert {one.status_code for one in answers} == {201}
        (first,) = {one.text for one in answers}
        replayed = [one for one in answers if one.headers.get("idempotent-replayed") == "true"]
        assert len(replayed) == AT_ONCE - 1
        payment = answers[0].json()
        assert house.charges(payment) == 1

        other = house.ask("POST", "/v1/payments", {**body, "description": "more"}, key="once")
        assert (other.status_code, other.json()["code"]) == (422, "key_reused")
        theirs = house.another_merchant()
        asked = {"amount": money("20.00 EUR")}
        strangers = house.ask("POST", "/v1/payments", asked, key="once", by=theirs)
        assert strangers.status_code == 201, "another merchant's key is another key"
        assert strangers.json()["id"] != payment["id"]
        # The control: another key is another payment.
        assert house.told("POST", "/v1/payments", body, key="twice")["id"] != payment["id"]

    with open_house(nest, RATE_LIMIT="100000") as house:
        again = house.ask("POST", "/v1/payments", body, key="once")
        assert (again.status_code, again.text) == (201, first)
        assert again.headers["idempotent-replayed"] == "true"
        assert house.charges(payment) == 1
