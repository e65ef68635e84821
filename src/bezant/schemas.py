"""Whose tables there are, and how they are brought to this version."""

from collections.abc import Mapping, Sequence
from typing import Final

from bezant.db.jobs import JOBS
from bezant.db.migrate import create_database, plan, script
from bezant.db.migrate import migrate as apply_migrations
from bezant.db.schema import File, ModuleSchema, Piece
from bezant.ledger import feed as ledger_feed
from bezant.payments import feed as payments_feed
from bezant.secret import Secret

__all__ = [
    "ROLES",
    "SCHEMAS",
    "by_database",
    "create_database",
    "migrate",
    "migration_script",
    "missing_migrations",
]

SCHEMAS: Final[Sequence[ModuleSchema]] = (
    ModuleSchema("approvals", (Piece.OUTBOX, Piece.FEED)),
    ModuleSchema("audit", (Piece.OUTBOX, Piece.FEED, Piece.FOLLOWER)),
    ModuleSchema("keys", (Piece.OUTBOX, Piece.FEED)),
    ModuleSchema("identity", (Piece.OUTBOX, Piece.FEED)),
    ledger_feed.SCHEMA,
    ModuleSchema("orders", (Piece.OUTBOX, Piece.FEED, Piece.FOLLOWER)),
    payments_feed.SCHEMA,
    ModuleSchema("receipts", (Piece.OUTBOX, Piece.FEED, Piece.FOLLOWER)),
    ModuleSchema("vault"),
    ModuleSchema("webhooks", (Piece.OUTBOX, Piece.FEED, Piece.FOLLOWER)),
    JOBS,
)
ROLES: Final = tuple(schema.module for schema in SCHEMAS)
"""Whose database roles there are."""


async def migrate(
    administrators: Mapping[str, Secret[str]], passwords: Mapping[str, Secret[str]]
) -> tuple[File, ...]:
    """Bring every module's tables to this version, one database after the other."""
    applied: list[File] = []
    for administrator, schemas in by_database(administrators):
        applied += (await apply_migrations(administrator, schemas, passwords)).files
    return tuple(applied)


async def missing_migrations(administrators: Mapping[str, Secret[str]]) -> tuple[File, ...]:
    """Return the files that `migrate` would apply, or refuse as it would."""
    missing: list[File] = []
    for administrator, schemas in by_database(administrators):
        missing += await plan(administrator, schemas)
    return tuple(missing)


def migration_script() -> str:
    """Return all migrations as SQL that psql loads."""
    return script(SCHEMAS)


def by_database(
    administrators: Mapping[str, Secret[str]],
) -> list[tuple[Secret[str], list[ModuleSchema]]]:
    """Put together the modules that share a database."""
    shared: dict[str, list[ModuleSchema]] = {}
    for schema in SCHEMAS:
        shared.setdefault(administrators[schema.module].reveal(), []).append(schema)
    return [(Secret(address), schemas) for address, schemas in shared.items()]
