"""Many things by their ids: one question to the database for each kind, however many there are."""

from collections import defaultdict
from typing import LiteralString
from uuid import UUID

from bezant import ids
from bezant.actor import PLATFORM, Mode
from bezant.errors import Invalid
from bezant.payments import rules
from bezant.payments.asking import told_attempt
from bezant.payments.attempt import Attempt
from bezant.payments.customers import told_customer
from bezant.payments.many import AttemptsOfOne, Many, ManyOf
from bezant.payments.parts import Parts
from bezant.payments.port import MANY_MAX, REFUNDS_OF_ONE_MAX
from bezant.payments.store import customer as customers
from bezant.payments.store import read
from bezant.payments.store import refund as refunds
from bezant.payments.told import spelled


class Together:
    """Reads, and changes nothing."""

    def __init__(self, parts: Parts) -> None:
        self._database = parts.database

    async def many(self, query: ManyOf) -> Many:
        """Return what is there of the things that were named."""
        shown = _read("pay", query.payments, "payments")
        attempts_of = _read("pay", query.attempts_of, "attempts_of")
        refunds_of = _read("pay", query.refunds_of, "refunds_of")
        whose = _read("cus", query.customers, "customers")
        conditions, values = _within(query)
        rows: dict[UUID, read.PaymentRow] = {}
        if wanted := shown | attempts_of | refunds_of:
            found = await read.named(self._database, conditions, values, list(wanted))
            rows = {row.id: row for row in found}
        given, people = [], []
        if about := [one for one in rows if one in refunds_of]:
            given = await refunds.newest_of(self._database, about, REFUNDS_OF_ONE_MAX)
        if whose:
            people = await customers.named(self._database, conditions, values, list(whose))
        return Many(
            tuple(spelled(r.facts(), r.standing()) for r in rows.values() if r.id in shown),
            tuple(map(told_customer, people)),
            await self._attempts({one: row for one, row in rows.items() if one in attempts_of}),
            tuple(row.spelled() for row in given),
        )

    async def _attempts(self, rows: dict[UUID, read.PaymentRow]) -> tuple[AttemptsOfOne, ...]:
        if not rows:
            return ()
        found: dict[UUID, list[Attempt]] = defaultdict(list)
        for one in await read.attempts(self._database, *rows):
            payment = rules.payment_of(one.id)
            found[payment].append(told_attempt(one, rows[payment]))
        return tuple(AttemptsOfOne(ids.spell("pay", one), tuple(found[one])) for one in rows)


def _within(query: ManyOf) -> tuple[list[LiteralString], dict[str, object]]:
    """Return the conditions that keep to what the asker may read."""
    values: dict[str, object] = {"live": query.mode is Mode.LIVE}
    if query.tenant == PLATFORM:
        return ["x.live = %(live)s"], values
    values["tenant"] = rules.tenant_id(query.tenant)
    return ["x.live = %(live)s", "x.tenant = %(tenant)s"], values


def _read(prefix: str, named: tuple[str, ...], field: str) -> frozenset[UUID]:
    if len(named) > MANY_MAX:
        raise Invalid(f"at most {MANY_MAX} at once", field=field)
    return frozenset(ids.read(prefix, one, field) for one in named)
