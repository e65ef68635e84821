"""What the endpoints answer: JSON in the words of the specifications."""

from collections.abc import Mapping
from typing import Final

from fastapi.responses import JSONResponse, Response

from bezant.errors import BezantError
from bezant.http.caller import CredentialInvalid
from bezant.identity import oauth
from bezant.identity.openid import (
    DeviceStarted,
    Profile,
    Pushed,
    SigningKey,
    TokenFacts,
    Tokens,
)
from bezant.identity.provider.proofs import BY_CERTIFICATE, BY_KEY

REFUSALS: Final = (
    *oauth.REDIRECTED,
    oauth.InvalidClient,
    oauth.InvalidGrant,
    oauth.UnsupportedGrantType,
    oauth.AuthorizationPending,
    oauth.SlowDown,
    oauth.ExpiredToken,
    oauth.InvalidProof,
    oauth.ProofNeedsNonce,
)
"""What is told as the specifications tell it; anything else is a problem like any other."""
KEYS_SECONDS: Final = 300
PUBLIC_FOR_A_WHILE: Final = {"cache-control": f"public, max-age={KEYS_SECONDS}"}


def refused(refusal: BezantError) -> JSONResponse:
    """Tell a client why not (RFC 6749, 5.2)."""
    status = 400 if refusal.status == 403 else refusal.status
    told = {"error": refusal.code, "error_description": refusal.detail}
    made = JSONResponse(told, status_code=status)
    nonce = refusal.facts.get("nonce")
    if nonce:
        made.headers["dpop-nonce"] = nonce
    return made


def challenged(refusal: BezantError, *, bound: bool) -> JSONResponse:
    """Tell whoever shows a token why it is not taken (RFC 6750, 3 and RFC 9449, 7.1)."""
    code = "invalid_token" if isinstance(refusal, CredentialInvalid) else refusal.code
    status = 403 if code == "insufficient_scope" else 401
    scheme, more = ("DPoP", ', algs="ES256 Ed25519"') if bound else ("Bearer", "")
    made = JSONResponse({"error": code, "error_description": refusal.detail}, status_code=status)
    made.headers["www-authenticate"] = f'{scheme} error="{code}"{more}'
    nonce = refusal.facts.get("nonce")
    if nonce:
        made.headers["dpop-nonce"] = nonce
    return made


def tokens(told: Tokens) -> JSONResponse:
    """Answer tokens (RFC 6749, 5.1)."""
    body: dict[str, object] = {
        "access_token": told.access_token.reveal(),
        "token_type": told.token_type,
        "expires_in": told.expires_in,
        "scope": told.scope,
    }
    if told.refresh_token.reveal():
        body["refresh_token"] = told.refresh_token.reveal()
    if told.id_token.reveal():
        body["id_token"] = told.id_token.reveal()
    return JSONResponse(body, headers={"pragma": "no-cache"})


def pushed(told: Pushed) -> JSONResponse:
    """Answer where a request waits (RFC 9126, 2.2)."""
    body = {"request_uri": told.request_uri.reveal(), "expires_in": told.expires_in}
    return JSONResponse(body, status_code=201)


def device(told: DeviceStarted) -> JSONResponse:
    """Answer what a device shows (RFC 8628, 3.2)."""
    return JSONResponse(
        {
            "device_code": told.device_code.reveal(),
            "user_code": told.user_code,
            "verification_uri": told.address,
            "verification_uri_complete": f"{told.address}?user_code={told.user_code}",
            "expires_in": told.expires_in,
            "interval": told.interval,
        }
    )


def facts(told: TokenFacts) -> JSONResponse:
    """Answer what a token is worth (RFC 7662, 2.2); of a worthless one, nothing else."""
    if not told.active:
        return JSONResponse({"active": False})
    body: dict[str, object] = {
        "active": True,
        "scope": told.scope,
        "client_id": told.client,
        "sub": told.subject,
        "iss": told.issuer,
        "token_type": told.token_type,
    }
    if told.audience:
        body["aud"] = told.audience
    if told.issued_at is not None and told.expires_at is not None:
        body["iat"] = int(told.issued_at.timestamp())
        body["exp"] = int(told.expires_at.timestamp())
    if told.bound_to.startswith(BY_KEY):
        body["cnf"] = {"jkt": told.bound_to.removeprefix(BY_KEY)}
    elif told.bound_to:
        body["cnf"] = {"x5t#S256": told.bound_to.removeprefix(BY_CERTIFICATE)}
    return JSONResponse(body)


def profile(told: Profile) -> JSONResponse:
    """Answer who somebody is (OpenID Connect Core, 5.3.2)."""
    body: dict[str, object] = {"sub": told.subject}
    if told.name:
        body["name"] = told.name
    if told.username:
        body["preferred_username"] = told.username
    if told.email:
        body["email"] = told.email
    if told.roles:
        body["roles"] = list(told.roles)
    return JSONResponse(body)


def keys(found: tuple[SigningKey, ...]) -> Response:
    """Answer the public keys (RFC 7517, 5)."""
    told = [
        {"kty": "EC", "crv": "P-256", "x": one.x, "y": one.y}
        | {"kid": one.kid, "use": "sig", "alg": "ES256"}
        for one in found
    ]
    return JSONResponse({"keys": told}, headers=PUBLIC_FOR_A_WHILE)


def document(told: Mapping[str, object]) -> JSONResponse:
    """Answer what the provider can do."""
    return JSONResponse(dict(told), headers=PUBLIC_FOR_A_WHILE)
