"""Transcripts: some for each attempt, for as long as somebody may ask what went wrong."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, LiteralString
from uuid import UUID

from bezant.db.database import Database, Tx
from bezant.exchange import Sending
from bezant.ids import spell
from bezant.payments.transcript import Transcript

OF_ATTEMPT_MAX: Final = 20
"""The first ones tell why; after that a provider's silence is asked about for days."""
_COLUMNS: Final[LiteralString] = """
    id, attempt, asked_at, provider, operation, method, path, key, sending, status, milliseconds,
    result, request, answer, answer_bytes
"""


@dataclass(frozen=True, slots=True)
class TranscriptRow:
    """One call of a provider."""

    id: UUID
    attempt: UUID
    asked_at: datetime
    provider: str
    operation: str
    method: str
    path: str
    key: str
    sending: str
    status: int
    milliseconds: int
    result: str
    request: str
    answer: str
    answer_bytes: int

    def spelled(self) -> Transcript:
        """Return it as the door tells it."""
        return Transcript(
            spell("scr", self.id), f"att_{self.attempt.hex}", self.asked_at, self.provider,
            self.operation, self.method, self.path, self.key, Sending(self.sending), self.status,
            self.milliseconds, self.result, self.request, self.answer, self.answer_bytes,
        )  # fmt: skip


async def add(database: Database, rows: Sequence[TranscriptRow]) -> None:
    """Keep these, unless their attempt has enough."""
    async with database.transaction() as tx:
        for row in rows:
            await tx.execute(
                f"""
                INSERT INTO payments.transcript ({_COLUMNS})
                SELECT %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s
                WHERE (
                    SELECT count(*) FROM payments.transcript AS k WHERE k.attempt = %s
                ) < %s
                """,
                (
                    row.id, row.attempt, row.asked_at, row.provider, row.operation, row.method,
                    row.path, row.key, row.sending, row.status, row.milliseconds, row.result,
                    row.request, row.answer, row.answer_bytes, row.attempt, OF_ATTEMPT_MAX,
                ),
            )  # fmt: skip


async def forget(tx: Tx, before: datetime, most: int) -> int:
    """Drop those of calls that were made long ago, and return how many there were."""
    return await tx.execute(
        """
        DELETE FROM payments.transcript WHERE id IN (
            SELECT id FROM payments.transcript WHERE asked_at < %s LIMIT %s
        )
        """,
        (before, most),
    )


async def of_payment(database: Database, payment: UUID, most: int) -> list[TranscriptRow]:
    """Return what was kept of a payment, oldest first."""
    return await database.fetch_all(
        TranscriptRow,
        f"""
        SELECT {_COLUMNS} FROM payments.transcript
        WHERE attempt >= %(payment)s AND attempt <= payments.attempt_of(%(payment)s, 255)
        ORDER BY asked_at, id
        LIMIT %(most)s
        """,
        {"payment": payment, "most": most},
    )
