"""Migrations: forward only, checksummed, one run at a time, each file as its module's owner.

    applied = await migrate(admin_dsn, modules, passwords)

A file that was applied and has changed since is refused, and so is a database that a newer version
has written. Modules with databases of their own are migrated one database at a time.
"""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql
from psycopg.pq import TransactionStatus
from psycopg.rows import TupleRow

import bezant
from bezant.db import faults, roles, session
from bezant.db.database import Database
from bezant.db.schema import File, ModuleSchema
from bezant.errors import BezantError, Refused, Unavailable
from bezant.secret import Secret

ADVISORY_LOCK = 7_000
LOCK_SECONDS = 2.0  # Old code runs meanwhile: a file that waits longer for a lock steps back,
LOCK_ATTEMPTS_MAX = 10  # lets others through and tries again.
RUN_SECONDS_MAX = 600.0  # Another run is waited for this long.
_WANTS_PLAINTEXT = "plaintext passwords"  # A hosted database (Neon) that refuses verifiers says so.
_CONCURRENT = frozenset(
    {"XX000", "23505", "42710"}
)  # Two databases of one server share their roles.


class DatabaseNewer(Refused):
    """This database was written by a newer version of the program."""

    code = "database_newer"


class DatabaseOlder(Unavailable):
    """This database still has to be migrated."""

    code = "database_older"


class MigrationChanged(Refused):
    """A migration file changed after it was applied."""

    code = "migration_changed"


class MigrationFailed(BezantError):
    """A migration file failed and was undone; those before it are applied."""

    code = "migration_failed"


class MigrationBusy(Unavailable):
    """Another migration is running, or a lock was not free for too long."""

    code = "migration_busy"


@dataclass(frozen=True, slots=True)
class Applied:
    """What a run did."""

    files: tuple[File, ...]
    modules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class JournalRow:
    """One applied file, as the database remembers it."""

    module: str
    part: str
    number: int
    name: str
    sha256: str
    version: str


_READ_JOURNAL = "SELECT module, part, number, name, sha256, version FROM bezant.migration"


async def migrate(
    admin_dsn: str | Secret[str],
    modules: Sequence[ModuleSchema],
    passwords: Mapping[str, Secret[str]],
) -> Applied:
    """Bring one database to this version. `passwords` are the login roles', by module."""
    connection = await _connect(admin_dsn)
    try:
        await _lock(connection)
        pending = _pending(modules, await _journal(connection))
        await _prepare(connection, roles.PREPARE_DATABASE)
        for module in modules:
            await _prepare(connection, roles.prepare_module(module))
            await _prepare(connection, _as_owner(module, roles.open_schema(module)))
            if module.module in passwords:
                await _set_password(connection, module.role, passwords[module.module])
        for module, file in pending:
            await _apply(connection, module, file)
    except psycopg.Error as error:
        raise _failed("preparing roles and schemas", error) from None
    finally:
        await connection.close()
    return Applied(tuple(file for _, file in pending), tuple(module.module for module in modules))


async def plan(admin_dsn: str | Secret[str], modules: Sequence[ModuleSchema]) -> tuple[File, ...]:
    """Return the files a run would apply, or refuse as it would."""
    connection = await _connect(admin_dsn)
    try:
        return tuple(file for _, file in _pending(modules, await _journal(connection)))
    finally:
        await connection.close()


async def refuse_unless_current(database: Database, modules: Sequence[ModuleSchema]) -> None:
    """Refuse to serve from a database that is older or newer than this program."""
    journal = await database.fetch_all(JournalRow, _READ_JOURNAL)
    pending = _pending(modules, journal)
    if pending:
        raise DatabaseOlder(
            f"{len(pending)} migrations are missing, {pending[0][1]} first; run bezant migrate"
        )


def script(modules: Sequence[ModuleSchema], applied: Collection[File] = ()) -> str:
    """Return the run as plain SQL for psql; passwords are left to be set there."""
    done = {(file.module, file.part, file.number) for file in applied}
    parts = [
        f"-- Bezant {bezant.__version__}: load with psql -X -v ON_ERROR_STOP=1",
        "\\set ON_ERROR_STOP on",
        roles.PREPARE_DATABASE,
    ]
    for module in modules:
        parts += [
            f"-- {module.module}; its password: \\password {module.role}",
            roles.prepare_module(module),
            f"BEGIN;\n{_as_owner(module, roles.open_schema(module))}COMMIT;",
        ]
        for file in module.files():
            if (file.module, file.part, file.number) not in done:
                body = _as_owner(module, file.text)
                parts.append(f"-- {file}\nBEGIN;\n{_journal_entry(file)}{body}COMMIT;")
    return "\n".join(parts) + "\n"


async def create_database(admin_dsn: str | Secret[str], name: str) -> bool:
    """Create a database if there is none of this name; tell whether it was created."""
    connection = await _connect(admin_dsn)
    try:
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'")
        await connection.execute(statement.format(sql.Identifier(name)))
    except psycopg.errors.DuplicateDatabase:
        return False
    except psycopg.Error as error:
        raise _failed(f"creating the database {name}", error) from None
    finally:
        await connection.close()
    return True


Admin = psycopg.AsyncConnection[TupleRow]


async def _connect(admin_dsn: str | Secret[str]) -> Admin:
    secret = admin_dsn if isinstance(admin_dsn, Secret) else Secret(admin_dsn)
    limits = session.Limits(statement_seconds=0, transaction_seconds=0, commit_seconds=0)
    connection = await session.connect(secret, "migrate", limits)
    await connection.set_autocommit(True)
    return connection


async def _lock(connection: Admin) -> None:
    """Take the lock of the whole run. It belongs to the session and ends with it."""
    await _plain(connection, f"SET lock_timeout = '{round(RUN_SECONDS_MAX)}s'")
    try:
        await connection.execute("SELECT pg_advisory_lock(%s)", (ADVISORY_LOCK,))
    except psycopg.errors.LockNotAvailable:
        raise MigrationBusy(retry_after_seconds=faults.RETRY_AFTER_SECONDS) from None


async def _journal(connection: Admin) -> list[JournalRow]:
    cursor = await connection.execute("SELECT to_regclass('bezant.migration') IS NOT NULL")
    row = await cursor.fetchone()
    if row is None or not row[0]:
        return []
    cursor = await connection.execute(_READ_JOURNAL)
    return [JournalRow(*row) for row in await cursor.fetchall()]


def _pending(
    modules: Sequence[ModuleSchema], journal: Sequence[JournalRow]
) -> list[tuple[ModuleSchema, File]]:
    """Compare what is applied with what this program has; refuse what does not fit."""
    applied = {(row.module, row.part, row.number): row for row in journal}
    pending: list[tuple[ModuleSchema, File]] = []
    for module in modules:
        for file in module.files():
            row = applied.pop((file.module, file.part, file.number), None)
            if row is None:
                pending.append((module, file))
            elif row.sha256 != file.sha256:
                raise MigrationChanged(
                    f"{file} was applied by version {row.version} and has changed since; "
                    "restore that file and put the change into a new one"
                )
    names = {module.module for module in modules}
    for row in sorted(applied.values(), key=lambda row: (row.module, row.part, row.number)):
        if row.module in names:
            raise DatabaseNewer(
                f"{row.module} {row.number:04}_{row.name} was applied by version {row.version}; "
                f"this is {bezant.__version__}, which does not know it: "
                "run that version, or restore a backup made before it"
            )
    return pending


async def _prepare(connection: Admin, text: str) -> None:
    """Run idempotent SQL, again when a run in another database of this server was in the way."""
    for attempt in range(1, LOCK_ATTEMPTS_MAX + 1):
        try:
            await _plain(connection, text)
        except psycopg.Error as error:
            again = error.sqlstate in _CONCURRENT and _WANTS_PLAINTEXT not in str(error)
            if not again or attempt == LOCK_ATTEMPTS_MAX:
                raise
            await asyncio.sleep(0.05 * attempt)
        else:
            return


async def _apply(connection: Admin, module: ModuleSchema, file: File) -> None:
    for attempt in range(1, LOCK_ATTEMPTS_MAX + 1):
        try:
            async with connection.transaction():
                await _plain(connection, _journal_entry(file))
                await _plain(connection, _as_owner(module, file.text))
                if connection.info.transaction_status != TransactionStatus.INTRANS:
                    raise MigrationFailed(f"{file} must not commit or roll back itself")
        except psycopg.errors.LockNotAvailable:
            if attempt == LOCK_ATTEMPTS_MAX:
                raise MigrationBusy(
                    f"{file} found a lock taken {attempt} times; it was undone",
                    retry_after_seconds=faults.RETRY_AFTER_SECONDS,
                ) from None
            await asyncio.sleep(0.2 * attempt)
        except psycopg.Error as error:
            raise _failed(str(file), error) from None
        else:
            return


def _as_owner(module: ModuleSchema, text: str) -> str:
    return f"{roles.act_as_owner(module, LOCK_SECONDS)}{text}\n"


def _journal_entry(file: File) -> str:
    # Every value here is a number, a hex digest or a name made of letters, digits and dots.
    values = f"'{file.module}', '{file.part}', {file.number}, '{file.name}', '{file.sha256}'"
    return (
        "INSERT INTO bezant.migration (module, part, number, name, sha256, version)\n"
        f"VALUES ({values}, '{bezant.__version__}');\n"
    )


async def _set_password(connection: Admin, role: str, password: Secret[str]) -> None:
    """Give a login role its password as a verifier, so that no log ever sees it in the clear."""
    verifier = connection.pgconn.encrypt_password(
        password.reveal().encode(), role.encode(), b"scram-sha-256"
    )
    statement = sql.SQL("ALTER ROLE {} PASSWORD {}")
    name = sql.Identifier(role)
    try:
        text = statement.format(name, sql.Literal(verifier.decode()))
        await _prepare(connection, text.as_string(connection))
    except psycopg.Error as error:
        if _WANTS_PLAINTEXT not in str(error):
            raise
        text = statement.format(name, sql.Literal(password.reveal()))
        await _prepare(connection, text.as_string(connection))


async def _plain(connection: Admin, text: str) -> Any:
    """Run SQL as it is, several statements at once: our own files, nothing from outside."""
    return await connection.execute(text.encode(), prepare=False)


def _failed(what: str, error: psycopg.Error) -> BezantError:
    if error.sqlstate is None:
        return faults.unavailable(f"the connection was lost while {what}")
    diagnosis = error.diag
    where = f" at character {diagnosis.statement_position}" if diagnosis.statement_position else ""
    return MigrationFailed(f"{what}: {diagnosis.message_primary} ({error.sqlstate}){where}")
