"""Profiles: which ports are open under which names, as data in `profiles/*.toml`.

A row whose module does not exist yet says `planned = true` and opens nothing. `opens` gives what
opens today.
"""

import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from bezant.http.limits import Rule
from bezant.http.problems import DIALECTS, Dialect
from bezant.http.tiers import TIERS

FOLDER = Path(__file__).parent / "profiles"
EVERY_MODULE = "*"

Row = Mapping[str, object]


class MalformedProfile(ValueError):
    """A profile says something that cannot be."""


@dataclass(frozen=True, slots=True)
class Listener:
    """A port that answers HTTP."""

    unit: str
    """Its name in `bezant serve`, `logs` and `status`, and in the family's compose file."""
    port: int
    requirement: str
    modules: tuple[str, ...]
    """Whose routes it serves; `*` is every module there is."""
    main: bool
    """The one whose port the `PORT` setting moves."""
    tls: bool
    aliases: tuple[tuple[str, str], ...]
    """Pairs of a path's beginning and what it stands for: `("/api", "")`."""
    services: Mapping[str, tuple[str, ...]]
    """Groups of modules that have a description of their own, by name."""
    planned: bool

    def serves(self, module: str) -> bool:
        """Tell whether this port answers for a module."""
        return EVERY_MODULE in self.modules or module in self.modules


@dataclass(frozen=True, slots=True)
class Unit:
    """What a family names that is not one of our HTTP ports: an engine, a worker, a console."""

    unit: str
    port: int | None
    requirement: str
    role: str
    """What answers in its place, in a few words."""
    module: str
    planned: bool


@dataclass(frozen=True, slots=True)
class NamedPath:
    """An address a family names: method, path, and the module that answers it."""

    method: str
    path: str
    unit: str
    module: str
    requirement: str
    planned: bool


@dataclass(frozen=True, slots=True)
class Profile:
    """Everything one family expects to find open."""

    name: str
    title: str
    settings: Mapping[str, str]
    """The weakest source of settings, by their names in the environment."""
    address_rule: Rule | None
    key_rule: Rule | None
    tier_rules: Mapping[str, Rule]
    """Of kinds of callers that have a limit of their own: payers, people, programs."""
    dialect: Dialect
    network: str
    volumes: tuple[str, ...]
    listeners: tuple[Listener, ...]
    units: tuple[Unit, ...]
    paths: tuple[NamedPath, ...]
    no_counterpart: tuple[int, ...]
    """Ports of a vendor's own management that nothing of ours stands for."""

    @property
    def main(self) -> Listener:
        """The listener everybody starts with."""
        return next(listener for listener in self.listeners if listener.main)

    def names(self) -> tuple[str, ...]:
        """Return every unit's name, in the order of the file."""
        named = [*(one.unit for one in self.listeners), *(one.unit for one in self.units)]
        return tuple(dict.fromkeys(named))

    def opens(self, existing: Collection[str]) -> tuple[Listener, ...]:
        """Return the listeners that open while only these modules exist."""
        return tuple(
            listener
            for listener in self.listeners
            if not listener.planned
            and (EVERY_MODULE in listener.modules or any(map(listener.serves, existing)))
        )

    def listener(self, unit: str) -> Listener | None:
        """Return the listener of this name; without a port, there is none."""
        return next((one for one in self.listeners if one.unit == unit), None)


def profile_names() -> tuple[str, ...]:
    """Return the names of all profiles."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.toml")))


def load_profile(name: str) -> Profile:
    """Read a profile, or say which there are."""
    if name not in profile_names():
        raise MalformedProfile(f"there is no profile {name}; choose {', '.join(profile_names())}")
    return read_profile((FOLDER / f"{name}.toml").read_text("utf-8"))


def read_profile(text: str) -> Profile:
    """Read a profile's text, refusing what cannot be."""
    told = cast("dict[str, object]", tomllib.loads(text))
    edge = _table(told, "edge")
    compose = _table(told, "compose")
    profile = Profile(
        name=_text(told, "name"),
        title=_text(told, "title"),
        settings={key: str(value) for key, value in _table(told, "settings").items()},
        address_rule=_rule(edge, "address"),
        key_rule=_rule(edge, "key"),
        tier_rules={tier: rule for tier in TIERS if (rule := _rule(edge, tier)) is not None},
        dialect=_dialect(str(edge.get("problems", "plain"))),
        network=str(compose.get("network", "")),
        volumes=_texts(compose, "volumes"),
        listeners=tuple(_listener(row) for row in _rows(told, "listener")),
        units=tuple(_unit(row) for row in _rows(told, "unit")),
        paths=tuple(_path(row) for row in _rows(told, "path")),
        no_counterpart=tuple(cast("list[int]", told.get("no_counterpart", []))),
    )
    _refuse_contradictions(profile)
    return profile


def _refuse_contradictions(profile: Profile) -> None:
    mains = [listener for listener in profile.listeners if listener.main]
    if len(mains) != 1 or mains[0].planned:
        raise MalformedProfile(f"{profile.name}: one listener is the main one, and it is open")
    ports = [one.port for one in profile.listeners]
    ports += [one.port for one in profile.units if one.port is not None]
    if len(set(ports)) != len(ports):
        raise MalformedProfile(f"{profile.name}: two rows name one port")
    names = set(profile.names())
    for path in profile.paths:
        if path.unit not in names:
            raise MalformedProfile(
                f"{profile.name}: {path.path} is at {path.unit}, which has no row"
            )


def _listener(row: Row) -> Listener:
    services = _table(row, "services")
    aliases = cast("list[dict[str, str]]", row.get("aliases", []))
    return Listener(
        unit=_text(row, "unit"),
        port=_port(row),
        requirement=str(row.get("requirement", "")),
        modules=_texts(row, "modules"),
        main=bool(row.get("main", False)),
        tls=bool(row.get("tls", False)),
        aliases=tuple((alias["path"], alias.get("of", "")) for alias in aliases),
        services={name: tuple(cast("list[str]", modules)) for name, modules in services.items()},
        planned=bool(row.get("planned", False)),
    )


def _unit(row: Row) -> Unit:
    return Unit(
        unit=_text(row, "unit"),
        port=_port(row) if "port" in row else None,
        requirement=_text(row, "requirement"),
        role=_text(row, "role"),
        module=str(row.get("module", "")),
        planned=bool(row.get("planned", False)),
    )


def _path(row: Row) -> NamedPath:
    method, _, path = _text(row, "at").partition(" ")
    return NamedPath(
        method=method,
        path=path,
        unit=_text(row, "unit"),
        module=_text(row, "module"),
        requirement=_text(row, "requirement"),
        planned=bool(row.get("planned", False)),
    )


def _rule(edge: Row, whose: str) -> Rule | None:
    requests, window = edge.get(f"{whose}_requests"), edge.get(f"{whose}_window_seconds")
    if requests is None:
        return None
    if (
        not isinstance(requests, int)
        or not isinstance(window, int | float)
        or requests < 1
        or window <= 0
    ):
        raise MalformedProfile(f"{whose}_requests and {whose}_window_seconds are numbers above 0")
    return Rule(requests, float(window))


def _dialect(name: str) -> Dialect:
    if name not in DIALECTS:
        raise MalformedProfile(f"problems are told in one of {', '.join(DIALECTS)}")
    return DIALECTS[name]


def _port(row: Row) -> int:
    port = row.get("port")
    if not isinstance(port, int) or not 0 < port < 65_536:
        raise MalformedProfile(f"{row.get('unit')}: a port is a number from 1 to 65535")
    return port


def _text(row: Row, name: str) -> str:
    value = row.get(name)
    if not isinstance(value, str) or not value:
        raise MalformedProfile(f"{name} is missing in {row.get('unit') or row.get('name')}")
    return value


def _texts(row: Row, name: str) -> tuple[str, ...]:
    return tuple(cast("list[str]", row.get(name, [])))


def _table(row: Row, name: str) -> Row:
    return cast("Row", row.get(name, {}))


def _rows(told: Row, name: str) -> list[Row]:
    return cast("list[Row]", told.get(name, []))
