"""Every state of the checkout, in every language, on a small screen, by light and by dark."""

import re
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, Page, Route, expect
from tests.harness.browser import ROOT, clipped, complaints, visiting
from tests.harness.waiting import wait_until
from tests.journeys.house import House, Json
from tests.web.payer import ASKS, GOOD, POOR, at_checkout, opened

pytestmark = [
    pytest.mark.system,
    pytest.mark.usefixtures("pages"),
    pytest.mark.requirement("S000-14", part="the checkout for everybody"),
    pytest.mark.catalogue("T101", "T102"),
]
SHOWN = [("en", "light"), ("de", "dark"), ("ar", "light")]
SMALL = {"width": 360, "height": 740}
LONG = "Donaudampfschifffahrtsgesellschaftskapitänsmützenabzeichen " * 3
OVER = "2020-01-01T00:00:00Z"


@dataclass
class State:
    """A state of the page."""

    title: str
    """The name, among the page's words, of what is said there."""
    url: str
    session: Json | None = None
    """What the API tells otherwise, of a session whose state passes too soon to be looked at."""
    page: Json | None = None
    silent: bool = False
    """No answer comes."""

    def answer(self, route: Route) -> None:
        """Let the API's answer through, with what this state tells otherwise."""
        if self.silent:
            route.abort("internetdisconnected")
            return
        changed = self.page if route.request.url.endswith("/page") else self.session
        came = route.fetch()
        told = came.json()
        for name, value in (changed or {}).items():
            nested = isinstance(value, dict) and isinstance(told[name], dict)
            told[name] = {**told[name], **value} if nested else value
        route.fulfill(response=came, json=told)


def said(language: str, name: str) -> str:
    """Return what the page says in a language."""
    words = (ROOT / "ui" / "src" / "checkout" / "words" / f"{language}.ts").read_text()
    found = re.search(rf'^  {name}:\s+"([^"]+)"', words, re.MULTILINE)
    assert found is not None, name
    return found[1]


def confirmed(shop: House, session: Json, method: str = "card", number: str = GOOD) -> Json:
    """Pay as the page does."""
    card = shop.card(number) if method == "card" else ""
    body = {"client_secret": session["client_secret"], "method": method, "card": card}
    by = {"authorization": f"Bearer {session['client_secret']}"}
    shop.told("POST", f"/v1/checkout_sessions/{session['id']}/confirm", body, by=by)
    return session


def paid(shop: House, **wish: object) -> Json:
    """Let a payer pay, and return their checkout with what became of it."""
    session = confirmed(shop, opened(shop, **wish))
    path = f"/v1/checkout_sessions/{session['id']}"
    wait_until(lambda: shop.told("GET", path)["state"] == "complete", "it is paid")
    return {**session, "payment": shop.told("GET", path)["payment"]}


def refunded(shop: House, amount: str) -> Json:
    session = paid(shop)
    back = {"amount": {"amount": amount, "asset": "EUR"}, "payment": session["payment"]}
    shop.told("POST", "/v1/refunds", back)
    payment = {"id": session["payment"]}
    wait_until(lambda: shop.payment(payment)["refunded"]["amount"] == amount, "it is refunded")
    return session


@pytest.fixture(scope="module", name="states")
def given_states(shop: House) -> dict[str, State]:
    return every_state(shop)


def every_state(shop: House) -> dict[str, State]:
    """Bring a checkout into each state."""
    ended = opened(shop)
    shop.told("POST", f"/v1/checkout_sessions/{ended['id']}/expire", {})
    crypto = confirmed(shop, opened(shop, "12.50 USDC", methods=["crypto"]), "crypto")
    at_bank = confirmed(shop, opened(shop, description=LONG), "card", ASKS)["url"]
    wish = {"amount": {"amount": "19.99", "asset": "EUR"}, "description": LONG}
    link = shop.told("POST", "/v1/payment_links", wish)["url"]
    closed = shop.told("POST", "/v1/payment_links", wish)
    shop.told("POST", f"/v1/payment_links/{closed['id']}/close", {})
    strange = opened(shop)["url"]
    passing = {"next_action": None, "state": "pending", "payment_state": "processing"}
    return {
        "expired": State("expired_title", ended["url"]),
        "paid before": State("already_title", paid(shop, description=LONG)["url"]),
        "held": State("held", paid(shop, capture=False)["url"]),
        "partly refunded": State("part_refunded_title", refunded(shop, "5.00")["url"]),
        "refunded": State("refunded_title", refunded(shop, "19.99")["url"]),
        "at the bank": State("step_title", at_bank),
        "at PayPal": State("approve_title", confirmed(shop, opened(shop), "paypal")["url"]),
        "crypto": State("time_left", crypto["url"]),
        "too late for crypto": State(
            "time_over", crypto["url"], {"next_action": {"expires_at": OVER}}
        ),
        "a link": State("link_go", link),
        "a closed link": State("link_closed", closed["url"]),
        "strange": State("unknown_page_title", strange[:-1]),
        "apart": State("apart_title", f"{strange.partition('#')[0]}?apart"),
        "signing in": State("sign_in_title", opened(shop, sign_in="ecommerce")["url"]),
        "processing": State("processing_title", at_bank, passing),
        "unknown": State("unknown_title", at_bank, {**passing, "payment_state": "unknown"}),
        "no way": State("no_way", opened(shop)["url"], page={"ways": []}),
        "out of reach": State("down_title", opened(shop)["url"], silent=True),
    }


@pytest.mark.parametrize(("language", "scheme"), SHOWN)
def test_every_state_is_said_and_right_for_everybody(
    shop: House, browser: Browser, states: dict[str, State], language: str, scheme: str
) -> None:
    wrong: dict[str, list[str]] = {}
    with visiting(browser, shop.url, viewport=SMALL, color_scheme=scheme) as watched:
        page = watched.page
        for name, state in states.items():
            page.goto("about:blank")  # Else an address that differs behind the # loads nothing.
            address, _, secret = state.url.partition("#")
            join = "&" if "?" in address else "?"
            page.route("**/v1/checkout_sessions/**", state.answer)
            page.goto(f"{address}{join}lang={language}#{secret}")
            expect(page.get_by_text(said(language, state.title)).first, name).to_be_visible()
            found = complaints(page) + clipped(page) + watched.refused()
            if found:
                wrong[name] = found
            page.unroute_all(behavior="wait")
            page.evaluate("sessionStorage.clear()")
        assert watched.outside == []
    assert wrong == {}


@pytest.mark.parametrize(("language", "scheme"), SHOWN)
def test_every_step_of_paying_is_right_on_a_small_screen(
    shop: House, browser: Browser, language: str, scheme: str
) -> None:
    how = {"query": f"?lang={language}", "viewport": SMALL, "color_scheme": scheme}
    session = opened(shop, "19.99 EUR", description=LONG)
    with at_checkout(browser, shop, session, **how) as payer:
        number = payer.page.locator("input[name=cardnumber]")
        expect(number).to_be_visible()
        direction = "rtl" if language == "ar" else "ltr"
        expect(payer.page.locator("html")).to_have_attribute("dir", direction)
        payer.looks_right()
        number.fill("4242")
        submit = payer.page.locator("button[type=submit]")
        submit.click()  # Every field says what is missing.
        expect(payer.page.get_by_role("alert")).to_have_count(3)
        payer.looks_right()
        fill(payer.page, POOR)
        submit.click()
        expect(payer.page.get_by_text("insufficient_funds")).to_be_visible()
        payer.looks_right()
        fill(payer.page, GOOD)
        submit.click()
        expect(payer.page.locator("#outcome")).to_be_visible()
        expect(payer.page.get_by_role("link", name=re.compile("PDF"))).to_be_visible()
        payer.looks_right()
    waiting = opened(shop, "19.99 EUR", methods=["bank_transfer"])
    with at_checkout(browser, shop, waiting, **how) as payer:
        payer.page.get_by_role("button").click()
        expect(payer.page.get_by_role("img")).to_be_visible()
        payer.looks_right()


def fill(page: Page, number: str) -> None:
    page.locator("input[name=cardnumber]").fill(number)
    page.locator("input[name=exp-date]").fill("12 / 40")
    page.locator("input[name=cvc]").fill("739")


def test_a_page_that_is_not_right_is_noticed(shop: House, browser: Browser) -> None:
    with at_checkout(browser, shop, viewport=SMALL) as payer:
        expect(payer.page.locator("input[name=cardnumber]")).to_be_visible()
        payer.looks_right()
        spoil(payer.page)
        assert any("image-alt" in one for one in complaints(payer.page))
        assert any("Far out" in one for one in clipped(payer.page))


def spoil(page: Page) -> None:
    """Put a picture without a name onto the page, and words beyond its edge."""
    page.evaluate(
        """() => {
          const picture = document.createElement("img");
          picture.src = "/mark.svg";
          const words = document.createElement("p");
          words.textContent = "Far out";
          words.style.width = "500px";
          document.querySelector("main").append(picture, words);
        }"""
    )
