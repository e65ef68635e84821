"""Reading what clients and browsers send: forms, queries, cookies, certificates, tokens."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, cast
from urllib.parse import parse_qsl

from fastapi import Request, Response

from bezant.http.caller import CredentialKind, credential_of
from bezant.http.problems import MalformedRequest
from bezant.http.visit import VISIT, Visit
from bezant.identity.callers import certificate_of
from bezant.identity.oauth import InvalidToken
from bezant.identity.openid import PARAMETERS_MAX, Asked, Browser, ShownToken, Turn
from bezant.secret import Secret

FORM_BYTES_MAX: Final = 65_536
SESSION_SECONDS: Final = 12 * 3_600  # As long as a session can live.


@dataclass(frozen=True, slots=True)
class Cookies:
    """What our two cookies are called: only what goes by TLS alone may say so in its name."""

    session: str
    browser: str
    secure: bool

    @classmethod
    def of(cls, *, secure: bool) -> "Cookies":
        """Return the names for an issuer found by TLS, or for one on this machine."""
        front = "__Host-" if secure else ""
        return cls(f"{front}bezant-sso", f"{front}bezant-browser", secure)

    def browser_of(self, request: Request) -> Browser:
        """Return the browser that sends a request."""
        visit = visit_of(request)
        agent = visit.headers.get(b"user-agent", b"").decode("latin-1")
        return Browser(
            name=Secret(request.cookies.get(self.browser, "")),
            session=Secret(request.cookies.get(self.session, "")),
            address=visit.address,
            agent=agent,
        )

    def keep(self, response: Response, turn: Turn, browser: Browser) -> None:
        """Let the browser keep what a turn gave it."""
        if turn.session.reveal():
            self._set(response, self.session, turn.session.reveal(), SESSION_SECONDS)
        if turn.browser.reveal() and turn.browser.reveal() != browser.name.reveal():
            self._set(response, self.browser, turn.browser.reveal(), None)

    def forget(self, response: Response) -> None:
        """Let the browser forget its session."""
        self._set(response, self.session, "", 0)

    def _set(self, response: Response, name: str, value: str, seconds: int | None) -> None:
        # Lax: whoever comes back from another site is still signed in, but no other site's page
        # can send a form with it.
        response.set_cookie(
            name,
            value,
            max_age=seconds,
            path="/",
            secure=self.secure,
            httponly=True,
            samesite="lax",
        )


def visit_of(request: Request) -> Visit:
    """Return what the edge learnt about a request."""
    return cast("Visit", request.scope[VISIT])


def is_of_another_page(request: Request) -> bool:
    """Tell whether another origin's page sends this. A neighbour below our own domain, or on
    another port of this machine, is one too, and a browser sends it our cookies.
    """
    site = visit_of(request).headers.get(b"sec-fetch-site")
    return site not in (None, b"same-origin", b"none")


def pairs(text: str) -> tuple[tuple[str, str], ...]:
    """Read a query or a form as it stands, nothing merged."""
    try:
        found = parse_qsl(
            text, keep_blank_values=True, errors="strict", max_num_fields=PARAMETERS_MAX
        )
    except ValueError:
        raise MalformedRequest from None
    return tuple(found)


async def form(request: Request) -> tuple[tuple[str, str], ...]:
    """Read a body that is a form."""
    try:
        return pairs((await request.body()).decode("ascii"))
    except UnicodeDecodeError:
        raise MalformedRequest from None


async def fields(request: Request) -> Mapping[str, str]:
    """Read a form of ours; a field that is there twice could mean two things."""
    found = await form(request)
    if len(dict(found)) != len(found):
        raise MalformedRequest
    return dict(found)


def query(request: Request) -> tuple[tuple[str, str], ...]:
    """Read the query of an address."""
    return pairs(request.scope["query_string"].decode("latin-1"))


def asked(realm: str, parameters: tuple[tuple[str, str], ...], visit: Visit) -> Asked:
    """Return a client's request."""
    proof = visit.headers.get(b"dpop", b"").decode("latin-1")
    certificate = visit.headers.get(b"client-cert", b"").decode("latin-1")
    return Asked(realm, parameters, Secret(proof), certificate_of(certificate))


def shown_token(realm: str, request: Request) -> ShownToken:
    """Return the access token that a request shows."""
    visit = visit_of(request)
    credential = credential_of(visit.headers, visit.address)
    if credential is None or credential.kind not in (CredentialKind.BEARER, CredentialKind.DPOP):
        raise InvalidToken
    proof = visit.headers.get(b"dpop", b"").decode("latin-1")
    if (credential.kind is CredentialKind.DPOP) != bool(proof):
        raise InvalidToken
    certificate = visit.headers.get(b"client-cert", b"").decode("latin-1")
    method = request.method if request.method != "HEAD" else "GET"
    return ShownToken(realm, credential.secret, Secret(proof), certificate_of(certificate), method)
