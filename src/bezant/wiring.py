"""Who holds whom: the only page that constructs services, in the order in which they start.

Read `build` from top to bottom: each module is opened on its own database role and handed to those above it. What is
entered first is left last, so a house stops in the opposite order.
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Final

from bezant.actor import Actor
from bezant.clock import Clock
from bezant.db.database import Database
from bezant.db.migrate import create_database, plan, script
from bezant.db.migrate import migrate as apply_migrations
from bezant.db.schema import File, ModuleSchema
from bezant.gateway.app import Ground
from bezant.gateway.app import build as build_listener
from bezant.gateway.health import Health
from bezant.http.caller import Credential, CredentialInvalid
from bezant.http.edge import Edge, Rules
from bezant.http.limits import MemoryLimits
from bezant.http.serve import Listening
from bezant.ids import Ids
from bezant.keys.file import FileProvider
from bezant.keys.keyfile import create_key_file, load_key_file
from bezant.keys.service import KeysService
from bezant.secret import Secret
from bezant.settings import Settings
from bezant.telemetry.metrics import Meters

__all__ = [
    "MODULES",
    "House",
    "Site",
    "build",
    "create_database",
    "create_key_file",
    "load_key_file",
    "migrate",
    "migration_script",
    "missing_migrations",
]

SCHEMAS: Final[Sequence[ModuleSchema]] = (ModuleSchema("keys"),)
MODULES: Final = tuple(schema.module for schema in SCHEMAS)


@dataclass(frozen=True, slots=True)
class Site:
    """Where a house is built: its folder, its key, and the address of each module's database."""

    folder: Path
    installation: str
    live: bool
    key: Secret[bytes]
    databases: Mapping[str, Secret[str]]


class NobodyYet:
    """Knows no caller: what is open to everybody answers, the rest refuses."""

    def known(self, credential: Credential) -> Actor | None:
        """Return nobody."""
        del credential
        return None

    async def identify(self, credential: Credential) -> Actor:
        """Refuse."""
        del credential
        raise CredentialInvalid


@dataclass(frozen=True, slots=True)
class House:
    """Everything that was built and is running."""

    keys: KeysService
    edge: Edge

    def listenings(self, host: str, port: int) -> list[Listening]:
        """Return the addresses this house answers on; the first is the main one."""
        return [Listening(host, port, self.edge)]


async def migrate(
    administrators: Mapping[str, Secret[str]], passwords: Mapping[str, Secret[str]]
) -> tuple[File, ...]:
    """Bring every module's tables to this version, one database after the other."""
    applied: list[File] = []
    for administrator, schemas in _by_database(administrators):
        applied += (await apply_migrations(administrator, schemas, passwords)).files
    return tuple(applied)


async def missing_migrations(administrators: Mapping[str, Secret[str]]) -> tuple[File, ...]:
    """Return the files that `migrate` would apply, or refuse as it would."""
    missing: list[File] = []
    for administrator, schemas in _by_database(administrators):
        missing += await plan(administrator, schemas)
    return tuple(missing)


def migration_script() -> str:
    """Return all migrations as SQL that psql loads."""
    return script(SCHEMAS)


def _by_database(
    administrators: Mapping[str, Secret[str]],
) -> list[tuple[Secret[str], list[ModuleSchema]]]:
    """Put together the modules that share a database."""
    shared: dict[str, list[ModuleSchema]] = {}
    for schema in SCHEMAS:
        shared.setdefault(administrators[schema.module].reveal(), []).append(schema)
    return [(Secret(address), schemas) for address, schemas in shared.items()]


@asynccontextmanager
async def build(settings: Settings, site: Site, clock: Clock, ids: Ids) -> AsyncGenerator[House]:
    """Build the house, keep it running for as long as the block lasts, and take it down in order."""
    async with AsyncExitStack() as stack:

        async def database(module: str) -> Database:
            opened = await Database.open(
                site.databases[module],
                name=module,
                size_max=settings.database.connections_max,
                clock=clock,
            )
            stack.push_async_callback(opened.close)
            return opened

        file_provider = await FileProvider.open(site.folder / "keys", key=site.key)
        keys_database = await database("keys")
        keys = KeysService(keys_database, clock, [file_provider])
        await keys.start()

        health = Health(clock, database=lambda: keys_database.fetch_value("SELECT 1"))
        ground = Ground(NobodyYet(), MemoryLimits(monotonic), Meters(), ids, health)
        edge = build_listener([], service="gateway", ground=ground, rules=Rules())

        yield House(keys, edge)
