"""Realms and clients from files, what the provider tells of itself, and its console."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.harness.cluster import TestDatabase
from tests.identity.conftest import LIVE_OPERATOR, OPERATOR, Make
from tests.identity.provider.signer import Signer, bare
from tests.identity.provider.stand import Stand, opened
from tests.identity.provider.words import BASE, BELOW, ISSUER

from bezant.actor import Mode
from bezant.clock import MovableClock
from bezant.db.database import Database
from bezant.errors import BezantError
from bezant.identity import KeyKind, LogIn, Role, WeakPassword
from bezant.identity.oauth import InvalidScope, MalformedRealm
from bezant.identity.openid import ROOT_REALM, ClientMethod, ImportRealm, NewClient
from bezant.identity.port import NotAllowed
from bezant.identity.provider import scopes
from bezant.identity.provider.checks.redirect_uri import MalformedRedirect, registrable
from bezant.identity.provider.issuer import Issuer, MalformedIssuer, well_formed
from bezant.identity.provider.realm_file import read_realm, sample_realm
from bezant.ids import Ids
from bezant.secret import Secret

LOGOUTS = ("https://a.example/1", "https://a.example/2")


def file(**more: Any) -> bytes:
    told: dict[str, Any] = {"realm": "shop", "displayName": "Shop", "clients": [], "users": []}
    return json.dumps({**told, **more}).encode()


def client(**more: Any) -> dict[str, Any]:
    return {
        "clientId": "page",
        "publicClient": True,
        "redirectUris": ["https://a.example/cb"],
        **more,
    }


@pytest.mark.requirement("S000-3", part="the realm of the family as a file")
def test_the_sample_realm_is_the_families() -> None:
    realm = sample_realm()
    assert realm.name == "ecommerce"
    (page,) = realm.clients
    assert (page.client_id, page.method) == ("payment-frontend", ClientMethod.NONE)
    assert page.redirect_uris == ("http://localhost:3000/*",)
    (customer,) = realm.people
    assert (customer.username, customer.role) == ("customer1", Role.CUSTOMER)
    assert customer.password.equals("ChangeMe123!")


def test_a_keycloak_export_as_far_as_we_have_it(stand_key: Signer) -> None:
    keys = json.dumps({"keys": [bare(stand_key.public)]})
    realm = read_realm(
        file(
            unknownThings={"smtpServer": {}},
            clients=[
                client(
                    implicitFlowEnabled=True, directAccessGrantsEnabled=True, consentRequired=True,
                    defaultClientScopes=["web-origins", "acr", "profile", "basic"],
                    attributes={"post.logout.redirect.uris": "##".join(LOGOUTS)},
                ),
                {
                    "clientId": "robot", "clientAuthenticatorType": "client-jwt",
                    "serviceAccountsEnabled": True, "standardFlowEnabled": False,
                    "attributes": {
                        "jwks.string": keys, "machine.role": "finance", "machine.mode": "live",
                        "dpop.bound.access.tokens": "true",
                        "require.pushed.authorization.requests": "true",
                        "returns.if.ended": "true",
                    },
                },
                client(clientId="gone", enabled=False),
            ],
        )
    )  # fmt: skip
    page, robot, gone = realm.clients
    assert (page.active, robot.active, gone.active) == (True, True, False)
    assert page.asks_consent
    assert page.default_scopes == ("openid", "profile")
    assert page.logout_uris == LOGOUTS
    assert page.grant_types == ("authorization_code", "refresh_token")
    assert robot.grant_types == ("client_credentials",)
    assert (robot.role, robot.mode) == (Role.FINANCE, Mode.LIVE)
    assert robot.binds_tokens
    assert robot.must_push
    assert (page.returns, robot.returns) == (False, True)


@pytest.fixture
def stand_key(clock: MovableClock) -> Signer:
    return Signer(clock)


@pytest.mark.parametrize(
    "content",
    [
        b"", b"[]", b"nothing", b'{"realm": 1}', b'{"clients": []}', b"\xff\xfe",
        file(clients=[{"clientId": "shared", "secret": "s3cret", "redirectUris": []}]),
        file(users=[{"username": "nobody", "credentials": []}]),
        file(users=[{"username": "hashed", "credentials": [{"type": "password"}]}]),
        b" " * 4_194_305,
    ],
)  # fmt: skip
def test_a_file_that_is_no_realm_is_told_so(content: bytes) -> None:
    with pytest.raises(MalformedRealm) as refused:
        read_realm(content)
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize(
    "uri",
    [
        "", "/relative", "http://shop.example/cb", "https://", "https://a.example/#x", "ftp://a/b",
        "https://*.example/cb", "https://a.example/*", "javascript:alert(1)", "data:text/html,x",
        "https://u@a.example/cb", "https://a.example\\b", "http://localhost.evil.example/*",
        "https://a.example/c b\n", "myapp://callback", "https://a.example:x/cb",
        "https://caf\u00e9.example/cb",
    ],
)  # fmt: skip
def test_a_redirect_uri_that_could_not_be_one_is_not_registered(uri: str) -> None:
    with pytest.raises(MalformedRedirect):
        registrable(uri)


@pytest.mark.parametrize(
    "uri",
    [
        "https://a.example/cb", "https://a.example:8443/cb?x=1", "http://localhost:3000/*",
        "http://127.0.0.1:9/cb", "http://[::1]:9/cb", "com.example.app:/callback",
    ],
)  # fmt: skip
def test_redirect_uris_that_can_be_registered(uri: str) -> None:
    assert registrable(uri) == uri


@pytest.mark.parametrize(
    "base",
    [
        "",
        "http://pay.example",
        "https://",
        "https://a.example/?x",
        "ftp://localhost",
        "https://u@a.example",
    ],
)
def test_an_issuer_that_could_be_overheard_is_none(base: str) -> None:
    with pytest.raises(MalformedIssuer):
        well_formed(base)


def test_an_issuer_is_by_tls_or_on_this_machine() -> None:
    assert well_formed("https://pay.example/") == "https://pay.example"
    assert well_formed("http://localhost:8081") == "http://localhost:8081"
    issuer = Issuer("https://pay.example")
    for realm in (ROOT_REALM, "shop"):
        assert issuer.realm_of(issuer.of(realm)) == realm
    for strange in ("https://pay.example/realms/bezant", "https://pay.example/realms/a/b", "x"):
        assert issuer.realm_of(strange) is None


@pytest.mark.parametrize(
    "wrong",
    [
        NewClient("a", "A", grant_types=("password",)),
        NewClient("a", "A", grant_types=("client_credentials",)),
        NewClient("a", "A", grant_types=("client_credentials",), role=Role.ADMIN, mode=Mode.TEST),
        NewClient("a", "A", ClientMethod.PRIVATE_KEY_JWT),
        NewClient("a", "A", ClientMethod.PRIVATE_KEY_JWT, jwks='{"keys": []}'),
        NewClient(
            "a", "A", ClientMethod.PRIVATE_KEY_JWT, jwks='{"keys": [{"kty": "oct", "k": "x"}]}'
        ),
        NewClient("a", "A", scopes=("everything",)),
        NewClient("a", "A", redirect_uris=("https://*.example/",)),
    ],
)
async def test_a_client_that_could_do_harm_is_not_registered(
    stand: Stand, wrong: NewClient
) -> None:
    command = ImportRealm(OPERATOR, "shop", "Shop", stand.merchant.id, (wrong,))
    with pytest.raises((MalformedRealm, InvalidScope, MalformedRedirect)):
        await stand.service.import_realm(command)


async def test_only_the_platform_makes_realms(stand: Stand) -> None:
    admin = await stand.make.actor(stand.merchant.id)
    robot = await stand.make.key_actor(
        await stand.make.key(stand.merchant.id, KeyKind.SECRET, Role.ADMIN)
    )
    for by in (admin, robot):
        with pytest.raises(NotAllowed):
            await stand.service.import_realm(ImportRealm(by, "mine", "Mine", stand.merchant.id))
        with pytest.raises(NotAllowed):
            await stand.service.clients(by, "ecommerce")
    with pytest.raises(MalformedRealm):
        await stand.service.import_realm(
            ImportRealm(OPERATOR, ROOT_REALM, "Mine", stand.merchant.id)
        )


async def test_importing_again_changes_clients_and_keeps_people(stand: Stand) -> None:
    tokens = await stand.tokens()
    found = sample_realm()
    realm = await stand.service.import_realm(found.command(OPERATOR, stand.merchant.id))
    assert realm.issuer == ISSUER
    assert (await stand.service.log_in(LogIn("customer1", Secret("ChangeMe123!")))).session
    stand.callers.forget("")
    assert (await stand.who(tokens["access_token"])).status_code == 200
    again = await stand.tokens(client_id="payment-frontend")
    assert again["token_type"] == "Bearer"


@pytest.mark.requirement("S000-15", part="well-known passwords of people refused in live mode")
async def test_a_live_installation_takes_no_well_known_password(
    identity_database: TestDatabase, clock: MovableClock, tmp_path: Path
) -> None:
    close: list[Database] = []
    live = await opened(identity_database, clock, tmp_path, close, live=True)
    make = Make(live.service, Ids(clock))
    merchant = await live.service.create_merchant(_merchant(make, "Live"))
    found = sample_realm()
    with pytest.raises(WeakPassword):
        await live.service.import_realm(found.command(LIVE_OPERATOR, merchant.id))
    with pytest.raises(WeakPassword):
        await live.service.first_administrator("admin", Secret("admin"))
    for one in close:
        await one.close()


def _merchant(make: Make, name: str) -> Any:
    from bezant.identity import CreateMerchant

    return CreateMerchant(make.ids.new("mer"), LIVE_OPERATOR, name)


async def test_what_was_made_for_a_demo_is_nothing_in_a_live_house(
    stand: Stand, identity_database: TestDatabase, clock: MovableClock, tmp_path: Path
) -> None:
    token = (await stand.tokens())["access_token"]
    close: list[Database] = []
    live = await opened(identity_database, clock, tmp_path, close, live=True)
    from bezant.identity import CredentialForm, Identify, UnknownCredential

    with pytest.raises(UnknownCredential):
        await live.service.identify(Identify(CredentialForm.ANY, Secret(token)))
    for one in close:
        await one.close()


async def test_the_provider_tells_what_it_can(stand: Stand) -> None:
    paths = (
        "/.well-known/openid-configuration",
        "/.well-known/oauth-authorization-server",
        "/realms/ecommerce/.well-known/openid-configuration",
        "/.well-known/oauth-authorization-server/realms/ecommerce",
    )
    documents = [(await stand.client.get(path)).json() for path in paths]
    assert [one["issuer"] for one in documents] == [BASE, BASE, ISSUER, ISSUER]
    assert documents[0] == documents[1]
    assert documents[2]["token_endpoint"] == f"{BASE}{BELOW}/token"
    assert documents[2]["response_types_supported"] == ["code"]
    assert documents[2]["code_challenge_methods_supported"] == ["S256"]
    assert "password" not in documents[2]["grant_types_supported"]
    for name, address in documents[2].items():
        if name.endswith(("_endpoint", "_uri")):
            path = address.removeprefix(BASE)
            asked = await stand.client.options(path)
            assert asked.status_code == 204, name


def test_every_scope_has_words() -> None:
    for scope in scopes.KNOWN:
        assert scopes.words(scope).isprintable()
        assert len(scopes.words(scope)) > 5


async def test_the_console_is_for_the_platforms_administrators(stand: Stand) -> None:
    await stand.service.first_administrator("admin", Secret("admin"))
    person = stand.person()
    answer = await person.follow(await person.get("/admin"))
    assert 'name="password"' in answer.text
    path = answer.request.url.path
    await person.post(path, name="admin", password="admin")
    page = await person.get("/admin")
    assert page.status_code == 200
    for known in ("payment-frontend", "E-Commerce", "bezant-cli", ISSUER):
        assert known in page.text

    customer = stand.person()
    await stand.code(customer)
    refused = await customer.get("/admin")
    assert refused.status_code == 403
    assert "payment-frontend" not in refused.text


async def test_an_administrator_named_twice_keeps_the_password(stand: Stand) -> None:
    await stand.service.first_administrator("admin", Secret("the first password"))
    await stand.service.first_administrator("admin", Secret("the second password"))
    session = await stand.service.log_in(LogIn("admin", Secret("the first password")))
    assert session.session.tenant == "platform"
    with pytest.raises(BezantError):
        await stand.service.log_in(LogIn("admin", Secret("the second password")))
