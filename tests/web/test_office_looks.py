"""Anybody can use the office: by any screen, in any of its languages, light and dark, when all is
empty and when something fails.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Route, expect
from tests.journeys.house import House, Json
from tests.web.clerk import NARROW, Clerk, at_office, joined

pytestmark = [
    pytest.mark.system,
    pytest.mark.usefixtures("pages"),
    pytest.mark.catalogue("T87"),
]
LISTS = (
    "payments", "refunds", "approvals", "disputes", "orders", "customers", "accounts", "transfers",
)  # fmt: skip


@pytest.fixture(scope="module", name="things")
def given_things(shop: House) -> list[str]:
    return every_page(shop)


def every_page(shop: House) -> list[str]:
    """Let one of everything exist; return the address of each page."""
    customer = shop.told("POST", "/v1/customers", {"name": "Ada", "email": "ada@x.example"})
    order = shop.told("POST", "/v1/orders", {"amount": {"amount": "1999", "asset": "JPY"}})
    payment = shop.pay("20.00 EUR", customer=customer["id"], description="A weighing scale")
    shop.pay("1999 JPY", order=order["id"])
    shop.pay("1.234 KWD")
    refused = shop.pay("5.00 EUR", number="4000000000009995")
    refund = shop.told("POST", "/v1/refunds", {"payment": payment["id"]})
    large = shop.pay("900.00 EUR")
    asked = {"payment": large["id"], "reason": "four eyes"}
    waits = shop.told("POST", "/v1/refunds", asked, by=shop.owner("test"))
    account = shop.told("GET", "/v1/accounts")["data"][0]
    transfer = shop.told("GET", "/v1/transfers")["data"][0]
    disputed = shop.pay("7.00 EUR", number="4000000000000259")
    shop.comes_to(disputed, "succeeded")
    return [
        "", "/books", *(f"/{one}" for one in LISTS),
        *(f"/payments/{one['id']}" for one in (payment, refused, disputed)),
        *(f"/refunds/{one['id']}" for one in (refund, waits)),
        f"/approvals/{waits['approval']}", f"/orders/{order['id']}",
        f"/customers/{customer['id']}", f"/accounts/{account['id']}",
        f"/transfers/{transfer['id']}", *disputes(shop),
    ]  # fmt: skip


def disputes(shop: House) -> list[str]:
    found: list[Json] = shop.told("GET", "/v1/disputes")["data"]
    return [f"/disputes/{one['id']}" for one in found[:1]]


@contextmanager
def dark(clerk: Clerk) -> Iterator[None]:
    clerk.page.emulate_media(color_scheme="dark")
    try:
        yield
    finally:
        clerk.page.emulate_media(color_scheme="light")


def test_every_page_is_for_everybody_light_and_dark(
    shop: House, browser: Browser, things: list[str]
) -> None:
    with at_office(browser, shop) as clerk:
        for path in things:
            clerk.go(path)
            expect(clerk.page).to_have_title(re.compile(" · Office"))
            clerk.looks_right()
            with dark(clerk):
                clerk.looks_right()


@pytest.mark.catalogue("T102")
@pytest.mark.parametrize("language", ["en", "de", "ar"])
def test_nothing_is_cut_off_on_a_narrow_screen(
    shop: House, browser: Browser, things: list[str], language: str
) -> None:
    with at_office(browser, shop, viewport=NARROW) as clerk:
        clerk.go(f"?lang={language}")
        clerk.page.evaluate("name => localStorage.setItem('bezant.language', name)", language)
        for path in things:
            clerk.go(path)
            assert clerk.page.evaluate("document.documentElement.lang") == language
            wide = clerk.page.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert wide <= 0, path
            clerk.looks_right()
        assert clerk.page.evaluate("document.documentElement.dir") == (
            "rtl" if language == "ar" else "ltr"
        )


def test_dialogs_and_the_search_are_for_everybody(
    shop: House, browser: Browser, things: list[str]
) -> None:
    payment = next(one for one in things if one.startswith("/payments/"))
    large = shop.pay("30.00 EUR")
    with at_office(browser, shop, viewport=NARROW) as clerk:
        clerk.go(f"/payments/{large['id']}")
        clerk.button("Refund").click()
        clerk.looks_right()
        clerk.press("Escape")
        expect(clerk.dialog()).to_have_count(0)
        expect(clerk.button("Refund")).to_be_focused()
        clerk.press("Control+k")
        clerk.page.get_by_role("combobox").fill("weighing")
        expect(clerk.page.get_by_role("option", name=re.compile("weighing")).first).to_be_visible()
        clerk.looks_right()
        clerk.press("Escape")
        clerk.go("/payments")
        clerk.button("Export").click()
        clerk.looks_right()
        clerk.press("Escape")
        clerk.button("Menu").click()
        clerk.looks_right()
        clerk.page.get_by_role("link", name="Refunds", exact=True).click()
        clerk.page.wait_for_url("**/office/refunds")
        assert payment


@pytest.mark.catalogue("T102")
def test_amounts_keep_their_decimals(shop: House, browser: Browser, things: list[str]) -> None:
    assert things
    with at_office(browser, shop) as clerk:
        clerk.go("/payments")
        for amount in ("1,999\u00a0JPY", "1.234\u00a0KWD", "20.00\u00a0EUR"):
            expect(clerk.page.get_by_text(amount, exact=True).first).to_be_visible()
        clerk.go("?lang=de")
        clerk.page.evaluate("localStorage.setItem('bezant.language', 'de')")
        clerk.go("/payments")
        for amount in ("1.999\u00a0JPY", "1,234\u00a0KWD", "20,00\u00a0EUR"):
            expect(clerk.page.get_by_text(amount, exact=True).first).to_be_visible()


def test_an_empty_office_says_what_to_do(shop: House, browser: Browser) -> None:
    with at_office(browser, shop) as clerk:
        clerk.button("Test").click()
        clerk.dialog().get_by_role("button", name="Go to live").click()
        expect(clerk.page.locator("[data-mode=live]")).to_be_visible()
        for path in ("", "/books", *(f"/{one}" for one in LISTS)):
            clerk.go(path)
            clerk.looks_right()
        clerk.go("/payments")
        clerk.sees("No payments yet")
        clerk.sees("Make the first one with a test card")


def test_what_somebody_may_not_see_is_said(shop: House, browser: Browser) -> None:
    with at_office(browser, shop, joined(shop, "customer")) as clerk:
        assert clerk.page.get_by_role("link", name="Payments").count() == 0
        clerk.go("/payments")
        clerk.sees("You may not see this")
        clerk.sees("payments.read")
        clerk.looks_right()


@pytest.mark.parametrize(
    ("how", "said"), [("abort", "The connection was lost"), ("break", "This did not work")]
)
def test_a_failure_is_said_and_trying_again_helps(
    shop: House, browser: Browser, things: list[str], how: str, said: str
) -> None:
    assert things

    def fail(route: Route) -> None:
        if how == "abort":
            route.abort("connectionfailed")
        else:
            route.fulfill(
                status=500,
                content_type="application/problem+json",
                body='{"code":"internal","detail":"?","request_id":"req_1","status":500}',
            )

    with at_office(browser, shop) as clerk:
        clerk.page.route("**/v1/payments?**", fail)
        clerk.page.goto(f"{shop.url}/office/payments")
        alert = clerk.page.get_by_role("alert").filter(has_text=said)
        expect(alert).to_be_visible()
        clerk.looks_right()
        clerk.page.unroute("**/v1/payments?**", fail)
        alert.get_by_role("button", name="Try again").click()
        expect(clerk.rows().first).to_be_visible()
