"""The names of a platform's parts: a family's service names, a module's own, or the whole."""

from dataclasses import dataclass
from typing import Final

from bezant.cli.exits import Exit, Stop

WHOLE: Final = "bezant"
DATABASE: Final = "postgres"
DATABASE_NAMES: Final = frozenset({"postgres", "postgres_db"})
EVERY_MODULE: Final = "*"


@dataclass(frozen=True, slots=True)
class Unit:
    """A part of a platform, found by any of its names."""

    name: str
    modules: tuple[str, ...] = ()
    """Whose work it does; none for the whole, and for engines that are not ours."""
    port: int | None = None
    main: bool = False
    """It is the listener everybody starts with."""

    @property
    def log(self) -> str:
        """Return the name of the file it writes when it has a process of its own."""
        if self.name in DATABASE_NAMES:
            return DATABASE
        return self.modules[0] if len(self.modules) == 1 else WHOLE


def unit_named(name: str, profile: str) -> Unit:
    """Return the unit that a name means in a profile, or end with the names there are."""
    from bezant.gateway.profile import load_profile
    from bezant.wiring.modules import MODULES

    told = load_profile(profile)
    known = {WHOLE: Unit(WHOLE), DATABASE: Unit(DATABASE)}
    known |= {module: Unit(module, (module,)) for module in MODULES}
    planned: set[str] = set()
    for row in told.units:
        if row.planned and row.unit not in DATABASE_NAMES:
            planned.add(row.unit)
        modules = (row.module,) if row.module in MODULES else ()
        known[row.unit] = Unit(row.unit, modules, row.port)
    for row in told.listeners:
        if row.planned:
            planned.add(row.unit)
        modules = MODULES if EVERY_MODULE in row.modules else row.modules
        known[row.unit] = Unit(row.unit, tuple(modules), row.port, row.main)
    if name in planned:
        raise Stop(
            f"{name} is planned; nothing of it runs in this version.",
            f"What runs: {', '.join(sorted(set(known) - planned))}.",
        )
    if name not in known:
        raise Stop(
            f"There is no unit {name!r} in profile {profile}.",
            f"Units are {', '.join(sorted(set(known) - planned))}.",
            Exit.USAGE,
        )
    return known[name]
