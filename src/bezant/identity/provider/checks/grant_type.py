"""RFC 6749, 5.2 and RFC 9700, 2.4: the grants there are; the password grant is not one of them."""

from collections.abc import Mapping, Sequence
from enum import StrEnum

from bezant.identity.oauth import InvalidRequest, UnauthorizedClient, UnsupportedGrantType


class GrantType(StrEnum):
    """What a client gives for its tokens."""

    CODE = "authorization_code"
    REFRESH = "refresh_token"
    CLIENT = "client_credentials"
    DEVICE = "urn:ietf:params:oauth:grant-type:device_code"


def supported(parameters: Mapping[str, str]) -> GrantType:
    """The resource owner password credentials grant MUST NOT be used."""
    wanted = parameters.get("grant_type")
    if wanted is None:
        raise InvalidRequest("grant_type is missing")
    try:
        return GrantType(wanted)
    except ValueError:
        raise UnsupportedGrantType from None


def registered(wanted: GrantType, grant_types: Sequence[str]) -> None:
    """The authenticated client is not authorized to use this authorization grant type."""
    if wanted not in grant_types:
        raise UnauthorizedClient
