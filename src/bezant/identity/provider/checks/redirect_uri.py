"""RFC 9700, 2.1 and 4.1.3: redirect URIs are compared by exact string matching.

Some registrations say `http://localhost:3000/*`, for a page under development whose paths are not
known yet. That form is taken for this very machine only, and what it lets in cannot leave its
origin.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import urlsplit

from bezant.errors import Invalid
from bezant.identity.oauth import InvalidRequest
from bezant.identity.provider.issuer import is_loopback

CHARACTERS_MAX: Final = 2_048
# Nothing another parser could read as another host or path: no userinfo, no backslash, no dots that
# climb, nothing written as a percent sign that is one of these.
_BELOW: Final = re.compile(r"[A-Za-z0-9/._~!$&'()*+,;=:@?%-]*\Z")
_CLIMBS: Final = re.compile(r"(^|/)\.{1,2}(/|\?|$)|//|%(2e|2f|5c|00|0a|0d|25)", re.IGNORECASE)
# What RFC 3986 writes an address with. A host is plain: what a page's policy cannot name, a browser
# would not follow from there.
_WRITTEN: Final = re.compile(r"[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]+\Z")
_HOST: Final = re.compile(r"[A-Za-z0-9.:-]+\Z")
_APP_SCHEME: Final = re.compile(r"[a-z][a-z0-9+-]*(\.[a-z0-9+-]+)+\Z")


class MalformedRedirect(Invalid):
    """A redirect URI is absolute, by https, of this machine, or of an app, and has no fragment."""

    code = "malformed_redirect"


def chosen(parameters: Mapping[str, str], registered: Sequence[str]) -> str:
    """When comparing client redirection URIs against pre-registered URIs, authorization servers
    MUST utilize exact string matching.
    """
    wanted = parameters.get("redirect_uri", "")
    if not wanted:
        raise InvalidRequest("redirect_uri is missing", field="redirect_uri")
    if not fits(wanted, registered):
        raise InvalidRequest("this redirect_uri is not registered", field="redirect_uri")
    return wanted


def fits(wanted: str, registered: Sequence[str]) -> bool:
    """Tell whether a redirect URI is one that was registered."""
    if len(wanted) > CHARACTERS_MAX:
        return False
    return any(
        _is_below(wanted, one[:-1]) if one.endswith("/*") else wanted == one for one in registered
    )


def _is_below(wanted: str, start: str) -> bool:
    below = wanted.removeprefix(start)
    return (
        wanted.startswith(start)
        and _BELOW.match(below) is not None
        and _CLIMBS.search(below) is None
        and not below.startswith("/")
    )


def registrable(uri: str) -> str:
    """The redirection endpoint URI MUST be an absolute URI and MUST NOT include a fragment
    (RFC 6749, 3.1.2); https, this machine, or the reverse domain name of an app (RFC 8252, 7).
    """
    plain = uri.removesuffix("*") if uri.endswith("/*") else uri
    try:
        parts = urlsplit(plain)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise MalformedRedirect from None
    strange = "*" in plain or "#" in uri or "@" in parts.netloc or not _WRITTEN.match(uri)
    if strange or len(uri) > CHARACTERS_MAX or (host and not _HOST.match(host)):
        raise MalformedRedirect
    web = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))
    app = not parts.netloc and _APP_SCHEME.match(parts.scheme) is not None
    if not (web and host) and not app:
        raise MalformedRedirect
    if plain != uri and not is_loopback(host):
        raise MalformedRedirect("only a page on this machine may leave its path open")
    return uri


def origin_of(uri: str) -> str:
    """Return where a redirect URI leads to, as a policy for pages names it."""
    parts = urlsplit(uri)
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else f"{parts.scheme}:"
