"""What payments cost merchants: seen, tried out, changed by two people, and never by accident."""

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Route, expect
from tests.harness.waiting import wait_until
from tests.journeys.house import House, Json
from tests.web.clerk import NARROW, Clerk, at_office
from tests.web.test_operations_pages import joined_platform

By = Mapping[str, str]


@pytest.fixture(scope="module", name="asker")
def given_asker(shop: House) -> By:
    return shop.operator()


@pytest.fixture(scope="module", name="second")
def given_second(shop: House) -> By:
    return shop.operator()


@pytest.fixture(autouse=True)
def given_the_fees_of_before(shop: House, asker: By, second: By) -> Iterator[None]:
    """Whatever a test makes of the fees, the next one finds them as they were."""
    before = fees(shop, asker)
    yield
    if fees(shop, asker) != before:
        agreed(shop, asked(shop, asker, before), second)


def fees(shop: House, by: By) -> list[Json]:
    return shop.told("GET", "/v1/fees", by=by)["fees"]


def asked(shop: House, by: By, wanted: list[Json]) -> Json:
    """Ask for these fees instead of those that hold."""
    body = {"fees": wanted, "instead_of": fees(shop, by)}
    return shop.told("PUT", "/v1/fees", body, by=by)


def agreed(shop: House, change: Json, by: By) -> None:
    """Let a second person agree, and wait until it holds."""
    shop.told("POST", f"/v1/approvals/{change['approval']}/approve", {}, by=by)
    path = f"/v1/fees/changes/{change['id']}"
    wait_until(
        lambda: shop.told("GET", path, by=by)["state"] == "in_force", f"{change['id']} is in force"
    )


def fee(percent: str, **more: Any) -> Json:
    return {"percent": percent, **more}


def preview(shop: House, by: By, wanted: list[Json], amount: str = "100.00", **more: Any) -> Json:
    body = {"fees": wanted, "amount": {"amount": amount, "asset": "EUR"}, **more}
    return shop.told("POST", "/v1/fees/preview", body, by=by)


def test_a_preview_is_what_a_payment_then_costs(shop: House, asker: By) -> None:
    told = preview(shop, asker, fees(shop, asker), "87.31")
    paid = shop.pay("87.31 EUR")
    assert paid["fee"] == told["fee"]
    assert told["fee"]["amount"] != "0.00", "the sample shop is charged something"
    assert Decimal(told["net"]["amount"]) + Decimal(told["fee"]["amount"]) == Decimal("87.31")


def test_the_rule_that_says_most_counts_and_is_named(shop: House, asker: By) -> None:
    rules = [fee("1"), fee("2", asset="EUR"), fee("3", asset="EUR", method="paypal")]
    assert preview(shop, asker, rules)["rule"] == 1
    paypal = preview(shop, asker, rules, method="paypal")
    assert (paypal["rule"], paypal["fee"]["amount"]) == (2, "3.00")
    nobody = preview(shop, asker, [fee("9", asset="JPY")])
    assert (nobody["rule"], nobody["fee"]["amount"], nobody["net"]["amount"]) == (
        None, "0.00", "100.00",
    )  # fmt: skip


def test_a_priority_that_no_rule_is_about_has_no_price(shop: House, asker: By) -> None:
    rules = [fee("1"), fee("4", priority="instant")]
    assert preview(shop, asker, rules, priority="instant")["fee"]["amount"] == "4.00"
    assert preview(shop, asker, rules, priority="")["fee"]["amount"] == "1.00"
    body = {"fees": rules, "amount": {"amount": "1.00", "asset": "EUR"}, "priority": "fastest"}
    refused = shop.ask("POST", "/v1/fees/preview", body, by=asker)
    assert (refused.status_code, refused.json()["code"]) == (400, "unknown_priority")
    assert refused.json()["field"] == "priority"


@pytest.mark.parametrize("amount", ["0.00", "-5.00"])
def test_what_nobody_can_pay_costs_nothing_that_could_be_told(
    shop: House, asker: By, amount: str
) -> None:
    body = {"fees": [fee("1")], "amount": {"amount": amount, "asset": "EUR"}}
    refused = shop.ask("POST", "/v1/fees/preview", body, by=asker)
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (400, "amount")


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        (fee("1,4"), "fees[1].percent"),
        (fee("101"), "fees[1].percent"),
        (fee("-1"), "fees[1].percent"),
        (fee("1", fixed="0.25"), "fees[1].asset"),
        (fee("1", fixed="0.251", asset="EUR"), "fees[1].fixed"),
        (fee("1", fixed="-0.25", asset="EUR"), "fees[1].fixed"),
        (fee("1", asset="XXX"), "fees[1].asset"),
        (fee("1", least="2.00", most="1.00", asset="EUR"), "fees[1].least"),
    ],
)
def test_a_wrong_rule_is_refused_with_the_name_of_its_field(
    shop: House, asker: By, wrong: Json, field: str
) -> None:
    body = {"fees": [fee("1"), wrong], "amount": {"amount": "1.00", "asset": "EUR"}}
    refused = shop.ask("POST", "/v1/fees/preview", body, by=asker)
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (400, field)
    body = {"fees": [fee("1"), wrong], "instead_of": fees(shop, asker)}
    before = fees(shop, asker)
    refused = shop.ask("PUT", "/v1/fees", body, by=asker)
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (400, field)
    assert fees(shop, asker) == before


def test_amounts_of_any_asset_come_back_as_they_were_written(
    shop: House, asker: By, second: By
) -> None:
    written = [
        fee("0.000001", asset="ETH", fixed="0.012345678901234567"),
        fee("2.5", asset="JPY", fixed="30", least="50", most="9000"),
        fee("1", asset="KWD", least="0.005"),
    ]
    agreed(shop, asked(shop, asker, written), second)
    empty = {"fixed": "", "least": "", "most": "", "tenant": "", "method": None, "priority": ""}
    assert fees(shop, asker) == [{**empty, **one} for one in written]


def test_fees_that_somebody_changed_meanwhile_are_not_undone_unseen(
    shop: House, asker: By, second: By
) -> None:
    seen = fees(shop, asker)
    agreed(shop, asked(shop, second, [fee("1.1")]), asker)
    body = {"fees": [fee("1.2")], "instead_of": seen}
    refused = shop.ask("PUT", "/v1/fees", body, by=asker)
    assert (refused.status_code, refused.json()["code"]) == (409, "terms_changed")
    assert [one["percent"] for one in fees(shop, asker)] == ["1.1"]
    body = {"fees": [fee("1.2")], "instead_of": fees(shop, asker)}
    assert shop.told("PUT", "/v1/fees", body, by=asker)["state"] == "needs_approval"


def test_fees_are_the_platforms(shop: House) -> None:
    owner = shop.owner("test")
    body = {"fees": [fee("0")], "instead_of": []}
    assert shop.ask("GET", "/v1/fees", by=owner).status_code == 403
    assert shop.ask("PUT", "/v1/fees", body, by=owner).status_code == 403
    assert shop.ask("GET", "/v1/fees").status_code == 403


def rule(clerk: Clerk, number: int) -> Locator:
    return clerk.page.get_by_role("group", name=re.compile(f"^Rule {number}:"))


def write_a_rule(clerk: Clerk, number: int) -> None:
    """Write one more rule, with every mistake one can make on the way."""
    clerk.button("Change fees").click()
    clerk.button("Add a rule").click()
    added = rule(clerk, number)
    alert = added.get_by_role("alert")
    added.get_by_label("Percent").fill("4,5")
    expect(alert).to_contain_text("such as 1.4")
    expect(clerk.button("Ask for these fees")).to_be_disabled()
    clerk.looks_right()
    added.get_by_label("Percent").fill("4.5")
    added.get_by_label("And fixed").fill("0.305")
    expect(alert).to_have_text("Amounts are in an asset: name it, such as EUR.")
    added.get_by_label("Asset").fill("eur")
    # This one only the API knows: how many decimals an asset has.
    expect(alert).to_contain_text("this asset has 2 decimals")
    added.get_by_label("And fixed").fill("0.30")
    added.get_by_label("Paid by").select_option("card")
    expect(alert).to_have_count(0)


@pytest.mark.system
@pytest.mark.usefixtures("pages")
def test_two_people_change_the_fees_in_the_office(shop: House, browser: Browser, asker: By) -> None:
    before = len(fees(shop, asker))
    with at_office(browser, shop, joined_platform(shop)) as clerk:
        clerk.page.get_by_role("link", name="Fees", exact=True).click()
        clerk.sees("A payment of 100.00\u00a0EUR costs")
        write_a_rule(clerk, before + 1)
        clerk.sees("A payment of 100.00\u00a0EUR costs 4.80\u00a0EUR; 95.20\u00a0EUR is left.")
        clerk.sees(f"Rule {before + 1} says so.")
        clerk.looks_right()
        clerk.button("Ask for these fees").click()
        clerk.looks_right()
        clerk.dialog().get_by_role("button", name="Ask for these fees").click()
        clerk.sees("Waits for somebody else")
        assert len(fees(shop, asker)) == before
        clerk.page.get_by_role("status").get_by_role("link", name="See the change").click()
        clerk.page.wait_for_url("**/office/fees/trm_*")
        change = clerk.page.url.rpartition("/")[2]
        expect(clerk.page.get_by_role("table", name="The fees it asks for")).to_be_visible()
        expect(clerk.button("Approve")).to_have_count(0)
        clerk.looks_right()
    with at_office(browser, shop, joined_platform(shop)) as clerk:
        clerk.go("/fees")
        item, link = clerk.page.get_by_role("listitem"), clerk.page.locator(f"[href$='{change}']")
        item.filter(has=link).get_by_role("link", name="See the change").click()
        wanted = clerk.page.get_by_role("table", name="The fees it asks for")
        expect(wanted).to_contain_text("0.30\u00a0EUR")
        clerk.button("Approve").click()
        clerk.dialog().get_by_role("button", name="Approve").click()
        clerk.sees("In force")
        clerk.go("/fees")
        table = clerk.page.get_by_role("table", name="The fees that hold")
        expect(table).to_contain_text("4.5 %")
    assert len(fees(shop, asker)) == before + 1
    assert shop.pay("100.00 EUR")["fee"]["amount"] == "4.80"


@pytest.mark.system
@pytest.mark.usefixtures("pages")
def test_while_a_price_is_asked_for_no_other_one_is_shown(shop: House, browser: Browser) -> None:
    with at_office(browser, shop, joined_platform(shop)) as clerk:
        clerk.go("/fees")
        clerk.sees("A payment of 100.00\u00a0EUR costs")
        held: list[Route] = []

        def hold(asked: Route) -> None:
            held.append(asked)

        clerk.page.route("**/v1/fees/preview", hold)
        clerk.page.get_by_label("Amount", exact=True).fill("250.00")
        clerk.sees("Asking…")
        expect(clerk.page.get_by_text("A payment of")).to_have_count(0)
        wait_until(lambda: clerk.page.evaluate("1") == 1 and bool(held), "it is asked")
        for one in held:
            one.continue_()
        clerk.page.unroute("**/v1/fees/preview")
        clerk.sees("A payment of 250.00\u00a0EUR costs")
        expect(clerk.page.get_by_text("Asking…")).to_have_count(0)
        clerk.page.get_by_label("Priority", exact=True).fill("fastest")
        clerk.sees("No rule of fees knows this priority level")
        expect(clerk.page.get_by_text("A payment of")).to_have_count(0)


@pytest.mark.system
@pytest.mark.usefixtures("pages")
def test_a_draft_outlives_what_somebody_else_did_meanwhile(
    shop: House, browser: Browser, asker: By, second: By
) -> None:
    with at_office(browser, shop, joined_platform(shop)) as clerk:
        clerk.go("/fees")
        clerk.button("Change fees").click()
        rule(clerk, 1).get_by_label("Percent").fill("7.7")
        agreed(shop, asked(shop, asker, [fee("1.3")]), second)
        clerk.button("Ask for these fees").click()
        clerk.dialog().get_by_role("button", name="Ask for these fees").click()
        clerk.sees("Somebody else changed the fees meanwhile")
        expect(clerk.dialog()).to_have_count(0)
        table = clerk.page.get_by_role("table", name="The fees that hold")
        expect(table).to_contain_text("1.3 %")
        expect(rule(clerk, 1).get_by_label("Percent")).to_have_value("7.7")
        clerk.looks_right()
        clerk.button("Ask for these fees").click()
        clerk.dialog().get_by_role("button", name="Ask for these fees").click()
        clerk.sees("Until somebody else agrees, the fees below go on.")
    assert [one["percent"] for one in fees(shop, asker)] == ["1.3"]


@pytest.mark.system
@pytest.mark.usefixtures("pages")
def test_fees_the_page_has_read_since_a_draft_was_begun_are_not_undone_untold(
    shop: House, browser: Browser, asker: By, second: By
) -> None:
    with at_office(browser, shop, joined_platform(shop)) as clerk:
        clerk.go("/fees")
        clerk.button("Change fees").click()
        rule(clerk, 1).get_by_label("Percent").fill("8.8")
        agreed(shop, asked(shop, asker, [fee("1.7")]), second)
        table = clerk.page.get_by_role("table", name="The fees that hold")

        def shown() -> bool:  # As when somebody comes back to the window.
            clerk.page.evaluate("window.dispatchEvent(new Event('visibilitychange'))")
            return "1.7 %" in (table.text_content() or "")

        wait_until(shown, "the page has read the fees of somebody else")
        clerk.button("Ask for these fees").click()
        clerk.dialog().get_by_role("button", name="Ask for these fees").click()
        clerk.sees("Somebody else changed the fees meanwhile")
        expect(clerk.dialog()).to_have_count(0)
        clerk.button("Ask for these fees").click()
        clerk.dialog().get_by_role("button", name="Ask for these fees").click()
        clerk.sees("Until somebody else agrees, the fees below go on.")


@pytest.mark.system
@pytest.mark.usefixtures("pages")
@pytest.mark.catalogue("T101", "T102")
@pytest.mark.parametrize(("language", "scheme"), [("en", "light"), ("de", "dark"), ("ar", "light")])
def test_fees_are_for_everybody_on_a_narrow_screen(
    shop: House, browser: Browser, asker: By, language: str, scheme: str
) -> None:
    waits = asked(shop, asker, [fee("1.9", asset="EUR", fixed="0.10", tenant="", method="card")])
    operator = joined_platform(shop)
    with at_office(browser, shop, operator, viewport=NARROW, color_scheme=scheme) as clerk:
        clerk.page.evaluate("name => localStorage.setItem('bezant.language', name)", language)
        for path in ("/fees", f"/fees/{waits['id']}"):
            clerk.go(path)
            wide = clerk.page.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert wide <= 0, path
            clerk.looks_right()
        clerk.go("/fees")
        clerk.page.locator("main header button, #main header button").first.click()
        expect(clerk.page.get_by_role("group").first).to_be_visible()
        clerk.looks_right()
    with at_office(browser, shop) as clerk:
        assert clerk.page.get_by_role("link", name="Fees", exact=True).count() == 0
        clerk.go("/fees")
        clerk.sees("You may not see this")
