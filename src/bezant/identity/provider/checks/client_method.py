"""RFC 6749, 2.3: a client uses the one method it is registered for."""

from collections.abc import Mapping

from bezant.identity.oauth import InvalidClient, InvalidRequest
from bezant.identity.openid import ClientMethod
from bezant.identity.provider.checks import client_assertion


def name_of(parameters: Mapping[str, str]) -> str:
    """The client MUST NOT use more than one authentication method in each request."""
    named = parameters.get("client_id", "")
    if "client_secret" in parameters:
        raise InvalidClient("a shared secret proves nothing here; register a key")
    if "client_assertion" not in parameters:
        if "client_assertion_type" in parameters:
            raise InvalidRequest("client_assertion is missing")
        if not named:
            raise InvalidClient
        return named
    if parameters.get("client_assertion_type") != client_assertion.TYPE:
        raise InvalidRequest("client_assertion_type is not the one of RFC 7523")
    claimed = client_assertion.whose(parameters)
    if named and named != claimed:
        raise InvalidClient
    return claimed


def is_registered(method: ClientMethod, parameters: Mapping[str, str]) -> None:
    """A client that is registered for one method is not taken by another, weaker one."""
    asserted = "client_assertion" in parameters
    if asserted != (method is ClientMethod.PRIVATE_KEY_JWT):
        raise InvalidClient
