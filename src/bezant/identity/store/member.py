"""SQL about members, their passwords, and invitations."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from bezant.db.database import Tx
from bezant.db.faults import ConstraintViolated
from bezant.errors import Conflict
from bezant.identity.port import Role


@dataclass(frozen=True, slots=True)
class PersonRow:
    """A member whatever the tenant, with the password that counts."""

    id: UUID
    email: str
    last_login_at: datetime
    hash: str


@dataclass(frozen=True, slots=True)
class MemberRow:
    """A member in one tenant."""

    id: UUID
    merchant_id: UUID
    email: str
    name: str
    role: Role
    joined_at: datetime
    last_login_at: datetime | None
    custom_role: UUID | None
    narrowed_to: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class InvitationRow:
    """An invitation without its token."""

    id: UUID
    merchant_id: UUID
    email: str
    role: Role
    invited_by: str
    created_at: datetime
    expires_at: datetime
    accepted_at: datetime | None
    cancelled_at: datetime | None
    custom_role: UUID | None


_PERSON = """
    SELECT m.id, m.email, m.last_login_at, p.hash
    FROM identity.member AS m
    JOIN LATERAL (
        SELECT hash
        FROM identity.password
        WHERE member_id = m.id
        ORDER BY id DESC
        LIMIT 1
    ) AS p ON true
"""
_MEMBER = """
    SELECT
        m.id, s.merchant_id, m.email, m.name, s.role, s.joined_at, m.last_login_at,
        s.custom_role, coalesce(r.grants, '{*}') AS narrowed_to
    FROM identity.membership AS s
    JOIN identity.member AS m ON m.id = s.member_id
    LEFT JOIN identity.custom_role AS r ON r.id = s.custom_role
"""
_INVITATION = """
    SELECT
        id, merchant_id, email, role, invited_by, created_at, expires_at, accepted_at, cancelled_at,
        custom_role
    FROM identity.invitation
"""


async def person_by_email(tx: Tx, email: str) -> PersonRow | None:
    """Return whoever has this address."""
    return await tx.fetch_one(PersonRow, _PERSON + " WHERE m.email = %s", (email,))


async def person_by_name(tx: Tx, typed: str) -> PersonRow | None:
    """Return whoever signs in with this address or name."""
    return await tx.fetch_one(
        PersonRow, _PERSON + " WHERE m.email = %s OR m.username = %s", (typed, typed)
    )


async def name_person(tx: Tx, member_id: UUID, username: str) -> None:
    """Give somebody a name to sign in with, unless another has it."""
    await tx.execute(
        """
        UPDATE identity.member
        SET username = %(username)s
        WHERE
            id = %(member)s
            AND NOT EXISTS (SELECT FROM identity.member WHERE username = %(username)s)
        """,
        {"username": username, "member": member_id},
    )


async def person(tx: Tx, member_id: UUID) -> PersonRow | None:
    """Return a person."""
    return await tx.fetch_one(PersonRow, _PERSON + " WHERE m.id = %s", (member_id,))


@dataclass(frozen=True, slots=True)
class NameRow:
    """What a person is called."""

    email: str
    name: str


async def name_of(tx: Tx, member_id: UUID) -> NameRow | None:
    """Return what a person is called."""
    return await tx.fetch_one(
        NameRow, "SELECT email, name FROM identity.member WHERE id = %s", (member_id,)
    )


async def lock_password(tx: Tx, member_id: UUID, password_hash: str) -> bool:
    """Hold on to a person's password; False if it is no longer the one that was proved."""
    await tx.execute("SELECT id FROM identity.member WHERE id = %s FOR NO KEY UPDATE", (member_id,))
    newest = await person(tx, member_id)
    return newest is not None and newest.hash == password_hash


async def add_person(tx: Tx, member_id: UUID, email: str, name: str, at: datetime) -> None:
    """Add a person."""
    try:
        await tx.execute(
            """
            INSERT INTO identity.member (id, email, name, created_at, last_login_at)
            VALUES (%s, %s, %s, %s, %s)
            """,
            (member_id, email, name, at, at),
        )
    except ConstraintViolated as violated:
        if violated.constraint == "member_email_once":
            raise Conflict("somebody joined with this address just now; try again") from None
        raise


async def seen_in(tx: Tx, member_id: UUID, at: datetime) -> None:
    """Record that a person proved who they are."""
    await tx.execute("UPDATE identity.member SET last_login_at = %s WHERE id = %s", (at, member_id))


async def add_password(tx: Tx, member_id: UUID, password_hash: str, at: datetime) -> None:
    """Replace a person's password."""
    await tx.execute(
        "INSERT INTO identity.password (member_id, hash, set_at) VALUES (%s, %s, %s)",
        (member_id, password_hash, at),
    )


@dataclass(frozen=True, slots=True)
class HashRow:
    """One password somebody has or had."""

    hash: str


async def last_passwords(tx: Tx, member_id: UUID, limit: int) -> list[HashRow]:
    """Return a person's newest passwords."""
    return await tx.fetch_all(
        HashRow,
        "SELECT hash FROM identity.password WHERE member_id = %s ORDER BY id DESC LIMIT %s",
        (member_id, limit),
    )


async def join(
    tx: Tx,
    member_id: UUID,
    merchant_id: UUID,
    role: Role,
    at: datetime,
    custom_role: UUID | None = None,
) -> None:
    """Make somebody a member of a tenant, or give them this role there."""
    await tx.execute(
        """
        INSERT INTO identity.membership (member_id, merchant_id, role, joined_at, custom_role)
        VALUES (%s, %s, %s, %s, %s)
        ON CONFLICT (member_id, merchant_id) DO UPDATE SET
            role = excluded.role,
            custom_role = excluded.custom_role
        """,
        (member_id, merchant_id, role.value, at, custom_role),
    )


async def set_role(
    tx: Tx, member_id: UUID, merchant_id: UUID, role: Role, custom_role: UUID | None = None
) -> None:
    """Change a member's role."""
    await tx.execute(
        """
        UPDATE identity.membership
        SET role = %s, custom_role = %s
        WHERE member_id = %s AND merchant_id = %s
        """,
        (role.value, custom_role, member_id, merchant_id),
    )


async def leave(tx: Tx, member_id: UUID, merchant_id: UUID, at: datetime) -> None:
    """End a membership and the sessions in it."""
    await tx.execute(
        "DELETE FROM identity.membership WHERE member_id = %s AND merchant_id = %s",
        (member_id, merchant_id),
    )
    await tx.execute(
        """
        UPDATE identity.session
        SET ended_at = %s
        WHERE member_id = %s AND merchant_id = %s AND ended_at IS NULL
        """,
        (at, member_id, merchant_id),
    )


async def admins(tx: Tx, merchant_id: UUID) -> int:
    """Count a tenant's administrators."""
    count = await tx.fetch_value(
        """
        SELECT count(*)
        FROM identity.membership
        WHERE merchant_id = %s AND role = 'admin' AND custom_role IS NULL
        """,
        (merchant_id,),
    )
    assert isinstance(count, int)
    return count


async def find(tx: Tx, member_id: UUID, merchant_id: UUID) -> MemberRow | None:
    """Return a member of a tenant."""
    return await tx.fetch_one(
        MemberRow,
        _MEMBER + " WHERE s.member_id = %s AND s.merchant_id = %s",
        (member_id, merchant_id),
    )


async def memberships(tx: Tx, member_id: UUID) -> list[MemberRow]:
    """Return a person in each of their tenants, the one joined first before all others."""
    return await tx.fetch_all(
        MemberRow,
        _MEMBER + " WHERE s.member_id = %s ORDER BY s.joined_at, s.merchant_id",
        (member_id,),
    )


async def page(tx: Tx, merchant_id: UUID, after: UUID | None, limit: int) -> list[MemberRow]:
    """Return a tenant's members, newest first."""
    return await tx.fetch_all(
        MemberRow,
        _MEMBER
        + """
        WHERE s.merchant_id = %(merchant)s AND (%(after)s::uuid IS NULL OR m.id < %(after)s)
        ORDER BY m.id DESC
        LIMIT %(limit)s
        """,
        {"merchant": merchant_id, "after": after, "limit": limit},
    )


async def add_invitation(tx: Tx, row: InvitationRow, token_hash: bytes, *, posted: bool) -> bool:
    """Add an invitation; False if its id is taken."""
    touched = await tx.execute(
        """
        INSERT INTO identity.invitation (
            id, merchant_id, email, role, token_hash, invited_by, created_at, expires_at,
            custom_role, posted
        )
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
        ON CONFLICT (id) DO NOTHING
        """,
        (
            row.id,
            row.merchant_id,
            row.email,
            row.role.value,
            token_hash,
            row.invited_by,
            row.created_at,
            row.expires_at,
            row.custom_role,
            posted,
        ),
    )
    return touched == 1


async def invitation_page(
    tx: Tx, merchant_id: UUID, after: UUID | None, limit: int
) -> list[InvitationRow]:
    """Return a tenant's invitations, newest first."""
    return await tx.fetch_all(
        InvitationRow,
        _INVITATION
        + """
        WHERE merchant_id = %(merchant)s AND (%(after)s::uuid IS NULL OR id < %(after)s)
        ORDER BY id DESC
        LIMIT %(limit)s
        """,
        {"merchant": merchant_id, "after": after, "limit": limit},
    )


async def cancel_invitation(
    tx: Tx, invitation_id: UUID, merchant_id: UUID, at: datetime
) -> InvitationRow | None:
    """Cancel an invitation that is still open; return it as it is now."""
    await tx.execute(
        """
        UPDATE identity.invitation
        SET cancelled_at = %s
        WHERE id = %s AND merchant_id = %s AND accepted_at IS NULL AND cancelled_at IS NULL
        """,
        (at, invitation_id, merchant_id),
    )
    return await tx.fetch_one(
        InvitationRow,
        _INVITATION + " WHERE id = %s AND merchant_id = %s",
        (invitation_id, merchant_id),
    )


async def cancel_invitations_of(
    tx: Tx, invited_by: str, merchant_id: UUID, *, everywhere: bool, at: datetime
) -> None:
    """Cancel what somebody invited to and nobody accepted yet: in a tenant, or in all of them."""
    await tx.execute(
        """
        UPDATE identity.invitation
        SET cancelled_at = %s
        WHERE
            invited_by = %s
            AND (merchant_id = %s OR %s)
            AND accepted_at IS NULL
            AND cancelled_at IS NULL
        """,
        (at, invited_by, merchant_id, everywhere),
    )


async def open_invitation(tx: Tx, token_hash: bytes, now: datetime) -> InvitationRow | None:
    """Return the invitation of a token if it can still be accepted."""
    return await tx.fetch_one(
        InvitationRow,
        _INVITATION
        + """
        WHERE
            token_hash = %s
            AND accepted_at IS NULL
            AND cancelled_at IS NULL
            AND expires_at > %s
        """,
        (token_hash, now),
    )


async def claim_invitation(tx: Tx, token_hash: bytes, member_id: UUID, now: datetime) -> bool:
    """Accept an invitation; of many who try at once, one gets True."""
    touched = await tx.execute(
        """
        UPDATE identity.invitation
        SET accepted_at = %(now)s, accepted_by = %(member)s
        WHERE
            token_hash = %(token_hash)s
            AND accepted_at IS NULL
            AND cancelled_at IS NULL
            AND expires_at > %(now)s
        """,
        {"token_hash": token_hash, "now": now, "member": member_id},
    )
    return touched == 1
