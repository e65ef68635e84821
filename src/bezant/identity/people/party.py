"""Who asks for passkeys: the domain they belong to, and the pages that may ask. Pure."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from bezant.errors import Invalid
from bezant.identity.provider.issuer import Issuer, is_loopback


class MalformedParty(Invalid):
    """RP_ID is a domain, and each EXPECTED_ORIGIN an https:// origin at it or below it."""

    code = "malformed_party"


@dataclass(frozen=True, slots=True)
class Party:
    """The relying party of WebAuthn."""

    domain: str
    origins: tuple[str, ...]
    title: str = "Bezant"


def party_of(issuer: Issuer, domain: str = "", origins: tuple[str, ...] = ()) -> Party:
    """Return the party that settings name, or the one that the issuer's own address makes.

    A browser ties a passkey to a name, never to a number, so this machine is `localhost` here.
    Where no page can ask for passkeys, none are taken.
    """
    host = domain or urlsplit(issuer.base).hostname or ""
    if is_loopback(host):
        host = "localhost"
    found = origins or tuple(sorted({*issuer.origins, issuer.base}))
    fitting = tuple(one for one in found if _belongs(one, host))
    if len(fitting) != len(found) and (origins or (domain and not fitting)):
        raise MalformedParty
    return Party(host, fitting)


def _belongs(origin: str, domain: str) -> bool:
    parts = urlsplit(origin)
    host = parts.hostname or ""
    secure = parts.scheme == "https" or (parts.scheme == "http" and host == "localhost")
    alone = not (parts.path or parts.query or parts.fragment or parts.username)
    return secure and alone and (host == domain or host.endswith(f".{domain}"))
