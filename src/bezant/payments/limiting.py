"""How much a merchant may take: the limits a payment is under, and the room it takes up in each.

Room is taken in the transaction that stores what is about to be said to a provider, so no two
payments take the same room. A payment without a limit never comes here.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import IntEnum
from typing import Final
from weakref import WeakValueDictionary

from bezant.actor import Mode
from bezant.db.database import Database, Tx
from bezant.errors import Unavailable
from bezant.exchange import MethodKind
from bezant.money import Asset, Money
from bezant.payments import rules
from bezant.payments.codes import METHOD_NUMBERS
from bezant.payments.gathered import DUE
from bezant.payments.port import LimitExceeded
from bezant.payments.rule import LimitRule
from bezant.payments.store import limit as stored
from bezant.payments.store.begin import Asked, Beginning, begin_in
from bezant.payments.told import Facts

ALL_METHODS: Final = 0
TURN_SECONDS: Final = 15.0  # Who waits longer is told to come again.


class Span(IntEnum):
    """How long room is for; the numbers are stored."""

    DAY = 1
    MONTH = 2


@dataclass(frozen=True, slots=True)
class Room:
    """What a merchant may take with such payments in one period."""

    span: Span
    begins_on: date
    most: int
    method: MethodKind | None

    @property
    def renews_at(self) -> datetime:
        """Return when all of it is there again."""
        if self.span is Span.DAY:
            following = self.begins_on + timedelta(days=1)
        else:
            following = (self.begins_on + timedelta(days=31)).replace(day=1)
        return datetime.combine(following, time(), UTC)


class Turns:
    """One at a time, of those who need room of the same merchant.

    Each would wait for the same row, and hold a session meanwhile: a crowd at one merchant would
    leave none for anybody else.
    """

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[tuple[str, Mode, str], asyncio.Lock] = (
            WeakValueDictionary()
        )

    @asynccontextmanager
    async def of(self, facts: Facts) -> AsyncGenerator[None]:
        """Wait without a session until it is this one's turn."""
        place = (facts.tenant, facts.mode, facts.amount.asset.code)
        lock = self._locks.setdefault(place, asyncio.Lock())
        try:
            async with asyncio.timeout(TURN_SECONDS):
                await lock.acquire()
        except TimeoutError:
            raise Unavailable from None
        try:
            yield
        finally:
            lock.release()


def rooms(
    limits: Sequence[LimitRule], facts: Facts, method: MethodKind | None, now: datetime
) -> tuple[Room, ...]:
    """Return the room a payment needs; refuse one that is too much by itself.

    Without a method yet, only what holds for all of them is known.
    """
    today = now.astimezone(UTC).date()
    found: list[Room] = []
    for rule in _deciding(limits, facts, method):
        if rule.per_payment is not None and facts.amount.minor > rule.per_payment:
            raise _exceeded("per_payment", rule.method, facts.amount.asset, rule.per_payment)
        if rule.per_day is not None:
            found.append(Room(Span.DAY, today, rule.per_day, rule.method))
        if rule.per_month is not None:
            first = today.replace(day=1)
            found.append(Room(Span.MONTH, first, rule.per_month, rule.method))
    return tuple(found)


async def begin(
    database: Database, command: Beginning, facts: Facts, needed: Sequence[Room]
) -> Asked | None:
    """Store a payment that is under limits, or return what was asked before under its key."""

    async def work(tx: Tx) -> Asked | None:
        asked = await begin_in(tx, DUE, command)
        if asked is None:
            await take(tx, facts, needed)
        return asked

    return await database.attempt(work)


async def take(tx: Tx, facts: Facts, needed: Sequence[Room]) -> None:
    """Take room for a charge, or refuse it; what an earlier try took is given back, also if this
    one needs none.
    """
    full = await stored.take_room(
        tx,
        facts.id,
        rules.tenant_id(facts.tenant),
        facts.mode,
        facts.amount,
        [
            stored.Wanted(
                METHOD_NUMBERS[one.method] if one.method else ALL_METHODS,
                one.span.value,
                one.begins_on,
                one.most,
            )
            for one in needed
        ],
    )
    if full is not None:
        room = needed[full.place - 1]
        raise _exceeded(
            f"per_{room.span.name.lower()}",
            room.method,
            facts.amount.asset,
            room.most,
            left=max(0, room.most - int(full.used)),
            renews_at=room.renews_at,
        )


def _deciding(
    limits: Sequence[LimitRule], facts: Facts, method: MethodKind | None
) -> list[LimitRule]:
    """Return the rules that hold: for each method they name, the one that says most."""
    deciding: dict[MethodKind | None, LimitRule] = {}
    for rule in limits:
        fits = (
            rule.asset == facts.amount.asset.code
            and rule.tenant in ("", facts.tenant)
            and rule.mode in (None, facts.mode)
            and rule.method in (None, method)
        )
        known = deciding.get(rule.method)
        if fits and (known is None or _specific(rule) > _specific(known)):
            deciding[rule.method] = rule
    return list(deciding.values())


def _specific(rule: LimitRule) -> tuple[bool, bool]:
    return (bool(rule.tenant), rule.mode is not None)


def _exceeded(
    limit: str,
    method: MethodKind | None,
    asset: Asset,
    most: int,
    left: int | None = None,
    renews_at: datetime | None = None,
) -> LimitExceeded:
    facts = {
        "limit": limit,
        "most": str(Money(most, asset)),
        "remaining": str(Money(most if left is None else left, asset)),
    }
    if method is not None:
        facts["method"] = method.value
    if renews_at is not None:
        facts["renews_at"] = f"{renews_at:%Y-%m-%dT%H:%M:%SZ}"
    return LimitExceeded(field="amount", facts=facts)
