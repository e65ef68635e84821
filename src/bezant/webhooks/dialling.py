"""Connecting: a name is resolved here, its addresses are checked, and only those are dialled.

A name may lead to a public address when it is checked and to a private one a moment later (DNS
rebinding). So nobody resolves it a second time: the addresses that were checked are handed to the
connector, and the socket itself is made only for an address that passes once more.
"""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from aiohttp import ClientSession, DummyCookieJar, TCPConnector
from aiohttp.abc import AbstractResolver, ResolveResult

from bezant.webhooks.addresses import allowed

LOOKUPS_AT_ONCE_MAX: Final = 32
LOOKUP_SECONDS_MAX: Final = 5.0
ADDRESSES_MAX: Final = 16  # A name with more of them has some other purpose.
# Common servers let go of a connection that idles for five seconds; we let go of it first.
KEEP_ALIVE_SECONDS: Final = 4.0
DNS_CACHE_SECONDS: Final = 10

Place = tuple[int, int, int, str, tuple[object, ...]]
"""Family, kind, protocol, name and address, as the system's resolver tells them."""

Lookup = Callable[[str, int], Awaitable[Sequence[str]]]
"""Returns the addresses of a name."""


class AddressForbidden(OSError):
    """A name led to an address that is not public."""


class SystemLookup:
    """Asks the system's resolver, in threads of its own: a slow one holds up nobody else."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(LOOKUPS_AT_ONCE_MAX, "webhooks-dns")

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        """Return the addresses of a name."""

        def ask() -> list[str]:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            return list(dict.fromkeys(str(one[4][0]) for one in found))

        loop = asyncio.get_running_loop()
        async with asyncio.timeout(LOOKUP_SECONDS_MAX):
            return await loop.run_in_executor(self._threads, ask)

    def close(self) -> None:
        """Let go of the threads; who still waits for a name server is not waited for."""
        self._threads.shutdown(wait=False, cancel_futures=True)


class CheckedResolver(AbstractResolver):
    """Answers with addresses that may be dialled, or refuses the whole name."""

    def __init__(self, lookup: Lookup, *, live: bool) -> None:
        self._lookup = lookup
        self._live = live

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Resolve a name; one address that is not public condemns them all."""
        del family  # Whichever the name has.
        found = await self._lookup(host, port)
        if not found or len(found) > ADDRESSES_MAX:
            raise OSError(f"a name with {len(found)} addresses")
        if not all(allowed(address, live=self._live) for address in found):
            raise AddressForbidden("the name has an address that is not public")
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in found
        ]

    async def close(self) -> None:
        """Nothing to let go of: the lookup belongs to who made it."""


class Dialler:
    """Makes the sockets, for addresses that may be dialled and for no others."""

    def __init__(self, *, live: bool) -> None:
        self._live = live

    def open(self, address: Place) -> socket.socket:
        """Return a socket for this address."""
        family, kind, protocol, _, place = address
        if not allowed(str(place[0]), live=self._live):
            raise AddressForbidden("this address is not public")
        return socket.socket(family, kind, protocol)


def session_of(
    lookup: Lookup,
    *,
    live: bool,
    connections_max: int,
    tls: ssl.SSLContext | None = None,
    dialler: Dialler | None = None,
) -> ClientSession:
    """Return a session that keeps connections alive, and no cookies, and knows no proxy."""
    connector = TCPConnector(
        resolver=CheckedResolver(lookup, live=live),
        socket_factory=(dialler or Dialler(live=live)).open,
        ssl=tls or ssl.create_default_context(),
        limit=connections_max,
        ttl_dns_cache=DNS_CACHE_SECONDS,
        keepalive_timeout=KEEP_ALIVE_SECONDS,
    )
    return ClientSession(
        connector=connector,
        cookie_jar=DummyCookieJar(),
        trust_env=False,
        auto_decompress=False,
        skip_auto_headers=("Accept", "Accept-Encoding"),
    )
