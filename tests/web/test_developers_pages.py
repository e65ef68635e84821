"""Developers at work in the office: webhooks sent again, keys made and revoked, things tried."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Browser, expect
from standardwebhooks import Webhook
from tests.harness.waiting import wait_until
from tests.identity.signed.partner import Partner
from tests.journeys.house import House, Json
from tests.web.clerk import NARROW, Clerk, at_office, joined

from bezant.clock import RealClock

pytestmark = [pytest.mark.system, pytest.mark.usefixtures("pages")]
GONE, GOOD = 410, 200
PAGES = (
    "/start", "/keys", "/webhooks", "/deliveries", "/tester", "/events", "/requests", "/reference",
    "/console", "/clients", "/signers",
)  # fmt: skip


class Listener:
    """Somebody's server that answers as it is told, and writes down what reached it."""

    def __init__(self) -> None:
        self.status = GOOD
        self.bodies: list[bytes] = []
        self.url = ""


@contextmanager
def listening() -> Iterator[Listener]:
    """Answer on a port of this machine while the block lasts."""
    listener = Listener()

    class Door(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            listener.bodies.append(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(listener.status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *words: object) -> None:
            del words

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    listener.url = f"http://127.0.0.1:{server.server_port}/hooks"
    running = threading.Thread(target=server.serve_forever, daemon=True)
    running.start()
    try:
        yield listener
    finally:
        server.shutdown()
        server.server_close()
        running.join()


def delivered(shop: House, endpoint: str) -> list[Json]:
    return shop.told("GET", f"/v1/webhook_endpoints/{endpoint}/deliveries")["data"]


def test_what_failed_is_sent_again_one_and_many(shop: House, browser: Browser) -> None:
    with listening() as listener, at_office(browser, shop) as clerk:
        listener.status = GONE
        clerk.go("/webhooks")
        clerk.button("Add an endpoint").first.click()
        clerk.dialog().get_by_label("Address").fill(listener.url)
        clerk.dialog().get_by_label("Types of events").fill("payment.*")
        clerk.dialog().get_by_role("button", name="Add an endpoint").click()
        clerk.sees("This is shown only now")
        assert "whsec_" in clerk.dialog().inner_text()
        clerk.looks_right()
        clerk.button("I have it").click()
        clerk.page.get_by_role("link", name=listener.url).click()
        clerk.sees("Nothing was sent yet")
        endpoint = clerk.page.url.rpartition("/")[2]
        shop.pay("3.00 EUR")
        clerk.sees("Switched off: it said it is gone")
        wait_until(
            lambda: {one["state"] for one in delivered(shop, endpoint)} == {"failed"},
            "all of it failed",
        )
        failed = delivered(shop, endpoint)
        heard = len(listener.bodies)
        listener.status = GOOD
        clerk.button("Switch on").click()
        clerk.dialog().get_by_role("button", name="Switch on").click()
        expect(clerk.dialog()).to_have_count(0)
        clerk.go(f"/deliveries/{failed[0]['id']}")
        clerk.sees("It said it is gone")
        clerk.button("Send again").click()
        clerk.dialog().get_by_role("button", name="Send again").click()
        expect(clerk.page.get_by_text("Delivered", exact=True).first).to_be_visible()
        assert len(listener.bodies) == heard + 1, "this one alone went out again"
        clerk.go(f"/webhooks/{endpoint}")
        if len(failed) > 1:
            clerk.button("Send all failed again").click()
            clerk.dialog().get_by_role("button", name="Send all failed again").click()
            expect(clerk.dialog()).to_have_count(0)
        wait_until(
            lambda: {one["state"] for one in delivered(shop, endpoint)} == {"delivered"},
            "nothing is left",
        )
        clerk.button("Delete").click()
        clerk.dialog().get_by_role("button", name="Delete").click()
        clerk.page.wait_for_url("**/office/webhooks")
        expect(clerk.page.get_by_role("link", name=listener.url)).to_have_count(0)


def test_a_key_is_made_shown_once_and_revoked(shop: House, browser: Browser) -> None:
    name = shop.fresh("till")
    with at_office(browser, shop) as clerk:
        clerk.go("/keys")
        clerk.button("Make a key").click()
        clerk.dialog().get_by_label("Name").fill(name)
        clerk.looks_right()
        clerk.dialog().get_by_role("button", name="Make a key").click()
        clerk.sees("This is shown only now")
        secret = clerk.dialog().locator("bdi").inner_text().strip()
        by = {"x-api-key": secret}
        assert shop.ask("GET", "/v1/payments", by=by).status_code == 200, "the key works"
        clerk.button("I have it").click()
        clerk.page.get_by_role("link", name=name).click()
        clerk.sees("Works")
        assert secret not in clerk.page.content(), "it is never shown again"
        clerk.button("Revoke").click()
        clerk.dialog().get_by_role("button", name="Revoke").click()
        expect(clerk.page.get_by_text("Revoked", exact=True).first).to_be_visible()
        expect(clerk.button("Revoke")).to_have_count(0)
    wait_until(
        lambda: shop.ask("GET", "/v1/payments", by=by).status_code == 401,
        "whoever holds it is refused",
    )


def test_the_first_steps_work_as_they_stand_there(shop: House, browser: Browser) -> None:
    with at_office(browser, shop) as clerk:
        clerk.go("/start")
        clerk.button("Make test keys").click()
        clerk.dialog().get_by_role("button", name="Make test keys").click()
        clerk.sees("Your keys are filled in below")
        card, pay = (
            clerk.page.get_by_role("region", name=name).inner_text()
            for name in ("2. Put a card away", "3. Charge it")
        )
        publishable, secret = (
            text.partition("x-api-key: ")[2].partition("'")[0] for text in (card, pay)
        )
        asked = {"number": "4242424242424242", "exp_month": 12, "exp_year": 2040, "cvc": "123"}
        token = shop.told("POST", "/v1/payments/tokenize", asked, by={"x-api-key": publishable})[
            "token"
        ]
        wanted = {"amount": {"amount": "19.99", "asset": "EUR"}, "pay_with": {"card": token}}
        made = shop.told("POST", "/v1/payments", wanted, by={"x-api-key": secret})
        assert made["state"] == "succeeded"
        clerk.looks_right()


def test_anything_is_tried_and_found_in_the_log(shop: House, browser: Browser) -> None:
    words = shop.fresh("tried")
    with at_office(browser, shop) as clerk:
        clerk.go("/reference")
        clerk.page.get_by_label("Search by path").fill("post /v1/customers")
        clerk.page.get_by_text("POST /v1/customers", exact=True).click()
        opened = clerk.page.locator("details[open]")
        opened.get_by_role("link", name="Try it", exact=True).click()
        clerk.page.wait_for_url("**/office/console?**")
        body = clerk.page.get_by_label("Body")
        body.fill('{"name": ')
        expect(clerk.page.get_by_role("alert")).to_contain_text("not JSON yet")
        expect(clerk.button("Send")).to_be_disabled()
        body.fill(f'{{"name": "{words}", "email": "{words}@x.example"}}')
        clerk.button("Send").click()
        expect(clerk.page.get_by_role("region", name="Answer")).to_contain_text("cus_")
        expect(clerk.page.get_by_role("region", name="Answer")).to_contain_text(words)
        clerk.looks_right()
        wait_until(
            lambda: any(
                one["method"] == "POST" and one["status"] == 201
                for one in shop.told("GET", "/v1/requests?route=/v1/customers")["data"]
            ),
            "the log has it",
        )
        clerk.go("/requests?route=/v1/customers&method=POST")
        clerk.rows().first.get_by_role("link").click()
        clerk.sees("POST /v1/customers")
    found = shop.told("GET", f"/v1/customers?email={words}@x.example")["data"]
    assert len(found) == 1


def test_a_signature_is_checked_where_it_came(shop: House, browser: Browser) -> None:
    secret = "whsec_" + "c2VjcmV0LW9mLXRoaXMtdGVzdC1vbmx5LTMyLWJ5dGU="
    now = datetime.now(UTC)
    body = '{"type": "payment.succeeded"}'
    signed = Webhook(secret).sign("evt_1", now, body)
    with at_office(browser, shop) as clerk:
        clerk.go("/tester")
        for name, value in (
            ("Signing secret", secret), ("webhook-id", "evt_1"),
            ("webhook-timestamp", str(int(now.timestamp()))), ("webhook-signature", signed),
            ("Body", body),
        ):  # fmt: skip
            clerk.page.get_by_label(name).fill(value)
        clerk.button("Check").click()
        clerk.sees("This signature is right.")
        clerk.page.get_by_label("Body").fill(body.replace("succeeded", "declined"))
        clerk.button("Check").click()
        clerk.sees("This signature does not fit")
        clerk.page.get_by_label("Signing secret").fill("nothing of the kind")
        clerk.button("Check").click()
        clerk.sees("The secret begins with whsec_")


def test_a_sample_reaches_who_listens(shop: House, browser: Browser) -> None:
    with listening() as listener, at_office(browser, shop) as clerk:
        asked = {"url": listener.url, "events": ["order.paid"]}
        made = shop.told("POST", "/v1/webhook_endpoints", asked)
        clerk.go("/tester")
        clerk.page.get_by_label("Type of event").select_option("order.paid")
        clerk.button("Send a sample").click()
        expect(clerk.page.get_by_text("delivered", exact=True).first).to_be_visible()
        assert b'"sample":true' in b"".join(listener.bodies).replace(b" ", b"")
        shop.ask("DELETE", f"/v1/webhook_endpoints/{made['id']}")


@pytest.fixture(scope="module", name="details")
def given_details(shop: House) -> list[str]:
    return every_page(shop)


def every_page(shop: House) -> list[str]:
    """Let one of everything exist; return the address of each page."""
    payment = shop.pay("2.00 EUR")
    asked = {"url": "https://shop.example/hooks", "events": ["*"], "description": "All of it"}
    endpoint = shop.told("POST", "/v1/webhook_endpoints", asked)["id"]
    shop.told("POST", "/v1/events", {"type": "order.paid"})
    wait_until(lambda: bool(delivered(shop, endpoint)), "something is sent")
    of_payment = f"/v1/events?subject={payment['id']}"
    wait_until(lambda: bool(shop.told("GET", of_payment)["data"]), "it is told")
    event = shop.told("GET", of_payment)["data"][0]["id"]
    wait_until(lambda: bool(shop.told("GET", "/v1/requests")["data"]), "the log has something")
    request = shop.told("GET", "/v1/requests")["data"][0]["id"]
    key = shop.told("GET", "/v1/keys")["data"][0]["id"]
    owner, public = shop.owner("test"), Partner(RealClock()).public
    body = {"name": "A partner", "role": "developer", "public_key": public}
    signer = shop.told("POST", "/v1/signers", body, by=owner)["id"]
    program = {**body, "kind": "program", "name": "A program of our own"}
    client = shop.told("POST", "/v1/clients", program, by=owner)["id"]
    return [
        *PAGES, f"/webhooks/{endpoint}", f"/deliveries/{delivered(shop, endpoint)[0]['id']}",
        f"/events/{event}", f"/requests/{request}", f"/keys/{key}",
        f"/clients/{client}", f"/signers/{signer}",
    ]  # fmt: skip


@pytest.mark.catalogue("T101")
def test_the_pages_are_for_everybody(shop: House, browser: Browser, details: list[str]) -> None:
    with at_office(browser, shop) as clerk:
        for path in details:
            clerk.go(path)
            clerk.looks_right()
            clerk.page.emulate_media(color_scheme="dark")
            clerk.looks_right()
            clerk.page.emulate_media(color_scheme="light")


@pytest.mark.catalogue("T102")
@pytest.mark.parametrize("language", ["de", "ar"])
def test_nothing_is_cut_off_on_a_narrow_screen(
    shop: House, browser: Browser, details: list[str], language: str
) -> None:
    with at_office(browser, shop, viewport=NARROW) as clerk:
        speak(clerk, language)
        for path in details:
            clerk.go(path)
            assert clerk.page.evaluate("document.documentElement.lang") == language
            wide = clerk.page.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert wide <= 0, path
            clerk.looks_right()


def speak(clerk: Clerk, language: str) -> None:
    clerk.page.evaluate("name => localStorage.setItem('bezant.language', name)", language)


def test_who_may_not_is_told_so(shop: House, browser: Browser) -> None:
    with at_office(browser, shop, joined(shop, "support")) as clerk:
        assert clerk.page.get_by_role("link", name="API keys").count() == 0
        clerk.go("/keys")
        clerk.sees("You may not see this")
        clerk.go("/webhooks")
        expect(clerk.button("Add an endpoint")).to_have_count(0)
        clerk.looks_right()
