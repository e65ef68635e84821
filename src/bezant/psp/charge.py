"""What a provider is asked for: a charge, or a later step on one; and what it can do at all."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from bezant.actor import Mode
from bezant.exchange import MethodKind
from bezant.money import Money


@dataclass(frozen=True, slots=True)
class Charge:
    """Take money from a payer, or set it aside."""

    attempt: str
    """Our key for it: unique, and sent as the provider's idempotency key."""
    payment: str
    tenant: str
    mode: Mode
    amount: Money
    method: MethodKind
    capture: bool
    card: str = ""
    """The vault's token of a card."""
    saved: Mapping[str, str] = field(default_factory=dict[str, str])
    """What the provider needs to know of another method, such as a saved account's reference."""
    description: str = ""
    descriptor: str = ""
    """What the payer reads on the statement."""
    customer_email: str = ""
    customer_name: str = ""
    return_url: str = ""
    now: datetime | None = None


@dataclass(frozen=True, slots=True)
class FollowUp:
    """A later step on a charge: capture, void or refund."""

    attempt: str
    """This step's own key."""
    payment: str
    tenant: str
    mode: Mode
    method: MethodKind
    reference: str
    """The provider's name of the charge."""
    charge_attempt: str
    """The key of the charge."""
    amount: Money
    charged: Money
    """What was authorised in the first place."""
    part: str = ""
    """The `part` of the verdict this step builds on: of the charge or capture that is refunded, of
    what was set aside for a capture or void.
    """
    last: bool = True
    """No capture follows this one."""
    reason: str = ""
    saved: Mapping[str, str] = field(default_factory=dict[str, str])
    now: datetime | None = None
    sent_at: datetime | None = None
    """When that which is asked about was last sent, for `ask`."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a provider can do, as data."""

    methods: frozenset[MethodKind]
    assets: frozenset[str]
    """Empty: all."""
    decimals: Mapping[str, int] = field(default_factory=dict[str, int], kw_only=True)
    """How many decimals it takes of an asset, where that is fewer than the asset has."""
    authorize: bool
    """It can set money aside and take it later."""
    partial_capture: bool
    multiple_captures: bool
    refund: bool
    partial_refund: bool
    authorization_days: int
    not_found_after_seconds: float
    """How long after the last sending a NOT_FOUND can be believed."""
    event_hint: bool = False
    """Its events are hints: the thing is always fetched again."""
    inexact: bool = False
    """The payer sends the money, so another amount than asked may arrive; the verdict tells it."""
    evidence: bool = False
    """Evidence against a dispute can be sent to it."""
