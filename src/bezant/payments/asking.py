"""Questions: one payment, many, what was asked of providers for it, and sums."""

from typing import LiteralString

from bezant import ids
from bezant.actor import PLATFORM, Mode
from bezant.db import page
from bezant.errors import Invalid
from bezant.exchange import MethodKind
from bezant.money import ASSETS, Money
from bezant.payments import routing, rules
from bezant.payments.advice import declined
from bezant.payments.attempt import Attempt, AttemptState
from bezant.payments.codes import (
    DECLINES,
    ENDINGS,
    METHOD_NUMBERS,
    OPERATIONS,
    REFUND_STATE_NUMBERS,
    STATE_NUMBERS,
    Ended,
    Waiting,
)
from bezant.payments.faring import Failover, Faring, ProviderFaring
from bezant.payments.parts import Parts
from bezant.payments.payment import Declined, Payment
from bezant.payments.port import UnknownPayment, UnknownRefund
from bezant.payments.question import AssetStats, PaymentPage, PaymentsOf, Stats, StatsOf
from bezant.payments.refund import Refund, RefundPage, RefundsOf
from bezant.payments.store import faring as fared
from bezant.payments.store import read, sums
from bezant.payments.store import refund as stored
from bezant.payments.store import transcript as kept
from bezant.payments.told import spelled
from bezant.payments.transcript import Transcript
from bezant.psp.port import Connector

Conditions = list[LiteralString]
Values = dict[str, object]
TRANSCRIPTS_MAX = 200  # Of one payment: some for each of its attempts.


class Questions:
    """Reads, and changes nothing."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def payment(self, tenant: str, mode: Mode, payment: str) -> Payment:
        """Return one payment."""
        row = await self._readable(tenant, mode, payment)
        return spelled(row.facts(), row.standing())

    async def payments(self, query: PaymentsOf) -> PaymentPage:
        """Return a page of payments, newest first."""
        cut = page.cut("pay", rules.limit(query.limit), query.before, query.after)
        conditions, values = conditions_of(query)
        rows = await read.payments(self._parts.database, conditions, values, cut)
        shown, more = cut.shown(rows)
        return PaymentPage(tuple(spelled(row.facts(), row.standing()) for row in shown), more)

    async def attempts(self, tenant: str, mode: Mode, payment: str) -> tuple[Attempt, ...]:
        """Return everything that was asked of providers for a payment."""
        row = await self._readable(tenant, mode, payment)
        rows = await read.attempts(self._parts.database, row.id)
        return tuple(told_attempt(one, row) for one in rows)

    async def transcripts(self, tenant: str, mode: Mode, payment: str) -> tuple[Transcript, ...]:
        """Return what was kept of the calls of providers for a payment."""
        row = await self._readable(tenant, mode, payment)
        rows = await kept.of_payment(self._parts.database, row.id, TRANSCRIPTS_MAX)
        return tuple(one.spelled() for one in rows)

    async def refund(self, tenant: str, mode: Mode, refund: str) -> Refund:
        """Return one refund."""
        row = await stored.refund(self._parts.database, ids.read("re", refund, "refund"))
        if row is None or not rules.may_read(tenant, row.tenant) or row.live != (mode is Mode.LIVE):
            raise UnknownRefund
        return row.spelled()

    async def refunds(self, query: RefundsOf) -> RefundPage:
        """Return a page of refunds, newest first."""
        cut = page.cut("re", rules.limit(query.limit), query.before, query.after)
        conditions: Conditions = ["r.live = %(live)s"]
        values: Values = {"live": query.mode is Mode.LIVE}
        if query.tenant != PLATFORM:
            conditions.append("r.tenant = %(tenant)s")
            values["tenant"] = rules.tenant_id(query.tenant)
        if query.payment is not None:
            conditions.append("r.payment = %(payment)s")
            values["payment"] = rules.payment_id(query.payment)
        if query.state is not None:
            conditions.append("r.state = %(state)s")
            values["state"] = REFUND_STATE_NUMBERS[query.state]
        if query.metadata:
            conditions.append("r.metadata @> %(metadata)s::jsonb")
            values["metadata"] = rules.as_json(query.metadata)
        if query.created_from is not None:
            conditions.append("r.created_at >= %(created_from)s")
            values["created_from"] = rules.aware(query.created_from, "created_from")
        if query.created_until is not None:
            conditions.append("r.created_at < %(created_until)s")
            values["created_until"] = rules.aware(query.created_until, "created_until")
        rows = await stored.refunds(self._parts.database, conditions, values, cut)
        shown, more = cut.shown(rows)
        return RefundPage(tuple(row.spelled() for row in shown), more)

    async def _readable(self, tenant: str, mode: Mode, payment: str) -> read.PaymentRow:
        row = await read.payment(self._parts.database, rules.payment_id(payment))
        if row is None or not rules.may_read(tenant, row.tenant) or row.live != (mode is Mode.LIVE):
            raise UnknownPayment
        return row

    async def faring(self, mode: Mode) -> Faring:
        """Return how providers fare, and when another one stepped in."""
        live = mode is Mode.LIVE
        rows = {one.provider: one for one in await fared.faring(self._parts.database, live=live)}
        stepped_in = await fared.failovers(self._parts.database, live=live)
        ailing = self._parts.health.ailing(mode)
        told = tuple(
            _faring(name, connector, rows.get(name), ailing=name in ailing)
            for name, connector in self._parts.open_in(mode).items()
        )
        return Faring(told, tuple(map(_failover, stepped_in)), sum(one.asked for one in told))

    async def stats(self, query: StatsOf) -> Stats:
        """Return what a stretch of time brought."""
        since, until = rules.aware(query.since, "since"), rules.aware(query.until, "until")
        assert since is not None, "a query says since when"
        assert until is not None, "a query says until when"
        if since > until:
            raise Invalid("it ends before it begins", field="until")
        whose = None if query.tenant == PLATFORM else rules.tenant_id(query.tenant)
        rows = await sums.stats(self._parts.database, whose, query.mode is Mode.LIVE, since, until)
        return Stats(
            since,
            until,
            tuple(
                AssetStats(
                    asset=row.asset,
                    payments=row.payments,
                    succeeded=row.succeeded,
                    declined=row.declined,
                    open=row.undecided,
                    captured=Money(int(row.captured), ASSETS[row.asset]),
                    refunded=Money(int(row.refunded), ASSETS[row.asset]),
                    disputed=Money(int(row.disputed), ASSETS[row.asset]),
                    fees=Money(int(row.fees), ASSETS[row.asset]),
                )
                for row in rows
            ),
        )


def conditions_of(query: PaymentsOf) -> tuple[Conditions, Values]:
    """Return what a payment must be to fit."""
    conditions, values = _whose(query.tenant, query.mode)
    _about(query, conditions, values)
    _between(query, conditions, values)
    return conditions, values


def _whose(tenant: str, mode: Mode) -> tuple[Conditions, Values]:
    conditions: Conditions = ["p.live = %(live)s"]
    values: Values = {"live": mode is Mode.LIVE}
    if tenant != PLATFORM:
        conditions.append("p.tenant = %(tenant)s")
        values["tenant"] = rules.tenant_id(tenant)
    return conditions, values


def _about(query: PaymentsOf, conditions: Conditions, values: Values) -> None:
    if query.state is not None:
        conditions.append("p.state = %(state)s")
        values["state"] = STATE_NUMBERS[query.state]
    if query.customer is not None:
        conditions.append("p.customer = %(customer)s")
        values["customer"] = rules.customer_id(query.customer)
    if query.order is not None:
        conditions.append("p.order_id = %(order)s")
        values["order"] = query.order
    if query.provider is not None:
        conditions.append("p.provider = %(provider)s")
        values["provider"] = query.provider
    if query.reference is not None:
        conditions.append(read.BY_REFERENCE)
        values["reference"] = query.reference
    if query.method is not None:
        conditions.append("p.method = %(method)s")
        values["method"] = METHOD_NUMBERS[query.method]
    if query.asset is not None:
        conditions.append("p.asset = %(asset)s")
        values["asset"] = query.asset
    if query.metadata:
        conditions.append("coalesce(p.changed -> 'metadata', p.metadata) @> %(metadata)s::jsonb")
        values["metadata"] = rules.as_json(query.metadata)
    if query.text:
        conditions.append(read.SOMEWHERE)
        values["text"] = rules.somewhere(query.text)
        values["named"] = query.text


def _between(query: PaymentsOf, conditions: Conditions, values: Values) -> None:
    for amount in (query.amount_min, query.amount_max):
        if amount is not None:
            conditions.append("p.asset = %(amount_asset)s")
            values["amount_asset"] = amount.asset.code
    if query.amount_min is not None:
        conditions.append("p.amount >= %(amount_min)s")
        values["amount_min"] = query.amount_min.minor
    if query.amount_max is not None:
        conditions.append("p.amount <= %(amount_max)s")
        values["amount_max"] = query.amount_max.minor
    if query.created_from is not None:
        conditions.append("p.created_at >= %(created_from)s")
        values["created_from"] = rules.aware(query.created_from, "created_from")
    if query.created_until is not None:
        conditions.append("p.created_at < %(created_until)s")
        values["created_until"] = rules.aware(query.created_until, "created_until")


def _faring(
    provider: str, connector: Connector, row: fared.FaringRow | None, *, ailing: bool
) -> ProviderFaring:
    methods = tuple(kind for kind in MethodKind if kind in connector.capabilities.methods)
    if row is None:
        return ProviderFaring(provider, methods, ailing, 0, 0, 0, 0, 0, None)
    done = row.asked - row.declined - row.not_reached - row.open
    return ProviderFaring(
        provider, methods, ailing, row.asked, done, row.declined, row.not_reached, row.open,
        row.last_at,
    )  # fmt: skip


def _failover(row: fared.FailoverRow) -> Failover:
    ended = None if row.result is None else ENDINGS[row.result]
    return Failover(
        attempt=f"att_{row.id.hex}",
        payment=ids.spell("pay", row.payment),
        provider=row.provider,
        why=routing.explained(row.why),
        at=row.sent_at,
        result="" if ended is None else ended.value,
    )


def told_attempt(row: read.AttemptRow, payment: read.PaymentRow) -> Attempt:
    """Return an attempt as the port tells it."""
    asset = payment.money
    moved = row.amount if row.moved is None else row.moved
    ended = None if row.result is None else ENDINGS[row.result]
    return Attempt(
        id=f"att_{row.id.hex}",
        operation=OPERATIONS[row.operation],
        state=_state(ended, row.waiting),
        provider=row.provider,
        amount=Money(int(moved), asset),
        why=routing.explained(row.why),
        sent_at=row.sent_at,
        settled_at=row.settled_at,
        result="" if ended is None else ended.value,
        reference=row.reference or "",
        part=row.part or "",
        digest="" if row.digest is None else row.digest.hex(),
        declined=_declined(row),
        fee=None if row.cost is None else Money(int(row.cost), asset),
        booked=row.waiting != Waiting.UNBOOKED,
        asked=row.asked or 0,
    )


def _declined(row: read.AttemptRow) -> Declined | None:
    return None if row.decline is None else declined(DECLINES[row.decline], soft=bool(row.soft))


def _state(ended: Ended | None, waiting: int | None) -> AttemptState:
    if ended in (Ended.DECLINED, Ended.CAME_BACK):
        return AttemptState.DECLINED
    if ended is Ended.NOT_REACHED:
        return AttemptState.FAILED
    if ended is not None:
        return AttemptState.DONE
    match waiting:
        case Waiting.WITH_PROVIDER:
            return AttemptState.WAITING
        case Waiting.UNKNOWN:
            return AttemptState.UNKNOWN
        case _:
            return AttemptState.SENT
