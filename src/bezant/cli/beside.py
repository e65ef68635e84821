"""The installation a command works on, beside a platform that may be running there."""

from dataclasses import dataclass
from pathlib import Path

from bezant.cli.environment import load_settings
from bezant.cli.exits import Exit, Stop
from bezant.cli.ground import Ground, running_ground
from bezant.cli.installation import (
    LIVE,
    Installation,
    Place,
    key_path,
    place_of,
    read_installation,
)
from bezant.schemas import ROLES
from bezant.secret import Secret
from bezant.settings import Settings
from bezant.wiring.lent import load_key_file
from bezant.wiring.site import Site


@dataclass(frozen=True, slots=True)
class Beside:
    """One installation, recognised."""

    settings: Settings
    place: Place
    installation: Installation
    key: Secret[bytes]

    @property
    def live(self) -> bool:
        """Tell whether it is a live one."""
        return self.installation.mode == LIVE

    @property
    def key_file(self) -> Path:
        """Return where its key lies."""
        return key_path(self.installation, self.settings.platform.key_file)

    def ground(self) -> Ground:
        """Return its database, which must be running."""
        return running_ground(self.settings, self.place, ROLES, self.key)

    def site(self) -> Site:
        """Return where modules can be opened on it."""
        return Site(
            self.place.folder, self.installation.id, self.live, self.key, self.ground().roles
        )


def beside(data: Path | None, **options: str | None) -> Beside:
    """Recognise the installation in a data folder, or end the command."""
    settings = load_settings({"BEZANT_DATA": str(data) if data else None, **options})
    place = place_of(settings.platform.data)
    installation = read_installation(place)
    if installation is None:
        raise Stop(
            f"There is no installation in {place.folder}.",
            "Start one with bezant up.",
            Exit.NOT_RUNNING,
        )
    key = load_key_file(key_path(installation, settings.platform.key_file))
    return Beside(settings, place, installation, key)
