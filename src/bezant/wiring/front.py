"""Where our gateway listens when something stands in front of it."""

from dataclasses import replace
from ipaddress import IPv4Network, ip_network
from typing import Final

from bezant.settings import Settings

ENVOY: Final = "envoy"
GATE_DISTANCE, DOOR_DISTANCE = 7, 8
"""Above the main port, which is Envoy's then."""
HERE: Final = "127.0.0.1"
LOOPBACK: Final = (IPv4Network("127.0.0.0/8"), ip_network("::1/128"))


def stands_in_front(settings: Settings) -> bool:
    """Tell whether an Envoy has our main port."""
    return settings.envoy.edge == ENVOY


def gate_address(settings: Settings) -> tuple[str, int]:
    """Return where our gateway listens for Envoy."""
    return settings.envoy.gate or (HERE, settings.platform.port + GATE_DISTANCE)


def door_address(settings: Settings) -> tuple[str, int]:
    """Return where Envoy asks about credentials."""
    return HERE, settings.platform.port + DOOR_DISTANCE


def front_addresses(settings: Settings) -> list[tuple[str, int]]:
    """Return where callers meet our Envoy: it opens these itself, and must be alone there."""
    if not stands_in_front(settings):
        return []
    platform, edge = settings.platform, settings.edge
    secure = [(platform.host, edge.tls_port)] if edge.tls_certificate else []
    return [(platform.host, platform.port), *secure]


def further_gateway(settings: Settings, main_port: int | None) -> Settings:
    """Return the settings of a gateway process beside a platform that an Envoy stands in front of.

    Its own port is where Envoy finds it; callers meet it, like all others, at the main port.
    """
    if not stands_in_front(settings):
        return settings
    platform = settings.platform
    return replace(
        settings,
        envoy=replace(settings.envoy, gate=(platform.host, platform.port)),
        platform=replace(platform, port=main_port or platform.port),
    )
