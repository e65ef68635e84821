"""The two addresses of signing in elsewhere: the way out, and the way back."""

from typing import Final

from fastapi import Request
from fastapi.responses import Response

from bezant.errors import BezantError
from bezant.http.routes import PUBLIC, Routes
from bezant.identity.oauth import OutsideRefused
from bezant.identity.openid import AtInteraction, BeginOutside, FinishOutside, OpenIdProvider
from bezant.identity.outside.calling import IssuerSilent
from bezant.identity.outside.logins import COME_BACK
from bezant.identity.provider.http import pages
from bezant.identity.provider.http.reading import Cookies, query
from bezant.identity.provider.http.turning import answered
from bezant.identity.provider.issuer import Issuer
from bezant.secret import Secret

SHOWN_AGAIN: Final = (OutsideRefused, IssuerSilent)
"""What somebody can try again, or get around by another door, on the page itself."""


def routes(provider: OpenIdProvider, issuer: Issuer) -> Routes:
    """Return the way out to another issuer and the way back."""
    made = Routes("identity", tag="Sign in", guarded=True)
    cookies = Cookies.of(secure=issuer.secure)

    async def shown(request: Request, way: Secret[str], refusal: BezantError) -> Response:
        if isinstance(refusal, SHOWN_AGAIN):
            at = AtInteraction(way, cookies.browser_of(request))
            return pages.page_of(await provider.interaction(at), refusal)
        if refusal.status >= 500:
            raise refusal
        return pages.mistake(refusal)

    @made.get(
        pages.SIGN_IN_PATH + "/{interaction}/at/{issuer}",
        permission=PUBLIC,
        include_in_schema=False,
    )
    async def go(interaction: str, issuer: str, request: Request) -> Response:
        browser, way = cookies.browser_of(request), Secret(interaction)
        try:
            turn = await provider.begin_outside(BeginOutside(way, browser, issuer))
        except BezantError as refusal:
            return await shown(request, way, refusal)
        return answered(turn, browser, cookies)

    @made.get(COME_BACK + "/{issuer}", permission=PUBLIC, guarded=True, include_in_schema=False)
    async def come_back(issuer: str, request: Request) -> Response:
        told = query(request)
        given = dict(told)
        browser, way = cookies.browser_of(request), Secret(given.get("state", ""))
        try:
            if len(given) != len(told):
                raise OutsideRefused
            code, said = Secret(given.get("code", "")), given.get("iss", "")
            finish = FinishOutside(way, browser, issuer, code, said)
            turn = await provider.finish_outside(finish)
        except BezantError as refusal:
            try:
                return await shown(request, way, refusal)
            except BezantError as lost:
                return pages.mistake(lost)
        return answered(turn, browser, cookies)

    del go, come_back
    return made
