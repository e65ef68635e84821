"""SQL about people who sign up, and about letters to people."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from bezant.db.database import Tx


@dataclass(frozen=True, slots=True)
class SignUpRow:
    """Somebody who signed up, without the code in their letter."""

    id: UUID
    email: str
    name: str
    password_hash: str
    merchant_id: UUID
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class MailRow:
    """A letter; whom it is for and what it says are sealed."""

    id: UUID
    kind: str
    sealed: bytes | None
    created_at: datetime
    tries: int
    sent_at: datetime | None


_SIGN_UP = """
    SELECT id, email, name, password_hash, merchant_id, created_at, expires_at
    FROM identity.sign_up
"""
_MAIL = "SELECT id, kind, sealed, created_at, tries, sent_at FROM identity.mail"


async def add(tx: Tx, row: SignUpRow, token_hash: bytes) -> None:
    """Add somebody who signed up."""
    await tx.execute(
        """
        INSERT INTO identity.sign_up (
            id, email, name, password_hash, merchant_id, token_hash, created_at, expires_at
        )
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
        """,
        (
            row.id,
            row.email,
            row.name,
            row.password_hash,
            row.merchant_id,
            token_hash,
            row.created_at,
            row.expires_at,
        ),
    )


async def recent(tx: Tx, email: str, since: datetime) -> int:
    """Count how often somebody signed up with this address lately."""
    found = await tx.fetch_value(
        "SELECT count(*) FROM identity.sign_up WHERE email = %s AND created_at > %s",
        (email, since),
    )
    assert isinstance(found, int)
    return found


async def find(tx: Tx, token_hash: bytes, now: datetime) -> SignUpRow | None:
    """Return what somebody signed up with."""
    return await tx.fetch_one(
        SignUpRow, _SIGN_UP + " WHERE token_hash = %s AND expires_at > %s", (token_hash, now)
    )


async def take(tx: Tx, token_hash: bytes, now: datetime) -> SignUpRow | None:
    """Take what somebody signed up with; of many who try at once, one gets it."""
    return await tx.fetch_one(
        SignUpRow,
        """
        DELETE FROM identity.sign_up
        WHERE token_hash = %s AND expires_at > %s
        RETURNING id, email, name, password_hash, merchant_id, created_at, expires_at
        """,
        (token_hash, now),
    )


async def forget(tx: Tx, email: str) -> None:
    """Delete what else was signed up with an address that is confirmed now."""
    await tx.execute("DELETE FROM identity.sign_up WHERE email = %s", (email,))


async def demo_merchant(tx: Tx) -> UUID | None:
    """Return the merchant of the demo, if there is one."""
    found: UUID | None = await tx.fetch_value(
        "SELECT id FROM identity.merchant WHERE demo ORDER BY created_at, id LIMIT 1"
    )
    return found


async def invited(tx: Tx, email: str, since: datetime) -> int:
    """Count the invitations since then, whoever's, that went to an address by letter."""
    found = await tx.fetch_value(
        """
        SELECT count(*)
        FROM identity.invitation
        WHERE email = %s AND created_at > %s AND posted
        """,
        (email, since),
    )
    assert isinstance(found, int)
    return found


async def add_mail(tx: Tx, row: MailRow) -> None:
    """Add a letter that is due at once."""
    await tx.execute(
        """
        INSERT INTO identity.mail (id, kind, sealed, created_at, due_at)
        VALUES (%s, %s, %s, %s, %s)
        """,
        (row.id, row.kind, row.sealed, row.created_at, row.created_at),
    )


async def take_mails(tx: Tx, now: datetime, again_at: datetime, limit: int) -> list[MailRow]:
    """Take letters that are due; whoever takes them and dies leaves them due again later.

    Anybody may have many invitations written, and nobody waits for one at a page: they go last.
    """
    return await tx.fetch_all(
        MailRow,
        """
        UPDATE identity.mail
        SET due_at = %(again)s, tries = tries + 1
        WHERE id IN (
            SELECT id
            FROM identity.mail
            WHERE sent_at IS NULL AND failed_at IS NULL AND due_at <= %(now)s
            ORDER BY kind = 'invitation', due_at
            LIMIT %(limit)s
            FOR UPDATE SKIP LOCKED
        )
        RETURNING id, kind, sealed, created_at, tries, sent_at
        """,
        {"now": now, "again": again_at, "limit": limit},
    )


async def sent_mail(tx: Tx, mail_id: UUID, at: datetime) -> None:
    """Record that a letter was sent, and forget what it said."""
    await tx.execute(
        "UPDATE identity.mail SET sent_at = %s, sealed = NULL WHERE id = %s", (at, mail_id)
    )


async def failed_mail(tx: Tx, mail_id: UUID, at: datetime) -> None:
    """Give a letter up, and forget what it said."""
    await tx.execute(
        "UPDATE identity.mail SET failed_at = %s, sealed = NULL WHERE id = %s", (at, mail_id)
    )


async def delay_mail(tx: Tx, mail_id: UUID, due_at: datetime) -> None:
    """Try a letter again later."""
    await tx.execute("UPDATE identity.mail SET due_at = %s WHERE id = %s", (due_at, mail_id))


async def newest_mails(tx: Tx, limit: int) -> list[MailRow]:
    """Return the newest letters that can still be read."""
    return await tx.fetch_all(
        MailRow,
        _MAIL + " WHERE sealed IS NOT NULL ORDER BY created_at DESC, id LIMIT %s",
        (limit,),
    )
