"""Providers' events: checked, stored, answered, and acted on in whatever order they come.

An event changes nothing that an answer or a question would not change the same way: all of them
end in one outcome that is written once. So events may come twice, late, before the answer, or
never.
"""

import asyncio
import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Final
from uuid import UUID

from bezant import ids, telemetry
from bezant.actor import Mode
from bezant.errors import BezantError
from bezant.payments.attempt import Operation
from bezant.payments.codes import ENDED_NUMBERS, Ended
from bezant.payments.concluding import Conclusions
from bezant.payments.disputing import Disputing
from bezant.payments.exchanging import Heard
from bezant.payments.failpoints import Point
from bezant.payments.overruling import Overruling
from bezant.payments.parts import Parts
from bezant.payments.question import Arrival, Arrived
from bezant.payments.returning import Returning
from bezant.payments.rules import payment_of
from bezant.payments.store import arrival as stored
from bezant.payments.store import due, write
from bezant.payments.taking import Taking
from bezant.payments.walk import Walk
from bezant.payments.work import Work
from bezant.psp.port import (
    Incoming,
    ProviderNotConfigured,
    Result,
    SettlementLine,
    UnknownProvider,
    Verdict,
    WebhookCheck,
)

_log = telemetry.log("payments")
_SET_ASIDE: Final = ENDED_NUMBERS[Ended.AUTHORIZED]
_CAPTURED: Final = ENDED_NUMBERS[Ended.CAPTURED]
LEASE: Final = timedelta(seconds=60)
ROUND_MAX: Final = 50
PAUSE: Final = timedelta(seconds=2)
TRIES_MAX: Final = 8  # With pauses of 2, 4, … seconds: nine minutes for an answer to be stored.
HEADERS_KEPT_MAX: Final = 40
HEADER_CHARACTERS_MAX: Final = 2_000


class Arriving:
    """Takes events and acts on them."""

    def __init__(
        self,
        parts: Parts,
        checks: Mapping[str, WebhookCheck],
        walk: Walk,
        conclusions: Conclusions,
        returning: Returning,
        disputing: Disputing,
    ) -> None:
        self._parts = parts
        self._checks = checks
        self._walk = walk
        self._conclusions = conclusions
        self._returning = returning
        self._disputing = disputing
        self._overruling = Overruling(parts, conclusions)
        self._taking = Taking(parts, conclusions)
        self._soon: asyncio.Task[None] | None = None
        self._more = False

    async def stop(self) -> None:
        """Let what is under way end."""
        if self._soon is not None:
            await asyncio.gather(self._soon, return_exceptions=True)

    async def arrive(self, arrival: Arrival) -> Arrived:
        """Check whose an event is, store it, and act on it right after the answer."""
        parts = self._parts
        check, connector = self._checks.get(arrival.provider), None
        if check is not None:
            connector = parts.connectors.get(arrival.provider)
        if check is None or connector is None:
            raise UnknownProvider
        modes = parts.modes[arrival.provider]
        mode = arrival.mode or min(modes)  # Of both it is the live one that needs no naming.
        if mode not in modes:
            raise ProviderNotConfigured(facts={"provider": arrival.provider, "mode": mode.value})
        await check.check(mode, arrival.headers, arrival.body)
        news = connector.incoming(arrival.headers, arrival.body)
        now = parts.clock.now()
        row = stored.ArrivalRow(
            parts.ids.uuid(), mode is Mode.LIVE, arrival.provider, news.id, 0,
            _kept(arrival.headers), arrival.body,
        )  # fmt: skip
        async with parts.database.transaction() as tx:
            first = await stored.add(tx, row, news.type, now, now)
        parts.failpoints.reach(Point.EVENT_STORED)
        if first:
            self._act_soon()
        return Arrived(news.id, repeated=not first)

    def _act_soon(self) -> None:
        """Act in a moment, in this process; the tick acts on what this one leaves."""
        self._more = True
        if self._soon is None or self._soon.done():
            self._soon = asyncio.create_task(self._act(), name="payments arrivals")

    async def _act(self) -> None:
        while self._more:
            self._more = False
            try:
                await self.step()
            except BezantError as error:
                _log.warn("arrivals.wait", code=error.code)

    async def step(self) -> int:
        """Act on stored events that are due, and return how many there were."""
        parts = self._parts
        now = parts.clock.now()
        async with parts.database.transaction() as tx:
            rows = await stored.claim(tx, now, now + LEASE, ROUND_MAX)
        await asyncio.gather(*(self._acted(row) for row in rows))
        return len(rows)

    async def _acted(self, row: stored.ArrivalRow) -> None:
        parts = self._parts
        try:
            note = await self._act_on(row)
        except BezantError as error:
            note = "" if row.tries < TRIES_MAX else error.code
        except Exception as error:  # noqa: BLE001 - one event must not hold up the others
            _log.error("arrival.failed", error, provider=row.provider, arrival=row.event)
            note = "" if row.tries < TRIES_MAX else "failed"
        async with parts.database.transaction() as tx:
            if note or row.tries >= TRIES_MAX:
                await stored.done(tx, row.id, note or "unmatched")
            else:
                due_at = parts.clock.now() + PAUSE * 2**row.tries
                await stored.later(tx, row.id, due_at, "waits")

    async def _act_on(self, row: stored.ArrivalRow) -> str:
        """Do what an event asks for; nothing is returned if it cannot be done yet."""
        connector = self._parts.connectors[row.provider]
        news = connector.incoming(row.told_headers, row.body)
        match news.about:
            case "charge" | "refund":
                hint = connector.capabilities.event_hint or news.verdict is None
                return await self._work(row, news, None if hint else news.verdict)
            case "dispute" if news.dispute is not None:
                return await self._dispute(row, news)
            case "statement":
                notes = [await self._line(row, line) for line in news.lines]
                return "statement" if all(notes) else ""
            case _:
                return "of no concern"

    async def _work(self, row: stored.ArrivalRow, news: Incoming, verdict: Verdict | None) -> str:
        attempt = await self._attempt(row, news.attempt, (news.reference, news.part))
        if attempt is None:
            return ""
        if verdict is None:
            await self._walk.ask_about(attempt)
        else:
            await self._heard(attempt, verdict, of_refund=news.about == "refund")
        # It may be told under the charge's key what a capture or refund of ours has come to.
        for other in await due.open_of(self._parts.database, payment_of(attempt)):
            if other != attempt:
                await self._walk.ask_about(other)
        return "done"

    async def _line(self, row: stored.ArrivalRow, line: SettlementLine) -> bool:
        """Take a payer's transfer that a bank tells of."""
        if line.kind != "charge" or line.gross.minor <= 0:
            return True
        attempt = await self._attempt(row, line.attempt, (line.reference,))
        if attempt is None:
            return False
        verdict = Verdict(
            Result.CAPTURED, line.reference, line.id, line.gross, fee=line.fee or None,
            payer=line.payer,
        )  # fmt: skip
        await self._heard(attempt, verdict)
        return True

    async def _heard(self, attempt: UUID, verdict: Verdict, *, of_refund: bool = False) -> None:
        found = await due.one(self._parts.database, attempt)
        if found is None:
            return
        work = await self._walk.work(found)
        work.answers = False
        if of_refund is not (work.operation is Operation.REFUND):
            return  # Named by its charge: the refund itself is asked about.
        if self._differs(work, verdict):
            _log.error("arrival.differs", attempt=work.key, amount=str(verdict.amount))
            await self._walk.ask_about(attempt)
        elif found.result is not None:
            await self._heard_late(found, work, verdict)
        elif work.operation is Operation.REFUND:
            await self._returning.conclude(work, Heard(verdict))
        elif await self._conclusions.conclude(work, Heard(verdict)) is None:
            # Somebody may have ended it meanwhile, perhaps with a no.
            found = await due.one(self._parts.database, attempt)
            if found is not None and found.result is not None:
                await self._heard_late(found, work, verdict)

    def _differs(self, work: Work, verdict: Verdict) -> bool:
        """Tell whether an event speaks of other money than was asked for: then it is a hint."""
        told, asked = verdict.amount, work.amount
        if told is None or told.asset != asked.asset:
            return told is not None
        if work.operation is Operation.REFUND:
            return told != asked
        return told > asked and not self._parts.connectors[work.provider].capabilities.inexact

    async def _heard_late(self, found: due.DueRow, work: Work, verdict: Verdict) -> None:
        """Take what is told of an attempt that has ended: money that moved is a fact."""
        if work.operation is Operation.CHARGE and found.result in (_SET_ASIDE, _CAPTURED):
            taken = await self._taking.heard(work, verdict)
            if taken is not None:
                await self._walk.ask_about(taken.attempt)  # To have it booked.
        else:
            await self._overruling.heard(work, Heard(verdict))

    async def _dispute(self, row: stored.ArrivalRow, news: Incoming) -> str:
        assert news.dispute is not None, "it tells of a dispute"
        attempt = await self._attempt(row, news.attempt, (news.reference, news.part))
        if attempt is None:
            return ""
        mode = Mode.LIVE if row.live else Mode.TEST
        await self._disputing.heard(row.provider, mode, payment_of(attempt), news.dispute)
        return "done"

    async def _attempt(
        self, row: stored.ArrivalRow, key: str, references: tuple[str, ...]
    ) -> UUID | None:
        """Find the attempt an event is about: by our key, or by the provider's name of it."""
        database = self._parts.database
        if key.startswith("att_"):
            named = ids.read("att", key)
        else:
            wanted = [one for one in references if one]
            known = await write.attempts_known(database, wanted, row.provider) if wanted else []
            named = min(known, default=None)  # The charge is a payment's first of them.
        found = None if named is None else await due.one(database, named)
        if found is None or found.provider != row.provider or found.live != row.live:
            return None
        return found.attempt


def _kept(headers: Mapping[str, str]) -> str:
    """Return the headers that are stored: names in small letters, and not too many."""
    kept = {
        name.lower(): value[:HEADER_CHARACTERS_MAX]
        for name, value in list(headers.items())[:HEADERS_KEPT_MAX]
        if name.lower() not in ("authorization", "cookie", "x-api-key")
    }
    return json.dumps(kept)
