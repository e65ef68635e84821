"""SQL about API keys."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from bezant.actor import Mode
from bezant.db.database import Tx
from bezant.identity.port import KeyKind, Role


@dataclass(frozen=True, slots=True)
class ApiKeyRow:
    """A key without its hash."""

    id: UUID
    merchant_id: UUID
    mode: Mode
    kind: KeyKind
    role: Role
    name: str
    shown: str
    grants: tuple[str, ...]
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    maker_left: bool
    custom_role: UUID | None
    narrowed_to: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HolderRow:
    """A key as found by its hash, with what decides whether it is accepted."""

    id: UUID
    merchant_id: UUID
    mode: Mode
    kind: KeyKind
    role: Role
    grants: tuple[str, ...]
    hash: bytes
    hash_kid: str
    expires_at: datetime | None
    revoked_at: datetime | None
    active: bool
    demo: bool
    generation: int
    narrowed_to: tuple[str, ...]


# Whoever made a key is a member there or of the platform, or is no member.
_MAKER_LEFT = """
    (
        starts_with(created_by, 'mem_')
        AND NOT EXISTS (
            SELECT
            FROM identity.membership AS b
            WHERE
                b.member_id = CASE
                    WHEN starts_with(created_by, 'mem_') THEN substr(created_by, 5)::uuid
                END
                AND b.merchant_id IN (
                    api_key.merchant_id, '00000000-0000-0000-0000-000000000000'
                )
        )
    )
"""
_NARROWED_TO = """
    coalesce(
        (SELECT r.grants FROM identity.custom_role AS r WHERE r.id = api_key.custom_role), '{*}'
    )
"""
_KEY = f"""
    SELECT
        id, merchant_id, mode, kind, role, name, shown, grants, created_at, created_by,
        expires_at, revoked_at, last_used_at, {_MAKER_LEFT} AS maker_left, custom_role,
        {_NARROWED_TO} AS narrowed_to
    FROM identity.api_key
"""
_LIVING = "revoked_at IS NULL AND (expires_at IS NULL OR expires_at > %(now)s)"


async def add(tx: Tx, row: ApiKeyRow, key_hash: bytes, hash_kid: str) -> bool:
    """Add a key; False if its id is taken."""
    touched = await tx.execute(
        """
        INSERT INTO identity.api_key (
            id, merchant_id, mode, kind, role, name, shown, hash, hash_kid, grants, created_at,
            created_by, expires_at, custom_role
        )
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
        ON CONFLICT (id) DO NOTHING
        """,
        (
            row.id,
            row.merchant_id,
            row.mode.value,
            row.kind.value,
            row.role.value,
            row.name,
            row.shown,
            key_hash,
            hash_kid,
            list(row.grants),
            row.created_at,
            row.created_by,
            row.expires_at,
            row.custom_role,
        ),
    )
    return touched == 1


async def holder(tx: Tx, hashes: Sequence[bytes]) -> HolderRow | None:
    """Return the key with one of these hashes, and the generation as of the same instant."""
    return await tx.fetch_one(
        HolderRow,
        """
        SELECT
            k.id, k.merchant_id, k.mode, k.kind, k.role, k.grants, k.hash, k.hash_kid,
            k.expires_at, k.revoked_at, m.state = 'active' AS active, m.demo,
            g.number AS generation, coalesce(r.grants, '{*}') AS narrowed_to
        FROM identity.api_key AS k
        JOIN identity.merchant AS m ON m.id = k.merchant_id
        CROSS JOIN identity.generation AS g
        LEFT JOIN identity.custom_role AS r ON r.id = k.custom_role
        WHERE k.hash = ANY(%s)
        """,
        (list(hashes),),
    )


async def rehash(tx: Tx, key_id: UUID, old_kid: str, key_hash: bytes, hash_kid: str) -> None:
    """Store a key's hash under a newer hashing key."""
    await tx.execute(
        """
        UPDATE identity.api_key
        SET hash = %s, hash_kid = %s
        WHERE id = %s AND hash_kid = %s
        """,
        (key_hash, hash_kid, key_id, old_kid),
    )


async def find(tx: Tx, key_id: UUID, merchant_id: UUID, mode: Mode) -> ApiKeyRow | None:
    """Return a key of a tenant and mode."""
    return await tx.fetch_one(
        ApiKeyRow,
        _KEY + " WHERE id = %s AND merchant_id = %s AND mode = %s",
        (key_id, merchant_id, mode.value),
    )


async def lock(tx: Tx, key_id: UUID, merchant_id: UUID, mode: Mode) -> ApiKeyRow | None:
    """Return a key and hold on to it until the transaction ends."""
    return await tx.fetch_one(
        ApiKeyRow,
        _KEY + " WHERE id = %s AND merchant_id = %s AND mode = %s FOR NO KEY UPDATE",
        (key_id, merchant_id, mode.value),
    )


async def page(
    tx: Tx, merchant_id: UUID, mode: Mode, after: UUID | None, limit: int
) -> list[ApiKeyRow]:
    """Return the keys of a tenant and mode, newest first."""
    return await tx.fetch_all(
        ApiKeyRow,
        _KEY
        + """
        WHERE
            merchant_id = %(merchant)s
            AND mode = %(mode)s
            AND (%(after)s::uuid IS NULL OR id < %(after)s)
        ORDER BY id DESC
        LIMIT %(limit)s
        """,
        {"merchant": merchant_id, "mode": mode.value, "after": after, "limit": limit},
    )


async def living(tx: Tx, merchant_id: UUID, mode: Mode, now: datetime) -> int:
    """Count the keys of a tenant and mode that still work."""
    count = await tx.fetch_value(
        f"""
        SELECT count(*)
        FROM identity.api_key
        WHERE merchant_id = %(merchant)s AND mode = %(mode)s AND {_LIVING}
        """,
        {"merchant": merchant_id, "mode": mode.value, "now": now},
    )
    assert isinstance(count, int)
    return count


async def left_by(tx: Tx, maker: str, now: datetime) -> int:
    """Count the keys that work where their maker is a member no more."""
    count = await tx.fetch_value(
        f"""
        SELECT count(*)
        FROM identity.api_key
        WHERE created_by = %(maker)s AND {_LIVING} AND {_MAKER_LEFT}
        """,
        {"maker": maker, "now": now},
    )
    assert isinstance(count, int)
    return count


async def left_behind(tx: Tx, now: datetime, limit: int) -> list[ApiKeyRow]:
    """Return keys that work though whoever made them is gone, the oldest first."""
    return await tx.fetch_all(
        ApiKeyRow,
        f"{_KEY} WHERE {_LIVING} AND {_MAKER_LEFT} ORDER BY id LIMIT %(limit)s",
        {"now": now, "limit": limit},
    )


async def expire(tx: Tx, key_id: UUID, at: datetime) -> None:
    """Let a key end at an instant, unless it ends earlier anyway."""
    await tx.execute(
        """
        UPDATE identity.api_key
        SET expires_at = %s
        WHERE id = %s AND (expires_at IS NULL OR expires_at > %s)
        """,
        (at, key_id, at),
    )


async def revoke(tx: Tx, key_id: UUID, by: str, at: datetime) -> None:
    """End a key now."""
    await tx.execute(
        """
        UPDATE identity.api_key
        SET revoked_at = %s, revoked_by = %s
        WHERE id = %s AND revoked_at IS NULL
        """,
        (at, by, key_id),
    )


async def lock_fitting(
    tx: Tx, merchant_id: UUID, mode: Mode, kind: KeyKind | None, role: Role | None
) -> list[ApiKeyRow]:
    """Return every key that fits and was not revoked, and hold on to them, in the order of ids."""
    return await tx.fetch_all(
        ApiKeyRow,
        f"""
        {_KEY}
        WHERE
            merchant_id = %(merchant)s
            AND mode = %(mode)s
            AND revoked_at IS NULL
            AND (%(kind)s::text IS NULL OR kind = %(kind)s)
            AND (%(role)s::text IS NULL OR role = %(role)s)
        ORDER BY id
        FOR NO KEY UPDATE OF api_key
        """,
        {
            "merchant": merchant_id,
            "mode": mode.value,
            "kind": kind.value if kind else None,
            "role": role.value if role else None,
        },
    )


async def revoke_these(tx: Tx, keys: Sequence[UUID], by: str, at: datetime) -> int:
    """End these keys now; return how many were ended."""
    return await tx.execute(
        """
        UPDATE identity.api_key
        SET revoked_at = %s, revoked_by = %s
        WHERE id = ANY(%s) AND revoked_at IS NULL
        """,
        (at, by, list(keys)),
    )


async def note_uses(tx: Tx, key_ids: Sequence[UUID], used_at: Sequence[datetime]) -> None:
    """Record when keys were used last; a later record is never replaced by an earlier one."""
    await tx.execute(
        """
        UPDATE identity.api_key AS k
        SET last_used_at = u.used_at
        FROM (
            SELECT k.id, n.used_at
            FROM identity.api_key AS k
            JOIN unnest(%s::uuid[], %s::timestamptz[]) AS n (id, used_at) ON n.id = k.id
            WHERE k.last_used_at IS NULL OR k.last_used_at < n.used_at
            ORDER BY k.id
            FOR NO KEY UPDATE OF k
        ) AS u
        WHERE k.id = u.id
        """,
        (list(key_ids), list(used_at)),
    )
