"""SQL about custom roles."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from bezant.db.database import Tx
from bezant.db.faults import ConstraintViolated
from bezant.identity.custom_role import RoleNameTaken
from bezant.identity.port import Role


@dataclass(frozen=True, slots=True)
class CustomRoleRow:
    """A custom role."""

    id: UUID
    merchant_id: UUID
    name: str
    basis: Role
    grants: tuple[str, ...]
    created_at: datetime
    created_by: str


@dataclass(frozen=True, slots=True)
class HolderRow:
    """A member who has a role."""

    member_id: UUID


_ROLE = """
    SELECT id, merchant_id, name, basis, grants, created_at, created_by
    FROM identity.custom_role
"""


async def add(tx: Tx, row: CustomRoleRow) -> bool:
    """Add a role; False if its id is taken."""
    try:
        touched = await tx.execute(
            """
            INSERT INTO identity.custom_role (
                id, merchant_id, name, basis, grants, created_at, created_by
            )
            VALUES (%s, %s, %s, %s, %s, %s, %s)
            ON CONFLICT (id) DO NOTHING
            """,
            (
                row.id,
                row.merchant_id,
                row.name,
                row.basis.value,
                list(row.grants),
                row.created_at,
                row.created_by,
            ),
        )
    except ConstraintViolated as violated:
        raise _taken(violated) from None
    return touched == 1


async def change(tx: Tx, role_id: UUID, name: str, grants: Sequence[str]) -> None:
    """Give a role this name and these rights."""
    try:
        await tx.execute(
            "UPDATE identity.custom_role SET name = %s, grants = %s WHERE id = %s",
            (name, list(grants), role_id),
        )
    except ConstraintViolated as violated:
        raise _taken(violated) from None


async def end(tx: Tx, role_id: UUID, at: datetime) -> None:
    """End a role."""
    await tx.execute("UPDATE identity.custom_role SET ended_at = %s WHERE id = %s", (at, role_id))


async def find(tx: Tx, role_id: UUID, merchant_id: UUID) -> CustomRoleRow | None:
    """Return a tenant's role that has not ended."""
    return await tx.fetch_one(
        CustomRoleRow,
        _ROLE + " WHERE id = %s AND merchant_id = %s AND ended_at IS NULL",
        (role_id, merchant_id),
    )


async def of_tenant(tx: Tx, merchant_id: UUID, limit: int) -> list[CustomRoleRow]:
    """Return a tenant's roles by name."""
    return await tx.fetch_all(
        CustomRoleRow,
        _ROLE + " WHERE merchant_id = %s AND ended_at IS NULL ORDER BY lower(name) LIMIT %s",
        (merchant_id, limit),
    )


async def in_use(tx: Tx, role_id: UUID, now: datetime) -> bool:
    """Tell whether anybody has a role: a member, an open invitation, or a key that works."""
    found: bool = await tx.fetch_value(
        """
        SELECT
            EXISTS (SELECT FROM identity.membership WHERE custom_role = %(role)s)
            OR EXISTS (
                SELECT
                FROM identity.invitation
                WHERE
                    custom_role = %(role)s
                    AND accepted_at IS NULL
                    AND cancelled_at IS NULL
                    AND expires_at > %(now)s
            )
            OR EXISTS (
                SELECT
                FROM identity.api_key
                WHERE
                    custom_role = %(role)s
                    AND revoked_at IS NULL
                    AND (expires_at IS NULL OR expires_at > %(now)s)
            )
        """,
        {"role": role_id, "now": now},
    )
    return found


async def holders(tx: Tx, role_id: UUID) -> list[UUID]:
    """Return the members who have a role."""
    rows = await tx.fetch_all(
        HolderRow,
        "SELECT member_id FROM identity.membership WHERE custom_role = %s",
        (role_id,),
    )
    return [row.member_id for row in rows]


def _taken(violated: ConstraintViolated) -> Exception:
    if violated.constraint == "custom_role_name_once":
        return RoleNameTaken(field="name")
    return violated
