"""Whether the functions in a database are those of the migrations.

A function decides what enters the book; one that somebody replaced would decide otherwise. So each
is made once more from this program's own files, beside the one that is used and in a transaction
that is rolled back, and PostgreSQL tells both in the same words. What the files do not know, and
triggers that were switched off, are told as well.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, LiteralString, cast

from psycopg import sql

from bezant.db.database import Database, Tx
from bezant.db.faults import DatabaseFault
from bezant.db.schema import ModuleSchema

BESIDE: Final = "bezant_doctor_"
"""Where the second ones are made: a schema for each module, gone when the transaction ends."""
_FUNCTION: Final = re.compile(
    r"^CREATE (?:OR REPLACE )?(?P<kind>FUNCTION|PROCEDURE) (?:\w+\.)?(?P<name>\w+)"
    r"(?P<rest>\s*\(.*?(?:\bAS\s+(?P<quote>\$\w*\$).*?(?P=quote)[^;]*|\bRETURN\s.*?));",
    re.DOTALL | re.MULTILINE,
)

_RETURNS: Final = re.compile(r"\b(?:RETURNS|LANGUAGE)\b")


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing in the database that the migrations do not say."""

    what: str
    how: str


@dataclass(frozen=True, slots=True)
class _Told:
    """A function in PostgreSQL's own words."""

    schema: str
    name: str
    arguments: str
    owner: str
    definition: str

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}"

    def key(self) -> tuple[str, str]:
        """Return what tells it from others, those of its name with other arguments too."""
        return str(self).removeprefix(BESIDE), self.arguments


@dataclass(frozen=True, slots=True)
class _Silent:
    """A trigger that does not fire."""

    name: str


class _Compared(Exception):
    """Rolls back what was made beside."""


def written(schema: ModuleSchema) -> dict[tuple[str, str], str]:
    """Return the statements that make a module's functions beside, by name and arguments.

    A later file's counts.
    """
    return {
        (match["name"], " ".join(_RETURNS.split(match["rest"], 1)[0].split())): (
            f"CREATE OR REPLACE {match['kind']} {BESIDE}{schema.module}.{match['name']}"
            + match["rest"]
        )
        for file in schema.files()
        for match in _FUNCTION.finditer(file.text)
    }


async def differences(
    database: Database, schemas: Sequence[ModuleSchema]
) -> tuple[Difference, ...]:
    """Compare the functions and triggers of these modules with their migrations."""
    names = [schema.module for schema in schemas]
    found: list[Difference] = []
    silent: list[_Silent] = []
    try:
        async with database.transaction() as tx:
            used = await _told(tx, names)
            for schema in schemas:
                found += await _make_beside(tx, schema)
            beside = await _told(tx, [BESIDE + name for name in names])
            found += _compare(used, beside, {schema.module: schema.owner for schema in schemas})
            silent = await _silent(tx, names)
            raise _Compared
    except _Compared:
        return (*found, *(Difference(one.name, "is switched off") for one in silent))


async def _make_beside(tx: Tx, schema: ModuleSchema) -> list[Difference]:
    """Make a module's functions once more; return those that cannot be made here."""
    failed: list[Difference] = []
    await tx.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(BESIDE + schema.module)))
    # Bodies are looked at when they run, as they were when the tables were made.
    await tx.execute("SET LOCAL check_function_bodies = off")
    await _look_in(tx, schema.module)
    for (name, _), statement in written(schema).items():
        try:
            async with tx.savepoint():
                await tx.execute(sql.SQL(cast("LiteralString", statement)))
        except DatabaseFault:
            failed.append(Difference(f"{schema.module}.{name}", "misses something that it uses"))
    await _look_in(tx, "")
    return failed


async def _look_in(tx: Tx, schema: str) -> None:
    await tx.execute("SELECT set_config('search_path', %s, true)", (schema,))


def _compare(
    used: Sequence[_Told], beside: Sequence[_Told], owners: dict[str, str]
) -> Iterator[Difference]:
    wanted = {one.key(): one.definition for one in beside}
    for one in used:
        definition = wanted.pop(one.key(), None)
        if definition is None:
            yield Difference(str(one), "stands in no migration")
        elif one.definition != definition:
            yield Difference(str(one), "was replaced or changed")
        elif one.owner != owners[one.schema]:
            yield Difference(str(one), f"belongs to {one.owner}")
    for name, _ in wanted:
        yield Difference(name, "is missing")


async def _told(tx: Tx, schemas: Sequence[str]) -> list[_Told]:
    """Return functions with all that decides what they do, each name with its schema."""
    await _look_in(tx, "")
    return await tx.fetch_all(
        _Told,
        """
        SELECT
          n.nspname::text AS schema, p.proname::text AS name,
          pg_get_function_identity_arguments(p.oid) AS arguments,
          pg_get_userbyid(p.proowner)::text AS owner,
          row(
            p.prokind, pg_get_function_arguments(p.oid), pg_get_function_result(p.oid), p.prolang,
            p.prosecdef, p.provolatile, p.proisstrict, p.proleakproof, p.proparallel, p.proconfig,
            p.prosrc, pg_get_function_sqlbody(p.oid)
          )::text AS definition
        FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
        WHERE n.nspname = ANY (%s)
        ORDER BY n.nspname, p.proname, p.oid
        """,
        (list(schemas),),
    )


async def _silent(tx: Tx, schemas: Sequence[str]) -> list[_Silent]:
    """Return triggers that do not fire, those behind foreign keys too."""
    return await tx.fetch_all(
        _Silent,
        """
        SELECT format('trigger %%s of %%s.%%s', t.tgname, n.nspname, c.relname) AS name
        FROM pg_trigger AS t
        JOIN pg_class AS c ON c.oid = t.tgrelid
        JOIN pg_namespace AS n ON n.oid = c.relnamespace
        WHERE n.nspname = ANY (%s) AND t.tgenabled <> 'O'
        ORDER BY t.oid
        """,
        (list(schemas),),
    )
