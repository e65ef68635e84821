"""Where Envoy sends requests: to our gateways, to identity, and for issuers' keys."""

import ssl
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from bezant.gateway.envoy.plan import Address, Plan

Node = Mapping[str, object]
GATEWAY, DOORKEEPER = "gateway", "doorkeeper"
IDENTITY, TRUST = "envoy-identity", "envoy-trust"
HEALTH_SECONDS: Final = 2
LATE_SECONDS: Final = 5
"""A gateway that is busy answers late; one that is gone does not answer at all."""
PUBLIC_ROOTS: Final = "/etc/ssl/certs/ca-certificates.crt"
TYPE: Final = "type.googleapis.com/envoy."


def socket(address: Address) -> Node:
    """Return an address as Envoy writes it."""
    return {"socket_address": {"address": address.host, "port_value": address.port}}


def cluster(
    plan: Plan, files: Path, name: str, addresses: Sequence[Address], *, checked: bool
) -> Node:
    """Return a group of addresses of ours."""
    endpoints = [{"endpoint": {"address": socket(one)}} for one in addresses]
    made: dict[str, object] = {
        "name": name,
        "type": "STATIC",
        "connect_timeout": f"{LATE_SECONDS}s",
        "lb_policy": "LEAST_REQUEST",
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": endpoints}],
        },
        "circuit_breakers": {
            "thresholds": [{"max_connections": 4_096, "max_pending_requests": 4_096,
                            "max_requests": 8_192}]
        },
    }  # fmt: skip
    if checked:
        made["health_checks"] = [
            {
                "timeout": f"{LATE_SECONDS}s",
                "interval": f"{HEALTH_SECONDS}s",
                "no_traffic_interval": f"{HEALTH_SECONDS}s",
                "unhealthy_threshold": 2,
                "healthy_threshold": 1,
                "http_health_check": {"path": "/ready", "host": GATEWAY},
            }
        ]
        # Nobody is asked who is not well, even if that is everybody.
        made["common_lb_config"] = {"healthy_panic_threshold": {"value": 0}}
    if plan.papers is not None:
        made["transport_socket"] = _papers(files)
    return made


def secrets(plan: Plan) -> Mapping[str, Node]:
    """Return what our own certificate and trust are, by name: Envoy reads the files again when
    they are replaced.
    """
    if plan.papers is None:
        return {}
    folder = plan.papers.folder
    identity = {"filename": str(folder / "identity.pem")}
    watched = {"path": str(folder)}
    names = [{"san_type": "DNS", "matcher": {"exact": name}} for name in plan.papers.gateway_names]
    return {
        IDENTITY: {
            "tls_certificate": {
                "certificate_chain": identity,
                "private_key": identity,
                "watched_directory": watched,
            }
        },
        TRUST: {
            "validation_context": {
                "trusted_ca": {"filename": str(folder / "trust.pem")},
                "watched_directory": watched,
                "match_typed_subject_alt_names": names,
            }
        },
    }


def secret_file(name: str, secret: Node) -> Node:
    """Return the file in which Envoy finds a secret."""
    kind = TYPE + "extensions.transport_sockets.tls.v3.Secret"
    return {"resources": [{"@type": kind, "name": name, **secret}]}


def _papers(files: Path) -> Node:
    """Both show a certificate of this installation; Envoy knows the gateway by its name."""

    def kept(name: str) -> Node:
        source = {"path": str(files / f"{name}.json")}
        return {
            "name": name,
            "sds_config": {"path_config_source": source, "resource_api_version": "V3"},
        }

    newest = "TLSv1_3"
    return {
        "name": "envoy.transport_sockets.tls",
        "typed_config": {
            "@type": TYPE + "extensions.transport_sockets.tls.v3.UpstreamTlsContext",
            "common_tls_context": {
                "tls_params": {
                    "tls_minimum_protocol_version": newest,
                    "tls_maximum_protocol_version": newest,
                },
                "tls_certificate_sds_secret_configs": [kept(IDENTITY)],
                "validation_context_sds_secret_config": kept(TRUST),
            },
        },
    }


def outside(origin: str, address: Address) -> Node:
    """Return where an issuer's keys are read."""
    made: dict[str, object] = {
        "name": origin,
        "type": "STRICT_DNS",
        "connect_timeout": f"{LATE_SECONDS}s",
        "load_assignment": {
            "cluster_name": origin,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": socket(address)}}]}],
        },
    }
    name = {"san_type": "DNS", "matcher": {"exact": address.host}}
    roots = ssl.get_default_verify_paths().cafile or PUBLIC_ROOTS
    public_roots = {"trusted_ca": {"filename": roots}, "match_typed_subject_alt_names": [name]}
    if origin.startswith("https://"):
        made["transport_socket"] = {
            "name": "envoy.transport_sockets.tls",
            "typed_config": {
                "@type": TYPE + "extensions.transport_sockets.tls.v3.UpstreamTlsContext",
                "sni": address.host,
                "common_tls_context": {"validation_context": public_roots},
            },
        }
    return made
