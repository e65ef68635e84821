"""SQL about sessions and about wrong passwords."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from bezant.actor import Mode
from bezant.db.database import Tx
from bezant.identity.port import Role


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A session without its token."""

    id: UUID
    member_id: UUID
    merchant_id: UUID
    mode: Mode
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    address: str
    agent: str
    methods: tuple[str, ...]
    proved_at: datetime


@dataclass(frozen=True, slots=True)
class LivingRow:
    """A session that may be used, and what its member may do in it."""

    id: UUID
    member_id: UUID
    merchant_id: UUID
    mode: Mode
    role: Role
    demo: bool
    last_seen_at: datetime
    expires_at: datetime
    methods: tuple[str, ...]
    proved_at: datetime
    narrowed_to: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TryRow:
    """How often an address failed in a row, and until when it waits."""

    failures: int
    locked_until: datetime | None


_COLUMNS = """
    id, member_id, merchant_id, mode, created_at, last_seen_at, expires_at, address, agent, methods,
    coalesce(proved_at, created_at) AS proved_at
"""
_SESSION = f"SELECT {_COLUMNS} FROM identity.session"


async def add(tx: Tx, row: SessionRow, token_hash: bytes) -> None:
    """Add a session."""
    await tx.execute(
        """
        INSERT INTO identity.session (
            id, member_id, merchant_id, mode, token_hash, created_at, last_seen_at, expires_at,
            address, agent, methods, proved_at
        )
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
        """,
        (
            row.id,
            row.member_id,
            row.merchant_id,
            row.mode.value,
            token_hash,
            row.created_at,
            row.last_seen_at,
            row.expires_at,
            row.address,
            row.agent,
            list(row.methods),
            row.proved_at,
        ),
    )


async def living(
    tx: Tx, token_hash: bytes, now: datetime, seen_after: datetime
) -> LivingRow | None:
    """Return the session of a token if it was neither ended nor left idle nor outlived."""
    return await tx.fetch_one(
        LivingRow,
        """
        SELECT
            s.id, s.member_id, s.merchant_id, s.mode, b.role, m.demo, s.last_seen_at, s.expires_at,
            s.methods, coalesce(s.proved_at, s.created_at) AS proved_at,
            coalesce(r.grants, '{*}') AS narrowed_to
        FROM identity.session AS s
        JOIN identity.membership AS b
            ON b.member_id = s.member_id AND b.merchant_id = s.merchant_id
        JOIN identity.merchant AS m ON m.id = s.merchant_id
        LEFT JOIN identity.custom_role AS r ON r.id = b.custom_role
        WHERE
            s.token_hash = %s
            AND s.ended_at IS NULL
            AND s.expires_at > %s
            AND s.last_seen_at > %s
            AND m.state = 'active'
        """,
        (token_hash, now, seen_after),
    )


async def seen(tx: Tx, session_id: UUID, at: datetime) -> None:
    """Record that a session was used."""
    await tx.execute(
        """
        UPDATE identity.session
        SET last_seen_at = %s
        WHERE id = %s AND ended_at IS NULL AND last_seen_at < %s
        """,
        (at, session_id, at),
    )


async def hold(tx: Tx, session_id: UUID) -> bool:
    """Keep a session from being ended until the transaction does; False if it has ended."""
    found: UUID | None = await tx.fetch_value(
        "SELECT id FROM identity.session WHERE id = %s AND ended_at IS NULL FOR SHARE",
        (session_id,),
    )
    return found is not None


async def move(tx: Tx, session_id: UUID, merchant_id: UUID, mode: Mode) -> SessionRow | None:
    """Let a session enter another tenant or mode."""
    await tx.execute(
        """
        UPDATE identity.session
        SET merchant_id = %s, mode = %s
        WHERE id = %s AND ended_at IS NULL
        """,
        (merchant_id, mode.value, session_id),
    )
    return await tx.fetch_one(SessionRow, _SESSION + " WHERE id = %s", (session_id,))


async def is_new_device(tx: Tx, member_id: UUID, agent: str) -> bool:
    """Tell whether somebody signed in before, but never on a device that calls itself so."""
    return bool(
        await tx.fetch_value(
            """
            SELECT count(*) > 0 AND count(*) FILTER (WHERE agent = %s) = 0
            FROM identity.session
            WHERE member_id = %s
            """,
            (agent, member_id),
        )
    )


async def find(tx: Tx, session_id: UUID) -> SessionRow | None:
    """Return a session."""
    return await tx.fetch_one(SessionRow, _SESSION + " WHERE id = %s", (session_id,))


async def of_member(
    tx: Tx, member_id: UUID, now: datetime, seen_after: datetime
) -> list[SessionRow]:
    """Return a member's sessions that still do something, newest first: whoever is at work, and
    devices whose program holds tokens that began there.
    """
    return await tx.fetch_all(
        SessionRow,
        _SESSION
        + """ AS s
        WHERE
            member_id = %(member)s
            AND ended_at IS NULL
            AND (
                (expires_at > %(now)s AND last_seen_at > %(seen_after)s)
                OR EXISTS (
                    SELECT FROM identity.delegation AS d
                    WHERE
                        d.session_id = s.id AND d.revoked_at IS NULL AND d.expires_at > %(now)s
                )
            )
        ORDER BY created_at DESC, id
        LIMIT 100
        """,
        {"member": member_id, "now": now, "seen_after": seen_after},
    )


async def end(tx: Tx, session_id: UUID, member_id: UUID, at: datetime) -> SessionRow | None:
    """End one of a member's sessions; return it."""
    await tx.execute(
        """
        UPDATE identity.session
        SET ended_at = %s
        WHERE id = %s AND member_id = %s AND ended_at IS NULL
        """,
        (at, session_id, member_id),
    )
    return await tx.fetch_one(
        SessionRow, _SESSION + " WHERE id = %s AND member_id = %s", (session_id, member_id)
    )


async def end_by_token(tx: Tx, token_hash: bytes, at: datetime) -> SessionRow | None:
    """End the session of a token; return it if there was one."""
    return await tx.fetch_one(
        SessionRow,
        f"""
        UPDATE identity.session
        SET ended_at = %s
        WHERE token_hash = %s AND ended_at IS NULL
        RETURNING {_COLUMNS}
        """,
        (at, token_hash),
    )


async def prove(tx: Tx, session_id: UUID, methods: tuple[str, ...], at: datetime) -> bool:
    """Record that whoever is behind a session proved again who they are, and how."""
    touched = await tx.execute(
        """
        UPDATE identity.session
        SET
            proved_at = %(at)s,
            methods = array(
                SELECT DISTINCT one FROM unnest(methods || %(methods)s::text[]) AS one ORDER BY one
            )
        WHERE id = %(id)s AND ended_at IS NULL AND coalesce(proved_at, created_at) <= %(at)s
        """,
        {"at": at, "methods": list(methods), "id": session_id},
    )
    return touched == 1


async def end_all(tx: Tx, member_id: UUID, at: datetime) -> int:
    """End every session of a member; return how many."""
    return await tx.execute(
        "UPDATE identity.session SET ended_at = %s WHERE member_id = %s AND ended_at IS NULL",
        (at, member_id),
    )


async def lock_try(tx: Tx, identifier: bytes, now: datetime) -> TryRow:
    """Return how often an address failed, and hold on to that until the transaction ends."""
    await tx.execute(
        """
        INSERT INTO identity.login_try (identifier, failures, tried_at)
        VALUES (%s, 0, %s)
        ON CONFLICT (identifier) DO NOTHING
        """,
        (identifier, now),
    )
    row = await tx.fetch_one(
        TryRow,
        """
        SELECT failures, locked_until
        FROM identity.login_try
        WHERE identifier = %s
        FOR UPDATE
        """,
        (identifier,),
    )
    return row or TryRow(0, None)  # Forgotten between the two statements: as good as new.


async def count_try(
    tx: Tx, identifier: bytes, failures: int, locked_until: datetime, now: datetime
) -> None:
    """Record a try as a failure; a success forgets it again."""
    await tx.execute(
        """
        INSERT INTO identity.login_try (identifier, failures, locked_until, tried_at)
        VALUES (%(identifier)s, %(failures)s, %(locked_until)s, %(now)s)
        ON CONFLICT (identifier) DO UPDATE SET
            failures = excluded.failures,
            locked_until = excluded.locked_until,
            tried_at = excluded.tried_at
        """,
        {
            "identifier": identifier,
            "failures": failures,
            "locked_until": locked_until,
            "now": now,
        },
    )


async def forget_tries(tx: Tx, identifier: bytes) -> None:
    """Begin to count anew after a success."""
    await tx.execute("DELETE FROM identity.login_try WHERE identifier = %s", (identifier,))


async def spend_address(
    tx: Tx, address: bytes, now: datetime, lasts: timedelta, most: timedelta
) -> datetime | None:
    """Count a failure from a place; if too many are counted there, return when one will be over."""
    counted = await tx.execute(
        """
        INSERT INTO identity.login_address AS a (address, spent_until)
        VALUES (%(address)s, %(now)s + %(lasts)s)
        ON CONFLICT (address) DO UPDATE SET
            spent_until = greatest(a.spent_until, %(now)s) + %(lasts)s
        WHERE a.spent_until <= %(now)s + %(most)s - %(lasts)s
        """,
        {"address": address, "now": now, "lasts": lasts, "most": most},
    )
    if counted:
        return None
    over_at: datetime | None = await tx.fetch_value(
        "SELECT spent_until - %s + %s FROM identity.login_address WHERE address = %s",
        (most, lasts, address),
    )
    return over_at or now  # Forgotten between the two statements.


async def forgive_address(tx: Tx, address: bytes, lasts: timedelta) -> None:
    """Take back one failure that was none after all."""
    await tx.execute(
        "UPDATE identity.login_address SET spent_until = spent_until - %s WHERE address = %s",
        (lasts, address),
    )
