"""What people's pages show: signing up, confirming, security, proving anew, letters of a demo."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from html import escape
from pathlib import Path
from typing import Final

import segno
from fastapi.responses import HTMLResponse

from bezant.errors import BezantError
from bezant.identity.people.http.messages import revealed
from bezant.identity.person import Consent, Mail, NewCodes, Passkey, Security
from bezant.identity.port import (
    EMAIL_CHARACTERS_MAX,
    NAME_CHARACTERS_MAX,
    PASSWORD_CHARACTERS_MAX,
    PASSWORD_CHARACTERS_MIN,
    Session,
)
from bezant.identity.provider import scopes
from bezant.identity.provider.http.pages import (
    FORGOTTEN_PATH,
    PASSKEY_ASKS,
    PASSKEY_SCRIPT,
    framed,
    passkey_form,
    told,
)
from bezant.secret import Secret

SIGN_UP: Final = "/sign-up"
CONFIRM: Final = "/confirm"
ANEW: Final = "/new-password"
SECURITY: Final = "/security"
AGAIN: Final = "/security/again"
REGISTER_ASKS: Final = "/security/passkey-options"
_CODE_SCRIPT: Final = (Path(__file__).parent / "code.js").read_text("utf-8")
_PASSWORD_HINT: Final = (
    f'<p class="reason">At least {PASSWORD_CHARACTERS_MIN} characters; a few words in a row do '
    "well.</p>"
)


def sign_up(email: str = "", name: str = "", refusal: BezantError | None = None) -> HTMLResponse:
    """Return the page on which strangers sign up."""
    body = (
        '<div class="card"><h1>Sign up</h1><p class="reason">We send a letter to your address; '
        f'with what it says you go on.</p>{told(refusal)}<form method="post" action="{SIGN_UP}">'
        f"{_input('email', 'E-mail address', 'email', EMAIL_CHARACTERS_MAX, 'email', email)}"
        f"{_input('name', 'Your name', 'text', NAME_CHARACTERS_MAX, 'name', name)}"
        f"{_password('password', 'Password', 'new-password')}{_PASSWORD_HINT}"
        "<button>Sign up</button></form></div>"
    )
    return _answered("Sign up", body, refusal)


def letter_sent() -> HTMLResponse:
    """Return the page after signing up; the same for everybody."""
    body = (
        '<div class="card"><h1>Look into your mail</h1><p>If the address was typed right, a letter '
        "is on its way. It says how to go on, and counts for a day.</p></div>"
    )
    return framed("Look into your mail", body)


def confirm(token: str = "", refusal: BezantError | None = None) -> HTMLResponse:
    """Return the page behind the link of a letter."""
    body = (
        '<div class="card"><h1>Confirm your address</h1><p class="reason">The code stands in the '
        f"letter. If you sign in here already, give the password you have.</p>{told(refusal)}"
        f'<form method="post" action="{CONFIRM}">'
        '<label for="token">Code</label><input id="token" name="token" required maxlength="100" '
        f'autocomplete="off" autocapitalize="none" spellcheck="false" value="{escape(token)}">'
        f"{_password('password', 'The password you chose', 'current-password')}"
        "<button>Confirm</button></form></div>"
    )
    return _answered("Confirm your address", body, refusal, _CODE_SCRIPT)


def confirmed() -> HTMLResponse:
    """Return the page of somebody who has just become a customer."""
    body = (
        '<div class="card"><h1>You are in</h1><p>Your address is confirmed. Sign in, and add a '
        f"passkey or codes from an app: then a stolen password opens nothing.</p><p><a "
        f'href="{SECURITY}">Sign in and look after your security</a></p></div>'
    )
    return framed("You are in", body)


def forgotten(email: str = "", refusal: BezantError | None = None) -> HTMLResponse:
    """Return the page for those who forgot their password."""
    body = (
        '<div class="card"><h1>Forgotten your password?</h1><p class="reason">We send a letter to '
        f"your address; with what it says you set a new one.</p>{told(refusal)}"
        f'<form method="post" action="{FORGOTTEN_PATH}">'
        f"{_input('email', 'E-mail address', 'email', EMAIL_CHARACTERS_MAX, 'email', email)}"
        "<button>Send the letter</button></form></div>"
    )
    return _answered("Forgotten your password?", body, refusal)


def forgotten_sent() -> HTMLResponse:
    """Return the page after that; the same for everybody."""
    body = (
        '<div class="card"><h1>Look into your mail</h1><p>If somebody signs in here with this '
        "address, a letter is on its way. It says how to go on, and counts for an hour.</p></div>"
    )
    return framed("Look into your mail", body)


def new_password(token: str = "", refusal: BezantError | None = None) -> HTMLResponse:
    """Return the page behind the link of that letter."""
    body = (
        '<div class="card"><h1>A new password</h1><p class="reason">The code stands in the '
        f"letter. Every device you are signed in on is signed out.</p>{told(refusal)}"
        f'<form method="post" action="{ANEW}">'
        '<label for="token">Code</label><input id="token" name="token" required maxlength="100" '
        f'autocomplete="off" autocapitalize="none" spellcheck="false" value="{escape(token)}">'
        f"{_password('password', 'The password to have', 'new-password')}{_PASSWORD_HINT}"
        "<button>Set it</button></form></div>"
    )
    return _answered("A new password", body, refusal, _CODE_SCRIPT)


def password_set() -> HTMLResponse:
    """Return the page of somebody who has just set a new password."""
    body = (
        '<div class="card"><h1>It is set</h1><p>Sign in with your new password.</p>'
        f'<p><a href="{SECURITY}">Sign in and look after your security</a></p></div>'
    )
    return framed("It is set", body)


def again(asks_more: bool, refusal: BezantError | None = None) -> HTMLResponse:
    """Return the page on which somebody proves anew who they are."""
    if asks_more:
        fields = (
            '<label for="code">Code from your app, or a recovery code</label>'
            '<input class="code" id="code" name="code" required maxlength="32" autofocus '
            'autocomplete="one-time-code" autocapitalize="none" spellcheck="false">'
        )
    else:
        fields = _password("password", "Password", "current-password")
    body = (
        '<div class="card"><h1>Is it still you?</h1><p class="reason">You signed in a while ago. '
        "What comes next changes how you sign in, so that nobody else at your device can."
        f"</p>{told(refusal)}{passkey_form(AGAIN, PASSKEY_ASKS, '', 'Use a passkey')}"
        f'<form method="post" action="{AGAIN}">{fields}<button>Go on</button></form></div>'
    )
    return _answered("Is it still you?", body, refusal, PASSKEY_SCRIPT)


def security(
    about: Security,
    sessions: Sequence[Session],
    allowed: Sequence[Consent],
    refusal: BezantError | None = None,
    done: str = "",
) -> HTMLResponse:
    """Return the page on which somebody looks after how they sign in."""
    said = f'<p class="done" role="status">{escape(done)}</p>' if done else told(refusal)
    body = (
        f'<h1>Your security</h1><p class="reason">{escape(about.name)}, {escape(about.email)}</p>'
        f"{said}{_passkeys(about.passkeys)}{_codes(about)}{_sessions(sessions)}{_consents(allowed)}"
        f"{_change_password()}"
    )
    status = 200 if refusal is None else refusal.status
    return framed("Your security", body, status=status, wide=True, script=PASSKEY_SCRIPT)


def new_codes(new: NewCodes, refusal: BezantError | None = None) -> HTMLResponse:
    """Return the page with the QR code for an app, and the field for its first code."""
    drawn = segno.make(new.address.reveal(), error="m").svg_inline(
        scale=4, border=4, omitsize=True, svgclass="qr", lineclass=None, title="QR code"
    )
    body = (
        '<div class="card"><h1>Codes from an app</h1><p class="reason">Scan this with an app for '
        f"one-time codes, or type the secret into it.</p>{drawn}"
        f"<p><code>{escape(_grouped(new.secret.reveal()))}</code></p>{told(refusal)}"
        f"{_first_code()}</div>"
    )
    return _answered("Codes from an app", body, refusal)


def first_code(refusal: BezantError | None) -> HTMLResponse:
    """Return the field for an app's first code once more; its secret was shown before."""
    body = (
        '<div class="card"><h1>Codes from an app</h1><p class="reason">Type the code that your app '
        f"shows now.</p>{told(refusal)}{_first_code()}</div>"
    )
    return _answered("Codes from an app", body, refusal)


def recovery(codes: tuple[Secret[str], ...]) -> HTMLResponse:
    """Return the page that shows recovery codes, once."""
    listed = "".join(f"<li>{escape(one)}</li>" for one in revealed(codes))
    body = (
        '<div class="card"><h1>Recovery codes</h1><p>Write these down and keep them where you keep '
        "papers. Each opens your account once, when your passkey or your app is lost. They are "
        f'shown only now.</p><ol class="codes">{listed}</ol>'
        f'<p><a href="{SECURITY}">I have written them down</a></p></div>'
    )
    return framed("Recovery codes", body)


def mails(found: Iterable[Mail]) -> HTMLResponse:
    """Return the letters that a demo does not send."""
    letters = "".join(
        f'<section class="card"><h2>{escape(one.subject)}</h2><p class="reason">to '
        f"{escape(one.to)}, {_moment(one.written_at)}</p><pre>{_linked(one.text)}</pre></section>"
        for one in found
    )
    empty = '<p class="reason">Nobody was written to yet.</p>'
    body = (
        '<h1>Letters</h1><p class="reason">This demo has no mail server, so what it would send '
        f"stands here.</p>{letters or empty}"
    )
    return framed("Letters", body, wide=True)


def _answered(title: str, body: str, refusal: BezantError | None, script: str = "") -> HTMLResponse:
    made = framed(title, body, status=200 if refusal is None else refusal.status, script=script)
    if refusal is not None and refusal.retry_after_seconds is not None:
        made.headers["retry-after"] = str(max(1, round(refusal.retry_after_seconds)))
    return made


def _passkeys(found: Sequence[Passkey]) -> str:
    rows = "".join(
        f"<li><div>{escape(one.name)}<small>{_about(one)}</small></div>"
        f"{_button('remove-passkey', 'Remove', one.id, f'Remove {one.name}')}</li>"
        for one in found
    )
    inside = (
        '<label for="passkey-name">What to call it</label>'
        '<input id="passkey-name" name="name" maxlength="100" autocomplete="off" '
        'placeholder="My telephone"><input type="hidden" name="do" value="add-passkey">'
    )
    return (
        '<section class="card"><h2>Passkeys</h2><p class="reason">Sign in with your face, your '
        "finger or your device's PIN: nothing to remember, and nothing that could be stolen from "
        f'us.</p><ul class="has">{rows}</ul>'
        f"{passkey_form(SECURITY, REGISTER_ASKS, inside, 'Add a passkey')}</section>"
    )


def _about(one: Passkey) -> str:
    if one.cloned_at is not None:
        return f"There may be a copy of it; refused since {_moment(one.cloned_at)}"
    used = f"last used {_moment(one.last_used_at)}" if one.last_used_at else "not used yet"
    kind = "in an account of yours" if one.synced else "on one device"
    return f"{kind}, added {_moment(one.created_at)}, {used}"


def _codes(about: Security) -> str:
    if about.codes:
        change = _button("remove-codes", "Remove", "", "Remove codes from an app")
        state = "Set up: a code is asked for after your password."
    else:
        change = _button("begin-codes", "Set up", "", "Set up codes from an app")
        state = "Not set up."
    recovery_row = ""
    if about.codes or about.passkeys:
        recovery_row = (
            f"<li><div>Recovery codes<small>{about.recovery_left} left</small></div>"
            f"{_button('renew-recovery', 'Make new ones', '', 'Make new recovery codes')}</li>"
        )
    return (
        '<section class="card"><h2>Codes</h2><ul class="has">'
        f"<li><div>Codes from an app<small>{state}</small></div>{change}</li>{recovery_row}"
        "</ul></section>"
    )


def _sessions(found: Sequence[Session]) -> str:
    rows = "".join(
        f"<li><div>{escape(one.agent or 'A program')}<small>{escape(one.address)}, since "
        f"{_moment(one.created_at)}, last seen {_moment(one.last_seen_at)}</small></div>"
        f"{_button('end-session', 'Sign out', one.id, 'Sign out there')}</li>"
        for one in found
    )
    everywhere = _button("end-all", "Sign out everywhere", "", "Sign out everywhere")
    return (
        '<section class="card"><h2>Devices</h2><p class="reason">Where you are signed in.</p>'
        f'<ul class="has">{rows}<li><div></div>{everywhere}</li></ul></section>'
    )


def _consents(found: Sequence[Consent]) -> str:
    rows = "".join(
        f"<li><div>{escape(one.name)}<small>{escape(one.realm)}, allowed {_moment(one.given_at)}: "
        f"{escape(', '.join(scopes.words(each) for each in one.scopes))}</small></div>"
        f"{_button('end-consent', 'End', one.client, f'End what {one.name} may do')}</li>"
        for one in found
    )
    nothing = '<p class="reason">You allowed no program of others anything.</p>'
    listed = f'<ul class="has">{rows}</ul>' if rows else nothing
    return (
        '<section class="card"><h2>Programs</h2><p class="reason">What you let programs do for '
        "you. One that you end loses access at once, and asks you again next time.</p>"
        f"{listed}</section>"
    )


def _change_password() -> str:
    return (
        '<section class="card"><h2>Password</h2><p class="reason">Changing it signs you out '
        f'everywhere.</p><form method="post" action="{SECURITY}">'
        '<input type="hidden" name="do" value="password">'
        f"{_password('old', 'The one you have', 'current-password')}"
        f"{_password('new', 'The one to have', 'new-password')}{_PASSWORD_HINT}"
        "<button>Change it</button></form></section>"
    )


def _first_code() -> str:
    return (
        f'<form method="post" action="{SECURITY}">'
        '<input type="hidden" name="do" value="confirm-codes">'
        '<label for="code">The code your app shows now</label>'
        '<input class="code" id="code" name="code" required maxlength="10" inputmode="numeric" '
        'autocomplete="one-time-code" autofocus><button>Go on</button></form>'
    )


def _button(does: str, text: str, what: str, told_aloud: str) -> str:
    return (
        f'<form method="post" action="{SECURITY}">'
        f'<input type="hidden" name="do" value="{escape(does)}">'
        f'<input type="hidden" name="what" value="{escape(what)}">'
        f'<button class="quiet small" aria-label="{escape(told_aloud)}">{escape(text)}</button>'
        "</form>"
    )


def _input(name: str, label: str, kind: str, most: int, fills: str, value: str) -> str:
    return (
        f'<label for="{name}">{label}</label><input id="{name}" name="{name}" type="{kind}" '
        f'required maxlength="{most}" autocomplete="{fills}" value="{escape(value)}">'
    )


def _password(name: str, label: str, fills: str) -> str:
    return (
        f'<label for="{name}">{label}</label><input id="{name}" name="{name}" type="password" '
        f'required maxlength="{PASSWORD_CHARACTERS_MAX}" autocomplete="{fills}">'
    )


def _moment(at: datetime) -> str:
    return f'<time datetime="{at.isoformat()}">{at:%Y-%m-%d %H:%M} UTC</time>'


def _linked(text: str) -> str:
    """Return a letter's text with its one link to be followed."""
    return "\n".join(
        f'<a href="{escape(line)}">{escape(line)}</a>'
        if line.startswith(("http://", "https://")) and " " not in line
        else escape(line)
        for line in text.split("\n")
    )


def _grouped(secret: str) -> str:
    return " ".join(secret[at : at + 4] for at in range(0, len(secret), 4))
