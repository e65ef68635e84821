"""Forgotten passwords over HTTP: as JSON under /v1, and as pages that need no script."""

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from bezant.errors import BezantError, Unavailable
from bezant.http.caller import refuse_cross_site
from bezant.http.routes import FORM, PUBLIC, Routes, ThisVisit
from bezant.identity.http import STRANGERS_BYTES_MAX
from bezant.identity.people.http import looks
from bezant.identity.people.http import messages as models
from bezant.identity.people.http.messages import told
from bezant.identity.person import AskNewPassword, People, SetNewPassword
from bezant.identity.provider.http.pages import FORGOTTEN_PATH
from bezant.identity.provider.http.reading import fields, visit_of
from bezant.secret import Secret


def add_forgotten(made: Routes, people: People) -> None:
    """Declare how somebody who forgot their password gets a new one."""
    _add_api(made, people)
    _add_asking(made, people)
    _add_setting(made, people)


def _add_api(made: Routes, people: People) -> None:
    @made.post(
        "/v1/forgotten-passwords",
        permission=PUBLIC,
        status=202,
        summary="Ask for a letter",
        body_bytes_max=STRANGERS_BYTES_MAX,
    )
    async def ask(body: models.ForgottenBody, visit: ThisVisit) -> models.Asked:
        await people.ask_new_password(AskNewPassword(body.email, visit.address))
        return models.Asked()

    @made.post(
        "/v1/forgotten-passwords/replace",
        permission=PUBLIC,
        status=204,
        summary="Set a new password by the code from the letter; every session ends",
        body_bytes_max=STRANGERS_BYTES_MAX,
    )
    async def replace(body: models.NewPasswordBody) -> None:
        await people.set_new_password(SetNewPassword(told(body.token), told(body.password)))

    del ask, replace


def _add_asking(made: Routes, people: People) -> None:
    @made.get(FORGOTTEN_PATH, permission=PUBLIC, include_in_schema=False)
    async def empty() -> HTMLResponse:
        return looks.forgotten()

    @made.post(
        FORGOTTEN_PATH,
        permission=PUBLIC,
        status=200,
        accepts=FORM,
        body_bytes_max=STRANGERS_BYTES_MAX,
        include_in_schema=False,
    )
    async def filled(request: Request) -> Response:
        visit = visit_of(request)
        refuse_cross_site(visit.headers)
        email = (await fields(request)).get("email", "")
        try:
            await people.ask_new_password(AskNewPassword(email, visit.address))
        except BezantError as refusal:
            return looks.forgotten(email, _shown(refusal))
        return RedirectResponse(f"{FORGOTTEN_PATH}/sent", status_code=303)

    @made.get(f"{FORGOTTEN_PATH}/sent", permission=PUBLIC, include_in_schema=False)
    async def sent() -> HTMLResponse:
        return looks.forgotten_sent()

    del empty, filled, sent


def _add_setting(made: Routes, people: People) -> None:
    @made.get(looks.ANEW, permission=PUBLIC, include_in_schema=False)
    async def code() -> HTMLResponse:
        return looks.new_password()

    @made.post(
        looks.ANEW,
        permission=PUBLIC,
        status=200,
        accepts=FORM,
        body_bytes_max=STRANGERS_BYTES_MAX,
        include_in_schema=False,
    )
    async def replaced(request: Request) -> Response:
        refuse_cross_site(visit_of(request).headers)
        given = await fields(request)
        token, password = given.get("token", "").strip(), Secret(given.get("password", ""))
        try:
            await people.set_new_password(SetNewPassword(Secret(token), password))
        except BezantError as refusal:
            return looks.new_password(token, _shown(refusal))
        return RedirectResponse(f"{looks.ANEW}/done", status_code=303)

    @made.get(f"{looks.ANEW}/done", permission=PUBLIC, include_in_schema=False)
    async def done() -> HTMLResponse:
        return looks.password_set()

    del code, replaced, done


def _shown(refusal: BezantError) -> BezantError:
    """Return what the page can say itself; what is our own fault goes up."""
    if refusal.status >= 500 and not isinstance(refusal, Unavailable):
        raise refusal
    return refusal
