"""SQL about checkout sessions and payment links."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final, LiteralString
from uuid import UUID

from bezant.actor import Mode
from bezant.db.database import Tx
from bezant.db.page import Cut
from bezant.orders.checkout import LinksOf, SessionsOf

_SESSION: Final[LiteralString] = """
id, tenant, mode, order_id, link_id, asset, amount, offer::text AS offer, customer, created_at,
expires_at, ended_at, uses_link, payment, request, look_at
"""
_LINK: Final[LiteralString] = """
id, tenant, mode, asset, amount, offer::text AS offer, created_at, expires_at, closed_at, uses,
uses_max, request
"""


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A checkout session as stored."""

    id: UUID
    tenant: str
    mode: Mode
    order_id: UUID
    link_id: UUID | None
    asset: str
    amount: Decimal
    offer: str
    customer: str
    created_at: datetime
    expires_at: datetime
    ended_at: datetime | None
    uses_link: bool
    payment: str
    request: bytes
    look_at: datetime | None


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which sessions are asked for, by stored ids."""

    order: UUID | None
    link: UUID | None


@dataclass(frozen=True, slots=True)
class LinkRow:
    """A payment link as stored."""

    id: UUID
    tenant: str
    mode: Mode
    asset: str
    amount: Decimal
    offer: str
    created_at: datetime
    expires_at: datetime | None
    closed_at: datetime | None
    uses: int
    uses_max: int | None
    request: bytes


async def add_session(tx: Tx, row: SessionRow, idem: bytes | None) -> None:
    """Add a session."""
    await tx.execute(
        """
        INSERT INTO checkout_session (
            id, tenant, mode, order_id, link_id, asset, amount, offer, customer, created_at,
            expires_at, idem, request
        )
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s::jsonb, %s, %s, %s, %s, %s)
        """,
        (
            row.id,
            row.tenant,
            row.mode.value,
            row.order_id,
            row.link_id,
            row.asset,
            row.amount,
            row.offer,
            row.customer,
            row.created_at,
            row.expires_at,
            idem,
            row.request,
        ),
    )


async def session(tx: Tx, session_id: UUID, tenant: str, mode: Mode) -> SessionRow | None:
    """Return a session of this tenant and mode."""
    return await tx.fetch_one(
        SessionRow,
        f"SELECT {_SESSION} FROM checkout_session WHERE id = %s AND tenant = %s AND mode = %s",
        (session_id, tenant, mode.value),
    )


async def sessions(tx: Tx, asked: SessionsOf, wanted: Wanted, cut: Cut) -> list[SessionRow]:
    """Return the sessions of a page, and one more if there is one."""
    return await tx.fetch_all(
        SessionRow,
        f"""
        SELECT {_SESSION}
        FROM checkout_session
        WHERE
            tenant = %(tenant)s AND mode = %(mode)s
            AND (%(order)s::uuid IS NULL OR order_id = %(order)s)
            AND (%(link)s::uuid IS NULL OR link_id = %(link)s)
            AND (%(customer)s::text IS NULL OR customer = %(customer)s)
            AND (%(from)s::timestamptz IS NULL OR created_at >= %(from)s)
            AND (%(until)s::timestamptz IS NULL OR created_at < %(until)s)
            {cut.end("id")}
        """,
        {
            "tenant": asked.tenant,
            "mode": asked.mode.value,
            "order": wanted.order,
            "link": wanted.link,
            "customer": asked.customer,
            "from": asked.created_from,
            "until": asked.created_until,
            **cut.values,
        },
    )


async def session_by_idem(tx: Tx, idem: bytes) -> SessionRow | None:
    """Return the session that was opened under a key."""
    return await tx.fetch_one(
        SessionRow, f"SELECT {_SESSION} FROM checkout_session WHERE idem = %s", (idem,)
    )


async def lock_session(tx: Tx, session_id: UUID) -> SessionRow:
    """Return a session; nobody else changes it until this transaction ends."""
    row = await tx.fetch_one(
        SessionRow,
        f"SELECT {_SESSION} FROM checkout_session WHERE id = %s FOR UPDATE",
        (session_id,),
    )
    assert row is not None
    return row


async def set_payment(tx: Tx, session_id: UUID, before: str, payment: str) -> None:
    """Note which payment a session has, unless somebody else has just done so, or it has ended, or
    its use of a link was given back.
    """
    await tx.execute(
        """
        UPDATE checkout_session
        SET payment = %s
        WHERE
            id = %s AND payment = %s AND ended_at IS NULL
            AND (link_id IS NULL OR uses_link)
        """,
        (payment, session_id, before),
    )


async def set_uses_link(tx: Tx, session_id: UUID, uses: bool) -> None:
    """Note whether a session counts as a use of its link."""
    await tx.execute("UPDATE checkout_session SET uses_link = %s WHERE id = %s", (uses, session_id))


async def note_look(tx: Tx, payment: str, at: datetime) -> None:
    """Note that a payment came to nothing: its session may give its use of a link back."""
    await tx.execute(
        "UPDATE checkout_session SET look_at = %s WHERE payment = %s AND uses_link", (at, payment)
    )


async def to_look_at(tx: Tx, now: datetime, limit: int) -> list[SessionRow]:
    """Return sessions that may give their use of a link back."""
    return await tx.fetch_all(
        SessionRow,
        f"""
        SELECT {_SESSION}
        FROM checkout_session
        WHERE look_at <= %s
        ORDER BY look_at
        LIMIT %s
        """,
        (now, limit),
    )


async def looked_at(tx: Tx, row: SessionRow, again_at: datetime | None) -> None:
    """Note that a session was looked at, unless something was told of it since."""
    await tx.execute(
        "UPDATE checkout_session SET look_at = %s WHERE id = %s AND look_at = %s",
        (again_at, row.id, row.look_at),
    )


async def end_session(tx: Tx, session_id: UUID, at: datetime) -> None:
    """Note that nobody pays here any more."""
    await tx.execute(
        "UPDATE checkout_session SET ended_at = %s WHERE id = %s AND ended_at IS NULL",
        (at, session_id),
    )


async def overdue_sessions(
    tx: Tx, now: datetime, behind: tuple[datetime, UUID], limit: int
) -> list[SessionRow]:
    """Return sessions whose time is over and that nobody has ended, from behind one of them on."""
    return await tx.fetch_all(
        SessionRow,
        f"""
        SELECT {_SESSION}
        FROM checkout_session
        WHERE ended_at IS NULL AND expires_at <= %s AND (expires_at, id) > (%s, %s)
        ORDER BY expires_at, id
        LIMIT %s
        """,
        (now, *behind, limit),
    )


async def add_link(tx: Tx, row: LinkRow, idem: bytes | None) -> bool:
    """Add a link; False if its key is taken."""
    touched = await tx.execute(
        """
        INSERT INTO payment_link (
            id, tenant, mode, asset, amount, offer, created_at, expires_at, uses_max, idem, request
        )
        VALUES (%s, %s, %s, %s, %s, %s::jsonb, %s, %s, %s, %s, %s)
        ON CONFLICT (idem) DO NOTHING
        """,
        (
            row.id,
            row.tenant,
            row.mode.value,
            row.asset,
            row.amount,
            row.offer,
            row.created_at,
            row.expires_at,
            row.uses_max,
            idem,
            row.request,
        ),
    )
    return touched == 1


async def link(tx: Tx, link_id: UUID, tenant: str, mode: Mode) -> LinkRow | None:
    """Return a link of this tenant and mode."""
    return await tx.fetch_one(
        LinkRow,
        f"SELECT {_LINK} FROM payment_link WHERE id = %s AND tenant = %s AND mode = %s",
        (link_id, tenant, mode.value),
    )


async def link_by_idem(tx: Tx, idem: bytes) -> LinkRow | None:
    """Return the link that was made under a key."""
    return await tx.fetch_one(LinkRow, f"SELECT {_LINK} FROM payment_link WHERE idem = %s", (idem,))


async def links(tx: Tx, asked: LinksOf, cut: Cut) -> list[LinkRow]:
    """Return the links of a page, and one more if there is one."""
    return await tx.fetch_all(
        LinkRow,
        f"""
        SELECT {_LINK}
        FROM payment_link
        WHERE
            tenant = %(tenant)s AND mode = %(mode)s
            AND (%(from)s::timestamptz IS NULL OR created_at >= %(from)s)
            AND (%(until)s::timestamptz IS NULL OR created_at < %(until)s)
            {cut.end("id")}
        """,
        {
            "tenant": asked.tenant,
            "mode": asked.mode.value,
            "from": asked.created_from,
            "until": asked.created_until,
            **cut.values,
        },
    )


async def close_link(tx: Tx, link_id: UUID, at: datetime) -> None:
    """Let nobody pay by a link any more."""
    await tx.execute(
        "UPDATE payment_link SET closed_at = %s WHERE id = %s AND closed_at IS NULL", (at, link_id)
    )


async def use_link(tx: Tx, link_id: UUID, now: datetime) -> bool:
    """Count one more use; False if there is none left, or the link is over."""
    touched = await tx.execute(
        """
        UPDATE payment_link
        SET uses = uses + 1
        WHERE
            id = %s AND closed_at IS NULL AND (uses_max IS NULL OR uses < uses_max)
            AND (expires_at IS NULL OR expires_at > %s)
        """,
        (link_id, now),
    )
    return touched == 1


async def give_back_use(tx: Tx, link_id: UUID) -> None:
    """Count one use less."""
    await tx.execute("UPDATE payment_link SET uses = uses - 1 WHERE id = %s", (link_id,))


async def use_again(tx: Tx, payment: str) -> bool | None:
    """Count a use that was given back, now that its payment was paid after all; a link that is over
    counts it as well. False if others have taken all its uses, None if there is nothing to count.
    """
    link_id: UUID | None = await tx.fetch_value(
        """
        SELECT link_id
        FROM checkout_session
        WHERE payment = %s AND payment <> '' AND link_id IS NOT NULL AND NOT uses_link
        FOR UPDATE
        """,
        (payment,),
    )
    if link_id is None:
        return None
    touched = await tx.execute(
        """
        UPDATE payment_link
        SET uses = uses + 1
        WHERE id = %s AND (uses_max IS NULL OR uses < uses_max)
        """,
        (link_id,),
    )
    if touched:
        await tx.execute(
            """
            UPDATE checkout_session SET uses_link = true
            WHERE payment = %s AND payment <> '' AND link_id IS NOT NULL AND NOT uses_link
            """,
            (payment,),
        )
    return touched == 1
