"""Where our gateway listens when something stands in front of it."""

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
    return HERE, settings.platform.port + GATE_DISTANCE


def door_address(settings: Settings) -> tuple[str, int]:
    """Return where Envoy asks about credentials."""
    return HERE, settings.platform.port + DOOR_DISTANCE
