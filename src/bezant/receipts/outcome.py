"""Reads final outcomes from what the payments' feed tells. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, cast
from uuid import UUID

from bezant.actor import Mode
from bezant.events import Event
from bezant.ids import read
from bezant.money import Money
from bezant.receipts.receipt import About, Outcome

PAYMENT_ENDS: Final = frozenset(
    {"payment.captured", "payment.declined", "payment.voided", "payment.expired", "payment.failed"}
)
"""What happens last to a payment. A captured part of it, with more to follow, is not its end."""
PAYER_FORGOTTEN: Final = "payment.payer_forgotten"
REFUND_ENDS: Final = frozenset(
    {"refund.succeeded", "refund.failed", "refund.rejected", "refund.came_back"}
)


@dataclass(frozen=True, slots=True)
class Ended:
    """The end of a payment or refund. Should it end once more, that is another one."""

    event: UUID
    tenant: str
    mode: Mode
    about: About
    outcome: Outcome
    payment: str
    refund: str
    amount: Money
    created: str
    """When its payment was created, as the feed spells it."""
    decided_at: datetime
    order: str
    description: str
    method: str
    provider: str
    reference: str
    trace: str
    """Of the request behind it, where the feed tells one."""


def ended_by(event: Event) -> Ended | None:
    """Return the outcome that an event tells; nothing if it is none, or not the last one."""
    data = event.data
    if event.type in PAYMENT_ENDS:
        about, refund = About.PAYMENT, ""
    elif event.type in REFUND_ENDS:
        about, refund = About.REFUND, _text(data, "id")
    else:
        return None
    state = _text(data, "state")
    if state not in tuple(Outcome):
        return None
    outcome = Outcome(state)
    taken = about is About.PAYMENT and outcome is Outcome.SUCCEEDED
    return Ended(
        event=read("evt", event.id),
        tenant=event.tenant,
        mode=event.mode,
        about=about,
        outcome=outcome,
        payment=_text(data, "payment"),
        refund=refund,
        amount=_money(data["captured" if taken else "amount"]),
        created=_text(data, "created_at"),
        decided_at=event.occurred_at,
        order=_text(data, "order"),
        description=_text(data, "description"),
        method=_text(data, "method"),
        provider=_text(data, "provider"),
        reference=_text(data, "reference"),
        trace=_text(data, "trace_id"),
    )


def _text(data: Mapping[str, object], name: str) -> str:
    value = data.get(name)
    return value if isinstance(value, str) else ""


def _money(told: object) -> Money:
    amount = cast("Mapping[str, str]", told)
    return Money.parse(amount["amount"], amount["asset"])
