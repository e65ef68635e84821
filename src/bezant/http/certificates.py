"""A caller's certificate on its way from the connection to whoever asks for it (RFC 9440).

It comes from a listener of ours, where the handshake has shown it once for a whole connection, or
from a trusted proxy, in its own way of writing. Nobody else's word for it counts.
"""

import re
from base64 import b64encode
from collections.abc import Mapping
from typing import Final
from urllib.parse import unquote_to_bytes

HEADER: Final = b"client-cert"
SHOWN: Final = "bezant.certificate"
"""Where the certificate of a connection lies in the ASGI scope of its requests."""
_PEM: Final = re.compile(
    rb"-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----"
)


def written(certificate: bytes) -> bytes:
    """Return how a certificate (DER) is written in a header."""
    return b":%s:" % b64encode(certificate)


def of_proxy(told: bytes) -> bytes:
    """Return what a proxy tells of a certificate as we write it: some, like nginx and Envoy, write
    PEM with every odd letter escaped.
    """
    if told.startswith(b":"):
        return told
    found = _PEM.match(unquote_to_bytes(told))
    return told if found is None else b":%s:" % b"".join(found[1].split())


def with_certificate(
    headers: Mapping[bytes, bytes], shown: bytes | None, *, by_proxy: bool
) -> Mapping[bytes, bytes]:
    """Return the headers with the certificate that counts, if there is one."""
    certificate = of_proxy(headers.get(HEADER, b"")) if by_proxy else shown
    kept = {name: value for name, value in headers.items() if name != HEADER}
    return {**kept, HEADER: certificate} if certificate else kept
