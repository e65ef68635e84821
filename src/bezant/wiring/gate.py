"""What stands before every listener: shared limits, and encryption."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from time import monotonic
from typing import Final

import msgspec

from bezant.errors import BezantError
from bezant.gateway.health import Check
from bezant.gateway.profile import Profile
from bezant.http.gate import Rules
from bezant.http.limits import Limits, MemoryLimits, Rule
from bezant.http.serve import Listening
from bezant.http.tls import Certificate, Handshakes
from bezant.identity.port import Identity
from bezant.settings import Settings
from bezant.wiring.front import stands_in_front
from bezant.wiring.issuer import issuer_of
from bezant.wiring.workbench import Workbench

RENEW_EVERY_SECONDS: Final = 60.0
LOGIN_WINDOW_SECONDS: Final = 60.0
ALONE_PART: Final = 10
"""What is left of the limit of sign-in doors while gateways do not know of each other."""


async def limits_of(bench: Workbench) -> tuple[Limits, Check | None]:
    """Return this process's limits, shared through Redis if there is one; and how Redis is."""
    memory = MemoryLimits(monotonic)
    address = bench.settings.messages.redis()
    if address is None:
        return memory, None
    from bezant.http.joint_limits import JointLimits  # noqa: PLC0415
    from bezant.http.redis_buckets import RedisBuckets  # noqa: PLC0415 - few have a Redis

    buckets = RedisBuckets(address)
    limits = JointLimits(memory, buckets)
    await limits.start()
    bench.stack.push_async_callback(limits.stop)
    return limits, buckets.ping


def rules_of(settings: Settings, profile: Profile) -> Rules:
    """Return what every listener of this process asks of its callers."""
    edge = settings.edge
    limit = edge.rate_limit
    own = None if limit is None else Rule(limit, edge.rate_window_milliseconds / 1000)
    shares = gateways_of(settings)
    alone = max(1, edge.login_limit // max(ALONE_PART, shares))
    joint = settings.messages.redis() is not None
    each = edge.login_limit if joint else max(1, edge.login_limit // shares)
    return Rules(
        address=own or profile.address_rule,
        key=_at_least(profile.key_rule, own),
        tiers={
            tier: rule
            for tier, named in profile.tier_rules.items()
            if (rule := _at_least(named, own)) is not None
        },
        guarded=Rule(each, LOGIN_WINDOW_SECONDS),
        guarded_alone=Rule(alone, LOGIN_WINDOW_SECONDS),
        origins=edge.cors_origins,
        trusted_proxies=edge.trusted_proxies,
        allowed=edge.allowed,
        denied=edge.denied,
        https=edge.https_port or (edge.tls_port if edge.tls_certificate else None),
        dialect=msgspec.structs.replace(profile.dialect, challenge=_challenge(settings)),
        in_flight_max=edge.in_flight_max,
    )


def _challenge(settings: Settings) -> bytes:
    """Return what tells a client where it learns whose tokens count here (RFC 9728, 5.1)."""
    at = issuer_of(settings).resource_metadata
    return b'Bearer realm="bezant", resource_metadata="%s"' % at.encode("ascii")


def gateways_of(settings: Settings) -> int:
    """Return how many gateways answer callers, this one included, as far as it was told."""
    return max(settings.edge.gateways, 1 + len(settings.envoy.gateways))


def secure_addresses(settings: Settings) -> list[tuple[str, int]]:
    """Return the address at which callers are answered encrypted, if there is one of ours."""
    edge = settings.edge
    if edge.tls_certificate is None or stands_in_front(settings):
        return []
    return [(settings.platform.host, edge.tls_port)]


async def follow_authority(
    bench: Workbench, identity: Identity, take: Callable[[str], None]
) -> None:
    """Tell who vouches for callers' certificates, now and whenever that changes."""
    told = "".join(await identity.partner_authority())
    take(told)

    async def follow() -> None:
        nonlocal told
        while True:
            await asyncio.sleep(RENEW_EVERY_SECONDS)
            with suppress(BezantError):  # The next time will do.
                present = "".join(await identity.partner_authority())
                if present != told:
                    take(present)
                    told = present

    following = asyncio.create_task(follow(), name="partner authority")
    bench.stack.callback(following.cancel)


async def secured(bench: Workbench, main: Listening, identity: Identity) -> list[Listening]:
    """Return the main listener once more, encrypted, where a certificate is configured."""
    edge = bench.settings.edge
    if edge.tls_certificate is None or edge.tls_key is None:
        return []
    handshakes = Handshakes(edge.tls_handshakes, edge.trusted_proxies)
    certificate = Certificate(edge.tls_certificate, edge.tls_key, handshakes)
    if edge.tls_client_certificates:
        await follow_authority(bench, identity, certificate.believe)

    async def renew() -> None:
        while True:
            await asyncio.sleep(RENEW_EVERY_SECONDS)
            await asyncio.to_thread(certificate.renew)

    renewing = asyncio.create_task(renew(), name="certificate")
    bench.stack.callback(renewing.cancel)
    return [replace(main, port=edge.tls_port, tls=certificate.context)]


def _at_least(key: Rule | None, address: Rule | None) -> Rule | None:
    """Return the rule of a key: what one address may ask, the keys it holds may ask as well."""
    if key is None or address is None:
        return key
    return max(key, address, key=lambda rule: rule.requests / rule.window_seconds)
