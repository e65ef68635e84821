"""Carrying a charge, capture or void through: say it, hear the answer, store what it came to.

The attempt is stored before this begins, so whatever stops here is found and finished by
`walk.py`. Every step may be done twice: the provider and the book know the attempt by its id, and
its outcome is written once.
"""

import contextlib
from collections.abc import Sequence
from datetime import datetime

import msgspec

from bezant import telemetry
from bezant.errors import BezantError
from bezant.exchange import ProviderRequest
from bezant.payments import judging, routing
from bezant.payments.attempt import Operation
from bezant.payments.codes import ENDED_NUMBERS, METHODS, Kind
from bezant.payments.concluding import Conclusions, decline_of, raw_of, soft_of
from bezant.payments.exchanging import Exchanges, Heard
from bezant.payments.failpoints import Point
from bezant.payments.gathered import DUE
from bezant.payments.judging import NEVER_SENT
from bezant.payments.overruling import Overruling
from bezant.payments.parts import Parts
from bezant.payments.port import ATTEMPTS_MAX
from bezant.payments.rules import attempt_id
from bezant.payments.store import read, write
from bezant.payments.told import Standing, written
from bezant.payments.work import Work, asking
from bezant.psp.port import Result, Verdict

_log = telemetry.log("payments")


class Carrier:
    """Carries attempts through while their caller waits."""

    def __init__(self, parts: Parts, exchanges: Exchanges, conclusions: Conclusions) -> None:
        self._parts = parts
        self._exchanges = exchanges
        self._conclusions = conclusions
        self._overruling = Overruling(parts, conclusions)

    async def carry(self, work: Work, request: ProviderRequest) -> Standing | None:
        """Do a stored attempt, and return how its payment stands then.

        Nothing is returned when somebody else was quicker: then it stands as they left it.
        """
        tried: list[str] = []
        while True:
            heard = await self._exchanges.tell(work, request)
            tried.append(work.provider)
            successor = await self._successor(work, heard.verdict, tried)
            if successor is None:
                standing = await self._conclusions.conclude(work, heard)
                if standing is None:
                    standing = await self._overruled(work, heard)
                return standing
            self._parts.failpoints.reach(Point.BEFORE_RETRY)
            if not await self._succeeded(work, successor[0], heard):
                return None
            work, request = successor

    async def _overruled(self, work: Work, heard: Heard) -> Standing | None:
        """Believe money that moved although somebody gave it up while we were at it, and tell that
        to whoever waits. If it cannot be done right now, the provider's event or its file tells it
        again.
        """
        with contextlib.suppress(BezantError):
            if await self._overruling.heard(work, heard):
                async with self._parts.database.transaction() as tx:
                    row = await read.locked(tx, work.facts.id)
                    assert row is not None, "payments are not deleted"
                    standing = row.standing()
                    if work.request is not None:
                        await write.answer_instead(tx, work.request, written(standing))
                return standing
        return None

    async def _successor(
        self, work: Work, verdict: Verdict, tried: Sequence[str]
    ) -> tuple[Work, ProviderRequest] | None:
        """Turn to another provider after an outage or a soft decline; after silence, never."""
        if not _may_be_tried_elsewhere(work, verdict) or len(tried) >= routing.PROVIDERS_TRIED_MAX:
            return None
        parts, facts = self._parts, work.facts
        rules = await parts.rulebook.rules()
        wanted = routing.Wanted(
            facts.id, facts.tenant, facts.mode, work.amount, METHODS[work.before.method],
            facts.captures, facts.details.get("country", ""),
        )  # fmt: skip
        now = parts.clock.now()
        try:
            choice = routing.choose(
                wanted, parts.open_in(facts.mode), rules.routing,
                parts.health.ailing(facts.mode), tried, verdict.result.value,
            )  # fmt: skip
            successor = _next(work, choice, now)
            return successor, asking(parts.connectors[choice.provider], successor, now)
        except BezantError:
            return None  # There is no other, or it does not take this.

    async def _succeeded(self, work: Work, successor: Work, heard: Heard) -> bool:
        """End one attempt and store the next, in one transaction; false if it is not ours."""
        parts = self._parts
        now = successor.sent_at
        judgement = judging.judged(work, heard.verdict, now, 0)
        assert judgement.ended is not None, "only what has ended is tried elsewhere"
        ending = write.Ending(
            result=ENDED_NUMBERS[judgement.ended],
            decline=decline_of(heard.verdict),
            soft=soft_of(heard.verdict),
            reference=heard.verdict.reference,
            digest=heard.digest,
            raw=raw_of(heard.verdict, judgement),
        )
        async with parts.database.transaction() as tx:
            row = await read.locked(tx, work.facts.id)
            if row is None or row.busy != work.number:
                return False
            if not await write.end(tx, work.attempt, ending, now):
                return False
            standing = msgspec.structs.replace(successor.before, state=row.state)
            await write.change(tx, work.facts.id, standing, now)
            await write.add_attempt(tx, successor, now + DUE)
            await write.add_step(tx, work.facts.id, Kind.RETRIED, now, successor.number)
        parts.told()
        _log.info("charge.retried", attempt=work.key, next=successor.provider, why=successor.why)
        return True


def _may_be_tried_elsewhere(work: Work, verdict: Verdict) -> bool:
    if work.operation is not Operation.CHARGE or work.number >= ATTEMPTS_MAX:
        return False
    if verdict.result is Result.DECLINED:
        return verdict.decline is not None and verdict.decline.soft
    if verdict.status in NEVER_SENT or verdict.status == "too_late":
        return False
    return verdict.result in (Result.NOT_SENT, Result.OUTAGE)


def _next(work: Work, choice: routing.Choice, now: datetime) -> Work:
    number = work.number + 1
    return Work(
        attempt=attempt_id(work.facts.id, number),
        facts=work.facts,
        before=msgspec.structs.replace(
            work.before, provider=choice.provider, charge=number, busy=number, attempts=number
        ),
        operation=Operation.CHARGE,
        provider=choice.provider,
        amount=work.amount,
        sent_at=now,
        why=choice.why,
        card=work.card,
        request=work.request,
        saved=work.saved,
        email=work.email,
        name=work.name,
    )
