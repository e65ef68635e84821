"""Scripted behaviour: what happens to a call, what stays in the book, what its caller sees."""

import time
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest
from tests.sandbox.stand import Town
from tests.sandbox.test_card import authorise, body

from bezant.sandbox.scripts import Effect, MalformedScript, Script


def attempt(here: Town, key: str, timeout: float = 30.0) -> httpx2.Response:
    return here.post("card", "/authorisations", json=body(key, capture=True), timeout=timeout)


@pytest.mark.requirement("G1", part="scripted failures")
@pytest.mark.parametrize(
    ("effect", "charges"),
    [
        ("drop_before_acting", 0),
        ("drop_after_acting", 1),
        ("timeout_before_acting", 0),
        ("timeout_after_acting", 1),
    ],
)
def test_a_call_without_an_answer_was_made_or_not_and_the_repeat_ends_at_one(
    acquirer: Town, effect: str, charges: int
):
    acquirer.script(effect, provider="card", operation="authorise")
    with pytest.raises((httpx2.RemoteProtocolError, httpx2.ReadError, httpx2.ReadTimeout)):
        attempt(acquirer, "k1", timeout=0.5)
    assert acquirer.charges("k1") == charges
    again = attempt(acquirer, "k1")
    assert again.json()["status"] == "captured"
    assert ("replayed" in again.headers) is (charges == 1)
    assert acquirer.charges("k1") == 1
    endings = [one["ending"] for one in acquirer.get("inspection", "/calls").json()["calls"]]
    assert endings == ["answered", "silent" if effect.startswith("timeout") else "dropped"]


@pytest.mark.parametrize(
    ("effect", "status", "charges"),
    [
        ("error_before_acting", 500, 0),
        ("error_after_acting", 500, 1),
        ("rate_limit", 429, 0),
    ],
)
def test_a_failure_is_told_and_the_repeat_ends_at_one(
    acquirer: Town, effect: str, status: int, charges: int
):
    acquirer.script(effect, provider="card")
    failed = attempt(acquirer, "k1")
    assert (failed.status_code, acquirer.charges("k1")) == (status, charges)
    assert attempt(acquirer, "k1").json()["status"] == "captured"
    assert acquirer.charges("k1") == 1


def test_stripe_repeats_a_failure_it_had_after_acting(striped: Town):
    wish = {
        "amount": "2000",
        "currency": "eur",
        "confirm": "true",
        "payment_method": "pm_card_visa",
        "metadata[attempt]": "att_1",
    }

    def create() -> httpx2.Response:
        key = {"idempotency-key": "k1"}
        return striped.post("stripe", "/v1/payment_intents", data=wish, headers=key)

    striped.script("error_after_acting", provider="stripe", operation="create")
    assert [create().status_code, create().status_code] == [500, 500]
    query = {"query": "metadata['attempt']:'att_1'"}
    found = striped.get("stripe", "/v1/payment_intents/search", params=query).json()["data"]
    assert [one["status"] for one in found] == ["succeeded"]
    assert striped.charges("att_1") == 1


@pytest.mark.parametrize(
    ("effect", "code", "said"),
    [
        ("decline", "do_not_honor", "do_not_honor"),
        ("decline", "", "generic_decline"),
        ("soft_decline", "", "try_again_later"),
        ("hard_decline", "", "stolen_card"),
    ],
)
def test_an_issuer_refuses_what_it_is_told_to(acquirer: Town, effect: str, code: str, said: str):
    acquirer.script(effect, provider="card", code=code)
    refused = authorise(acquirer, "k1", capture=True)
    assert (refused["status"], refused["decline_code"]) == ("declined", said)
    assert authorise(acquirer, "k2", capture=True)["status"] == "captured"


def test_a_script_means_the_calls_it_describes_and_no_others(acquirer: Town):
    acquirer.script("decline", provider="card", operation="authorise", amount="2000", key="k3")
    acquirer.script("decline", provider="card", operation="refund")
    acquirer.script("decline", operation="void")
    for key, amount, status in (
        ("k1", "2000", "captured"),
        ("k3", "2000", "declined"),
        ("k4", "2000", "captured"),
    ):
        wish = body(key, amount=amount, capture=True)
        assert acquirer.post("card", "/authorisations", json=wish).json()["status"] == status
    waiting = acquirer.get("inspection", "/scripts").json()["scripts"]
    assert [one["operation"] for one in waiting] == ["refund", "void"]


def test_a_script_works_as_often_as_it_says(acquirer: Town):
    acquirer.script("decline", times=2, provider="card")
    statuses = [authorise(acquirer, f"k{at}")["status"] for at in range(3)]
    assert statuses == ["declined", "declined", "authorised"]


def test_a_slow_call_holds_its_key_and_nobody_elses(acquirer: Town):
    acquirer.script("slow", provider="card", key="k1", seconds=2)
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(attempt, acquirer, "k1")
        deadline = time.monotonic() + 30
        while not in_flight(acquirer, "k1"):
            assert time.monotonic() < deadline, "the slow call never came to be in flight"
        assert authorise(acquirer, "k2")["status"] == "authorised"
        assert not slow.done()
        assert slow.result(30).json()["status"] == "captured"
    assert acquirer.charges("k1") == 1


def in_flight(here: Town, key: str) -> bool:
    """Tell whether a call under this key is being worked on, without making one that counts."""
    scripts = here.get("inspection", "/scripts").json()["scripts"]
    if scripts:
        return False
    busy = attempt(here, key)
    assert (busy.status_code, busy.json()["error"]["code"]) == (409, "in_flight")
    return True


@pytest.mark.parametrize(
    "wrong",
    [
        {"effect": "explode"},
        {"effect": "decline", "times": 0},
        {"effect": "decline", "seconds": -1},
        {"effect": "slow", "seconds": 10**9},
        {"effect": "decline", "provider": "nobody"},
        {},
    ],
)
def test_a_wrong_script_is_refused(acquirer: Town, wrong: dict[str, object]):
    answer = acquirer.post("inspection", "/scripts", json=wrong)
    assert answer.status_code in {400, 404}
    assert acquirer.get("inspection", "/scripts").json() == {"scripts": []}


def test_every_effect_can_be_asked_for():
    assert [Script.asked(effect).effect for effect in Effect] == list(Effect)
    with pytest.raises(MalformedScript):
        Script.asked("Decline")


def test_a_script_waits_for_a_call_that_can_follow_it(acquirer: Town):
    acquirer.script("decline", provider="card")
    acquirer.get("card", "/authorisations?key=k1")
    assert acquirer.get("card", "/operations/k1").status_code == 404
    assert authorise(acquirer, "k1")["status"] == "declined"


def test_a_capture_is_refused_by_script(striped: Town):
    wish = {
        "amount": "2000",
        "currency": "eur",
        "confirm": "true",
        "capture_method": "manual",
        "payment_method": "pm_card_visa",
    }
    made = striped.post("stripe", "/v1/payment_intents", data=wish).json()
    striped.script("decline", provider="stripe", operation="capture")
    path = f"/v1/payment_intents/{made['id']}/capture"
    refused = striped.post("stripe", path)
    assert (refused.status_code, refused.json()["error"]["code"]) == (
        400,
        "charge_expired_for_capture",
    )
    assert striped.charges(made["id"]) == 0
    assert striped.post("stripe", path).json()["status"] == "succeeded"
