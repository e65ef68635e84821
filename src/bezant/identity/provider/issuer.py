"""Where the provider is found, how long its tokens live, and the names of its endpoints. Pure."""

import re
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from bezant.errors import Invalid
from bezant.identity.openid import ROOT_REALM, ClientMethod

COMMAND_LINE: Final = "bezant-cli"
CONSOLE: Final = "bezant-console"
CONSOLE_PATH: Final = "/admin"
ENTRY_PATH: Final = "/enter"
RESOURCE_PATH: Final = "/.well-known/oauth-protected-resource"
PEOPLE: Final = "bezant-people"
"""Our own three clients: they are there from the start."""
_REALM: Final = re.compile(r"[a-z][a-z0-9-]{0,39}\Z")
_BELOW_REALM: Final = "/protocol/openid-connect"


class Endpoint(Enum):
    """Each endpoint: its path in the platform's own realm, and below any other realm's."""

    AUTHORIZE = ("/oauth/authorize", "/auth")
    TOKEN = ("/oauth/token", "/token")
    KEYS = ("/oauth/jwks", "/certs")
    PROFILE = ("/oauth/userinfo", "/userinfo")
    SIGN_OUT = ("/oauth/logout", "/logout")
    INTROSPECT = ("/oauth/introspect", "/token/introspect")
    REVOKE = ("/oauth/revoke", "/revoke")
    PUSH = ("/oauth/par", "/ext/par/request")
    DEVICE = ("/oauth/device_authorization", "/auth/device")
    DEVICE_PAGE = ("/device", "/device")

    def path(self, realm: str) -> str:
        """Return the path in a realm; `{realm}` gives that of every realm but the platform's."""
        own, below = self.value
        return own if realm == ROOT_REALM else f"/realms/{realm}{_BELOW_REALM}{below}"


class MalformedIssuer(Invalid):
    """An issuer's address begins with https://, or with http:// on this machine; no more."""

    code = "malformed_issuer"


@dataclass(frozen=True, slots=True)
class Issuer:
    """One installation's provider."""

    base: str
    """Where it is found from outside, without a slash at the end."""
    access: timedelta = timedelta(hours=1)
    refresh: timedelta = timedelta(days=30)
    identity: timedelta = timedelta(hours=1)
    origins: frozenset[str] = frozenset()
    """Every origin under which this installation answers: what a DPoP proof may name."""
    certificates: frozenset[ClientMethod] = frozenset()
    """How a client may prove itself by the certificate of its connection: where none arrives, by
    none.
    """

    def of(self, realm: str) -> str:
        """Return the issuer of a realm: what `iss` says."""
        return self.base if realm == ROOT_REALM else f"{self.base}/realms/{realm}"

    def realm_of(self, issuer: str) -> str | None:
        """Return the realm of an issuer of ours."""
        if issuer == self.base:
            return ROOT_REALM
        realm = issuer.removeprefix(f"{self.base}/realms/")
        return realm if realm not in (issuer, ROOT_REALM) and _REALM.match(realm) else None

    def address(self, endpoint: Endpoint, realm: str) -> str:
        """Return the address of an endpoint."""
        return self.base + endpoint.path(realm)

    @property
    def audience(self) -> str:
        """Return whom access tokens are for: the API of this installation."""
        return self.base

    @property
    def resource_metadata(self) -> str:
        """Return where the API tells whose tokens it takes (RFC 9728)."""
        return self.base + RESOURCE_PATH

    @property
    def secure(self) -> bool:
        """Tell whether browsers come by TLS: then cookies go no other way."""
        return self.base.startswith("https://")


def well_formed(base: str) -> str:
    """Return an issuer's address as it is used."""
    parts = urlsplit(base)
    plain = not (parts.query or parts.fragment or parts.username or parts.password)
    if (
        not plain
        or not parts.hostname
        or (parts.scheme, is_loopback(parts.hostname))
        not in {
            ("https", True),
            ("https", False),
            ("http", True),
        }
    ):
        raise MalformedIssuer
    return base.rstrip("/")


def is_loopback(host: str) -> bool:
    """Tell whether a host is this very machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
