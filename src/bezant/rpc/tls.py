"""Mutual TLS 1.3: both ends show a certificate of this installation; every call is checked.

gRPC checks the chain and the dates in the handshake. What it does not check is checked here, once a
call: the TLS version, the name in the certificate, the deny list, and the dates again, for a
connection may outlive them.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final, cast

import grpc
from cryptography import x509

from bezant.clock import Clock
from bezant.errors import Unauthenticated
from bezant.rpc.papers import Holder, Issuer, Papers, holder_of

TLS_VERSION: Final = b"TLSv1.3"
HOLDERS_MAX = 1_000  # Certificates remembered as already read; a peer has one a month.

Auth = Mapping[str, Iterable[bytes]]


class PeerRefused(Unauthenticated):
    """The caller's certificate is not one we believe."""

    code = "peer_refused"


def server_credentials(issuer: Issuer) -> grpc.ServerCredentials:
    """Return credentials that show the newest papers in each handshake, and demand the caller's."""
    shown = issuer.papers()

    def newest() -> grpc.ServerCertificateConfiguration | None:
        nonlocal shown
        papers = issuer.papers()
        if papers is shown:
            return None
        shown = papers
        return _configuration(papers)

    return grpc.dynamic_ssl_server_credentials(
        _configuration(shown), cast("Any", newest), require_client_authentication=True
    )


def channel_credentials(papers: Papers) -> grpc.ChannelCredentials:
    """Return credentials for one channel; new papers need a new channel."""
    return grpc.ssl_channel_credentials(papers.trust, papers.key, papers.chain)


class Gate:
    """Tells which module is calling."""

    def __init__(self, issuer: Issuer, clock: Clock) -> None:
        self._issuer = issuer
        self._clock = clock
        self._holders: dict[bytes, Holder | None] = {}

    def caller(self, auth: Auth) -> str:
        """Return the module that the caller's certificate names, or refuse it."""
        if _one(auth, "ssl_tls_version") != TLS_VERSION:
            raise PeerRefused("only TLS 1.3 is spoken between modules")
        holder = self._holder(_one(auth, "x509_pem_cert"))
        papers = self._issuer.papers()
        if holder is None or holder.installation != papers.installation:
            raise PeerRefused("the certificate names no module of this installation")
        if holder.serial in papers.revoked:
            raise PeerRefused("the certificate was revoked")
        if not holder.valid_from <= self._clock.now() <= holder.valid_until:
            raise PeerRefused("the certificate is not valid now")
        return holder.module

    def _holder(self, pem: bytes) -> Holder | None:
        if pem not in self._holders:
            if len(self._holders) >= HOLDERS_MAX:
                self._holders.clear()
            self._holders[pem] = holder_of(x509.load_pem_x509_certificate(pem)) if pem else None
        return self._holders[pem]


def _configuration(papers: Papers) -> grpc.ServerCertificateConfiguration:
    return grpc.ssl_server_certificate_configuration(
        cast("Any", ((papers.key, papers.chain),)), root_certificates=papers.trust
    )


def _one(auth: Auth, name: str) -> bytes:
    return next(iter(auth.get(name, ())), b"")
