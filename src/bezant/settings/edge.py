"""What callers from outside meet: limits, lists of addresses, and encryption."""

# ruff: noqa: RUF009 - `named` declares a field, as `dataclasses.field` does.

from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Final

from bezant.settings.texts import items, named, networks, path, perhaps, whole, yes

PORT_MAX: Final = 65_535


@dataclass(frozen=True, slots=True)
class Edge:
    """What callers from outside meet."""

    cors_origins: tuple[str, ...] = named(
        "CORS_ORIGINS", "Origins whose pages may call, by comma.", items, ()
    )
    rate_limit: int | None = named(
        "RATE_LIMIT",
        "Requests an address may send in a window (merchant: 100).",
        perhaps(whole(1, 1_000_000_000)),
        None,
        aliases=("RATIONALE_LIMIT",),
    )
    rate_window_milliseconds: int = named(
        "RATE_LIMIT_WINDOW",
        "Length of that window in milliseconds.",
        whole(1_000, 86_400_000),
        900_000,
        aliases=("RATIONALE_WINDOW",),
    )
    login_limit: int = named(
        "LOGIN_LIMIT",
        "Requests an address may send in a minute to where passwords and codes are tried; "
        "a tenth while REDIS_URL is set and Redis is away.",
        whole(10, 1_000_000_000),
        600,
    )
    gateways: int = named(
        "GATEWAYS",
        "How many gateways answer callers at once; without REDIS_URL each has its part of "
        "LOGIN_LIMIT.",
        whole(1, 1_000),
        1,
    )
    allowed: tuple[IPv4Network | IPv6Network, ...] = named(
        "IP_ALLOW", "Addresses that may call, and no others; all if not set.", networks, ()
    )
    denied: tuple[IPv4Network | IPv6Network, ...] = named(
        "IP_DENY", "Addresses that may not call.", networks, ()
    )
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = named(
        "TRUSTED_PROXIES", "Addresses whose X-Forwarded-For is believed.", networks, ()
    )
    in_flight_max: int = named(
        "IN_FLIGHT_MAX",
        "More requests than this at once are told to come again in a moment.",
        whole(1, 65_536),
        4_096,
    )
    tls_certificate: Path | None = named(
        "TLS_CERTIFICATE",
        "Certificate chain (PEM). With it TLS_PORT is served, and PORT sends others there.",
        path,
        None,
    )
    tls_key: Path | None = named("TLS_KEY", "Private key of that certificate (PEM).", path, None)
    tls_port: int = named("TLS_PORT", "Port for HTTPS.", whole(1, PORT_MAX), 8443)
    tls_client_certificates: bool = named(
        "TLS_CLIENT_CERTIFICATES",
        "Whether callers at TLS_PORT are asked for a partner's certificate; browsers then ask "
        "people who have any certificate which one to show.",
        yes,
        False,
    )
    tls_handshakes: int = named(
        "TLS_HANDSHAKES",
        "Handshakes at TLS_PORT that one address may have in hand, but for TRUSTED_PROXIES.",
        whole(1, 65_536),
        100,
    )
    https_port: int | None = named(
        "HTTPS_PORT",
        "Port for HTTPS as callers see it, where a proxy or port forwarding stands in front.",
        perhaps(whole(1, PORT_MAX)),
        None,
    )
