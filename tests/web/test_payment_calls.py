"""What was said to providers, in a payment's story: to be opened, copied, and without a secret."""

import json
import re

import pytest
from playwright.sync_api import Browser, Locator, expect
from tests.harness.waiting import wait_until
from tests.journeys.house import House, Json
from tests.web.clerk import NARROW, Clerk, at_office

pytestmark = [pytest.mark.system, pytest.mark.usefixtures("pages")]
POOR = "4000000000009995"


def declined(shop: House) -> Json:
    """Let a card be declined, and wait until the call is kept."""
    who = {"name": "Marie Marked", "email": "marie@marked.example"}
    customer = shop.told("POST", "/v1/customers", who)["id"]
    payment = shop.pay("5.00 EUR", number=POOR, customer=customer, description="A marked scale")
    assert payment["state"] == "declined"
    wait_until(lambda: bool(calls(shop, payment)), "the call is kept")
    return payment


def calls(shop: House, payment: Json) -> list[Json]:
    return shop.told("GET", f"/v1/payments/{payment['id']}/transcripts")["data"]


def call(clerk: Clerk) -> Locator:
    return clerk.page.locator("details", has=clerk.page.locator("summary", has_text="Answered 402"))


def test_a_card_a_name_and_a_key_are_in_nothing_that_is_told(shop: House) -> None:
    payment = declined(shop)
    told = calls(shop, payment)
    assert json.loads(told[0]["answer"])["error"]["decline_code"] == "insufficient_funds"
    written = json.dumps(told).lower()
    for secret in (POOR, "marked", "client_secret", "_secret_", "sk_test"):
        assert secret not in written, secret
    assert re.search(r"[^0-9a-f]\d{13,19}[^0-9a-f]", written) is None


def test_another_merchant_and_the_other_mode_know_nothing_of_it(shop: House) -> None:
    path = f"/v1/payments/{declined(shop)['id']}/transcripts"
    assert shop.ask("GET", path).status_code == 200
    assert shop.ask("GET", path, by=shop.another_merchant()).status_code == 404
    assert shop.ask("GET", path, by=shop.owner("live")).status_code == 404


def test_why_a_card_was_declined_is_read_in_the_story(shop: House, browser: Browser) -> None:
    payment = declined(shop)
    with at_office(browser, shop) as clerk:
        clerk.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        clerk.go(f"/payments/{payment['id']}")
        call(clerk).locator("summary").click()
        answer = call(clerk).get_by_role("region", name="Answer")
        expect(answer).to_contain_text('"decline_code": "insufficient_funds"')
        expect(call(clerk).get_by_role("region", name="Request")).to_contain_text('"amount": "500"')
        expect(call(clerk)).to_contain_text("POST /v1/payment_intents")
        clerk.looks_right()
        clerk.page.emulate_media(color_scheme="dark")
        clerk.looks_right()
        call(clerk).get_by_role("button", name="Copy").last.click()
        expect(call(clerk).get_by_role("button", name="Copied")).to_be_visible()
        copied = json.loads(clerk.page.evaluate("navigator.clipboard.readText()"))
        assert copied["error"]["code"] == "card_declined"


def test_a_silence_is_told_from_a_failure(shop: House, browser: Browser) -> None:
    shop.script("timeout_before_acting")
    payment = shop.pay("6.00 EUR")
    wait_until(lambda: bool(calls(shop, payment)), "the silence is kept")
    with at_office(browser, shop) as clerk:
        clerk.go(f"/payments/{payment['id']}")
        silent = clerk.page.locator("details", has_text="No answer")
        silent.first.locator("summary").click()
        expect(silent.first).to_contain_text("Answer: nothing came")
        clerk.looks_right()


@pytest.mark.catalogue("T101", "T102")
@pytest.mark.parametrize("language", ["de", "ar"])
def test_calls_are_for_everybody_on_a_narrow_screen(
    shop: House, browser: Browser, language: str
) -> None:
    payment = declined(shop)
    with at_office(browser, shop, viewport=NARROW) as clerk:
        clerk.page.evaluate("name => localStorage.setItem('bezant.language', name)", language)
        clerk.go(f"/payments/{payment['id']}")
        opened = clerk.page.locator("details", has_text="402").first
        opened.locator("summary").click()
        expect(opened.locator("pre").first).to_be_visible()
        wide = clerk.page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0
        clerk.looks_right()
