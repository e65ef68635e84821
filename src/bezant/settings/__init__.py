"""Settings: read once, by `cli` and `wiring` only, into frozen dataclasses."""

from bezant.settings.envoy import Envoy
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
from bezant.settings.outside import Outside
from bezant.settings.people import People
from bezant.settings.reading import Settings, every_named, read, refusals, unused, well_known
from bezant.settings.texts import Given, Mistake, Named, SettingsWrong, Source

__all__ = [
    "Database",
    "Edge",
    "Envoy",
    "Given",
    "Identity",
    "Keys",
    "Logs",
    "Messages",
    "Mistake",
    "Named",
    "Orders",
    "Outside",
    "People",
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
