"""Repeats: the same key and request are answered what was answered first."""

from uuid import UUID

from bezant.payments.parts import Parts
from bezant.payments.payment import Payment
from bezant.payments.port import KeyInFlight, KeyReused, UnknownPayment
from bezant.payments.store import read, write
from bezant.payments.store.begin import Asked
from bezant.payments.told import read as answer_of
from bezant.payments.told import spelled

AGAIN_SECONDS = 1.0  # A provider answers within a second or so.


def kept_answer(asked: Asked, fingerprint: int) -> bytes:
    """Return what was answered first; refuse another request, or one that is not answered yet."""
    if asked.fingerprint != fingerprint:
        raise KeyReused
    if asked.answer is None:
        raise KeyInFlight(retry_after_seconds=AGAIN_SECONDS)
    return asked.answer


class Repeats:
    """Answers what was asked before."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def payment(self, request: UUID, fingerprint: int) -> Payment | None:
        """Return the first answer about a payment, if this was asked before."""
        asked = await write.asked(self._parts.database, request)
        return None if asked is None else await self.answered(asked, fingerprint)

    async def answered(self, asked: Asked, fingerprint: int) -> Payment:
        """Return the first answer about a payment."""
        standing = answer_of(kept_answer(asked, fingerprint))
        row = await read.payment(self._parts.database, asked.subject)
        if row is None:
            raise UnknownPayment
        return spelled(row.facts(), standing, replayed=True)

    async def overtaken(self, payment: UUID, request: UUID | None) -> Payment:
        """Return how a payment stands when somebody else settled what we had asked for."""
        database = self._parts.database
        row = await read.payment(database, payment)
        if row is None:
            raise UnknownPayment
        asked = await write.asked(database, request) if request else None
        if asked is not None and asked.answer is not None:
            return spelled(row.facts(), answer_of(asked.answer))
        return spelled(row.facts(), row.standing())
