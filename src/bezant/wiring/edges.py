"""What a profile opens, and what every request meets there before a module's handler."""

from collections.abc import Sequence

import msgspec

from bezant.audit.gathering import RequestLog
from bezant.audit.port import Audit
from bezant.gateway.app import Alias, Ground
from bezant.gateway.app import build as build_listener
from bezant.gateway.health import Health
from bezant.gateway.profile import Listener, load_profile
from bezant.http.caller import Callers
from bezant.http.edge import Edge, Rules
from bezant.http.headers import Network
from bezant.http.routes import Routes
from bezant.http.serve import Listening
from bezant.identity.port import Identity
from bezant.settings import Settings
from bezant.wiring.cards import MODULE as VAULT
from bezant.wiring.cards import listener_of_its_own
from bezant.wiring.front import door_address, gate_address, stands_in_front
from bezant.wiring.gate import limits_of, rules_of, secure_addresses
from bezant.wiring.modules import MODULES
from bezant.wiring.sandbox import emulators
from bezant.wiring.web import MODULE as PAGES
from bezant.wiring.web import page_origins
from bezant.wiring.workbench import Workbench


def rules_behind(rules: Rules, proxies: Sequence[Network]) -> Rules:
    """Return a listener's rules with proxies of its own that are believed, and name requests."""
    believed = (*rules.trusted_proxies, *proxies)
    return msgspec.structs.replace(rules, trusted_proxies=believed, named_in_front=bool(proxies))


def addresses(settings: Settings) -> list[tuple[str, int]]:
    """Return every address the house will answer on, the main one first."""
    own = [(host, port) for _, host, port in listeners_of(settings)]
    if stands_in_front(settings):  # It opens what callers see itself.
        return [own[0], door_address(settings), *own[1:], *emulators(settings)]
    return own + secure_addresses(settings) + emulators(settings)


def listeners_of(settings: Settings, module: str = "") -> list[tuple[Listener, str, int]]:
    """Return what a profile opens while these modules exist; `PORT` moves the main one.

    The vault has a listener of its own, in the process of the vault.
    """
    platform = settings.platform
    opened = load_profile(platform.profile).opens((*MODULES, PAGES))
    main = gate_address(settings) if stands_in_front(settings) else (platform.host, platform.port)
    found = [
        (listener, *(main if listener.main else (platform.host, listener.port)))
        for listener in sorted(opened, key=lambda listener: not listener.main)
    ]
    if module == VAULT or VAULT not in platform.peers:
        found.append(listener_of_its_own(settings))
    return found


async def ground_of(bench: Workbench, identity: Identity, callers: Callers, audit: Audit) -> Ground:
    async def database_answers() -> None:
        await identity.generation()

    limits, redis_answers = await limits_of(bench)
    health = Health(
        bench.real,
        database=database_answers,
        redis=redis_answers,
        ready=lambda: bench.traffic.is_wanted,
    )
    log = RequestLog(audit, bench.real)
    log.start()
    bench.stack.push_async_callback(log.stop)
    return Ground(callers, limits, bench.meters, bench.ids, health, log)


def watched_at(bench: Workbench, ground: Ground, port: int) -> Listening:
    """Return where this machine looks after a module in a process of its own, and nobody else."""
    rules = rules_of(bench.settings, load_profile(bench.settings.platform.profile))
    edge = build_listener((), service=bench.name, ground=ground, rules=rules)
    return Listening("127.0.0.1", port, edge)


def edge_of(
    bench: Workbench,
    listener: Listener,
    routes: Sequence[Routes],
    ground: Ground,
    *,
    proxies: Sequence[Network] = (),
    door: type[Edge] = Edge,
) -> Edge:
    """Return a listener's door. Payers' pages may call the vault's from where they are."""
    profile = load_profile(bench.settings.platform.profile)
    known = [one for one in routes if one.family in {None, profile.name}]
    rules = rules_of(bench.settings, profile)
    if listener.unit == VAULT:
        origins = (*rules.origins, *page_origins(bench.settings))
        rules = msgspec.structs.replace(rules, origins=origins)
    return build_listener(
        [one for one in known if listener.serves(one.module)],
        service=listener.unit,
        ground=ground,
        rules=rules_behind(rules, proxies),
        door=door,
        title=profile.title,
        aliases=[Alias(path, of) for path, of in listener.aliases],
        services={
            name: frozenset(modules)
            for name, modules in listener.services.items()
            if frozenset(modules) & frozenset(MODULES)
        },
    )
