"""Operators at work in the office: the sandbox, the team, the system, keys and settings."""

import re

import pytest
from playwright.sync_api import Browser, expect
from tests.harness.waiting import wait_until
from tests.journeys.house import PASSWORD, House
from tests.web.clerk import NARROW, at_office, joined

pytestmark = [pytest.mark.system, pytest.mark.usefixtures("pages")]
OF_MERCHANTS = ("/sandbox", "/team", "/vault", "/settings")
OF_PLATFORM = ("/team", "/vault", "/routing", "/fees", "/system", "/settings")


@pytest.fixture(scope="module", name="operator")
def given_operator(shop: House) -> str:
    return joined_platform(shop)


def joined_platform(shop: House) -> str:
    """Let somebody join the platform itself; return their address."""
    mail = f"{shop.fresh('operator')}@platform.example"
    token = shop.nest.run("users", "invite", mail, "--json").facts["link"].partition("#")[2]
    accepted = {"token": token, "name": "Op", "password": PASSWORD}
    shop.told("POST", "/v1/invitations/accept", accepted, by={"accept": "application/json"})
    return mail


def test_a_decline_is_arranged_and_the_payment_shows_it(shop: House, browser: Browser) -> None:
    with at_office(browser, shop) as clerk:
        clerk.go("/sandbox")
        clerk.sees("Everything goes well")
        clerk.button("Pay now").click()
        paid = clerk.page.get_by_role("link", name=re.compile("^pay_"))
        expect(paid).to_be_visible()
        good = paid.inner_text()
        clerk.button("Decline").click()
        expect(clerk.page.get_by_role("listitem").filter(has_text="any provider")).to_be_visible()
        clerk.button("Pay now").click()
        expect(paid).not_to_have_text(good)
        paid.click()
        clerk.page.wait_for_url("**/office/payments/pay_**")
        declined = clerk.page.url.rpartition("/")[2]
        clerk.sees("Declined")
        clerk.go("/sandbox")
        clerk.sees("Everything goes well")
    assert shop.told("GET", f"/v1/payments/{good}")["state"] == "succeeded"
    assert shop.told("GET", f"/v1/payments/{declined}")["state"] == "declined"


def test_what_was_arranged_is_taken_back(shop: House, browser: Browser) -> None:
    with at_office(browser, shop) as clerk:
        clerk.go("/sandbox")
        clerk.button("Dispute the payment").click()
        clerk.button("Let everything go well").click()
        clerk.sees("Everything goes well")
    assert shop.told("GET", "/v1/sandbox")["scripts"] == []


def test_the_clock_is_moved(shop: House, browser: Browser) -> None:
    before = shop.told("GET", "/v1/sandbox")["ahead_seconds"]
    with at_office(browser, shop) as clerk:
        clerk.go("/sandbox")
        clerk.button("Move 1 hour ahead").click()
        clerk.looks_right()
        clerk.dialog().get_by_role("button", name="Move 1 hour ahead").click()
        expect(clerk.dialog()).to_have_count(0)
    assert shop.told("GET", "/v1/sandbox")["ahead_seconds"] == before + 3_600


def test_somebody_is_invited_changed_and_removed(shop: House, browser: Browser) -> None:
    mail = f"{shop.fresh('new')}@shop.example"
    with at_office(browser, shop) as clerk:
        clerk.go("/team")
        clerk.button("Invite somebody").click()
        clerk.dialog().get_by_label("E-mail").fill(mail)
        clerk.dialog().get_by_label("Role").select_option("support")
        clerk.dialog().get_by_role("button", name="Invite somebody").click()
        clerk.sees("This is shown only now")
        link = clerk.dialog().locator("bdi").inner_text().strip()
        assert link.startswith(f"{shop.url}/join#")
        accepted = {"token": link.partition("#")[2], "name": "Nell New", "password": PASSWORD}
        shop.told("POST", "/v1/invitations/accept", accepted, by={"accept": "application/json"})
        clerk.button("I have it").click()
        clerk.go("/team")
        row = clerk.page.get_by_role("table", name="Members").locator("tr", has_text=mail)
        expect(row).to_contain_text("Support")
        row.get_by_role("button", name="Change role").click()
        clerk.dialog().get_by_label("Role").select_option("auditor")
        clerk.dialog().get_by_role("button", name="Change role").click()
        expect(row).to_contain_text("Auditor")
        row.get_by_role("button", name="Remove").click()
        clerk.dialog().get_by_role("button", name="Remove").click()
        expect(row).to_have_count(0)


def test_a_role_of_ones_own(shop: House, browser: Browser) -> None:
    name = shop.fresh("refunders")
    with at_office(browser, shop) as clerk:
        clerk.go("/team")
        clerk.button("Make a role").click()
        dialog = clerk.dialog()
        dialog.get_by_label("Name").fill(name)
        expect(dialog.get_by_role("button", name="Make a role")).to_be_disabled()
        dialog.get_by_label("refunds", exact=True).select_option("write")
        clerk.looks_right()
        dialog.get_by_role("button", name="Make a role").click()
        expect(clerk.page.get_by_role("listitem").filter(has_text=name)).to_contain_text(
            "refunds.write"
        )
        own = clerk.page.get_by_role("listitem").filter(has_text=name)
        own.get_by_role("button", name="Delete role").click()
        clerk.dialog().get_by_role("button", name="Delete role").click()
        expect(own).to_have_count(0)


def test_sites_that_may_show_the_checkout(shop: House, browser: Browser) -> None:
    with at_office(browser, shop) as clerk:
        clerk.go("/settings")
        clerk.button("Change").first.click()
        field = clerk.dialog().get_by_label("Sites that may show it")
        before = field.input_value()
        field.fill("not a site")
        expect(clerk.dialog().get_by_role("alert")).to_contain_text("not is not a site")
        field.fill("https://shop.example")
        clerk.dialog().get_by_role("button", name="Save").click()
        clerk.sees("https://shop.example")
        assert shop.told("GET", "/v1/checkout_settings")["origins"] == ["https://shop.example"]
        clerk.button("Change").first.click()
        field.fill(before)
        clerk.dialog().get_by_role("button", name="Save").click()
        expect(clerk.dialog()).to_have_count(0)


def test_operators_see_the_system_and_merchants_do_not(
    shop: House, browser: Browser, operator: str
) -> None:
    with at_office(browser, shop, operator) as clerk:
        clerk.page.get_by_role("link", name="System", exact=True).click()
        clerk.page.wait_for_url("**/office/system")
        expect(clerk.page.get_by_role("heading", name="At a glance")).to_be_visible()
        jobs = clerk.page.get_by_role("table", name="Recurring jobs")
        expect(jobs).to_contain_text("ledger.")
        expect(clerk.page.get_by_role("table", name="Outboxes")).to_contain_text("payments")
        clerk.go("/routing")
        expect(clerk.page.get_by_role("table", name="Providers")).to_contain_text("stripe")
        clerk.go("/vault")
        expect(clerk.page.get_by_role("table", name="Keys", exact=True)).to_contain_text("In use")
    with at_office(browser, shop) as clerk:
        assert clerk.page.get_by_role("link", name="System", exact=True).count() == 0
        clerk.go("/system")
        clerk.sees("You may not see this")


@pytest.mark.catalogue("T101")
@pytest.mark.parametrize("who", ["merchant", "platform"])
def test_the_pages_are_for_everybody(
    shop: House, browser: Browser, operator: str, who: str
) -> None:
    mail, paths = (operator, OF_PLATFORM) if who == "platform" else ("", OF_MERCHANTS)
    with at_office(browser, shop, mail) as clerk:
        for path in paths:
            clerk.go(path)
            clerk.looks_right()
            clerk.page.emulate_media(color_scheme="dark")
            clerk.looks_right()
            clerk.page.emulate_media(color_scheme="light")


@pytest.mark.catalogue("T102")
@pytest.mark.parametrize("language", ["de", "ar"])
def test_nothing_is_cut_off_on_a_narrow_screen(
    shop: House, browser: Browser, operator: str, language: str
) -> None:
    for mail, paths in (("", OF_MERCHANTS), (operator, OF_PLATFORM)):
        with at_office(browser, shop, mail, viewport=NARROW) as clerk:
            clerk.page.evaluate("name => localStorage.setItem('bezant.language', name)", language)
            for path in paths:
                clerk.go(path)
                wide = clerk.page.evaluate("document.documentElement.scrollWidth - innerWidth")
                assert wide <= 0, path
                clerk.looks_right()


def test_in_live_mode_there_is_nothing_to_play_with(shop: House, browser: Browser) -> None:
    with at_office(browser, shop) as clerk:
        clerk.go("/sandbox")
        clerk.button("Test").click()
        clerk.dialog().get_by_role("button", name="Go to live").click()
        expect(clerk.page.locator("[data-mode=live]")).to_be_visible()
        clerk.go("/sandbox")
        clerk.sees("The sandbox belongs to test mode.")
        clerk.looks_right()


def test_who_may_not_is_told_so(shop: House, browser: Browser) -> None:
    with at_office(browser, shop, joined(shop, "support")) as clerk:
        assert clerk.page.get_by_role("link", name="Sandbox").count() == 0
        clerk.go("/sandbox")
        clerk.sees("You may not see this")
        clerk.go("/team")
        expect(clerk.button("Invite somebody")).to_have_count(0)
        wait_until(lambda: clerk.button("Remove").count() == 0, "nothing to press")
