"""Every SQL statement about names and versions of keys."""

from dataclasses import dataclass
from datetime import datetime

from bezant.db.database import Tx
from bezant.db.faults import ConstraintViolated
from bezant.keys.port import (
    DeclareKey,
    KeyInUse,
    KeyPlan,
    KeySpec,
    KeyState,
    KeyTransition,
    Purpose,
)


@dataclass(frozen=True, slots=True)
class LogicalRow:
    """A key's name and what it is for."""

    name: str
    purpose: Purpose
    spec: KeySpec
    wrapped: bool
    declared_by: str


@dataclass(frozen=True, slots=True)
class DueRow:
    """Something that is to happen to a key by now."""

    name: str
    kid: str
    publish_seconds: int


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
    not_before: datetime | None
    not_after: datetime | None
    made_here: bool | None
    extractable: bool | None
    declared_by: str


_SELECT_VERSION = """
    SELECT
        v.kid, v.name, v.version, l.purpose, l.spec, v.state, v.provider, v.provider_ref,
        v.public_key, v.wrapped_by, v.wrapped_key, v.created_at, v.changed_at, v.not_before,
        CASE
            WHEN v.state = 'active' AND l.rotate_days > 0
                THEN v.not_before + make_interval(days => l.rotate_days)
            ELSE v.not_after
        END AS not_after,
        v.made_here, v.extractable, l.declared_by
    FROM keys.key_version AS v
    JOIN keys.logical_key AS l ON l.name = v.name
"""


async def logical_key(tx: Tx, name: str) -> LogicalRow | None:
    """Return a logical key."""
    return await tx.fetch_one(
        LogicalRow,
        """
        SELECT name, purpose, spec, wrapped, declared_by
        FROM keys.logical_key
        WHERE name = %s
        """,
        (name,),
    )


async def add_logical_key(tx: Tx, command: DeclareKey, plan: KeyPlan, at: datetime) -> None:
    """Add a logical key unless it exists."""
    await tx.execute(
        """
        INSERT INTO keys.logical_key (
            name, purpose, spec, wrapped, declared_by, created_at, rotate_days, publish_seconds,
            destroy_days
        )
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
        ON CONFLICT (name) DO UPDATE
        SET declared_by = excluded.declared_by
        WHERE logical_key.declared_by = ''
        """,
        (
            command.name,
            command.purpose.value,
            command.spec.value,
            command.wrapped,
            command.by,
            at,
            plan.rotate_days,
            plan.publish_seconds,
            plan.destroy_days,
        ),
    )


async def plans(tx: Tx) -> list[KeyPlan]:
    """Return what happens to each key by itself."""
    return await tx.fetch_all(
        KeyPlan,
        """
        SELECT name, rotate_days, publish_seconds, destroy_days
        FROM keys.logical_key
        ORDER BY name
        """,
        (),
    )


async def change_plan(tx: Tx, plan: KeyPlan) -> bool:
    """Change what happens to a key by itself; false if there is no such key."""
    changed = await tx.execute(
        """
        UPDATE keys.logical_key
        SET rotate_days = %s, publish_seconds = %s, destroy_days = %s
        WHERE name = %s
        """,
        (plan.rotate_days, plan.publish_seconds, plan.destroy_days, plan.name),
    )
    return changed == 1


async def due_to_begin(tx: Tx, now: datetime) -> list[DueRow]:
    """Return pending versions whose time to take over has come."""
    return await tx.fetch_all(
        DueRow,
        """
        SELECT v.name, v.kid, l.publish_seconds
        FROM keys.key_version AS v
        JOIN keys.logical_key AS l ON l.name = v.name
        WHERE v.state = 'pending' AND coalesce(v.not_before, v.created_at) <= %s
        ORDER BY v.name
        """,
        (now,),
    )


async def due_to_end(tx: Tx, now: datetime) -> list[DueRow]:
    """Return active versions whose successor should be made, early enough to be shown first."""
    return await tx.fetch_all(
        DueRow,
        """
        SELECT v.name, v.kid, l.publish_seconds
        FROM keys.key_version AS v
        JOIN keys.logical_key AS l ON l.name = v.name
        WHERE
            v.state = 'active'
            AND l.rotate_days > 0
            AND v.not_before + make_interval(days => l.rotate_days)
            <= %s::timestamptz + make_interval(secs => l.publish_seconds)
            AND NOT EXISTS (
                SELECT FROM keys.key_version AS next
                WHERE next.name = v.name AND next.state = 'pending'
            )
        ORDER BY v.name
        """,
        (now,),
    )


async def due_to_be_destroyed(tx: Tx, now: datetime) -> list[DueRow]:
    """Return retired versions that their plan does not keep any longer."""
    return await tx.fetch_all(
        DueRow,
        """
        SELECT v.name, v.kid, l.publish_seconds
        FROM keys.key_version AS v
        JOIN keys.logical_key AS l ON l.name = v.name
        WHERE
            v.state IN ('verify_only', 'decrypt_only')
            AND l.destroy_days > 0
            AND v.not_after + make_interval(days => l.destroy_days) <= %s
        ORDER BY v.kid
        """,
        (now,),
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
            created_at, changed_at, not_before, made_here, extractable
        )
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
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
            row.not_before,
            row.made_here,
            row.extractable,
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
