"""Whoever is invited gets a letter, and with what it says they come in."""

from datetime import timedelta

import pytest
from tests.identity.conftest import OPERATOR
from tests.identity.people.conftest import ANN, BASE, BEN, PASSWORD, Hall

from bezant.identity import AlreadyShown, InviteMember, NewInvitation, NotAllowed, Role
from bezant.identity.people.delivering import AT_ONCE_MAX
from bezant.identity.people.letters import Kind, Letter

pytestmark = pytest.mark.requirement("S003-6", part="invitations")
NEW = "new@example.com"


async def invited(hall: Hall) -> list[str]:
    return [one["to"] for one in await hall.letters() if one["kind"] == Kind.INVITED]


async def invite(hall: Hall, email: str, merchant: str = "") -> NewInvitation:
    tenant = merchant or hall.merchant.id
    wish = InviteMember(hall.make.ids.new("inv"), OPERATOR, tenant, email, Role.SUPPORT)
    return await hall.service.invite(wish)


async def test_the_code_in_the_letter_makes_a_member(hall: Hall) -> None:
    command = InviteMember(hall.make.ids.new("inv"), OPERATOR, hall.merchant.id, NEW, Role.SUPPORT)
    made = await hall.service.invite(command)
    (letter,) = [one for one in await hall.letters() if one["to"] == NEW]
    assert (letter["kind"], letter["subject"]) == ("invitation", "Your invitation")
    assert f"{BASE}/join#{made.token.reveal()}" in letter["text"]
    assert hall.merchant.name not in letter["text"], "a name could say anything"
    assert "operator" not in letter["text"]
    code = await hall.code_in_letter(NEW)
    body = {"token": code, "name": "New", "password": PASSWORD}
    member = await hall.told("/v1/invitations/accept", body)
    assert (member["email"], member["role"]) == (NEW, "support")
    assert (await hall.post("/v1/invitations/accept", body)).status_code == 401


async def test_what_invites_nobody_writes_to_nobody(hall: Hall) -> None:
    await hall.joined()
    stranger = await hall.make.actor(hall.merchant.id, Role.AUDITOR)
    before = await invited(hall)
    once = InviteMember(hall.make.ids.new("inv"), OPERATOR, hall.merchant.id, NEW, Role.SUPPORT)
    await hall.service.invite(once)
    with pytest.raises(AlreadyShown):
        await hall.service.invite(once)
    refused = InviteMember(hall.make.ids.new("inv"), stranger, hall.merchant.id, ANN, Role.ADMIN)
    with pytest.raises(NotAllowed):
        await hall.service.invite(refused)
    assert sorted(await invited(hall)) == sorted([*before, NEW])


async def test_so_many_invitations_a_day_go_to_an_address_whoever_invites(hall: Hall) -> None:
    other = await hall.make.merchant()
    made = [
        await invite(hall, NEW, merchant)
        for merchant in (hall.merchant.id, other.id, other.id, hall.merchant.id, other.id)
    ]
    assert (await invited(hall)).count(NEW) == 3
    body = {"token": made[3].token.reveal(), "name": "New", "password": PASSWORD}
    member = await hall.told("/v1/invitations/accept", body)
    assert member["email"] == NEW, "the link of one without a letter is as good"
    await invite(hall, BEN)
    assert (await invited(hall)).count(BEN) == 1, "others are written to"
    hall.clock.move(timedelta(days=1))
    for _ in range(5):
        await invite(hall, NEW)
    assert (await invited(hall)).count(NEW) == 6, "and tomorrow so are they"


async def test_many_invitations_hold_up_no_other_letter(hall: Hall) -> None:
    for number in range(2 * AT_ONCE_MAX):
        await invite(hall, f"p{number}@example.com")
    hall.clock.move(timedelta(seconds=1))
    await hall.told("/v1/sign-ups", {"email": ANN, "name": "Ann", "password": PASSWORD})
    sent: list[str] = []

    async def sends(letter: Letter) -> None:
        sent.append(letter.to)

    assert await hall.service.deliver(sends) == AT_ONCE_MAX
    assert ANN in sent
    while await hall.service.deliver(sends):
        pass
    assert len(sent) == len(set(sent)) == 2 * AT_ONCE_MAX + 1, "the control: they leave, too"
