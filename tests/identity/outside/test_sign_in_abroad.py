"""Signing in at a trusted issuer, from our own login page; mixed-up answers open nothing."""

from urllib.parse import parse_qsl, urlsplit

import httpx2
import pytest
from tests.identity.outside.abroad import CLIENT, Abroad, Json
from tests.identity.outside.conftest import Border
from tests.identity.provider.stand import Person, answered
from tests.identity.provider.words import BASE, claims_of

from bezant.actor import Mode

pytestmark = pytest.mark.requirement("S001-2", part="federation")

CUSTOMER = {"realm_access": {"roles": ["shop-money"]}}


async def go(border: Border, person: Person, **wish: str) -> Json:
    """Follow the link to the issuer abroad, and return what it is asked for."""
    start = await border.stand.authorize(person, **wish)
    page = start.headers["location"]
    shown = await person.get(page)
    assert f'href="{page}/at/abroad"' in shown.text
    assert "Sign in with Abroad" in shown.text
    sent = await person.get(f"{page}/at/abroad")
    assert sent.status_code == 303, sent.text
    target = sent.headers["location"]
    assert target.startswith(f"{border.abroad.issuer}/authorize?")
    return {"page": page, **dict(parse_qsl(urlsplit(target).query))}


async def back(person: Person, wish: Json, code: str, **more: str) -> httpx2.Response:
    given = {"code": code, "state": wish["state"], **more}
    path = urlsplit(wish["redirect_uri"]).path
    return await person.get(path, **{name: value for name, value in given.items() if value})


async def test_somebody_signs_in_abroad_and_arrives_at_the_client(border: Border) -> None:
    person, abroad = border.stand.person(), border.abroad
    wish = await go(border, person)
    assert wish["redirect_uri"] == f"{BASE}/signed-in-at/abroad"
    assert (wish["client_id"], wish["scope"]) == (CLIENT, "openid profile")
    assert wish["code_challenge_method"] == "S256"
    code = abroad.agree(wish, auth_time=int(abroad.clock.now().timestamp()) - 5, amr=["otp", "x"])
    arrived = answered(await person.follow(await back(person, wish, code, iss=abroad.issuer)))
    tokens = (await border.stand.exchange(arrived["code"])).json()
    told = claims_of(tokens["id_token"])
    who = await border.who(tokens["access_token"])
    assert who.status_code == 200, who.text
    assert told["amr"] == ["otp"]
    assert told["auth_time"] == int(abroad.clock.now().timestamp()) - 5
    same = await border.who(abroad.token(**CUSTOMER))
    assert same.json()["subject"] == who.json()["subject"]
    assert (who.json()["role"], who.json()["mode"]) == ("finance", Mode.TEST)


async def test_who_is_signed_in_is_not_sent_abroad_again(border: Border) -> None:
    person, abroad = border.stand.person(), border.abroad
    wish = await go(border, person)
    await person.follow(await back(person, wish, abroad.agree(wish), iss=abroad.issuer))
    again = await border.stand.authorize(person)
    assert "code" in answered(again)


async def test_answers_that_are_not_for_this_way_open_nothing(border: Border) -> None:
    abroad = border.abroad
    abroad.new_key("stranger")

    async def tried(
        *, theirs: Json | None = None, said: str = abroad.issuer, code: str = "", **claims: object
    ) -> tuple[int, bool]:
        person = border.stand.person()
        wish = await go(border, person)
        given = code or abroad.agree({**wish, **(theirs or {})}, **claims)
        answer = await back(person, wish, given, iss=said)
        return answer.status_code, any("sso" in name for name in person.cookies)

    other = await go(border, border.stand.person())
    refused = {
        "another way's challenge": await tried(theirs={"code_challenge": other["code_challenge"]}),
        "another way's nonce": await tried(theirs={"nonce": other["nonce"]}),
        "another issuer's answer": await tried(said="https://elsewhere.example"),
        "an answer of nobody": await tried(said=""),
        "a code of nobody": await tried(code="made-up"),
        "another client's token": await tried(aud="somebody"),
        "told to another": await tried(aud=[CLIENT, "x"], azp="x"),
        "a token of yesterday": await tried(exp=1),
        "another issuer's token": await tried(iss="https://elsewhere.example"),
        "nobody": await tried(sub=None),
        "no role here": await tried(realm_access={"roles": []}),
    }
    assert {name for name, (status, _) in refused.items() if status != 401} == set()
    assert {name for name, (_, entered) in refused.items() if entered} == set()
    assert await tried() == (303, True)


async def test_a_stolen_answer_is_worth_nothing_in_another_browser(border: Border) -> None:
    abroad, victim, thief = border.abroad, border.stand.person(), border.stand.person()
    wish = await go(border, victim)
    code = abroad.agree(wish)
    stolen = await back(thief, wish, code, iss=abroad.issuer)
    # And the other way round: somebody is led into a stranger's session.
    hers = await go(border, thief)
    fixed = await victim.get("/signed-in-at/abroad", code=abroad.agree(hers), state=hers["state"])
    assert stolen.status_code == fixed.status_code == 404
    assert not any("sso" in name for name in (*thief.cookies, *victim.cookies))
    assert abroad.codes, "its code was never shown"


@pytest.mark.parametrize(
    "query",
    ["", "?state=&code=", "?error=access_denied&state=STATE", "?state=STATE&code=a&code=b"],
)
async def test_a_sign_in_that_failed_abroad_can_be_tried_again(border: Border, query: str) -> None:
    person = border.stand.person()
    wish = await go(border, person)
    answer = await person.get("/signed-in-at/abroad" + query.replace("STATE", wish["state"]))
    assert answer.status_code in (400, 401, 404)
    assert (await person.get(wish["page"])).status_code == 200


async def test_a_silent_issuer_leaves_the_other_doors_open(border: Border) -> None:
    person = border.stand.person()
    page = (await border.stand.authorize(person)).headers["location"]
    border.abroad.silent = True
    answer = await person.get(f"{page}/at/abroad")
    assert (answer.status_code, 'name="password"' in answer.text) == (503, True)
    unknown = await person.get(f"{page}/at/nobody")
    assert unknown.status_code == 401


async def test_only_issuers_of_the_same_merchant_and_mode_are_shown(
    border: Border, abroad: Abroad
) -> None:
    other = await border.stand.make.merchant("Other")
    border.stand.service.trust(
        [
            abroad.trusted(other.id, name="elsewhere", issuer="http://127.0.0.1:2"),
            abroad.trusted(border.stand.merchant.id, name="live", mode=Mode.LIVE,
                           issuer="http://127.0.0.1:3"),
            abroad.trusted(border.stand.merchant.id, name="api", client_id=""),
        ]
    )  # fmt: skip
    person = border.stand.person()
    page = (await border.stand.authorize(person)).headers["location"]
    shown = await person.get(page)
    assert "/at/" not in shown.text
    for name in ("elsewhere", "live", "api"):
        assert (await person.get(f"{page}/at/{name}")).status_code == 401
