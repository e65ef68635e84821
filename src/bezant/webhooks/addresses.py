"""Where we send and where never: the form of a URL, and which addresses are public. Pure.

Whoever may name a URL that we call must not reach through us what they cannot reach themselves: our
own machine, our network, the cloud's metadata service. The form is checked when an endpoint is made
and again before each attempt; addresses are checked when they are dialled, and those very addresses
are dialled (see `dialling.py`).
"""

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

from bezant.webhooks.endpoint import URL_CHARACTERS_MAX, ForbiddenAddress

# What a URL may be made of. No user, no fragment, no backslash, nothing outside ASCII: what two
# parsers read differently is not taken at all.
_URL: Final = re.compile(
    r"(?P<scheme>https?)://"
    r"(?P<host>[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])"
    r"(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<rest>(?:/[A-Za-z0-9._~!$&'()*+,;=:@%/-]*)?(?:\?[A-Za-z0-9._~!$&'()*+,;=:@%/?-]*)?)\Z"
)
_LABEL: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\Z")
_NUMBER: Final = re.compile(r"(?:[0-9]+|0x[0-9a-f]*)\Z")
HOST_CHARACTERS_MAX: Final = 253
LOCALHOST: Final = "localhost"

PORTS: Final = {"https": 443, "http": 80}
PORT_FREE_FROM: Final = 1_024
# Databases, queues, caches and administration: none of them receives webhooks, all of them have
# been attacked by somebody who was allowed to name a URL. Browsers refuse others of these.
PORTS_REFUSED: Final = frozenset(
    {1433, 1521, 1719, 1720, 1723, 2049, 2181, 2375, 2376, 2379, 2380, 3306, 3389, 3659, 4045}
    | {4190, 4369, 5060, 5061, 5432, 5433, 5672, 5900, 5984, 6000, 6379, 6443, 6566, 6665, 6666}
    | {6667, 6668, 6669, 6697, 8086, 8125, 8500, 9042, 9092, 9200, 9300, 10080, 10250, 11211}
    | {15672, 25565, 27017, 27018, 50070}
)

_PRIVATE_V4: Final = tuple(
    IPv4Network(one)
    for one in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"),
        *("172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16"),
        *("198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
    )
)
# Public addresses of version 6 lie in 2000::/3; these parts of it are not public, or carry an
# address of version 4 inside that a gateway would unpack (Teredo, 6to4).
_GLOBAL_V6: Final = IPv6Network("2000::/3")
_PRIVATE_V6: Final = tuple(
    IPv6Network(one) for one in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")
)
_NAT64: Final = IPv6Network("64:ff9b::/96")
_LOOPBACK_V4: Final = IPv4Network("127.0.0.0/8")
_LOOPBACK_V6: Final = IPv6Address("::1")


@dataclass(frozen=True, slots=True)
class Target:
    """A URL taken apart."""

    url: str
    scheme: str
    host: str
    port: int


def target_of(url: str, *, live: bool) -> Target:
    """Take a URL apart, or refuse it. A demo may also send to its own machine, without TLS."""
    found = _URL.match(url) if len(url) <= URL_CHARACTERS_MAX else None
    if found is None:
        raise ForbiddenAddress(
            "write a plain URL such as https://shop.example/hooks, in ASCII, without a user",
            field="url",
        )
    scheme = found["scheme"]
    if live and scheme != "https":
        raise ForbiddenAddress("webhooks are sent over https", field="url")
    host = found["host"].lower()
    port = PORTS[scheme] if found["port"] is None else int(found["port"])
    _refuse_port(port)
    _refuse_host(host, live=live)
    return Target(url, scheme, host, port)


def allowed(address: str, *, live: bool) -> bool:
    """Tell whether we may connect to this address: a public one, in a demo our own machine too."""
    try:
        found = ip_address(address)
    except ValueError:
        return False
    return _is_public(found) or (not live and _is_loopback(found))


def _refuse_port(port: int) -> None:
    usual = port in PORTS.values()
    if not usual and (not PORT_FREE_FROM <= port <= 65_535 or port in PORTS_REFUSED):
        raise ForbiddenAddress("webhooks are not sent to this port", field="url")


def _refuse_host(host: str, *, live: bool) -> None:
    if host.startswith("["):
        if not _is_version_6(host) or not allowed(host[1:-1], live=live):
            raise ForbiddenAddress("this is not a public address", field="url")
        return
    labels = host.split(".")
    if len(host) > HOST_CHARACTERS_MAX or not all(_LABEL.match(label) for label in labels):
        raise ForbiddenAddress("this is not the name of a host", field="url")
    # What ends in a number is an address (WHATWG URL): only its plain form is taken, since some
    # resolvers read 0177.1 and 2130706433 as 127.0.0.1.
    if _NUMBER.match(labels[-1]):
        if not _is_version_4(host) or not allowed(host, live=live):
            raise ForbiddenAddress("this is not a public address", field="url")
    elif len(labels) == 1 and (live or host != LOCALHOST):
        raise ForbiddenAddress("write the full name of the host", field="url")


def _is_version_4(host: str) -> bool:
    try:
        return str(IPv4Address(host)) == host
    except ValueError:
        return False


def _is_version_6(host: str) -> bool:
    try:
        IPv6Address(host[1:-1])
    except ValueError:
        return False
    return True


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _PRIVATE_V4)
    if address.scope_id is not None:
        return False
    if address in _NAT64:
        return _is_public(IPv4Address(int(address) & 0xFFFF_FFFF))
    return address in _GLOBAL_V6 and not any(address in network for network in _PRIVATE_V6)


def _is_loopback(address: IPv4Address | IPv6Address) -> bool:
    if isinstance(address, IPv4Address):
        return address in _LOOPBACK_V4
    return address == _LOOPBACK_V6
