"""RFC 9449, 4.3: whoever shows a token or asks for one holds its key.

The nonce (section 8) is ours to tell: it shows that a proof was made just now, even by a machine
whose owner made a stock of proofs for later.
"""

import hashlib
import hmac
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

from bezant.identity.oauth import InvalidProof, ProofNeedsNonce
from bezant.identity.provider import jose
from bezant.identity.provider.jose import BadToken, Read, encoded

AGE_MAX: Final = timedelta(seconds=60)
SKEW: Final = timedelta(seconds=10)
ID_CHARACTERS_MAX: Final = 256


class Proof:
    """A proof that holds: the key behind it, and its own name, to be spent once."""

    __slots__ = ("name", "spent_until", "thumbprint")

    def __init__(self, thumbprint: str, name: str, spent_until: datetime) -> None:
        self.thumbprint = thumbprint
        self.name = name
        self.spent_until = spent_until


def holds(
    text: str, method: str, address: str, nonces: Collection[str], now: datetime, token: str = ""
) -> Proof:
    """The receiving server MUST ensure that: the typ is dpop+jwt, the alg is asymmetric and
    acceptable, the signature verifies with the key in jwk, which holds no private key; htm and htu
    are those of the request; the nonce is the one we told; iat is recent; and with an access token
    ath is its hash.
    """
    try:
        proof = jose.read(text, jose.PROOF)
        key = jose.key_of(proof.header["jwk"])
        if not jose.fits(key, proof.header["alg"]):
            raise BadToken
        jose.verify(proof, key)
        if proof.text_of("htm") != method or not _is_at(proof.text_of("htu"), address):
            raise BadToken
        _recent(proof, now)
        if token and not _is_of(proof, token):
            raise BadToken
        name, nonce = proof.text_of("jti"), proof.text_of("nonce")
    except BadToken:
        raise InvalidProof from None
    if not 0 < len(name) <= ID_CHARACTERS_MAX:
        raise InvalidProof
    if not any(hmac.compare_digest(nonce.encode(), one.encode()) for one in nonces):
        raise ProofNeedsNonce
    mark = jose.thumbprint(key)
    return Proof(mark, f"{mark} {name}", now + AGE_MAX + 2 * SKEW)


def _is_at(htu: str, address: str) -> bool:
    """The htu claim matches the HTTP URI, without any query and fragment parts."""
    try:
        said, meant = urlsplit(htu), urlsplit(address)
        said_port, meant_port = said.port, meant.port
    except ValueError:
        return False
    ports = {"http": 80, "https": 443}
    return (said.scheme, said.hostname, said_port or ports.get(said.scheme), said.path or "/") == (
        meant.scheme,
        meant.hostname,
        meant_port or ports.get(meant.scheme),
        meant.path or "/",
    ) and not (said.username or said.query or said.fragment)


def _recent(proof: Read, now: datetime) -> None:
    made = proof.seconds_of("iat")
    at = now.timestamp()
    if not at - AGE_MAX.total_seconds() <= made <= at + SKEW.total_seconds():
        raise BadToken


def _is_of(proof: Read, token: str) -> bool:
    hashed = encoded(hashlib.sha256(token.encode()).digest())
    return hmac.compare_digest(proof.text_of("ath").encode(), hashed.encode())
