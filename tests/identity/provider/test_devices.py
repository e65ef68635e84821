"""A device without a browser is let in by its person (RFC 8628), and by nobody else."""

import re
from datetime import timedelta

import httpx2
import pytest
from tests.identity.provider.stand import Person, Stand
from tests.identity.provider.words import BELOW, ISSUER, Json, claims_of

pytestmark = pytest.mark.catalogue("T73")
GRANT = "urn:ietf:params:oauth:grant-type:device_code"


async def begun(stand: Stand, **more: str) -> Json:
    answer = await stand.ask("auth/device", client_id="television", **more)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def poll(stand: Stand, device: Json, client: str = "television") -> httpx2.Response:
    return await stand.ask(
        "token", grant_type=GRANT, client_id=client, device_code=device["device_code"]
    )


async def page_of(stand: Stand, person: Person, code: str) -> httpx2.Response:
    """Let somebody type the code, and sign in if they are not."""
    answer = await person.post(f"{BELOW}/device", user_code=code)
    if answer.status_code != 303:
        return answer
    page = await person.get(answer.headers["location"])
    if 'name="password"' in page.text:
        page = await person.sign_in(answer)
    return page


def action_of(page: httpx2.Response) -> str:
    found = re.search(r'action="([^"]+)"', page.text)
    assert found, page.text
    return found[1]


async def test_a_person_lets_a_device_in(stand: Stand) -> None:
    device = await begun(stand)
    assert re.fullmatch(r"[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}", device["user_code"])
    assert device["verification_uri"] == f"{ISSUER}/protocol/openid-connect/device"
    waiting = await poll(stand, device)
    assert (waiting.status_code, waiting.json()["error"]) == (400, "authorization_pending")

    person = stand.person()
    page = await page_of(stand, person, device["user_code"].lower().replace("-", " "))
    assert "Is this your device?" in page.text
    assert device["user_code"] in page.text
    done = await person.post(action_of(page), decision="yes")
    assert "It is let in" in done.text

    stand.clock.move(timedelta(seconds=5))
    tokens = (await poll(stand, device)).json()
    assert claims_of(tokens["id_token"])["aud"] == "television"
    assert (await stand.who(tokens["access_token"])).json()["role"] == "customer"
    stand.clock.move(timedelta(seconds=5))
    again = await poll(stand, device)
    assert again.json()["error"] == "invalid_grant"
    renewed = await stand.ask(
        "token", grant_type="refresh_token", client_id="television",
        refresh_token=tokens["refresh_token"],
    )  # fmt: skip
    assert renewed.status_code == 200


async def test_a_person_who_is_signed_in_is_asked_all_the_same(stand: Stand) -> None:
    """Whoever sends somebody a link with a code in it gets nothing by that alone."""
    person = stand.person()
    await stand.code(person)
    device = await begun(stand)
    shown = await person.get(f"{BELOW}/device", user_code=device["user_code"])
    assert device["user_code"] in shown.text
    assert (await poll(stand, device)).json()["error"] == "authorization_pending"
    page = await page_of(stand, person, device["user_code"])
    assert "Is this your device?" in page.text
    stand.clock.move(timedelta(seconds=5))
    assert (await poll(stand, device)).json()["error"] == "authorization_pending"


async def test_a_no_is_a_no(stand: Stand) -> None:
    device, person = await begun(stand), stand.person()
    page = await page_of(stand, person, device["user_code"])
    done = await person.post(action_of(page), decision="no")
    assert "It stays outside" in done.text
    assert (await poll(stand, device)).json()["error"] == "access_denied"
    assert (await page_of(stand, person, device["user_code"])).status_code == 404


async def test_who_asks_too_often_is_told_to_slow_down(stand: Stand) -> None:
    device = await begun(stand)
    assert (await poll(stand, device)).json()["error"] == "authorization_pending"
    assert (await poll(stand, device)).json()["error"] == "slow_down"
    stand.clock.move(timedelta(seconds=5))
    assert (await poll(stand, device)).json()["error"] == "slow_down"
    stand.clock.move(timedelta(seconds=15))
    assert (await poll(stand, device)).json()["error"] == "authorization_pending"


async def test_a_device_waits_ten_minutes(stand: Stand) -> None:
    device = await begun(stand)
    stand.clock.move(timedelta(minutes=10))
    assert (await poll(stand, device)).json()["error"] == "expired_token"
    page = await page_of(stand, stand.person(), device["user_code"])
    assert page.status_code == 404


async def test_a_device_code_is_one_clients(stand: Stand) -> None:
    device = await begun(stand)
    answer = await stand.ask(
        "token", grant_type=GRANT, client_id="payment-frontend", device_code=device["device_code"]
    )
    assert answer.json()["error"] == "unauthorized_client"
    for code in ("", "x", "bzd_" + "A" * 43, device["user_code"]):
        assert (await poll(stand, {"device_code": code})).json()["error"] == "invalid_grant", code
    elsewhere = await stand.client.post("/oauth/token", data={
        "grant_type": GRANT, "client_id": "bezant-cli", "device_code": device["device_code"],
    })  # fmt: skip
    assert elsewhere.json()["error"] == "invalid_grant"
    page = await stand.person().post("/device", user_code=device["user_code"])
    assert page.status_code == 404


async def test_codes_cannot_be_guessed_for_long(stand: Stand) -> None:
    person = stand.person()
    answers = [
        (await person.post(f"{BELOW}/device", user_code=f"BBBB-{at:04}")).status_code
        for at in range(25)
    ]
    assert answers[0] == 404
    assert answers[-1] == 429
    device = await begun(stand)
    assert (await person.post(f"{BELOW}/device", user_code=device["user_code"])).status_code == 429


async def test_a_page_cannot_begin_a_devices_way(stand: Stand) -> None:
    answer = await stand.ask("auth/device", client_id="payment-frontend")
    assert answer.json()["error"] == "unauthorized_client"
    greedy = await stand.ask("auth/device", client_id="television", scope="openid api")
    assert greedy.json()["error"] == "invalid_scope"
    strange = await stand.ask("auth/device", client_id="television", mode="fast")
    assert strange.json()["error"] == "invalid_request"
