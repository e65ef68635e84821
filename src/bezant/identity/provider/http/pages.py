"""The login pages: one frame, one look, a small template each. Nothing comes from elsewhere.

The look stands in `look.css` and travels inside each page, allowed by its hash; so does the script
of those that ask for a passkey, and no other script runs. A page may send its form to us, and
follow the answer to the client that somebody is on their way to.
"""

import base64
import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Final

from fastapi.responses import HTMLResponse

from bezant.errors import BezantError
from bezant.identity.openid import Client, Realm, SigningKey, Stage, Turn
from bezant.identity.person import PasskeyRefused, WrongCode
from bezant.identity.port import (
    EMAIL_CHARACTERS_MAX,
    PASSWORD_CHARACTERS_MAX,
    MemberInactive,
    NoMembership,
    TooManyTries,
    WrongLogin,
)
from bezant.identity.provider import scopes

SIGN_IN_PATH: Final = "/sign-in"
FORGOTTEN_PATH: Final = "/forgotten"
PASSKEY_ASKS: Final = "/v1/session/passkey/options"
_LOOK: Final = (Path(__file__).parent / "look.css").read_text("utf-8")
PASSKEY_SCRIPT: Final = (Path(__file__).parent / "passkey.js").read_text("utf-8")


def _hash(text: str) -> str:
    hashed = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{hashed}'"


_LOOK_HASH: Final = _hash(_LOOK)
_ORIGIN: Final = re.compile(r"[a-z][a-z0-9+.-]*:(//[A-Za-z0-9.:\[\]-]+)?\Z")
# A coin, seen from the front: trusted because anyone could weigh it.
_MARK: Final = (
    '<svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" '
    'aria-hidden="true"><circle cx="12" cy="12" r="10"/><circle cx="12" cy="12" r="6"/>'
    '<path d="M12 3v3M12 18v3M3 12h3M18 12h3"/></svg>'
)


def framed(
    title: str,
    body: str,
    *,
    origin: str = "",
    status: int = 200,
    wide: bool = False,
    script: str = "",
) -> HTMLResponse:
    """Return a page around its body."""
    target = f" {origin}" if _ORIGIN.match(origin) else ""
    policy = (
        f"default-src 'none'; style-src {_LOOK_HASH}; base-uri 'none'; "
        f"form-action 'self'{target}; frame-ancestors 'none'"
    )
    tag = ""
    if script:
        policy += f"; script-src {_hash(script)}; connect-src 'self'"
        tag = f'<script type="module">{script}</script>'
    kind = ' class="wide"' if wide else ""
    return HTMLResponse(
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{_LOOK}</style></head><body><header>{_MARK}Bezant</header>"
        f"<main{kind}>{body}</main><footer>Only this page asks for your password.</footer>"
        f"{tag}</body></html>",
        status_code=status,
        headers={"content-security-policy": policy},
    )


def page_of(turn: Turn, refusal: BezantError | None = None, name: str = "") -> HTMLResponse:
    """Return the page of where somebody is on their way."""
    match turn.stage:
        case Stage.PASSWORD:
            body, title = _password(turn, refusal, name), "Sign in"
        case Stage.FACTOR:
            body, title = _factor(turn, refusal), "One more step"
        case Stage.CONSENT:
            body, title = _consent(turn), "Allow access"
        case Stage.DEVICE:
            body, title = _device(turn), "Let a device in"
        case Stage.DONE | Stage.ELSEWHERE:
            body, title = _done(turn), "Done"
    status = 200 if refusal is None else refusal.status
    script = PASSKEY_SCRIPT if turn.stage in (Stage.PASSWORD, Stage.FACTOR) else ""
    made = framed(title, body, origin=turn.origin, status=status, script=script)
    if refusal is not None and refusal.retry_after_seconds is not None:
        made.headers["retry-after"] = str(max(1, round(refusal.retry_after_seconds)))
    return made


def passkey_form(action: str, asks: str, inside: str, button: str) -> str:
    """Return a form that asks for a passkey; without a script, or passkeys, it is not shown."""
    return (
        f'<form method="post" action="{escape(action)}" data-passkey="{escape(asks)}" hidden>'
        f'{inside}<input type="hidden" name="passkey"><button>{escape(button)}</button>'
        '<p class="reason" role="status"></p></form>'
    )


def _action(turn: Turn) -> str:
    return f"{SIGN_IN_PATH}/{turn.interaction.reveal()}"


def _form(turn: Turn, inside: str) -> str:
    return f'<form method="post" action="{escape(_action(turn))}">{inside}</form>'


def _factor(turn: Turn, refusal: BezantError | None) -> str:
    fields = (
        '<label for="code">Code from your app, or a recovery code</label>'
        '<input class="code" id="code" name="code" required maxlength="32" autofocus '
        'autocomplete="one-time-code" autocapitalize="none" spellcheck="false">'
        "<button>Go on</button>"
    )
    return (
        '<div class="card"><h1>One more step</h1><p class="reason">Your password is right. You set '
        f"up a second way to prove that it is you, so that a stolen password opens nothing.</p>"
        f"{told(refusal)}{_form(turn, fields)}"
        f"{passkey_form(_action(turn), PASSKEY_ASKS, '', 'Use a passkey instead')}</div>"
    )


def _password(turn: Turn, refusal: BezantError | None, name: str) -> str:
    typed = name or turn.hint
    focus_name, focus_password = ("", " autofocus") if typed else (" autofocus", "")
    fields = (
        '<label for="name">E-mail address or name</label>'
        f'<input id="name" name="name" required maxlength="{EMAIL_CHARACTERS_MAX}" '
        'autocomplete="username" autocapitalize="none" spellcheck="false" '
        f'value="{escape(typed)}"{focus_name}>'
        '<label for="password">Password</label>'
        '<input id="password" name="password" type="password" required '
        f'maxlength="{PASSWORD_CHARACTERS_MAX}" autocomplete="current-password"{focus_password}>'
        "<button>Sign in</button>"
    )
    return (
        f'<div class="card"><h1>Sign in</h1><p class="reason">to {escape(turn.realm)}, '
        f"for {escape(turn.client)}</p>{told(refusal)}"
        f"{passkey_form(_action(turn), PASSKEY_ASKS, '', 'Sign in with a passkey')}"
        f'{_form(turn, fields)}<p class="door"><a href="{FORGOTTEN_PATH}">Forgotten your password?'
        f"</a></p>{_doors(turn)}</div>"
    )


def _doors(turn: Turn) -> str:
    """Return links to other issuers at which somebody may sign in."""
    page = f"{SIGN_IN_PATH}/{escape(turn.interaction.reveal())}/at"
    return "".join(
        f'<p class="door"><a href="{page}/{escape(one.name)}">Sign in with {escape(one.title)}'
        "</a></p>"
        for one in turn.doors
    )


def _consent(turn: Turn) -> str:
    asks = "".join(f"<li>{escape(scopes.words(one))}</li>" for one in turn.scopes)
    buttons = (
        '<button name="decision" value="yes">Allow</button>'
        '<button class="quiet" name="decision" value="no">Do not allow</button>'
    )
    return (
        f'<div class="card"><h1>{escape(turn.client)} asks for access</h1>'
        f'<p class="reason">You are signed in as {escape(turn.person)}. If you allow it, '
        f'{escape(turn.client)} can:</p><ul class="asks">{asks}</ul>{_form(turn, buttons)}</div>'
    )


def _device(turn: Turn) -> str:
    asks = "".join(f"<li>{escape(scopes.words(one))}</li>" for one in turn.scopes)
    buttons = (
        '<button name="decision" value="yes">Yes, it is mine</button>'
        '<button class="quiet" name="decision" value="no">No</button>'
    )
    return (
        f'<div class="card"><h1>Is this your device?</h1>'
        f'<p class="reason">You are signed in as {escape(turn.person)}. Somebody started '
        f"{escape(turn.client)} and wants to act as you. Allow it only if that was you, and it "
        f'shows this code:</p><p class="shown">{escape(turn.code)}</p>'
        f'<p class="reason">It could then:</p><ul class="asks">{asks}</ul>'
        f"{_form(turn, buttons)}</div>"
    )


def _done(turn: Turn) -> str:
    if turn.code:
        return (
            '<div class="card"><h1>It is let in</h1><p>Go back to your device: it goes on by '
            "itself. You can close this page.</p></div>"
        )
    return (
        '<div class="card"><h1>It stays outside</h1><p>The device was told that you said no. '
        "You can close this page.</p></div>"
    )


def device_form(action: str, code: str, refusal: BezantError | None = None) -> HTMLResponse:
    """Return the page on which the code of a device is typed."""
    body = (
        '<div class="card"><h1>Connect a device</h1><p class="reason">Type the code that your '
        f"device shows.</p>{told(refusal)}"
        f'<form method="post" action="{escape(action)}"><label for="code">Code</label>'
        '<input class="code" id="code" name="user_code" required maxlength="20" autofocus '
        f'autocomplete="off" autocapitalize="characters" spellcheck="false" value="{escape(code)}">'
        "<button>Go on</button></form></div>"
    )
    return framed("Connect a device", body, status=refusal.status if refusal else 200)


def sign_out_form(action: str, fields: Iterable[tuple[str, str]]) -> HTMLResponse:
    """Return the page that asks whether somebody wants to leave."""
    hidden = "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
        for name, value in fields
    )
    body = (
        '<div class="card"><h1>Sign out?</h1><p class="reason">You leave everything you signed in '
        f'to in this browser.</p><form method="post" action="{escape(action)}">{hidden}'
        '<button name="confirmed" value="yes">Sign out</button></form></div>'
    )
    return framed("Sign out", body)


def signed_out() -> HTMLResponse:
    """Return the page after leaving."""
    body = '<div class="card"><h1>You are signed out</h1><p>You can close this page.</p></div>'
    return framed("Signed out", body)


def mistake(refusal: BezantError) -> HTMLResponse:
    """Return the page for what cannot be told to a client: we do not know that it is one."""
    body = (
        '<div class="card"><h1>This link does not work</h1>'
        f"<p>{escape(_sentence(refusal))}</p>"
        '<p class="reason">Nothing happened to your account. Go back to where you came from and '
        f"try again from there. <code>{escape(refusal.code)}</code></p></div>"
    )
    made = framed("This link does not work", body, status=refusal.status)
    if refusal.retry_after_seconds is not None:
        made.headers["retry-after"] = str(max(1, round(refusal.retry_after_seconds)))
    return made


def not_for_you(person: str) -> HTMLResponse:
    """Return the page for somebody who may not look after the issuer."""
    body = (
        '<div class="card"><h1>This is not for you</h1>'
        f"<p>You are signed in as {escape(person)}, who does not look after this installation."
        "</p></div>"
    )
    return framed("Not for you", body, status=403)


def console(
    realms: Sequence[tuple[Realm, Sequence[Client]]], keys: Sequence[SigningKey]
) -> HTMLResponse:
    """Return the issuer's console: realms, their clients, and the keys that sign."""
    sections = "".join(_realm(realm, clients) for realm, clients in realms)
    signing = "".join(
        f"<tr><td><code>{escape(key.kid)}</code></td><td>ES256</td></tr>" for key in keys
    )
    body = (
        f'<h1>The issuer</h1>{sections}<h2>Signing keys</h2><div class="scroll"><table><thead><tr>'
        f"<th>Key</th><th>Algorithm</th></tr></thead><tbody>{signing}</tbody></table></div>"
        "<p>Realms and clients come from files: <code>bezant realms import FILE</code>.</p>"
    )
    return framed("The issuer", body, wide=True)


def _realm(realm: Realm, clients: Sequence[Client]) -> str:
    rows = "".join(
        f"<tr><td><code>{escape(one.client_id)}</code></td><td>{escape(one.name)}</td>"
        f"<td>{escape(one.method)}</td><td>{'<br>'.join(map(escape, one.redirect_uris))}</td>"
        f"<td>{'works' if one.active else 'off'}</td></tr>"
        for one in clients
    )
    return (
        f"<h2>{escape(realm.title)}</h2><p><code>{escape(realm.issuer)}</code></p>"
        '<div class="scroll"><table><thead><tr><th>Client</th><th>Name</th><th>Proves itself by'
        f"</th><th>Redirects to</th><th></th></tr></thead><tbody>{rows}</tbody></table></div>"
    )


def told(refusal: BezantError | None) -> str:
    """Say in a sentence what is wrong, and what to do."""
    if refusal is None:
        return ""
    return f'<p class="wrong" role="alert">{escape(_sentence(refusal))}</p>'


_SENTENCES: Final[Mapping[type[BezantError], str]] = {
    WrongLogin: "This name and this password do not fit together. Try again.",
    WrongCode: "This code is not right, or was used before. Wait for the next one.",
    PasskeyRefused: "This passkey does not open anything here. Try another way.",
    TooManyTries: "Too many wrong tries. Wait a little, then try again.",
    MemberInactive: "Nobody signed in here for a long time. Ask for a new invitation.",
    NoMembership: "This name and password are right, but you have no access here.",
}


def _sentence(refusal: BezantError) -> str:
    told_here = _SENTENCES.get(type(refusal))
    return told_here or refusal.detail[:1].upper() + refusal.detail[1:].rstrip(".") + "."
