"""Devices: each is shown while it can still do something, and one word ends them all."""

from datetime import timedelta

import pytest
from tests.identity.people.conftest import ANN, BEN, PASSWORD, Hall

pytestmark = [pytest.mark.catalogue("T76"), pytest.mark.requirement("S002-2", part="devices")]
NEXT = "another fine password"


async def login(hall: Hall, email: str = ANN) -> dict[str, str]:
    return await hall.told("/auth/login", {"email": email, "password": PASSWORD})


async def works(hall: Hall, token: str) -> bool:
    hall.callers.forget("")
    headers = {"authorization": f"Bearer {token}"}
    return (await hall.client.get("/v1/session", headers=headers)).status_code == 200


async def test_signing_out_everywhere_ends_sessions_and_tokens_on_every_device(hall: Hall) -> None:
    await hall.joined()
    await hall.joined(BEN)
    first, second, tokens = await hall.session(), await hall.session(), await login(hall)
    others = await login(hall, BEN)
    assert len((await hall.read("/v1/sessions", first))["data"]) == 3
    answer = await hall.drop("/v1/sessions", first)
    assert answer.json() == {"ended": 3}
    for token in (first, second, tokens["accessToken"]):
        assert not await works(hall, token)
    refused = await hall.post("/auth/refresh", {"refreshToken": tokens["refreshToken"]})
    assert refused.status_code == 401
    assert await works(hall, others["accessToken"]), "the control: others are not touched"


async def test_a_device_with_tokens_is_shown_though_its_session_is_idle(hall: Hall) -> None:
    await hall.joined()
    await login(hall)
    hall.clock.move(timedelta(days=2))
    token = await hall.session()
    found = (await hall.read("/v1/sessions", token))["data"]
    assert len(found) == 2
    for one in found[1:]:  # The newest is this one.
        assert (await hall.drop(f"/v1/sessions/{one['id']}", token)).status_code == 200
    assert len((await hall.read("/v1/sessions", token))["data"]) == 1


async def test_a_device_not_seen_before_is_told_to_its_owner(hall: Hall) -> None:
    await hall.joined()
    first, second = {"user-agent": "Firefox on Linux"}, {"user-agent": "Safari on a telephone"}
    right = {"email": ANN, "password": PASSWORD}
    wrong = {**right, "password": "not the right one"}
    for agent, body in ((first, right), (first, right), (second, wrong), (second, right)):
        await hall.post("/v1/session", body, **agent)
        await hall.post("/v1/session", body, **agent)
    told = [one["text"] for one in await hall.letters() if one["kind"] == "new_device"]
    assert len(told) == 1, "not about the very first one, nor about who did not get in"
    assert "Safari on a telephone, from 127.0.0.1" in told[0]


async def test_one_device_is_ended_with_all_that_began_there(hall: Hall) -> None:
    await hall.joined()
    own = (await hall.log_in()).json()
    tokens = await login(hall)
    sessions = (await hall.read("/v1/sessions", tokens["accessToken"]))["data"]
    assert sessions == (await hall.read("/v1/sessions", own["token"]))["data"]
    (other,) = [one["id"] for one in sessions if one["id"] != own["id"]]
    assert (await hall.drop(f"/v1/sessions/{other}", own["token"])).status_code == 200
    assert not await works(hall, tokens["accessToken"])
    assert await works(hall, own["token"])


async def test_nobody_ends_another_persons_session(hall: Hall) -> None:
    await hall.joined()
    await hall.joined(BEN)
    mine, theirs = await hall.session(), await hall.session(BEN)
    (session,) = (await hall.read("/v1/sessions", mine))["data"]
    assert (await hall.drop(f"/v1/sessions/{session['id']}", theirs)).status_code == 404
    assert await works(hall, mine)


async def test_a_new_password_ends_everything_and_tells_its_owner(hall: Hall) -> None:
    await hall.joined()
    token, tokens = await hall.session(), await login(hall)
    body = {"old": PASSWORD, "new": NEXT}
    headers = {"authorization": f"Bearer {token}"}
    answer = await hall.client.put("/v1/password", json=body, headers=headers)
    assert answer.status_code == 204, answer.text
    assert not await works(hall, tokens["accessToken"])
    assert any("your password was changed" in one["text"] for one in await hall.letters())
    assert (await hall.log_in(password=NEXT)).status_code == 201


async def test_a_well_known_password_is_no_new_one(hall: Hall) -> None:
    await hall.joined()
    token = await hall.session()
    headers = {"authorization": f"Bearer {token}"}
    body = {"old": PASSWORD, "new": "Password1234!"}
    answer = await hall.client.put("/v1/password", json=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "weak_password")
