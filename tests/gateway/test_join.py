"""The page behind an invitation's link: works once, for whoever holds it, and without a script."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from html.parser import HTMLParser

import httpx2
import pytest
from tests.identity.conftest import (
    OPERATOR,
    PASSWORD,
    Make,
    clock,
    identity,
    identity_database,
    ids,
    make,
    open_identity,
    outcome,
)

from bezant.actor import PLATFORM
from bezant.clock import MovableClock
from bezant.gateway.app import Ground, build
from bezant.gateway.health import Health
from bezant.gateway.join import routes
from bezant.http.edge import Rules
from bezant.http.limits import MemoryLimits
from bezant.identity import CancelInvitation, InviteMember, NewInvitation, Role
from bezant.identity.callers import RememberedCallers
from bezant.identity.service import IdentityService
from bezant.ids import Ids
from bezant.secret import Secret
from bezant.telemetry.metrics import Meters

__all__ = ["clock", "identity", "identity_database", "ids", "make", "open_identity"]
EMAIL = "guest@example.com"
NEW = "a long and quiet sentence"
OURS = "same-origin"


@pytest.fixture
async def browser(
    identity: IdentityService, clock: MovableClock, ids: Ids
) -> AsyncIterator[httpx2.AsyncClient]:
    callers = RememberedCallers(identity, clock)
    ground = Ground(callers, MemoryLimits(lambda: 0.0), Meters(), ids, Health(clock))
    edge = build([routes(identity)], service="test", ground=ground, rules=Rules())
    transport = httpx2.ASGITransport(app=edge)
    async with httpx2.AsyncClient(
        transport=transport, base_url="https://bezant.test", headers={"sec-fetch-site": OURS}
    ) as client:
        yield client


async def invited(identity: IdentityService, ids: Ids, email: str = EMAIL) -> NewInvitation:
    command = InviteMember(ids.new("inv"), OPERATOR, PLATFORM, email, Role.ADMIN)
    return await identity.invite(command)


async def send(
    browser: httpx2.AsyncClient, code: str, name: str = "Guest", password: str = NEW
) -> httpx2.Response:
    fields = {"invitation": code, "name": name, "password": password}
    return await browser.post("/join", data=fields)


class Elements(HTMLParser):
    """Every element of a page with its attributes, and what is said aloud."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.alerts: list[str] = []
        self._in_alert = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        self._in_alert = ("role", "alert") in attrs

    def handle_data(self, data: str) -> None:
        if self._in_alert:
            self.alerts.append(data)
            self._in_alert = False

    def field(self, name: str) -> dict[str, str | None]:
        (found,) = (one for tag, one in self.found if tag == "input" and one.get("name") == name)
        return found


async def test_whoever_holds_the_link_joins_once_and_can_sign_in(
    browser: httpx2.AsyncClient, identity: IdentityService, ids: Ids
):
    code = (await invited(identity, ids)).token.reveal()
    assert await outcome(identity, EMAIL, Secret(NEW)) == "wrong_login"
    joined = await send(browser, f" {code}\n", name="Ann O'Guest")
    assert (joined.status_code, joined.headers["location"]) == (303, "/join/done")
    done = await browser.get("/join/done")
    assert "You can sign in now" in done.text
    assert await outcome(identity, EMAIL, Secret(NEW)) == "in"
    again = await send(browser, code, password="another quiet sentence")
    assert again.status_code == 401
    assert await outcome(identity, EMAIL, Secret(NEW)) == "in"


@pytest.mark.catalogue("T76")
async def test_no_other_sites_form_joins(
    browser: httpx2.AsyncClient, identity: IdentityService, ids: Ids
):
    code = (await invited(identity, ids)).token.reveal()
    for site in ("cross-site", "same-site", "none"):
        browser.headers["sec-fetch-site"] = site
        refused = await send(browser, code)
        assert (refused.status_code, refused.json()["code"]) == (403, "cross_site_request")
    browser.headers["sec-fetch-site"] = OURS
    assert (await send(browser, code)).status_code == 303, "the control: nothing was spent"


@pytest.mark.parametrize("why", ["used", "expired", "cancelled", "forged", "empty", "cut short"])
async def test_a_link_that_is_over_says_so_in_the_same_words(
    why: str,
    browser: httpx2.AsyncClient,
    identity: IdentityService,
    clock: MovableClock,
    ids: Ids,
):
    made = await invited(identity, ids)
    code = made.token.reveal()
    if why == "used":
        assert (await send(browser, code)).status_code == 303
    elif why == "expired":
        clock.move(timedelta(days=7, seconds=1))
    elif why == "cancelled":
        command = CancelInvitation(OPERATOR, PLATFORM, made.invitation.id)
        await identity.cancel_invitation(command)
    else:
        code = {"forged": "bzi_" + "A" * 43, "empty": "", "cut short": code[:-1]}[why]
    refused = await send(browser, code, password="one more quiet sentence")
    assert refused.status_code == 401
    (said,) = Elements(refused.text).alerts
    assert said.startswith("This invitation does not work")
    assert await outcome(identity, EMAIL, Secret("one more quiet sentence")) == "wrong_login"


async def test_a_mistake_is_told_beside_its_field_and_nothing_is_lost(
    browser: httpx2.AsyncClient, identity: IdentityService, ids: Ids
):
    code = (await invited(identity, ids)).token.reveal()
    for name, password, said in (
        ("  ", NEW, "A name has one to 200 characters"),
        ("Guest", "short", "A password has 12 to 256 characters"),
        ('"><script>alert(1)</script>', "aaaaaaaaaaaaaaaa", "This password is too easy to guess"),
    ):
        refused = await send(browser, code, name, password)
        assert refused.status_code == 400
        read = Elements(refused.text)
        assert read.alerts[0].startswith(said)
        assert read.field("invitation")["value"] == code
        assert read.field("name")["value"] == name
        assert "value" not in read.field("password")
        assert [one for tag, one in read.found if tag == "script"] == [
            {"type": "module", "src": "/assets/join.js"}
        ]
    assert (await send(browser, code)).status_code == 303


async def test_a_member_elsewhere_gives_the_password_they_have(
    browser: httpx2.AsyncClient, identity: IdentityService, make: Make, ids: Ids
):
    merchant = await make.merchant()
    await make.member(merchant.id, Role.SUPPORT, EMAIL)
    code = (await invited(identity, ids)).token.reveal()
    refused = await send(browser, code)
    assert refused.status_code == 401
    assert "is a member here already" in Elements(refused.text).alerts[0]
    assert (await send(browser, code, password=PASSWORD.reveal())).status_code == 303
    assert await outcome(identity, EMAIL, PASSWORD) == "in"


async def test_the_secret_is_in_no_address_and_the_page_asks_nobody_else(
    browser: httpx2.AsyncClient,
):
    seen = await browser.get("/join")
    assert seen.status_code == 200
    assert seen.headers["cache-control"] == "no-store"
    assert seen.headers["referrer-policy"] == "no-referrer"
    policy = seen.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "form-action 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    read = Elements(seen.text)
    (form,) = (one for tag, one in read.found if tag == "form")
    assert (form["method"], form["action"]) == ("post", "/join")
    addresses = [one[key] for _, one in read.found for key in ("src", "href") if key in one]
    assert addresses
    for address in addresses:
        assert address is not None
        assert address.startswith("/assets/")
        assert (await browser.get(address)).status_code == 200
    assert not any("style" in one or "onclick" in one for _, one in read.found)
    assert not re.search(r"url\(|@import", (await browser.get("/assets/pages.css")).text)
    assert (await browser.get("/join/bzi_secret")).status_code == 404


@pytest.mark.parametrize(
    ("body", "media_type", "status"),
    [
        ("invitation=a&invitation=b&name=c&password=d", "application/x-www-form-urlencoded", 400),
        ("invitation=%ff", "application/x-www-form-urlencoded", 400),
        ("&".join(f"a{at}=1" for at in range(11)), "application/x-www-form-urlencoded", 400),
        ("name=" + "a" * 8_192, "application/x-www-form-urlencoded", 413),
        ("invitation=\u00e4", "application/x-www-form-urlencoded", 400),
        ('{"invitation": "a"}', "application/json", 415),
        ("", "application/x-www-form-urlencoded", 401),
    ],
)
async def test_a_form_nobody_of_ours_sends_is_refused(
    body: str, media_type: str, status: int, browser: httpx2.AsyncClient
):
    refused = await browser.post(
        "/join", content=body.encode(), headers={"content-type": media_type}
    )
    assert refused.status_code == status
