"""Forgotten passwords: only who reads the letter sets a new one, and nobody else learns a thing."""

import asyncio
from datetime import timedelta
from hashlib import sha256

import pytest
from tests.identity.people.conftest import ANN, BEN, OURS, PASSWORD, Hall
from tests.identity.people.tables import everything_in

pytestmark = pytest.mark.requirement("S002-2", part="forgotten passwords")
ASK, SET = "/v1/forgotten-passwords", "/v1/forgotten-passwords/replace"
STRANGER = "nobody@example.com"
NEW = "another sentence of words"


async def code_for(hall: Hall, email: str = ANN) -> str:
    """Ask for a letter, a moment after whatever was sent before, and read the code in it."""
    hall.clock.move(timedelta(seconds=1))
    answer = await hall.post(ASK, {"email": email})
    assert (answer.status_code, answer.json()) == (202, {"status": "asked"})
    return await hall.code_in_letter(email)


async def test_who_reads_the_letter_sets_a_new_password_once(hall: Hall) -> None:
    await hall.joined()
    session = await hall.session()
    code = await code_for(hall)
    wanted = {"token": code, "password": NEW}
    assert (await hall.post(SET, wanted)).status_code == 204
    old = await hall.client.get("/v1/session", headers={"authorization": f"Bearer {session}"})
    assert old.status_code == 401, "whoever was signed in is no longer"
    assert (await hall.log_in()).status_code == 401
    assert (await hall.log_in(password=NEW)).status_code == 201
    again = await hall.post(SET, {**wanted, "password": "a third sentence of words"})
    assert (again.status_code, again.json()["code"]) == (401, "confirmation_invalid")
    hall.clock.move(timedelta(seconds=1))
    assert (await hall.log_in(password=NEW)).status_code == 201
    kinds = [one["kind"] for one in await hall.letters() if one["to"] == ANN]
    assert "security_changed" in kinds, "they are told what happened"


async def test_the_answer_says_nothing_about_who_is_known(hall: Hall) -> None:
    await hall.joined()
    hall.clock.move(timedelta(seconds=1))
    before = len(await hall.letters())
    answers = [await hall.post(ASK, {"email": email}) for email in (ANN, BEN)]
    assert len({(one.status_code, one.text) for one in answers}) == 1
    letters = (await hall.letters())[: len(await hall.letters()) - before]
    assert [(one["to"], one["kind"]) for one in letters] == [(ANN, "password_forgotten")]


async def test_a_code_counts_for_an_hour_and_until_the_password_changes(hall: Hall) -> None:
    await hall.joined()
    code = await code_for(hall)
    hall.clock.move(timedelta(hours=1))
    assert (await hall.post(SET, {"token": code, "password": NEW})).status_code == 401
    first, second = await code_for(hall), await code_for(hall)
    hall.clock.move(timedelta(seconds=1))
    assert (await hall.post(SET, {"token": second, "password": NEW})).status_code == 204
    late = await hall.post(SET, {"token": first, "password": "a third sentence of words"})
    assert (late.status_code, late.json()["code"]) == (401, "confirmation_invalid")


async def test_a_letter_is_worth_nothing_once_the_password_was_changed(hall: Hall) -> None:
    await hall.joined()
    code = await code_for(hall)
    hall.clock.move(timedelta(seconds=1))
    head = {"authorization": f"Bearer {await hall.session()}"}
    changed = await hall.client.put(
        "/v1/password", json={"old": PASSWORD, "new": NEW}, headers=head
    )
    assert changed.status_code == 204, changed.text
    late = await hall.post(SET, {"token": code, "password": "a third sentence of words"})
    assert late.status_code == 401
    assert (await hall.log_in(password=NEW)).status_code == 201


async def test_of_many_at_once_one_sets_it(hall: Hall) -> None:
    await hall.joined()
    code = await code_for(hall)
    words = [f"sentence number {one} of words" for one in range(6)]
    told = await asyncio.gather(
        *(hall.post(SET, {"token": code, "password": one}) for one in words)
    )
    assert [one.status_code for one in told].count(204) == 1
    opens = [(await hall.log_in(password=one)).status_code for one in words[:4]]
    assert opens.count(201) <= 1


async def test_a_second_factor_is_asked_for_as_ever(hall: Hall) -> None:
    await hall.joined()
    await hall.codes(await hall.session())
    code = await code_for(hall)
    assert (await hall.post(SET, {"token": code, "password": NEW})).status_code == 204
    answer = await hall.log_in(password=NEW)
    assert (answer.status_code, answer.json()["code"]) == (401, "second_factor_needed")


@pytest.mark.parametrize(
    ("password", "refusal"), [(PASSWORD, "password_used_before"), ("short", "weak_password")]
)
async def test_a_bad_password_leaves_the_code_as_it_is(
    hall: Hall, password: str, refusal: str
) -> None:
    await hall.joined()
    code = await code_for(hall)
    answer = await hall.post(SET, {"token": code, "password": password})
    assert answer.json()["code"] == refusal
    assert (await hall.post(SET, {"token": code, "password": NEW})).status_code == 204


async def test_nobodys_mailbox_is_filled_and_somebody_always_has_a_code(hall: Hall) -> None:
    await hall.joined()
    hall.clock.move(timedelta(seconds=1))
    for _ in range(10):
        assert (await hall.post(ASK, {"email": ANN})).status_code == 202
    letters = [one for one in await hall.letters() if one["kind"] == "password_forgotten"]
    assert len(letters) == 3
    assert (
        await hall.post(SET, {"token": await hall.code_in_letter(), "password": NEW})
    ).status_code == 204
    hall.clock.move(timedelta(hours=1))
    assert await code_for(hall)


async def test_one_place_does_not_ask_for_ever(hall: Hall) -> None:
    told = [await hall.post(ASK, {"email": f"nobody{one}@example.com"}) for one in range(21)]
    assert [one.status_code for one in told] == [202] * 20 + [429]


async def test_no_code_lies_in_the_tables_and_what_was_asked_is_forgotten(hall: Hall) -> None:
    await hall.joined()
    await hall.post(ASK, {"email": STRANGER})
    assert await code_for(hall) not in await everything_in(hall)
    mark = sha256(STRANGER.encode()).hexdigest()
    assert mark in await everything_in(hall), "the control"
    hall.clock.move(timedelta(days=1, seconds=1))
    await hall.service.tidy()
    assert mark not in await everything_in(hall)


async def test_pages_do_the_same_without_a_script(hall: Hall) -> None:
    await hall.joined()
    hall.clock.move(timedelta(seconds=1))
    sent = await hall.client.post("/forgotten", data={"email": ANN}, headers=OURS)
    assert (sent.status_code, sent.headers["location"]) == (303, "/forgotten/sent")
    code = await hall.code_in_letter()
    form = {"token": code, "password": PASSWORD}
    used = await hall.client.post("/new-password", data=form, headers=OURS)
    assert (used.status_code, "last four" in used.text) == (400, True)
    cross = await hall.client.post(
        "/new-password",
        data={**form, "password": NEW},
        headers={"sec-fetch-site": "cross-site"},
    )
    assert cross.status_code == 403
    done = await hall.client.post("/new-password", data={**form, "password": NEW}, headers=OURS)
    assert (done.status_code, done.headers["location"]) == (303, "/new-password/done")
    for path in ("/forgotten", "/forgotten/sent", "/new-password", "/new-password/done"):
        page = await hall.client.get(path)
        assert (page.status_code, "<h1>" in page.text) == (200, True)
    assert (await hall.log_in(password=NEW)).status_code == 201
