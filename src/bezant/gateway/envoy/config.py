"""Envoy's configuration, written from a plan. Pure.

A request goes through: the limit of its address; the signature of its token, if it has one that is
read here; identity, about every other credential; the scopes of its route; and to a gateway that is
well, which looks at everything again. Envoy only ever refuses more, never less.
"""

import re
from collections.abc import Sequence
from math import ceil
from pathlib import Path
from typing import Final

from bezant.gateway.envoy.clusters import (
    CALLERS,
    DOORKEEPER,
    GATEWAY,
    SHOWN,
    TYPE,
    Node,
    cluster,
    kept,
    outside,
    socket,
)
from bezant.gateway.envoy.plan import Address, Guarded, JwtIssuer, Plan
from bezant.gateway.envoy.replies import CERTIFICATE, MANNERS_FILTER, NAMED, manners, replies
from bezant.http.limits import Rule

JWT_FILTER: Final = "envoy.filters.http.jwt_authn"
ASK_FILTER: Final = "envoy.filters.http.ext_authz"
SCOPE_FILTER: Final = "envoy.filters.http.rbac"
LIMIT_FILTER: Final = "envoy.filters.http.local_ratelimit"
PAYLOAD: Final = "payload"
REQUEST_SECONDS: Final = 60
ASK_SECONDS: Final = 5
HANDSHAKE_SECONDS: Final = 10
"""As long as with our own listener; by itself Envoy has no end for one that stays half done."""
ADDRESSES_MAX: Final = 10_000  # Whose limits are remembered; the one seen longest ago is forgotten.
TOKENS_REMEMBERED: Final = 10_000
FILL_SECONDS_MIN: Final = 0.05  # Envoy fills no bucket more often.
HEADER_KIB_MAX: Final = 32
HEADERS_MAX: Final = 100
STREAMS_MAX: Final = 100  # Requests that one connection may have open.
STREAM_BYTES_MAX: Final = 65_536  # Of a body that nobody has taken yet.
CONNECTION_BYTES_MAX: Final = 1_048_576
TRIES_AGAIN_MAX: Final = 3
_UNTOUCHED: Final = "connect-failure,refused-stream,reset-before-request"
"""A gateway that has not seen the request yet: another one may be asked, whatever it says."""
CONNECTIONS_MAX: Final = 16_384
_BY_ADDRESS: Final[Node] = {
    # An IPv6 customer owns a whole /64.
    "masked_remote_address": {"v4_prefix_mask_len": 32, "v6_prefix_mask_len": 64}
}
_NOBODY: Final[Node] = {"address_prefix": "255.255.255.255", "prefix_len": 32}
"""Without any range, Envoy takes whole private networks for its own."""
_ASKED_WITH: Final = (
    "authorization", CERTIFICATE, "cookie", "dpop", "origin", "sec-fetch-site", "signature-input",
    "x-api-key", "x-forwarded-for", "x-forwarded-proto", "x-request-id",
)  # fmt: skip
_TOLD_BACK: Final = (
    "cache-control", "content-security-policy", "content-type", "dpop-nonce", "referrer-policy",
    "request-id", "retry-after", "strict-transport-security", "vary", "www-authenticate",
    "x-content-type-options", "x-frame-options",
)  # fmt: skip
_TOLD_BACK_BEGINS: Final = ("access-control-", "ratelimit-")
"""All that a refusal of our own edge says, so that it can be read from wherever it was asked."""
_LOGGED: Final = {
    "time": "%START_TIME%",
    "method": "%REQ(:METHOD)%",
    "path": "%ROUTE_NAME%",
    "status": "%RESPONSE_CODE%",
    "why": "%RESPONSE_CODE_DETAILS%",
    "milliseconds": "%DURATION%",
    "address": "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%",
    "request_id": NAMED,
    "gateway": "%UPSTREAM_HOST%",
    "tries": "%UPSTREAM_REQUEST_ATTEMPT_COUNT%",
    "bytes": "%BYTES_SENT%",
}
"""No query, no header, no path as it was written: nothing of a credential gets into a log."""


def bootstrap(plan: Plan, files: Path) -> Node:
    """Return the whole configuration; its secrets lie in files beside it."""
    return {
        "static_resources": {
            "listeners": _listeners(plan, files),
            "clusters": [
                cluster(plan, files, GATEWAY, plan.gateways, checked=True),
                cluster(plan, files, DOORKEEPER, (plan.doorkeeper,), checked=False),
                *(outside(origin, address) for origin, address in plan.hosts.items()),
            ],
        },
        "overload_manager": _bounds(),
        # There is no admin listener: it could be asked to end the process.
    }


def _bounds() -> Node:
    """Who opens connections for fun is not let in beyond a number that this process can hold."""
    kind = TYPE + "extensions.resource_monitors.downstream_connections.v3"
    bound = {
        "@type": kind + ".DownstreamConnectionsConfig",
        "max_active_downstream_connections": CONNECTIONS_MAX,
    }
    monitor = {"name": "envoy.resource_monitors.global_downstream_max_connections"}
    return {"resource_monitors": [{**monitor, "typed_config": bound}]}


def _listeners(plan: Plan, files: Path) -> list[Node]:
    found = [_listener("edge", plan.listener, _manager(plan, secure=False), None)]
    if plan.secure is not None:
        context: dict[str, object] = {
            "tls_params": {"tls_minimum_protocol_version": "TLSv1_2"},
            "tls_certificate_sds_secret_configs": [kept(files, SHOWN)],
            "alpn_protocols": ["h2", "http/1.1"],
        }
        if plan.secure.callers is not None:
            context["validation_context_sds_secret_config"] = kept(files, CALLERS)
        shown: Node = {
            "name": "envoy.transport_sockets.tls",
            "typed_config": {
                "@type": TYPE + "extensions.transport_sockets.tls.v3.DownstreamTlsContext",
                "common_tls_context": context,
                # Who has none may come as well; somebody else's ends the handshake.
                "require_client_certificate": False,
            },
        }
        manager = _manager(plan, secure=True)
        found.append(_listener("secure", plan.secure.listener, manager, shown))
    return found


def _manager(plan: Plan, *, secure: bool) -> Node:
    return {
        "@type": TYPE + "extensions.filters.network.http_connection_manager.v3"
        ".HttpConnectionManager",
        "stat_prefix": "edge",
        "codec_type": "AUTO",
        "use_remote_address": True,
        # Nobody is one of us by their address, so nobody tells Envoy how often or how long to try.
        "internal_address_config": {"cidr_ranges": [_NOBODY]},
        "normalize_path": True,
        "merge_slashes": False,
        "path_with_escaped_slashes_action": "REJECT_REQUEST",
        "server_header_transformation": "PASS_THROUGH",
        "request_timeout": f"{REQUEST_SECONDS}s",
        "request_headers_timeout": "10s",
        "max_request_headers_kb": HEADER_KIB_MAX,
        "common_http_protocol_options": {
            "max_headers_count": HEADERS_MAX,
            "headers_with_underscores_action": "REJECT_REQUEST",
            "idle_timeout": "65s",
        },
        "http2_protocol_options": {
            "max_concurrent_streams": STREAMS_MAX,
            "initial_stream_window_size": STREAM_BYTES_MAX,
            "initial_connection_window_size": CONNECTION_BYTES_MAX,
        },
        "access_log": [_access_log()],
        "local_reply_config": replies(plan, secure=secure),
        "route_config": _routes(plan),
        "http_filters": _filters(plan, secure=secure),
    }


def _listener(name: str, address: Address, manager: Node, encryption: Node | None) -> Node:
    filters = [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]
    chain: dict[str, object] = {"filters": filters}
    if encryption is not None:
        chain["transport_socket"] = encryption
        chain["transport_socket_connect_timeout"] = f"{HANDSHAKE_SECONDS}s"
    return {
        "name": name,
        "address": socket(address),
        "per_connection_buffer_limit_bytes": 65_536,
        "filter_chains": [chain],
    }


def _filters(plan: Plan, *, secure: bool) -> list[Node]:
    filters: list[Node] = [{"name": MANNERS_FILTER, "typed_config": manners(plan, secure=secure)}]
    if plan.limit is not None:
        filters.append({"name": LIMIT_FILTER, "typed_config": _limit(plan.limit)})
    router = {"@type": _http("router.v3.Router"), "suppress_envoy_headers": True}
    filters += [
        {"name": JWT_FILTER, "typed_config": _tokens(plan.issuers)},
        {"name": ASK_FILTER, "typed_config": _asking(plan)},
        {"name": SCOPE_FILTER, "typed_config": {"@type": _http("rbac.v3.RBAC")}},
        {"name": "envoy.filters.http.router", "typed_config": router},
    ]
    return filters


def _tokens(issuers: Sequence[JwtIssuer]) -> Node:
    """A token that is not read here is no refusal: identity is asked about it."""
    requirements: list[Node] = [{"provider_name": one.name} for one in issuers]
    requirements.append({"allow_missing_or_failed": {}})
    return {
        "@type": _http("jwt_authn.v3.JwtAuthentication"),
        "providers": {one.name: _provider(one) for one in issuers},
        "rules": [
            {"match": {"prefix": "/"}, "requires": {"requires_any": {"requirements": requirements}}}
        ],
    }


def _provider(one: JwtIssuer) -> Node:
    own = one.keys.startswith("/")
    keys: dict[str, object] = {
        "http_uri": {
            "uri": f"https://{GATEWAY}{one.keys}" if own else one.keys,
            "cluster": GATEWAY if own else _origin(one.keys),
            "timeout": f"{ASK_SECONDS}s",
        },
        "cache_duration": "60s",
        "async_fetch": {"fast_listener": True},
    }
    provider: dict[str, object] = {
        "audiences": [one.audience],
        "remote_jwks": keys,
        "from_headers": [{"name": "Authorization", "value_prefix": "Bearer "}],
        "forward": True,  # Our process verifies it again.
        "payload_in_metadata": PAYLOAD,
        "require_expiration": True,
        "jwt_cache_config": {"jwt_cache_size": TOKENS_REMEMBERED},
    }
    if one.issuer:
        provider["issuer"] = one.issuer
    return provider


def _asking(plan: Plan) -> Node:
    scheme = "http" if plan.papers is None else "https"
    told = [{"exact": name} for name in _TOLD_BACK]
    told += [{"prefix": start} for start in _TOLD_BACK_BEGINS]
    return {
        "@type": _http("ext_authz.v3.ExtAuthz"),
        "transport_api_version": "V3",
        "failure_mode_allow": False,
        "status_on_error": {"code": "ServiceUnavailable"},
        "allowed_headers": {"patterns": [{"exact": name} for name in _ASKED_WITH]},
        "filter_enabled_metadata": {
            "filter": JWT_FILTER,
            "path": [{"key": PAYLOAD}],
            "value": {"present_match": True},
            "invert": True,
        },
        "http_service": {
            "server_uri": {
                "uri": f"{scheme}://{DOORKEEPER}",
                "cluster": DOORKEEPER,
                "timeout": f"{ASK_SECONDS}s",
            },
            "authorization_response": {"allowed_client_headers": {"patterns": told}},
        },
    }


def _limit(rule: Rule) -> Node:
    requests = max(1, int(rule.requests))
    # Filled a little at a time, as our own are: whoever spent all need not wait for the whole.
    at_once = max(1, ceil(requests * FILL_SECONDS_MIN / rule.window_seconds))
    bucket = {
        "max_tokens": requests,
        "tokens_per_fill": at_once,
        "fill_interval": f"{rule.window_seconds * at_once / requests:.6f}s",
    }
    always: Node = {"default_value": {"numerator": 100, "denominator": "HUNDRED"}}
    return {
        "@type": _http("local_ratelimit.v3.LocalRateLimit"),
        "stat_prefix": "edge",
        # Nobody is held back by all others together; each address has a bucket of its own.
        "token_bucket": {"max_tokens": 2**32 - 1, "fill_interval": "1s"},
        "filter_enabled": always,
        "filter_enforced": always,
        "rate_limits": [{"actions": [_BY_ADDRESS]}],
        "descriptors": [{"entries": [{"key": "masked_remote_address"}], "token_bucket": bucket}],
        "max_dynamic_descriptors": ADDRESSES_MAX,
        "enable_x_ratelimit_headers": "DRAFT_VERSION_03",
    }


def _routes(plan: Plan) -> Node:
    routes = [_route(one) for one in plan.routes]
    # What is not ours, and what a browser asks in advance: our process answers that.
    routes.append(_entry("other", {"prefix": "/"}, None))
    return {
        "name": "edge",
        "virtual_hosts": [
            {"name": "edge", "domains": ["*"], "routes": routes, "retry_policy": _again()}
        ],
        # Only a proxy says these, and in front of this one there is none.
        "request_headers_to_remove": ["x-real-ip", "forwarded", "via"],
    }


def _route(one: Guarded) -> Node:
    methods = "GET|HEAD" if one.method == "GET" else one.method
    match: dict[str, object] = {
        "headers": [{"name": ":method", "string_match": {"safe_regex": {"regex": methods}}}]
    }
    if "{" in one.path:
        parts = one.path.split("/")
        pattern = "/".join("[^/]+" if p.startswith("{") else re.escape(p) for p in parts)
        match["safe_regex"] = {"regex": pattern}
    else:
        match["path"] = one.path
    return _entry(one.path, match, None if one.public else one.scopes)


def _again() -> Node:
    """What a gateway that died never saw goes to another, before anybody noticed that it died."""
    others = TYPE + "extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"
    return {
        "retry_on": _UNTOUCHED,
        "num_retries": TRIES_AGAIN_MAX,
        "host_selection_retry_max_attempts": TRIES_AGAIN_MAX,
        "retry_host_predicate": [
            {
                "name": "envoy.retry_host_predicates.previous_hosts",
                "typed_config": {"@type": others},
            }
        ],
    }


def _entry(name: str, match: Node, scopes: Sequence[str] | None) -> Node:
    if scopes is None:
        filters: dict[str, Node] = {
            ASK_FILTER: {"@type": _http("ext_authz.v3.ExtAuthzPerRoute"), "disabled": True}
        }
    else:
        filters = {SCOPE_FILTER: _needs(scopes)}
    return {
        "name": name,
        "match": match,
        "route": {"cluster": GATEWAY, "timeout": f"{REQUEST_SECONDS}s"},
        "typed_per_filter_config": filters,
    }


def _needs(scopes: Sequence[str]) -> Node:
    """A token that was read here has one of the scopes; about another credential identity spoke."""
    unread = {"not_id": _said([PAYLOAD], {"present_match": True})}
    told: list[Node] = [unread]
    if scopes:
        named = "|".join(map(re.escape, scopes))
        pattern = f"(?:.* )?(?:{named})(?: .*)?"
        regex = {"string_match": {"safe_regex": {"regex": pattern}}}
        told.append(_said([PAYLOAD, "scope"], regex))
    policy = {"permissions": [{"any": True}], "principals": [{"or_ids": {"ids": told}}]}
    return {
        "@type": _http("rbac.v3.RBACPerRoute"),
        "rbac": {"rules": {"action": "ALLOW", "policies": {"scopes": policy}}},
    }


def _said(path: Sequence[str], value: Node) -> Node:
    keys = [{"key": one} for one in path]
    return {"sourced_metadata": {
        "metadata_matcher": {"filter": JWT_FILTER, "path": keys, "value": value}
    }}  # fmt: skip


def _access_log() -> Node:
    return {
        "name": "envoy.access_loggers.stdout",
        "typed_config": {
            "@type": TYPE + "extensions.access_loggers.stream.v3.StdoutAccessLog",
            "log_format": {"json_format": _LOGGED},
        },
    }


def _origin(address: str) -> str:
    return "/".join(address.split("/")[:3])


def _http(name: str) -> str:
    return f"{TYPE}extensions.filters.http.{name}"
