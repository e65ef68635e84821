"""The asked edge behind an Envoy: what listens for it, and the plan it works by.

Both sides show a certificate of an authority of this run, as in the platform.
"""

import ssl
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from bezant.clock import RealClock
from bezant.gateway.app import Ground
from bezant.gateway.envoy.plan import Address, JwtIssuer, Papers, Plan, guarded_routes
from bezant.http.edge import Edge
from bezant.http.limits import Rule
from bezant.http.serve import Listening
from bezant.identity.provider import scopes
from bezant.rpc.authority import Authority
from bezant.rpc.papers import server_name
from bezant.telemetry.metrics import Meters

HOST: Final = "127.0.0.1"
GATE, DOOR = 1, 2
"""Above the port that answers without Envoy."""
GATEWAY, ENVOY = "gateway", "envoy"
NEVER_EMPTY: Final = Rule(1_000_000_000, 60)


def is_there() -> bool:
    """Tell whether Envoy is installed."""
    return find_spec("envoy") is not None


def papers(folder: Path, module: str) -> Path:
    """Return a module's certificate, made on first use."""
    return Authority(folder / "pki", "bench", RealClock()).issue(module)


def quiet(ground: Ground) -> Ground:
    """Return the ground of what answers Envoy's questions: nobody counts those twice."""
    return replace(ground, meters=Meters(), watcher=None)


def listenings(port: int, edge: Edge, doorkeeper: Edge, folder: Path) -> list[Listening]:
    """Return what listens for Envoy alone."""
    own = papers(folder, GATEWAY)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.verify_mode = ssl.CERT_REQUIRED
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.load_cert_chain(own / "identity.pem")
    context.load_verify_locations(own / "trust.pem")
    return [
        Listening(HOST, port + GATE, edge, context),
        Listening(HOST, port + DOOR, doorkeeper, context),
    ]


def plan(listener: int, port: int, edge: Edge, issuer: str, folder: Path) -> Plan:
    """Return the plan of an Envoy in front of what listens above a port."""
    return Plan(
        listener=Address(HOST, listener),
        gateways=(Address(HOST, port + GATE),),
        doorkeeper=Address(HOST, port + DOOR),
        papers=Papers(papers(folder, ENVOY), (server_name(GATEWAY),)),
        routes=guarded_routes(edge, _scopes_for),
        issuers=(JwtIssuer("bench", issuer, "/oauth/jwks"),),
        limit=NEVER_EMPTY,
    )


def _scopes_for(permission: str) -> tuple[str, ...]:
    return tuple(
        one for one in (permission, scopes.EVERYTHING) if permission in scopes.permissions((one,))
    )
