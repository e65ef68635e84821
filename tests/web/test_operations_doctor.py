"""What the doctor finds, on the page of the system: for operators, and with what to do about it."""

import pytest
from playwright.sync_api import Browser, expect
from tests.harness.waiting import wait_until
from tests.journeys.house import House, Json
from tests.web.clerk import NARROW, at_office
from tests.web.test_operations_pages import joined_platform

AREAS = {"machine", "settings", "secrets", "keys", "database", "broker"}


@pytest.fixture(scope="module", name="operator")
def given_operator(shop: House) -> str:
    return joined_platform(shop)


def findings(shop: House) -> Json:
    """Wait for the first look, and return what it found."""
    operator = shop.operator()
    path = "/v1/system/findings"
    wait_until(
        lambda: shop.told("GET", path, by=operator)["looked_at"] is not None, "the doctor looked"
    )
    return shop.told("GET", path, by=operator)


def test_the_doctor_looks_at_everything_but_the_token(shop: House) -> None:
    found = findings(shop)["findings"]
    assert {one["area"] for one in found} == AREAS
    by_check = {(one["area"], one["check"]): one for one in found}
    # Demo mode is worth knowing; that it is noticed shows that more than good news comes through.
    assert by_check["secrets", "demo"]["health"] == "note"
    assert by_check["secrets", "demo"]["remedy"] == "Never take real money here."
    assert by_check["database", "version"]["health"] == "good"
    assert all(one["remedy"] for one in found if one["health"] == "wrong")


def test_what_is_found_is_for_the_platform_only_and_has_no_secret(shop: House) -> None:
    path = "/v1/system/findings"
    assert shop.ask("GET", path, by=shop.owner("test")).status_code == 403
    assert shop.ask("GET", path).status_code == 403
    told = str(findings(shop))
    secrets = [shop.sample["secret_key"], shop.sample["password"], shop.database()]
    assert not [one for one in secrets if one in told]


def test_papers_are_renewed_here_whichever_process_showed_them_and_is_gone(shop: House) -> None:
    def renewed() -> bool:
        ticks = shop.told("GET", "/v1/system", by=shop.operator())["ticks"]
        return any(one["name"] == "rpc.renew_papers" and one["ended_at"] for one in ticks)

    wait_until(renewed, "this process looks after papers, though it shows none itself")


@pytest.mark.system
@pytest.mark.usefixtures("pages")
def test_operators_read_what_to_do(shop: House, browser: Browser, operator: str) -> None:
    findings(shop)
    with at_office(browser, shop, operator) as clerk:
        clerk.go("/system")
        clerk.sees("Demo mode: sample keys and published passwords are active")
        clerk.sees("Never take real money here.")
        clerk.page.get_by_text("things are in order").click()
        clerk.sees("PostgreSQL 18")
        clerk.looks_right()
        clerk.page.emulate_media(color_scheme="dark")
        clerk.looks_right()


@pytest.mark.system
@pytest.mark.usefixtures("pages")
@pytest.mark.catalogue("T102")
def test_what_is_wrong_comes_first_and_fits_a_narrow_screen(
    shop: House, browser: Browser, operator: str
) -> None:
    wrong = {
        "area": "machine", "check": "disk", "health": "wrong",
        "found": "12 MiB are free for /a/folder/whose/name/is/longer/than/a/telephone/is/wide",
        "remedy": "Make room; PostgreSQL stops on a full disk.",
    }  # fmt: skip
    told = findings(shop)
    # Of what is really there only the good: on a busy machine something may be late.
    good = [one for one in told["findings"] if one["health"] != "wrong"]
    told["findings"] = [*good, wrong]
    with at_office(browser, shop, operator, viewport=NARROW) as clerk:
        clerk.page.route("**/v1/system/findings", lambda route: route.fulfill(json=told))
        clerk.go("/system")
        clerk.sees("1 thing to put right")
        lines = clerk.page.get_by_role("listitem").filter(has_text="MiB are free for /a/folder")
        expect(lines).to_contain_text("Make room; PostgreSQL stops on a full disk.")
        wide = clerk.page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0
        clerk.looks_right()


@pytest.mark.system
@pytest.mark.usefixtures("pages")
def test_the_page_is_there_while_the_doctor_still_looks(
    shop: House, browser: Browser, operator: str
) -> None:
    looking = {"object": "findings", "looked_at": None, "looking": True, "findings": []}
    with at_office(browser, shop, operator) as clerk:
        clerk.page.route("**/v1/system/findings", lambda route: route.fulfill(json=looking))
        clerk.go("/system")
        clerk.sees("Looking: this takes a few seconds.")
        expect(clerk.page.get_by_role("table", name="Recurring jobs")).to_be_visible()
        clerk.looks_right()
        clerk.page.unroute("**/v1/system/findings")
        clerk.sees("Demo mode: sample keys")
