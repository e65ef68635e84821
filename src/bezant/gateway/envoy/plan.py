"""What stands in front of what: everything an Envoy needs to know of us. Pure."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bezant.http.edge import Edge
from bezant.http.limits import Rule
from bezant.http.problems import PLAIN, Dialect
from bezant.http.routes import LOCAL, LOCAL_PERMISSION, PUBLIC


@dataclass(frozen=True, slots=True)
class Guarded:
    """A route, and the scopes of which a token needs one; without scopes anybody may call."""

    method: str
    path: str
    permission: str
    scopes: tuple[str, ...]

    @property
    def public(self) -> bool:
        """Tell whether anybody may call."""
        return self.permission == PUBLIC


@dataclass(frozen=True, slots=True)
class JwtIssuer:
    """Whose signed tokens Envoy reads itself; all others it asks identity about."""

    name: str
    audience: str
    keys: str
    """Where its keys are; a path is on our own gateway."""
    issuer: str = ""
    """What `iss` must say; nothing where the keys alone say whose it is."""


@dataclass(frozen=True, slots=True)
class Address:
    """A host and a port."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Papers:
    """What the two show each other: files, read again when they are replaced."""

    folder: Path
    """Of Envoy's own certificate: `identity.pem` and `trust.pem`."""
    gateway_names: tuple[str, ...]
    """What our gateway's certificate says it is."""


@dataclass(frozen=True, slots=True)
class Encrypted:
    """Where callers are answered encrypted, and the certificate they see."""

    listener: Address
    certificate: Path
    key: Path
    callers: Path | None = None
    """Whose certificates callers may show; without this they are asked for none."""


@dataclass(frozen=True, slots=True)
class Plan:
    """One Envoy."""

    listener: Address
    gateways: tuple[Address, ...]
    doorkeeper: Address
    papers: Papers | None
    """Without papers our side is plain HTTP: only in tests, within one machine."""
    routes: tuple[Guarded, ...]
    issuers: tuple[JwtIssuer, ...] = ()
    limit: Rule | None = None
    """Of one address."""
    origins: tuple[str, ...] = ()
    """Whose pages may read our answers."""
    dialect: Dialect = PLAIN
    secure: Encrypted | None = None
    hosts: Mapping[str, Address] = field(default_factory=dict[str, Address])
    """Where further issuers' keys are, by the origin of their address."""


ScopesFor = Callable[[str], tuple[str, ...]]


def guarded_routes(edge: Edge, scopes_for: ScopesFor) -> tuple[Guarded, ...]:
    """Return the very table our edge works by, in the order in which its routes are tried."""
    found = [
        _guarded(method, path, entry.permission, scopes_for) for method, path, entry in edge.rows()
    ]
    return tuple(sorted(found, key=_order))


def _guarded(method: str, path: str, permission: str, scopes_for: ScopesFor) -> Guarded:
    if permission == PUBLIC:
        return Guarded(method, path, permission, ())
    # Through a proxy nobody is on this machine.
    needed = LOCAL_PERMISSION if permission == LOCAL else permission
    return Guarded(method, path, needed, scopes_for(needed))


def _order(one: Guarded) -> tuple[bool, tuple[tuple[bool, str], ...], str]:
    """A plain segment wins over a placeholder, from left to right, as in our own table."""
    segments = one.path.split("/")
    return (
        "{" in one.path,
        tuple((part.startswith("{"), part) for part in segments),
        one.method,
    )


def by_path(routes: Iterable[Guarded]) -> dict[str, list[Guarded]]:
    """Return routes by their path, in order."""
    found: dict[str, list[Guarded]] = {}
    for one in routes:
        found.setdefault(one.path, []).append(one)
    return found
