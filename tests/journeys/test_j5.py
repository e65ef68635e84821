"""J5 Refunds under control: one asks, another agrees, and never more goes back than was taken."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.harness.waiting import wait_until
from tests.journeys.house import House, Json, money

AT_ONCE = 12


def paid_order(house: House, amount: str) -> tuple[Json, str]:
    order = house.told("POST", "/v1/orders", {"amount": money(amount)})["id"]
    payment = house.pay(amount, order=order)
    house.order_comes_to(order, "paid")
    return payment, order


def refund(house: House, payment: Json, amount: str, by: Mapping[str, str]) -> Json:
    body = {"payment": payment["id"], "amount": money(amount)}
    return house.told("POST", "/v1/refunds", body, by=by)


@pytest.mark.requirement("J5", whole=True)
def test_refunds_under_control(anywhere: House):
    house = anywhere
    finance, admin = house.person("finance"), house.person("admin")
    payment, order = paid_order(house, "100.00 EUR")

    asked = refund(house, payment, "60.00 EUR", finance)
    assert asked["state"] == "needs_approval"
    waiting = house.told("GET", "/v1/approvals?state=open", by=admin)["data"]
    (approval,) = (one["id"] for one in waiting if one["id"] == asked["approval"])
    path = f"/v1/approvals/{approval}/approve"
    for themselves in (finance, {"x-api-key": house.sample["secret_key"]}):
        refused = house.ask("POST", path, {}, by=themselves)
        assert refused.status_code == 403, refused.text
    own = house.ask("POST", path, {}, by=finance)
    assert own.json()["code"] == "self_approval"
    told = house.payment(payment)
    assert told["refunds_awaiting"]["amount"] == "60.00", "it is set aside already"
    assert told["refunded"]["amount"] == "0.00", "and nobody has decided yet"
    assert house.order(order) == "paid", "and nothing has moved"

    assert house.told("POST", path, {}, by=admin)["state"] == "approved"
    house.order_comes_to(order, "part_refunded")
    given = house.told("GET", f"/v1/refunds/{asked['id']}")
    assert given["state"] == "succeeded"

    # Together they ask for three times what is left; what is given back never exceeds it.
    def a_part(_: int) -> int:
        body = {"payment": payment["id"], "amount": money("10.00 EUR")}
        for _try in range(AT_ONCE * 10):
            status = house.ask("POST", "/v1/refunds", body, by=finance).status_code
            if status != 409:
                return status
        raise AssertionError("busy for ever")

    with ThreadPoolExecutor(AT_ONCE) as people:
        statuses = list(people.map(a_part, range(AT_ONCE)))
    assert sorted(statuses) == [201] * 4 + [422] * (AT_ONCE - 4)
    # Small parts do not slip under the threshold either: each of them waits for the second person.
    listed = house.told("GET", f"/v1/refunds?payment={payment['id']}")["data"]
    parts = [one for one in listed if one["id"] != asked["id"]]
    assert [one["state"] for one in parts] == ["needs_approval"] * 4
    assert house.order(order) == "part_refunded"
    for one in parts:
        house.told("POST", f"/v1/approvals/{one['approval']}/approve", {}, by=admin)
    house.order_comes_to(order, "refunded")
    after = house.payment(payment)
    assert after["refunded"] == after["captured"] == money("100.00 EUR")
    assert set(house.imbalances(house.operator()).values()) == {"0.00"}


@pytest.mark.requirement("J5", part="a no, and who may ask")
def test_a_no_moves_nothing_and_support_may_not_even_ask(house: House):
    admin, support = house.person("admin"), house.person("support")
    payment, order = paid_order(house, "80.00 EUR")
    body = {"payment": payment["id"], "amount": money("1.00 EUR")}
    assert house.ask("POST", "/v1/refunds", body, by=support).status_code == 403
    asked = refund(house, payment, "80.00 EUR", {"x-api-key": house.sample["secret_key"]})
    path = f"/v1/approvals/{asked['approval']}"
    assert house.told("POST", f"{path}/reject", {}, by=admin)["state"] == "rejected"
    assert house.ask("POST", f"{path}/approve", {}, by=admin).status_code >= 400

    def rejected() -> bool:
        return house.told("GET", f"/v1/refunds/{asked['id']}")["state"] == "rejected"

    wait_until(rejected, "the refund has heard of the no")
    told = house.payment(payment)
    assert told["refunded"]["amount"] == "0.00"
    assert told["refunds_awaiting"]["amount"] == "0.00", "it can be asked for again"
    assert house.order(order) == "paid"
