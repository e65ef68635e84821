"""What changes one payment at a time, with its row locked: everything but the hot path."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, LiteralString
from uuid import UUID

from bezant.db.database import Database, Tx
from bezant.payments.codes import OPERATION_NUMBERS, Kind, Waiting
from bezant.payments.store import due
from bezant.payments.store.begin import Asked
from bezant.payments.told import Action, Standing
from bezant.payments.work import Work
from bezant.telemetry import TRACE_ID

_ASKED: Final[LiteralString] = """
SELECT id AS request, fingerprint, subject, answer FROM payments.request WHERE id = %s
"""


async def asked(source: Database | Tx, request: UUID) -> Asked | None:
    """Return what became of a request that was asked before."""
    return await source.fetch_one(Asked, _ASKED, (request,))


async def ask(
    tx: Tx, request: UUID, fingerprint: int, subject: UUID, at: datetime, answer: bytes | None
) -> Asked | None:
    """Record a request, or return the one that was asked before under this key."""
    recorded = await tx.execute(
        """
        INSERT INTO payments.request (id, subject, fingerprint, asked_at, answer)
        VALUES (%s, %s, %s, %s, %s)
        ON CONFLICT (id) DO NOTHING
        """,
        (request, subject, fingerprint, at, answer),
    )
    if recorded:
        return None
    found = await asked(tx, request)
    # A commit whose answer was lost is done again, and finds itself.
    return None if found is not None and found.subject == subject else found


async def answer(tx: Tx, request: UUID, answer: bytes) -> None:
    """Keep what was answered, unless an answer is kept already."""
    await tx.execute(
        "UPDATE payments.request SET answer = %s WHERE id = %s AND answer IS NULL",
        (answer, request),
    )


async def answer_instead(tx: Tx, request: UUID, answer: bytes) -> None:
    """Replace a kept answer that nobody was told yet, and that turned out to be wrong."""
    await tx.execute("UPDATE payments.request SET answer = %s WHERE id = %s", (answer, request))


async def add_attempt(tx: Tx, work: Work, due_at: datetime) -> None:
    """Store what is about to be asked of a provider."""
    await tx.execute(
        """
        INSERT INTO payments.attempt (
            id, request, refund, sent_at, operation, method, ends, amount, provider, card, why
        )
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
        """,
        (
            work.attempt,
            work.request,
            work.refund,
            work.sent_at,
            OPERATION_NUMBERS[work.operation],
            work.before.method,
            work.ends,
            work.amount.minor,
            work.provider,
            work.card or None,
            work.why,
        ),
    )
    await tx.execute(
        "INSERT INTO payments.pending (attempt, due_at, state) VALUES (%s, %s, %s)",
        (work.attempt, due_at, Waiting.SENT.value),
    )


async def change(tx: Tx, payment: UUID, standing: Standing, at: datetime) -> None:
    """Store how a payment stands now; amounts are changed by their own statements."""
    await tx.execute(
        """
        UPDATE payments.payment
        SET state = %s, busy = %s, charge = %s, attempts = %s, method = %s, provider = %s,
            card = %s, updated_at = %s
        WHERE id = %s
        """,
        (
            standing.state,
            standing.busy,
            standing.charge,
            standing.attempts,
            standing.method or None,
            standing.provider or None,
            standing.card or None,
            at,
            payment,
        ),
    )


async def add_step(
    tx: Tx,
    payment: UUID,
    kind: Kind,
    at: datetime,
    attempt: int = 0,
    *,
    subject: UUID | None = None,
    state: int | None = None,
    amount: int | None = None,
) -> None:
    """Tell what happened, with the amounts as they are now; a subject's own state, or ours."""
    await tx.execute(
        """
        INSERT INTO payments.step (
            payment, subject, at, kind, state, attempt, authorized, captured, refunded, disputed,
            amount, trace
        )
        SELECT id, %s, %s, %s, coalesce(%s::smallint, state), %s, authorized, captured,
            CASE WHEN refunded > 0 THEN refunded - payments.awaiting(id) ELSE 0 END,
            disputed, %s, %s::uuid
        FROM payments.payment
        WHERE id = %s
        """,
        (subject, at, kind.value, state, attempt, amount, TRACE_ID.get() or None, payment),
    )


async def wait(
    tx: Tx,
    work: Work,
    waiting: Waiting,
    due_at: datetime,
    *,
    reference: str,
    part: str,
    action: Action | None,
) -> bool:
    """Note why an attempt has not ended and when to look again; false if it is not ours any more.

    What was known before stays known. Another holder has counted the fence up.
    """
    return bool(
        await tx.execute(
            """
            UPDATE payments.pending
            SET state = %s, due_at = %s, asked = asked + 1,
                reference = coalesce(%s, reference), part = coalesce(%s, part),
                action = coalesce(%s::jsonb, action)
            WHERE attempt = %s AND fence = %s AND state <> 4
                AND NOT EXISTS (SELECT 1 FROM payments.outcome AS o WHERE o.attempt = %s)
            """,
            (
                waiting.value,
                due_at,
                reference or None,
                part or None,
                None if action is None else action.stored(),
                work.attempt,
                work.fence,
                work.attempt,
            ),
        )
    )


@dataclass(frozen=True, slots=True)
class Ending:
    """How an attempt ended, as it is stored."""

    result: int
    decline: int | None = None
    soft: bool | None = None
    moved: int | None = None
    cost: int | None = None
    fee: int | None = None
    reference: str = ""
    part: str = ""
    digest: bytes | None = None
    raw: str = ""


async def end(
    tx: Tx, attempt: UUID, ending: Ending, at: datetime, refused: int | None = None
) -> bool:
    """Store how an attempt ended, unless that is known already.

    `refused` says how often the book refused its money; nothing if that is booked.
    """
    first = await tx.execute(
        """
        INSERT INTO payments.outcome (
            attempt, settled_at, result, decline, soft, amount, cost, fee, reference, part, digest,
            raw
        )
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
        ON CONFLICT (attempt) DO NOTHING
        """,
        (
            attempt,
            at,
            ending.result,
            ending.decline,
            ending.soft,
            ending.moved,
            ending.cost,
            ending.fee,
            ending.reference or None,
            ending.part or None,
            ending.digest,
            ending.raw or None,
        ),
    )
    if first and refused is None:
        await tx.execute("DELETE FROM payments.pending WHERE attempt = %s", (attempt,))
    elif first and refused is not None:
        await due.add_unbooked(tx, attempt, at, refused)
    return bool(first)


async def forget_requests(tx: Tx, before: datetime, most: int) -> int:
    """Drop keys that are older than any we honour."""
    return await tx.execute(
        """
        DELETE FROM payments.request WHERE id IN (
            SELECT id FROM payments.request WHERE asked_at < %s LIMIT %s
        )
        """,
        (before, most),
    )


async def attempts_known(
    database: Database, references: Sequence[str], provider: str
) -> list[UUID]:
    """Return the attempts a provider knows by these names, of a charge or a part of it."""
    rows = await database.fetch_all(
        _Attempt,
        """
        SELECT o.attempt
        FROM unnest(%s::text[]) AS wanted (reference)
        INNER JOIN payments.outcome AS o
            ON hashtextextended(o.reference, 0) = hashtextextended(wanted.reference, 0)
            AND o.reference = wanted.reference
        INNER JOIN payments.attempt AS a ON a.id = o.attempt AND a.provider = %s
        UNION
        SELECT o.attempt
        FROM unnest(%s::text[]) AS wanted (part)
        INNER JOIN payments.outcome AS o
            ON hashtextextended(o.part, 0) = hashtextextended(wanted.part, 0)
            AND o.part = wanted.part
        INNER JOIN payments.attempt AS a ON a.id = o.attempt AND a.provider = %s
        UNION
        SELECT w.attempt
        FROM unnest(%s::text[]) AS wanted (reference)
        INNER JOIN payments.pending AS w
            ON hashtextextended(w.reference, 0) = hashtextextended(wanted.reference, 0)
            AND w.reference = wanted.reference
        INNER JOIN payments.attempt AS a ON a.id = w.attempt AND a.provider = %s
        UNION
        SELECT b.attempt
        FROM unnest(%s::text[]) AS wanted (reference)
        INNER JOIN payments.beside AS b
            ON hashtextextended(b.reference, 0) = hashtextextended(wanted.reference, 0)
            AND b.reference = wanted.reference
        INNER JOIN payments.attempt AS a ON a.id = b.attempt AND a.provider = %s
        """,
        (list(references), provider) * 4,
    )
    return [row.attempt for row in rows]


@dataclass(frozen=True, slots=True)
class _Attempt:
    attempt: UUID


async def note(
    tx: Tx, payment: UUID, description: str | None, metadata: Mapping[str, str], at: datetime
) -> None:
    """Store what a merchant noted on a payment after it was made."""
    changed: dict[str, object] = {"metadata": dict(metadata)}
    if description is not None:
        changed["description"] = description
    await tx.execute(
        "UPDATE payments.payment SET changed = %s::jsonb, updated_at = %s WHERE id = %s",
        (json.dumps(changed), at, payment),
    )


async def overrule(
    tx: Tx,
    attempt: UUID,
    at: datetime,
    result: int,
    moved: int | None,
    fee: int,
    reference: str,
    part: str,
    digest: bytes | None,
) -> bool:
    """Write a yes over a no; false if there is no such no."""
    return bool(
        await tx.fetch_value(
            "SELECT payments.overrule(%s, %s, %s::smallint, %s, %s, %s, %s, %s)",
            (
                attempt, at, result, moved, fee or None, reference or None, part or None, digest,
            ),
        )
    )  # fmt: skip


async def came_back(tx: Tx, attempt: UUID, at: datetime, digest: bytes | None, raw: str) -> bool:
    """Write over a refund that was given that it came back; false if it was not given."""
    return bool(
        await tx.fetch_value(
            "SELECT payments.came_back(%s, %s, %s, %s)", (attempt, at, digest, raw or None)
        )
    )


async def add_money(tx: Tx, payment: UUID, authorized: int, captured: int, fee: int) -> None:
    """Add to what is set aside, captured and charged for a payment."""
    await tx.execute(
        """
        UPDATE payments.payment
        SET authorized = authorized + %(authorized)s, captured = captured + %(captured)s,
            fee = fee + %(fee)s,
            expires_at = CASE WHEN %(captured)s = 0 THEN expires_at END
        WHERE id = %(payment)s
        """,
        {"authorized": authorized, "captured": captured, "fee": fee, "payment": payment},
    )
