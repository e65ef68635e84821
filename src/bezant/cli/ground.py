"""The database a platform stands on: embedded, the operator's own, or one that runs already."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlsplit, urlunsplit

from bezant.cli.exits import Exit, Stop
from bezant.cli.installation import Place
from bezant.secret import Secret
from bezant.settings import Settings

if TYPE_CHECKING:
    from bezant.db.data_folder import Running
    from bezant.db.embedded import EmbeddedServer

DATABASE: Final = "bezant"
ROLE_PREFIX: Final = "bezant_"


@dataclass(frozen=True, slots=True)
class Ground:
    """Addresses of the databases: for each module its administrator's and its own role's."""

    administrators: Mapping[str, Secret[str]]
    roles: Mapping[str, Secret[str]]
    passwords: Mapping[str, Secret[str]]

    @property
    def administrator(self) -> Secret[str]:
        """Return the first database's administrator, for questions about the server."""
        return next(iter(self.administrators.values()))


def password_of(key: Secret[bytes], module: str) -> Secret[str]:
    """Derive the password of a module's role: it is stored nowhere and differs per installation."""
    digest = hashlib.blake2b(
        b"database role of " + module.encode(),
        key=key.reveal(),
        person=b"bezant role",
        digest_size=32,
    )
    return Secret(digest.hexdigest())


def own_ground(
    settings: Settings, address: Secret[str], modules: tuple[str, ...], key: Secret[bytes]
) -> Ground:
    """Stand on the operator's database; modules may have one of their own."""
    passwords = {module: password_of(key, module) for module in modules}
    administrators = {module: settings.database.modules.get(module, address) for module in modules}
    roles = {
        module: _as_role(administrators[module], module, passwords[module]) for module in modules
    }
    return Ground(administrators, roles, passwords)


def embedded_ground(
    server: "EmbeddedServer | Running",
    administrator: Secret[str],
    modules: tuple[str, ...],
    key: Secret[bytes],
) -> Ground:
    """Stand on the embedded server, whether this process or another one runs it."""
    passwords = {module: password_of(key, module) for module in modules}
    roles = {
        module: Secret(server.dsn(ROLE_PREFIX + module, passwords[module], DATABASE))
        for module in modules
    }
    return Ground(dict.fromkeys(modules, administrator), roles, passwords)


def running_ground(
    settings: Settings, place: Place, modules: tuple[str, ...], key: Secret[bytes]
) -> Ground:
    """Stand on what runs already, for commands beside a running platform."""
    address = settings.database.address()
    if address is not None:
        return own_ground(settings, address, modules, key)
    from bezant.db.data_folder import ADMINISTRATOR, DataFolder
    from bezant.db.embedded import running

    server = running(place.folder)
    if server is None:
        raise Stop(
            f"The database in {place.folder} is not running.",
            "Start the platform with `bezant up`.",
            Exit.NOT_RUNNING,
        )
    word = DataFolder(place.folder).read_password()
    administrator = Secret(server.dsn(ADMINISTRATOR, word, DATABASE))
    return embedded_ground(server, administrator, modules, key)


def _as_role(address: Secret[str], module: str, password: Secret[str]) -> Secret[str]:
    parts = urlsplit(address.reveal())
    hosts = parts.netloc.rpartition("@")[2]
    user = f"{ROLE_PREFIX}{module}:{quote(password.reveal(), safe='')}"
    return Secret(urlunsplit(parts._replace(netloc=f"{user}@{hosts}")))
