"""OpenID clients and request signers in the office: added, given other keys, and ended."""

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from playwright.sync_api import Browser, expect
from tests.identity.signed.partner import Partner
from tests.journeys.house import House
from tests.web.clerk import NARROW, Clerk, at_office, joined

from bezant.clock import RealClock

pytestmark = [pytest.mark.system, pytest.mark.usefixtures("pages")]
BACK = "https://shop.example/back"


def public_pem(key: Any) -> str:
    pem: bytes = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return pem.decode()


def private_pem(key: Any) -> str:
    pem: bytes = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return pem.decode()


def wrong_beside(clerk: Clerk, label: str) -> str:
    """Return what stands beside a field as wrong with it."""
    field = clerk.dialog().get_by_label(label)
    expect(field).to_have_attribute("aria-invalid", "true")
    return str(
        field.evaluate(
            "one => [...document.querySelectorAll('[role=alert]')]"
            ".find(each => one.getAttribute('aria-describedby').includes(each.id)).textContent"
        )
    )


def test_a_page_that_people_sign_in_to_is_registered_and_ended(
    shop: House, browser: Browser
) -> None:
    name = shop.fresh("page")
    with at_office(browser, shop) as clerk:
        clerk.go("/clients")
        clerk.button("Register a client").click()
        form = clerk.dialog()
        expect(form.get_by_role("button", name="Register a client")).to_be_disabled()
        form.get_by_label("Name").fill(name)
        form.get_by_label("Where people come back to").fill("http://shop.example/back")
        assert "http://shop.example/back" in wrong_beside(clerk, "Where people come back to")
        clerk.looks_right()
        expect(form.get_by_role("button", name="Register a client")).to_be_disabled()
        form.get_by_label("Where people come back to").fill(BACK)
        form.get_by_text("May ask for", exact=True).click()
        form.get_by_label("payments").select_option("read")
        clerk.looks_right()
        form.get_by_role("button", name="Register a client").click()
        clerk.page.wait_for_url("**/office/clients/cli_*")
        expect(clerk.page.get_by_role("heading", name=name)).to_be_visible()
        made = shop.told(
            "GET", f"/v1/clients/{clerk.page.url.rpartition('/')[2]}", by=shop.owner("test")
        )
        assert (made["kind"], made["redirect_uris"], made["method"]) == ("page", [BACK], "none")
        assert "payments.read" in made["scopes"]
        assert made["asks_consent"] is True
        expect(clerk.button("Another key")).to_have_count(0)
        clerk.button("End").click()
        clerk.dialog().get_by_role("button", name="End").click()
        expect(clerk.page.get_by_text("Ended", exact=True).first).to_be_visible()
        expect(clerk.button("End")).to_have_count(0)
        clerk.go("/clients")
        row = clerk.rows().filter(has_text=name)
        expect(row).to_contain_text("Ended")


def test_a_programs_key_is_looked_at_as_it_is_pasted_and_replaced_later(
    shop: House, browser: Browser
) -> None:
    name, key = shop.fresh("program"), ed25519.Ed25519PrivateKey.generate()
    with at_office(browser, shop) as clerk:
        clerk.go("/clients")
        clerk.button("Register a client").click()
        form = clerk.dialog()
        form.get_by_label("Name").fill(name)
        form.get_by_label("Kind").select_option("program")
        form.get_by_label("Role").select_option("finance")
        pasted = form.get_by_label("Public key")
        for text, said in (
            ("nothing of the kind", "BEGIN PUBLIC KEY"),
            (private_pem(key), "the private half"),
            (public_pem(ec.generate_private_key(ec.SECP384R1())), "P-256"),
        ):
            pasted.fill(text)
            assert said in wrong_beside(clerk, "Public key")
            expect(form.get_by_role("button", name="Register a client")).to_be_disabled()
        pasted.fill(public_pem(key))
        expect(form.get_by_text("A key of the kind Ed25519.")).to_be_visible()
        form.get_by_role("button", name="Register a client").click()
        clerk.page.wait_for_url("**/office/clients/cli_*")
        path = f"/v1/clients/{clerk.page.url.rpartition('/')[2]}"
        made = shop.told("GET", path, by=shop.owner("test"))
        assert (made["role"], len(made["keys"])) == ("finance", 1)

        clerk.button("Another key").click()
        # What only the API can tell, it tells beside the field too.
        off_curve = {"kty": "EC", "crv": "P-256", "x": "AAAA", "y": "AAAA"}
        clerk.dialog().get_by_label("Public key").fill(json.dumps(off_curve))
        clerk.dialog().get_by_role("button", name="Another key").click()
        assert "P-256" in wrong_beside(clerk, "Public key")
        other = public_pem(ec.generate_private_key(ec.SECP256R1()))
        clerk.dialog().get_by_label("Public key").fill(other)
        clerk.dialog().get_by_role("button", name="Another key").click()
        expect(clerk.dialog()).to_have_count(0)
        kept = shop.told("GET", path, by=shop.owner("test"))["keys"]
        assert len(kept) == 2
        assert kept[1] == made["keys"][0], "the old one counts on, as the box said"


def test_a_partner_who_signs_is_added_works_and_is_revoked(shop: House, browser: Browser) -> None:
    name, partner = shop.fresh("partner"), Partner(RealClock())
    address = f"{shop.url}/v1/payments"

    def signs() -> int:
        head = partner.signed("GET", address)
        return shop.client.get(address, headers=head).status_code

    with at_office(browser, shop) as clerk:
        clerk.go("/signers")
        clerk.button("Add a signer").click()
        form = clerk.dialog()
        form.get_by_label("Name").fill(name)
        form.get_by_label("Public key").fill(partner.public[:60])
        assert "BEGIN PUBLIC KEY" in wrong_beside(clerk, "Public key")
        clerk.looks_right()
        form.get_by_label("Public key").fill(partner.public)
        form.get_by_role("button", name="Add a signer").click()
        expect(clerk.dialog()).to_have_count(0)
        row = clerk.rows().filter(has_text=name)
        expect(row).to_contain_text("ed25519")
        expect(row).to_contain_text("Never")
        row.get_by_role("link").first.click()
        clerk.page.wait_for_url("**/office/signers/sgn_*")
        partner.id = clerk.page.url.rpartition("/")[2]
        assert signs() == 200
        clerk.button("Revoke").click()
        clerk.dialog().get_by_role("button", name="Revoke").click()
        expect(clerk.page.get_by_text("Revoked", exact=True).first).to_be_visible()
        expect(clerk.button("Revoke")).to_have_count(0)
    assert signs() == 401


def test_who_may_only_look_changes_nothing_and_others_see_nothing(
    shop: House, browser: Browser
) -> None:
    with at_office(browser, shop, joined(shop, "auditor")) as clerk:
        clerk.go("/clients")
        clerk.page.get_by_role("link", name="Payment Frontend").click()
        clerk.sees("A realm's file")
        for path, name in (("/clients", "Register a client"), ("/signers", "Add a signer")):
            expect(clerk.button("End")).to_have_count(0)
            clerk.go(path)
            expect(clerk.button(name)).to_have_count(0)
    with at_office(browser, shop, joined(shop, "support")) as clerk:
        for path, name in (("/clients", "OpenID clients"), ("/signers", "Request signers")):
            expect(clerk.page.get_by_role("link", name=name)).to_have_count(0)
            clerk.go(path)
            clerk.sees("You may not see this")


ADDING = {
    "en": {"/clients": "Register a client", "/signers": "Add a signer"},
    "de": {"/clients": "Client eintragen", "/signers": "Unterzeichner hinzufügen"},
    "ar": {"/clients": "تسجيل تطبيق", "/signers": "إضافة موقّع"},
}


@pytest.mark.catalogue("T102")
@pytest.mark.parametrize("language", ["en", "de", "ar"])
def test_the_forms_fit_a_narrow_screen_in_every_language(
    shop: House, browser: Browser, language: str
) -> None:
    with at_office(browser, shop, viewport=NARROW) as clerk:
        clerk.page.evaluate("name => localStorage.setItem('bezant.language', name)", language)
        for path in ("/clients", "/signers"):
            clerk.go(path)
            clerk.button(ADDING[language][path]).first.click()
            form = clerk.dialog()
            expect(form).to_be_visible()
            if path == "/clients":
                form.locator("select").first.select_option("server")
            private = private_pem(ed25519.Ed25519PrivateKey.generate())
            form.locator("textarea[required]").last.fill(private)
            clerk.looks_right()
            wide = form.evaluate("one => one.scrollWidth - one.clientWidth")
            assert wide <= 0, path
            clerk.press("Escape")
            expect(form).to_have_count(0)
