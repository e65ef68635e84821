"""Home says what needs somebody, and leads there."""

import re

import pytest
from playwright.sync_api import Browser, expect
from tests.harness.waiting import wait_until
from tests.journeys.house import House
from tests.web.clerk import NARROW, Clerk, at_office, joined
from tests.web.test_developers_pages import GONE, GOOD, delivered, listening

pytestmark = [pytest.mark.system, pytest.mark.usefixtures("pages")]
UNDELIVERED = re.compile(r"(\d+) deliver(?:y|ies) failed for good")


def told_at_home(clerk: Clerk) -> int:
    """Return how many failed deliveries Home tells of."""
    clerk.go("")
    clerk.sees("What needs you")
    said = UNDELIVERED.search(clerk.page.locator("#main").inner_text())
    return int(said[1]) if said else 0


def failed_anywhere(shop: House) -> set[str]:
    found = shop.told("GET", "/v1/webhook_deliveries?state=failed&limit=100")["data"]
    return {one["id"] for one in found}


def test_failed_deliveries_are_counted_and_lead_to_them(shop: House, browser: Browser) -> None:
    with listening() as listener, at_office(browser, shop) as clerk:
        listener.status = GONE
        asked = {"url": listener.url, "events": ["payment.*"]}
        endpoint = shop.told("POST", "/v1/webhook_endpoints", asked)["id"]
        shop.pay("4.00 EUR")
        wait_until(
            lambda: {one["state"] for one in delivered(shop, endpoint)} == {"failed"},
            "what was sent there has failed for good",
        )
        mine = {one["id"] for one in delivered(shop, endpoint)}
        assert mine <= failed_anywhere(shop)
        # Other tests have endpoints too; what is told is what there is.
        wait_until(lambda: told_at_home(clerk) == len(failed_anywhere(shop)), "Home has counted")
        clerk.page.get_by_role("link", name=UNDELIVERED).click()
        clerk.page.wait_for_url("**/office/deliveries?**state=failed**")
        link = clerk.page.locator(f"a[href$='/deliveries/{min(mine)}']")
        expect(link).to_be_visible()
        expect(clerk.rows().filter(has_text="delivered")).to_have_count(0)

        listener.status = GOOD
        shop.told("PATCH", f"/v1/webhook_endpoints/{endpoint}", {"state": "enabled"})
        for one in sorted(mine):
            shop.told("POST", f"/v1/webhook_deliveries/{one}/resend", {})
        wait_until(
            lambda: {one["state"] for one in delivered(shop, endpoint)} == {"delivered"},
            "all of it arrived in the end",
        )
        assert not mine & failed_anywhere(shop)
        wait_until(lambda: told_at_home(clerk) == len(failed_anywhere(shop)), "Home has heard")
        shop.told("DELETE", f"/v1/webhook_endpoints/{endpoint}")


def test_whoever_may_not_see_deliveries_is_not_told_of_them(shop: House, browser: Browser) -> None:
    with at_office(browser, shop, joined(shop, "customer"), viewport=NARROW) as clerk:
        clerk.go("")
        expect(clerk.page.get_by_role("link", name=UNDELIVERED)).to_have_count(0)
        clerk.looks_right()
