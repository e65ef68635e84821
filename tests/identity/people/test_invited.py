"""Whoever is invited gets a letter, and with what it says they come in."""

import pytest
from tests.identity.conftest import OPERATOR
from tests.identity.people.conftest import ANN, BASE, PASSWORD, Hall

from bezant.identity import AlreadyShown, InviteMember, NotAllowed, Role
from bezant.identity.people.letters import Kind

pytestmark = pytest.mark.requirement("S003-6", part="invitations")
NEW = "new@example.com"


async def invited(hall: Hall) -> list[str]:
    return [one["to"] for one in await hall.letters() if one["kind"] == Kind.INVITED]


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
