"""Who agrees to other fees sees all that changes with them, and what holds, before they can."""

from collections.abc import Iterator, Mapping

import pytest
from playwright.sync_api import Browser, Route, expect
from tests.harness.waiting import wait_until
from tests.journeys.house import House, Json
from tests.web.clerk import Clerk, at_office
from tests.web.test_operations_pages import joined_platform

By = Mapping[str, str]
LIMIT = {"asset": "SEK", "per_payment": 70_00, "per_day": 700_00}
ROUTE = {"place": 9, "provider": "stripe", "asset": "SEK"}
WANTED = {"en": "The limits it asks for", "de": "Die beantragten Grenzen", "ar": "الحدود المطلوبة"}
ROUTED = {"en": "The routing it asks for", "de": "Die beantragten Wege", "ar": "التوجيه المطلوب"}


@pytest.fixture(name="asker", scope="module")
def given_asker(shop: House) -> By:
    return shop.operator()


@pytest.fixture(name="change", scope="module")
def given_a_change_of_all_three(shop: House, asker: By) -> Iterator[Json]:
    now = shop.told("GET", "/v1/terms", by=asker)
    wanted: Json = {
        "fees": [{"percent": "99"}],
        "limits": [*now["limits"], LIMIT],
        "routing": [*now["routing"], ROUTE],
    }
    change = shop.told("PUT", "/v1/terms", wanted, by=asker)
    assert change["state"] == "needs_approval"
    yield change
    reject = f"/v1/approvals/{change['approval']}/reject"
    shop.told("POST", reject, {"reason": "It was only shown."}, by=shop.operator())


def summary(shop: House, change: Json, by: By) -> str:
    return shop.told("GET", f"/v1/approvals/{change['approval']}", by=by)["summary"]


def test_each_answer_names_the_other_rules_that_change(
    shop: House, change: Json, asker: By
) -> None:
    fees = shop.told("GET", f"/v1/fees/changes/{change['id']}", by=asker)
    assert fees["also"] == ["routing", "limits"]
    limits = shop.told("GET", f"/v1/limits/changes/{change['id']}", by=asker)
    assert limits["also"] == ["routing", "fees"]
    said = summary(shop, change, asker)
    for head in ("Limit payments by ", "Charge fees by 1 rules", "Route by "):
        assert head in said.partition("Limits: ")[0]


def hold_limits(clerk: Clerk, change: Json) -> list[Route]:
    """Keep back what the page asks about the limits."""
    held: list[Route] = []

    def hold(asked: Route) -> None:
        held.append(asked)

    clerk.page.route(f"**/v1/limits/changes/{change['id']}", hold)
    return held


@pytest.mark.system
@pytest.mark.usefixtures("pages")
@pytest.mark.parametrize("language", ["en", "de", "ar"])
def test_limits_and_routing_are_shown_beside_the_fees_before_anybody_can_agree(
    shop: House, browser: Browser, change: Json, asker: By, language: str
) -> None:
    said = summary(shop, change, asker)
    with at_office(browser, shop, joined_platform(shop)) as clerk:
        clerk.page.evaluate("name => localStorage.setItem('bezant.language', name)", language)
        held = hold_limits(clerk, change)
        clerk.page.goto(f"{shop.url}/office/fees/{change['id']}")
        wait_until(lambda: clerk.page.evaluate("1") == 1 and bool(held), "limits are asked for")
        expect(clerk.page.get_by_role("table").first).to_be_visible()
        expect(clerk.page.get_by_text(said)).to_have_count(0)
        for one in held:
            one.continue_()
        expect(clerk.page.get_by_text(said)).to_be_visible()
        limits = clerk.page.get_by_role("table", name=WANTED[language])
        expect(limits).to_contain_text("SEK")
        expect(limits).to_contain_text("700")
        routing = clerk.page.get_by_role("table", name=ROUTED[language])
        expect(routing).to_contain_text("stripe")
        clerk.looks_right()
