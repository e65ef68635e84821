"""A realm from a file: the export of Keycloak, as far as it says what we have too. Pure.

What it says beyond that, such as an implicit flow or a password grant, has no counterpart here and
is passed over; a secret that two sides share is refused, and so is a person without a password.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from bezant.actor import Actor, Mode
from bezant.identity.member import Role
from bezant.identity.oauth import MalformedRealm
from bezant.identity.openid import ClientMethod, ImportRealm, NewClient, NewPerson
from bezant.identity.provider import scopes
from bezant.identity.provider.checks.grant_type import GrantType
from bezant.secret import Secret

BYTES_MAX: Final = 4_194_304
_METHODS: Final = {"client-jwt": ClientMethod.PRIVATE_KEY_JWT, "client-x509": ClientMethod.TLS}
_OF_KEYCLOAK: Final = frozenset(
    {"account", "account-console", "admin-cli", "broker", "realm-management"}
    | {"security-admin-console"}
)
_SEPARATOR: Final = "##"  # Keycloak joins several addresses in one attribute by this.


class _Credential(msgspec.Struct):
    type: str = ""
    value: str = ""
    secretData: str = ""  # noqa: N815 - JSON in JSON: Keycloak exports hashes so
    credentialData: str = ""  # noqa: N815


class _Hash(msgspec.Struct):
    value: str = ""
    algorithm: str = ""


class _User(msgspec.Struct):
    username: str
    email: str = ""
    firstName: str = ""  # noqa: N815 - spelled as in the file
    lastName: str = ""  # noqa: N815
    enabled: bool = True
    credentials: list[_Credential] = []
    realmRoles: list[str] = []  # noqa: N815


class _Client(msgspec.Struct):
    clientId: str  # noqa: N815
    name: str = ""
    enabled: bool = True
    publicClient: bool = False  # noqa: N815
    clientAuthenticatorType: str = ""  # noqa: N815
    standardFlowEnabled: bool = True  # noqa: N815
    serviceAccountsEnabled: bool = False  # noqa: N815
    consentRequired: bool = False  # noqa: N815
    bearerOnly: bool = False  # noqa: N815
    redirectUris: list[str] = []  # noqa: N815
    defaultClientScopes: list[str] = []  # noqa: N815
    optionalClientScopes: list[str] = []  # noqa: N815
    attributes: dict[str, str] = {}


class _Realm(msgspec.Struct):
    realm: str
    displayName: str = ""  # noqa: N815
    clients: list[_Client] = []
    users: list[_User] = []


@dataclass(frozen=True, slots=True)
class RealmFile:
    """What a file asks for."""

    name: str
    title: str
    clients: tuple[NewClient, ...]
    people: tuple[NewPerson, ...]

    def command(self, by: Actor, merchant: str) -> ImportRealm:
        """Return the command that makes this realm for a merchant."""
        return ImportRealm(by, self.name, self.title, merchant, self.clients, self.people)


def read_realm(content: bytes) -> RealmFile:
    """Read a realm's file, or say where it is not one."""
    if len(content) > BYTES_MAX:
        raise MalformedRealm(f"a realm's file has at most {BYTES_MAX} bytes")
    try:
        told = msgspec.json.decode(content, type=_Realm)
    except msgspec.ValidationError as wrong:
        raise MalformedRealm(f"the file is not a realm: {wrong}") from None
    except msgspec.MsgspecError:
        raise MalformedRealm("the file is not JSON") from None
    return RealmFile(
        name=told.realm,
        title=told.displayName or told.realm,
        clients=tuple(_client(one) for one in told.clients if _is_ours_to_make(one)),
        people=tuple(_person(one, told.realm) for one in told.users if one.enabled),
    )


def _is_ours_to_make(told: _Client) -> bool:
    """Pass over what never asks for tokens, and the clients of Keycloak itself."""
    return not told.bearerOnly and told.clientId not in _OF_KEYCLOAK


def _client(told: _Client) -> NewClient:
    if not told.enabled:
        return NewClient(told.clientId, told.name, active=False)
    about = told.attributes
    grants = [GrantType.CODE, GrantType.REFRESH] if told.standardFlowEnabled else []
    if told.serviceAccountsEnabled:
        grants.append(GrantType.CLIENT)
    if _is_on(about, "oauth2.device.authorization.grant.enabled"):
        grants.append(GrantType.DEVICE)
    if not grants:
        raise MalformedRealm(f"{told.clientId} has no way to ask for tokens")
    bound = ("dpop.bound.access.tokens", "tls.client.certificate.bound.access.tokens")
    return NewClient(
        client_id=told.clientId,
        name=told.name or told.clientId,
        method=_method(told),
        grant_types=tuple(grants),
        redirect_uris=tuple(told.redirectUris),
        logout_uris=_logout_uris(told),
        scopes=_known(told.optionalClientScopes),
        default_scopes=_known([scopes.OPENID, *told.defaultClientScopes]),
        jwks=about.get("jwks.string", ""),
        certificates=_several(about, "x509.san") or _several(about, "x509.thumbprints"),
        role=_role(about.get("machine.role", "")),
        mode=_mode(about.get("machine.mode", "")),
        asks_consent=told.consentRequired,
        binds_tokens=any(_is_on(about, name) for name in bound),
        must_push=_is_on(about, "require.pushed.authorization.requests"),
        returns=_is_on(about, "returns.if.ended"),
    )


def _method(told: _Client) -> ClientMethod:
    if told.publicClient:
        return ClientMethod.NONE
    method = _METHODS.get(told.clientAuthenticatorType)
    if method is None:
        raise MalformedRealm(
            f"{told.clientId} has a shared secret; register a key (client-jwt) or a certificate "
            "(client-x509) instead"
        )
    if method is ClientMethod.TLS and _several(told.attributes, "x509.thumbprints"):
        return ClientMethod.SELF_SIGNED_TLS
    return method


def _logout_uris(told: _Client) -> tuple[str, ...]:
    named = _several(told.attributes, "post.logout.redirect.uris")
    # A plus sign means: the same as after signing in.
    return tuple(told.redirectUris) if "+" in named else named


def _person(told: _User, realm: str) -> NewPerson:
    found = (_password(one) for one in told.credentials if one.type == "password")
    passwords = [one for one in found if one]
    if len(passwords) != 1:
        raise MalformedRealm(f"{told.username} has no password that could be read", field="users")
    roles = [_role(one) for one in told.realmRoles]
    known = [one for one in roles if one is not None]
    return NewPerson(
        username=told.username,
        # Two realms' people of one name are two people.
        email=told.email or f"{told.username}@{realm}.users.invalid",
        name=" ".join(one for one in (told.firstName, told.lastName) if one) or told.username,
        password=Secret(passwords[0]),
        role=known[0] if known else Role.CUSTOMER,
    )


def _password(told: _Credential) -> str:
    """Return a password, or its bcrypt hash; other hashes mean nothing here."""
    if told.value or not told.secretData:
        return told.value
    try:
        kind = msgspec.json.decode(told.credentialData, type=_Hash).algorithm
        return msgspec.json.decode(told.secretData, type=_Hash).value if kind == "bcrypt" else ""
    except msgspec.MsgspecError:
        return ""


def _role(text: str) -> Role | None:
    return Role(text) if text in tuple(Role) else None


def _mode(text: str) -> Mode | None:
    return Mode(text) if text in tuple(Mode) else None


def _is_on(about: dict[str, str], name: str) -> bool:
    return about.get(name, "") == "true"


def _several(about: dict[str, str], name: str) -> tuple[str, ...]:
    return tuple(one for one in about.get(name, "").split(_SEPARATOR) if one)


def _known(names: list[str]) -> tuple[str, ...]:
    return scopes.in_order(one for one in names if one in scopes.KNOWN)


def sample_realm() -> RealmFile:
    """Return the realm of a demo, with a customer whose password everybody knows."""
    return read_realm((Path(__file__).parent / "samples" / "ecommerce.json").read_bytes())
