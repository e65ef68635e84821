"""What the specifications of OAuth and OpenID Connect call each refusal.

The codes are theirs (RFC 6749, 7009, 8628, 8707, 9126, 9449, OpenID Connect Core 3.1.2.6), so that
any client understands them. No sentence says which part of a credential was wrong.
"""

from bezant.errors import Forbidden, Invalid, NotFound, TooManyRequests, Unauthenticated


class InvalidRequest(Invalid):
    """The request lacks a parameter, repeats one, or is not well formed."""

    code = "invalid_request"


class InvalidClient(Unauthenticated):
    """This client is not known here, or did not prove who it is."""

    code = "invalid_client"


class InvalidGrant(Invalid):
    """This code or token is not valid: it was used, revoked, has expired, or is another's."""

    code = "invalid_grant"


class UnauthorizedClient(Invalid):
    """This client may not do that."""

    code = "unauthorized_client"


class UnsupportedGrantType(Invalid):
    """This kind of grant is not supported here."""

    code = "unsupported_grant_type"


class UnsupportedResponseType(Invalid):
    """Only the authorization code is given here."""

    code = "unsupported_response_type"


class InvalidScope(Invalid):
    """This client may not ask for this scope, or there is none of that name."""

    code = "invalid_scope"


class InvalidTarget(Invalid):
    """There is no such resource for which a token could be given."""

    code = "invalid_target"


class RequestNotSupported(Invalid):
    """Request objects are not supported; leave the request with us in advance instead."""

    code = "request_not_supported"


class RequestUriInvalid(Invalid):
    """This request_uri was used, has expired, or never was."""

    code = "invalid_request_uri"


class AccessDenied(Forbidden):
    """The person said no, or may not enter here."""

    code = "access_denied"


class LoginRequired(Unauthenticated):
    """Nobody is signed in, and no page may be shown."""

    code = "login_required"


class ConsentRequired(Forbidden):
    """The person has not allowed this, and no page may be shown."""

    code = "consent_required"


class AuthorizationPending(Invalid):
    """Nobody has let this device in yet."""

    code = "authorization_pending"


class SlowDown(Invalid):
    """Ask less often."""

    code = "slow_down"


class ExpiredToken(Invalid):
    """The device waited too long; begin anew."""

    code = "expired_token"


class InvalidProof(Unauthenticated):
    """The DPoP proof is not valid for this request."""

    code = "invalid_dpop_proof"
    status = 400


class ProofNeedsNonce(Unauthenticated):
    """A DPoP proof here carries the nonce told in the header DPoP-Nonce."""

    code = "use_dpop_nonce"
    status = 400


class InvalidToken(Unauthenticated):
    """The access token is not valid: it is malformed, revoked, expired, or bound to another."""

    code = "invalid_token"


class InsufficientScope(Forbidden):
    """The access token does not allow this."""

    code = "insufficient_scope"


class UnknownInteraction(NotFound):
    """This page is over: it was left open too long, was finished, or began in another browser."""

    code = "unknown_interaction"


class UnknownRealm(NotFound):
    """There is no such realm."""

    code = "unknown_realm"


class UnknownDevice(NotFound):
    """No device waits under this code."""

    code = "unknown_device"


class TooManyCodes(TooManyRequests):
    """Too many device codes were tried from where you are; wait, then try again."""

    code = "too_many_codes"


class MalformedRealm(Invalid):
    """This file does not describe a realm that can be imported."""

    code = "malformed_realm"


class OutsideRefused(Unauthenticated):
    """Signing in there did not work, or what came back was not for this page."""

    # The same whether it was refused there, altered on the way, or means nobody here.
    code = "outside_refused"


REDIRECTED = (
    InvalidRequest,
    UnauthorizedClient,
    UnsupportedResponseType,
    InvalidScope,
    InvalidTarget,
    RequestNotSupported,
    RequestUriInvalid,
    AccessDenied,
    LoginRequired,
    ConsentRequired,
)
"""What a client learns in its redirect URI, once that is known to be its own."""
