"""Payers pay in a real browser: every way, every end, and never twice."""

import json
import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, expect
from tests.harness.waiting import wait_until
from tests.journeys.house import House
from tests.web.payer import (
    ASKS,
    GOOD,
    POOR,
    Line,
    at_bank,
    at_checkout,
    bodies_with,
    opened,
    receipt_of,
)

from bezant_verify import answers

pytestmark = [
    pytest.mark.system,
    pytest.mark.usefixtures("pages"),
    pytest.mark.requirement("S000-14", part="the checkout in a browser"),
]
YES, NO = re.compile("^(Complete|Yes, it is me)$"), re.compile("^(Fail|No)$")
"""What the banks' pages of the card providers offer."""


@pytest.mark.requirement("J2", part="in a browser, to the receipt")
def test_a_payer_pays_by_card_and_takes_a_receipt_that_checks(
    shop: House, browser: Browser, tmp_path: Path
) -> None:
    with at_checkout(browser, shop) as payer:
        expect(payer.page).to_have_url(re.compile(f"/checkout/{payer.session['id']}$"))
        told = bodies_with(payer.watched, GOOD)
        payer.pay_by_card()
        payer.sees("Paid")
        expect(payer.page.get_by_text("Visa •••• 4242")).to_be_visible()
        assert told == ["/v1/payments/tokenize"]
        payer.looks_right()
        keys = tmp_path / "keys.json"
        keys.write_text(shop.client.get(f"{shop.url}/audit/keys").text)
        kept = receipt_of(payer.page)
        assert GOOD not in json.dumps(kept)
        link = payer.page.get_by_role("link", name="Download (JSON)").get_attribute("href")
        assert link is not None

        def checked() -> str:
            """Check it as a stranger does; the log's proof comes a moment after the signature."""
            file = tmp_path / "receipt.json"
            file.write_text(shop.client.get(shop.url + link).text)
            return str(answers.receipted(file, keys, classical=False).found["answer"])

        wait_until(lambda: checked() == "valid", "the receipt is valid")
    shop.order_comes_to(payer.session["order"], "paid")
    assert payer.charges() == 1


def test_a_decline_says_the_next_step_and_another_card_pays(shop: House, browser: Browser) -> None:
    with at_checkout(browser, shop) as payer:
        payer.pay_by_card(POOR)
        alert = payer.page.get_by_role("alert")
        expect(alert).to_contain_text("There is not enough money on the account")
        expect(alert).to_contain_text("Nothing was charged")
        payer.looks_right()
        payer.pay_by_card(GOOD)
        payer.sees("Paid")
    assert payer.charges() == 1


def test_the_bank_asks_and_the_payer_says_yes(shop: House, browser: Browser) -> None:
    with at_checkout(browser, shop) as payer:
        payer.pay_by_card(ASKS)
        at_bank(payer, YES)
        payer.sees("Paid")
    assert payer.charges() == 1


def test_the_bank_asks_and_the_payer_says_no(shop: House, browser: Browser) -> None:
    with at_checkout(browser, shop) as payer:
        payer.pay_by_card(ASKS)
        at_bank(payer, NO)
        expect(payer.page.get_by_role("alert")).to_contain_text("Nothing was charged")
        payer.looks_right()
        payer.pay_by_card(GOOD)
        payer.sees("Paid")
    assert payer.charges() == 1


def test_paypal_is_approved_there_and_paid_here(shop: House, browser: Browser) -> None:
    with at_checkout(browser, shop) as payer:
        payer.choose("PayPal")
        payer.looks_right()
        payer.page.get_by_role("button", name="Continue with PayPal: 19.99 EUR").click()
        at_bank(payer, re.compile("^Pay$"))
        payer.sees("Paid")
    assert payer.charges() == 1


def test_a_transfer_is_told_with_a_code_and_noticed_when_it_arrives(
    shop: House, browser: Browser
) -> None:
    with at_checkout(browser, shop) as payer:
        payer.choose("Bank transfer")
        payer.page.get_by_role("button", name="Continue with Bank transfer").click()
        payer.sees("Pay from your bank")
        action = payer.stands()["next_action"]["facts"]
        page = payer.page
        expect(page.get_by_text(action["reference"], exact=True)).to_be_visible()
        expect(page.get_by_role("img", name="Scan this with your banking app")).to_be_visible()
        payer.looks_right()
        bank = urlsplit(payer.stands()["next_action"]["url"])
        sent = {
            "creditor_iban": action["iban"], "amount": action["amount"],
            "reference": action["reference"], "instant": True,
        }  # fmt: skip
        told = shop.client.post(f"{bank.scheme}://{bank.netloc}/transfers", json=sent)
        assert told.status_code == 201, told.text
        payer.sees("Paid")


def test_crypto_is_paid_on_the_wallets_page(shop: House, browser: Browser) -> None:
    session = opened(shop, "12.50 USDC", methods=["crypto"])
    with at_checkout(browser, shop, session) as payer:
        payer.page.get_by_role("button", name=re.compile("Continue with Crypto")).click()
        payer.sees("Send")
        expect(payer.page.get_by_role("timer")).to_be_visible()
        payer.looks_right()
        with payer.page.expect_popup() as coming:
            payer.page.get_by_role("link", name="Open the wallet page").click()
        coming.value.get_by_role("button", name="Pay", exact=True).click()
        payer.sees("Paid")


@pytest.mark.requirement("S000-14", part="a double click pays once")
def test_a_double_click_pays_once(shop: House, browser: Browser) -> None:
    with at_checkout(browser, shop) as payer:
        payer.type_card()
        tries: list[str] = []
        payer.page.on(
            "request", lambda one: tries.append(one.url) if "/confirm" in one.url else None
        )
        payer.button().dblclick()
        payer.sees("Paid")
        assert len(tries) == 1
    assert payer.charges() == 1


@pytest.mark.requirement("S000-14", part="a lost connection is said and pays once")
def test_a_lost_answer_is_said_asked_for_again_and_pays_once(shop: House, browser: Browser) -> None:
    with at_checkout(browser, shop) as payer:
        payer.type_card()
        line = Line(payer.page)
        payer.page.route("**/confirm", line)
        payer.button().click()
        alert = payer.page.get_by_role("alert")
        expect(alert).to_contain_text("We are asking what became of your payment")
        payer.looks_right()
        line.cut = False
        payer.sees("Paid")
        assert line.reached >= 1
    assert payer.charges() == 1


@pytest.mark.requirement("S000-14", part="loading the page again pays once")
def test_loading_the_page_again_in_the_middle_pays_once(shop: House, browser: Browser) -> None:
    with at_checkout(browser, shop) as payer:
        payer.type_card()
        line = Line(payer.page)
        payer.page.route("**/confirm", line)
        payer.button().click()
        wait_until(lambda: _moved(payer.page, line), "the platform has heard of it")
        line.cut = False
        payer.page.reload()
        expect(payer.page.get_by_role("heading", name=re.compile("aid"))).to_be_visible()
    assert payer.charges() == 1


def _moved(page: object, line: Line) -> bool:
    page.wait_for_timeout(50)  # type: ignore[attr-defined]
    return line.reached > 0


def test_without_a_connection_a_card_is_not_sent_and_nothing_was_charged(
    shop: House, browser: Browser
) -> None:
    with at_checkout(browser, shop) as payer:
        payer.page.route("**/tokenize", lambda route: route.abort("internetdisconnected"))
        payer.pay_by_card()
        expect(payer.page.get_by_role("alert")).to_contain_text("Your card was not charged")
        payer.page.unroute("**/tokenize")
        payer.button().click()
        payer.sees("Paid")
    assert payer.charges() == 1


def test_what_is_wrong_is_said_beside_the_field_when_typing_stops(
    shop: House, browser: Browser
) -> None:
    with at_checkout(browser, shop) as payer:
        number = payer.page.get_by_label("Card number")
        number.press_sequentially("4242424242424241")
        expect(number).to_have_attribute("aria-invalid", "true")
        expect(number).to_have_value("4242 4242 4242 4241")
        told = payer.page.get_by_text("This is not a card number")
        assert told.get_attribute("id") or number.get_attribute("aria-describedby")
        expires = payer.page.get_by_label("Expires")
        expires.press_sequentially("0120")
        expect(expires).to_have_value("01 / 20")
        expect(payer.page.get_by_text("This card has expired")).to_be_visible()
        payer.looks_right()
        payer.button().click()
        expect(number).to_be_focused()
        assert payer.stands()["payment"] == ""


def test_a_card_the_vault_does_not_take_is_said_beside_its_field(
    shop: House, browser: Browser
) -> None:
    with at_checkout(browser, shop) as payer:
        payer.pay_by_card("4917610000000000")  # pragma: allowlist secret - whole, and no test card
        number = payer.page.get_by_label("Card number")
        expect(number).to_have_attribute("aria-invalid", "true")
        expect(payer.page.get_by_text("This card cannot be used here")).to_be_visible()


def test_a_checkout_that_ended_was_paid_or_partly_refunded_says_so(
    shop: House, browser: Browser
) -> None:
    ended = opened(shop)
    shop.told("POST", f"/v1/checkout_sessions/{ended['id']}/expire", {})
    with at_checkout(browser, shop, ended) as payer:
        payer.sees("This checkout is over")
        payer.looks_right()
    with at_checkout(browser, shop) as payer:
        payer.pay_by_card()
        payer.sees("Paid")
        back = {"amount": {"amount": "5.00", "asset": "EUR"}, "payment": payer.stands()["payment"]}
        shop.told("POST", "/v1/refunds", back)
        payer.page.reload()
        payer.sees("Paid, partly refunded")
        expect(payer.page.get_by_text("5.00 EUR").first).to_be_visible()
        payer.looks_right()
    with at_checkout(browser, shop) as payer:
        payer.pay_by_card()
        payer.sees("Paid")
    with at_checkout(browser, shop, payer.session) as again:
        again.sees("This was already paid")
        again.looks_right()


def test_a_stranger_to_a_checkout_sees_nothing_of_it(shop: House, browser: Browser) -> None:
    session = opened(shop)
    address = session["url"].partition("#")[0]
    for forged in (address, f"{address}#{session['client_secret'][:-1]}"):
        with at_checkout(browser, shop, {**session, "url": forged}) as payer:
            payer.sees("There is nothing to pay here")
            assert "A weighing scale" not in payer.page.content()
            payer.looks_right()


def test_a_link_opens_a_checkout_of_ones_own(shop: House, browser: Browser) -> None:
    wish = {"amount": {"amount": "19.99", "asset": "EUR"}, "description": "Tea", "uses_max": 1}
    link = shop.told("POST", "/v1/payment_links", wish)
    with at_checkout(browser, shop, link) as payer:
        payer.looks_right()
        assert shop.told("GET", f"/v1/checkout_sessions?link={link['id']}")["data"] == []
        payer.page.get_by_role("button", name="Continue to payment").click()
        payer.pay_by_card()
        payer.sees("Paid")
    with at_checkout(browser, shop, link) as late:
        late.sees("This link is closed")
        late.looks_right()
