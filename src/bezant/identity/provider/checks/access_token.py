"""RFC 9068, 4: what an access token of ours says of itself."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from bezant.identity.provider.issuer import Issuer
from bezant.identity.provider.jose import BadToken, Read

SKEW: Final = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Claims:
    """What is read from an access token whose signature fits."""

    realm: str
    delegation: str
    subject: str
    client: str
    scope: str
    issued_at: datetime
    expires_at: datetime


def holds(token: Read, issuer: Issuer, now: datetime) -> Claims:
    """The resource server MUST validate that iss is the issuer it trusts, that aud is itself, and
    that the current time is before exp.
    """
    realm = issuer.realm_of(token.text_of("iss"))
    expires = datetime.fromtimestamp(token.seconds_of("exp"), UTC)
    issued = datetime.fromtimestamp(token.seconds_of("iat"), UTC)
    if realm is None or token.claims.get("aud") != issuer.audience:
        raise BadToken
    if now >= expires or issued > now + SKEW:
        raise BadToken
    if "nbf" in token.claims and token.seconds_of("nbf") > (now + SKEW).timestamp():
        raise BadToken
    return Claims(
        realm=realm,
        delegation=token.text_of("dlg"),
        subject=token.text_of("sub"),
        client=token.text_of("client_id"),
        scope=token.text_of("scope"),
        issued_at=issued,
        expires_at=expires,
    )
