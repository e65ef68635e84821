"""Signing up: only who reads the letter joins, and nobody else learns who is known here."""

from datetime import timedelta

import pytest
from tests.identity.conftest import OPERATOR, Open
from tests.identity.people.conftest import ANN, BEN, PASSWORD, Hall

from bezant.identity import InviteMember, OfTenant, Role
from bezant.identity.person import NoMailsShown, SignUp, SignUpClosed
from bezant.secret import Secret

pytestmark = pytest.mark.requirement("S002-2", part="signing up")


def body(email: str = ANN, password: str = PASSWORD, name: str = "Ann") -> dict[str, str]:
    return {"email": email, "name": name, "password": password}


async def test_a_stranger_becomes_a_customer_once_they_read_the_letter(hall: Hall) -> None:
    answer = await hall.post("/v1/sign-ups", body())
    assert (answer.status_code, answer.json()) == (202, {"status": "confirmation_sent"})
    assert (await hall.log_in()).status_code == 401, "nobody is here before that"
    code = await hall.code_in_letter()
    member = await hall.told("/v1/sign-ups/confirm", {"token": code, "password": PASSWORD})
    assert (member["role"], member["tenant"], member["email"]) == (
        "customer",
        hall.merchant.id,
        ANN,
    )
    assert (await hall.log_in()).status_code == 201
    again = await hall.post("/v1/sign-ups/confirm", {"token": code, "password": PASSWORD})
    assert (again.status_code, again.json()["code"]) == (401, "confirmation_invalid")


async def test_the_code_counts_for_a_day(hall: Hall) -> None:
    await hall.told("/v1/sign-ups", body())
    code = await hall.code_in_letter()
    hall.clock.move(timedelta(days=1))
    assert (
        await hall.post("/v1/sign-ups/confirm", {"token": code, "password": PASSWORD})
    ).status_code == 401
    assert (await hall.log_in()).status_code == 401


async def test_who_reads_the_letter_but_did_not_sign_up_confirms_nothing(hall: Hall) -> None:
    """Else somebody signs up with another's address, and waits until they press a button."""
    await hall.told("/v1/sign-ups", body())
    shown = {"token": await hall.code_in_letter(), "password": "what the reader would choose"}
    for _ in range(4):
        answer = await hall.post("/v1/sign-ups/confirm", shown)
        assert (answer.status_code, answer.json()["code"]) == (401, "wrong_login")
    assert (await hall.post("/v1/sign-ups/confirm", shown)).status_code == 401
    assert (await hall.post("/v1/sign-ups/confirm", shown)).status_code == 429
    assert (await hall.log_in()).status_code == 401
    hall.clock.move(timedelta(minutes=1))
    await hall.told("/v1/sign-ups/confirm", {**shown, "password": PASSWORD})


async def test_the_answer_says_nothing_about_who_is_known(hall: Hall) -> None:
    await hall.joined()
    staff = await hall.make.member(hall.merchant.id, Role.ADMIN, BEN)
    hall.clock.move(timedelta(seconds=1))
    answers = [
        await hall.post("/v1/sign-ups", body(email))
        for email in (ANN, staff.email, "nobody@example.com")
    ]
    assert len({(one.status_code, one.text) for one in answers}) == 1
    kinds = {one["to"]: one["kind"] for one in reversed(await hall.letters())}
    assert kinds == {
        ANN: "already_known", BEN: "already_known", "nobody@example.com": "confirm_address",
    }  # fmt: skip


async def test_who_is_known_elsewhere_joins_and_keeps_password_and_role(hall: Hall) -> None:
    """Whoever signs up with another's address gains nothing by the password they typed."""
    ben = await hall.make.member(role=Role.ADMIN, email=BEN)
    hall.clock.move(timedelta(seconds=1))  # The invitation came by letter, too.
    await hall.told("/v1/sign-ups", body(BEN, "the squatter's own 1"))
    shown = {"token": await hall.code_in_letter(BEN), "password": "the squatter's own 1"}
    assert (await hall.post("/v1/sign-ups/confirm", shown)).status_code == 401
    await hall.told("/v1/sign-ups/confirm", {**shown, "password": PASSWORD})
    assert (await hall.log_in(BEN, password="the squatter's own 1")).status_code == 401
    assert (await hall.log_in(BEN, tenant=hall.merchant.id)).status_code == 201
    (found,) = (await hall.service.members(OfTenant(OPERATOR, "platform"))).members
    assert (found.id, found.role) == (ben.id, Role.ADMIN)


async def test_a_letter_written_before_somebody_joined_takes_no_role_away(hall: Hall) -> None:
    await hall.told("/v1/sign-ups", body(BEN))
    code = await hall.code_in_letter(BEN)
    await hall.make.member(hall.merchant.id, Role.ADMIN, BEN)
    member = await hall.told("/v1/sign-ups/confirm", {"token": code, "password": PASSWORD})
    assert member["role"] == "admin"


EASY = (
    ["short", "aaaaaaaaaaaaaa", "Password1234!", "P@ssw0rd2026!!", "qwertyuiop12", "ChangeMe123!",
     "passwordpassword", "iloveyou12345", "ann.example 42", "x" * 257]
)  # fmt: skip


async def test_an_easy_password_is_refused_before_any_letter(hall: Hall) -> None:
    for password in EASY:
        answer = await hall.post("/v1/sign-ups", body("ann.example@example.com", password))
        assert answer.status_code == 400, password
        assert password not in answer.text
    assert await hall.letters() == []


async def test_what_is_no_address_is_refused(hall: Hall) -> None:
    for email in ("ann", "ann@", "a b@example.com", "ann@example.com\nbcc: all@example.com", ""):
        assert (await hall.post("/v1/sign-ups", body(email))).status_code == 400, email
    assert await hall.letters() == []


async def test_nobodys_mailbox_is_filled(hall: Hall) -> None:
    for _ in range(6):
        assert (await hall.post("/v1/sign-ups", body())).status_code == 202
    assert len(await hall.letters()) == 3


async def test_one_place_signs_up_so_many_in_an_hour(hall: Hall) -> None:
    codes = [
        (await hall.post("/v1/sign-ups", body(f"p{number}@example.com"))).status_code
        for number in range(22)
    ]
    assert codes[:20] == [202] * 20
    assert codes[20:] == [429] * 2


async def test_where_no_merchant_is_named_nobody_signs_up(open_identity: Open) -> None:
    live = await open_identity(live=True)
    with pytest.raises(SignUpClosed):
        await live.sign_up(SignUp(ANN, "Ann", Secret(PASSWORD)))
    with pytest.raises(NoMailsShown):
        await live.mails()


async def test_an_invitation_asks_for_a_good_password_too(hall: Hall) -> None:
    invited = await hall.service.invite(
        InviteMember(hall.make.ids.new("inv"), OPERATOR, hall.merchant.id, BEN, Role.FINANCE)
    )
    asked = {"token": invited.token.reveal(), "name": "Ben", "password": "Password1234!"}
    answer = await hall.post("/v1/invitations/accept", asked)
    assert (answer.status_code, answer.json()["code"]) == (400, "weak_password")
