"""Cards go straight to the vault where it has a process and an address of its own: from the payer's
page, which comes from another origin, and not by way of the gateway.
"""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace

import httpx2
import pytest
from playwright.sync_api import Browser, expect
from tests.cli.running import served
from tests.harness.ports import free_port
from tests.journeys.house import GOOD, House
from tests.web.conftest import MANNERS
from tests.web.payer import at_checkout, opened

pytestmark = pytest.mark.requirement("S000-4", part="tokenise at the vault's own listener")
CARD = {"number": GOOD, "exp_month": 12, "exp_year": 2040, "cvc": "123"}
TOKENISE = "/v1/payments/tokenize"


@dataclass(frozen=True)
class Apart:
    """A gateway with its pages, and where the vault is met."""

    shop: House
    vault: str

    def tokenise(self, credential: str, **headers: str) -> httpx2.Response:
        """Put a card away at the vault's own door."""
        headers |= {"authorization": f"Bearer {credential}", "origin": self.shop.url}
        return self.shop.client.post(self.vault + TOKENISE, json=CARD, headers=headers)


@pytest.fixture(scope="module")
def apart(shop: House) -> Iterator[Apart]:
    """Serve the vault, and the orders it asks who pays, from processes of their own."""
    main, vault = free_port(), free_port()
    variables = {
        **MANNERS,
        "DB_CONNECTIONS_MAX": "4",
        "API_URL": f"http://127.0.0.1:{main}",
        "VAULT_PORT": str(vault),
        "VAULT_URL": f"http://127.0.0.1:{vault}",
        "VAULT_GRPC": f"127.0.0.1:{free_port()}",
        "ORDERS_GRPC": f"127.0.0.1:{free_port()}",
    }
    with ExitStack() as stack:
        for name in ("orders", "vault", "gateway"):
            address = variables.get(f"{name.upper()}_GRPC")
            words = ("--port", str(main)) if address is None else ("--grpc", address)
            stack.enter_context(served(shop.nest, name, *words, **variables)).wait_for("Stop ")
        yield Apart(replace(shop, url=f"http://127.0.0.1:{main}"), variables["VAULT_URL"])


def test_a_client_secret_puts_a_card_away_there_and_the_checkout_is_paid_with_it(
    apart: Apart,
) -> None:
    session = opened(apart.shop)
    secret = session["client_secret"]
    made = apart.tokenise(secret)
    assert made.status_code == 201, made.text
    assert made.headers["access-control-allow-origin"] == apart.shop.url
    path = f"/v1/checkout_sessions/{session['id']}/confirm"
    means = {"client_secret": secret, "card": made.json()["token"]}
    paid = apart.shop.told("POST", path, means, by={"authorization": f"Bearer {secret}"})
    assert paid["state"] == "complete"
    # So does the publishable key, as ever.
    key = apart.shop.sample["publishable_key"]
    put = apart.shop.client.post(apart.vault + TOKENISE, json=CARD, headers={"x-api-key": key})
    assert put.status_code == 201


def test_no_other_secret_and_no_other_route_opens_it(apart: Apart) -> None:
    secret = opened(apart.shop)["client_secret"]
    other = opened(apart.shop)["id"]
    changed = secret[:-1] + ("A" if secret[-1] != "A" else "B")
    for wrong in (changed, f"{other}_secret_{secret.partition('_secret_')[2]}", "cs_", "x"):
        assert apart.tokenise(wrong).status_code == 401
    by = {"authorization": f"Bearer {secret}"}
    assert apart.shop.client.get(apart.vault + "/v1/payments", headers=by).status_code == 404
    assert apart.tokenise(secret).status_code == 201


def test_pages_of_the_payers_own_origin_may_call_it_and_no_others(apart: Apart) -> None:
    asks = {
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type",
    }

    def allowed(origin: str) -> str | None:
        headers = {**asks, "origin": origin}
        answer = apart.shop.client.options(apart.vault + TOKENISE, headers=headers)
        return answer.headers.get("access-control-allow-origin")

    assert allowed(apart.shop.url) == apart.shop.url
    assert allowed("https://elsewhere.example") is None


@pytest.mark.system
@pytest.mark.usefixtures("pages")
def test_the_payers_page_may_call_it_and_no_other_place(apart: Apart) -> None:
    page = apart.shop.client.get(opened(apart.shop)["url"].partition("#")[0])
    policy = page.headers["content-security-policy"]
    assert re.search(rf"connect-src 'self' {re.escape(apart.vault)}(;|$)", policy), policy


@pytest.mark.system
@pytest.mark.usefixtures("pages")
def test_a_payer_pays_in_a_browser_and_the_gateway_never_sees_the_card(
    apart: Apart, browser: Browser
) -> None:
    with at_checkout(browser, apart.shop) as payer:
        told: list[str] = []
        payer.page.on(
            "request", lambda one: told.append(one.url) if GOOD in (one.post_data or "") else None
        )
        payer.pay_by_card()
        payer.sees("Paid")
        expect(payer.page.get_by_text("Visa •••• 4242")).to_be_visible()
        assert told == [apart.vault + TOKENISE]
        assert payer.watched.refused() == []
        assert payer.charges() == 1
