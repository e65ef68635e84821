"""SQL about ways through the login pages, requests left in advance, devices, and spent proofs."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from bezant.actor import Mode
from bezant.db.database import Tx
from bezant.db.faults import ConstraintViolated


@dataclass(frozen=True, slots=True)
class InteractionRow:
    """Somebody's way through the login pages so far."""

    hash: bytes
    browser: bytes
    client: UUID
    request: str
    member_id: UUID | None
    session_id: UUID | None
    methods: tuple[str, ...]
    signed_in_at: datetime | None
    consented: bool
    expires_at: datetime
    proved_member_id: UUID | None = None
    """Whose password was right, while something else is still asked of them."""
    proved_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class DeviceRow:
    """A device that waits to be let in."""

    hash: bytes
    user_code: str
    client: UUID
    scopes: tuple[str, ...]
    mode: Mode | None
    state: str
    delegation_id: UUID | None
    key_thumbprint: str
    interval_seconds: int
    polled_at: datetime | None
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class SignedInRow:
    """A living session of the login pages."""

    id: UUID
    member_id: UUID
    mode: Mode
    methods: tuple[str, ...]
    created_at: datetime
    last_seen_at: datetime


_INTERACTION = """
    SELECT
        hash, browser, client, request, member_id, session_id, methods, signed_in_at, consented,
        expires_at, proved_member_id, proved_at
    FROM identity.interaction
"""
_DEVICE = """
    SELECT
        hash, user_code, client, scopes, mode, state, delegation_id, key_thumbprint,
        interval_seconds, polled_at, expires_at
    FROM identity.device_request
"""


async def add(tx: Tx, row: InteractionRow) -> None:
    """Begin a way through the login pages."""
    await tx.execute(
        """
        INSERT INTO identity.interaction (
            hash, browser, client, request, member_id, session_id, methods, signed_in_at,
            consented, expires_at
        )
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
        """,
        (
            row.hash,
            row.browser,
            row.client,
            row.request,
            row.member_id,
            row.session_id,
            list(row.methods),
            row.signed_in_at,
            row.consented,
            row.expires_at,
        ),
    )


async def find(tx: Tx, hashed: bytes, browser: bytes, now: datetime) -> InteractionRow | None:
    """Return an open interaction of this browser."""
    return await tx.fetch_one(
        InteractionRow,
        _INTERACTION + " WHERE hash = %s AND browser = %s AND done_at IS NULL AND expires_at > %s",
        (hashed, browser, now),
    )


async def signed_in(tx: Tx, row: InteractionRow) -> None:
    """Record who proved who they are, how, and the session that began."""
    await tx.execute(
        """
        UPDATE identity.interaction
        SET
            member_id = %s, session_id = %s, methods = %s, signed_in_at = %s,
            consented = false, proved_member_id = NULL, proved_at = NULL
        WHERE hash = %s AND done_at IS NULL
        """,
        (row.member_id, row.session_id, list(row.methods), row.signed_in_at, row.hash),
    )


async def half_signed_in(tx: Tx, hashed: bytes, member_id: UUID, at: datetime) -> None:
    """Record whose password was right; something else is still asked of them."""
    await tx.execute(
        """
        UPDATE identity.interaction
        SET proved_member_id = %s, proved_at = %s
        WHERE hash = %s AND done_at IS NULL
        """,
        (member_id, at, hashed),
    )


async def consented(tx: Tx, hashed: bytes) -> None:
    """Record a yes."""
    await tx.execute(
        "UPDATE identity.interaction SET consented = true WHERE hash = %s AND done_at IS NULL",
        (hashed,),
    )


async def finish(tx: Tx, hashed: bytes, at: datetime) -> bool:
    """End an interaction; of two who try at once, one gets True."""
    touched = await tx.execute(
        "UPDATE identity.interaction SET done_at = %s WHERE hash = %s AND done_at IS NULL",
        (at, hashed),
    )
    return touched == 1


async def session_of(
    tx: Tx, token_hash: bytes, now: datetime, seen_after: datetime
) -> SignedInRow | None:
    """Return the living session of a browser."""
    return await tx.fetch_one(
        SignedInRow,
        """
        SELECT
            id, member_id, mode, methods,
            -- Who signed in elsewhere may have proved long before who they are.
            least(created_at, proved_at) AS created_at, last_seen_at
        FROM identity.session
        WHERE token_hash = %s AND ended_at IS NULL AND expires_at > %s AND last_seen_at > %s
        """,
        (token_hash, now, seen_after),
    )


async def push(tx: Tx, hashed: bytes, client: UUID, request: str, expires_at: datetime) -> None:
    """Keep a request that was left in advance."""
    await tx.execute(
        """
        INSERT INTO identity.pushed_request (hash, client, request, expires_at)
        VALUES (%s, %s, %s, %s)
        """,
        (hashed, client, request, expires_at),
    )


async def spend_pushed(tx: Tx, hashed: bytes, client: UUID, now: datetime) -> str | None:
    """Spend a request left in advance; of many who try at once, one gets it."""
    found: str | None = await tx.fetch_value(
        """
        UPDATE identity.pushed_request
        SET used_at = %(now)s
        WHERE hash = %(hash)s AND client = %(client)s AND used_at IS NULL AND expires_at > %(now)s
        RETURNING request
        """,
        {"hash": hashed, "client": client, "now": now},
    )
    return found


async def add_device(tx: Tx, row: DeviceRow) -> bool:
    """Let a device wait; False if its code is taken."""
    try:
        await tx.execute(
            """
            INSERT INTO identity.device_request (
                hash, user_code, client, scopes, mode, key_thumbprint, interval_seconds,
                expires_at
            )
            VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
            """,
            (
                row.hash,
                row.user_code,
                row.client,
                list(row.scopes),
                row.mode.value if row.mode else None,
                row.key_thumbprint,
                row.interval_seconds,
                row.expires_at,
            ),
        )
    except ConstraintViolated as violated:
        if violated.constraint == "device_user_code_once":
            return False
        raise
    return True


async def device_by_code(tx: Tx, user_code: str, now: datetime) -> DeviceRow | None:
    """Return the device that waits under a code."""
    return await tx.fetch_one(
        DeviceRow,
        _DEVICE + " WHERE user_code = %s AND state = 'waiting' AND expires_at > %s",
        (user_code, now),
    )


async def lock_device(tx: Tx, hashed: bytes) -> DeviceRow | None:
    """Return a device by its own code, and hold on to it until the transaction ends."""
    return await tx.fetch_one(DeviceRow, _DEVICE + " WHERE hash = %s FOR UPDATE", (hashed,))


async def decide_device(
    tx: Tx, hashed: bytes, state: str, delegation_id: UUID | None, now: datetime
) -> bool:
    """Let a device in or not, once."""
    touched = await tx.execute(
        """
        UPDATE identity.device_request
        SET state = %s, delegation_id = %s
        WHERE hash = %s AND state = 'waiting' AND expires_at > %s
        """,
        (state, delegation_id, hashed, now),
    )
    return touched == 1


async def polled(tx: Tx, hashed: bytes, interval_seconds: int, now: datetime) -> None:
    """Record that a device asked, and how long it waits before it asks again."""
    await tx.execute(
        """
        UPDATE identity.device_request
        SET polled_at = %s, interval_seconds = %s
        WHERE hash = %s
        """,
        (now, interval_seconds, hashed),
    )


async def spend_device(tx: Tx, hashed: bytes) -> None:
    """Record that a device has its tokens."""
    await tx.execute(
        "UPDATE identity.device_request SET state = 'spent' WHERE hash = %s", (hashed,)
    )


async def spend_proof(tx: Tx, hashed: bytes, spent_until: datetime) -> bool:
    """Spend a proof; False if it was shown before."""
    touched = await tx.execute(
        """
        INSERT INTO identity.spent_proof (hash, spent_until)
        VALUES (%s, %s)
        ON CONFLICT (hash) DO NOTHING
        """,
        (hashed, spent_until),
    )
    return touched == 1
