"""RFC 8705, 2: a client proves who it is by the certificate of its connection.

The connection ends at our own listener or at our Envoy, which take certificates of our own
authority and end the handshake of all others, or at a trusted proxy: that has verified that whoever
shows a certificate holds its key, and, where clients are known by names, that an authority which
the operator chose vouches for them.
"""

import hashlib
import hmac
from collections.abc import Sequence
from datetime import datetime

from cryptography import x509
from cryptography.x509.oid import ExtensionOID

from bezant.identity.oauth import InvalidClient
from bezant.identity.openid import ClientMethod
from bezant.identity.provider.jose import encoded


def thumbprint(certificate: bytes) -> str:
    """Return `x5t#S256` of a certificate (RFC 8705, 3.1)."""
    return encoded(hashlib.sha256(certificate).digest())


def serial(certificate: bytes) -> int:
    """Return the number that a certificate's authority gave it."""
    return x509.load_der_x509_certificate(certificate).serial_number


def proved(
    method: ClientMethod, certificate: bytes, registered: Sequence[str], now: datetime
) -> None:
    """The authorization server MUST verify that the certificate matches the one registered, or
    that its subject alternative name is the one expected.
    """
    try:
        parsed = x509.load_der_x509_certificate(certificate)
    except ValueError:
        raise InvalidClient from None
    if not parsed.not_valid_before_utc <= now < parsed.not_valid_after_utc:
        raise InvalidClient
    if method is ClientMethod.SELF_SIGNED_TLS:
        shown = {thumbprint(certificate)}
    else:
        shown = set(_names(parsed))
    if not any(hmac.compare_digest(one, known) for one in shown for known in registered):
        raise InvalidClient


def _names(certificate: x509.Certificate) -> list[str]:
    try:
        extension = certificate.extensions.get_extension_for_oid(
            ExtensionOID.SUBJECT_ALTERNATIVE_NAME
        ).value
    except (x509.ExtensionNotFound, ValueError):
        return []
    assert isinstance(extension, x509.SubjectAlternativeName)
    names = extension.get_values_for_type(x509.DNSName)
    names += extension.get_values_for_type(x509.UniformResourceIdentifier)
    return [name for name in names if name.isascii()]
