"""The payers' pages served by a process of their own, as the profile `poc` names it."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

import httpx2
import pytest
from playwright.sync_api import Browser, expect
from tests.cli.running import served
from tests.harness.ports import free_port
from tests.journeys.house import House
from tests.web.payer import at_checkout, opened

pytestmark = pytest.mark.requirement("S000-1", part="the pages in a process of their own")


@dataclass(frozen=True)
class Apart:
    """The pages' own process, and what it said of itself."""

    shop: House
    pages: House
    said: str


@pytest.fixture(scope="module")
def apart(shop: House) -> Iterator[Apart]:
    """Serve the pages, and the orders they ask, from processes beside the platform."""
    port, orders = free_port(), f"127.0.0.1:{free_port()}"
    variables = {"DB_CONNECTIONS_MAX": "4", "VAULT_PORT": "0", "ORDERS_GRPC": orders}
    with ExitStack() as stack:
        beside = served(shop.nest, "orders", "--grpc", orders, **variables)
        stack.enter_context(beside).wait_for("Stop ")
        words = ("frontend", "--profile", "poc", "--port", str(port))
        running = stack.enter_context(served(shop.nest, *words, **variables))
        running.wait_for("Stop ")
        yield Apart(shop, replace(shop, url=f"http://127.0.0.1:{port}"), running.said)


def test_it_opens_its_own_door_and_no_other(apart: Apart) -> None:
    assert apart.said.count("http://") == 1
    assert apart.pages.url in apart.said
    assert apart.pages.ask("GET", "/health").status_code == 200
    # What the profile does not put there is not there; the platform beside it has it.
    assert apart.pages.ask("GET", "/v1/payments").status_code == 404
    assert apart.shop.ask("GET", "/v1/payments").status_code == 200


def test_people_sign_in_where_they_did_before(apart: Apart) -> None:
    client = httpx2.Client(timeout=60, follow_redirects=False)
    with client:
        asked = client.get(f"{apart.shop.url}/security")
        while asked.is_redirect and "/sign-in/" not in str(asked.url):
            way = urlsplit(asked.headers["location"])
            asked = client.get(f"{apart.shop.url}{way.path}?{way.query}")
        assert asked.status_code == 200, asked.text
        assert "<h1>Sign in</h1>" in asked.text


@pytest.mark.system
@pytest.mark.usefixtures("pages")
def test_a_payer_pays_on_the_pages_of_that_process(apart: Apart, browser: Browser) -> None:
    session = opened(apart.shop)
    address = session["url"].replace(apart.shop.url, apart.pages.url)
    with at_checkout(browser, apart.pages, {**session, "url": address}) as payer:
        payer.pay_by_card()
        payer.sees("Paid")
        expect(payer.page.get_by_text("Visa •••• 4242")).to_be_visible()
        assert payer.watched.outside == []
    told = apart.shop.told("GET", f"/v1/checkout_sessions/{session['id']}")
    assert told["state"] == "complete"
    assert apart.shop.charges({"id": told["payment"]}) == 1


def test_what_is_no_door_has_no_process(shop: House) -> None:
    refused = shop.nest.run("serve", "softhsm-of-nobody", "--profile", "poc")
    assert refused.code != 0
    assert "There is no unit" in refused.err
