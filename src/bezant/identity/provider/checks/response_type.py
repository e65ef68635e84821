"""RFC 9700, 2.1.2: the implicit grant and everything that answers with a token are gone."""

from collections.abc import Mapping

from bezant.identity.oauth import InvalidRequest, UnsupportedResponseType


def is_code(parameters: Mapping[str, str]) -> None:
    """Clients SHOULD instead use the response type code; nothing else is answered here."""
    wanted = parameters.get("response_type")
    if wanted is None:
        raise InvalidRequest("response_type is missing")
    if wanted != "code":
        raise UnsupportedResponseType


def is_in_query(parameters: Mapping[str, str]) -> None:
    """For response type code the default response mode is the query (OAuth 2.0 Multiple Response
    Types, 2.1); it is the only one here.
    """
    if parameters.get("response_mode", "query") != "query":
        raise InvalidRequest("the answer comes in the query; no other response_mode is supported")
