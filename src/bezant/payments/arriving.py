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

from bezant import telemetry
from bezant.actor import Mode
from bezant.errors import BezantError, Unavailable
from bezant.payments.attempt import Operation
from bezant.payments.beside import Beside, is_beside
from bezant.payments.codes import ENDED_NUMBERS, GIVEN, OPERATIONS, Ended, Waiting
from bezant.payments.concluding import Conclusions
from bezant.payments.disputing import Disputing
from bezant.payments.elsewhere import Elsewhere
from bezant.payments.exchanging import Heard
from bezant.payments.failpoints import Point
from bezant.payments.giving import Giving, attempt_in
from bezant.payments.overruling import Overruling
from bezant.payments.parts import Parts
from bezant.payments.port import BookUnavailable, PaymentBusy
from bezant.payments.question import Arrival, Arrived
from bezant.payments.repeating import AGAIN_SECONDS
from bezant.payments.returning import Returning
from bezant.payments.rules import attempt_id, payment_of
from bezant.payments.store import arrival as stored
from bezant.payments.store import due, read, write
from bezant.payments.taking import Taking
from bezant.payments.walk import Walk
from bezant.payments.work import Work
from bezant.psp.port import (
    MISMATCH,
    Decline,
    DeclineCode,
    DisputeNews,
    Incoming,
    ProviderNotConfigured,
    ProviderUnavailable,
    Result,
    SettlementLine,
    ShowsDisputes,
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
PATIENCE_TRIES_MAX: Final = 1_000
"""While a provider or the book does not answer, or a step of ours is in doubt, an event waits for
days: it may tell of money.
"""
_SAYS: Final = frozenset({Result.REFUNDED, Result.DECLINED, Result.VOIDED})
_OF_CONCERN: Final = frozenset({("charge", True), ("refund", True), ("dispute", False)})
"""Lines of a bank's notification, and whether their money came to us."""
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
        self._overruling = Overruling(parts, conclusions)
        self._taking = Taking(parts, conclusions)
        self._beside = Beside(parts)
        self._elsewhere = Elsewhere(parts, walk, returning, disputing)
        self._giving = Giving(parts, returning, walk.work)
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
        parts, tries_max = self._parts, TRIES_MAX
        try:
            note, over = await self._act_on(row), "unmatched"
        except BezantError as error:
            note, over = "", error.code
            waits = isinstance(error, Unavailable | PaymentBusy)
            tries_max = PATIENCE_TRIES_MAX if waits else TRIES_MAX
        except Exception as error:  # noqa: BLE001 - one event must not hold up the others
            _log.error("arrival.failed", error, provider=row.provider, arrival=row.event)
            note, over = "", "failed"
        async with parts.database.transaction() as tx:
            if note:
                await stored.done(tx, row.id, note)
            elif row.tries >= tries_max:
                await stored.given_up(tx, row.id, over)
            else:
                due_at = parts.clock.now() + PAUSE * 2 ** min(row.tries, TRIES_MAX)
                await stored.later(tx, row.id, due_at, "waits")

    async def _act_on(self, row: stored.ArrivalRow) -> str:
        """Do what an event asks for; nothing is returned if it cannot be done yet."""
        connector = self._parts.connectors[row.provider]
        news = connector.incoming(row.told_headers, row.body)
        match news.about:
            case "charge" | "refund":
                hint = connector.capabilities.event_hint or news.verdict is None
                return await self._work(row, news, None if hint else news.verdict)
            case "dispute":
                return await self._dispute(row, await self._dispute_told(row, news))
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
            await self._hinted(attempt)
        else:
            await self._heard(attempt, verdict, of_refund=news.about == "refund")
        # It may be told under the charge's key what a capture or refund of ours has come to.
        for other in await due.open_of(self._parts.database, payment_of(attempt)):
            if other != attempt:
                await self._walk.ask_about(other)
        if news.about == "refund":
            await self._look(attempt, news)
        return "done"

    async def _hinted(self, attempt: UUID) -> None:
        """Ask about an attempt. One that has ended nobody asks about by himself: a hint about it
        waits until the provider answers.
        """
        ended = await due.one(self._parts.database, attempt)
        heard = await self._walk.ask_about(attempt)
        if ended is not None and ended.result is not None and (heard is None or _is_silent(heard)):
            raise ProviderUnavailable(retry_after_seconds=AGAIN_SECONDS)

    async def _look(self, attempt: UUID, news: Incoming) -> None:
        """Look at every refund of the charge an event speaks of, unless it named one of ours."""
        found = await due.one(self._parts.database, attempt)
        row = await read.payment(self._parts.database, payment_of(attempt))
        if found is None or row is None or OPERATIONS[found.operation] is Operation.REFUND:
            return
        if is_beside(found, row):
            await self._beside.look(await self._walk.work(found), news)
            return
        charge = await due.one(self._parts.database, attempt_id(row.id, row.charge))
        if charge is None or charge.provider != found.provider:
            return
        for new in await self._giving.look(await self._walk.work(charge)):
            await self._walk.ask_about(new)  # To have it booked.

    async def _line(self, row: stored.ArrivalRow, line: SettlementLine) -> bool:
        """Take a payer's transfer that a bank tells of, or one that came back."""
        towards_us = line.gross.minor > 0
        if (line.kind, towards_us) not in _OF_CONCERN:
            return True
        attempt = await self._attempt(row, line.attempt, (line.reference,))
        if attempt is None:
            return False
        if line.kind == "dispute":
            mode = Mode.LIVE if row.live else Mode.TEST
            lost = DisputeNews(line.part, "lost", -line.gross, "taken back by the payer's bank")
            await self._elsewhere.disputed(row.provider, mode, attempt, lost)
            return True
        if line.kind == "refund":
            await self._came_back(attempt, line)
            return True
        verdict = Verdict(
            Result.CAPTURED, line.reference, line.id, line.gross, fee=line.fee or None,
            payer=line.payer,
        )  # fmt: skip
        await self._heard(attempt, verdict)
        return True

    async def _came_back(self, attempt: UUID, line: SettlementLine) -> None:
        """Take a refund that a bank has booked back: what is booked needs no asking."""
        found = await due.one(self._parts.database, attempt)
        if found is None or OPERATIONS[found.operation] is not Operation.REFUND:
            return
        work = await self._walk.work(found)
        if work.amount != line.gross:
            _log.error("arrival.differs", attempt=work.key, amount=str(line.gross))
            return
        decline = Decline(DeclineCode.RETURNED, soft=False, raw="returned")
        verdict = Verdict(Result.DECLINED, work.reference, line.part, decline=decline)
        work.answers = False
        await self._returning.conclude(work, Heard(verdict))

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
            await self._hinted(attempt)
        elif found.result is not None and of_refund:
            await self._heard_late_of_refund(found, verdict)
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

    async def _heard_late_of_refund(self, found: due.DueRow, verdict: Verdict) -> None:
        """Take what is told of a refund that has ended. What contradicts that may be news, or an
        old event that comes late: the provider is asked how it is now.
        """
        if found.waiting == Waiting.UNBOOKED:
            await self._walk.ask_about(found.attempt)  # To have it booked, first of all.
            raise BookUnavailable(retry_after_seconds=AGAIN_SECONDS)
        given = verdict.result is Result.REFUNDED
        if given is (found.result in GIVEN) or verdict.result not in _SAYS:
            return
        heard = await self._walk.ask_about(found.attempt)
        if heard is None or _is_silent(heard):
            raise ProviderUnavailable(retry_after_seconds=AGAIN_SECONDS)
        if heard.verdict.result is Result.NOT_FOUND:  # Not under our key; the event has its name.
            work = await self._walk.work(found)
            work.answers = False
            await self._returning.conclude(work, Heard(verdict))

    async def _dispute_told(self, row: stored.ArrivalRow, news: Incoming) -> Incoming:
        """Return what is told of a dispute; where an event is a hint it is fetched again."""
        connector = self._parts.connectors[row.provider]
        if news.dispute is not None and not connector.capabilities.event_hint:
            return news
        if not isinstance(connector, ShowsDisputes) or not news.part:
            return Incoming(news.id, news.type, "")
        mode = Mode.LIVE if row.live else Mode.TEST
        answer = await self._parts.vault.send(connector.ask_dispute(mode, news.part))
        told = connector.asked_dispute(news.part, answer)
        if told is None:
            raise ProviderUnavailable(retry_after_seconds=AGAIN_SECONDS)
        return told

    async def _dispute(self, row: stored.ArrivalRow, news: Incoming) -> str:
        if news.dispute is None:
            return "of no concern"
        attempt = await self._attempt(row, news.attempt, (news.reference, news.part))
        if attempt is None:
            return ""
        mode = Mode.LIVE if row.live else Mode.TEST
        await self._elsewhere.disputed(row.provider, mode, attempt, news.dispute)
        return "done"

    async def _attempt(
        self, row: stored.ArrivalRow, key: str, references: tuple[str, ...]
    ) -> UUID | None:
        """Find the attempt an event is about: by our key, or by the provider's name of it. Others
        who have the provider's account may have given it keys of theirs.
        """
        database = self._parts.database
        named = attempt_in(key)
        if named is not None and await self._is_of(row, named):
            return named
        wanted = [one for one in references if one]
        known = await write.attempts_known(database, wanted, row.provider) if wanted else []
        for one in sorted(known):  # The charge is a payment's first of them.
            if await self._is_of(row, one):
                return one
        return None

    async def _is_of(self, row: stored.ArrivalRow, attempt: UUID) -> bool:
        """Tell whether an attempt is one at the event's provider, in its mode."""
        found = await due.one(self._parts.database, attempt)
        return found is not None and found.provider == row.provider and found.live == row.live


def _is_silent(heard: Heard) -> bool:
    """Tell whether a question was not answered; an answer about something else is one."""
    return heard.verdict.result is Result.UNKNOWN and heard.verdict.status != MISMATCH


def _kept(headers: Mapping[str, str]) -> str:
    """Return the headers that are stored: names in small letters, and not too many."""
    kept = {
        name.lower(): value[:HEADER_CHARACTERS_MAX]
        for name, value in list(headers.items())[:HEADERS_KEPT_MAX]
        if name.lower() not in ("authorization", "cookie", "x-api-key")
    }
    return json.dumps(kept)
