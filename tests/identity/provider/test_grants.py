"""T73, second half: what is given for a code, a refresh token, a program's key, and a session."""

import asyncio
from datetime import timedelta

import pytest
from tests.identity.provider.signer import Signer
from tests.identity.provider.stand import NOTHING, Stand, still
from tests.identity.provider.words import (
    BASE,
    BELOW,
    CALLBACK,
    ISSUER,
    VERIFIER,
    Json,
    claims_of,
)

from bezant.actor import Caller
from bezant.identity import Identify, Role
from bezant.identity.api_key import CredentialForm
from bezant.secret import Secret

pytestmark = pytest.mark.catalogue("T73")


async def test_a_code_is_used_once_and_twice_ends_what_it_gave(stand: Stand) -> None:
    code = await stand.code()
    first = await stand.exchange(code)
    assert first.status_code == 200
    assert (await stand.who(first.json()["access_token"])).status_code == 200
    again = await stand.exchange(code)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
    assert await still(stand, first.json()) == NOTHING


async def test_of_many_who_bring_one_code_at_once_none_keeps_tokens(stand: Stand) -> None:
    code = await stand.code()
    answers = await asyncio.gather(*(stand.exchange(code) for _ in range(10)))
    given = [one for one in answers if one.status_code == 200]
    assert len(given) <= 1
    assert len([one for one in answers if one.status_code == 400]) >= 9
    for one in given:
        assert await still(stand, one.json()) == NOTHING


WRONG_EXCHANGES: dict[str, tuple[dict[str, str], str]] = {
    "no verifier": ({"code_verifier": ""}, "invalid_grant"),
    "another verifier": ({"code_verifier": "w" * 43}, "invalid_grant"),
    "a short verifier": ({"code_verifier": "v" * 42}, "invalid_grant"),
    "the challenge as verifier": (
        {"code_verifier": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"}, "invalid_grant",
    ),
    "another redirect URI": ({"redirect_uri": CALLBACK + "2"}, "invalid_grant"),
    "no redirect URI": ({"redirect_uri": ""}, "invalid_grant"),
    "another client": ({"client_id": "pusher"}, "invalid_grant"),
    "no code": ({"code": ""}, "invalid_grant"),
    "a code of their own": ({"code": "bzc_" + "A" * 43}, "invalid_grant"),
    "no grant type": ({"grant_type": ""}, "invalid_request"),
    "the password grant": (
        {"grant_type": "password", "username": "customer1", "password": "ChangeMe123!"},
        "unsupported_grant_type",
    ),
    "the implicit grant": ({"grant_type": "implicit"}, "unsupported_grant_type"),
    "a grant in capitals": ({"grant_type": "AUTHORIZATION_CODE"}, "unsupported_grant_type"),
    "token exchange": (
        {"grant_type": "urn:ietf:params:oauth:grant-type:token-exchange"}, "unsupported_grant_type",
    ),
    "JWT bearer": (
        {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer"}, "unsupported_grant_type",
    ),
    "a program's grant by a page": ({"grant_type": "client_credentials"}, "unauthorized_client"),
    "a device's grant by a page": (
        {"grant_type": "urn:ietf:params:oauth:grant-type:device_code"}, "unauthorized_client",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG_EXCHANGES)
async def test_a_code_with_something_wrong_gives_nothing(stand: Stand, name: str) -> None:
    wrong, code = WRONG_EXCHANGES[name]
    given = {"code": await stand.code(), **wrong}
    answer = await stand.exchange(**given)
    assert answer.json()["error"] == code, answer.text
    assert answer.status_code in (400, 401)
    assert "access_token" not in answer.text


async def test_a_code_is_over_after_a_minute(stand: Stand) -> None:
    code = await stand.code()
    stand.clock.move(timedelta(seconds=60))
    assert (await stand.exchange(code)).json()["error"] == "invalid_grant"


async def test_a_wrong_try_spends_the_code(stand: Stand) -> None:
    code = await stand.code()
    assert (await stand.exchange(code, code_verifier="w" * 43)).status_code == 400
    assert (await stand.exchange(code)).status_code == 400


async def test_a_form_is_the_only_way_to_ask(stand: Stand) -> None:
    code = await stand.code()
    fields = {
        "grant_type": "authorization_code", "client_id": "payment-frontend", "code": code,
        "redirect_uri": CALLBACK, "code_verifier": VERIFIER,
    }  # fmt: skip
    assert (await stand.client.post(f"{BELOW}/token", json=fields)).status_code == 415
    assert (await stand.client.post(f"{BELOW}/token", params=fields)).status_code == 401
    assert (await stand.client.get(f"{BELOW}/token", params=fields)).status_code == 405
    twice = [*fields.items(), ("code", code)]
    body = "&".join(f"{name}={value}" for name, value in twice)
    kind = {"content-type": "application/x-www-form-urlencoded"}
    answer = await stand.client.post(f"{BELOW}/token", content=body, headers=kind)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert (await stand.exchange(code)).status_code == 200


async def test_a_refresh_token_is_replaced_each_time(stand: Stand) -> None:
    tokens = await stand.tokens()
    seen = {tokens["refresh_token"]}
    for _ in range(3):
        answer = await stand.refresh(tokens["refresh_token"])
        assert answer.status_code == 200, answer.text
        assert claims_of(answer.json()["id_token"])["sub"] == claims_of(tokens["id_token"])["sub"]
        assert "nonce" not in claims_of(answer.json()["id_token"])
        tokens = answer.json()
        assert tokens["refresh_token"] not in seen
        seen.add(tokens["refresh_token"])
    assert (await stand.who(tokens["access_token"])).status_code == 200


@pytest.mark.requirement("J6", part="a refresh token shown twice ends its family")
async def test_a_refresh_token_shown_twice_ends_its_family(stand: Stand) -> None:
    first = await stand.tokens()
    bystander = await stand.tokens()
    second = (await stand.refresh(first["refresh_token"])).json()
    third = (await stand.refresh(second["refresh_token"])).json()
    reused = await stand.refresh(first["refresh_token"])
    assert (reused.status_code, reused.json()["error"]) == (400, "invalid_grant")
    for one in (first, second, third):
        assert await still(stand, one) == NOTHING
    assert await still(stand, bystander) == {"access": True, "refresh": True}


async def test_of_many_who_refresh_at_once_none_keeps_the_family(stand: Stand) -> None:
    tokens = await stand.tokens()
    answers = await asyncio.gather(*(stand.refresh(tokens["refresh_token"]) for _ in range(10)))
    given = [one.json() for one in answers if one.status_code == 200]
    assert len(given) <= 1
    for one in [tokens, *given]:
        assert await still(stand, {**tokens, **one}) == NOTHING


async def test_another_clients_refresh_token_is_nothing(stand: Stand) -> None:
    tokens = await stand.tokens()
    answer = await stand.ask(
        "token", grant_type="refresh_token", client_id="television",
        refresh_token=tokens["refresh_token"],
    )  # fmt: skip
    assert answer.json()["error"] == "invalid_grant"
    assert await still(stand, tokens) == {"access": True, "refresh": True}


async def test_somebody_stays_signed_in_for_thirty_days(stand: Stand) -> None:
    tokens = await stand.tokens()
    stand.clock.move(timedelta(days=29, hours=23, minutes=30))
    renewed = await stand.refresh(tokens["refresh_token"])
    assert renewed.status_code == 200
    assert renewed.json()["expires_in"] == 1_800  # Never longer than its family.
    stand.clock.move(timedelta(minutes=30))
    assert (await stand.refresh(renewed.json()["refresh_token"])).status_code == 400


async def test_less_may_be_asked_for_but_never_more(stand: Stand) -> None:
    tokens = await stand.tokens()
    less = (await stand.refresh(tokens["refresh_token"], scope="openid")).json()
    assert less["scope"] == "openid"
    who = await stand.who(less["access_token"])
    assert who.status_code == 403
    more = await stand.refresh(less["refresh_token"], scope="openid payments.read")
    assert more.json()["error"] == "invalid_scope"
    back = (await stand.refresh(less["refresh_token"])).json()
    assert "checkout.write" in back["scope"]


ASSERTIONS: dict[str, Json] = {
    "another issuer": {"iss": "partner"},
    "another subject": {"sub": "partner"},
    "for another server": {"aud": "https://other.example"},
    "for the token endpoint": {"aud": f"{BASE}{BELOW}/token"},
    "for two servers": {"aud": [ISSUER, "https://other.example"]},
    "for nobody": {"aud": ""},
    "for another realm": {"aud": BASE},
    "no name of its own": {"jti": ""},
    "a name too long": {"jti": "x" * 300},
    "for ever": {"exp": 9_999_999_999},
    "for an hour": {"exp": 3_600 + 1_795_176_000},
    "over": {"exp": 1_795_175_000},
    "issued later": {"iat": 1_795_176_600},
    "valid later": {"nbf": 1_795_176_600},
    "exp as text": {"exp": "1795176060"},
}


async def test_a_client_proves_who_it_is_or_gets_nothing(stand: Stand) -> None:
    for name, wrong in ASSERTIONS.items():
        text = stand.robot.assertion("robot", **wrong)
        answer = await stand.robot_token(client_assertion=text)
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client"), name
    thief = Signer(stand.clock)
    forged = {
        "another key": thief.assertion("robot"),
        "the partner's key": stand.partner.assertion("robot"),
        "no signature": stand.robot.assertion("robot").rpartition(".")[0] + ".",
        "typ of a token": stand.robot.sign(
            {"typ": "at+jwt"}, claims_of(stand.robot.assertion("robot"))
        ),
        "a key in the header": thief.sign(
            {"typ": "JWT", "jwk": thief.public}, claims_of(thief.assertion("robot"))
        ),
        "nothing": "",
        "rubbish": "a.b.c",
    }
    for name, text in forged.items():
        answer = await stand.robot_token(client_assertion=text)
        assert answer.json()["error"] in ("invalid_client", "invalid_request"), name
        assert answer.status_code in (400, 401), name
    assert (await stand.robot_token()).status_code == 200


async def test_a_clients_proof_is_taken_once(stand: Stand) -> None:
    text = stand.robot.assertion("robot")
    answers = [(await stand.robot_token(client_assertion=text)).status_code for _ in range(3)]
    assert answers == [200, 401, 401]
    many = stand.robot.assertion("robot")
    raced = await asyncio.gather(*(stand.robot_token(client_assertion=many) for _ in range(8)))
    assert sorted(one.status_code for one in raced) == [200] + [401] * 7


async def test_a_weaker_proof_than_the_registered_one_is_none(stand: Stand) -> None:
    for fields in (
        {"client_id": "robot"},
        {"client_id": "robot", "client_secret": "guess"},
        {"client_id": "payment-frontend", "client_secret": "guess"},
        {"client_id": "proxied", **stand.assertion(stand.robot, "proxied")},
        {"client_id": "partner", **stand.assertion(stand.robot, "robot")},
        {"client_assertion_type": "urn:x", "client_assertion": stand.robot.assertion("robot")},
    ):
        answer = await stand.ask("token", grant_type="client_credentials", **fields)
        assert answer.json()["error"] in ("invalid_client", "invalid_request"), fields
    basic = {"authorization": "Basic cm9ib3Q6c2VjcmV0"}
    answer = await stand.ask("token", basic, grant_type="client_credentials")
    assert answer.json()["error"] == "invalid_client"


@pytest.mark.requirement("S001-7", part="tokens of machine clients")
async def test_a_program_acts_for_its_merchant(stand: Stand) -> None:
    answer = (await stand.robot_token(scope="payments.read")).json()
    assert "refresh_token" not in answer
    assert "id_token" not in answer
    found = await stand.service.identify(
        Identify(CredentialForm.ANY, Secret(answer["access_token"]))
    )
    assert found.actor.caller is Caller.CLIENT
    assert found.actor.tenant == stand.merchant.id
    assert found.actor.permissions == {"payments.read", "ledger.read"}
    assert found.actor.role == Role.DEVELOPER
    greedy = await stand.robot_token(scope="payments.write")
    assert greedy.json()["error"] == "invalid_scope"


async def test_each_realm_has_its_own_clients(stand: Stand) -> None:
    for path in ("/oauth/token", "/realms/nothing/protocol/openid-connect/token"):
        answer = await stand.client.post(
            path, data={"grant_type": "client_credentials", **stand.assertion(stand.robot, "robot")}
        )
        assert answer.status_code in (401, 404), path
    assert (
        await stand.client.get("/realms/nothing/.well-known/openid-configuration")
    ).status_code == 404
    assert (
        await stand.client.get("/realms/a%2Fb/.well-known/openid-configuration")
    ).status_code == 404


async def test_what_a_token_is_worth(stand: Stand) -> None:
    tokens = await stand.tokens()

    async def worth(token: str, signer: Signer = stand.partner, client: str = "partner") -> Json:
        proof = stand.assertion(signer, client)
        return (await stand.ask("token/introspect", token=token, **proof)).json()

    access = await worth(tokens["access_token"])
    assert access["active"] is True
    assert (access["client_id"], access["iss"]) == ("payment-frontend", ISSUER)
    assert (await worth(tokens["refresh_token"]))["active"] is True
    for nothing in ("x", "bzr_x", "a.b.c", tokens["id_token"]):
        assert await worth(nothing) == {"active": False}
    public = await stand.ask(
        "token/introspect", token=tokens["access_token"], client_id="payment-frontend"
    )
    assert public.json()["error"] == "unauthorized_client"
    assert (await stand.ask("token/introspect", token="x")).status_code == 401
    await stand.refresh(tokens["refresh_token"])
    assert await worth(tokens["refresh_token"]) == {"active": False}


@pytest.mark.parametrize("which", ["access_token", "refresh_token"])
async def test_a_client_ends_its_tokens(stand: Stand, which: str) -> None:
    tokens = await stand.tokens()
    strange = await stand.ask(
        "revoke", token=tokens[which], **stand.assertion(stand.partner, "partner")
    )
    assert strange.status_code == 200
    assert (await stand.who(tokens["access_token"])).status_code == 200
    answer = await stand.ask("revoke", token=tokens[which], client_id="payment-frontend")
    assert answer.status_code == 200
    # At once, without forgetting anything by hand: it happened in this very process.
    assert (await stand.who(tokens["access_token"])).status_code == 401
    assert (await stand.refresh(tokens["refresh_token"])).status_code == 400
    for token in (tokens[which], "x", "a.b.c"):
        again = await stand.ask("revoke", token=token, client_id="payment-frontend")
        assert again.status_code == 200
    assert (await stand.ask("revoke", client_id="payment-frontend")).status_code == 400


async def test_who_somebody_is(stand: Stand) -> None:
    tokens = await stand.tokens()
    by = {"authorization": f"Bearer {tokens['access_token']}"}
    told = await stand.client.get(f"{BELOW}/userinfo", headers=by)
    assert told.json() == {
        "sub": claims_of(tokens["id_token"])["sub"],
        "name": "Sample Customer",
        "preferred_username": "customer1",
        "email": "customer1@example.com",
        "roles": ["customer"],
    }
    assert (await stand.client.post(f"{BELOW}/userinfo", headers=by, data={})).status_code == 200
    robot = (await stand.robot_token()).json()["access_token"]
    by = {"authorization": f"Bearer {robot}"}
    short = await stand.client.get(f"{BELOW}/userinfo", headers=by)
    assert (short.status_code, short.json()["error"]) == (403, "insufficient_scope")
    for headers in ({}, {"authorization": "Bearer x"}, {"x-api-key": "sk_test_x"}):
        answer = await stand.client.get(f"{BELOW}/userinfo", headers=headers)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Bearer ")
