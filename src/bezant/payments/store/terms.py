"""Changes of the rules as they are stored."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, LiteralString
from uuid import UUID

import msgspec

from bezant.actor import Mode
from bezant.db.database import Database, Tx
from bezant.payments.codes import TERMS_STATE_NUMBERS, TERMS_STATES
from bezant.payments.rule import Terms, TermsChange, TermsState

_COLUMNS: Final[LiteralString] = """
id, proposed_at, decided_at, state AS number, live, proposed_by, approval, replaces,
terms::text AS terms
"""


@dataclass(frozen=True, slots=True)
class ChangeRow:
    """A change of the rules."""

    id: UUID
    proposed_at: datetime
    decided_at: datetime | None
    number: int
    live: bool
    proposed_by: str
    approval: str | None
    replaces: bytes
    terms: str

    @property
    def mode(self) -> Mode:
        """Return the mode in which it is agreed to."""
        return Mode.LIVE if self.live else Mode.TEST

    @property
    def state(self) -> TermsState:
        """Return its state."""
        return TERMS_STATES[self.number]

    @property
    def rules(self) -> Terms:
        """Return the rules it wants."""
        return msgspec.json.decode(self.terms, type=Terms)

    @property
    def spelled_id(self) -> str:
        """Return its id as everybody knows it."""
        return f"trm_{self.id.hex}"

    def spelled(self) -> TermsChange:
        """Return it as the port tells it."""
        return TermsChange(
            id=self.spelled_id,
            state=self.state,
            terms=self.rules,
            proposed_by=self.proposed_by,
            approval=self.approval or "",
            proposed_at=self.proposed_at,
            decided_at=self.decided_at,
        )


def as_stored(terms: Terms) -> str:
    """Write rules as they are stored."""
    return msgspec.json.encode(terms).decode()


async def change(source: Database | Tx, change: UUID) -> ChangeRow | None:
    """Return a change."""
    return await source.fetch_one(
        ChangeRow, f"SELECT {_COLUMNS} FROM payments.terms_change WHERE id = %s", (change,)
    )


async def waiting(source: Database | Tx) -> list[ChangeRow]:
    """Return the changes a second person has to agree to, oldest first."""
    return await source.fetch_all(
        ChangeRow,
        f"SELECT {_COLUMNS} FROM payments.terms_change WHERE state = 1 ORDER BY proposed_at, id",
    )


async def add(tx: Tx, row: ChangeRow) -> None:
    """Store a change."""
    await tx.execute(
        """
        INSERT INTO payments.terms_change (
            id, proposed_at, decided_at, state, live, proposed_by, approval, replaces, terms
        )
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s::jsonb)
        """,
        (
            row.id, row.proposed_at, row.decided_at, row.number, row.live, row.proposed_by,
            row.approval, row.replaces, row.terms,
        ),
    )  # fmt: skip


async def decide(tx: Tx, change: UUID, state: TermsState, at: datetime) -> bool:
    """Store what became of a change; false if that was decided before."""
    return bool(
        await tx.execute(
            """
            UPDATE payments.terms_change SET state = %s, decided_at = %s
            WHERE id = %s AND state = 1
            """,
            (TERMS_STATE_NUMBERS[state], at, change),
        )
    )


async def hold(tx: Tx) -> None:
    """Let one transaction at a time change the rules."""
    await tx.execute("SELECT pg_advisory_xact_lock(hashtextextended('payments.terms', 7))")
