"""Whatever is refused at the provider's doors leaves one line, with a code, without the input."""

import json
from collections.abc import Awaitable, Callable, Iterator
from io import StringIO

import pytest
from httpx2 import Response
from tests.identity.provider.stand import Stand
from tests.identity.provider.words import BELOW, PASSWORD

from bezant import telemetry

pytestmark = pytest.mark.catalogue("T73")
MARK = "marked-by-a-stranger"
"""Stands in whatever is sent; it must stand in no line."""
CODE = "authorization_code"
Try = Callable[[Stand], Awaitable[Response]]


@pytest.fixture
def logged() -> Iterator[StringIO]:
    told = StringIO()
    telemetry.configure(telemetry.Level.DEBUG, stream=told)
    yield told
    telemetry.shut()


def asks(path: str, **fields: str) -> Try:
    return lambda stand: stand.ask(path, None, **fields)


def proves(path: str, **fields: str) -> Try:
    """Ask as a client that proves who it is."""

    async def tried(stand: Stand) -> Response:
        return await stand.ask(path, None, **fields, **stand.assertion(stand.robot, "robot"))

    return tried


def begins(**more: str) -> Try:
    return lambda stand: stand.authorize(**more)


def shows(token: str) -> Try:
    headers = {"authorization": f"Bearer {token}"}
    return lambda stand: stand.client.get(f"{BELOW}/userinfo", headers=headers)


def raw(path: str, body: bytes) -> Try:
    form = {"content-type": "application/x-www-form-urlencoded"}
    return lambda stand: stand.client.post(f"{BELOW}/{path}", content=body, headers=form)


async def by_another_device(stand: Stand) -> Response:
    return await stand.person().post(f"{BELOW}/device", user_code=MARK)


async def leaves_for_elsewhere(stand: Stand) -> Response:
    return await stand.person().get(
        f"{BELOW}/logout", client_id="payment-frontend", post_logout_redirect_uri=f"https://{MARK}"
    )


async def at_nobodys_realm(stand: Stand) -> Response:
    path = BELOW.replace("ecommerce", "nobodys")
    return await stand.client.post(f"{path}/token", data={"client_id": MARK})


REFUSED: dict[str, tuple[str, str, Try]] = {
    "a client nobody knows, for tokens": (
        "tokens.refused", "invalid_client", asks("token", client_id=MARK, grant_type=CODE),
    ),
    "a grant of another kind": (
        "tokens.refused", "unsupported_grant_type",
        asks("token", client_id="payment-frontend", grant_type=MARK),
    ),
    "a code nobody gave": (
        "tokens.refused", "invalid_grant",
        asks("token", client_id="payment-frontend", grant_type=CODE, code=MARK),
    ),
    "a refresh token nobody gave": (
        "tokens.refused", "invalid_grant",
        asks("token", client_id="payment-frontend", grant_type="refresh_token", refresh_token=MARK),
    ),
    "a form that is none": (
        "tokens.refused", "malformed_request", raw("token", b"a=%ff" + MARK.encode()),
    ),
    "a realm that is none": ("tokens.refused", "unknown_realm", at_nobodys_realm),
    "a client nobody knows, in advance": (
        "authorization.refused", "invalid_client", asks("ext/par/request", client_id=MARK),
    ),
    "a client nobody knows, by a browser": (
        "authorization.refused", "invalid_client", begins(client_id=MARK),
    ),
    "somewhere else": (
        "authorization.refused", "invalid_request", begins(redirect_uri=f"https://{MARK}/"),
    ),
    "a scope that is none": ("authorization.refused", "invalid_scope", begins(scope=MARK)),
    "no challenge": ("authorization.refused", "invalid_request", begins(code_challenge="")),
    "a client nobody knows, about a token": (
        "introspection.refused", "invalid_client",
        asks("token/introspect", client_id=MARK, token=MARK),
    ),
    "a public client, about a token": (
        "introspection.refused", "unauthorized_client",
        asks("token/introspect", client_id="payment-frontend", token=MARK),
    ),
    "no token to ask about": (
        "introspection.refused", "invalid_request", proves("token/introspect", hint=MARK),
    ),
    "a client nobody knows, to end a token": (
        "revocation.refused", "invalid_client", asks("revoke", client_id=MARK, token=MARK),
    ),
    "no token to end": ("revocation.refused", "invalid_request", proves("revoke", hint=MARK)),
    "a client nobody knows, for a device": (
        "device.refused", "invalid_client", asks("auth/device", client_id=MARK),
    ),
    "a client without devices": (
        "device.refused", "unauthorized_client",
        asks("auth/device", client_id="payment-frontend", scope=MARK),
    ),
    "a device that nobody has": ("device_code.refused", "unknown_device", by_another_device),
    "a token that is none": ("profile.refused", "invalid_token", shows(MARK)),
    "a token of three parts": ("profile.refused", "invalid_token", shows(f"{MARK}.{MARK}.{MARK}")),
    "nowhere to go afterwards": ("sign_out.refused", "invalid_request", leaves_for_elsewhere),
}  # fmt: skip


def warned(logged: StringIO) -> list[tuple[str, str]]:
    telemetry.shut()
    lines = [json.loads(line) for line in logged.getvalue().splitlines()]
    return [(one["event"], one.get("code", "")) for one in lines if one["level"] == "WARN"]


@pytest.mark.parametrize("name", REFUSED)
async def test_a_refusal_leaves_one_line_with_its_code(
    stand: Stand, logged: StringIO, name: str
) -> None:
    event, code, tried = REFUSED[name]
    answer = await tried(stand)
    assert answer.status_code in (303, 400, 401, 404), answer.text
    assert warned(logged) == [(event, code)]
    assert MARK not in logged.getvalue()


async def test_what_is_granted_and_what_waits_leaves_none(stand: Stand, logged: StringIO) -> None:
    tokens = await stand.tokens()
    assert (await shows(tokens["access_token"])(stand)).status_code == 200
    begun = (await stand.ask("auth/device", client_id="television")).json()
    waits = await stand.ask(
        "token", None, client_id="television", device_code=begun["device_code"],
        grant_type="urn:ietf:params:oauth:grant-type:device_code",
    )  # fmt: skip
    assert waits.json()["error"] == "authorization_pending"
    ended = await proves("revoke", token=tokens["refresh_token"])(stand)
    assert ended.status_code == 200, "another's token is left alone without a word"
    assert warned(logged) == []
    assert PASSWORD not in logged.getvalue()
