"""Reading request headers with care, and the headers every answer carries."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from bezant.errors import Invalid

Network = IPv4Network | IPv6Network
Pair = tuple[bytes, bytes]

HEADER_BYTES_MAX = 32_768  # All headers of one request together.
HEADERS_MAX = 100
FORWARDS_MAX = 20  # Proxies a request may have come through; more is somebody playing.
ADDRESS_CHARACTERS_MAX = 64  # The longest address with a zone that an interface can have.
ADDRESSES_KEPT = 4_096  # Reading one costs more than finding it, and the same ones come again.

_SINGLE = frozenset(
    {
        b"authorization",
        b"client-cert",
        b"content-length",
        b"content-type",
        b"dpop",
        b"host",
        b"idempotency-key",
        b"origin",
        b"traceparent",
        b"x-api-key",
        b"x-forwarded-proto",
    }
)

API_POLICY = "default-src 'none'; frame-ancestors 'self'"
HSTS: Pair = (b"strict-transport-security", b"max-age=31536000; includeSubDomains")
MANNERS: tuple[Pair, ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"SAMEORIGIN"),
    (b"referrer-policy", b"no-referrer"),
)
NO_STORE: Pair = (b"cache-control", b"no-store")


class RepeatedHeader(Invalid):
    """A header that counts once came more than once."""

    code = "repeated_header"


def read_headers(pairs: Sequence[Pair]) -> Mapping[bytes, bytes]:
    """Return the headers by name; one that two readers could choose differently is refused."""
    headers = dict(pairs)
    if len(headers) != len(pairs):
        seen: set[bytes] = set()
        for name, _ in pairs:
            if name in seen and name in _SINGLE:
                raise RepeatedHeader
            seen.add(name)
        _join_forwards(headers, pairs)
    return headers


def _join_forwards(headers: dict[bytes, bytes], pairs: Sequence[Pair]) -> None:
    # A proxy may append its own line instead of lengthening the one it got: the order of lines is
    # the way taken.
    forwards = [value for name, value in pairs if name == b"x-forwarded-for"]
    if len(forwards) > 1:
        headers[b"x-forwarded-for"] = b",".join(forwards)


def client_of(
    peer: str, headers: Mapping[bytes, bytes], trusted: Sequence[Network]
) -> tuple[str, bool]:
    """Return the client's address, and whether it reached our trusted proxies by TLS."""
    forwards = headers.get(b"x-forwarded-for")
    if not is_trusted(peer, trusted):
        return peer, False
    secure = headers.get(b"x-forwarded-proto", b"").strip().lower() == b"https"
    if forwards is None:
        return peer, secure
    # From our side outwards: the first address that is not a proxy of ours is the client as our
    # proxy saw it.
    for hop in reversed(forwards.split(b",")[-FORWARDS_MAX:]):
        address = _address(hop)
        if address is None:
            break
        peer = address
        if not is_trusted(address, trusted):
            break
    return peer, secure


def is_trusted(address: str, trusted: Sequence[Network]) -> bool:
    """Tell whether an address is in one of these networks, such as those of our proxies."""
    if len(address) > ADDRESS_CHARACTERS_MAX:
        return False
    parsed = _parsed(address)
    return parsed is not None and any(parsed in network for network in trusted)


def _address(text: bytes) -> str | None:
    stripped = text.strip()
    return _written(stripped) if len(stripped) <= ADDRESS_CHARACTERS_MAX else None


@lru_cache(ADDRESSES_KEPT)
def _parsed(address: str) -> IPv4Address | IPv6Address | None:
    try:
        parsed = ip_address(address)
    except ValueError:
        return None
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is not None:
        return parsed.ipv4_mapped  # How a socket for both kinds tells an address of the older.
    return parsed


@lru_cache(ADDRESSES_KEPT)
def _written(address: bytes) -> str | None:
    try:
        return str(ip_address(address.decode("ascii")))
    except ValueError:
        return None
