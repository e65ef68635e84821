"""Somebody enters the office by their passkey alone, and by nobody else's."""

import base64
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from playwright.sync_api import Browser, Page, expect
from tests.harness.browser import beside, clipped, complaints, visiting
from tests.harness.telephone import Telephone
from tests.journeys.house import PASSWORD, House
from tests.web.clerk import WIDE, joined, sign_in

pytestmark = [pytest.mark.system, pytest.mark.usefixtures("pages"), pytest.mark.catalogue("T74")]
OWN = "http://localhost:3000"
"""Where the issuer of these tests is: a passkey belongs to a name, never to a number."""


@contextmanager
def at_home(browser: Browser, shop: House) -> Iterator[Page]:
    """Open a browser that finds the platform under its own name."""
    port = shop.url.rpartition(":")[2]
    rules = f"--host-resolver-rules=MAP localhost:3000 127.0.0.1:{port}"
    settings: dict[str, Any] = {"viewport": WIDE, "reduced_motion": "reduce"}
    with beside(browser, rules) as other, visiting(other, OWN, **settings) as watched:
        yield watched.page
        assert (watched.outside, watched.refused()) == ([], [])


def leave(page: Page) -> None:
    page.get_by_text("You", exact=True).click()
    page.get_by_role("button", name="Sign out", exact=True).click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def enter_by_passkey(page: Page) -> None:
    page.get_by_role("button", name="Use a passkey").click()


def somebody_elses() -> dict[str, Any]:
    """Make a passkey for this very address that nobody registered here."""
    key = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return {
        "credentialId": base64.b64encode(secrets.token_bytes(16)).decode(),
        "isResidentCredential": True,
        "rpId": "localhost",
        "privateKey": base64.b64encode(key).decode(),
        "userHandle": base64.b64encode(secrets.token_bytes(16)).decode(),
        "signCount": 1,
    }


@pytest.mark.requirement("S002-2", part="sign-in to the office by passkey")
def test_a_passkey_opens_the_office_and_somebody_elses_does_not(
    shop: House, browser: Browser
) -> None:
    email = joined(shop, "admin")
    with at_home(browser, shop) as page:
        device = Telephone(page)
        page.goto(f"{OWN}/office")
        sign_in(page, email, PASSWORD)
        expect(page.locator("#main")).to_be_visible()

        page.get_by_text("You", exact=True).click()
        link = page.get_by_role("link", name="Passkeys, codes, devices")
        expect(link).to_have_attribute("href", "/security")
        page.goto(f"{OWN}/security")
        # The issuer's own pages are another client than the office: they ask for themselves.
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
        page.locator("#name").fill(email)
        page.locator("#password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in", exact=True).click()
        expect(page.get_by_role("heading", name="Your security")).to_be_visible()
        page.locator("#passkey-name").fill("My telephone")
        page.get_by_role("button", name="Add a passkey").click()
        expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
        (mine,) = device.passkeys()

        page.goto(f"{OWN}/office")
        leave(page)
        enter_by_passkey(page)
        expect(page.locator("#main")).to_be_visible()
        assert page.locator("input[name=password]").count() == 0

        leave(page)
        device.holds_only(somebody_elses())
        enter_by_passkey(page)
        expect(page.get_by_role("alert")).to_be_visible()
        expect(page.locator("#main")).to_have_count(0)
        assert complaints(page) == []
        assert clipped(page) == []

        device.holds_only({**mine, "signCount": mine["signCount"] + 2})
        device.verifies(False)
        enter_by_passkey(page)
        expect(page.get_by_role("button", name="Use a passkey")).to_be_enabled()
        expect(page.locator("#main")).to_have_count(0)

        device.verifies(True)  # The control: the very same device, whose holder is known again.
        enter_by_passkey(page)
        expect(page.locator("#main")).to_be_visible()
