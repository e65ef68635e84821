"""What a profile opens, and what every request meets there before a module's handler."""

from collections.abc import Sequence
from decimal import Decimal
from time import monotonic

from bezant.audit.gathering import RequestLog
from bezant.audit.port import Audit
from bezant.gateway.app import Alias, Ground
from bezant.gateway.app import build as build_listener
from bezant.gateway.health import Health
from bezant.gateway.profile import Listener, Profile, load_profile
from bezant.http.edge import Edge, Rules
from bezant.http.limits import MemoryLimits, Rule
from bezant.http.routes import Routes
from bezant.identity.callers import RememberedCallers
from bezant.identity.port import Identity
from bezant.settings import Settings
from bezant.wiring.cards import listener_of_its_own
from bezant.wiring.modules import MODULES
from bezant.wiring.sandbox import emulators
from bezant.wiring.workbench import Workbench


def addresses(settings: Settings) -> list[tuple[str, int]]:
    """Return every address the house will answer on, the main one first."""
    return [(host, port) for _, host, port in listeners_of(settings)] + emulators(settings)


def listeners_of(settings: Settings, module: str = "") -> list[tuple[Listener, str, int]]:
    """Return what a profile opens while these modules exist; `PORT` moves the main one.

    The vault has a listener of its own, in the process of the vault.
    """
    platform = settings.platform
    opened = load_profile(platform.profile).opens(MODULES)
    found = [
        (listener, platform.host, platform.port if listener.main else listener.port)
        for listener in sorted(opened, key=lambda listener: not listener.main)
    ]
    if module == "vault" or "vault" not in platform.peers:
        found.append(listener_of_its_own(settings))
    return found


async def ground_of(
    bench: Workbench, identity: Identity, callers: RememberedCallers, audit: Audit
) -> Ground:
    async def database_answers() -> None:
        await identity.generation()

    health = Health(bench.real, database=database_answers)
    log = RequestLog(audit, bench.real)
    log.start()
    bench.stack.push_async_callback(log.stop)
    return Ground(callers, MemoryLimits(monotonic), bench.meters, bench.ids, health, log)


def edge_of(bench: Workbench, listener: Listener, routes: Sequence[Routes], ground: Ground) -> Edge:
    profile = load_profile(bench.settings.platform.profile)
    known = [one for one in routes if one.family in {None, profile.name}]
    return build_listener(
        [one for one in known if listener.serves(one.module)],
        service=listener.unit,
        ground=ground,
        rules=_rules(bench.settings, profile),
        title=profile.title,
        aliases=[Alias(path, of) for path, of in listener.aliases],
        services={
            name: frozenset(modules)
            for name, modules in listener.services.items()
            if frozenset(modules) & frozenset(MODULES)
        },
    )


def _rules(settings: Settings, profile: Profile) -> Rules:
    edge = settings.edge
    limit = edge.rate_limit
    own = None if limit is None else Rule(limit, edge.rate_window_milliseconds / 1000)
    return Rules(
        address=own or profile.address_rule,
        key=_at_least(profile.key_rule, own),
        origins=edge.cors_origins,
        trusted_proxies=edge.trusted_proxies,
        dialect=profile.dialect,
        in_flight_max=edge.in_flight_max,
    )


def _at_least(key: Rule | None, address: Rule | None) -> Rule | None:
    """Return the rule of a key: what one address may ask, the keys it holds may ask as well."""
    if key is None or address is None:
        return key
    return max(key, address, key=lambda rule: Decimal(rule.requests) / Decimal(rule.window_seconds))
