"""Every SQL statement of the key registry."""

from dataclasses import dataclass
from datetime import datetime

from bezant.db.database import Tx
from bezant.db.faults import ConstraintViolated
from bezant.keys.port import DeclareKey, KeyInUse, KeySpec, KeyState, KeyTransition, Purpose


@dataclass(frozen=True, slots=True)
class LogicalRow:
    """A key's name and what it is for."""

    name: str
    purpose: Purpose
    spec: KeySpec
    wrapped: bool


@dataclass(frozen=True, slots=True)
class VersionRow:
    """A version with the place where its material lies."""

    kid: str
    name: str
    version: int
    purpose: Purpose
    spec: KeySpec
    state: KeyState
    provider: str | None
    provider_ref: str | None
    public_key: bytes | None
    wrapped_by: str | None
    wrapped_key: bytes | None
    created_at: datetime
    changed_at: datetime


_SELECT_VERSION = """
    SELECT
        v.kid, v.name, v.version, l.purpose, l.spec, v.state, v.provider, v.provider_ref,
        v.public_key, v.wrapped_by, v.wrapped_key, v.created_at, v.changed_at
    FROM keys.key_version AS v
    JOIN keys.logical_key AS l ON l.name = v.name
"""


async def logical_key(tx: Tx, name: str) -> LogicalRow | None:
    """Return a logical key."""
    return await tx.fetch_one(
        LogicalRow,
        "SELECT name, purpose, spec, wrapped FROM keys.logical_key WHERE name = %s",
        (name,),
    )


async def add_logical_key(tx: Tx, command: DeclareKey, at: datetime) -> None:
    """Add a logical key unless it exists."""
    await tx.execute(
        """
        INSERT INTO keys.logical_key (name, purpose, spec, wrapped, created_at)
        VALUES (%s, %s, %s, %s, %s)
        ON CONFLICT (name) DO NOTHING
        """,
        (command.name, command.purpose.value, command.spec.value, command.wrapped, at),
    )


async def lock_logical_key(tx: Tx, name: str) -> None:
    """Let one transaction at a time change the versions of a key."""
    await tx.execute(
        "SELECT name FROM keys.logical_key WHERE name = %s FOR UPDATE",
        (name,),
    )


async def versions(tx: Tx, name: str) -> list[VersionRow]:
    """Return the versions of a key, newest first."""
    return await tx.fetch_all(
        VersionRow, _SELECT_VERSION + " WHERE v.name = %s ORDER BY v.version DESC", (name,)
    )


async def all_versions(tx: Tx) -> list[VersionRow]:
    """Return every version of every key."""
    return await tx.fetch_all(VersionRow, _SELECT_VERSION + " ORDER BY v.name, v.version", ())


async def wrapped_by_older(tx: Tx, kid: str, name: str, limit: int) -> list[VersionRow]:
    """Return data keys that lie under a version of this key other than the one given."""
    return await tx.fetch_all(
        VersionRow,
        _SELECT_VERSION
        + """
        JOIN keys.key_version AS w ON w.kid = v.wrapped_by
        WHERE v.wrapped_key IS NOT NULL AND w.name = %s AND w.kid <> %s
        ORDER BY v.kid
        LIMIT %s
        """,
        (name, kid, limit),
    )


async def add_version(tx: Tx, row: VersionRow) -> None:
    """Add a version; it begins pending, whatever the row says."""
    await tx.execute(
        """
        INSERT INTO keys.key_version (
            kid, name, version, provider, provider_ref, public_key, wrapped_by, wrapped_key,
            created_at, changed_at
        )
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
        """,
        (
            row.kid,
            row.name,
            row.version,
            row.provider,
            row.provider_ref,
            row.public_key,
            row.wrapped_by,
            row.wrapped_key,
            row.created_at,
            row.changed_at,
        ),
    )


async def add_transition(tx: Tx, step: KeyTransition) -> None:
    """Record a step; a trigger applies it to the version."""
    try:
        await tx.execute(
            """
            INSERT INTO keys.key_transition (
                kid, state_before, state_after, made_by, reason, occurred_at
            )
            VALUES (%s, %s, %s, %s, %s, %s)
            """,
            (
                step.kid,
                step.before.value if step.before else None,
                step.after.value,
                step.by,
                step.reason,
                step.occurred_at,
            ),
        )
    except ConstraintViolated as violated:
        if violated.constraint == "key_still_wraps":
            raise KeyInUse("data keys still lie under this key") from None
        raise


async def transitions(tx: Tx, name: str) -> list[KeyTransition]:
    """Return what happened to the versions of a key, oldest first."""
    return await tx.fetch_all(
        KeyTransition,
        """
        SELECT
            t.kid, t.state_before AS before, t.state_after AS after, t.made_by AS by, t.reason,
            t.occurred_at
        FROM keys.key_transition AS t
        JOIN keys.key_version AS v ON v.kid = t.kid
        WHERE v.name = %s
        ORDER BY t.id
        """,
        (name,),
    )


async def rewrap(tx: Tx, row: VersionRow, kid: str, wrapped_key: bytes) -> None:
    """Put a data key under another key, unless somebody else did so meanwhile."""
    await tx.execute(
        "SELECT keys.rewrap_key(%s, %s, %s, %s)",
        (row.kid, row.wrapped_by, kid, wrapped_key),
    )
