"""What somebody allowed a program, they see on their security page and take back there."""

import re
from typing import Any

import httpx2
import pytest
from tests.identity.conftest import OPERATOR
from tests.identity.people.conftest import ANN, BEN, Hall
from tests.identity.people.test_pages import Visitor, words
from tests.identity.provider.stand import answered
from tests.identity.provider.words import BELOW, CALLBACK, REALM, VERIFIER, challenge

from bezant.identity import OfTenant, rules
from bezant.identity.openid import Browser, ImportRealm, NewClient
from bezant.secret import Secret

pytestmark = pytest.mark.requirement("S001-2", part="consents")
DEVICES = "urn:ietf:params:oauth:grant-type:device_code"
TELLING = ("planner", "Holiday <Planner>")
OTHER = ("diary", "Diary")


@pytest.fixture
async def open_hall(hall: Hall) -> Hall:
    made = tuple(
        NewClient(client_id, name, redirect_uris=(CALLBACK,), scopes=("payments.read",))
        for client_id, name in (TELLING, OTHER)
    )
    television = NewClient(
        "television", "Television", grant_types=(DEVICES, "refresh_token"),
        default_scopes=("openid", "session.read"),
    )  # fmt: skip
    trusted = NewClient("trusted", "Trusted", redirect_uris=(CALLBACK,), asks_consent=False,
                        scopes=("payments.read",))  # fmt: skip
    made = (*made, television, trusted)
    await hall.service.import_realm(ImportRealm(OPERATOR, REALM, "Shop", hall.merchant.id, made))
    return hall


async def asks(mine: Visitor, client: str) -> httpx2.Response:
    """Let a program send this browser to us; return what the browser is shown or sent."""
    wish = {
        "client_id": client, "redirect_uri": CALLBACK, "response_type": "code", "state": "s",
        "scope": "openid payments.read", "code_challenge": challenge(),
        "code_challenge_method": "S256",
    }  # fmt: skip
    return await mine.person.follow(await mine.get(f"{BELOW}/auth", **wish))


async def allowed(mine: Visitor, client: str) -> dict[str, Any]:
    """Say yes to a program, and return its tokens."""
    page = await asks(mine, client)
    assert "asks for access" in page.text
    code = answered(await mine.post(page.url.path, decision="yes"))["code"]
    return await tokens(mine.hall, client, code)


async def tokens(hall: Hall, client: str, code: str) -> dict[str, Any]:
    grant = {
        "grant_type": "authorization_code", "client_id": client, "code": code,
        "redirect_uri": CALLBACK, "code_verifier": VERIFIER,
    }  # fmt: skip
    told = await hall.client.post(f"{BELOW}/token", data=grant)
    return told.json()


async def works(hall: Hall, client: str, told: dict[str, Any]) -> tuple[bool, bool]:
    """Tell whether an access token still opens something, and its refresh token another."""
    headers = {"authorization": f"Bearer {told['access_token']}"}
    opens = await hall.client.get(f"{BELOW}/userinfo", headers=headers)
    renewal = {"client_id": client, "refresh_token": told["refresh_token"]}
    renewed = await hall.client.post(
        f"{BELOW}/token", data={"grant_type": "refresh_token", **renewal}
    )
    return opens.status_code == 200, renewed.status_code == 200


async def visitor(hall: Hall, name: str) -> Visitor:
    await hall.joined(name)
    made = Visitor(hall)
    await made.signed_in(name)
    return made


async def listed(mine: Visitor) -> list[str]:
    found = await mine.hall.service.consents(await whoever(mine))
    return [one.client for one in found]


async def whoever(mine: Visitor) -> Any:
    cookie = Secret(mine.person.cookies["bezant-sso"])
    return await mine.hall.service.signed_in(Browser(Secret(""), cookie))


async def test_a_program_that_is_ended_loses_everything_and_has_to_ask_again(
    open_hall: Hall,
) -> None:
    mine, hers = await visitor(open_hall, ANN), await visitor(open_hall, BEN)
    assert "You allowed no program" in (await mine.get("/security")).text
    told = await allowed(mine, "planner")
    others = [await allowed(mine, "diary"), await allowed(hers, "planner")]
    assert "code" in answered(await asks(mine, "planner")), "it is remembered"

    shown = words(await mine.get("/security"))
    assert "Holiday &lt;Planner&gt;" in shown
    assert "see payments" in shown
    planner = (await listed(mine))[-1]
    cross = await mine.post("/security", "cross-site", do="end-consent", what=planner)
    assert cross.status_code == 403
    ended = await mine.post("/security", do="end-consent", what=planner)
    assert "may do nothing for you" in (await mine.person.follow(ended)).text

    assert await works(open_hall, "planner", told) == (False, False)
    assert await works(open_hall, "diary", others[0]) == (True, True)
    assert await works(open_hall, "planner", others[1]) == (True, True)
    assert "asks for access" in (await asks(mine, "planner")).text, "it asks anew"
    assert "code" in answered(await asks(hers, "planner"))
    again = await mine.post("/security", do="end-consent", what=planner)
    assert (again.status_code, "allowed this program nothing" in again.text) == (404, True)


async def test_a_code_under_way_is_worth_nothing_and_no_proof_is_asked_for(open_hall: Hall) -> None:
    mine = await visitor(open_hall, ANN)
    await allowed(mine, "planner")
    for _ in range(2):  # In use, the session does not end by itself; its proof ages.
        open_hall.clock.move(rules.STEP_UP_FRESH * 0.6)
        assert (await mine.get("/security")).status_code == 200
    code = answered(await asks(mine, "planner"))["code"]
    ended = await mine.post("/security", do="end-consent", what=(await listed(mine))[0])
    assert ended.headers["location"].startswith("/security?")
    assert (await tokens(open_hall, "planner", code))["error"] == "invalid_grant"


async def test_the_same_over_json(open_hall: Hall) -> None:
    mine = await visitor(open_hall, ANN)
    told = await allowed(mine, "planner")
    token = await open_hall.session()
    (one,) = (await open_hall.read("/v1/consents", token))["data"]
    assert (one["name"], one["realm"], one["scopes"]) == (
        "Holiday <Planner>", "Shop", ["openid", "payments.read"],
    )  # fmt: skip
    by_token = await open_hall.drop(f"/v1/consents/{one['client']}", told["access_token"])
    assert by_token.status_code == 403, "a program ends nothing in one's name"
    for wrong, status in (("cli_" + "0" * 32, 404), ("x", 400)):
        assert (await open_hall.drop(f"/v1/consents/{wrong}", token)).status_code == status
    assert (await open_hall.drop(f"/v1/consents/{one['client']}", token)).status_code == 204
    assert (await open_hall.read("/v1/consents", token))["data"] == []


async def device_let_in(mine: Visitor) -> dict[str, str]:
    """Let a device in by the code that it shows, and return what it asks for its tokens with."""
    begun = await mine.hall.client.post(f"{BELOW}/auth/device", data={"client_id": "television"})
    page = await mine.post(f"{BELOW}/device", user_code=begun.json()["user_code"])
    asked = await mine.person.follow(page)
    assert "Is this your device?" in asked.text
    action = re.search(r'action="([^"]+)"', asked.text)
    assert action
    assert "It is let in" in (await mine.post(action[1], decision="yes")).text
    return {
        "grant_type": DEVICES, "client_id": "television",
        "device_code": begun.json()["device_code"],
    }  # fmt: skip


@pytest.mark.parametrize("fetched", [True, False], ids=["with its tokens", "before its tokens"])
async def test_a_device_that_was_let_in_is_shown_and_ended_too(
    open_hall: Hall, fetched: bool
) -> None:
    mine = await visitor(open_hall, ANN)
    grant = await device_let_in(mine)
    told: dict[str, Any] = {}
    if fetched:
        told = (await open_hall.client.post(f"{BELOW}/token", data=grant)).json()
        assert await works(open_hall, "television", told) == (True, True)
    assert "Television" in words(await mine.get("/security"))
    (television,) = await listed(mine)
    ended = await mine.post("/security", do="end-consent", what=television)
    assert "may do nothing for you" in (await mine.person.follow(ended)).text
    assert await listed(mine) == []
    if fetched:
        assert await works(open_hall, "television", told) == (False, False)
    else:
        late = await open_hall.client.post(f"{BELOW}/token", data=grant)
        assert (late.status_code, late.json()["error"]) == (400, "invalid_grant")


async def test_what_nobody_was_asked_about_ends_as_well(open_hall: Hall) -> None:
    mine = await visitor(open_hall, ANN)
    told = await tokens(open_hall, "trusted", answered(await asks(mine, "trusted"))["code"])
    assert await works(open_hall, "trusted", told) == (True, True)
    assert await listed(mine) == [], "there is no consent of it"
    owned = await open_hall.service.registered_clients(OfTenant(OPERATOR, open_hall.merchant.id))
    (trusted,) = [one.id for one in owned.clients if one.client_id == "trusted"]
    for status in (204, 404):
        token = await open_hall.session()
        assert (await open_hall.drop(f"/v1/consents/{trusted}", token)).status_code == status
        assert await works(open_hall, "trusted", told) == (False, False)
