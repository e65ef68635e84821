"""A merchant's own people register clients, give them other keys, and end them."""

import json
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from tests.identity.conftest import PASSWORD
from tests.identity.provider.signer import Signer, bare
from tests.identity.provider.stand import Stand, answered
from tests.identity.provider.words import BASE, VERIFIER, Json, challenge

from bezant.actor import PLATFORM, Mode
from bezant.clock import MovableClock
from bezant.identity import Identify, LogIn, Role, rules
from bezant.identity.api_key import CredentialForm
from bezant.identity.client import CLIENTS_IN_HAND_MAX, ClientKind, RegisterClient
from bezant.identity.port import OfTenant
from bezant.ids import Ids
from bezant.secret import Secret

pytestmark = pytest.mark.requirement("S001-2", part="clients in a merchant's own hands")
BACK = "https://shop.example/back"
PAGE = {"kind": "page", "name": "Shop", "redirect_uris": [BACK]}


async def by(
    stand: Stand, tenant: str, role: Role = Role.ADMIN, mode: Mode = Mode.TEST
) -> dict[str, str]:
    """Return the headers of somebody new there, who has just signed in."""
    member = await stand.make.member(tenant, role)
    new = await stand.service.log_in(LogIn(member.email, PASSWORD, tenant, mode))
    return {"authorization": f"Bearer {new.token.reveal()}"}


async def registered(stand: Stand, headers: dict[str, str], body: Json) -> Json:
    told = await stand.client.post("/v1/clients", headers=headers, json=body)
    assert told.status_code == 201, told.text
    return told.json()


def program(signer: Signer, **more: Any) -> Json:
    keys = json.dumps({"keys": [bare(signer.public)]})
    return {
        "kind": "program", "name": "Nightly", "role": "finance", "public_key": keys, **more,
    }  # fmt: skip


async def token_of(stand: Stand, made: Json, signer: Signer) -> Any:
    """Ask for a token as the program does."""
    path = made["issuer"].removeprefix(BASE) + "/protocol/openid-connect/token"
    return await stand.client.post(
        path,
        data={
            "grant_type": "client_credentials",
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": signer.assertion(made["client_id"], made["issuer"]),
        },
    )


async def test_a_program_of_a_merchants_own_works_until_it_is_ended(
    stand: Stand, clock: MovableClock
) -> None:
    shop = await stand.make.merchant("No realm yet")
    owner, robot = await by(stand, shop.id), Signer(clock)
    made = await registered(stand, owner, program(robot))
    assert (made["mode"], made["role"], made["active"]) == ("test", "finance", True)
    assert made["issuer"].startswith(f"{BASE}/realms/mer-"), "its realm came with its first client"
    given = await token_of(stand, made, robot)
    assert given.status_code == 200, given.text
    token = given.json()["access_token"]
    who = (await stand.service.identify(Identify(CredentialForm.ANY, Secret(token)))).actor
    assert (who.tenant, who.mode, who.role) == (shop.id, Mode.TEST, "finance")
    assert who.subject == made["id"], "the id of the list is the one that logs tell"
    bearer = {"authorization": f"Bearer {token}"}
    assert (await stand.client.get("/v1/clients", headers=bearer)).status_code == 200
    another = await stand.client.post("/v1/clients", headers=bearer, json=PAGE)
    assert another.status_code == 403, "no program makes itself a companion"

    ended = await stand.client.delete(f"/v1/clients/{made['id']}", headers=owner)
    assert (ended.status_code, ended.json()["active"]) == (200, False)
    late = await stand.client.get("/v1/clients", headers=bearer)
    assert late.status_code == 401, "its tokens ended with it"
    assert (await token_of(stand, made, robot)).status_code == 401
    again = await stand.client.delete(f"/v1/clients/{made['id']}", headers=owner)
    assert again.status_code == 200, "ending it again changes nothing"
    late = await stand.client.post(
        f"/v1/clients/{made['id']}/keys", headers=owner, json={"public_key": pem_of(robot)}
    )
    assert (late.status_code, late.json()["code"]) == (409, "client_ended")


async def test_people_sign_in_to_a_page_and_are_asked_first(stand: Stand) -> None:
    owner = await by(stand, stand.merchant.id)
    made = await registered(stand, owner, {**PAGE, "scopes": ["payments.read"]})
    assert made["asks_consent"] is True
    below = made["issuer"].removeprefix(BASE) + "/protocol/openid-connect"
    person = stand.person()
    wish = {
        "client_id": made["client_id"], "redirect_uri": BACK, "response_type": "code",
        "scope": "openid payments.read", "state": "st", "code_challenge": challenge(),
        "code_challenge_method": "S256",
    }  # fmt: skip
    page = await person.sign_in(await person.get(f"{below}/auth", **wish))
    assert "see payments" in page.text
    elsewhere = {**wish, "redirect_uri": BACK + "?more"}
    strange = await stand.client.get(f"{below}/auth", params=elsewhere)
    assert strange.status_code == 400, "only the very address that was registered"
    interaction = page.url.path
    sent = await person.post(interaction, decision="yes")
    code = answered(sent)["code"]
    given = await stand.client.post(
        f"{below}/token",
        data={
            "grant_type": "authorization_code", "client_id": made["client_id"], "code": code,
            "redirect_uri": BACK, "code_verifier": VERIFIER,
        },
    )  # fmt: skip
    assert given.status_code == 200, given.text


async def test_a_key_is_replaced_at_once_or_stays_for_a_while(
    stand: Stand, clock: MovableClock
) -> None:
    owner = await by(stand, stand.merchant.id)
    first, second, third = Signer(clock), Signer(clock), Signer(clock)
    made = await registered(stand, owner, program(first))
    path = f"/v1/clients/{made['id']}/keys"

    async def signs() -> list[bool]:
        told = [await token_of(stand, made, one) for one in (first, second, third)]
        return [one.status_code == 200 for one in told]

    kept = {"public_key": pem_of(second), "keeps_old": True}
    told = await stand.client.post(path, headers=owner, json=kept)
    assert (told.status_code, len(told.json()["keys"])) == (200, 2)
    assert await signs() == [True, True, False]
    told = await stand.client.post(path, headers=owner, json={"public_key": pem_of(third)})
    assert len(told.json()["keys"]) == 1
    assert await signs() == [False, False, True]
    page = await registered(stand, owner, PAGE)
    told = await stand.client.post(
        f"/v1/clients/{page['id']}/keys", headers=owner, json={"public_key": pem_of(third)}
    )
    assert (told.status_code, told.json()["code"]) == (409, "keyless_client")


async def test_of_two_keys_with_one_name_none_is_lost_in_silence(
    stand: Stand, clock: MovableClock
) -> None:
    owner, first, second = await by(stand, stand.merchant.id), Signer(clock), Signer(clock)
    one, two = ({**bare(signer.public), "kid": "sig"} for signer in (first, second))
    both = {**program(first), "public_key": json.dumps({"keys": [one, two]})}
    told = await stand.client.post("/v1/clients", headers=owner, json=both)
    assert (told.status_code, told.json()["errors"][0]["field"]) == (400, "public_key")
    twice = {**program(first), "public_key": json.dumps({"keys": [one, one]})}
    made = await registered(stand, owner, twice)
    path, kept = f"/v1/clients/{made['id']}/keys", {"public_key": json.dumps(two)}
    told = await stand.client.post(path, headers=owner, json={**kept, "keeps_old": True})
    assert (told.status_code, told.json()["errors"][0]["field"]) == (400, "public_key")
    assert (await token_of(stand, made, first)).status_code == 200, "the old one stays"
    told = await stand.client.post(path, headers=owner, json=kept)
    assert (told.status_code, told.json()["keys"]) == (200, ["sig"])
    assert (await token_of(stand, made, first)).status_code == 401
    assert (await token_of(stand, made, second)).status_code == 200


def pem_of(signer: Signer) -> str:
    return public_pem(signer.key.private_key.public_key())


def public_pem(key: Any) -> str:
    pem: bytes = key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return pem.decode()


def private_pem() -> str:
    key = ed25519.Ed25519PrivateKey.generate()
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return pem.decode()


GOOD = public_pem(ed25519.Ed25519PrivateKey.generate().public_key())
OTHER_CURVE = public_pem(ec.generate_private_key(ec.SECP384R1()).public_key())
UNNAMED_CURVE = public_pem(ec.generate_private_key(ec.BrainpoolP256R1()).public_key())
PROGRAM = {"kind": "program", "name": "x", "role": "finance", "public_key": GOOD}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({**PAGE, "redirect_uris": []}, "redirect_uris"),
        ({**PAGE, "redirect_uris": ["http://shop.example/back"]}, "redirect_uris"),
        ({**PAGE, "redirect_uris": [f"https://{n}.example/" for n in range(21)]}, "redirect_uris"),
        ({**PAGE, "redirect_uris": ["https://shop.example; script-src x/"]}, "redirect_uris"),
        ({**PAGE, "redirect_uris": [" https://shop.example/"]}, "redirect_uris"),
        ({**PAGE, "redirect_uris": ['https://shop.example"/']}, "redirect_uris"),
        ({**PAGE, "redirect_uris": ["https://shop%2eexample/"]}, "redirect_uris"),
        ({**PAGE, "redirect_uris": ["https://shop.example/<b>"]}, "redirect_uris"),
        ({**PAGE, "redirect_uris": ["https://shop.example@evil.example/"]}, "redirect_uris"),
        ({**PAGE, "redirect_uris": ["https://*.shop.example/"]}, "redirect_uris"),
        ({**PAGE, "redirect_uris": ["https://shop.example/*"]}, "redirect_uris"),
        ({**PAGE, "redirect_uris": ["https://shop.example/#"]}, "redirect_uris"),
        ({**PAGE, "logout_uris": ["javascript:alert(1)"]}, "logout_uris"),
        ({**PAGE, "public_key": GOOD}, "public_key"),
        ({**PAGE, "role": "finance"}, "role"),
        ({**PAGE, "scopes": ["session.write"]}, "scopes"),
        ({**PAGE, "scopes": ["everything"]}, "scopes"),
        ({**PAGE, "name": " "}, "name"),
        ({**PAGE, "kind": "server"}, "public_key"),
        ({**PROGRAM, "role": None}, "role"),
        ({**PROGRAM, "role": "customer"}, "role"),
        ({**PROGRAM, "redirect_uris": [BACK]}, "redirect_uris"),
        ({**PROGRAM, "scopes": ["openid"]}, "scopes"),
        ({**PROGRAM, "public_key": ""}, "public_key"),
        ({**PROGRAM, "public_key": "nothing"}, "public_key"),
        ({**PROGRAM, "public_key": OTHER_CURVE}, "public_key"),
        ({**PROGRAM, "public_key": UNNAMED_CURVE}, "public_key"),
        ({**PROGRAM, "public_key": private_pem()}, "public_key"),
        ({**PROGRAM, "public_key": '{"keys": []}'}, "public_key"),
        ({**PROGRAM, "public_key": '{"keys": {}}'}, "public_key"),
        ({**PROGRAM, "public_key": '{"kty": "oct", "k": "AAAA"}'}, "public_key"),
        ({**PROGRAM, "public_key": "{"}, "public_key"),
    ],
)
async def test_what_could_not_be_a_client_is_told_beside_its_field(
    stand: Stand, body: Json, field: str
) -> None:
    owner = await by(stand, stand.merchant.id)
    told = await stand.client.post("/v1/clients", headers=owner, json=body)
    assert told.status_code == 400, told.text
    assert {one["field"].split(".")[0] for one in told.json()["errors"]} == {field}, told.text
    assert "PRIVATE" not in told.text
    listed = await stand.client.get("/v1/clients", headers=owner)
    assert not [one for one in listed.json()["data"] if one["created_by"]]


async def test_a_secret_is_taken_from_nobody(stand: Stand) -> None:
    owner = await by(stand, stand.merchant.id)
    told = await stand.client.post("/v1/clients", headers=owner, json={**PAGE, "secret": "s3cret"})
    assert told.status_code == 400
    assert "s3cret" not in told.text


@pytest.mark.parametrize(
    ("role", "body"),
    [
        (Role.DEVELOPER, {**PROGRAM, "role": "admin"}),
        (Role.DEVELOPER, {**PAGE, "scopes": ["members.write"]}),
        (Role.DEVELOPER, {**PAGE, "scopes": ["api"]}),
    ],
)
async def test_nobody_registers_a_client_for_more_than_they_may(
    stand: Stand, role: Role, body: Json
) -> None:
    told = await stand.client.post(
        "/v1/clients", headers=await by(stand, stand.merchant.id, role), json=body
    )
    assert (told.status_code, told.json()["code"]) == (403, "grants_too_much")
    allowed = await stand.client.post(
        "/v1/clients", headers=await by(stand, stand.merchant.id), json=body
    )
    assert allowed.status_code == 201, "the control: an administrator may"


async def test_nobody_takes_over_a_client_that_can_more_than_they(
    stand: Stand, clock: MovableClock
) -> None:
    owner = await by(stand, stand.merchant.id)
    developer = await by(stand, stand.merchant.id, Role.DEVELOPER)
    made = await registered(stand, owner, program(Signer(clock), role="admin"))
    taken = await stand.client.post(
        f"/v1/clients/{made['id']}/keys",
        headers=developer,
        json={"public_key": pem_of(Signer(clock))},
    )
    assert (taken.status_code, taken.json()["code"]) == (403, "grants_too_much")


async def test_a_client_exists_for_its_merchant_and_in_its_mode_alone(
    stand: Stand, clock: MovableClock
) -> None:
    owner = await by(stand, stand.merchant.id)
    made = await registered(stand, owner, program(Signer(clock)))
    other = await stand.make.merchant()
    strangers = {
        "another's": await by(stand, other.id),
        "the other mode": await by(stand, stand.merchant.id, mode=Mode.LIVE),
    }
    path, key = f"/v1/clients/{made['id']}", {"public_key": GOOD}
    for who, headers in strangers.items():
        told = [
            await stand.client.get(path, headers=headers),
            await stand.client.delete(path, headers=headers),
            await stand.client.post(f"{path}/keys", headers=headers, json=key),
        ]
        assert [one.json()["code"] for one in told] == ["unknown_client"] * 3, who
        listed = (await stand.client.get("/v1/clients", headers=headers)).json()["data"]
        assert listed == [], who
    named = await stand.client.get(
        "/v1/clients", headers=strangers["another's"], params={"tenant": stand.merchant.id}
    )
    assert named.json()["code"] == "unknown_merchant"
    mine = (await stand.client.get("/v1/clients", headers=owner)).json()["data"]
    assert made["id"] in {one["id"] for one in mine}, "the control"
    assert {one["mode"] for one in mine} == {"test"}, "a file's clients of no mode work in test"


async def test_the_platform_sees_its_own_and_any_merchants(stand: Stand) -> None:
    headers = await by(stand, PLATFORM)
    own = (await stand.client.get("/v1/clients", headers=headers)).json()["data"]
    assert "bezant-cli" in {one["client_id"] for one in own}
    of_shop = await stand.client.get(
        "/v1/clients", headers=headers, params={"tenant": stand.merchant.id}
    )
    assert "payment-frontend" in {one["client_id"] for one in of_shop.json()["data"]}
    told = await stand.client.post("/v1/clients", headers=headers, json=PAGE)
    assert (told.status_code, told.json()["code"]) == (400, "malformed_client")
    ours = next(one for one in own if one["client_id"] == "bezant-cli")
    kept = await stand.client.delete(f"/v1/clients/{ours['id']}", headers=headers)
    assert (kept.status_code, kept.json()["code"]) == (409, "own_client"), "we need it ourselves"


@pytest.mark.parametrize("role", [Role.FINANCE, Role.SUPPORT, Role.AUDITOR, Role.CUSTOMER])
async def test_who_may_not_is_refused(stand: Stand, role: Role) -> None:
    headers = await by(stand, stand.merchant.id, role)
    told = await stand.client.post("/v1/clients", headers=headers, json=PAGE)
    assert told.status_code == 403
    seen = await stand.client.get("/v1/clients", headers=headers)
    assert seen.status_code == (200 if role in (Role.FINANCE, Role.AUDITOR) else 403)


async def test_a_proof_that_has_aged_is_asked_for_anew(stand: Stand, clock: MovableClock) -> None:
    owner = await by(stand, stand.merchant.id)
    for _ in range(2):  # Nobody is away for so long that they would have to sign in again.
        clock.move(rules.STEP_UP_FRESH / 2 + timedelta(minutes=1))
        assert (await stand.client.get("/v1/clients", headers=owner)).status_code == 200
    told = await stand.client.post("/v1/clients", headers=owner, json=PAGE)
    assert (told.status_code, told.json()["code"]) == (403, "step_up_needed")


async def test_pages_and_the_limit_of_clients(stand: Stand) -> None:
    admin = await stand.make.actor(stand.merchant.id)
    ids = Ids(stand.clock)
    before = len((await stand.service.registered_clients(admin_page(admin, stand))).clients)
    for number in range(CLIENTS_IN_HAND_MAX - before):
        await stand.service.register_client(
            RegisterClient(
                ids.new("cli"), admin, stand.merchant.id, ClientKind.PAGE, f"n{number}", (BACK,)
            )
        )
    owner = await by(stand, stand.merchant.id)
    told = await stand.client.post("/v1/clients", headers=owner, json=PAGE)
    assert (told.status_code, told.json()["code"]) == (422, "too_many_clients")
    seen, after = list[str](), ""
    while True:
        page = await stand.client.get(
            "/v1/clients", headers=owner, params={"limit": "40", "starting_after": after or None}
        )
        seen += [one["id"] for one in page.json()["data"]]
        if not page.json()["has_more"]:
            break
        after = seen[-1]
    assert len(seen) == len(set(seen)) == CLIENTS_IN_HAND_MAX


def admin_page(admin: Any, stand: Stand) -> OfTenant:
    return OfTenant(admin, stand.merchant.id, limit=100)
