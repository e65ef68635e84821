"""People look after money in a real browser: refunds with four eyes, search, files, live lists."""

import csv
import io
import json
import re
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest
from playwright.sync_api import Browser, Page, Route, expect
from tests.harness.waiting import wait_until
from tests.journeys.house import House, Json
from tests.web.clerk import at_office, joined, sign_in

pytestmark = [pytest.mark.system, pytest.mark.usefixtures("pages")]
REFUND = "Refund 600.00 EUR"


def refunds_of(shop: House, payment: str) -> list[Json]:
    return shop.told("GET", f"/v1/refunds?payment={payment}")["data"]


def asked_of_providers(shop: House, payment: str) -> list[str]:
    attempts = shop.told("GET", f"/v1/payments/{payment}/attempts")["data"]
    return [one["operation"] for one in attempts]


def test_a_wrong_password_is_said_and_the_right_one_opens(shop: House, browser: Browser) -> None:
    page: Page
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(f"{shop.url}/office")
        sign_in(page, shop.sample["email"], "not the password")
        expect(page.get_by_role("alert")).to_contain_text("Address or password is not right")
        sign_in(page, shop.sample["email"], shop.sample["password"])
        expect(page.get_by_role("heading", name="Home")).to_be_visible()
        cookie = next(one for one in context.cookies() if one["name"] == "__Host-bezant")
        assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
        kept = page.evaluate("JSON.stringify([localStorage, sessionStorage, document.cookie])")
        assert cookie["value"] not in kept, "no script can read the session"
        assert shop.sample["password"] not in kept


@pytest.mark.requirement("J3", part="in a browser: refund, and a second person's yes")
def test_a_large_refund_waits_for_a_second_person(shop: House, browser: Browser) -> None:
    payment = shop.pay("600.00 EUR")
    second = joined(shop, "finance")
    with at_office(browser, shop) as owner:
        owner.go(f"/payments/{payment['id']}")
        owner.button("Refund").click()
        owner.dialog().get_by_label("Reason").fill("the scale came broken")
        owner.dialog().get_by_role("button", name=REFUND).click()
        owner.sees("A second person has to agree")
        owner.sees("You proposed this: somebody else has to agree.")
        assert owner.button("Approve").count() == 0, "nobody approves their own"
        address = owner.page.url
        (waits,) = refunds_of(shop, payment["id"])
        assert waits["state"] == "needs_approval"
        assert asked_of_providers(shop, payment["id"]) == ["charge"], "no money moves before"
        with at_office(browser, shop, second) as other:
            other.go("")
            other.page.get_by_role("link", name=re.compile("approvals? wait")).click()
            other.rows().filter(has_text="600.00 EUR").get_by_role("link").click()
            other.button("Approve").click()
            expect(other.dialog()).to_contain_text("600.00 EUR")
            other.dialog().get_by_role("button", name="Approve").click()
            other.sees("finance person agreed")
        expect(owner.page.get_by_text("Given back")).to_be_visible()
        assert owner.page.url == address, "the first person's page followed by itself"
    shop.comes_to(payment, "succeeded")
    assert asked_of_providers(shop, payment["id"]) == ["charge", "refund"]
    assert len(refunds_of(shop, payment["id"])) == 1


def test_a_second_person_can_say_no(shop: House, browser: Browser) -> None:
    payment = shop.pay("700.00 EUR")
    asked = {"payment": payment["id"], "reason": "?"}
    refund = shop.told("POST", "/v1/refunds", asked, by=shop.owner("test"))
    with at_office(browser, shop, joined(shop, "finance")) as other:
        other.go(f"/refunds/{refund['id']}")
        other.button("Reject").click()
        other.dialog().get_by_label("Reason, if you like").fill("ask the customer first")
        other.dialog().get_by_role("button", name="Reject").click()
        other.sees("ask the customer first")
        expect(other.page.get_by_text("Rejected").first).to_be_visible()
    assert asked_of_providers(shop, payment["id"]) == ["charge"]


@pytest.mark.catalogue("T87")
def test_a_refund_by_keyboard_alone(shop: House, browser: Browser) -> None:
    payment = shop.pay("19.00 EUR", description="A keyboard only")
    with at_office(browser, shop) as clerk:
        clerk.go("/payments")
        first = clerk.rows().first.get_by_role("link")
        expect(first).to_have_attribute("href", f"/office/payments/{payment['id']}")
        clerk.press("j")
        expect(first).to_be_focused()
        clerk.press("Enter")
        expect(clerk.page.get_by_role("heading", name="Payment", exact=True)).to_be_visible()
        clerk.page.wait_for_url(f"**/office/payments/{payment['id']}")
        clerk.tab_to(clerk.button("Refund"))
        clerk.press("Enter")
        amount = clerk.dialog().get_by_label("Amount")
        clerk.tab_to(amount)
        clerk.press("Control+a")
        clerk.page.keyboard.type("20")
        expect(clerk.dialog().get_by_role("alert")).to_contain_text("more than there is")
        clerk.press("Control+a")
        clerk.page.keyboard.type("5")
        clerk.tab_to(clerk.dialog().get_by_role("button", name="Refund 5.00 EUR"))
        clerk.press("Enter")
        clerk.page.wait_for_url("**/office/refunds/**")
        expect(clerk.page.get_by_text("Given back").first).to_be_visible()
    assert [one["amount"]["amount"] for one in refunds_of(shop, payment["id"])] == ["5.00"]


def test_a_lost_answer_is_said_and_the_same_again_refunds_once(
    shop: House, browser: Browser
) -> None:
    payment = shop.pay("12.00 EUR")
    lost: list[str] = []

    def lose(route: Route) -> None:
        """Let the platform act, and lose its answer on the way."""
        route.fetch()
        lost.append(route.request.headers["idempotency-key"])
        route.abort("connectionreset")

    with at_office(browser, shop) as clerk:
        clerk.go(f"/payments/{payment['id']}")
        clerk.page.route("**/v1/refunds", lose, times=1)
        clerk.button("Refund").click()
        button = clerk.dialog().get_by_role("button", name="Refund 12.00 EUR")
        button.dblclick()
        expect(clerk.dialog().get_by_role("alert")).to_contain_text("do not know yet")
        # The page behind has learnt that nothing is left; the question stands as it was asked.
        expect(clerk.page.locator("button", has_text=re.compile("^Refund$"))).to_have_count(0)
        button.click()
        clerk.page.wait_for_url("**/office/refunds/**")
    assert len(lost) == 1
    assert len(refunds_of(shop, payment["id"])) == 1


def test_money_asks_for_a_fresh_proof_and_goes_on(shop: House, browser: Browser) -> None:
    payment = shop.pay("8.00 EUR")
    mail = joined(shop, "admin")
    with at_office(browser, shop, mail) as clerk:
        with psycopg.connect(shop.database(), autocommit=True) as database:
            # The database lets nobody make a proof older; here a quarter of an hour has to pass.
            database.execute("SET session_replication_role = replica")
            database.execute(
                "UPDATE identity.session SET proved_at = proved_at - interval '16 minutes' "
                "WHERE member_id IN (SELECT id FROM identity.member WHERE email = %s)",
                [mail],
            )
        clerk.go(f"/payments/{payment['id']}")
        wait_until(lambda: bool(withheld(clerk.page)), "the proof is too old")
        clerk.page.reload()
        clerk.settled()
        clerk.button("Refund").click()
        clerk.dialog().get_by_role("button", name="Refund 8.00 EUR").click()
        expect(clerk.dialog()).to_contain_text("Prove once more that it is you")
        field = clerk.dialog().get_by_label("Password")
        field.fill("wrong")
        clerk.dialog().get_by_role("button", name="Prove it is me").click()
        expect(clerk.dialog().get_by_role("alert")).to_contain_text("This is not right")
        assert refunds_of(shop, payment["id"]) == []
        field.fill("correct horse battery staple")
        clerk.dialog().get_by_role("button", name="Prove it is me").click()
        clerk.page.wait_for_url("**/office/refunds/**")
    assert len(refunds_of(shop, payment["id"])) == 1


def withheld(page: Page) -> list[str]:
    """Return what the API would not let this browser's session do right now."""
    return page.evaluate("async () => (await (await fetch('/v1/session')).json()).withheld")


def test_any_id_is_found_from_anywhere(shop: House, browser: Browser) -> None:
    payment = shop.pay("3.00 EUR", description="A very particular teapot", order="o-teapot")
    with at_office(browser, shop) as clerk:
        clerk.go("/books")
        clerk.press("Control+k")
        field = clerk.page.get_by_role("combobox")
        expect(field).to_be_focused()
        field.fill(payment["id"])
        clerk.press("Enter")
        clerk.page.wait_for_url(f"**/office/payments/{payment['id']}")
        for typed in ("particular teapot", payment["reference"], "o-teapot"):
            clerk.press("Control+k")
            clerk.page.get_by_role("combobox").fill(typed)
            found = clerk.page.get_by_role("option", name=re.compile("A very particular teapot"))
            expect(found).to_be_visible()
            clerk.press("Escape")
            expect(clerk.dialog()).to_have_count(0)
        clerk.press("Control+k")
        clerk.page.get_by_role("combobox").fill("Disputes")
        clerk.press("Enter")
        clerk.page.wait_for_url("**/office/disputes")


def test_a_list_is_exported_as_it_is_shown(shop: House, browser: Browser, tmp_path: Path) -> None:
    words = shop.fresh("export")
    formula = f'=HYPERLINK("http://x.example") {words}'
    shop.pay("1.00 EUR", description=formula)
    shop.pay("2.50 EUR", description=f"{words}, with a comma")
    shop.pay("4.000 KWD", description=f"{words} three decimals")
    shop.pay("9.00 EUR", description="something else")
    with at_office(browser, shop) as clerk:
        clerk.go("/payments")
        clerk.page.get_by_role("textbox", name="Contains").fill(words)
        expect(clerk.rows()).to_have_count(3)
        files: dict[str, str] = {}
        for form in ("CSV", "JSON"):
            clerk.button("Export").click()
            with clerk.page.expect_download() as coming:
                clerk.dialog().get_by_role("button", name=form, exact=True).click()
            files[form] = coming.value.path().read_text()
            expect(clerk.dialog().get_by_role("status")).to_contain_text("3 rows are in the file")
            clerk.dialog().get_by_role("button", name="Close").click()
    rows = list(csv.DictReader(io.StringIO(files["CSV"])))
    assert [one["amount"] for one in rows] == ["4.000 KWD", "2.50 EUR", "1.00 EUR"]
    assert rows[2]["description"] == f"'{formula}", "no spreadsheet takes it for a formula"
    assert rows[1]["description"] == f"{words}, with a comma"
    told = json.loads(files["JSON"])
    assert [one["id"] for one in told] == [one["id"] for one in rows]
    assert told[2]["description"] == formula


def test_a_list_follows_what_happens_and_its_filters(shop: House, browser: Browser) -> None:
    words = shop.fresh("live")
    with at_office(browser, shop) as clerk:
        clerk.go("/payments")
        clerk.page.get_by_role("textbox", name="Contains").fill(words)
        clerk.sees("Nothing fits these filters")
        shop.pay("5.00 EUR", description=words)
        expect(clerk.rows()).to_have_count(1)
        clerk.page.get_by_role("combobox", name="State").select_option("declined")
        clerk.sees("Nothing fits these filters")
        clerk.page.reload()
        clerk.sees("Nothing fits these filters")
        expect(clerk.page.get_by_role("textbox", name="Contains")).to_have_value(words)
        clerk.button("Save this view").click()
        clerk.dialog().get_by_label("Name of the view").fill("Mine")
        clerk.dialog().get_by_role("button", name="Save", exact=True).click()
        clerk.button("Clear filters").first.click()
        expect(clerk.rows().first).to_be_visible()
        clerk.button("Mine").click()
        clerk.sees("Nothing fits these filters")


def test_a_long_list_goes_page_by_page(shop: House, browser: Browser) -> None:
    words = shop.fresh("many")
    made = [
        shop.told(
            "POST", "/v1/customers", {"name": f"{words} {n:02}", "email": f"{words}@x.example"}
        )
        for n in range(53)
    ]
    with at_office(browser, shop) as clerk:
        ours = clerk.rows().filter(has_text=words)
        clerk.go("/customers")
        clerk.page.get_by_role("textbox", name="E-mail").fill(f"{words}@x.example")
        expect(ours).to_have_count(50)
        clerk.button("Next page").click()
        expect(ours).to_have_count(3)
        clerk.sees(made[0]["name"])
        clerk.button("First page").click()
        expect(ours).to_have_count(50)


def test_the_book_is_shown_and_verified(shop: House, browser: Browser) -> None:
    payment = shop.pay("30.00 EUR")
    with at_office(browser, shop) as clerk:
        clerk.go(f"/payments/{payment['id']}")
        owed = clerk.page.get_by_role("table", name="Owed to you")
        fees = clerk.page.get_by_role("table", name="Our fees")
        amounts = [amount_in(one.inner_text()) for one in (owed, fees)]
        assert sum(amounts) == Decimal("30.00"), amounts
        clerk.go("/books")
        clerk.sees("Debits and credits agree")
        clerk.button("Verify now").click()
        clerk.sees("Every balance follows from its entries")
        clerk.go("/accounts")
        clerk.page.get_by_role("link", name="ada", exact=True).click()
        clerk.sees("Balance after")
        line = clerk.page.get_by_role("row").filter(has_text="Lunch")
        expect(line).to_contain_text("12.50 EUR")
        expect(line).to_contain_text("87.50 EUR")


def amount_in(text: str) -> Decimal:
    return sum((Decimal(one) for one in re.findall(r"(\d+\.\d\d)\sEUR", text)), Decimal(0))


def test_what_somebody_may_not_do_is_not_offered_and_is_refused(
    shop: House, browser: Browser
) -> None:
    payment = shop.pay("6.00 EUR")
    with at_office(browser, shop, joined(shop, "support")) as clerk:
        clerk.go(f"/payments/{payment['id']}")
        clerk.sees("Succeeded")
        assert clerk.button("Refund").count() == 0
        status = clerk.page.evaluate(
            """async (payment) => (await fetch("/v1/refunds", { method: "POST",
              headers: { "content-type": "application/json", "idempotency-key": "by-hand" },
              body: JSON.stringify({ payment }) })).status""",
            payment["id"],
        )
        assert status == 403
    assert refunds_of(shop, payment["id"]) == []


def test_another_merchants_payment_is_not_here(shop: House, browser: Browser) -> None:
    with at_office(browser, shop) as clerk:
        clerk.go("/payments/pay_01a1f95dbadf7290abd506103be8aaff")
        expect(clerk.page.get_by_role("alert")).to_contain_text("This is not here")
        clerk.go("/nothing-of-the-kind")
        clerk.sees("There is no such page.")


def test_live_and_test_are_two_worlds_that_look_different(shop: House, browser: Browser) -> None:
    payment = shop.pay("4.00 EUR")
    with at_office(browser, shop) as clerk:
        frame = clerk.page.locator("[data-mode]")
        expect(frame).to_have_attribute("data-mode", "test")
        before = frame.evaluate("one => getComputedStyle(one).borderTopColor")
        clerk.button("Test").click()
        clerk.dialog().get_by_role("button", name="Go to live").click()
        expect(frame).to_have_attribute("data-mode", "live")
        assert frame.evaluate("one => getComputedStyle(one).borderTopColor") != before
        clerk.go(f"/payments/{payment['id']}")
        expect(clerk.page.get_by_role("alert")).to_contain_text("This is not here")
        clerk.button("Live").click()
        clerk.dialog().get_by_role("button", name="Go to test").click()
        expect(frame).to_have_attribute("data-mode", "test")


def test_a_session_that_ended_leads_back_to_the_door(shop: House, browser: Browser) -> None:
    with at_office(browser, shop) as clerk:
        clerk.go("/payments")
        clerk.page.locator("summary", has_text="You").click()
        clerk.button("Sign out").click()
        expect(clerk.page.get_by_role("heading", name="Sign in")).to_be_visible()
        clerk.page.goto(f"{shop.url}/office/payments")
        expect(clerk.page.get_by_role("heading", name="Sign in")).to_be_visible()
