"""What time it is, as the office tells it: by the platform's clocks, wherever they were moved."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Browser, Locator, expect
from tests.journeys.house import House, Json
from tests.web.clerk import Clerk, at_office

HOURS_AHEAD = timedelta(hours=6)
JUST_NOW = re.compile(r"^(now|\d{1,2} seconds ago|\d{1,2} minutes? ago)$")
"""A slow machine may take minutes; six hours it does not."""


def at(told: Json, name: str) -> datetime:
    return datetime.fromisoformat(told[name])


def move(shop: House, by: timedelta) -> None:
    shop.told("POST", "/v1/sandbox/clock", {"seconds": by // timedelta(seconds=1)})


def test_both_clocks_are_told_to_whoever_signed_in(shop: House) -> None:
    support = shop.person("support")
    before = shop.told("GET", "/v1/time", by=support)
    move(shop, timedelta(hours=1))
    after = shop.told("GET", "/v1/time", by=support)
    assert before["moves"] is True
    assert at(after, "business_at") - at(before, "business_at") >= timedelta(hours=1)
    assert at(after, "machine_at") - at(before, "machine_at") < timedelta(hours=1)
    assert abs(at(after, "machine_at") - datetime.now(UTC)) < timedelta(minutes=10)


def test_a_key_has_no_session_to_tell_the_time_to(shop: House) -> None:
    assert shop.ask("GET", "/v1/time").status_code == 403
    assert shop.ask("GET", "/v1/time", by={"accept": "application/json"}).status_code == 401


@pytest.mark.system
@pytest.mark.usefixtures("pages")
def test_what_was_just_paid_was_paid_just_now_however_far_the_clock_was_moved(
    shop: House, browser: Browser
) -> None:
    old = shop.pay("3.00 EUR")
    with at_office(browser, shop) as clerk:
        clerk.go("/payments")
        expect(paid_when(clerk, old)).to_be_visible()
        move(shop, HOURS_AHEAD)
        # An event tells the page that something happened; it asks for the time again itself.
        fresh = shop.pay("4.00 EUR")
        expect(paid_when(clerk, fresh)).to_have_text(JUST_NOW)
        expect(paid_when(clerk, old)).to_have_text("6 hours ago")
        clerk.go(f"/payments/{fresh['id']}")
        expect(clerk.page.locator("time").first).to_have_text(JUST_NOW)
        expect(clerk.page.get_by_text("in 6 hours")).to_have_count(0)


@pytest.mark.system
@pytest.mark.usefixtures("pages")
def test_a_key_made_now_was_made_now_although_business_is_ahead(
    shop: House, browser: Browser
) -> None:
    move(shop, HOURS_AHEAD)
    made = shop.told("POST", "/v1/keys", {"kind": "sk", "role": "support"}, by=shop.owner("test"))
    with at_office(browser, shop) as clerk:
        clerk.go(f"/keys/{made['id']}")
        expect(clerk.page.locator("time").first).to_have_text(JUST_NOW)


@pytest.mark.system
@pytest.mark.usefixtures("pages")
def test_a_browser_whose_own_clock_is_wrong_is_told_the_right_time(
    shop: House, browser: Browser
) -> None:
    paid = shop.pay("5.00 EUR")
    with at_office(browser, shop) as clerk:
        clerk.page.add_init_script("const now = Date.now; Date.now = () => now() - 7_200_000;")
        clerk.go(f"/payments/{paid['id']}")
        expect(clerk.page.locator("time").first).to_have_text(JUST_NOW)


def paid_when(clerk: Clerk, payment: Json) -> Locator:
    row = clerk.rows().filter(has=clerk.page.locator(f"[href$='{payment['id']}']"))
    return row.locator("time").first
