"""Disputes: what providers tell of them, in whatever order, and what is said against them."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final, LiteralString, Protocol, runtime_checkable
from uuid import UUID

from bezant import ids, telemetry
from bezant.actor import PLATFORM, Mode
from bezant.db import page
from bezant.exchange import ProviderAnswer, ProviderRequest
from bezant.payments import rules
from bezant.payments.booking import Booked
from bezant.payments.codes import DISPUTE_STATE_NUMBERS, Kind
from bezant.payments.dispute import (
    Dispute,
    DisputePage,
    DisputesOf,
    DisputeState,
    SubmitEvidence,
)
from bezant.payments.parts import Parts
from bezant.payments.port import NotInThisState, StepNotOffered, UnknownDispute
from bezant.payments.states import DISPUTE, DisputeEvent
from bezant.payments.store import dispute as stored
from bezant.payments.store import read, write
from bezant.psp.port import DisputeNews, ProviderUnavailable, Result, Verdict

_log = telemetry.log("payments")
UNBOOKED_MAX: Final = 50  # Looked at in one round.
_EVENTS: Final = {
    "opened": DisputeEvent.OPENED,
    "under_review": DisputeEvent.ANSWERED,
    "won": DisputeEvent.WON,
    "lost": DisputeEvent.LOST,
    "accepted": DisputeEvent.LOST,
}
_KINDS: Final = {
    DisputeState.OPENED: Kind.DISPUTE_OPENED,
    DisputeState.UNDER_REVIEW: Kind.DISPUTE_UNDER_REVIEW,
    DisputeState.WON: Kind.DISPUTE_WON,
    DisputeState.LOST: Kind.DISPUTE_LOST,
}
_FIRST: Final = {
    DisputeEvent.OPENED: DisputeState.OPENED,
    DisputeEvent.ANSWERED: DisputeState.UNDER_REVIEW,
    DisputeEvent.WON: DisputeState.WON,
    DisputeEvent.LOST: DisputeState.LOST,
}


@runtime_checkable
class TakesEvidence(Protocol):
    """A connector whose provider takes evidence over the wire."""

    def evidence(
        self, mode: Mode, dispute: str, key: str, evidence: Mapping[str, str]
    ) -> ProviderRequest:
        """Build the request that sends it."""
        ...

    def evidenced(self, answer: ProviderAnswer) -> Verdict:
        """Read what came of it: PENDING is what one hopes for."""
        ...


class Disputing:
    """Looks after disputes."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def heard(self, provider: str, mode: Mode, payment: UUID, news: DisputeNews) -> bool:
        """Take what a provider tells; false if it tells nothing new."""
        event = _EVENTS.get(news.state)
        if event is None:
            return False
        row = await self._stored(provider, mode, payment, news, event)
        if row is None:
            return False
        self._parts.told()
        await self.book(row)
        return True

    async def knows(self, provider: str, mode: Mode, reference: str) -> bool:
        """Tell whether a dispute is known as one of its payment."""
        live = mode is Mode.LIVE
        return await stored.known(self._parts.database, provider, live, reference) is not None

    async def book(self, row: stored.DisputeRow) -> bool:
        """Book what a dispute has come to; whatever is booked already is found so."""
        payment = await read.payment(self._parts.database, row.payment)
        assert payment is not None, "a dispute has a payment"
        booked = await self._parts.booking.disputed(
            payment.facts(), row.id, row.provider, row.money, row.state, row.refusals
        )
        async with self._parts.database.transaction() as tx:
            if booked is Booked.YES:
                await stored.booked(tx, row.id, row.state)
            elif booked is Booked.REFUSED:
                await stored.refused(tx, row.id)
        return booked is Booked.YES

    async def book_again(self) -> int:
        """Book what the book would not take before; return how many are left to be booked."""
        rows = await stored.unbooked(self._parts.database, UNBOOKED_MAX)
        return sum([not await self.book(row) for row in rows])

    async def submit(self, command: SubmitEvidence) -> Dispute:
        """Send what speaks against a dispute. Sending the same again changes nothing."""
        rules.metadata(command.evidence)
        row = await self._found(command.tenant, command.mode, command.dispute)
        if row.told_evidence == dict(command.evidence) and row.state is not DisputeState.OPENED:
            return row.spelled(replayed=True)
        state = DISPUTE.after(row.state, DisputeEvent.ANSWERED)
        if state is None or row.state is not DisputeState.OPENED:
            raise NotInThisState(facts={"state": row.state.value})
        parts = self._parts
        connector = parts.connectors[row.provider]
        if not connector.capabilities.evidence or not isinstance(connector, TakesEvidence):
            raise StepNotOffered("this provider takes evidence on its own pages only")
        key = f"{command.key[:100]}-{row.id.hex}"
        async with parts.database.transaction() as tx:
            await stored.note_evidence(tx, row.id, command.evidence, parts.clock.now())
        answer = await parts.vault.send(
            connector.evidence(command.mode, row.reference, key, command.evidence)
        )
        verdict = connector.evidenced(answer)
        if verdict.result in (Result.NOT_SENT, Result.OUTAGE, Result.UNKNOWN, Result.NOT_FOUND):
            raise ProviderUnavailable(retry_after_seconds=verdict.retry_after_seconds or 5.0)
        if verdict.result is Result.DECLINED:
            raise StepNotOffered("the provider did not take this evidence")
        news = DisputeNews(row.reference, "under_review", row.money)
        await self.heard(row.provider, command.mode, row.payment, news)
        return (await self._found(command.tenant, command.mode, command.dispute)).spelled()

    async def one(self, tenant: str, mode: Mode, dispute: str) -> Dispute:
        """Return one dispute."""
        row = await stored.dispute(self._parts.database, ids.read("dp", dispute, "dispute"))
        if row is None or not rules.may_read(tenant, row.tenant) or row.live != (mode is Mode.LIVE):
            raise UnknownDispute
        return row.spelled()

    async def page(self, query: DisputesOf) -> DisputePage:
        """Return a page of disputes, newest first."""
        cut = page.cut("dp", rules.limit(query.limit), query.before, query.after)
        conditions: list[LiteralString] = ["d.live = %(live)s"]
        values: dict[str, object] = {"live": query.mode is Mode.LIVE}
        if query.tenant != PLATFORM:
            conditions.append("d.tenant = %(tenant)s")
            values["tenant"] = rules.tenant_id(query.tenant)
        if query.payment is not None:
            conditions.append("d.payment = %(payment)s")
            values["payment"] = rules.payment_id(query.payment)
        if query.state is not None:
            conditions.append("d.state = %(state)s")
            values["state"] = DISPUTE_STATE_NUMBERS[query.state]
        if query.opened_from is not None:
            conditions.append("d.opened_at >= %(opened_from)s")
            values["opened_from"] = rules.aware(query.opened_from, "opened_from")
        if query.opened_until is not None:
            conditions.append("d.opened_at < %(opened_until)s")
            values["opened_until"] = rules.aware(query.opened_until, "opened_until")
        rows = await stored.disputes(self._parts.database, conditions, values, cut)
        shown, more = cut.shown(rows)
        return DisputePage(tuple(row.spelled() for row in shown), more)

    async def _found(self, tenant: str, mode: Mode, dispute: str) -> stored.DisputeRow:
        row = await stored.dispute(self._parts.database, ids.read("dp", dispute, "dispute"))
        if row is None or row.tenant != rules.tenant_id(tenant) or row.live != (mode is Mode.LIVE):
            raise UnknownDispute
        return row

    async def _stored(
        self, provider: str, mode: Mode, payment: UUID, news: DisputeNews, event: DisputeEvent
    ) -> stored.DisputeRow | None:
        parts, now = self._parts, self._parts.clock.now()
        async with parts.database.transaction() as tx:
            of = await read.locked(tx, payment)
            if of is None or news.amount.asset.code != of.asset or news.amount.minor <= 0:
                _log.error("dispute.unmatched", provider=provider, reference=news.reference)
                return None
            known = await stored.known(tx, provider, mode is Mode.LIVE, news.reference)
            if known is None:
                state = _FIRST[event]
                known = _row(parts, of, provider, news, state)
                await stored.add(tx, known)
                disputed = 0 if state is DisputeState.WON else news.amount.minor
            else:
                state = DISPUTE.after(known.state, event)
                if state is None or state is known.state:
                    return None
                await stored.change(tx, known.id, state, now)
                disputed = -int(known.amount) if state is DisputeState.WON else 0
            if disputed:
                await stored.count(tx, payment, disputed)
            await write.add_step(
                tx, payment, _KINDS[state], now, subject=known.id,
                state=DISPUTE_STATE_NUMBERS[state], amount=int(known.amount),
            )  # fmt: skip
            return await stored.dispute(tx, known.id)


def _row(
    parts: Parts, of: read.PaymentRow, provider: str, news: DisputeNews, state: DisputeState
) -> stored.DisputeRow:
    now = parts.clock.now()
    return stored.DisputeRow(
        id=parts.ids.uuid(),
        payment=of.id,
        tenant=of.tenant,
        opened_at=now,
        updated_at=now,
        evidence_due_at=news.evidence_due_at,
        number=DISPUTE_STATE_NUMBERS[state],
        live=of.live,
        booked=False,
        refusals=0,
        amount=Decimal(news.amount.minor),
        provider=provider,
        reference=news.reference,
        reason=rules.shortened(news.reason),
        evidence=None,
        asset=of.asset,
        exponent=of.exponent,
    )
