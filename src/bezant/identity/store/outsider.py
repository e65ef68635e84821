"""SQL about people whom another issuer vouches for."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from bezant.db.database import Tx
from bezant.identity.port import Role


@dataclass(frozen=True, slots=True)
class OutsiderRow:
    """A tenant, and what somebody from outside is there, if they came before."""

    works: bool
    demo: bool
    member_id: UUID | None
    role: Role | None
    """None for somebody who came before: they were removed, and stay outside."""
    narrowed_to: tuple[str, ...]


async def find(tx: Tx, mark: bytes, merchant_id: UUID) -> OutsiderRow | None:
    """Return what somebody is in a tenant; nothing if there is no such tenant."""
    return await tx.fetch_one(
        OutsiderRow,
        """
        SELECT m.state = 'active' AS works, m.demo, p.member_id, s.role,
            coalesce(r.grants, '{*}') AS narrowed_to
        FROM identity.merchant AS m
        LEFT JOIN identity.outside_person AS p ON p.mark = %s
        LEFT JOIN identity.membership AS s
            ON s.member_id = p.member_id AND s.merchant_id = m.id
        LEFT JOIN identity.custom_role AS r ON r.id = s.custom_role
        WHERE m.id = %s
        """,
        (mark, merchant_id),
    )


async def is_one(tx: Tx, member_id: UUID) -> bool:
    """Tell whether another issuer vouches for somebody."""
    found: bool = await tx.fetch_value(
        "SELECT EXISTS (SELECT FROM identity.outside_person WHERE member_id = %s)", (member_id,)
    )
    return found


async def follow(tx: Tx, member_id: UUID, merchant_id: UUID, role: Role) -> None:
    """Give somebody the role their issuer tells; a custom role goes on narrowing it."""
    await tx.execute(
        "UPDATE identity.membership SET role = %s WHERE member_id = %s AND merchant_id = %s",
        (role.value, member_id, merchant_id),
    )


async def add(tx: Tx, mark: bytes, member_id: UUID, issuer: str, at: datetime) -> None:
    """Remember who an issuer means."""
    await tx.execute(
        """
        INSERT INTO identity.outside_person (mark, member_id, issuer, first_seen_at)
        VALUES (%s, %s, %s, %s)
        """,
        (mark, member_id, issuer, at),
    )
