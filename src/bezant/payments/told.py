"""A payment in two parts: what never changes about it, and how it stands.

How it stood when a request was answered is kept with the request's key, so that a repeat is told
the very same, whatever has happened since.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

from bezant.actor import Mode
from bezant.money import Money
from bezant.payments.advice import about, declined
from bezant.payments.codes import DECLINES, METHODS, STATES
from bezant.payments.payment import NextAction, Payment

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_NOTHING: Final[Mapping[str, str]] = {}


@dataclass(frozen=True, slots=True)
class Facts:
    """What never changes about a payment."""

    id: UUID
    tenant: str
    mode: Mode
    amount: Money
    captures: bool
    created_at: datetime
    customer: UUID | None = None
    order: str = ""
    details: Mapping[str, str] = field(default_factory=dict[str, str])
    """Those that were given of `description`, `descriptor`, `return_url`, `country`, `priority`."""
    metadata: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def spelled(self) -> str:
        """The payment's id as everybody knows it."""
        return f"pay_{self.id.hex}"


class Action(msgspec.Struct, array_like=True, frozen=True):
    """What the payer has to do, as it is stored."""

    type: str
    url: str
    facts: dict[str, str]
    expires_at: int = 0

    def stored(self) -> str:
        """Return it as JSON."""
        return msgspec.json.encode(self).decode()

    def spelled(self) -> NextAction:
        """Return it as the port tells it."""
        return NextAction(
            self.type, self.url, self.facts, instant(self.expires_at) if self.expires_at else None
        )


class Standing(msgspec.Struct, array_like=True, frozen=True):
    """How a payment stands. Fields are only ever appended: old answers are read for ever."""

    state: int
    authorized: str
    captured: str
    refunded: str
    disputed: str
    fee: str
    updated_at: int
    method: int = 0
    card: str = ""
    provider: str = ""
    reference: str = ""
    action: Action | None = None
    decline: int = 0
    soft: bool = False
    failure: str = ""
    expires_at: int = 0
    booked: bool = True
    cost: str = ""
    description: str | None = None
    metadata: dict[str, str] | None = None
    busy: int = 0
    """The number of the charge, capture or void under way."""
    charge: int = 0
    """The number of the charge that counts."""
    attempts: int = 0
    awaiting: str = "0"
    """What of refunds waits for a second person."""


_ENCODE: Final = msgspec.msgpack.Encoder().encode
_DECODE: Final = msgspec.msgpack.Decoder(Standing).decode


def written(standing: Standing) -> bytes:
    """Return how a payment stands, as it is kept with an answer."""
    return _ENCODE(standing)


def read(kept: bytes) -> Standing:
    """Read what was kept with an answer."""
    return _DECODE(kept)


def spelled(facts: Facts, standing: Standing, *, replayed: bool = False) -> Payment:
    """Return a payment as the port tells it."""
    asset = facts.amount.asset
    # Most amounts are nothing or all of it: they are made once.
    made = {"0": Money(0, asset), str(facts.amount.minor): facts.amount}

    def money(minor: str) -> Money:
        known = made.get(minor)
        return Money(int(minor), asset) if known is None else known

    details = facts.details
    description = standing.description
    metadata = standing.metadata
    return Payment(
        id=facts.spelled,
        mode=facts.mode,
        state=STATES[standing.state],
        amount=facts.amount,
        authorized=money(standing.authorized),
        captured=money(standing.captured),
        refunded=money(standing.refunded),
        disputed=money(standing.disputed),
        fee=money(standing.fee),
        capture=facts.captures,
        created_at=facts.created_at,
        updated_at=instant(standing.updated_at),
        method=METHODS[standing.method] if standing.method else None,
        card=standing.card,
        customer=f"cus_{facts.customer.hex}" if facts.customer else "",
        order=facts.order,
        description=details.get("description", "") if description is None else description,
        descriptor=details.get("descriptor", ""),
        metadata=facts.metadata if metadata is None else metadata,
        provider=standing.provider,
        reference=standing.reference,
        next_action=standing.action.spelled() if standing.action else None,
        declined=(
            declined(DECLINES[standing.decline], soft=standing.soft) if standing.decline else None
        ),
        failure=standing.failure,
        expires_at=instant(standing.expires_at) if standing.expires_at else None,
        cost=money(standing.cost) if standing.cost else None,
        booked=standing.booked,
        replayed=replayed,
        refunds_awaiting=money(standing.awaiting),
        advice=about(standing.failure),
    )


def instant(microseconds: int) -> datetime:
    """Return an instant from the microseconds since 1970 that are stored."""
    return _EPOCH + timedelta(microseconds=microseconds)


def microseconds(at: datetime) -> int:
    """Return an instant as microseconds since 1970."""
    return (at - _EPOCH) // _MICROSECOND
