"""The addresses of /auth: exactly these shapes, no cookies, a refresh token that counts once."""

from datetime import timedelta

import pytest
from tests.identity.people.authenticator import Authenticator
from tests.identity.people.conftest import ANN, PASSWORD, Hall, claims, secret_of

from bezant.identity import rules
from bezant.identity.provider import scopes

pytestmark = pytest.mark.requirement("S002-2", part="/auth")
LOGIN = {"email": ANN, "password": PASSWORD}
TOKENS = {"accessToken", "refreshToken", "idToken", "tokenType", "expiresIn"}


async def test_a_person_signs_up_and_signs_in(hall: Hall) -> None:
    answer = await hall.post("/auth/signup", {**LOGIN, "name": "Ann"})
    assert (answer.status_code, answer.json()) == (202, {"status": "confirmation_sent"})
    token = await hall.code_in_letter()
    confirmed = await hall.post("/auth/signup/confirm", {"token": token, "password": PASSWORD})
    assert confirmed.status_code == 201
    user = confirmed.json()["userId"]
    signed_in = await hall.post("/auth/login", LOGIN)
    assert signed_in.status_code == 200
    assert set(signed_in.json()) == TOKENS
    assert signed_in.json()["expiresIn"] == 3_600
    assert "set-cookie" not in signed_in.headers
    assert signed_in.headers["cache-control"] == "no-store"
    assert claims(signed_in.json()["accessToken"])["sub"] == user
    identity = claims(signed_in.json()["idToken"])
    assert (identity["sub"], identity["email"], identity["amr"]) == (user, ANN, ["pwd"])


async def test_with_a_second_factor_there_is_a_challenge_first(hall: Hall) -> None:
    await hall.joined()
    token = (await hall.told("/auth/login", LOGIN))["accessToken"]
    begun = await hall.told("/auth/2fa/setup", {}, token)
    assert set(begun) == {"secret", "otpauthUrl"}
    assert begun["otpauthUrl"].startswith("otpauth://totp/Bezant:ann%40example.com?")
    assert f"secret={begun['secret']}" in begun["otpauthUrl"]
    hall.secrets[ANN] = secret_of(begun["secret"])
    done = await hall.told("/auth/2fa/setup", {"code": hall.code()}, token)
    assert done["enabled"] is True
    assert len(set(done["recoveryCodes"])) == 10
    challenge = await hall.told("/auth/login", LOGIN)
    assert set(challenge) == {"challenge", "methods", "expiresIn"}
    assert challenge["methods"] == ["code", "recovery"]
    shown = {"challenge": challenge["challenge"], "code": hall.code(steps=1)}
    assert set(await hall.told("/auth/login", shown)) == TOKENS


async def test_a_passkey_is_set_up_and_signs_in_alone(hall: Hall) -> None:
    await hall.joined()
    token = (await hall.told("/auth/login", LOGIN))["accessToken"]
    options = await hall.told("/auth/biometric/setup", {}, token)
    asked = options["publicKey"]
    assert asked["rp"] == {"name": "Bezant", "id": "localhost"}
    assert asked["authenticatorSelection"]["userVerification"] == "required"
    assert asked["attestation"] == "none"
    device = Authenticator()
    body = {"name": "Telephone", "credential": device.made(options)}
    made = await hall.told("/auth/biometric/setup", body, token)
    assert set(made) == {"id", "name", "recoveryCodes"}
    shown = {"credential": device.used(await hall.told("/auth/login/options", {}))}
    tokens = await hall.told("/auth/login", shown)
    assert claims(tokens["idToken"])["amr"] == ["pop", "user", "mfa"]


async def test_a_refresh_token_counts_once_and_shown_twice_ends_the_family(hall: Hall) -> None:
    await hall.joined()
    first = await hall.told("/auth/login", LOGIN)
    second = await hall.told("/auth/refresh", {"refreshToken": first["refreshToken"]})
    assert set(second) == TOKENS
    assert second["refreshToken"] != first["refreshToken"]
    stolen = await hall.post("/auth/refresh", {"refreshToken": first["refreshToken"]})
    assert (stolen.status_code, stolen.json()["code"]) == (401, "unknown_credential")
    for answer in (
        await hall.post("/auth/refresh", {"refreshToken": second["refreshToken"]}),
        await hall.client.get(
            "/v1/session", headers={"authorization": f"Bearer {second['accessToken']}"}
        ),
    ):
        assert answer.status_code == 401


UNCLEAR: tuple[dict[str, object], ...] = (
    {},
    {"email": ANN},
    {"password": PASSWORD},
    {"challenge": "bzh_x"},
    {"challenge": "bzh_x", "code": "1", "credential": {}},
    {**LOGIN, "code": "123456"},
    {**LOGIN, "challenge": "bzh_x"},
    {"credential": {}, "email": ANN},
    {**LOGIN, "tenant": "platform"},
)


async def test_a_remembered_token_loses_the_right_to_change_how_one_signs_in_in_time(
    hall: Hall,
) -> None:
    """A token is remembered for minutes, but what ages of it is not."""
    await hall.joined()
    await hall.callers._poll()
    token = (await hall.told("/auth/login", LOGIN))["accessToken"]
    answers: list[int] = []
    for wait in (timedelta(0), rules.STEP_UP_FRESH - timedelta(seconds=1), timedelta(seconds=1)):
        hall.clock.move(wait)
        await hall.callers._poll()
        answers.append((await hall.post("/auth/2fa/setup", {}, token)).status_code)
    assert answers == [200, 200, 403]


async def test_what_could_mean_two_things_is_refused(hall: Hall) -> None:
    for body in UNCLEAR:
        assert (await hall.post("/auth/login", body)).status_code == 400, body


async def test_no_hint_says_which_part_was_wrong(hall: Hall) -> None:
    await hall.joined()
    told: set[str] = set()
    for email, password in ((ANN, "not the right one"), ("nobody@example.com", PASSWORD)):
        answer = await hall.post("/auth/login", {"email": email, "password": password})
        told.add(f"{answer.status_code} {answer.json()['code']} {answer.json()['detail']}")
    assert len(told) == 1


async def test_bad_logins_lock_within_ten_tries_for_half_an_hour(hall: Hall) -> None:
    await hall.joined()
    wrong = {"email": ANN, "password": "not the right one"}
    tries = 0
    while tries < 20:
        answer = await hall.post("/auth/login", wrong)
        if answer.status_code == 429 and int(answer.headers["retry-after"]) >= 1_800:
            break
        tries += answer.status_code == 401
        hall.clock.move(timedelta(seconds=int(answer.headers.get("retry-after", "0"))))
    assert 0 < tries <= 10
    assert (await hall.post("/auth/login", LOGIN)).status_code == 429
    hall.clock.move(timedelta(minutes=30, seconds=1))
    assert (await hall.post("/auth/login", LOGIN)).status_code == 200


def test_no_other_client_can_ask_for_the_right_to_change_how_one_signs_in() -> None:
    assert scopes.OWN not in scopes.KNOWN
    assert scopes.OWN not in scopes.permissions([scopes.EVERYTHING])
    assert scopes.OWN in scopes.permissions([scopes.EVERYTHING, scopes.OWN])
