"""Codes from an app and recovery codes: each once, a few guesses, and none without the password."""

import asyncio
from datetime import timedelta

import pytest
from tests.identity.people.conftest import ANN, BEN, PASSWORD, Hall

from bezant.identity import rules

pytestmark = [pytest.mark.catalogue("T74"), pytest.mark.requirement("S002-2", part="codes")]
STEP = timedelta(seconds=30)


async def test_a_code_is_asked_for_after_the_password(hall: Hall) -> None:
    await hall.joined()
    assert (await hall.log_in()).status_code == 201
    await hall.codes(await hall.session())
    answer = await hall.log_in()
    assert (answer.status_code, answer.json()["code"]) == (401, "second_factor_needed")
    hall.clock.move(STEP)
    done = await hall.log_in(code=hall.code())
    assert done.status_code == 201
    assert done.json()["methods"] == ["pwd", "otp", "mfa"]


async def test_a_code_counts_once_and_none_before_it_afterwards(hall: Hall) -> None:
    await hall.joined()
    await hall.codes(await hall.session())
    confirmed, earlier, later = hall.code(), hall.code(steps=-1), hall.code(steps=1)
    assert (await hall.log_in(code=confirmed)).status_code == 401
    assert (await hall.log_in(code=later)).status_code == 201
    for spent in (later, confirmed, earlier):
        assert (await hall.log_in(code=spent)).status_code == 401


async def test_of_many_who_show_one_code_at_once_one_gets_in(hall: Hall) -> None:
    await hall.joined()
    recovery = await hall.codes(await hall.session())
    for code in (hall.code(steps=1), recovery[0]):
        answers = await asyncio.gather(*(hall.log_in(code=code) for _ in range(4)))
        assert sorted(one.status_code for one in answers).count(201) == 1


async def test_a_recovery_code_counts_once(hall: Hall) -> None:
    await hall.joined()
    first, second, third, *_ = await hall.codes(await hall.session())
    assert (await hall.log_in(code=first.upper())).status_code == 201
    assert (await hall.log_in(code=first)).status_code == 401
    token = await hall.session(code=second)
    assert (await hall.read("/v1/security", token))["recovery_left"] == 8
    fresh = (await hall.told("/v1/recovery-codes", token=token))["recovery_codes"]
    assert (await hall.read("/v1/security", token))["recovery_left"] == 10
    assert (await hall.log_in(code=third)).status_code == 401, "those of before are void"
    assert (await hall.log_in(code=fresh[0])).status_code == 201


async def test_another_persons_code_opens_nothing(hall: Hall) -> None:
    await hall.joined()
    await hall.joined(BEN)
    await hall.codes(await hall.session())
    others = await hall.codes(await hall.session(BEN), BEN)
    for code in (hall.code(BEN, 1), others[0]):
        assert (await hall.log_in(code=code)).status_code == 401


async def test_guessing_codes_locks_within_ten_tries_for_half_an_hour(hall: Hall) -> None:
    await hall.joined()
    await hall.codes(await hall.session())
    tries = 0
    while tries < 20:
        answer = await hall.log_in(code="000000")
        if answer.status_code == 429 and int(answer.headers["retry-after"]) >= 1_800:
            break
        tries += answer.status_code == 401
        hall.clock.move(timedelta(seconds=int(answer.headers.get("retry-after", "0"))))
    assert 0 < tries <= rules.FAILURES_MAX
    hall.clock.move(timedelta(minutes=29))
    assert (await hall.log_in(code=hall.code())).status_code == 429, "a right one waits as well"
    hall.clock.move(timedelta(minutes=1, seconds=1))
    assert (await hall.log_in(code=hall.code())).status_code == 201


async def test_who_lacks_the_password_cannot_lock_the_second_factor(hall: Hall) -> None:
    await hall.joined()
    await hall.codes(await hall.session())
    for _ in range(4):
        assert (await hall.log_in(password="not the right one", code="000000")).status_code == 401
    hall.clock.move(timedelta(minutes=1))
    assert (await hall.log_in(code=hall.code())).status_code == 201


async def test_codes_count_only_once_the_app_has_shown_one(hall: Hall) -> None:
    await hall.joined()
    token = await hall.session()
    await hall.told("/v1/totp", token=token)
    assert (await hall.post("/v1/totp/confirm", {"code": "000000"}, token)).status_code == 401
    assert (await hall.log_in()).status_code == 201, "nobody locks themselves out half-way"
    await hall.codes(token)
    assert (await hall.post("/v1/totp", token=token)).status_code == 409
    assert (await hall.post("/v1/totp/confirm", {"code": hall.code()}, token)).status_code == 404


async def test_who_removes_codes_loses_the_recovery_codes_as_well(hall: Hall) -> None:
    await hall.joined()
    token = await hall.session()
    recovery = await hall.codes(token)
    assert (await hall.drop("/v1/totp", token)).status_code == 204
    assert (await hall.drop("/v1/totp", token)).status_code == 404
    found = await hall.read("/v1/security", token)
    assert (found["codes"], found["recovery_left"]) == (False, 0)
    assert (await hall.log_in()).status_code == 201
    await hall.codes(token)
    assert (await hall.log_in(code=recovery[0])).status_code == 401


async def test_a_challenge_is_somebodys_for_minutes_and_once(hall: Hall) -> None:
    await hall.joined()
    await hall.codes(await hall.session())
    login = {"email": ANN, "password": PASSWORD}

    async def shown(challenge: str, code: str) -> int:
        answer = await hall.post("/auth/login", {"challenge": challenge, "code": code})
        return answer.status_code

    first = (await hall.told("/auth/login", login))["challenge"]
    assert await shown("bzh_" + "a" * 43, hall.code(steps=1)) == 401
    assert await shown(first, "000000") == 401
    assert await shown(first, hall.code(steps=1)) == 200
    hall.clock.move(2 * STEP)
    assert await shown(first, hall.code()) == 401, "it was used"
    late = (await hall.told("/auth/login", login))["challenge"]
    hall.clock.move(timedelta(minutes=5))
    assert await shown(late, hall.code()) == 401
    ended = (await hall.told("/auth/login", login))["challenge"]
    token = await hall.session(code=hall.code())
    assert (await hall.drop("/v1/sessions", token)).status_code == 200
    assert await shown(ended, hall.code(steps=1)) == 401, "they signed out everywhere"


async def test_secrets_lie_sealed(hall: Hall, identity_database: object) -> None:
    """What makes codes and what letters say is in no column that could be read."""
    from tests.identity.people.tables import everything_in

    await hall.joined()
    recovery = await hall.codes(await hall.session())
    text = await everything_in(hall)
    secret = hall.secrets[ANN]
    assert secret.hex() not in text
    for one in (*recovery, PASSWORD, await _subject(hall)):
        assert one not in text
    assert ANN in text, "the control: what is not sealed would have been found"


async def _subject(hall: Hall) -> str:
    return (await hall.letters())[0]["subject"]
