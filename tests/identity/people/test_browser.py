"""People in a real browser with a virtual authenticator: as wide as a telephone, by keyboard."""

from collections.abc import Iterator

import httpx2
import pytest
from playwright.sync_api import Page
from tests.cli.running import Nest
from tests.harness.browser import Watched, build_pages, clipped, complaints, open_browser, visiting
from tests.harness.ports import free_port
from tests.harness.telephone import Telephone
from tests.harness.waiting import wait_until

pytestmark = [pytest.mark.system, pytest.mark.catalogue("T74")]
TELEPHONE = {"width": 360, "height": 740}
ANN, PASSWORD = "ann@example.com", "correct horse battery staple"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    build_pages()  # What looks for obstacles comes with what the pages are built of.
    nest = Nest(tmp_path_factory.mktemp("people"))
    port = free_port()
    try:
        nest.up_as_it_is("--port", str(port)).wait_for("Stop ")
        yield f"http://localhost:{port}"
    finally:
        nest.clear()


@pytest.fixture
def watched(address: str) -> Iterator[Watched]:
    with open_browser() as browser, visiting(browser, address, viewport=TELEPHONE) as seen:
        yield seen


def letters(address: str) -> list[dict[str, str]]:
    with httpx2.Client(timeout=60) as client:
        return client.get(f"{address}/v1/mails").json()["data"]


def looks_well(page: Page) -> None:
    """Hold a page against what axe knows, and against the width of a telephone."""
    assert complaints(page) == [], page.url
    assert clipped(page) == [], page.url


def typed(page: Page, **fields: str) -> None:
    """Fill a form in by keyboard, and send it."""
    for name, text in fields.items():
        page.locator(f"#{name}").focus()
        page.keyboard.type(text)
    page.keyboard.press("Enter")


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name).focus()
    page.keyboard.press("Enter")


def opened(page: Page, path: str, heading: str) -> None:
    page.goto(path)
    page.get_by_role("heading", name=heading, exact=True).wait_for()


def signed_up(page: Page, address: str, email: str) -> None:
    opened(page, f"{address}/sign-up", "Sign up")
    looks_well(page)
    typed(page, email=email, name="Ann", password=PASSWORD)
    page.get_by_role("heading", name="Look into your mail").wait_for()
    link = next(line for line in letters(address)[0]["text"].split("\n") if line.startswith("http"))
    opened(page, link, "Confirm your address")
    assert "#" not in page.evaluate("location.href"), "the code is gone from the address"
    looks_well(page)
    typed(page, password=PASSWORD)
    page.get_by_role("heading", name="You are in").wait_for()


def by_password(page: Page, address: str, email: str) -> None:
    opened(page, f"{address}/security", "Sign in")
    looks_well(page)
    typed(page, name=email, password=PASSWORD)


@pytest.mark.requirement("S002-2", part="passkeys in a browser")
@pytest.mark.requirement("S001-2", part="passkeys in a browser")
def test_somebody_signs_up_adds_a_passkey_and_needs_no_password_any_more(
    watched: Watched, address: str
) -> None:
    page, device = watched.page, Telephone(watched.page)
    signed_up(page, address, ANN)
    by_password(page, address, ANN)
    page.get_by_role("heading", name="Your security").wait_for()
    looks_well(page)
    typed(page, **{"passkey-name": "My telephone"})
    page.get_by_role("heading", name="Recovery codes").wait_for()
    assert page.locator("ol.codes li").count() == 10
    looks_well(page)
    opened(page, f"{address}/security", "Your security")
    assert page.get_by_role("button", name="Remove My telephone").is_visible()
    press(page, "Sign out everywhere")
    page.get_by_role("heading", name="You are signed out").wait_for()

    opened(page, f"{address}/security", "Sign in")
    looks_well(page)
    press(page, "Sign in with a passkey")
    page.get_by_role("heading", name="Your security").wait_for()
    assert [one["signCount"] for one in device.passkeys()] == [2]
    assert page.evaluate("document.cookie") == "", "no script reads a cookie of ours"
    assert (watched.outside, watched.said, watched.refused()) == ([], [], [])


@pytest.mark.requirement("S002-2", part="a passkey that nobody verified, or that was copied")
def test_a_passkey_nobody_verified_and_one_that_was_copied_open_nothing(
    watched: Watched, address: str
) -> None:
    page, device = watched.page, Telephone(watched.page)
    email = "ben@example.com"
    signed_up(page, address, email)
    by_password(page, address, email)
    page.get_by_role("heading", name="Your security").wait_for()
    press(page, "Add a passkey")
    page.get_by_role("heading", name="Recovery codes").wait_for()
    code = page.locator("ol.codes li").first.inner_text()
    page.context.clear_cookies()

    by_password(page, address, email)
    page.get_by_role("heading", name="One more step").wait_for()
    looks_well(page)
    device.verifies(False)
    press(page, "Use a passkey instead")
    page.get_by_text("That did not work").wait_for()
    device.verifies(True)
    press(page, "Use a passkey instead")
    page.get_by_role("heading", name="Your security").wait_for()

    page.context.clear_cookies()
    device.set_back(0)
    opened(page, f"{address}/security", "Sign in")
    press(page, "Sign in with a passkey")
    page.get_by_text("This passkey does not open anything here").wait_for()
    assert letters(address)[0]["kind"] == "passkey_copied"
    by_password(page, address, email)
    page.get_by_role("heading", name="Your security").wait_for()
    assert page.get_by_text("There may be a copy of it").is_visible()
    assert code, "its recovery codes are left for the next factor"


@pytest.mark.requirement("S002-2", part="codes in a browser")
def test_codes_from_an_app_are_set_up_from_a_picture(watched: Watched, address: str) -> None:
    page, email = watched.page, "cay@example.com"
    signed_up(page, address, email)
    by_password(page, address, email)
    press(page, "Set up codes from an app")
    page.get_by_role("heading", name="Codes from an app").wait_for()
    assert page.locator("svg.qr").bounding_box() is not None
    looks_well(page)
    typed(page, code="000000")
    page.get_by_role("alert").wait_for()
    looks_well(page)


def link_of(address: str, kind: str) -> str:
    """Return the link in the newest letter of a kind, once it is there."""

    def found() -> list[str]:
        texts = [one["text"] for one in letters(address) if one["kind"] == kind]
        return [line for text in texts[:1] for line in text.split("\n") if line.startswith("http")]

    wait_until(lambda: bool(found()), f"a letter: {kind}")
    return found()[0]


@pytest.mark.requirement("S002-2", part="a forgotten password in a browser")
def test_a_forgotten_password_is_set_anew_and_every_page_of_the_way_looks_well(
    watched: Watched, address: str
) -> None:
    page, email, fresh = watched.page, "eve@example.com", "another battery, another horse"
    signed_up(page, address, email)
    looks_well(page)
    opened(page, f"{address}/security", "Sign in")
    page.get_by_role("link", name="Forgotten your password?").focus()
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Forgotten your password?").wait_for()
    looks_well(page)
    typed(page, email=email)
    page.get_by_role("heading", name="Look into your mail").wait_for()
    looks_well(page)

    opened(page, link_of(address, "password_forgotten"), "A new password")
    assert "#" not in page.evaluate("location.href"), "the code is gone from the address"
    looks_well(page)
    typed(page, password="password123")
    page.get_by_role("alert").wait_for()
    looks_well(page)
    typed(page, password=fresh)
    page.get_by_role("heading", name="It is set").wait_for()
    looks_well(page)

    by_password(page, address, email)
    page.get_by_role("alert").wait_for()
    looks_well(page)
    opened(page, f"{address}/security", "Sign in")
    typed(page, name=email, password=fresh)
    page.get_by_role("heading", name="Your security").wait_for()


def test_what_goes_wrong_on_the_way_in_looks_well_and_letters_are_shown(
    watched: Watched, address: str
) -> None:
    page = watched.page
    page.emulate_media(color_scheme="dark")
    opened(page, f"{address}/sign-up", "Sign up")
    typed(page, email="fay@example.com", name="Fay", password="password123")
    page.get_by_role("alert").wait_for()
    looks_well(page)
    typed(page, password=PASSWORD)
    page.get_by_role("heading", name="Look into your mail").wait_for()
    looks_well(page)
    for path, heading in (
        ("/confirm", "Confirm your address"),
        ("/new-password", "A new password"),
    ):
        opened(page, f"{address}{path}#nothing-anybody-sent", heading)
        typed(page, password=PASSWORD)
        page.get_by_role("alert").wait_for()
        looks_well(page)
    opened(page, f"{address}/mails", "Letters")
    looks_well(page)
