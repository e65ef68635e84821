"""Passkeys: what is not exactly a right answer to our question opens nothing and adds nothing."""

from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from tests.identity.people.authenticator import ATTESTED, PRESENT, VERIFIED, Authenticator, text
from tests.identity.people.conftest import ANN, BEN, OURS, Hall

pytestmark = [pytest.mark.catalogue("T74"), pytest.mark.requirement("S002-2", part="passkeys")]
STRANGE = ec.generate_private_key(ec.SECP256R1())
WRONG_USES: dict[str, dict[str, Any]] = {
    "of another site": {"domain": "evil.example"},
    "asked by another page": {"origin": "https://evil.example"},
    "asked by a neighbour's port": {"origin": "http://localhost:9999"},
    "asked without TLS elsewhere": {"origin": "http://localhost.evil.example"},
    "nobody was present": {"flags": VERIFIED},
    "nobody was verified": {"flags": PRESENT},
    "signed by another key": {"key": STRANGE},
    "signed by nobody": {"signature": b""},
    "a signature cut short": {"signature": b"\x30\x06\x02\x01\x00\x02\x01\x00"},
    "an answer to another question": {"challenge": text(b"c" * 32)},
    "an answer to no question": {"challenge": ""},
    "a registration shown as a use": {"kind": "webauthn.create"},
    "another owner's": {"owner": b"o" * 16},
    "nobody's": {"owner": b""},
}


async def entered(hall: Hall, device: Authenticator, **wrong: Any) -> int:
    return (await hall.by_passkey(device.used(await hall.asked(), **wrong))).status_code


async def test_a_passkey_signs_in_without_a_password(hall: Hall) -> None:
    """The control of what follows: a right answer lets in, and counts as two factors."""
    await hall.joined()
    device = Authenticator()
    made = await hall.passkey(await hall.session(), device)
    assert len(made["recovery_codes"]) == 10
    answer = await hall.by_passkey(device.used(await hall.asked()))
    assert answer.status_code == 201, answer.text
    assert answer.json()["methods"] == ["pop", "user", "mfa"]
    token = answer.json()["token"]
    (found,) = (await hall.read("/v1/passkeys", token))["data"]
    assert found["name"] == "Telephone"
    assert found["last_used_at"] is not None


async def test_what_is_not_a_right_answer_opens_nothing(hall: Hall) -> None:
    await hall.joined()
    device = Authenticator()
    await hall.passkey(await hall.session(), device)
    for what, wrong in WRONG_USES.items():
        answer = await hall.by_passkey(device.used(await hall.asked(), **wrong))
        assert (answer.status_code, answer.json()["code"]) == (401, "passkey_refused"), what
        assert await entered(hall, device) == 201, what


async def test_no_answer_says_what_was_wrong(hall: Hall) -> None:
    await hall.joined()
    device, stranger = Authenticator(), Authenticator(b"another-credential-000001", owner=b"o" * 16)
    await hall.passkey(await hall.session(), device)
    told: set[str] = set()
    for one, wrong in ((device, {"key": STRANGE}), (stranger, {}), (device, {"flags": PRESENT})):
        answer = (await hall.by_passkey(one.used(await hall.asked(), **wrong))).json()
        told.add(f"{answer['code']} {answer['detail']}")
    assert len(told) == 1


async def test_what_no_browser_answers_is_refused(hall: Hall) -> None:
    junk: list[dict[str, Any]] = [{}, {"id": "x"}, {"id": 1, "response": {}}, {"response": "x"}]
    for one in junk:
        assert (await hall.by_passkey(one)).status_code == 401


async def test_an_answer_counts_once_and_for_minutes(hall: Hall) -> None:
    await hall.joined()
    device = Authenticator()
    await hall.passkey(await hall.session(), device)
    shown = device.used(await hall.asked())
    assert (await hall.by_passkey(shown)).status_code == 201
    assert (await hall.by_passkey(shown)).status_code == 401
    late = device.used(await hall.asked())
    hall.clock.move(timedelta(minutes=5))
    assert (await hall.by_passkey(late)).status_code == 401


async def test_a_copied_passkey_opens_nothing_any_more_and_its_owner_learns_it(hall: Hall) -> None:
    await hall.joined()
    device = Authenticator()
    await hall.passkey(await hall.session(), device)
    assert await entered(hall, device, count=10) == 201
    copy = Authenticator(device.name, device.key, count=4, owner=device.owner)
    assert await entered(hall, copy) == 401
    device.count = 10
    assert await entered(hall, device) == 401, "nobody knows which of the two is the copy"
    assert [one["kind"] for one in await hall.letters()].count("passkey_copied") == 1
    token = await hall.session()  # It is no second factor either: the password alone is left.
    (found,) = (await hall.read("/v1/passkeys", token))["data"]
    assert found["cloned_at"] is not None


async def test_one_that_never_counts_is_not_taken_for_a_copy(hall: Hall) -> None:
    """Passkeys that are kept in an account count nothing (WebAuthn, 6.1.1)."""
    await hall.joined()
    device = Authenticator(count=0)
    await hall.passkey(await hall.session(), device)
    assert [await entered(hall, device, count=0) for _ in range(2)] == [201, 201]


async def test_somebody_has_several_and_removes_one(hall: Hall) -> None:
    await hall.joined()
    devices = [Authenticator(b"credential-of-device-%04d" % number) for number in range(3)]
    token = await hall.session()
    for number, device in enumerate(devices):
        made = await hall.passkey(token, device, f"Device {number}")
        assert bool(made["recovery_codes"]) == (number == 0)
    names = {one["name"]: one["id"] for one in (await hall.read("/v1/passkeys", token))["data"]}
    assert set(names) == {"Device 0", "Device 1", "Device 2"}
    assert (await hall.drop(f"/v1/passkeys/{names['Device 1']}", token)).status_code == 204
    assert (await hall.drop(f"/v1/passkeys/{names['Device 1']}", token)).status_code == 404
    assert [await entered(hall, device) for device in devices] == [201, 401, 201]


async def test_nobody_removes_another_persons(hall: Hall) -> None:
    await hall.joined()
    await hall.joined(BEN)
    device = Authenticator()
    made = await hall.passkey(await hall.session(), device)
    assert (
        await hall.drop(f"/v1/passkeys/{made['id']}", await hall.session(BEN))
    ).status_code == 404
    assert await entered(hall, device) == 201


WRONG_REGISTRATIONS: dict[str, dict[str, Any]] = {
    "for another site": {"domain": "evil.example"},
    "by another page": {"origin": "https://evil.example"},
    "nobody was verified": {"flags": PRESENT | ATTESTED},
    "nobody was present": {"flags": VERIFIED | ATTESTED},
    "an answer to another question": {"challenge": text(b"c" * 32)},
}


async def test_what_is_not_a_right_registration_adds_nothing(hall: Hall) -> None:
    await hall.joined()
    token = await hall.session()
    for what, wrong in WRONG_REGISTRATIONS.items():
        options = await hall.told("/v1/passkeys/options", token=token)
        shown = Authenticator().made(options, **wrong)
        answer = await hall.post("/v1/passkeys", {"credential": shown}, token)
        assert (answer.status_code, answer.json()["code"]) == (400, "passkey_malformed"), what
    assert (await hall.read("/v1/passkeys", token))["data"] == []


async def test_a_question_to_one_is_not_answered_by_another(hall: Hall) -> None:
    """Nobody's page can be made to register somebody else's device."""
    await hall.joined()
    await hall.joined(BEN)
    mine, theirs = await hall.session(), await hall.session(BEN)
    options = await hall.told("/v1/passkeys/options", token=mine)
    shown = Authenticator().made(options)
    answer = await hall.post("/v1/passkeys", {"credential": shown}, theirs)
    assert answer.status_code == 400
    login = Authenticator().made({**await hall.asked(), **options}, challenge="")
    assert (await hall.post("/v1/passkeys", {"credential": login}, mine)).status_code == 400
    assert (await hall.told("/v1/passkeys", {"credential": shown}, mine))["name"] == "A passkey"


async def test_a_device_is_registered_once(hall: Hall) -> None:
    await hall.joined()
    await hall.joined(BEN)
    device = Authenticator()
    await hall.passkey(await hall.session(), device)
    token = await hall.session(BEN)
    again = device.made(await hall.told("/v1/passkeys/options", token=token))
    answer = await hall.post("/v1/passkeys", {"credential": again}, token)
    assert (answer.status_code, answer.json()["code"]) == (409, "passkey_known")


async def test_after_a_password_another_persons_passkey_is_no_second_factor(hall: Hall) -> None:
    await hall.joined()
    await hall.joined(BEN)
    mine = Authenticator(b"credential-of-ann-0000001")
    theirs = Authenticator(b"credential-of-ben-0000001")
    await hall.passkey(await hall.session(), mine)
    await hall.passkey(await hall.session(BEN), theirs)
    first = await hall.told("/auth/login", {"email": ANN, "password": "correct horse battery"})
    assert "passkey" in first["methods"]
    for device, status in ((theirs, 401), (mine, 200)):
        shown = {"challenge": first["challenge"], "credential": device.used(await hall.asked())}
        assert (await hall.post("/auth/login", shown, **OURS)).status_code == status
