"""Who is asking: the credential a request carries, and the Protocol that knows whose it is.

`identity` implements `Callers`; `wiring` hands it in. `known` answers from memory without
waiting, so that a busy key costs a dictionary lookup; whoever implements it forgets a credential
the moment it is revoked.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Protocol

import msgspec

from bezant.actor import Actor
from bezant.errors import Forbidden, Invalid, Unauthenticated
from bezant.http.headers import Pair
from bezant.http.signatures import BadSignature, Signed, signed_of
from bezant.secret import Secret

SESSION_COOKIE = "__Host-bezant"
CREDENTIAL_CHARACTERS_MAX = 8_192  # A token with many claims fits; a megabyte of header does not.
_BEARER = b"bearer "
_DPOP = b"dpop "


class CredentialKind(StrEnum):
    """How a caller proves who they are."""

    API_KEY = "api_key"
    BEARER = "bearer"
    DPOP = "dpop"
    """A token that is worth nothing without its key (RFC 9449)."""
    SESSION = "session"
    SIGNATURE = "signature"
    """The request itself is signed (RFC 9421)."""
    CERTIFICATE = "certificate"
    """The connection showed a certificate, and nothing else says who this is."""


class Shown(msgspec.Struct, frozen=True):
    """What a request shows to prove that a bound token is in its owner's hands."""

    method: str
    address: str
    proof: Secret[str]
    certificate: str


class Credential(msgspec.Struct, frozen=True):
    """What a request carries to say who is asking."""

    kind: CredentialKind
    secret: Secret[str]
    address: str = ""
    """Where it came from: whoever guesses is slowed down without slowing others."""
    shown: Shown | None = None
    signed: Signed | None = None


class Callers(Protocol):
    """Knows whose a credential is."""

    def known(self, credential: Credential) -> Actor | None:
        """Return the caller if that is known without waiting, else None."""
        ...

    async def identify(self, credential: Credential) -> Actor:
        """Return the caller, or raise `CredentialInvalid`."""
        ...


class CredentialMissing(Unauthenticated):
    """API key required."""

    code = "credential_missing"


class CredentialInvalid(Unauthenticated):
    """Invalid API key."""

    code = "credential_invalid"


class CredentialUnproved(Unauthenticated):
    """This token is bound to a key, and the request does not show that it holds it."""

    code = "credential_unproved"

    @property
    def challenge(self) -> bytes:
        """Return how a client is told (RFC 9449, 7.1 and 9)."""
        nonce = self.facts.get("nonce", "").encode("ascii")
        error = b"use_dpop_nonce" if nonce else b"invalid_token"
        head = b'www-authenticate: DPoP error="%s", algs="ES256 Ed25519"\r\n' % error
        return head + (b"dpop-nonce: %s\r\n" % nonce if nonce else b"")


class DigestMismatch(Unauthenticated):
    """The body is not the one whose digest was signed."""

    code = "digest_mismatch"


class CredentialAmbiguous(Invalid):
    """A request carries one credential, not several."""

    code = "credential_ambiguous"


class PermissionMissing(Forbidden):
    """Insufficient permissions."""

    code = "insufficient_permissions"


class StepUpNeeded(Forbidden):
    """Prove again that it is you: `POST /v1/session/step-up`."""

    code = "step_up_needed"


class CrossSiteRequest(Forbidden):
    """A session works only from our own pages."""

    code = "cross_site_request"


def credential_of(headers: Mapping[bytes, bytes], address: str = "") -> Credential | None:
    """Find the one credential among a request's headers; a cookie counts only without another."""
    key = headers.get(b"x-api-key")
    authorization = headers.get(b"authorization")
    signature = headers.get(b"signature-input")
    if signature is not None:
        if authorization is not None or key is not None:
            raise CredentialAmbiguous
        return Credential(CredentialKind.SIGNATURE, _secret(signature), address)
    if key is not None:
        if authorization is not None:
            raise CredentialAmbiguous
        return Credential(CredentialKind.API_KEY, _secret(key), address)
    if authorization is not None:
        if authorization[:5].lower() == _DPOP:
            return Credential(CredentialKind.DPOP, _secret(authorization[5:].strip()), address)
        if authorization[:7].lower() != _BEARER:
            raise CredentialInvalid("only Bearer tokens are accepted in Authorization")
        return Credential(CredentialKind.BEARER, _secret(authorization[7:].strip()), address)
    cookies = headers.get(b"cookie")
    found = _session(cookies, address) if cookies is not None else None
    certificate = headers.get(b"client-cert")
    if found is not None or certificate is None:
        return found
    return Credential(CredentialKind.CERTIFICATE, _secret(certificate), address)


def _session(cookies: bytes, address: str) -> Credential | None:
    for cookie in cookies.split(b";"):
        name, _, value = cookie.strip().partition(b"=")
        if name == SESSION_COOKIE.encode() and value:
            return Credential(CredentialKind.SESSION, _secret(value), address)
    return None


def _secret(value: bytes) -> Secret[str]:
    if not value or len(value) > CREDENTIAL_CHARACTERS_MAX or not value.isascii():
        raise CredentialInvalid
    return Secret(value.decode("ascii"))


def with_proof(
    credential: Credential, headers: Mapping[bytes, bytes], method: str, address: str
) -> Credential:
    """Return a credential with what the request shows of the key that it is bound to."""
    proof = headers.get(b"dpop", b"")
    if len(proof) > CREDENTIAL_CHARACTERS_MAX or not proof.isascii():
        raise CredentialInvalid
    certificate = headers.get(b"client-cert", b"").decode("latin-1")
    shown = Shown(method, address, Secret(proof.decode("ascii")), certificate)
    return msgspec.structs.replace(credential, shown=shown)


def with_signature(
    credential: Credential,
    headers: Mapping[bytes, bytes],
    pairs: Sequence[Pair],
    method: str,
    target: str,
) -> Credential:
    """Return a credential with what the request says was signed."""
    try:
        signed = signed_of(headers, pairs, method, target)
    except BadSignature:
        raise CredentialInvalid from None
    return msgspec.structs.replace(credential, signed=signed)


def refuse_cross_site(headers: Mapping[bytes, bytes]) -> None:
    """Refuse a change that another site's page asks for with our cookie."""
    # Browsers say where a request comes from; the older ones at least for what changes something.
    site = headers.get(b"sec-fetch-site")
    if site is not None:
        if site != b"same-origin":
            raise CrossSiteRequest
        return
    origin = headers.get(b"origin", b"").partition(b"://")[2]
    if not origin or origin != headers.get(b"host"):
        raise CrossSiteRequest
