"""Settings: read once, by `cli` and `wiring` only, into frozen dataclasses."""

from bezant.settings.names import (
    Database,
    Edge,
    Identity,
    Keys,
    Logs,
    Messages,
    Orders,
    Platform,
    Providers,
)
from bezant.settings.reading import Settings, every_named, read, refusals, unused, well_known
from bezant.settings.texts import Given, Mistake, Named, SettingsWrong, Source

__all__ = [
    "Database",
    "Edge",
    "Given",
    "Identity",
    "Keys",
    "Logs",
    "Messages",
    "Mistake",
    "Named",
    "Orders",
    "Platform",
    "Providers",
    "Settings",
    "SettingsWrong",
    "Source",
    "every_named",
    "read",
    "refusals",
    "unused",
    "well_known",
]
