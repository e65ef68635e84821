"""The checkout is for everybody: by keyboard, on a small screen, in any language, in a frame."""

import json
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Route, expect
from tests.harness.browser import ROOT, beside, visiting
from tests.journeys.house import House
from tests.web.payer import GOOD, Payer, at_checkout, opened

pytestmark = [
    pytest.mark.system,
    pytest.mark.usefixtures("pages"),
    pytest.mark.requirement("S000-14", part="the checkout for everybody"),
]
CHECKOUT_BYTES_MAX = 100_000
WHEN_USABLE = """
new MutationObserver((_, watcher) => {
  if (!document.querySelector("input[name=cardnumber]")) return;
  watcher.disconnect();
  // A task of its own comes when the page is free to hear the payer.
  setTimeout(() => { window.usable = performance.now(); });
}).observe(document, { childList: true, subtree: true });
"""
POC = "http://localhost:3000"
"""Where the profile `poc` has its pages; customers of `payment-frontend` come back there."""
LANGUAGES = ("en", "de", "ar")
SMALL = {"width": 360, "height": 740}


def test_the_checkouts_own_scripts_stay_small() -> None:
    built = json.loads((ROOT / "src/bezant/web/static/pages/pages.json").read_text())
    page = built["pages"]["checkout"]
    scripts = {page["script"], page["first"], *page["preloads"], *page["later"]}
    sizes = [built["files"][one]["bytes_gzipped"] for one in scripts if one.endswith(".js")]
    assert 10_000 < sum(sizes) <= CHECKOUT_BYTES_MAX


@pytest.mark.catalogue("T101")
def test_a_payer_pays_by_keyboard_alone(shop: House, browser: Browser) -> None:
    with at_checkout(browser, shop) as payer:
        page = payer.page
        expect(page.get_by_label("Card number")).to_be_visible()
        page.keyboard.press("Tab")
        expect(page.get_by_role("radio", name="Card")).to_be_focused()
        page.keyboard.press("ArrowDown")
        expect(page.get_by_role("radio", name="PayPal")).to_be_checked()
        page.keyboard.press("ArrowUp")
        for name, text in (("Card number", GOOD), ("Expires", "1240"), ("Security code", "739")):
            page.keyboard.press("Tab")
            expect(page.get_by_label(name)).to_be_focused()
            page.keyboard.type(text)
        page.keyboard.press("Tab")
        expect(payer.button()).to_be_focused()
        page.keyboard.press("Enter")
        payer.sees("Paid")
        expect(page.locator("#outcome")).to_be_focused()


@pytest.mark.catalogue("T101")
def test_every_part_has_a_name_that_a_screen_reader_says(shop: House, browser: Browser) -> None:
    with at_checkout(browser, shop) as payer:
        page = payer.page
        expect(page.get_by_role("group", name="How do you want to pay?")).to_be_visible()
        expect(page.get_by_role("main")).to_be_visible()
        expect(page).to_have_title("Pay Weigh House Books")
        for name in ("Card number", "Expires", "Security code"):
            expect(page.get_by_role("textbox", name=name)).to_be_visible()


@pytest.mark.catalogue("T102")
@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        ("1999 JPY", {"en": "1,999 JPY", "de": "1.999 JPY", "ar": "1,999 JPY"}),
        ("12.345 KWD", {"en": "12.345 KWD", "de": "12,345 KWD", "ar": "12.345 KWD"}),
        ("1234567.89 EUR", {"en": "1,234,567.89 EUR", "de": "1.234.567,89 EUR"}),
    ],
)
def test_amounts_are_written_as_their_asset_and_language_have_it(
    shop: House, browser: Browser, amount: str, shown: dict[str, str]
) -> None:
    session = opened(shop, amount)
    for language, text in shown.items():
        how = {"query": f"?lang={language}", "viewport": SMALL}
        with at_checkout(browser, shop, session, **how) as payer:
            wanted = payer.page.locator("header bdi")
            expect(wanted).to_have_text(text.replace(" ", "\u00a0"))
            payer.looks_right()


@pytest.mark.catalogue("T87")
def test_an_altered_script_does_not_run(shop: House, browser: Browser) -> None:
    session = opened(shop)

    def alter(route: Route) -> None:
        answer = route.fetch()
        body = "window.altered = true;" + answer.text()
        route.fulfill(response=answer, body=body)

    with visiting(browser, shop.url) as watched:
        page = watched.page
        page.route("**/static/*.js", alter)
        with page.expect_event("console", lambda told: "integrity" in told.text):
            page.goto(session["url"])
        assert page.evaluate("window.altered ?? false") is False
        assert page.locator("#root").inner_html() == ""
    with at_checkout(browser, shop, session) as payer:  # The control: unaltered, it runs.
        expect(payer.page.get_by_label("Card number")).to_be_visible()


@pytest.mark.requirement("J2", part="the customer signs in by OpenID Connect in a browser")
@pytest.mark.requirement("S000-3", part="sign-in as payment-frontend, in a browser")
def test_a_customer_signs_in_and_pays(shop: House, browser: Browser) -> None:
    # The browser is told that this platform is found there.
    port = shop.url.rpartition(":")[2]
    rules = f"--host-resolver-rules=MAP localhost:3000 127.0.0.1:{port}"
    session = opened(shop, sign_in="ecommerce")
    address = session["url"].replace(shop.url, POC)
    with beside(browser, rules) as other, visiting(other, POC) as watched:
        page = watched.page
        page.goto(address)
        payer = Payer(shop, session, watched)
        payer.sees("Sign in to pay")
        payer.looks_right()
        page.get_by_role("button", name="Sign in").click()
        page.locator("input[name=name]").fill("customer1")
        page.locator("input[name=password]").fill("ChangeMe123!")
        page.get_by_role("button", name="Sign in", exact=True).click()
        expect(page.get_by_text("You are signed in.")).to_be_visible()
        assert "code=" not in page.url
        kept = page.evaluate("JSON.stringify([{...sessionStorage}, {...localStorage}])")
        assert "eyJ" not in kept  # The token stays in memory.
        payer.pay_by_card()
        payer.sees("Paid")
    shop.order_comes_to(session["order"], "paid")


def test_how_long_a_slow_device_takes_is_measured(
    shop: House, browser: Browser, record_property: Callable[[str, object], None]
) -> None:
    session = opened(shop)
    with visiting(browser, shop.url) as watched:
        page = watched.page
        page.add_init_script(WHEN_USABLE)
        throttle = page.context.new_cdp_session(page)
        throttle.send("Emulation.setCPUThrottlingRate", {"rate": 4})
        page.goto(session["url"])
        page.get_by_label("Card number").fill(GOOD)
        taken = page.evaluate("window.usable")
        shown = page.evaluate(
            "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0"
        )
    record_property("interactive_milliseconds_at_4x", round(taken))
    record_property("first_paint_milliseconds_at_4x", round(shown))
    print(f"interactive after {taken:.0f} ms, first paint after {shown:.0f} ms, at 4x")
    assert taken > 0
