"""What comes out of the book: accounts, transfers, holds, and how things stood."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final
from uuid import UUID

from bezant.db.database import Tx
from bezant.ledger.store.write import numbers


@dataclass(frozen=True, slots=True)
class BookRow:
    """One book."""

    id: int
    asset: str
    mode: str
    merchant_group: str


@dataclass(frozen=True, slots=True)
class FactsRow:
    """What never changes about an account."""

    id: int
    tenant: UUID
    type: int


@dataclass(frozen=True, slots=True)
class AccountRow:
    """An account with its newest state."""

    id: int
    tenant: UUID
    type: int
    owner: str
    chart: str | None
    metadata: dict[str, str] | None
    floor: Decimal | None
    state: int
    opened_at: datetime


@dataclass(frozen=True, slots=True)
class TransferRow:
    """A transfer with its legs in order."""

    id: int
    request: int
    kind: int
    subject: int | None
    occurred_at: datetime | None
    link: UUID | None
    reference: str | None
    reason: str | None
    metadata: dict[str, str] | None
    recorded_at: datetime
    accounts: tuple[int, ...]
    amounts: tuple[Decimal, ...]


@dataclass(frozen=True, slots=True)
class HoldRow:
    """A hold, what remains of it, and what its last step was."""

    id: int
    account: int
    payee: int
    amount: Decimal
    expires_at: datetime | None
    remaining: Decimal
    step_kind: int
    reference: str | None
    metadata: dict[str, str] | None
    placed_at: datetime


@dataclass(frozen=True, slots=True)
class EntryRow:
    """The state an entry left its account in."""

    transfer: int
    balance: Decimal
    held: Decimal
    floor: Decimal | None


@dataclass(frozen=True, slots=True)
class StandingRow(EntryRow):
    """The newest state of an account."""

    account: int


@dataclass(frozen=True, slots=True)
class LineRow:
    """An entry of a statement."""

    transfer: int
    kind: int
    amount: Decimal
    balance: Decimal
    held: Decimal
    occurred_at: datetime | None
    recorded_at: datetime
    reference: str | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class HeadRow:
    """A book and its newest batch."""

    id: int
    asset: str
    merchant_group: str
    batch: int | None
    last: int | None
    hash: bytes | None
    recorded_at: datetime | None


RECORDED_AT: Final = """
CROSS JOIN LATERAL (
    SELECT b.recorded_at FROM ledger.batch AS b
    WHERE b.book = (t.id >> 40)::integer AND b.first <= t.id
    ORDER BY b.first DESC
    LIMIT 1
) AS b
"""
_TRANSFER: Final = f"""
SELECT
    t.id, t.request, t.kind, t.subject, t.occurred_at, t.link, t.reference, t.reason, t.metadata,
    b.recorded_at,
    coalesce(l.accounts, '{{}}') AS accounts, coalesce(l.amounts, '{{}}') AS amounts
FROM ledger.transfer AS t {RECORDED_AT}
CROSS JOIN LATERAL (
    SELECT
        array_agg(e.account ORDER BY a.p) AS accounts, array_agg(e.amount ORDER BY a.p) AS amounts
    FROM unnest(ARRAY[t.one, t.two] || t.more) WITH ORDINALITY AS a (account, p)
    INNER JOIN ledger.entry AS e ON e.account = a.account AND e.transfer = t.id
    INNER JOIN ledger.account AS o ON o.id = a.account
        AND (%(tenant)s::uuid IS NULL OR o.tenant = %(tenant)s::uuid)
) AS l
"""


async def books(tx: Tx) -> list[BookRow]:
    """Return every book."""
    return await tx.fetch_all(BookRow, "SELECT id, asset, mode, merchant_group FROM ledger.book")


async def facts(tx: Tx, accounts: Sequence[int]) -> list[FactsRow]:
    """Return what never changes about these accounts."""
    return await tx.fetch_all(
        FactsRow,
        "SELECT id, tenant, type FROM ledger.account WHERE id = ANY(%s::bigint[])",
        [numbers(accounts)],
    )


async def account_of_opening(tx: Tx, transfer: int) -> int:
    """Return the account that this transfer opened or changed."""
    return await tx.fetch_value("SELECT one FROM ledger.transfer WHERE id = %s", [transfer])


async def accounts(
    tx: Tx,
    *,
    numbers_wanted: Sequence[int] | None = None,
    book: int | None = None,
    tenant: str | None = None,
    owner: str | None = None,
    account_type: int | None = None,
    before: int | None = None,
    chart: str | None = None,
    limit: int,
) -> list[AccountRow]:
    """Return accounts with their newest state, highest number first."""
    return await tx.fetch_all(
        AccountRow,
        """
        SELECT
            a.id, a.tenant, a.type, a.owner, a.chart, a.metadata, e.floor, e.state,
            b.recorded_at AS opened_at
        FROM ledger.account AS a
        CROSS JOIN LATERAL (
            SELECT z.floor, z.state FROM ledger.entry AS z
            WHERE z.account = a.id
            ORDER BY z.transfer DESC
            LIMIT 1
        ) AS e
        CROSS JOIN LATERAL (
            SELECT z.transfer AS id FROM ledger.entry AS z
            WHERE z.account = a.id
            ORDER BY z.transfer
            LIMIT 1
        ) AS t
        CROSS JOIN LATERAL (
            SELECT y.recorded_at FROM ledger.batch AS y
            WHERE y.book = (t.id >> 40)::integer AND y.first <= t.id
            ORDER BY y.first DESC
            LIMIT 1
        ) AS b
        WHERE (%(numbers)s::bigint[] IS NULL OR a.id = ANY(%(numbers)s::bigint[]))
            AND (%(book)s::integer IS NULL OR a.id >> 40 = %(book)s::integer)
            AND (%(tenant)s::uuid IS NULL OR a.tenant = %(tenant)s::uuid)
            AND (%(owner)s::text IS NULL OR a.owner = %(owner)s::text)
            AND (%(type)s::smallint IS NULL OR a.type = %(type)s::smallint)
            AND (%(before)s::bigint IS NULL OR a.id < %(before)s::bigint)
            AND (%(chart)s::text IS NULL OR a.chart = %(chart)s::text)
        ORDER BY a.id DESC
        LIMIT %(limit)s
        """,
        {
            "numbers": None if numbers_wanted is None else numbers(numbers_wanted),
            "book": book,
            "tenant": tenant,
            "owner": owner,
            "type": account_type,
            "before": before,
            "chart": chart,
            "limit": limit,
        },
    )


async def transfers(tx: Tx, wanted: Sequence[int], tenant: str | None) -> list[TransferRow]:
    """Return transfers by number, newest first, with the legs a tenant may see (None: all)."""
    return await tx.fetch_all(
        TransferRow,
        _TRANSFER + " WHERE t.id = ANY(%(wanted)s::bigint[]) ORDER BY t.id DESC",
        {"wanted": numbers(wanted), "tenant": tenant},
    )


async def linked(tx: Tx, link: str) -> list[int]:
    """Return the numbers of linked transfers."""
    rows = await tx.fetch_value(
        "SELECT array_agg(id ORDER BY id) FROM ledger.transfer WHERE link = %s::uuid", [link]
    )
    return rows or []


async def hold(tx: Tx, number: int) -> HoldRow | None:
    """Return one hold as it stands."""
    return await tx.fetch_one(
        HoldRow,
        f"""
        SELECT
            h.id, h.account, h.payee, h.amount, h.expires_at, s.remaining, s.kind AS step_kind,
            t.reference, t.metadata, b.recorded_at AS placed_at
        FROM ledger.hold AS h
        INNER JOIN ledger.transfer AS t ON t.id = h.id {RECORDED_AT}
        CROSS JOIN LATERAL (
            SELECT y.remaining, k.kind
            FROM ledger.hold_step AS y INNER JOIN ledger.transfer AS k ON k.id = y.transfer
            WHERE y.hold = h.id
            ORDER BY y.transfer DESC
            LIMIT 1
        ) AS s
        WHERE h.id = %s
        """,
        [number],
    )


async def expired_holds(tx: Tx, now: datetime, after: int, limit: int) -> list[int]:
    """Return holds that are past their time and not over, in order of their numbers."""
    found = await tx.fetch_value(
        """
        SELECT array_agg(id) FROM (
            SELECT h.id
            FROM ledger.hold AS h
            CROSS JOIN LATERAL (
                SELECT y.remaining FROM ledger.hold_step AS y
                WHERE y.hold = h.id
                ORDER BY y.transfer DESC
                LIMIT 1
            ) AS s
            WHERE h.expires_at <= %s AND s.remaining > 0 AND h.id > %s
            ORDER BY h.id
            LIMIT %s
        ) AS due
        """,
        (now, after, limit),
    )
    return found or []


async def entry(tx: Tx, account: int, position: int | None = None) -> EntryRow | None:
    """Return the newest entry of an account, or the newest up to a transfer."""
    return await tx.fetch_one(
        EntryRow,
        """
        SELECT transfer, balance, held, floor
        FROM ledger.entry
        WHERE account = %s AND transfer <= %s
        ORDER BY transfer DESC
        LIMIT 1
        """,
        (account, 2**63 - 1 if position is None else position),
    )


async def standing(tx: Tx, accounts: Sequence[int]) -> list[StandingRow]:
    """Return the newest state of those of these accounts that exist, in their order."""
    return await tx.fetch_all(
        StandingRow,
        """
        SELECT a.id AS account, e.transfer, e.balance, e.held, e.floor
        FROM unnest(%s::bigint[]) WITH ORDINALITY AS a (id, p)
        CROSS JOIN LATERAL (
            SELECT z.transfer, z.balance, z.held, z.floor FROM ledger.entry AS z
            WHERE z.account = a.id
            ORDER BY z.transfer DESC
            LIMIT 1
        ) AS e
        ORDER BY a.p
        """,
        [numbers(accounts)],
    )


async def occurred_balance(tx: Tx, account: int, at: datetime, position: int) -> Decimal:
    """Add up what had occurred by an instant, whenever it was recorded."""
    return await tx.fetch_value(
        """
        SELECT coalesce(sum(e.amount), 0)
        FROM ledger.entry AS e INNER JOIN ledger.transfer AS t ON t.id = e.transfer
        WHERE e.account = %s
            AND CASE WHEN t.occurred_at IS NULL THEN t.id <= %s ELSE t.occurred_at <= %s END
        """,
        (account, position, at),
    )


async def position_at(tx: Tx, book: int, at: datetime) -> int:
    """Return the last transfer a book had recorded by an instant; 0 if none."""
    found = await tx.fetch_value(
        """
        SELECT last FROM ledger.batch
        WHERE book = %s AND recorded_at <= %s
        ORDER BY recorded_at DESC, first DESC
        LIMIT 1
        """,
        (book, at),
    )
    return found or 0


async def position_last(tx: Tx, book: int) -> int | None:
    """Return the newest transfer of a book; None if it has none."""
    return await tx.fetch_value("SELECT max(last) FROM ledger.batch WHERE book = %s", [book])


async def statement(tx: Tx, account: int, after: int, before: int, limit: int) -> list[LineRow]:
    """Return entries of an account between two transfers, newest first."""
    return await tx.fetch_all(
        LineRow,
        f"""
        SELECT
            e.transfer, t.kind, e.amount, e.balance, e.held, t.occurred_at, b.recorded_at,
            t.reference, t.reason
        FROM ledger.entry AS e
        INNER JOIN ledger.transfer AS t ON t.id = e.transfer {RECORDED_AT}
        WHERE e.account = %s AND e.transfer > %s AND e.transfer < %s
        ORDER BY e.transfer DESC
        LIMIT %s
        """,
        (account, after, before, limit),
    )


async def heads(tx: Tx, mode: str) -> list[HeadRow]:
    """Return the books of a mode with their newest batches."""
    return await tx.fetch_all(
        HeadRow,
        """
        SELECT k.id, k.asset, k.merchant_group, b.id AS batch, b.last, b.hash, b.recorded_at
        FROM ledger.book AS k
        LEFT JOIN LATERAL (
            SELECT y.id, y.last, y.hash, y.recorded_at FROM ledger.batch AS y
            WHERE y.book = k.id
            ORDER BY y.first DESC
            LIMIT 1
        ) AS b ON true
        WHERE k.mode = %s
        ORDER BY k.id
        """,
        [mode],
    )
