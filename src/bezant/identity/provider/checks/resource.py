"""RFC 8707, 2: a token is for one audience, and ours is for our API."""

from collections.abc import Mapping

from bezant.identity.oauth import InvalidTarget


def is_ours(parameters: Mapping[str, str], audience: str) -> None:
    """If the authorization server fails to parse the provided value or does not consider the
    resource server acceptable, it should reject the request with invalid_target.
    """
    if parameters.get("resource", audience).rstrip("/") != audience:
        raise InvalidTarget
