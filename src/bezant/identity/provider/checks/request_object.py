"""OpenID Connect Core, 6 and RFC 9126: a request is pushed, not signed."""

from collections.abc import Mapping
from typing import Final

from bezant.identity.oauth import InvalidRequest, RequestNotSupported

PREFIX: Final = "urn:ietf:params:oauth:request_uri:"


def absent(parameters: Mapping[str, str]) -> None:
    """If the OP does not support the request parameter, it MUST return request_not_supported."""
    if "request" in parameters or "registration" in parameters or "claims" in parameters:
        raise RequestNotSupported


def not_pushed_twice(parameters: Mapping[str, str]) -> None:
    """The request_uri authorization request parameter MUST NOT be provided to the pushed
    authorization request endpoint (RFC 9126, 2.1).
    """
    if "request_uri" in parameters:
        raise InvalidRequest("a request that is left in advance names no other one")
