"""T73, the ends: leaving, losing rights, and what a client gets while it lasts."""

import pytest
from tests.identity.conftest import OPERATOR
from tests.identity.provider.stand import NOTHING, Stand, answered, still
from tests.identity.provider.words import BELOW, PARTNER_CALLBACK, VERIFIER, Json, claims_of

from bezant.identity import ChangeMember, Identify, Role
from bezant.identity.api_key import CredentialForm
from bezant.identity.member import RemoveMember
from bezant.identity.merchant import ChangeMerchant, MerchantState
from bezant.identity.session import ChangePassword
from bezant.secret import Secret

pytestmark = pytest.mark.catalogue("T73")
BYE = "http://localhost:3000/bye"


async def test_leaving_ends_the_session_and_what_began_in_it(stand: Stand) -> None:
    person = stand.person()
    tokens = (await stand.exchange(await stand.code(person))).json()
    other = await stand.tokens()
    out = await person.get(
        f"{BELOW}/logout", id_token_hint=tokens["id_token"], state="s 1",
        post_logout_redirect_uri=BYE,
    )  # fmt: skip
    assert out.headers["location"] == f"{BYE}?state=s+1"
    assert "bezant-sso" not in person.cookies
    assert await still(stand, tokens) == NOTHING
    assert await still(stand, other) == {"access": True, "refresh": True}
    assert (await stand.authorize(person)).headers["location"].startswith("/sign-in/")


async def test_nobody_is_signed_out_by_a_link_alone(stand: Stand) -> None:
    person = stand.person()
    tokens = (await stand.exchange(await stand.code(person))).json()
    others = (await stand.tokens())["id_token"]
    for fields in ({}, {"client_id": "payment-frontend"}, {"id_token_hint": others}):
        page = await person.get(f"{BELOW}/logout", **fields)
        assert page.status_code == 200
        assert "Sign out?" in page.text
    assert await still(stand, tokens) == {"access": True, "refresh": True}
    done = await person.post(f"{BELOW}/logout", confirmed="yes")
    assert "You are signed out" in done.text
    assert await still(stand, tokens) == NOTHING


async def test_leaving_leads_only_where_the_client_said(stand: Stand) -> None:
    tokens = await stand.tokens()
    for fields in (
        {"post_logout_redirect_uri": "https://evil.example/", "id_token_hint": tokens["id_token"]},
        {"post_logout_redirect_uri": BYE, "client_id": "partner"},
        {"post_logout_redirect_uri": BYE, "id_token_hint": tokens["access_token"]},
        {"post_logout_redirect_uri": BYE, "id_token_hint": tokens["id_token"][:-4]},
        {
            "post_logout_redirect_uri": BYE,
            "id_token_hint": tokens["id_token"],
            "client_id": "partner",
        },
    ):
        answer = await stand.person().get(f"{BELOW}/logout", **fields)
        assert answer.status_code == 400, fields
        assert "location" not in answer.headers
    nowhere = await stand.person().get(
        f"{BELOW}/logout", post_logout_redirect_uri="https://evil.example/"
    )
    assert nowhere.status_code == 200
    assert "evil" not in nowhere.text


async def member_of(stand: Stand, tokens: Json) -> str:
    return claims_of(tokens["access_token"])["sub"]


@pytest.mark.parametrize("way", ["session", "password", "removed", "suspended"])
async def test_who_loses_rights_loses_tokens(stand: Stand, way: str) -> None:
    person = stand.person()
    tokens = (await stand.exchange(await stand.code(person))).json()
    bystander = (await stand.robot_token()).json()["access_token"]
    assert (await stand.who(tokens["access_token"])).status_code == 200
    member = await member_of(stand, tokens)
    match way:
        case "session":
            token = Secret(person.cookies["bezant-sso"])
            await stand.service.log_out(token)
        case "password":
            actor = (
                await stand.service.identify(
                    Identify(CredentialForm.SESSION, Secret(person.cookies["bezant-sso"]))
                )
            ).actor
            new = Secret("another fine password")
            await stand.service.change_password(ChangePassword(actor, Secret("ChangeMe123!"), new))
        case "removed":
            await stand.service.remove_member(RemoveMember(OPERATOR, stand.merchant.id, member))
        case _:
            suspended = MerchantState.SUSPENDED
            await stand.service.change_merchant(
                ChangeMerchant(OPERATOR, stand.merchant.id, suspended)
            )
    assert await still(stand, tokens) == NOTHING
    assert ((await stand.who(bystander)).status_code != 401) is (way != "suspended")


async def test_a_changed_role_counts_for_tokens_that_are_out(stand: Stand) -> None:
    tokens = await stand.tokens()
    member = await member_of(stand, tokens)
    await stand.service.change_member(
        ChangeMember(OPERATOR, stand.merchant.id, member, Role.AUDITOR)
    )
    who = await stand.who(tokens["access_token"])
    assert who.json()["role"] == "auditor"
    # Still no more than what the person let the client do, and what the new role may.
    assert set(who.json()["permissions"]) == {"session.read", "checkout.read"}


async def test_the_partner_gets_what_was_allowed_and_no_more(stand: Stand) -> None:
    person = stand.person()
    wish = {
        "client_id": "partner",
        "redirect_uri": PARTNER_CALLBACK,
        "scope": "openid session.read",
    }
    page = await person.sign_in(await stand.authorize(person, **wish))
    action = page.text.partition('action="')[2].partition('"')[0]
    told = answered(await person.follow(await person.post(action, decision="yes")))
    fields = {
        "grant_type": "authorization_code", "code": told["code"],
        "redirect_uri": PARTNER_CALLBACK, "code_verifier": VERIFIER,
    }  # fmt: skip
    tokens = (
        await stand.ask("token", **fields, **stand.assertion(stand.partner, "partner"))
    ).json()
    who = (await stand.who(tokens["access_token"])).json()
    assert who["permissions"] == ["session.read"]
    by = {"authorization": f"Bearer {tokens['access_token']}"}
    assert set((await stand.client.get(f"{BELOW}/userinfo", headers=by)).json()) == {"sub"}
