"""The checkout in a frame of the shop's own page, steps at a bank or wallet included."""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Browser, FrameLocator, Page, expect
from tests.harness.browser import Watched, clipped, complaints, visiting
from tests.journeys.house import House, Json
from tests.web.payer import ASKS, GOOD, opened

pytestmark = [
    pytest.mark.system,
    pytest.mark.usefixtures("pages"),
    pytest.mark.requirement("S000-14", part="the checkout in a frame"),
]


@contextmanager
def shop_page(body: str) -> Iterator[str]:
    """Serve a page of the shop's own, at an origin of its own."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, format: str, *args: object) -> None:
            del format, args

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    runner = threading.Thread(target=server.serve_forever)
    runner.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        runner.join()


def embedding(shop: House, session: Json) -> str:
    """Return a shop's page with the checkout in a frame."""
    wish = json.dumps({"url": session["url"], "into": "#pay"})
    return (
        f'<!doctype html><html lang="en"><title>Shop</title><div id="pay"></div>'
        f'<script src="{shop.url}/checkout/embed.js"></script><script>window.told = [];'
        f"Bezant.checkout({{...{wish}, onComplete: (one) => told.push(one)}});</script>"
    )


def test_a_registered_shop_shows_the_checkout_in_a_frame(shop: House, browser: Browser) -> None:
    session = opened(shop)
    with (
        shop_page(embedding(shop, session)) as origin,
        visiting(browser, origin) as watched,
    ):
        page = watched.page
        with page.expect_event("console", lambda told: "frame-ancestors" in told.text):
            page.goto(origin)  # The browser refuses what nobody registered.
        shop.told("PUT", "/v1/checkout_settings", {"origins": [origin]})
        page.reload()
        frame = page.frame_locator("iframe")
        frame.get_by_label("Card number").fill(GOOD)
        frame.get_by_label("Expires").fill("12 / 40")
        frame.get_by_label("Security code").fill("739")
        frame.get_by_role("button", name="Pay 19.99 EUR").click()
        expect(frame.get_by_role("heading", name="Paid")).to_be_visible()
        page.wait_for_function("told.length > 0")
        assert page.evaluate("told[0]") == session["id"]
        assert page.locator("iframe").bounding_box()["height"] > 300
        # The ordinary page is framed by nobody.
        assert (
            "frame-ancestors 'self';"
            in shop.client.get(session["url"].partition("#")[0]).headers["content-security-policy"]
        )


@contextmanager
def framed(browser: Browser, shop: House, **wish: object) -> Iterator[tuple[Watched, Json]]:
    """Open a registered shop's page with a checkout in it."""
    session = opened(shop, **wish)
    with shop_page(embedding(shop, session)) as origin, visiting(browser, origin) as watched:
        shop.told("PUT", "/v1/checkout_settings", {"origins": [origin]})
        watched.page.goto(origin)
        yield watched, session


def pay_by_card(frame: FrameLocator, number: str) -> None:
    frame.get_by_label("Card number").fill(number)
    frame.get_by_label("Expires").fill("12 / 40")
    frame.get_by_label("Security code").fill("739")
    frame.get_by_role("button", name="Pay 19.99 EUR").click()


@contextmanager
def apart(page: Page, frame: FrameLocator, leads: str) -> Iterator[Page]:
    """Follow what leads to the bank or wallet: a window of its own, which ends by saying so."""
    with page.expect_popup() as coming:
        frame.get_by_role("link", name=leads).click()
    yield coming.value
    coming.value.close()


def looks_right(page: Page) -> None:
    assert complaints(page) == []
    assert clipped(page) == []


@pytest.mark.parametrize("answer", ["yes", "no"])
def test_the_banks_question_is_answered_in_a_window_beside_the_frame(
    shop: House, browser: Browser, answer: str
) -> None:
    with framed(browser, shop) as (watched, session):
        page, frame = watched.page, watched.page.frame_locator("iframe")
        pay_by_card(frame, ASKS)
        expect(frame.get_by_text("Opens in a new window.")).to_be_visible()
        with apart(page, frame, "Continue to your bank") as bank:
            wanted = "^(Complete|Yes, it is me)$" if answer == "yes" else "^(Fail|No)$"
            bank.get_by_role("button", name=re.compile(wanted)).click()
            expect(bank.get_by_role("heading", name="This step is done")).to_be_visible()
            looks_right(bank)
        if answer == "no":
            expect(frame.get_by_role("alert")).to_contain_text("Nothing was charged")
            assert page.evaluate("told") == []
            pay_by_card(frame, GOOD)
        expect(frame.get_by_role("heading", name="Paid")).to_be_visible()
        page.wait_for_function("told.length > 0")
        assert page.evaluate("told[0]") == session["id"]
    stands = shop.told("GET", f"/v1/checkout_sessions/{session['id']}")
    assert shop.charges({"id": stands["payment"]}) == 1


def test_paypal_is_approved_in_a_window_beside_the_frame(shop: House, browser: Browser) -> None:
    with framed(browser, shop) as (watched, session):
        page, frame = watched.page, watched.page.frame_locator("iframe")
        frame.get_by_role("radio", name="PayPal").check()
        frame.get_by_role("button", name="Continue with PayPal: 19.99 EUR").click()
        expect(frame.get_by_role("heading", name="One more step at PayPal")).to_be_visible()
        looks_right(page)
        with apart(page, frame, "Continue to PayPal") as wallet:
            wallet.get_by_role("button", name=re.compile("^Pay$")).click()
            expect(wallet.get_by_role("heading", name="This step is done")).to_be_visible()
        expect(frame.get_by_role("heading", name="Paid")).to_be_visible()
        page.wait_for_function("told.length > 0")
    stands = shop.told("GET", f"/v1/checkout_sessions/{session['id']}")
    assert shop.charges({"id": stands["payment"]}) == 1
