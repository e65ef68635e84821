"""Every SQL statement of approvals."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, LiteralString
from uuid import UUID

from bezant.actor import Mode
from bezant.approvals.port import ApprovalState, Verdict
from bezant.db.database import Tx

_COLUMNS: Final[LiteralString] = """
id, tenant, mode, kind, subject, summary, digest, permission, approvers, state, proposed_by,
proposer, proposed_at, expires_at, spent_for, spent_at
"""


@dataclass(frozen=True, slots=True)
class ApprovalRow:
    """An approval as stored."""

    id: UUID
    tenant: str
    mode: Mode
    kind: str
    subject: str
    summary: str
    digest: bytes
    permission: str
    approvers: int
    state: ApprovalState
    proposed_by: str
    proposer: str
    proposed_at: datetime
    expires_at: datetime
    spent_for: str
    spent_at: datetime | None


@dataclass(frozen=True, slots=True)
class DecisionRow:
    """What somebody said, as stored."""

    approval_id: UUID
    person: str
    verdict: Verdict
    reason: str
    decided_at: datetime


async def add(tx: Tx, row: ApprovalRow) -> bool:
    """Add an approval; False if its id is taken."""
    touched = await tx.execute(
        """
        INSERT INTO approval (
            id, tenant, mode, kind, subject, summary, digest, permission, approvers, proposed_by,
            proposer, proposed_at, expires_at
        )
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
        ON CONFLICT (id) DO NOTHING
        """,
        (
            row.id,
            row.tenant,
            row.mode.value,
            row.kind,
            row.subject,
            row.summary,
            row.digest,
            row.permission,
            row.approvers,
            row.proposed_by,
            row.proposer,
            row.proposed_at,
            row.expires_at,
        ),
    )
    return touched == 1


async def find(tx: Tx, approval_id: UUID) -> ApprovalRow | None:
    """Return an approval."""
    return await tx.fetch_one(
        ApprovalRow, f"SELECT {_COLUMNS} FROM approval WHERE id = %s", (approval_id,)
    )


async def lock(tx: Tx, approval_id: UUID) -> ApprovalRow | None:
    """Return an approval; nobody else changes it until this transaction ends."""
    return await tx.fetch_one(
        ApprovalRow, f"SELECT {_COLUMNS} FROM approval WHERE id = %s FOR UPDATE", (approval_id,)
    )


async def decisions(tx: Tx, approvals: Sequence[UUID]) -> list[DecisionRow]:
    """Return what was said to these, oldest first."""
    return await tx.fetch_all(
        DecisionRow,
        """
        SELECT approval_id, person, verdict, reason, decided_at
        FROM decision
        WHERE approval_id = ANY (%s)
        ORDER BY decided_at, person
        """,
        (list(approvals),),
    )


async def decide(tx: Tx, row: DecisionRow) -> None:
    """Write down what somebody says."""
    await tx.execute(
        """
        INSERT INTO decision (approval_id, person, verdict, reason, decided_at)
        VALUES (%s, %s, %s, %s, %s)
        """,
        (row.approval_id, row.person, row.verdict.value, row.reason, row.decided_at),
    )


async def move(tx: Tx, approval_id: UUID, before: ApprovalState, after: ApprovalState) -> bool:
    """Change a state; False if it was another one."""
    touched = await tx.execute(
        "UPDATE approval SET state = %s WHERE id = %s AND state = %s",
        (after.value, approval_id, before.value),
    )
    return touched == 1


async def spend(tx: Tx, approval_id: UUID, use: str, at: datetime) -> bool:
    """Use an approval up; False if it cannot be used now."""
    touched = await tx.execute(
        """
        UPDATE approval
        SET state = 'spent', spent_for = %s, spent_at = %s
        WHERE id = %s AND state = 'approved' AND expires_at > %s
        """,
        (use, at, approval_id, at),
    )
    return touched == 1


async def page(
    tx: Tx,
    tenant: str,
    mode: Mode,
    state: ApprovalState | None,
    kind: str | None,
    after: UUID | None,
    now: datetime,
    limit: int,
) -> list[ApprovalRow]:
    """Return a tenant's approvals, newest first; what is over counts as expired at once."""
    return await tx.fetch_all(
        ApprovalRow,
        f"""
        SELECT {_COLUMNS}
        FROM approval
        WHERE
            tenant = %(tenant)s AND mode = %(mode)s
            AND (%(kind)s::text IS NULL OR kind = %(kind)s)
            AND (%(after)s::uuid IS NULL OR id < %(after)s)
            AND (
                %(state)s::text IS NULL
                OR CASE
                    WHEN state IN ('open', 'approved') AND expires_at <= %(now)s THEN 'expired'
                    ELSE state
                END = %(state)s
            )
        ORDER BY id DESC
        LIMIT %(limit)s
        """,
        {
            "tenant": tenant,
            "mode": mode.value,
            "kind": kind,
            "after": after,
            "state": None if state is None else state.value,
            "now": now,
            "limit": limit,
        },
    )


async def overdue(tx: Tx, now: datetime, limit: int) -> list[ApprovalRow]:
    """Return approvals whose time is over, locked; those another worker has are left to it."""
    return await tx.fetch_all(
        ApprovalRow,
        f"""
        SELECT {_COLUMNS}
        FROM approval
        WHERE state IN ('open', 'approved') AND expires_at <= %s
        ORDER BY expires_at
        LIMIT %s
        FOR UPDATE SKIP LOCKED
        """,
        (now, limit),
    )
