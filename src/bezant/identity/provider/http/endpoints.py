"""The endpoints for clients, in the platform's own realm and in every other one."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final

from fastapi import Request
from fastapi.responses import Response

from bezant.errors import BezantError
from bezant.http.caller import CredentialInvalid
from bezant.http.routes import FORM, PUBLIC, Routes
from bezant.identity.oauth import InsufficientScope, InvalidProof, InvalidToken, ProofNeedsNonce
from bezant.identity.openid import ROOT_REALM, Asked, OpenIdProvider
from bezant.identity.provider.http import answers, pages
from bezant.identity.provider.http.metadata import metadata, resource
from bezant.identity.provider.http.reading import (
    FORM_BYTES_MAX,
    Cookies,
    asked,
    form,
    query,
    shown_token,
    visit_of,
)
from bezant.identity.provider.http.turning import answered
from bezant.identity.provider.issuer import RESOURCE_PATH, Endpoint, Issuer
from bezant.identity.provider.refusing import told_once

REALM: Final = "{realm}"
CHALLENGED: Final = (
    InvalidToken,
    InsufficientScope,
    InvalidProof,
    ProofNeedsNonce,
    CredentialInvalid,
)

Ask = Callable[[Asked], Awaitable[Response]]


def add_endpoints(made: Routes, provider: OpenIdProvider, issuer: Issuer, cookies: Cookies) -> None:
    """Declare the endpoints of both kinds of realm."""
    _add_resource(made, provider, issuer)
    for realm in (ROOT_REALM, REALM):
        _add_documents(made, provider, issuer, realm)
        _add_authorize(made, provider, cookies, realm)
        _add_profile(made, provider, realm)
        _add_forms(made, provider, realm)


def _add_resource(made: Routes, provider: OpenIdProvider, issuer: Issuer) -> None:
    async def described(request: Request) -> Response:
        del request
        base = (await provider.realm(ROOT_REALM)).issuer
        return answers.document(resource(replace(issuer, base=base)))

    _get(made, RESOURCE_PATH)(described)


def _add_documents(made: Routes, provider: OpenIdProvider, issuer: Issuer, realm: str) -> None:
    below = "" if realm == ROOT_REALM else f"/realms/{REALM}"

    async def described(request: Request) -> Response:
        found = await provider.realm(_realm_of(request))
        # Whoever signs knows the name that they sign with, also where that is another process.
        base = found.issuer.removesuffix(f"/realms/{found.name}")
        return answers.document(metadata(replace(issuer, base=base), found.name))

    async def keys(request: Request) -> Response:
        await provider.realm(_realm_of(request))
        return answers.keys(await provider.signing_keys())

    for path in (
        f"{below}/.well-known/openid-configuration",
        f"/.well-known/oauth-authorization-server{below}",
    ):
        _get(made, path)(described)
    _get(made, Endpoint.KEYS.path(realm))(keys)


def _add_authorize(made: Routes, provider: OpenIdProvider, cookies: Cookies, realm: str) -> None:
    path = Endpoint.AUTHORIZE.path(realm)

    async def begin(request: Request) -> Response:
        browser, realm = cookies.browser_of(request), _realm_of(request)
        try:
            with told_once("authorization", realm):
                given = await form(request) if request.method == "POST" else query(request)
                turn = await provider.authorize(asked(realm, given, visit_of(request)), browser)
        except BezantError as refusal:
            if refusal.status >= 500:
                raise
            return pages.mistake(refusal)
        return answered(turn, browser, cookies)

    # Each call begins a way that is written down: strangers fill no disk so.
    made.get(path, permission=PUBLIC, guarded=True, include_in_schema=False)(begin)
    _post(made, path)(begin)


def _add_profile(made: Routes, provider: OpenIdProvider, realm: str) -> None:
    async def profile(request: Request) -> Response:
        bound, realm = b"dpop" in visit_of(request).headers, _realm_of(request)
        try:
            with told_once("profile", realm):
                return answers.profile(await provider.profile(shown_token(realm, request)))
        except CHALLENGED as refusal:
            return answers.challenged(refusal, bound=bound)

    _get(made, Endpoint.PROFILE.path(realm))(profile)
    _post(made, Endpoint.PROFILE.path(realm))(profile)


def _add_forms(made: Routes, provider: OpenIdProvider, realm: str) -> None:
    async def tokens(question: Asked) -> Response:
        return answers.tokens(await provider.tokens(question))

    async def push(question: Asked) -> Response:
        return answers.pushed(await provider.push(question))

    async def introspect(question: Asked) -> Response:
        return answers.facts(await provider.introspect(question))

    async def revoke(question: Asked) -> Response:
        await provider.revoke(question)
        return Response(status_code=200)

    async def device(question: Asked) -> Response:
        return answers.device(await provider.begin_device(question))

    for endpoint, what, ask in (
        (Endpoint.TOKEN, "tokens", tokens),
        (Endpoint.PUSH, "authorization", push),
        (Endpoint.INTROSPECT, "introspection", introspect),
        (Endpoint.REVOKE, "revocation", revoke),
        (Endpoint.DEVICE, "device", device),
    ):
        _post(made, endpoint.path(realm))(_asking(what, ask))


def _asking(what: str, ask: Ask) -> Callable[..., Awaitable[Response]]:
    async def handle(request: Request) -> Response:
        realm = _realm_of(request)
        try:
            with told_once(what, realm):
                return await ask(asked(realm, await form(request), visit_of(request)))
        except answers.REFUSALS as refusal:
            return answers.refused(refusal)

    return handle


def _realm_of(request: Request) -> str:
    return str(request.path_params.get("realm", ROOT_REALM))


def _get(made: Routes, path: str) -> Callable[[Callable[..., Awaitable[object]]], object]:
    return made.get(path, permission=PUBLIC, include_in_schema=False)


def _post(made: Routes, path: str) -> Callable[[Callable[..., Awaitable[object]]], object]:
    return made.post(
        path,
        permission=PUBLIC,
        status=200,
        accepts=FORM,
        body_bytes_max=FORM_BYTES_MAX,
        include_in_schema=False,
    )
