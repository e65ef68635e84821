"""Envoy in front of this process: what it is told of us, and how the two know each other."""

import ssl
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from time import monotonic
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from bezant import telemetry
from bezant.errors import BezantError
from bezant.gateway.app import Ground
from bezant.gateway.envoy.doorkeeper import Doorkeeper
from bezant.gateway.envoy.plan import (
    Address,
    Encrypted,
    JwtIssuer,
    Papers,
    Plan,
    guarded_routes,
)
from bezant.gateway.envoy.program import program, running
from bezant.gateway.profile import Listener, load_profile
from bezant.http.edge import Edge
from bezant.http.limits import MemoryLimits
from bezant.http.routes import Routes
from bezant.http.serve import Listening
from bezant.http.tls import OneOfOurs
from bezant.identity.openid import ROOT_REALM
from bezant.identity.outside.calling import Calls
from bezant.identity.outside.discovery import Known
from bezant.identity.port import Identity
from bezant.identity.provider import scopes
from bezant.identity.provider.issuer import Endpoint
from bezant.rpc.papers import FolderIssuer, holder_of, server_name
from bezant.settings import Settings
from bezant.telemetry.metrics import Meters
from bezant.wiring.edges import edge_of
from bezant.wiring.front import LOOPBACK, door_address, gate_address, stands_in_front
from bezant.wiring.gate import follow_authority, rules_of
from bezant.wiring.issuer import issuer_of
from bezant.wiring.outside import trusted_of
from bezant.wiring.workbench import Workbench

GATEWAY, ENVOY = "gateway", "envoy"
CALLERS = "callers"
"""Where it lies who vouches for callers' certificates."""
_log = telemetry.log("gateway")

__all__ = ["Plan", "behind_envoy", "running", "stands_in_front"]


async def behind_envoy(
    bench: Workbench,
    main: Listener,
    routes: Sequence[Routes],
    ground: Ground,
    identity: Identity,
) -> tuple[list[Listening], Plan | None]:
    """Return what listens behind Envoy in the place of the main listener, and Envoy's plan.

    A further gateway has no plan: another process keeps the Envoy, and answers its questions.
    """
    settings = bench.settings
    if settings.envoy.gate is None:
        program()  # Said before anything listens, if there is none.
    context = gate_context(bench.papers(GATEWAY), bench.papers_folder(GATEWAY))
    edge = edge_of(bench, main, routes, ground, proxies=LOOPBACK)
    gate = Listening(*gate_address(settings), edge, context)
    if settings.envoy.gate is not None:
        return [gate], None
    # What it is asked about is told and counted when the request itself arrives; were both to take
    # from one bucket, a caller would have half of what is theirs.
    quiet = replace(ground, meters=Meters(), watcher=None, limits=MemoryLimits(monotonic))
    asked = edge_of(bench, main, routes, quiet, proxies=LOOPBACK, door=Doorkeeper)
    door = Listening(*door_address(settings), asked, context)
    return [gate, door], await _plan(bench, edge, identity)


async def _plan(bench: Workbench, edge: Edge, identity: Identity) -> Plan:
    """Return all that Envoy needs to know of us."""
    settings = bench.settings
    issuers, hosts = await _outside(settings, live=bench.site.live, bench=bench)
    issuer = issuer_of(settings)
    own = JwtIssuer(GATEWAY, issuer.audience, Endpoint.KEYS.path(ROOT_REALM))
    platform = settings.platform
    rules = rules_of(settings, load_profile(platform.profile))
    further = [Address(_numeric(host), port) for host, port in settings.envoy.gateways]
    return Plan(
        listener=Address(_numeric(platform.host), platform.port),
        gateways=(Address(*gate_address(settings)), *further),
        doorkeeper=Address(*door_address(settings)),
        papers=Papers(bench.papers_folder(ENVOY), (server_name(GATEWAY),)),
        routes=guarded_routes(edge, scopes_for),
        issuers=(own, *issuers),
        limit=rules.address,
        origins=rules.origins,
        dialect=rules.dialect,
        secure=await _secure(bench, identity),
        hosts=hosts,
    )


def scopes_for(permission: str) -> tuple[str, ...]:
    """Return the scopes of which a token needs one for a permission."""
    return tuple(
        one for one in (permission, scopes.EVERYTHING) if permission in scopes.permissions((one,))
    )


async def _outside(
    settings: Settings, *, live: bool, bench: Workbench
) -> tuple[list[JwtIssuer], dict[str, Address]]:
    """Return whose tokens Envoy reads itself: those that say in scopes what they open."""
    audience = issuer_of(settings).audience
    calls, found, hosts = Calls(), list[JwtIssuer](), dict[str, Address]()
    try:
        for one in trusted_of(settings.outside, live=live, audience=audience):
            if not one.by_scope or one.opaque:
                continue  # Identity is asked about each of its tokens.
            try:
                keys = (await Known(one, calls, bench.real).about()).keys
            except BezantError:
                _log.warn("envoy.issuer_silent", issuer=one.name)
                continue
            parts = urlsplit(keys)
            port = parts.port or (443 if parts.scheme == "https" else 80)
            hosts[f"{parts.scheme}://{parts.netloc}"] = Address(parts.hostname or "", port)
            found.append(JwtIssuer(one.name, one.audience, keys, one.issuer))
    finally:
        await calls.close()
    return found, hosts


def gate_context(known: FolderIssuer, folder: Path) -> OneOfOurs:
    """Return what listens for Envoy alone, which shows a certificate of ours that names it; what
    it tells of a caller is believed, so no other module may come in its place.
    """
    context = OneOfOurs(ssl.PROTOCOL_TLS_SERVER)
    context.is_welcome = partial(is_envoy, known)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.verify_mode = ssl.CERT_REQUIRED
    # Modules believe the issuing certificates by name, not the root.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    taken = known.papers()
    _read(context, folder)

    def renew() -> None:
        nonlocal taken
        if (present := known.papers()) is taken:
            return
        try:
            _read(context, folder)
            taken = present
        except OSError as failure:  # The old ones still count; the next one may do better.
            _log.warn("envoy.papers_not_read", why=type(failure).__name__)

    context.renew = renew
    return context


def is_envoy(known: FolderIssuer, shown: bytes) -> bool:
    """Tell whether a certificate is Envoy's, and one that counts today."""
    certificate, papers = x509.load_der_x509_certificate(shown), known.papers()
    holder = holder_of(certificate)
    if holder is None or holder.serial in papers.revoked:
        return False
    if (holder.installation, holder.module) != (papers.installation, ENVOY):
        return False
    # A context forgets no authority that it was ever told of: one that retired counts no longer.
    believed = x509.load_pem_x509_certificates(papers.trust)
    return any(_was_issued_by(one, certificate) for one in believed)


def _was_issued_by(authority: x509.Certificate, certificate: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _read(context: ssl.SSLContext, folder: Path) -> None:
    context.load_cert_chain(folder / "identity.pem")
    context.load_verify_locations(folder / "trust.pem")


async def _secure(bench: Workbench, identity: Identity) -> Encrypted | None:
    settings = bench.settings
    edge = settings.edge
    if edge.tls_certificate is None or edge.tls_key is None:
        return None
    callers: Path | None = None
    if edge.tls_client_certificates:
        callers = (bench.site.folder / CALLERS / "trust.pem").absolute()
        callers.parent.mkdir(mode=0o700, exist_ok=True)
        await follow_authority(bench, identity, partial(_replace, callers))
    listener = Address(_numeric(settings.platform.host), edge.tls_port)
    return Encrypted(listener, edge.tls_certificate.absolute(), edge.tls_key.absolute(), callers)


def _replace(file: Path, text: str) -> None:
    """Put a file in the place of another one: Envoy looks when one is moved there."""
    new = file.with_suffix(".new")
    new.write_text(text)
    new.replace(file)


def _numeric(host: str) -> str:
    return "127.0.0.1" if host == "localhost" else host
