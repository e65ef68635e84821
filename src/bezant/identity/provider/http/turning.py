"""The pages of somebody's way: signing in, allowing, letting a device in, and leaving."""

import os
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Final
from urllib.parse import urlencode

from fastapi import Request
from fastapi.responses import RedirectResponse, Response

from bezant.actor import PLATFORM
from bezant.errors import BezantError
from bezant.http.caller import CrossSiteRequest
from bezant.http.routes import FORM, PUBLIC, Routes
from bezant.identity.oauth import LoginRequired
from bezant.identity.openid import (
    ROOT_REALM,
    AtInteraction,
    Browser,
    Decide,
    EnterDeviceCode,
    OpenIdProvider,
    ProveMore,
    SignIn,
    SignInByPasskey,
    SignOut,
    Stage,
    Turn,
)
from bezant.identity.person import PasskeyRefused, WrongCode
from bezant.identity.port import LoginBusy, MemberInactive, NoMembership, TooManyTries, WrongLogin
from bezant.identity.provider.http import pages
from bezant.identity.provider.http.reading import (
    FORM_BYTES_MAX,
    Cookies,
    asked,
    fields,
    form,
    is_of_another_page,
    query,
    visit_of,
)
from bezant.identity.provider.issuer import CONSOLE, CONSOLE_PATH, Endpoint, Issuer
from bezant.identity.provider.jose import encoded
from bezant.identity.provider.refusing import told_once
from bezant.secret import Secret

SHOWN_AGAIN: Final = (
    WrongLogin,
    WrongCode,
    PasskeyRefused,
    TooManyTries,
    MemberInactive,
    NoMembership,
    LoginBusy,
)
"""What somebody can do something about on the page itself."""


def answered(turn: Turn, browser: Browser, cookies: Cookies) -> Response:
    """Send the browser on to the next page, or to its client."""
    if turn.stage is Stage.DONE:
        made: Response = pages.page_of(turn)
    else:
        page = f"{pages.SIGN_IN_PATH}/{turn.interaction.reveal()}"
        address = turn.address if turn.stage is Stage.ELSEWHERE else page
        # 303: a password is never sent along to where the browser goes (RFC 9700, 4.12).
        made = RedirectResponse(address, status_code=303)
    cookies.keep(made, turn, browser)
    return made


def add_pages(made: Routes, provider: OpenIdProvider, cookies: Cookies) -> None:
    """Declare the pages of a way."""
    path = pages.SIGN_IN_PATH + "/{interaction}"

    @made.get(path, permission=PUBLIC, include_in_schema=False)
    async def show(interaction: str, request: Request) -> Response:
        browser = cookies.browser_of(request)
        try:
            turn = await provider.interaction(AtInteraction(Secret(interaction), browser))
        except BezantError as refusal:
            return _shown(refusal)
        if turn.stage is Stage.ELSEWHERE:
            return answered(turn, browser, cookies)
        return pages.page_of(turn)

    @made.post(
        path,
        permission=PUBLIC,
        accepts=FORM,
        body_bytes_max=FORM_BYTES_MAX,
        include_in_schema=False,
    )
    async def go_on(interaction: str, request: Request) -> Response:
        browser = cookies.browser_of(request)
        filled = await fields(request)
        way = Secret(interaction)
        try:
            if is_of_another_page(request):
                raise CrossSiteRequest
            turn = await _taken(provider, way, browser, filled)
            return answered(turn, browser, cookies)
        except SHOWN_AGAIN as refusal:
            turn = await provider.interaction(AtInteraction(way, browser))
            return pages.page_of(turn, refusal, filled.get("name", ""))
        except BezantError as refusal:
            return _shown(refusal)

    del show, go_on


async def _taken(
    provider: OpenIdProvider, way: Secret[str], browser: Browser, filled: Mapping[str, str]
) -> Turn:
    """Take what a form brings: a decision, a passkey, a code, or a name and a password."""
    if "decision" in filled:
        return await provider.decide(Decide(way, browser, filled["decision"] == "yes"))
    if "passkey" in filled:
        answer = Secret(filled["passkey"])
        return await provider.sign_in_by_passkey(SignInByPasskey(way, browser, answer))
    if "code" in filled:
        return await provider.prove_more(ProveMore(way, browser, Secret(filled["code"])))
    password = Secret(filled.get("password", ""))
    name = filled.get("name", "").strip()
    return await provider.sign_in(SignIn(way, browser, name, password))


def add_device_pages(made: Routes, provider: OpenIdProvider, cookies: Cookies) -> None:
    """Declare the page on which a device's code is typed, for both kinds of realm."""

    async def show(request: Request) -> Response:
        code = dict(query(request)).get("user_code", "")[:20]
        return pages.device_form(request.url.path, code)

    async def enter(request: Request) -> Response:
        browser = cookies.browser_of(request)
        code = (await fields(request)).get("user_code", "")
        realm = str(request.path_params.get("realm", ROOT_REALM))
        try:
            with told_once("device_code", realm):
                if is_of_another_page(request):
                    raise CrossSiteRequest
                turn = await provider.enter_device_code(EnterDeviceCode(realm, code, browser))
        except BezantError as refusal:
            if refusal.status >= 500:
                raise
            return pages.device_form(request.url.path, code[:20], refusal)
        return answered(turn, browser, cookies)

    for realm in (ROOT_REALM, "{realm}"):
        path = Endpoint.DEVICE_PAGE.path(realm)
        made.get(path, permission=PUBLIC, include_in_schema=False)(show)
        made.post(
            path,
            permission=PUBLIC,
            accepts=FORM,
            body_bytes_max=FORM_BYTES_MAX,
            include_in_schema=False,
        )(enter)


def add_sign_out(made: Routes, provider: OpenIdProvider, cookies: Cookies) -> None:
    """Declare where clients send people who leave (OpenID Connect RP-Initiated Logout, 2)."""

    async def leave(
        request: Request, parameters: tuple[tuple[str, str], ...], *, sure: bool
    ) -> Response:
        browser = cookies.browser_of(request)
        realm = str(request.path_params.get("realm", ROOT_REALM))
        try:
            with told_once("sign_out", realm):
                question = asked(realm, parameters, visit_of(request))
                out = await provider.sign_out(SignOut(question, browser, sure))
        except BezantError as refusal:
            return _shown(refusal)
        if out.asks:
            return pages.sign_out_form(request.url.path, parameters)
        made_ = RedirectResponse(out.address, 303) if out.address else pages.signed_out()
        if browser.session.reveal():
            # A form of another site comes without our cookie; it shall not cost anybody theirs.
            cookies.forget(made_)
        return made_

    async def by_query(request: Request) -> Response:
        return await leave(request, query(request), sure=False)

    async def by_form(request: Request) -> Response:
        given = await form(request)
        parameters = tuple(pair for pair in given if pair[0] != "confirmed")
        # Another site's page can send a form, but not our cookie with it; a neighbour's can.
        sure = ("confirmed", "yes") in given and not is_of_another_page(request)
        return await leave(request, parameters, sure=sure)

    for realm in (ROOT_REALM, "{realm}"):
        path = Endpoint.SIGN_OUT.path(realm)
        made.get(path, permission=PUBLIC, include_in_schema=False)(by_query)
        made.post(
            path,
            permission=PUBLIC,
            accepts=FORM,
            body_bytes_max=FORM_BYTES_MAX,
            include_in_schema=False,
        )(by_form)


def add_console(
    made: Routes,
    provider: OpenIdProvider,
    issuer: Issuer,
    cookies: Cookies,
    chance: Callable[[int], bytes] = os.urandom,
) -> None:
    """Declare the issuer's console: a client of its own provider, like any other."""

    @made.get(CONSOLE_PATH, permission=PUBLIC, include_in_schema=False)
    async def console(request: Request) -> Response:
        browser = cookies.browser_of(request)
        try:
            actor = await provider.signed_in(browser)
        except LoginRequired:
            return RedirectResponse(_login(), status_code=303)
        if actor.tenant != PLATFORM or not actor.may("settings.read"):
            return pages.not_for_you(actor.subject)
        realms = [
            (realm, await provider.clients(actor, realm.name))
            for realm in await provider.realms(actor)
        ]
        return pages.console(realms, await provider.signing_keys())

    def _login() -> str:
        # Nobody keeps the verifier: the session is what the console needs, its code never is.
        asked_for = {
            "client_id": CONSOLE,
            "redirect_uri": issuer.base + CONSOLE_PATH,
            "response_type": "code",
            "code_challenge": encoded(sha256(chance(32)).digest()),
            "code_challenge_method": "S256",
        }
        return f"{Endpoint.AUTHORIZE.path(ROOT_REALM)}?{urlencode(asked_for)}"

    del console


def _shown(refusal: BezantError) -> Response:
    if refusal.status >= 500:
        raise refusal
    return pages.mistake(refusal)
