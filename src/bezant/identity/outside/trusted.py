"""An issuer of somebody else's that we trust, and what of its word counts here. Pure.

What is written down about it decides: where it is, which algorithms it signs with, for whom its
tokens must be, and which of its roles means which of ours. A token chooses nothing of that.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, cast
from urllib.parse import urlsplit

from bezant.actor import Mode
from bezant.errors import Invalid
from bezant.identity.member import Role
from bezant.identity.provider.issuer import is_loopback
from bezant.secret import Secret

ALGORITHMS: Final = ("ES256", "PS256", "RS256", "Ed25519")
"""What may be pinned; nothing symmetric, so no public key can be taken for a secret."""
ROLES_MAX: Final = 100
PATH_PARTS_MAX: Final = 4
SAMPLE: Final = "sample"
"""The sample merchant, which is made after its demo was started for the first time."""


class MalformedTrust(Invalid):
    """What is written about an issuer to trust cannot be used."""

    code = "malformed_trust"


@dataclass(frozen=True, slots=True)
class Trusted:
    """One issuer, as the operator wrote it down."""

    name: str
    issuer: str
    """What `iss` says, and where its discovery document is found."""
    title: str
    tenant: str
    """Where its people belong: a merchant, or the platform; `SAMPLE` of a demo."""
    mode: Mode
    audience: str
    """For whom an access token must be to count here."""
    roles: Mapping[str, Role]
    """Which of its roles is which of ours. Whoever has none of them stays outside."""
    roles_claim: str = "roles"
    """Where its tokens say roles, such as `realm_access.roles`."""
    algorithms: tuple[str, ...] = ("RS256",)
    client_id: str = ""
    """Who we are there; without it nobody signs in through it."""
    client_secret: Secret[str] = Secret("")  # noqa: RUF009 - it cannot change
    opaque: bool = False
    """Its access tokens say nothing by themselves: it is asked about each (RFC 7662)."""
    by_scope: bool = False
    """A token's scopes are permissions of ours; without, its roles alone decide."""
    says_when: bool = True
    """It tells in `auth_time` when somebody proved who they are, so its silence means nothing. Of
    one that never tells, it counts as a proof that it was asked to have somebody sign in anew.
    """
    hosts: tuple[str, ...] = ()
    """Further origins on which its own documents may name addresses."""

    def may_call(self, address: str) -> bool:
        """Tell whether its documents may send us to an address: its own origin, or one named."""
        return origin_of(address) in {origin_of(self.issuer), *self.hosts}


def well_formed(one: Trusted, *, live: bool) -> Trusted:
    """Return it if everything written about it can be used."""
    for address in (one.issuer, *one.hosts):
        parts = urlsplit(address)
        odd = parts.query or parts.fragment or parts.username or parts.password
        local = parts.scheme == "http" and not live and is_loopback(parts.hostname or "")
        if odd or not parts.hostname or not (parts.scheme == "https" or local):
            raise MalformedTrust(f"{one.name}: an address begins with https:// and has no query")
    if not one.algorithms or not frozenset(one.algorithms) <= frozenset(ALGORITHMS):
        raise MalformedTrust(f"{one.name}: algorithms are among {', '.join(ALGORITHMS)}")
    if not one.audience:
        raise MalformedTrust(f"{one.name}: say for which audience its tokens must be")
    if one.audience == one.client_id:
        # An ID token is for the client: it must never pass for an access token.
        raise MalformedTrust(f"{one.name}: the audience of its tokens is not its client_id")
    if not one.roles or len(one.roles) > ROLES_MAX:
        raise MalformedTrust(f"{one.name}: say which of its roles is which of ours")
    if not 0 < len(one.roles_claim.split(".")) <= PATH_PARTS_MAX:
        raise MalformedTrust(f"{one.name}: roles_claim is a name or a path such as a.b")
    if one.opaque and not one.client_secret.reveal():
        raise MalformedTrust(f"{one.name}: asking about opaque tokens needs client_secret")
    return one


def origin_of(address: str) -> str:
    """Return scheme, host and port of an address, as the Web tells origins apart."""
    parts = urlsplit(address)
    try:
        port = parts.port or {"https": 443, "http": 80}.get(parts.scheme, 0)
    except ValueError:
        return ""
    return f"{parts.scheme}://{parts.hostname or ''}:{port}"


def roles_of(one: Trusted, claims: Mapping[str, object]) -> tuple[Role, ...]:
    """Return which of our roles its claims come to, in the order in which they were written."""
    told: object = claims
    for part in one.roles_claim.split("."):
        told = cast("Mapping[str, object]", told).get(part) if isinstance(told, dict) else None
    if isinstance(told, str):
        told = told.replace(",", " ").split()
    if not isinstance(told, list):
        return ()
    names = frozenset(name for name in cast("list[object]", told) if isinstance(name, str))
    return tuple(ours for theirs, ours in one.roles.items() if theirs in names)
