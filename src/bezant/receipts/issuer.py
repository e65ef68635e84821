"""Who issues receipts: the log they are recorded in, the code, and how it was configured."""

from collections.abc import Mapping
from dataclasses import dataclass

from bezant.audit.port import TransparencyLog


@dataclass(frozen=True, slots=True)
class Build:
    """What runs here."""

    version: str
    """Of the code."""
    configuration: str
    """A digest of every setting that is no secret."""


class Issuer:
    """Learns the log's name once, when it is first needed: the log may start after us."""

    def __init__(self, log: TransparencyLog, build: Build) -> None:
        self._log = log
        self._build = build
        self._origin = ""

    async def claims(self) -> Mapping[str, str]:
        """Return what every receipt from here says of its issuer."""
        if not self._origin:
            self._origin = (await self._log.keys()).origin
        return {
            "iss": self._origin,
            "code": self._build.version,
            "configuration": self._build.configuration,
        }
