"""What a thief, a rival, another site or a careless file could try at the provider."""

import asyncio
import json
from contextvars import Context
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from tests.harness.cluster import TestDatabase
from tests.identity.conftest import LIVE_OPERATOR, MODULE_PASSWORD, OPERATOR
from tests.identity.provider.signer import Signer
from tests.identity.provider.stand import NOTHING, Person, Stand, answered, opened, still
from tests.identity.provider.words import BASE, BELOW, PARTNER_CALLBACK, PASSWORD

from bezant.actor import PLATFORM, Mode
from bezant.clock import MovableClock
from bezant.db.database import Database
from bezant.identity import CreateMerchant, LogIn, Role
from bezant.identity.desk import token_hash
from bezant.identity.oauth import MalformedRealm
from bezant.identity.openid import ClientMethod, ImportRealm, NewClient, NewPerson
from bezant.identity.port import CredentialForm, Identify, NoMembership, WrongLogin
from bezant.identity.provider.realm_file import read_realm
from bezant.identity.session import ChangePassword
from bezant.identity.store import session as session_store
from bezant.ids import Ids
from bezant.secret import Secret

pytestmark = pytest.mark.catalogue("T73")
DEVICE = "urn:ietf:params:oauth:grant-type:device_code"
TOKEN_ENDPOINT = f"{BASE}{BELOW}/token"
SQUATTER = Secret("the squatter's own 1")


async def at_consent(stand: Stand, person: Person) -> str:
    """Let somebody sign in at a client that asks, and return the page that asks."""
    answer = await stand.authorize(
        person, client_id="partner", redirect_uri=PARTNER_CALLBACK, scope="openid session.read"
    )
    asked = await person.sign_in(answer)
    assert "asks for access" in asked.text
    return answer.headers["location"]


async def at_device(stand: Stand, person: Person, client: str = "television") -> tuple[str, str]:
    """Return the page that asks about a device, and the device's code."""
    begun = (await stand.ask("auth/device", client_id=client)).json()
    answer = await person.post(f"{BELOW}/device", user_code=begun["user_code"])
    asked = await person.sign_in(answer)
    assert "Is this your device?" in asked.text
    return answer.headers["location"], begun["device_code"]


async def change_password(stand: Stand, person: Person) -> None:
    """End every session of somebody, as one does who has lost a password."""
    session = Identify(CredentialForm.SESSION, Secret(person.cookies["bezant-sso"]))
    by = (await stand.service.identify(session)).actor
    fresh = Secret("a much better one 7")
    await stand.service.change_password(ChangePassword(by, Secret(PASSWORD), fresh))


async def test_a_page_left_open_by_a_thief_is_worth_nothing_once_sessions_end(stand: Stand) -> None:
    thief = stand.person()
    consent = await at_consent(stand, thief)
    device_page, device = await at_device(stand, thief)
    await change_password(stand, thief)
    for page in (consent, device_page):
        answer = await thief.post(page, decision="yes")
        assert answer.headers["location"] == page
        assert 'name="password"' in (await thief.get(page)).text
    told = await stand.ask("token", grant_type=DEVICE, client_id="television", device_code=device)
    assert told.json()["error"] == "authorization_pending"
    # The control: whoever knows the new password goes on from the very same page.
    await thief.post(consent, name="customer1", password="a much better one 7")
    assert "code" in answered(await thief.post(consent, decision="yes"))


async def test_a_session_that_ends_at_that_very_moment_gives_no_code(
    stand: Stand, identity_database: TestDatabase
) -> None:
    person = stand.person()
    page = await at_consent(stand, person)
    dsn = identity_database.dsn("bezant_identity", MODULE_PASSWORD)
    theirs = await Database.open(dsn, name="identity", size_max=2, clock=stand.clock)
    async with theirs.transaction() as tx:
        hashed = token_hash(Secret(person.cookies["bezant-sso"]))
        assert await session_store.end_by_token(tx, hashed, stand.clock.now())
        answering = person.post(page, decision="yes")
        deciding = asyncio.create_task(answering, context=Context())
        await somebody_waits(deciding, theirs)
    answer = await deciding
    await theirs.close()
    assert (answer.status_code, "location" in answer.headers) == (404, False)


async def somebody_waits(deciding: asyncio.Task[Any], theirs: Database) -> None:
    """Wait until somebody waits for a lock, or needs none."""
    waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    deadline = monotonic() + 30
    while not deciding.done() and monotonic() < deadline:
        found = await asyncio.create_task(counted(theirs, waits), context=Context())
        if found:
            return


async def counted(theirs: Database, statement: str) -> object:
    async with theirs.transaction() as tx:
        return await tx.fetch_value(statement)


async def test_a_page_is_decided_by_the_session_that_signed_in_there(stand: Stand) -> None:
    person, thief = stand.person(), stand.person()
    page = await at_consent(stand, person)
    # Somebody who saw the address and planted the browser's name beforehand, but has no session.
    thief.cookies["bezant-browser"] = person.cookies["bezant-browser"]
    assert (await thief.post(page, decision="yes")).headers["location"] == page
    await stand.code(thief, client_id="payment-frontend", prompt="login")
    assert (await thief.post(page, decision="yes")).headers["location"] == page
    assert "code" in answered(await person.post(page, decision="yes"))


async def test_one_persons_yes_is_not_anothers(stand: Stand) -> None:
    person = stand.person()
    page = await at_consent(stand, person)
    await change_password(stand, person)
    asked = await person.follow(await person.post(page, name="customer2", password="OtherSecret1!"))
    assert "asks for access" in asked.text
    assert "customer2@example.com" in asked.text


async def test_a_code_of_somebody_who_left_gives_nothing_not_even_a_name(stand: Stand) -> None:
    person = stand.person()
    code = await stand.code(person)
    await change_password(stand, person)
    got = await stand.exchange(code)
    assert (got.status_code, got.json()["error"]) == (400, "invalid_grant")


async def test_another_sites_form_costs_nobody_their_session(stand: Stand) -> None:
    # A browser sends such a form without our cookie, and would do what the answer says to it.
    answer = await stand.client.post(
        f"{BELOW}/logout", data={"confirmed": "yes"}, headers={"cookie": "theirs=1"}
    )
    assert answer.status_code == 200
    assert answer.headers.get_list("set-cookie") == []
    person = stand.person()
    await stand.code(person)
    await person.post(f"{BELOW}/logout", confirmed="yes")
    assert "bezant-sso" not in person.cookies


async def test_a_device_cannot_choose_a_mode_its_client_is_not_registered_for(stand: Stand) -> None:
    box = NewClient(
        "box", "Box", grant_types=(DEVICE,), mode=Mode.TEST,
        default_scopes=("openid", "session.read"),
    )  # fmt: skip
    await stand.service.import_realm(
        ImportRealm(OPERATOR, "ecommerce", "E-Commerce", stand.merchant.id, (box,))
    )
    refused = await stand.ask("auth/device", client_id="box", mode="live")
    assert refused.json()["error"] == "invalid_request"
    person = stand.person()
    page, device = await at_device(stand, person, "box")
    await person.post(page, decision="yes")
    got = await stand.ask("token", grant_type=DEVICE, client_id="box", device_code=device)
    assert (await stand.who(got.json()["access_token"])).json()["mode"] == "test"


def file(realm: str = "ecommerce", **more: Any) -> bytes:
    return json.dumps({"realm": realm, "clients": [], "users": [], **more}).encode()


async def test_a_client_that_is_switched_off_in_the_file_is_off(stand: Stand) -> None:
    tokens = await stand.tokens()
    off = {"clientId": "payment-frontend", "enabled": False, "secret": "s3cret"}
    gone = {"clientId": "never-was", "enabled": False}
    found = read_realm(file(clients=[off, gone]))
    await stand.service.import_realm(found.command(OPERATOR, stand.merchant.id))
    assert await still(stand, tokens) == NOTHING
    assert (await stand.authorize()).status_code == 401
    works = {one.client_id for one in await stand.service.clients(OPERATOR, "ecommerce")
             if one.active}  # fmt: skip
    assert "partner" in works
    assert works.isdisjoint({"payment-frontend", "never-was"})


async def test_who_took_the_administrators_address_first_does_not_become_one(stand: Stand) -> None:
    email = "admin@console.invalid"
    await stand.make.member(stand.merchant.id, Role.ADMIN, email, SQUATTER)
    await stand.service.first_administrator("admin", Secret("the real password 1"))
    assert (await stand.service.log_in(LogIn(email, SQUATTER))).session
    with pytest.raises(NoMembership):
        await stand.service.log_in(LogIn(email, SQUATTER, PLATFORM))


async def test_people_of_one_name_in_two_realms_are_two_people(stand: Stand) -> None:
    other = await stand.make.merchant("Other", demo=True)
    for realm, merchant, role in (("two", other, "customer"), ("one", stand.merchant, "admin")):
        password = {"type": "password", "value": f"password of {realm}"}
        boss = {"username": "boss", "realmRoles": [role], "credentials": [password]}
        found = read_realm(file(realm, users=[boss]))
        await stand.service.import_realm(found.command(OPERATOR, merchant.id))
    for name in ("boss", "boss@two.users.invalid"):
        with pytest.raises(NoMembership):
            theirs = LogIn(name, Secret("password of two"), stand.merchant.id)
            await stand.service.log_in(theirs)
    mine = LogIn("boss@one.users.invalid", Secret("password of one"), stand.merchant.id)
    assert (await stand.service.log_in(mine)).session.tenant == stand.merchant.id


async def test_a_live_house_gives_a_files_role_to_nobody_who_was_here_before(
    identity_database: TestDatabase, clock: MovableClock, tmp_path: Path
) -> None:
    close: list[Database] = []
    live = await opened(identity_database, clock, tmp_path, close, live=True)
    ids = Ids(clock)
    shops = [
        await live.service.create_merchant(CreateMerchant(ids.new("mer"), LIVE_OPERATOR, name))
        for name in ("Squatter", "Bank")
    ]
    ann = "ann@bank.example"
    for shop, password in zip(shops, (SQUATTER, Secret("something quite else 7")), strict=True):
        person = NewPerson("ann", ann, "Ann", password, Role.FINANCE)
        realm = shop.name.lower()
        command = ImportRealm(LIVE_OPERATOR, realm, shop.name, shop.id, people=(person,))
        await live.service.import_realm(command)
    assert (await live.service.log_in(LogIn(ann, SQUATTER, shops[0].id))).session
    with pytest.raises(NoMembership):
        await live.service.log_in(LogIn(ann, SQUATTER, shops[1].id))
    with pytest.raises(WrongLogin):
        await live.service.log_in(LogIn(ann, Secret("something quite else 7"), shops[1].id))
    for one in close:
        await one.close()


async def test_a_program_is_no_customer(stand: Stand) -> None:
    robot = NewClient(
        "bot", "Bot", ClientMethod.TLS, grant_types=("client_credentials",), mode=Mode.TEST,
        role=Role.CUSTOMER, certificates=("bot.example",), default_scopes=("ledger.read",),
    )  # fmt: skip
    with pytest.raises(MalformedRealm):
        await stand.service.import_realm(
            ImportRealm(OPERATOR, "ecommerce", "E-Commerce", stand.merchant.id, (robot,))
        )


ODD_ASSERTIONS: tuple[dict[str, Any], ...] = (
    {"sub": "\ud800", "iss": "\ud800"},
    {"sub": "a\0b", "iss": "a\0b"},
    {"sub": []},
    {"jti": "\ud800"},
    {"jti": "a\0b"},
    {"jti": 5},
)


@pytest.mark.parametrize("odd", ODD_ASSERTIONS)
async def test_an_odd_assertion_is_refused_and_breaks_nothing(
    stand: Stand, odd: dict[str, Any]
) -> None:
    proof = stand.assertion(stand.robot, "robot", **odd)
    got = await stand.ask("token", grant_type="client_credentials", **proof)
    assert (got.status_code, got.json()["error"]) == (401, "invalid_client")


def jwk(**more: Any) -> dict[str, Any]:
    return {"header": {"jwk": {"kty": "EC", "crv": "P-256", "x": "A", "y": "A", **more}}}


ODD_PROOFS: tuple[dict[str, Any], ...] = (
    {"jti": "\ud800"},
    {"nonce": "\ud800"},
    {"htm": "\ud800"},
    {"htu": "\ud800"},
    {"htu": "http://[::1"},
    {"header": {"typ": []}},
    {"header": {"typ": {}}},
    {"header": {"alg": []}},
    {"header": {"jwk": []}},
    jwk(),
    jwk(kty=[]),
    jwk(x="\ud800"),
    jwk(kty="OKP", crv="Ed25519"),
    jwk(kty="RSA", n="A", e="AQAB"),
)


@pytest.mark.parametrize("odd", ODD_PROOFS)
async def test_an_odd_proof_is_refused_and_breaks_nothing(
    stand: Stand, odd: dict[str, Any]
) -> None:
    signer = Signer(stand.clock)
    told = await stand.robot_token({"dpop": signer.proof("POST", TOKEN_ENDPOINT)})
    nonce = told.headers["dpop-nonce"]
    proof = signer.proof("POST", TOKEN_ENDPOINT, **{"nonce": nonce, **odd})
    got = await stand.robot_token({"dpop": proof})
    assert (got.status_code, got.json()["error"]) == (400, "invalid_dpop_proof")


@pytest.mark.parametrize("kind", [[], {}, 5, None, True])
async def test_an_odd_header_of_an_access_token_is_refused(stand: Stand, kind: Any) -> None:
    header = {"typ": kind, "kid": "jwt-signing-v1-x"}
    answer = await stand.who(Signer(stand.clock).sign(header, {"sub": "x"}))
    assert answer.status_code == 401
