"""People's pages: signing up, security, and the way from our login pages into our other pages.

Whoever opens one is known by the session of the login pages. What a form changes is changed only if
the form is ours (`refuse_cross_site`), and how somebody signs in only if they proved lately that it
is them.
"""

import os
from collections.abc import Awaitable, Callable, Mapping
from hashlib import sha256
from typing import Final
from urllib.parse import urlencode

from fastapi import Request
from fastapi.responses import JSONResponse, RedirectResponse, Response

from bezant.actor import Actor
from bezant.errors import BezantError, Unavailable
from bezant.http.caller import StepUpNeeded, refuse_cross_site
from bezant.http.routes import FORM, LOCAL, PUBLIC, Routes
from bezant.identity.http import COOKIE_SECONDS, STRANGERS_BYTES_MAX, set_session_cookie
from bezant.identity.oauth import LoginRequired
from bezant.identity.openid import ROOT_REALM, OpenIdProvider
from bezant.identity.people.http import looks
from bezant.identity.people.http.api import ceremony
from bezant.identity.person import (
    ConfirmAddress,
    ConfirmCodes,
    EndConsent,
    People,
    RegisterPasskey,
    RemovePasskey,
    SignUp,
    StepUp,
    WrongCode,
)
from bezant.identity.port import ChangePassword, EndSession, Identity
from bezant.identity.provider.http.pages import signed_out
from bezant.identity.provider.http.reading import (
    FORM_BYTES_MAX,
    Cookies,
    fields,
    query,
    visit_of,
)
from bezant.identity.provider.issuer import ENTRY_PATH, PEOPLE, Endpoint, Issuer
from bezant.identity.provider.jose import encoded
from bezant.secret import Secret

CHANGE: Final = "security.write"
DONE: Final[Mapping[str, str]] = {
    "add-passkey": "The passkey was added.",
    "remove-passkey": "The passkey was removed.",
    "confirm-codes": "Codes are asked for from now on.",
    "remove-codes": "Codes are asked for no longer.",
    "end-session": "That device is signed out.",
    "end-consent": "That program may do nothing for you any more.",
}
"""What was done, by the name it goes by in the address of the page."""
WITHOUT_PROOF: Final = frozenset({"end-session", "end-all", "end-consent"})
"""Whoever finds a stranger there shall lose no time."""
PATH_CHARACTERS_MAX: Final = 500


def add_pages(
    made: Routes,
    people: People,
    provider: OpenIdProvider,
    identity: Identity,
    issuer: Issuer,
    cookies: Cookies,
) -> None:
    """Declare every page."""
    _add_sign_up(made, people)
    desk = _Desk(people, provider, identity, issuer, cookies)
    _add_security(made, desk)
    _add_again(made, desk)
    _add_entry(made, provider, issuer, cookies)


def _add_sign_up(made: Routes, people: People) -> None:
    @_page(made, looks.SIGN_UP)
    async def empty(request: Request) -> Response:
        del request
        return looks.sign_up()

    @_form(made, looks.SIGN_UP, STRANGERS_BYTES_MAX)
    async def filled(request: Request) -> Response:
        refuse_cross_site(visit_of(request).headers)
        given = await fields(request)
        email, name = given.get("email", ""), given.get("name", "")
        password = Secret(given.get("password", ""))
        try:
            await people.sign_up(SignUp(email, name, password, visit_of(request).address))
        except BezantError as refusal:
            return looks.sign_up(email, name, _shown(refusal))
        return RedirectResponse(f"{looks.SIGN_UP}/sent", status_code=303)

    @_page(made, f"{looks.SIGN_UP}/sent")
    async def sent(request: Request) -> Response:
        del request
        return looks.letter_sent()

    @_page(made, looks.CONFIRM)
    async def code(request: Request) -> Response:
        del request
        return looks.confirm()

    @_form(made, looks.CONFIRM, STRANGERS_BYTES_MAX)
    async def confirm(request: Request) -> Response:
        refuse_cross_site(visit_of(request).headers)
        given = await fields(request)
        token, password = given.get("token", "").strip(), Secret(given.get("password", ""))
        try:
            await people.confirm_address(ConfirmAddress(Secret(token), password))
        except BezantError as refusal:
            return looks.confirm(token, _shown(refusal))
        return RedirectResponse(f"{looks.CONFIRM}/done", status_code=303)

    @_page(made, f"{looks.CONFIRM}/done")
    async def confirmed(request: Request) -> Response:
        del request
        return looks.confirmed()

    @made.get("/mails", permission=LOCAL, include_in_schema=False)
    async def mails() -> Response:
        return looks.mails(await people.mails())

    del empty, filled, sent, code, confirm, confirmed, mails


class _Desk:
    """What the security page works with, and what its forms do."""

    def __init__(
        self,
        people: People,
        provider: OpenIdProvider,
        identity: Identity,
        issuer: Issuer,
        cookies: Cookies,
    ) -> None:
        self.people = people
        self.provider = provider
        self.identity = identity
        self.issuer = issuer
        self.cookies = cookies

    async def whoever(self, request: Request) -> Actor:
        """Return who has this page open, or raise `LoginRequired`."""
        return await self.provider.signed_in(self.cookies.browser_of(request))

    async def shown(
        self, by: Actor, refusal: BezantError | None = None, done: str = ""
    ) -> Response:
        """Return the page as it stands now."""
        about, allowed = await self.people.security(by), await self.people.consents(by)
        return looks.security(about, await self.identity.sessions(by), allowed, refusal, done)

    async def do(self, by: Actor, given: Mapping[str, str]) -> Response:
        """Do what a form asks for."""
        what, does = given.get("what", ""), given.get("do", "")
        if does not in WITHOUT_PROOF and CHANGE in by.withheld:
            raise StepUpNeeded
        match does:
            case "end-session":
                await self.identity.end_session(EndSession(by, what))
            case "end-consent":
                await self.people.end_consent(EndConsent(by, what))
            case "end-all":
                await self.people.end_sessions(by)
                return self._left()
            case "password":
                old, new = (Secret(given.get(name, "")) for name in ("old", "new"))
                await self.identity.change_password(ChangePassword(by, old, new))
                return self._left()
            case "remove-passkey":
                await self.people.remove_passkey(RemovePasskey(by, what))
            case "remove-codes":
                await self.people.remove_codes(by)
            case _:
                made = await self._new(by, does, given)
                if made is not None:
                    return made
        return RedirectResponse(f"{looks.SECURITY}?{urlencode({'done': does})}", status_code=303)

    async def _new(self, by: Actor, does: str, given: Mapping[str, str]) -> Response | None:
        """Add what a form asks for; show what is to be shown once."""
        match does:
            case "add-passkey":
                answer = RegisterPasskey(by, given.get("name", ""), given.get("passkey", ""))
                new = await self.people.register_passkey(answer)
                return looks.recovery(new.recovery) if new.recovery else None
            case "begin-codes":
                return looks.new_codes(await self.people.begin_codes(by))
            case "confirm-codes":
                try:
                    typed = ConfirmCodes(by, Secret(given.get("code", "")))
                    found = await self.people.confirm_codes(typed)
                except WrongCode as refusal:
                    return looks.first_code(refusal)
                return looks.recovery(found.codes) if found.codes else None
            case "renew-recovery":
                return looks.recovery((await self.people.renew_recovery(by)).codes)
            case _:
                return await self.shown(by)

    def _left(self) -> Response:
        made = signed_out()
        self.cookies.forget(made)
        set_session_cookie(made, "", 0)
        return made

    def to_sign_in(self, then: str) -> Response:
        """Send somebody to the login pages, and back here."""
        return RedirectResponse(_entry(self.issuer, then), status_code=303)


def _add_security(made: Routes, desk: _Desk) -> None:
    @_page(made, looks.SECURITY)
    async def show(request: Request) -> Response:
        try:
            by = await desk.whoever(request)
        except LoginRequired:
            return desk.to_sign_in(looks.SECURITY)
        return await desk.shown(by, done=DONE.get(dict(query(request)).get("done", ""), ""))

    @_form(made, looks.SECURITY)
    async def change(request: Request) -> Response:
        refuse_cross_site(visit_of(request).headers)
        try:
            by = await desk.whoever(request)
        except LoginRequired:
            return desk.to_sign_in(looks.SECURITY)
        try:
            return await desk.do(by, await fields(request))
        except StepUpNeeded:
            return RedirectResponse(looks.AGAIN, status_code=303)
        except BezantError as refusal:
            return await desk.shown(by, _shown(refusal))

    @made.post(looks.REGISTER_ASKS, permission=PUBLIC, status=200, include_in_schema=False)
    async def asks(request: Request) -> Response:
        refuse_cross_site(visit_of(request).headers)
        by = await desk.whoever(request)
        if CHANGE in by.withheld:
            raise StepUpNeeded
        asked = ceremony(await desk.people.begin_passkey(by))
        return JSONResponse({"publicKey": asked.public_key})

    del show, change, asks


def _add_again(made: Routes, desk: _Desk) -> None:
    @_page(made, looks.AGAIN)
    async def ask_again(request: Request) -> Response:
        try:
            by = await desk.whoever(request)
        except LoginRequired:
            return desk.to_sign_in(looks.SECURITY)
        return looks.again(await _asks_more(desk, by))

    @_form(made, looks.AGAIN)
    async def prove_again(request: Request) -> Response:
        refuse_cross_site(visit_of(request).headers)
        given = await fields(request)
        proofs = (Secret(given.get(name, "")) for name in ("password", "code", "passkey"))
        session = desk.cookies.browser_of(request).session
        try:
            by = await desk.whoever(request)
        except LoginRequired:
            return desk.to_sign_in(looks.SECURITY)
        try:
            await desk.people.step_up(StepUp(session, *proofs))
        except BezantError as refusal:
            return looks.again(await _asks_more(desk, by), _shown(refusal))
        return RedirectResponse(looks.SECURITY, status_code=303)

    del ask_again, prove_again


async def _asks_more(desk: _Desk, by: Actor) -> bool:
    about = await desk.people.security(by)
    return about.codes or any(one.cloned_at is None for one in about.passkeys)


def _add_entry(made: Routes, provider: OpenIdProvider, issuer: Issuer, cookies: Cookies) -> None:
    @_page(made, ENTRY_PATH)
    async def enter(request: Request) -> Response:
        """Let whoever signed in at our login pages into our other pages: the same session, as a
        cookie that comes with requests of our own pages only.
        """
        given = dict(query(request))
        then = _own_path(given.get("then", "") or given.get("state", ""))
        browser = cookies.browser_of(request)
        try:
            await provider.signed_in(browser)
        except LoginRequired:
            if "error" in given:
                return RedirectResponse("/", status_code=303)
            return RedirectResponse(_entry(issuer, then), status_code=303)
        answer = RedirectResponse(then, status_code=303)
        set_session_cookie(answer, browser.session.reveal(), COOKIE_SECONDS)
        return answer

    del enter


def _entry(issuer: Issuer, then: str, chance: Callable[[int], bytes] = os.urandom) -> str:
    # Nobody keeps the verifier: the session is what these pages need, its code never is.
    asked_for = {
        "client_id": PEOPLE,
        "redirect_uri": issuer.base + ENTRY_PATH,
        "response_type": "code",
        "state": then,
        "code_challenge": encoded(sha256(chance(32)).digest()),
        "code_challenge_method": "S256",
    }
    return f"{Endpoint.AUTHORIZE.path(ROOT_REALM)}?{urlencode(asked_for)}"


def _own_path(text: str) -> str:
    """Return a path of ours, whatever was asked for: nobody is sent elsewhere from here."""
    plain = text.isascii() and text.isprintable() and len(text) <= PATH_CHARACTERS_MAX
    if not plain or not text.startswith("/") or text.startswith("//") or "\\" in text:
        return looks.SECURITY
    return text


def _shown(refusal: BezantError) -> BezantError:
    """Return what the page can say itself; what is our own fault goes up."""
    if refusal.status >= 500 and not isinstance(refusal, Unavailable):
        raise refusal
    return refusal


def _page(
    made: Routes, path: str
) -> Callable[[Callable[[Request], Awaitable[Response]]], Callable[..., Awaitable[object]]]:
    return made.get(path, permission=PUBLIC, include_in_schema=False)


def _form(
    made: Routes, path: str, bytes_max: int = FORM_BYTES_MAX
) -> Callable[[Callable[[Request], Awaitable[Response]]], Callable[..., Awaitable[object]]]:
    return made.post(
        path,
        permission=PUBLIC,
        status=200,
        accepts=FORM,
        body_bytes_max=bytes_max,
        include_in_schema=False,
    )
