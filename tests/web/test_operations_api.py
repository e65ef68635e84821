"""What the office asks of the sandbox and of the system, and who is refused."""

import pytest
from tests.journeys.house import House, Json

SCRIPT = {"effect": "decline"}


def test_a_script_waits_for_one_payment_and_no_more(shop: House) -> None:
    assert shop.pay("2.00 EUR")["state"] == "succeeded"
    made = shop.told("POST", "/v1/sandbox/scripts", SCRIPT)
    waiting = shop.told("GET", "/v1/sandbox")["scripts"]
    assert [one["number"] for one in waiting] == [made["number"]]
    assert shop.pay("2.00 EUR")["state"] == "declined"
    assert shop.told("GET", "/v1/sandbox")["scripts"] == []
    assert shop.pay("2.00 EUR")["state"] == "succeeded"


def test_scripts_are_taken_back(shop: House) -> None:
    shop.told("POST", "/v1/sandbox/scripts", {**SCRIPT, "times": 3})
    assert shop.told("DELETE", "/v1/sandbox/scripts") == {
        "object": "sandbox_cleared", "ended": 1,
    }  # fmt: skip
    assert shop.pay("2.00 EUR")["state"] == "succeeded"


@pytest.mark.parametrize(
    ("wish", "code"),
    [
        ({"effect": "nonsense"}, 400),
        ({"effect": "decline", "times": 0}, 400),
        ({"effect": "decline", "provider": "nobody"}, 400),
    ],
)
def test_a_script_that_cannot_be_is_refused(
    shop: House, wish: dict[str, object], code: int
) -> None:
    assert shop.ask("POST", "/v1/sandbox/scripts", wish).status_code == code
    assert shop.told("GET", "/v1/sandbox")["scripts"] == []


@pytest.mark.parametrize("seconds", [0, -60, 400 * 86_400])
def test_time_moves_forward_and_not_too_far(shop: House, seconds: int) -> None:
    before = shop.told("GET", "/v1/sandbox")["ahead_seconds"]
    assert shop.ask("POST", "/v1/sandbox/clock", {"seconds": seconds}).status_code == 400
    assert shop.told("GET", "/v1/sandbox")["ahead_seconds"] == before
    moved = shop.told("POST", "/v1/sandbox/clock", {"seconds": 60})
    assert (moved["ahead_seconds"], moved["followed"]) == (before + 60, True)


def test_live_mode_has_no_sandbox(shop: House) -> None:
    refused = shop.ask("POST", "/v1/sandbox/scripts", SCRIPT, by=shop.owner("live"))
    assert (refused.status_code, refused.json()["code"]) == (422, "sandbox_in_test_mode")
    assert shop.told("GET", "/v1/sandbox")["scripts"] == []


@pytest.mark.parametrize(("role", "reads"), [("support", 403), ("auditor", 200)])
def test_who_may_not_arrange_anything(shop: House, role: str, reads: int) -> None:
    person = shop.person(role)
    assert shop.ask("GET", "/v1/sandbox", by=person).status_code == reads
    assert shop.ask("POST", "/v1/sandbox/scripts", SCRIPT, by=person).status_code == 403
    assert shop.ask("POST", "/v1/sandbox/clock", {"seconds": 1}, by=person).status_code == 403
    assert shop.ask("DELETE", "/v1/sandbox/scripts", by=person).status_code == 403


def test_the_system_is_for_operators(shop: House) -> None:
    assert shop.ask("GET", "/v1/system", by=shop.owner("test")).status_code == 403
    shop.pay("2.00 EUR")
    told = shop.told("GET", "/v1/system", by=shop.operator())
    assert {one["name"] for one in told["modules"]} >= {"ledger", "payments", "webhooks"}
    heads = {one["module"]: one["head"] for one in told["feeds"]}
    assert heads["payments"] > 0
    assert heads["ledger"] > 0
    assert {"audit", "webhooks"} <= {one["module"] for one in told["followers"]}
    assert told["workers"], "somebody does the jobs"
    assert told["ticks"], "something is done now and then"


def test_operators_see_who_stepped_in(shop: House) -> None:
    assert shop.ask("GET", "/v1/providers", by=shop.owner("test")).status_code == 403
    operator = shop.operator()
    before = shop.told("GET", "/v1/providers", by=operator)
    plain = shop.pay("2.00 EUR")
    shop.told("POST", "/v1/sandbox/scripts", {"effect": "soft_decline"})
    moved = shop.pay("2.00 EUR")
    assert moved["state"] == "succeeded", "another provider took it"
    told = shop.told("GET", "/v1/providers", by=operator)
    payments = [one["payment"] for one in told["failovers"]]
    assert moved["id"] in payments
    assert plain["id"] not in payments
    (stepped_in,) = (one for one in told["failovers"] if one["payment"] == moved["id"])
    assert (stepped_in["provider"], stepped_in["result"]) == (moved["provider"], "captured")
    assert "declined for now" in stepped_in["why"]

    def counts(told: Json, name: str) -> int:
        return sum(one[name] for one in told["providers"])

    assert counts(told, "asked") == counts(before, "asked") + 3
    assert counts(told, "declined") == counts(before, "declined") + 1
    assert counts(told, "done") == counts(before, "done") + 2
    assert all(one["methods"] for one in told["providers"])
