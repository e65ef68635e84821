"""SQL about what people allowed programs, as they look after it."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from bezant.db.database import Tx


@dataclass(frozen=True, slots=True)
class ConsentRow:
    """What somebody allowed a client, with what people call it."""

    client: UUID
    name: str
    realm: str
    scopes: tuple[str, ...]
    given_at: datetime


@dataclass(frozen=True, slots=True)
class EndedRow:
    """A delegation that has just ended."""

    id: UUID


async def of_member(tx: Tx, member_id: UUID, limit: int) -> list[ConsentRow]:
    """Return what somebody allowed, the newest first."""
    return await tx.fetch_all(
        ConsentRow,
        """
        SELECT s.client, c.name, r.title AS realm, s.scopes, s.given_at
        FROM identity.consent AS s
        JOIN identity.client AS c ON c.id = s.client
        JOIN identity.realm AS r ON r.name = c.realm
        WHERE s.member_id = %s AND c.active
        ORDER BY s.given_at DESC, c.name
        LIMIT %s
        """,
        (member_id, limit),
    )


async def end(tx: Tx, member_id: UUID, client: UUID) -> bool:
    """Forget what somebody allowed a client; False if that was nothing."""
    touched = await tx.execute(
        "DELETE FROM identity.consent WHERE member_id = %s AND client = %s", (member_id, client)
    )
    return touched == 1


async def ask_again(tx: Tx, member_id: UUID, client: UUID) -> None:
    """Let no page count on which they said yes before and that is still open."""
    await tx.execute(
        """
        UPDATE identity.interaction
        SET consented = false
        WHERE member_id = %s AND client = %s AND done_at IS NULL
        """,
        (member_id, client),
    )


async def revoke_delegations(tx: Tx, member_id: UUID, client: UUID, at: datetime) -> list[EndedRow]:
    """End what the client may do for this person; return what that was."""
    return await tx.fetch_all(
        EndedRow,
        """
        UPDATE identity.delegation
        SET revoked_at = %s
        WHERE member_id = %s AND client = %s AND revoked_at IS NULL
        RETURNING id
        """,
        (at, member_id, client),
    )
