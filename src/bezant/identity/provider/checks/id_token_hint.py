"""OpenID Connect RP-Initiated Logout, 2: who asks to sign somebody out shows whom it knew."""

from collections.abc import Mapping

from bezant.identity.oauth import InvalidRequest
from bezant.identity.provider.jose import BadToken, Read


def holds(token: Read, issuer: str, parameters: Mapping[str, str]) -> tuple[str, str]:
    """The OP MUST validate that it was the issuer of the ID Token. It SHOULD accept ID Tokens when
    the exp time has passed. When client_id is present it MUST match the Client Identifier used when
    issuing the ID Token. Returns the client and the session it was issued for.
    """
    try:
        client = token.text_of("aud")
        if token.text_of("iss") != issuer or parameters.get("client_id", client) != client:
            raise InvalidRequest
        return client, token.text_of("sid")
    except BadToken:
        raise InvalidRequest from None
