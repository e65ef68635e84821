"""What a request meets before its handler is asked: who may come near, how, and how often.

First the lists of addresses, then limits of the address and the way to HTTPS, and once it is known
who asks, limits of the caller.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final, cast

import msgspec
from starlette.types import Scope

from bezant.actor import Actor
from bezant.errors import Forbidden, TooManyRequests, Unavailable
from bezant.http.entries import Entry
from bezant.http.headers import Network, is_trusted
from bezant.http.limits import Limits, Rule, TooManyFromAddress, bucket_of_address
from bezant.http.problems import PLAIN, Dialect, MalformedRequest
from bezant.http.tiers import bucket_of_caller, tier_of
from bezant.http.visit import Visit
from bezant.telemetry.metrics import Meters

IN_FLIGHT_MAX: Final = (
    4_096  # More callers than this wait longer than they will; they are told at once instead.
)
HTTPS_PORT: Final = 443
_LISTED_MAX: Final = 8_192  # Addresses whose place in the lists is remembered.
_HOST: Final = re.compile(rb"([A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?\Z")
_SAFE: Final = frozenset({"GET", "HEAD"})
_OWN_HOSTS: Final = frozenset({b"localhost", b"127.0.0.1", b"[::1]"})
_SAYS_OF_A_PROXY: Final = frozenset({b"forwarded", b"via", b"x-forwarded-for", b"x-real-ip"})


class Overloaded(Unavailable):
    """More requests are being answered than this process can hold."""

    code = "overloaded"


class AddressRefused(Forbidden):
    """Requests from this address are not answered here."""

    code = "address_refused"


class HttpsRequired(Forbidden):
    """Send this over HTTPS. Whatever it carried could be read on its way."""

    code = "https_required"


class Rules(msgspec.Struct, frozen=True):
    """What a listener asks of its callers beyond their routes' own declarations."""

    address: Rule | None = None
    key: Rule | None = None
    tiers: Mapping[str, Rule] = {}
    """By the kind of caller (`tier_of`), where it has a limit of its own."""
    guarded: Rule | None = None
    """Of an address at the doors where passwords, codes and tokens are tried."""
    guarded_alone: Rule | None = None
    """The same while nobody knows what came to the other gateways."""
    origins: tuple[str, ...] = ()
    trusted_proxies: tuple[Network, ...] = ()
    named_in_front: bool = False
    """Whether those proxies name requests, and take no caller's word for a name."""
    allowed: tuple[Network, ...] = ()
    """Who may come at all; empty for everybody."""
    denied: tuple[Network, ...] = ()
    https: int | None = None
    """The port to which whoever comes without encryption is sent."""
    dialect: Dialect = PLAIN
    in_flight_max: int = IN_FLIGHT_MAX


class Gate:
    """One listener's limits and lists."""

    def __init__(self, rules: Rules, limits: Limits, meters: Meters) -> None:
        self._rules = rules
        self._limits = limits
        self._meters = meters
        self._listed = bool(rules.allowed or rules.denied)
        self._may_come = lru_cache(_LISTED_MAX)(self._is_welcome)

    def look_at(self, entry: Entry, visit: Visit) -> None:
        """Refuse who may not come, and who comes too often."""
        if self._listed and not self._may_come(visit.address):
            raise AddressRefused
        self._spend_address(visit)
        if entry.guarded:
            self._spend_guarded(visit)

    def _spend_address(self, visit: Visit) -> None:
        rules = self._rules
        if self._meters.in_flight > rules.in_flight_max:
            raise Overloaded(retry_after_seconds=1)
        if rules.address is not None:
            spent = self._limits.spend(bucket_of_address(visit.address), rules.address)
            visit.spent = spent
            if not spent.allowed:
                raise TooManyFromAddress(retry_after_seconds=spent.reset_seconds)

    def spend_caller(self, visit: Visit, actor: Actor) -> None:
        """Take from what a key, a person or a program may ask."""
        rule = self._rules.tiers.get(tier_of(actor), self._rules.key)
        if rule is None:
            return
        spent = self._limits.spend(bucket_of_caller(actor, visit.address), rule)
        if visit.spent is None or spent.remaining < visit.spent.remaining:
            visit.spent = spent
        if not spent.allowed:
            raise TooManyRequests(retry_after_seconds=spent.reset_seconds)

    def elsewhere(self, entry: Entry, visit: Visit, scope: Scope) -> bytes:
        """Return where an unencrypted request is sent; nothing if it may stay.

        What asks whether we are well may stay, and so may this machine itself. Only reading is
        sent on: a client that sent more shall notice, instead of showing it to everybody again.
        """
        port = self._rules.https
        if port is None or visit.secure or not entry.limited:
            return b""
        if is_of_this_machine(scope, visit.headers):
            return b""
        if scope["method"] not in _SAFE:
            raise HttpsRequired
        host = _HOST.match(visit.headers.get(b"host", b""))
        if host is None:
            raise MalformedRequest
        raw = cast("bytes", scope.get("raw_path") or scope["path"].encode()).partition(b"?")[0]
        query = cast("bytes", scope["query_string"])
        if not raw.startswith(b"/") or not (raw + query).isascii():
            raise MalformedRequest
        at = b"" if port == HTTPS_PORT else b":%d" % port
        return b"https://" + host[1] + at + raw + (b"?" + query if query else b"")

    def _spend_guarded(self, visit: Visit) -> None:
        rules = self._rules
        rule = rules.guarded_alone if self._limits.alone else rules.guarded
        if rule is None:
            return
        spent = self._limits.spend(f"guarded {bucket_of_address(visit.address)}", rule)
        if visit.spent is None or spent.remaining < visit.spent.remaining:
            visit.spent = spent
        if not spent.allowed:
            raise TooManyFromAddress(retry_after_seconds=spent.reset_seconds)

    def _is_welcome(self, address: str) -> bool:
        rules = self._rules
        if is_trusted(address, rules.denied):
            return False
        return not rules.allowed or is_trusted(address, rules.allowed)


def is_of_this_machine(scope: Scope, headers: Mapping[bytes, bytes]) -> bool:
    """Tell whether a process of this machine asks, with nobody in between."""
    client = cast("tuple[str, int] | None", scope.get("client"))
    if client is None or not _SAYS_OF_A_PROXY.isdisjoint(headers):
        return False
    # A page elsewhere may have its own name point here; a browser then says that name.
    host = headers.get(b"host", b"")
    if host not in _OWN_HOSTS and host.rpartition(b":")[0] not in _OWN_HOSTS:
        return False
    return client[0] == "::1" or client[0].startswith("127.")
