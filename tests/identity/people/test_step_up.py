"""Money and keys: for these a person proved lately who they are, and twice where it is live."""

from datetime import timedelta
from typing import Any

import pytest
from tests.identity.conftest import PASSWORD as SAME
from tests.identity.conftest import Open
from tests.identity.people.authenticator import Authenticator
from tests.identity.people.conftest import ANN, PASSWORD, Hall

from bezant.actor import Actor, Mode
from bezant.identity import Identify, LogIn, Role, rules
from bezant.identity.api_key import CredentialForm
from bezant.identity.people import one_time
from bezant.identity.person import ConfirmCodes, StepUp
from bezant.identity.service import IdentityService
from bezant.secret import Secret

pytestmark = pytest.mark.requirement("S001-2", part="step-up for money and keys")
NEW_KEY = {"kind": "sk", "role": "developer"}


async def staff(hall: Hall) -> str:
    """Return the session of a merchant's administrator who signed in a while ago."""
    member = await hall.make.member(hall.merchant.id, Role.ADMIN, ANN)
    token = await hall.session(member.email)
    assert (await hall.post("/v1/keys", NEW_KEY, token)).status_code == 201
    for _ in range(2):
        hall.clock.move(timedelta(minutes=8))
        assert (await hall.client.get("/v1/session", headers=_by(token))).status_code == 200
    return token


def _by(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


async def step_up(hall: Hall, token: str, **proof: Any) -> int:
    return (await hall.post("/v1/session/step-up", proof, token)).status_code


async def makes_keys(hall: Hall, token: str) -> bool:
    answer = await hall.post("/v1/keys", NEW_KEY, token)
    if answer.status_code == 403:
        assert answer.json()["code"] == "step_up_needed"
        assert answer.json()["facts"] == {"permission": "api_keys.write"}
    return answer.status_code == 201


async def test_after_a_while_keys_need_the_password_again(hall: Hall) -> None:
    token = await staff(hall)
    who = await hall.read("/v1/session", token)
    assert "api_keys.write" in who["withheld"]
    assert "api_keys.write" not in who["permissions"]
    assert (await hall.client.get("/v1/keys", headers=_by(token))).status_code == 200
    assert not await makes_keys(hall, token)
    assert await step_up(hall, token, password="not the right one") == 401
    assert not await makes_keys(hall, token)
    assert await step_up(hall, token, password=PASSWORD) == 200
    assert await makes_keys(hall, token)
    assert (await hall.read("/v1/session", token))["withheld"] == []


async def test_every_permission_over_money_and_keys_comes_back_only_then(hall: Hall) -> None:
    token = await staff(hall)
    held = set((await hall.read("/v1/session", token))["permissions"])
    assert held & rules.STEP_UP == set()
    await step_up(hall, token, password=PASSWORD)
    held = set((await hall.read("/v1/session", token))["permissions"])
    assert held >= rules.STEP_UP & rules.member_permissions(Role.ADMIN, hall.merchant.id)


async def test_a_password_alone_is_less_than_two_factors(hall: Hall) -> None:
    member = await hall.make.member(hall.merchant.id, Role.ADMIN, ANN)
    token = await hall.session(member.email)
    recovery = await hall.codes(token)
    hall.clock.move(timedelta(minutes=14, seconds=50))
    await hall.client.get("/v1/session", headers=_by(token))
    hall.clock.move(timedelta(minutes=1))
    answer = await hall.post("/v1/session/step-up", {"password": PASSWORD}, token)
    assert (answer.status_code, answer.json()["code"]) == (401, "second_factor_needed")
    assert await step_up(hall, token, code="000000") == 401
    assert not await makes_keys(hall, token)
    assert await step_up(hall, token, code=recovery[0]) == 200
    assert await makes_keys(hall, token)


async def test_a_passkey_proves_it_and_anothers_does_not(hall: Hall) -> None:
    token = await staff(hall)
    await step_up(hall, token, password=PASSWORD)
    device, other = Authenticator(), Authenticator(b"credential-of-ben-0000001")
    await hall.passkey(token, device)
    await hall.joined("ben@example.com")
    await hall.passkey(await hall.session("ben@example.com"), other)
    for _ in range(2):
        hall.clock.move(timedelta(minutes=8))
        await hall.read("/v1/session", token)
    assert not await makes_keys(hall, token)
    assert await step_up(hall, token, credential=other.used(await hall.asked())) == 401
    assert not await makes_keys(hall, token)
    assert await step_up(hall, token, credential=device.used(await hall.asked())) == 200
    assert await makes_keys(hall, token)


async def test_how_one_signs_in_changes_only_freshly_proved(hall: Hall) -> None:
    await hall.joined()
    token = await hall.session()
    for _ in range(2):
        hall.clock.move(timedelta(minutes=8))
        await hall.read("/v1/session", token)
    for path in ("/v1/totp", "/v1/passkeys/options", "/v1/recovery-codes"):
        answer = await hall.post(path, token=token)
        assert (answer.status_code, answer.json()["code"]) == (403, "step_up_needed"), path
    assert (await hall.drop("/v1/totp", token)).status_code == 403
    assert await step_up(hall, token, password=PASSWORD) == 200
    assert (await hall.post("/v1/totp", token=token)).status_code == 201


async def test_a_token_of_long_ago_changes_nothing_of_how_one_signs_in(hall: Hall) -> None:
    await hall.joined()
    tokens = await hall.told("/auth/login", {"email": ANN, "password": PASSWORD})
    assert (await hall.post("/auth/2fa/setup", {}, tokens["accessToken"])).status_code == 200
    hall.clock.move(timedelta(minutes=16))
    renewed = await hall.told("/auth/refresh", {"refreshToken": tokens["refreshToken"]})
    for token in (tokens["accessToken"], renewed["accessToken"]):
        hall.callers.forget("")
        answer = await hall.post("/auth/2fa/setup", {}, token)
        assert (answer.status_code, answer.json()["code"]) == (403, "step_up_needed")
    assert (
        await hall.client.get("/v1/session", headers=_by(renewed["accessToken"]))
    ).status_code == 200


async def test_the_staff_of_a_live_installation_moves_money_with_two_factors(
    open_identity: Open, hall: Hall
) -> None:
    live = await open_identity(live=True)
    make = type(hall.make)(live, hall.make.ids)
    shop = await make.merchant()
    email = (await make.member(shop.id, Role.FINANCE)).email
    session = await live.log_in(LogIn(email, SAME, shop.id, Mode.LIVE))

    async def actor() -> Actor:
        return (await live.identify(Identify(CredentialForm.SESSION, session.token))).actor

    by = await actor()
    assert "refunds.write" in by.withheld
    assert not by.may("refunds.write")
    assert by.may("security.write"), "else nobody could set up the second factor"
    code = await _set_up(live, by, hall)
    assert not (await actor()).may("refunds.write"), "a factor set up is not yet one shown"
    await live.step_up(StepUp(session.token, code=Secret(code)))
    assert (await actor()).may("refunds.write")


async def _set_up(live: IdentityService, by: Actor, hall: Hall) -> str:
    """Set up codes; return the next one."""
    from tests.identity.people.conftest import secret_of

    secret = secret_of((await live.begin_codes(by)).secret.reveal())
    step = int(hall.clock.now().timestamp()) // one_time.STEP_SECONDS
    await live.confirm_codes(ConfirmCodes(by, Secret(one_time.code_at(secret, step))))
    return one_time.code_at(secret, step + 1)
