"""The two gathered writes of a payment: before a provider is asked, and after it has answered."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

from bezant.db.database import Database
from bezant.db.poster import Poster
from bezant.payments.store.begin import Asked, Beginning, begin
from bezant.payments.store.settle import Settling, settle

DUE: Final = timedelta(seconds=25)
"""A sender has heard by then, or never will: a provider is given twenty seconds."""

PAUSE_SECONDS: Final = 0.002
"""Between two batches, while each has many: a batch costs as much as a dozen payments in it."""


class Gathered:
    """Begins and ends of payments, many in one commit."""

    def __init__(self, database: Database) -> None:
        self._begin_line = database.line("begin")
        self._settle_line = database.line("settle")
        self._begins: Poster[Beginning, Asked | None] = Poster(
            "payments begin", self._begin, pause_seconds=PAUSE_SECONDS
        )
        self._settles: Poster[Settling, bool] = Poster(
            "payments settle", self._settle, pause_seconds=PAUSE_SECONDS
        )

    def start(self) -> None:
        """Begin to write."""
        self._begins.start()
        self._settles.start()

    async def stop(self) -> None:
        """Write what is queued, then let go of the sessions."""
        await self._begins.stop()
        await self._settles.stop()
        await self._begin_line.close()
        await self._settle_line.close()

    @property
    def queued(self) -> int:
        """How many wait to be written."""
        return self._begins.queued + self._settles.queued

    async def begin(self, command: Beginning) -> Asked | None:
        """Store a payment, or return what was asked before under its key."""
        return await self._begins.submit(command)

    async def settle(self, command: Settling) -> bool:
        """Store how an attempt ended; false if that was known already."""
        return await self._settles.submit(command)

    async def _begin(self, commands: Sequence[Beginning]) -> Sequence[Asked | None]:
        first: dict[UUID, Beginning] = {}
        for command in commands:
            first.setdefault(command.request, command)
        before = await begin(self._begin_line, DUE, list(first.values()))
        if not before and len(first) == len(commands):
            return [None] * len(commands)
        answers: list[Asked | None] = []
        for command in commands:
            known = before.get(command.request)
            owner = first[command.request]
            if known is None and owner is not command:
                # Of two with one key the first is at work now, and has not answered.
                known = Asked(owner.request, owner.fingerprint, owner.payment, owner.answer)
            answers.append(known)
        return answers

    async def _settle(self, commands: Sequence[Settling]) -> Sequence[bool]:
        """One statement changes a row once, so two outcomes of one payment take two of them."""
        answers: dict[int, bool] = {}
        left = list(enumerate(commands))
        while left:
            now_written: dict[UUID, tuple[int, Settling]] = {}
            later: list[tuple[int, Settling]] = []
            for place, command in left:
                if command.payment in now_written:
                    later.append((place, command))
                else:
                    now_written[command.payment] = (place, command)
            fresh = await settle(
                self._settle_line, [command for _, command in now_written.values()]
            )
            for place, command in now_written.values():
                answers[place] = command.attempt in fresh
            left = later
        return [answers[place] for place in range(len(commands))]
