"""Limits as people set them: two of them agree, and a shop takes that much and no more."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.harness.waiting import wait_until
from tests.journeys.house import House, Json, money

pytestmark = [pytest.mark.catalogue("T55"), pytest.mark.requirement("S002-3", part="limits")]
By = Mapping[str, str]
AT_ONCE = 24
ROOM = 10
HANDS = 12
ASSETS = {"together": "CHF", "apart": "SEK"}


@pytest.fixture(name="asker", scope="module")
def given_asker(house: House) -> By:
    return house.operator()


@pytest.fixture(name="second", scope="module")
def given_second(house: House) -> By:
    return house.operator()


@pytest.fixture(autouse=True)
def given_no_limits_after(house: House, asker: By, second: By) -> Iterator[None]:
    yield
    if limits(house, asker):
        agreed(house, wanted(house, asker, []), second)


def limits(house: House, by: By) -> list[Json]:
    return house.told("GET", "/v1/limits", by=by)["limits"]


def wanted(house: House, by: By, rules: list[Json]) -> Json:
    """Ask for these limits instead of those that hold."""
    body = {"limits": rules, "instead_of": limits(house, by)}
    return house.told("PUT", "/v1/limits", body, by=by)


def agreed(house: House, change: Json, by: By) -> None:
    """Let a second person agree, and wait until it holds."""
    house.told("POST", f"/v1/approvals/{change['approval']}/approve", {}, by=by)
    path = f"/v1/limits/changes/{change['id']}"
    wait_until(
        lambda: house.told("GET", path, by=by)["state"] == "in_force", f"{change['id']} is in force"
    )


def test_a_shop_takes_what_two_people_agreed_to_and_no_more(
    anywhere: House, asker: By, second: By, request: pytest.FixtureRequest
) -> None:
    house, asset = anywhere, ASSETS[request.node.callspec.params["anywhere"]]
    rule = {"asset": asset, "per_payment": "50.00", "per_day": "100.00"}
    change = wanted(house, asker, [rule])
    assert (change["state"], limits(house, asker)) == ("needs_approval", [])
    itself = house.ask("POST", f"/v1/approvals/{change['approval']}/approve", {}, by=asker)
    assert itself.status_code == 403
    agreed(house, change, second)
    empty = {"per_month": "", "tenant": "", "mode": None, "method": None}
    assert limits(house, asker) == [{**empty, **rule}]

    def asks(amount: str, **more: object) -> tuple[int, Json]:
        answer = house.ask("POST", "/v1/payments", {"amount": money(amount), **more})
        return answer.status_code, answer.json()

    # Every process reads the rules again within seconds.
    wait_until(lambda: asks(f"50.01 {asset}")[0] == 422, "a payment is too much")
    cards = [house.card() for _ in range(AT_ONCE)]
    with ThreadPoolExecutor(HANDS) as hands:
        answers = list(hands.map(lambda one: asks(f"10.00 {asset}", pay_with={"card": one}), cards))
    taken = [told for status, told in answers if status == 201]
    refused = [told for status, told in answers if status == 422]
    assert len(taken) == ROOM
    assert len(refused) == AT_ONCE - ROOM
    assert {one["state"] for one in taken} == {"succeeded"}
    assert sum(house.charges(one) for one in taken) == ROOM, "the provider's book agrees"
    for one, facts in ((one, one["facts"]) for one in refused):
        assert (one["code"], facts["limit"], facts["most"], facts["remaining"]) == (
            "limit_exceeded", "per_day", f"100.00 {asset}", f"0.00 {asset}",
        )  # fmt: skip
        assert facts["renews_at"].endswith("T00:00:00Z")


def test_limits_are_the_platforms_and_stay_when_fees_change(
    house: House, asker: By, second: By
) -> None:
    body: Json = {"limits": [], "instead_of": []}
    for by in (house.owner("test"), None):
        assert house.ask("GET", "/v1/limits", by=by).status_code == 403
        assert house.ask("PUT", "/v1/limits", body, by=by).status_code == 403
    agreed(house, wanted(house, asker, [{"asset": "NOK", "per_month": "7.00"}]), second)
    seen = limits(house, asker)
    stale = house.ask("PUT", "/v1/limits", body, by=asker)
    assert (stale.status_code, stale.json()["code"]) == (409, "terms_changed")
    terms = house.told("GET", "/v1/terms", by=asker)
    del terms["limits"]
    terms["routing"] = [{"place": 9, "provider": "stripe", "asset": "NOK"}]
    assert house.told("PUT", "/v1/terms", terms, by=asker)["state"] == "in_force"
    assert limits(house, asker) == seen
    terms["routing"] = []
    house.told("PUT", "/v1/terms", terms, by=asker)


@pytest.mark.parametrize(
    ("rule", "field"),
    [
        ({"asset": "EUR"}, "limits[0].per_payment"),
        ({"asset": "XXQ", "per_day": "1.00"}, "limits[0].asset"),
        ({"asset": "EUR", "per_day": "-1.00"}, "limits[0].per_day"),
        ({"asset": "EUR", "per_day": "1.001"}, "limits[0].per_day"),
        ({"asset": "EUR", "per_day": "1.00", "tenant": "mer_1"}, None),
    ],
)
def test_limits_that_cannot_be_are_refused_and_named(
    house: House, asker: By, rule: Json, field: str | None
) -> None:
    answer = house.ask("PUT", "/v1/limits", {"limits": [rule], "instead_of": []}, by=asker)
    assert answer.status_code == 400
    assert answer.json()["field"] == field or field is None
    assert limits(house, asker) == []
