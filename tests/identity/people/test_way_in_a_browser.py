"""The pages on somebody's way to a program, in a real browser as wide as a telephone."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlencode

import httpx2
import pytest
from tests.cli.running import Nest
from tests.harness.browser import Watched, build_pages, open_browser, visiting
from tests.harness.ports import free_port
from tests.identity.people.test_browser import (
    TELEPHONE,
    by_password,
    looks_well,
    opened,
    press,
    signed_up,
    typed,
)
from tests.identity.provider.words import challenge

pytestmark = [pytest.mark.system, pytest.mark.requirement("S001-2", part="login pages at 360 px")]
REALM = {
    "realm": "planners",
    "displayName": "Planners",
    "clients": [
        {
            "clientId": "planner",
            "name": "Holiday Planner",
            "publicClient": True,
            "consentRequired": True,
            "redirectUris": ["http://localhost/callback"],
            "optionalClientScopes": ["profile", "payments.read"],
        }
    ],
}
DECLINES = """
    navigator.credentials.get = () => Promise.reject(new DOMException("", "NotAllowedError"));
"""


@dataclass
class Town:
    """A demo, and where it is found."""

    nest: Nest
    address: str


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    build_pages()  # What looks for obstacles comes with what the pages are built of.
    folder = tmp_path_factory.mktemp("way")
    nest, port = Nest(folder), free_port()
    try:
        nest.up_as_it_is("--port", str(port)).wait_for("Stop ")
        merchant = json.loads(nest.place_of_sample().read_bytes())["merchant"]
        file = folder / "realm.json"
        file.write_text(json.dumps(REALM).replace("//localhost/", f"//localhost:{port}/"))
        made = nest.run("realms", "import", str(file), "--merchant", merchant)
        assert made.code == 0, made
        yield Town(nest, f"http://localhost:{port}")
    finally:
        nest.clear()


@pytest.fixture
def watched(town: Town) -> Iterator[Watched]:
    with open_browser() as browser, visiting(browser, town.address, viewport=TELEPHONE) as seen:
        yield seen


def to_the_planner(town: Town) -> str:
    wish = {
        "client_id": "planner", "redirect_uri": f"{town.address}/callback",
        "response_type": "code", "scope": "openid profile payments.read", "state": "s",
        "code_challenge": challenge(), "code_challenge_method": "S256",
    }  # fmt: skip
    return f"{town.address}/realms/planners/protocol/openid-connect/auth?{urlencode(wish)}"


def test_a_program_is_allowed_shown_on_the_security_page_and_ended(
    watched: Watched, town: Town
) -> None:
    page, email = watched.page, "gil@example.com"
    signed_up(page, town.address, email)
    opened(page, to_the_planner(town), "Sign in")
    looks_well(page)
    typed(page, name=email, password="correct horse battery staple")
    page.get_by_role("heading", name="Holiday Planner asks for access").wait_for()
    looks_well(page)
    page.get_by_role("button", name="Allow", exact=True).press("Enter")
    page.wait_for_url("**/callback?code=*")

    opened(page, f"{town.address}/security", "Your security")
    looks_well(page)
    press(page, "End what Holiday Planner may do")
    page.get_by_text("may do nothing for you any more").wait_for()
    looks_well(page)
    opened(page, to_the_planner(town), "Holiday Planner asks for access")


def test_a_device_is_let_in_and_somebody_signs_out(watched: Watched, town: Town) -> None:
    page, email = watched.page, "hal@example.com"
    signed_up(page, town.address, email)
    by_password(page, town.address, email)
    page.get_by_role("heading", name="Your security").wait_for()
    with httpx2.Client(timeout=60) as client:
        asked = {"client_id": "bezant-cli"}
        begun = client.post(f"{town.address}/oauth/device_authorization", data=asked).json()
    opened(page, begun["verification_uri"], "Connect a device")
    looks_well(page)
    typed(page, code="BBBB-BBBB")
    page.get_by_role("alert").wait_for()
    looks_well(page)
    page.locator("#code").fill("")
    typed(page, code=begun["user_code"])
    page.get_by_role("heading", name="Is this your device?").wait_for()
    looks_well(page)
    press(page, "Yes, it is mine")
    page.get_by_role("heading", name="It is let in").wait_for()
    looks_well(page)

    opened(page, f"{town.address}/oauth/logout", "Sign out?")
    looks_well(page)
    press(page, "Sign out")
    page.get_by_role("heading", name="You are signed out").wait_for()
    looks_well(page)


def test_a_passkey_that_is_declined_says_so(watched: Watched, town: Town) -> None:
    page = watched.page
    page.add_init_script(DECLINES)
    opened(page, f"{town.address}/security", "Sign in")
    press(page, "Sign in with a passkey")
    page.get_by_text("or was declined").wait_for()
    assert page.get_by_role("status").get_by_text("use another way").is_visible()
    looks_well(page)


def test_invitations_and_links_that_do_not_work_look_well(watched: Watched, town: Town) -> None:
    page = watched.page
    made = town.nest.run("users", "invite", "ivy@example.com", "--role", "auditor", "--json")
    code = made.facts["link"].partition("#")[2]
    opened(page, f"{town.address}/join#{code}", "You are invited")
    looks_well(page)
    typed(page, name="Ivy", password="Password1234!")
    page.get_by_role("alert").wait_for()
    looks_well(page)
    page.locator("#password").fill("")
    typed(page, password="correct horse battery staple")
    page.get_by_role("heading", name="You have joined").wait_for()
    looks_well(page)
    opened(page, f"{town.address}/oauth/authorize?client_id=nobody", "This link does not work")
    looks_well(page)
    opened(page, f"{town.address}/sign-in/bzw_nothing", "This link does not work")
    looks_well(page)
