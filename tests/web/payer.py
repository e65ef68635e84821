"""A payer in front of the page: what they see and press, by the names a screen reader tells."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Locator, Page, Route, expect
from tests.harness.browser import WAIT_MILLISECONDS, Watched, clipped, complaints, visiting
from tests.journeys.house import House, Json

GOOD, POOR, ASKS = "4242424242424242", "4000000000009995", "4000000000003220"
CODE = "739"
expect.set_options(timeout=WAIT_MILLISECONDS)


def opened(shop: House, amount: str = "19.99 EUR", **more: Any) -> Json:
    """Let the shop's server open a checkout."""
    number, _, asset = amount.partition(" ")
    wish = {"amount": {"amount": number, "asset": asset}, "description": "A weighing scale", **more}
    return shop.told("POST", "/v1/checkout_sessions", wish)


@dataclass
class Payer:
    """Somebody with a browser on a checkout."""

    shop: House
    session: Json
    watched: Watched

    @property
    def page(self) -> Page:
        return self.watched.page

    def button(self) -> Locator:
        """Return the one primary action."""
        return self.page.get_by_role("button", name="Pay 19.99 EUR")

    def type_card(self, number: str = GOOD, expires: str = "12 / 40", code: str = CODE) -> None:
        self.page.get_by_label("Card number").fill(number)
        self.page.get_by_label("Expires").fill(expires)
        self.page.get_by_label("Security code").fill(code)

    def pay_by_card(self, number: str = GOOD) -> None:
        self.type_card(number)
        self.button().click()

    def choose(self, way: str) -> None:
        self.page.get_by_role("radio", name=way).check()

    def sees(self, title: str) -> None:
        """Wait until this is the news on the page."""
        expect(self.page.get_by_role("heading", name=title)).to_be_visible()

    def stands(self) -> Json:
        """Return the session as the shop's server sees it."""
        return self.shop.told("GET", f"/v1/checkout_sessions/{self.session['id']}")

    def charges(self) -> int:
        """Return how often this payer was charged, by the providers' books."""
        return self.shop.charges({"id": self.stands()["payment"]})

    def looks_right(self) -> None:
        """Demand that anybody can use the page as it stands, and that it asked nobody else."""
        assert complaints(self.page) == []
        assert clipped(self.page) == []
        assert self.watched.outside == []
        assert self.watched.refused() == []


@contextmanager
def at_checkout(
    browser: Browser, shop: House, session: Json | None = None, query: str = "", **settings: Any
) -> Iterator[Payer]:
    """Let a payer follow the shop's link to a checkout."""
    session = session or opened(shop)
    with visiting(browser, shop.url, **settings) as watched:
        address, _, secret = session["url"].partition("#")
        watched.page.goto(f"{address}{query}#{secret}")
        yield Payer(shop, session, watched)
        assert [one for one in watched.said if "Failed to load" not in one] == []


@dataclass
class Line:
    """The payer's connection, which may be cut behind a request."""

    page: Page
    cut: bool = True
    reached: int = 0

    def __call__(self, route: Route) -> None:
        """Let the platform do what it is asked, and lose its answer on the way."""
        if not self.cut:
            route.continue_()
            return
        self.reached += 1
        route.fetch()
        route.abort("connectionreset")


def at_bank(payer: Payer, answer: re.Pattern[str]) -> None:
    """Press what the bank's own page offers."""
    page = payer.page
    page.wait_for_url(lambda url: urlsplit(url).netloc != urlsplit(payer.shop.url).netloc)
    page.get_by_role("button", name=answer).click()
    page.wait_for_url(f"{payer.shop.url}/checkout/**")


def bodies_with(watched: Watched, text: str) -> list[str]:
    """Collect the addresses that are sent a text from now on."""
    sent: list[str] = []

    def note(request: Any) -> None:
        if text in (request.post_data or "") or text in request.url:
            sent.append(urlsplit(request.url).path)

    watched.page.on("request", note)
    return sent


def receipt_of(page: Page) -> Json:
    """Download the receipt as a payer does, and read it."""
    with page.expect_download() as coming:
        page.get_by_role("link", name="Download (JSON)").click()
    return json.loads(coming.value.path().read_text())
