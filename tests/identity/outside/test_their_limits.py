"""What an issuer's people cannot gain by choosing tokens, and what its silence cannot cost us."""

import asyncio
import json
from datetime import timedelta

import pytest
from tests.identity.conftest import OPERATOR, PASSWORD
from tests.identity.outside.abroad import Abroad
from tests.identity.outside.conftest import Border
from tests.identity.outside.test_sign_in_abroad import back, go
from tests.identity.people.authenticator import Authenticator
from tests.identity.provider.stand import Person, answered
from tests.identity.provider.words import CALLBACK, claims_of

from bezant.actor import Actor, Caller, Mode
from bezant.identity import (
    Access,
    ChangeMember,
    ChangePassword,
    CreateRole,
    CredentialForm,
    Grant,
    Identify,
    InvitationInvalid,
    InviteMember,
    LogIn,
    NotAllowed,
    Role,
    SwitchSession,
    WrongLogin,
)
from bezant.identity.member import AcceptInvitation
from bezant.identity.openid import ImportRealm, NewClient
from bezant.identity.outside.calling import IssuerSilent
from bezant.identity.person import PasskeyLogIn, PasskeyRefused, RegisterPasskey, StepUp
from bezant.secret import Secret

pytestmark = pytest.mark.requirement("S001-2", part="outside issuers")
MONEY, ADMIN = ["shop-money"], ["shop-admin"]


async def actor(border: Border, roles: list[str], **more: object) -> Actor:
    token = border.abroad.token(realm_access={"roles": roles}, **more)
    found = await border.stand.service.identify(Identify(CredentialForm.ANY, Secret(token)))
    return found.actor


async def test_who_chooses_what_a_token_tells_sheds_no_custom_role(border: Border) -> None:
    service, merchant = border.stand.service, border.stand.merchant.id
    ids = border.stand.make.ids
    before = await actor(border, MONEY)
    role = await service.create_role(
        CreateRole(
            ids.new("rol"), OPERATOR, merchant, "Reader", Role.FINANCE,
            (Grant("payments", Access.READ),),
        )
    )  # fmt: skip
    await service.change_member(
        ChangeMember(OPERATOR, merchant, before.subject, Role.FINANCE, role.id)
    )
    narrowed = await actor(border, MONEY)
    reader = await actor(border, ["shop-reader"])
    again = await actor(border, MONEY)
    assert before.may("payments.write")
    for one in (narrowed, reader, again):
        assert one.may("payments.read")
        assert not one.may("payments.write")
        assert not one.may("refunds.read")


async def test_who_is_no_administrator_there_any_more_has_invited_nobody(border: Border) -> None:
    service, merchant = border.stand.service, border.stand.merchant.id
    admin = await actor(border, ADMIN)

    async def invited(email: str) -> Secret[str]:
        name = border.stand.make.ids.new("inv")
        return (await service.invite(InviteMember(name, admin, merchant, email, Role.ADMIN))).token

    first = await invited("friend@example.com")
    second = await invited("accomplice@example.com")
    password = Secret("correct horse battery")
    await service.accept_invitation(AcceptInvitation(first, "Friend", password))
    await actor(border, MONEY)
    with pytest.raises(InvitationInvalid):
        await service.accept_invitation(AcceptInvitation(second, "Accomplice", password))


async def test_live_money_takes_two_factors_abroad_too(border: Border, abroad: Abroad) -> None:
    stand = border.stand
    merchant = await stand.make.merchant("Live", demo=False)
    stand.service.trust([abroad.trusted(merchant.id, mode=Mode.LIVE)])
    stand.service._live = True
    password = await actor(border, MONEY, amr=["pwd"])
    silent = await actor(border, MONEY)
    both = await actor(border, MONEY, amr=["pwd", "otp", "mfa"])
    program = await actor(border, MONEY, sub="batch", client_id="batch")
    claimed = await actor(border, MONEY, client_id="batch")
    stand.service._live = False
    test = await actor(border, MONEY)
    may = [one.may("payments.write") for one in (password, silent, both, program, claimed, test)]
    assert may == [False, False, True, True, False, True]
    assert (program.caller, claimed.caller) == (Caller.CLIENT, Caller.MEMBER)
    assert not {"approvals.write", "members.write", "session.read"} & program.permissions
    assert "payments.write" in password.withheld
    assert password.may("payments.read")


async def test_who_has_no_password_of_ours_gets_in_by_their_issuer_alone(border: Border) -> None:
    """It knows whether they still may: a passkey proves anew who they are, and opens no session."""
    service, session = border.stand.service, await signed_in(border, border.stand.person())
    by = (await service.identify(Identify(CredentialForm.SESSION, session))).actor
    with pytest.raises(WrongLogin):
        await service.change_password(ChangePassword(by, Secret("a"), Secret("a new long one")))
    with pytest.raises(WrongLogin):
        await service.step_up(StepUp(session, password=Secret("x")))
    device, party = Authenticator(), service._party
    at = {"domain": party.domain, "origin": party.origins[0]}
    asked = json.loads((await service.begin_passkey(by)).options)
    made = json.dumps(device.made(asked, **at))
    await service.register_passkey(RegisterPasskey(by, "Telephone", made))

    async def shown() -> Secret[str]:
        asked = json.loads((await service.ask_passkey()).options)
        return Secret(json.dumps(device.used(asked, **at)))

    with pytest.raises(PasskeyRefused):
        await service.log_in_by_passkey(PasskeyLogIn(await shown()))
    proved = await service.step_up(StepUp(session, answer=await shown()))
    assert "mfa" in proved.methods


async def signed_in(border: Border, person: Person, **more: object) -> Secret[str]:
    abroad = border.abroad
    wish = await go(border, person)
    code = abroad.agree(wish, **more)
    await person.follow(await back(person, wish, code, iss=abroad.issuer))
    return Secret(next(one for name, one in person.cookies.items() if "sso" in name))


async def test_an_issuer_trusted_in_one_mode_lets_nobody_into_the_other(border: Border) -> None:
    service, merchant = border.stand.service, border.stand.merchant.id
    person, own = border.stand.person(), await border.stand.make.member(merchant)
    session = await signed_in(border, person)
    with pytest.raises(NotAllowed):
        await service.switch_session(SwitchSession(session, merchant, Mode.LIVE))
    stays = await service.switch_session(SwitchSession(session, merchant, Mode.TEST))
    assert stays.mode is Mode.TEST
    ours = await service.log_in(LogIn(own.email, PASSWORD, merchant))
    moved = await service.switch_session(SwitchSession(ours.token, merchant, Mode.LIVE))
    assert moved.mode is Mode.LIVE
    # Nor by a client that works in the other mode: whoever comes to it is asked who they are.
    await service.import_realm(
        ImportRealm(
            OPERATOR, "ecommerce", "Shop", merchant,
            (
                NewClient("live-page", "Live", redirect_uris=(CALLBACK,), mode=Mode.LIVE),
                NewClient("test-page", "Test", redirect_uris=(CALLBACK,), mode=Mode.TEST),
            ),
        )
    )  # fmt: skip
    asked = await border.stand.authorize(person, client_id="live-page")
    page = await person.get(asked.headers["location"])
    assert 'name="password"' in page.text
    assert "Abroad" not in page.text
    same = await border.stand.authorize(person, client_id="test-page")
    assert 'name="password"' not in (await person.follow(same)).text


async def test_a_session_is_no_younger_than_the_proof_it_began_with(border: Border) -> None:
    person, abroad = border.stand.person(), border.abroad
    proved = int(abroad.clock.now().timestamp()) - 600
    await signed_in(border, person, auth_time=proved)
    again = answered(await border.stand.authorize(person))
    tokens = (await border.stand.exchange(again["code"])).json()
    assert claims_of(tokens["id_token"])["auth_time"] == proved
    late = await border.stand.authorize(person, max_age="300")
    assert late.headers["location"].startswith("/sign-in/")
    early = await border.stand.authorize(person, max_age="900")
    assert "code" in answered(early)


async def test_a_silent_issuer_keeps_nobody_waiting_for_all_before_them(
    border: Border, abroad: Abroad
) -> None:
    stand = border.stand
    stand.service.trust([abroad.trusted(stand.merchant.id, opaque=True)])
    known = stand.service._known[0]
    asked: list[str] = []

    async def silent(address: str) -> None:
        asked.append(address)
        await asyncio.sleep(0)
        raise IssuerSilent(retry_after_seconds=5)

    read, known._calls.read = known._calls.read, silent  # pyright: ignore
    answers = await asyncio.gather(*(border.who(f"opaque-{n}") for n in range(30)))
    assert {one.status_code for one in answers} == {503}
    assert len(asked) == 1
    known._calls.read = read
    abroad.opaque["good"] = {"active": True, **abroad.claims("u-7")}
    stand.clock.move(timedelta(seconds=5))
    assert (await border.who("good")).status_code == 200
