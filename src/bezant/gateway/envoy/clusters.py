"""Where Envoy sends requests: to our gateways, to identity, and for issuers' keys."""

import ssl
from collections.abc import Mapping, Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from bezant.gateway.envoy.plan import Address, Plan

Node = Mapping[str, object]
GATEWAY, DOORKEEPER = "gateway", "doorkeeper"
IDENTITY, TRUST = "envoy-identity", "envoy-trust"
SHOWN, CALLERS = "envoy-shown", "envoy-callers"
"""The certificate that callers see, and whose they may show."""
TURNED = "turned"
"""A folder beside the configuration; a file that is moved there says that certificates changed."""
HEALTH_SECONDS: Final = 2
CONNECT_SECONDS: Final = 5
LATE_SECONDS: Final = 10
"""A gateway that is busy answers late; one that is gone does not answer at all."""
IDLE_SECONDS: Final = 30
"""A gateway ends what nobody uses after a minute. Were it first, a request could meet that end on
its way: it would be lost, and not asked again, because nobody knows what was seen of it.
"""
DNS_FAMILY: Final = "V4_PREFERRED"  # By itself Envoy takes the newer only, where nobody routes it.
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
        "type": "STATIC" if all(_is_number(one.host) for one in addresses) else "STRICT_DNS",
        "dns_lookup_family": DNS_FAMILY,
        "connect_timeout": f"{CONNECT_SECONDS}s",
        "lb_policy": "LEAST_REQUEST",
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": endpoints}],
        },
        "circuit_breakers": {
            "thresholds": [{"max_connections": 4_096, "max_pending_requests": 4_096,
                            "max_requests": 8_192, "max_retries": 4_096}]
        },
        "typed_extension_protocol_options": _spoken(),
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


def _spoken() -> Node:
    """HTTP/1.1, and an end of what is idle before the other side has one."""
    name = "extensions.upstreams.http.v3.HttpProtocolOptions"
    options: Node = {
        "@type": TYPE + name,
        "common_http_protocol_options": {"idle_timeout": f"{IDLE_SECONDS}s"},
        "explicit_http_config": {"http_protocol_options": {}},
    }
    return {f"envoy.{name}": options}


def _is_number(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def secrets(plan: Plan, files: Path) -> Mapping[str, Node]:
    """Return what certificates and whose trust there is, by name: Envoy reads the files again when
    something was moved into the folder it watches.
    """
    found: dict[str, Node] = {}
    if plan.papers is not None:
        folder = plan.papers.folder
        own = folder / "identity.pem"
        found[IDENTITY] = _shown(own, own, folder)
        names = [
            {"san_type": "DNS", "matcher": {"exact": name}} for name in plan.papers.gateway_names
        ]
        found[TRUST] = {
            "validation_context": {
                "trusted_ca": {"filename": str(folder / "trust.pem")},
                "watched_directory": {"path": str(folder)},
                "match_typed_subject_alt_names": names,
            }
        }
    if plan.secure is not None:
        found[SHOWN] = _shown(plan.secure.certificate, plan.secure.key, files / TURNED)
        if (callers := plan.secure.callers) is not None:
            found[CALLERS] = {
                "validation_context": {
                    "trusted_ca": {"filename": str(callers)},
                    "watched_directory": {"path": str(callers.parent)},
                }
            }
    return found


def _shown(certificate: Path, key: Path, watched: Path) -> Node:
    return {
        "tls_certificate": {
            "certificate_chain": {"filename": str(certificate)},
            "private_key": {"filename": str(key)},
            "watched_directory": {"path": str(watched)},
        }
    }


def secret_file(name: str, secret: Node) -> Node:
    """Return the file in which Envoy finds a secret."""
    kind = TYPE + "extensions.transport_sockets.tls.v3.Secret"
    return {"resources": [{"@type": kind, "name": name, **secret}]}


def kept(files: Path, name: str) -> Node:
    """Return where Envoy finds a secret."""
    source = {"path": str(files / f"{name}.json")}
    return {
        "name": name,
        "sds_config": {"path_config_source": source, "resource_api_version": "V3"},
    }


def _papers(files: Path) -> Node:
    """Both show a certificate of this installation; Envoy knows the gateway by its name."""
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
                "tls_certificate_sds_secret_configs": [kept(files, IDENTITY)],
                "validation_context_sds_secret_config": kept(files, TRUST),
            },
        },
    }


def outside(origin: str, address: Address) -> Node:
    """Return where an issuer's keys are read."""
    made: dict[str, object] = {
        "name": origin,
        "type": "STRICT_DNS",
        "dns_lookup_family": DNS_FAMILY,
        "connect_timeout": f"{CONNECT_SECONDS}s",
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
