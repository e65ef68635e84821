"""RFC 7636 and RFC 9700, 2.1.1: the code belongs to whoever began, shown by SHA-256."""

import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import Final

from bezant.identity.oauth import InvalidGrant, InvalidRequest
from bezant.identity.provider.jose import encoded

_CHALLENGE: Final = re.compile(r"[A-Za-z0-9_-]{43}\Z")
_VERIFIER: Final = re.compile(r"[A-Za-z0-9._~-]{43,128}\Z")


def given(parameters: Mapping[str, str]) -> str:
    """Authorization servers MUST require the use of PKCE; the method S256 alone does not tell the
    verifier to whoever reads the request.
    """
    challenge = parameters.get("code_challenge", "")
    if parameters.get("code_challenge_method") != "S256":
        raise InvalidRequest("code_challenge_method must be S256")
    if not _CHALLENGE.match(challenge):
        raise InvalidRequest("code_challenge is missing or not a SHA-256 in base64url")
    return challenge


def met(parameters: Mapping[str, str], challenge: str) -> None:
    """If the values are not equal, an error response indicating invalid_grant MUST be returned
    (RFC 7636, 4.6).
    """
    verifier = parameters.get("code_verifier", "")
    hashed = encoded(hashlib.sha256(verifier.encode()).digest())
    if not _VERIFIER.match(verifier) or not hmac.compare_digest(hashed, challenge):
        raise InvalidGrant
