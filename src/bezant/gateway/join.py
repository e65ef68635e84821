"""The page behind an invitation's link: where somebody chooses a name and a password.

The link carries its secret after the `#`, which a browser keeps to itself: no server's log, proxy
or referrer ever sees it. A small script moves it into the form and out of the address bar; without
scripts the person copies it there. It reaches us in the body of a POST and nowhere else.
"""

from dataclasses import dataclass
from html import escape
from typing import Final, cast
from urllib.parse import parse_qsl

from fastapi import Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from bezant.errors import BezantError
from bezant.gateway.pages import page
from bezant.http.caller import refuse_cross_site
from bezant.http.problems import MalformedRequest
from bezant.http.routes import FORM, PUBLIC, Routes
from bezant.http.visit import VISIT, Visit
from bezant.identity.port import (
    NAME_CHARACTERS_MAX,
    PASSWORD_CHARACTERS_MAX,
    PASSWORD_CHARACTERS_MIN,
    AcceptInvitation,
    Identity,
    InvitationInvalid,
    WrongLogin,
)
from bezant.secret import Secret

PATH: Final = "/join"
FORM_BYTES_MAX: Final = 8_192  # A name and a password fit, every letter of them escaped.
FIELDS_MAX: Final = 10
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)
_TITLE: Final = "Your invitation"
_ELSEWHERE: Final = (
    "Somebody with your e-mail address is a member here already, and this is not their password. "
    "Give the password you sign in with."
)
_OVER: Final = (
    "This invitation does not work: it was used, it was withdrawn, it is older than a week, or its "
    "code was not copied whole. Ask whoever invited you for a new one."
)


@dataclass(frozen=True, slots=True)
class Filled:
    """What somebody wrote into the form; the password is never sent back."""

    invitation: str = ""
    name: str = ""


def routes(identity: Identity) -> Routes:
    """Return the page and what its form calls."""
    made = Routes("identity", guarded=True)

    @made.get(PATH, permission=PUBLIC, include_in_schema=False)
    async def form() -> HTMLResponse:
        return _form(Filled())

    @made.get(f"{PATH}/done", permission=PUBLIC, include_in_schema=False)
    async def done() -> HTMLResponse:
        return _done()

    @made.post(
        PATH,
        permission=PUBLIC,
        accepts=FORM,
        body_bytes_max=FORM_BYTES_MAX,
        include_in_schema=False,
    )
    async def join(request: Request) -> Response:
        visit = cast("Visit", request.scope[VISIT])
        refuse_cross_site(visit.headers)  # Nobody joins by another site's form.
        fields = _read(await request.body())
        filled = Filled(fields.get("invitation", "").strip(), fields.get("name", ""))
        password = Secret(fields.get("password", ""))
        command = AcceptInvitation(Secret(filled.invitation), filled.name, password)
        try:
            await identity.accept_invitation(command)
        except BezantError as refusal:
            return _form(filled, refusal)
        # Loading the answer again must not send the form again.
        return RedirectResponse(f"{PATH}/done", status_code=303)

    del form, done, join
    return made


def _read(body: bytes) -> dict[str, str]:
    """Read a form's fields; one that is there twice could mean two things."""
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=FIELDS_MAX,
        )
    except ValueError:
        raise MalformedRequest from None
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise MalformedRequest
    return fields


def _form(filled: Filled, refusal: BezantError | None = None) -> HTMLResponse:
    field = refusal.field if refusal is not None else None
    general = "" if refusal is None or field else _told(refusal)
    body = (
        '<main class="card"><h1>You are invited</h1>'
        "<p>Choose a name and a password. Afterwards you sign in with the e-mail "
        f"address this invitation was sent to.</p>{general}"
        f'<form method="post" action="{PATH}"><div id="code">'
        '<label for="invitation">Invitation code</label>'
        '<input id="invitation" name="invitation" required maxlength="100" autocomplete="off" '
        f'autocapitalize="none" spellcheck="false" value="{escape(filled.invitation)}">'
        '<p class="hint">It is the end of your link, everything after the <code>#</code>.</p></div>'
        '<label for="name">Your name</label>'
        f'<input id="name" name="name" required maxlength="{NAME_CHARACTERS_MAX}" '
        f'autocomplete="name" value="{escape(filled.name)}">'
        f"{_told(refusal) if refusal is not None and field == 'name' else ''}"
        '<label for="password">Password</label>'
        '<input id="password" name="password" type="password" required '
        f'minlength="{PASSWORD_CHARACTERS_MIN}" maxlength="{PASSWORD_CHARACTERS_MAX}" '
        'autocomplete="new-password">'
        f"{_told(refusal) if refusal is not None and field == 'password' else ''}"
        f'<p class="hint">At least {PASSWORD_CHARACTERS_MIN} characters; a few words in a row do '
        "well. If you sign in here already, give the password you have.</p>"
        "<button>Join</button></form></main>"
    )
    status = 200 if refusal is None else refusal.status
    made = page(_TITLE, body, script="join.js", policy=POLICY, status=status)
    if refusal is not None and refusal.retry_after_seconds is not None:
        made.headers["retry-after"] = str(max(1, round(refusal.retry_after_seconds)))
    return made


def _told(refusal: BezantError) -> str:
    """Say in a sentence what is wrong, and what to do."""
    match refusal:
        case InvitationInvalid():
            sentence = _OVER
        case WrongLogin():
            sentence = _ELSEWHERE
        case _:
            sentence = refusal.detail[:1].upper() + refusal.detail[1:].rstrip(".") + "."
    return f'<p class="wrong" role="alert">{escape(sentence)}</p>'


def _done() -> HTMLResponse:
    body = (
        '<main class="card"><h1>You have joined</h1>'
        "<p>You can sign in now, with the e-mail address your invitation was sent to and the "
        "password you gave. The link has done its work: nobody can use it again.</p></main>"
    )
    return page("You have joined", body, policy=POLICY)
