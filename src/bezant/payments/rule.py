"""The rules of routing, fees and limits, as data: all of them are read and replaced together."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from bezant.actor import Actor, Mode
from bezant.exchange import MethodKind
from bezant.money import Money


@dataclass(frozen=True, slots=True)
class RoutingRule:
    """Send such payments to this provider. An empty condition holds for all."""

    place: int
    """The smallest place that fits decides; rules of one place share by weight."""
    provider: str
    weight: int = 1
    tenant: str = ""
    asset: str = ""
    method: MethodKind | None = None
    country: str = ""
    amount_min: int | None = None
    """In minor units of `asset`, which is then not empty."""
    amount_max: int | None = None


@dataclass(frozen=True, slots=True)
class FeeRule:
    """Charge such payments this much. An empty condition holds for all."""

    percent: Decimal
    fixed: int = 0
    """In minor units of `asset`, as are the next two; then `asset` is not empty."""
    least: int | None = None
    most: int | None = None
    tenant: str = ""
    asset: str = ""
    method: MethodKind | None = None
    priority: str = ""
    """The level of service it is for; empty is the ordinary one."""


@dataclass(frozen=True, slots=True)
class LimitRule:
    """Take no more than this from payers. An empty condition holds for all.

    Every merchant has room of their own, in each mode. Of two rules with the same asset and method
    the one that names the merchant decides, then the one that names the mode; rules with other
    methods hold besides.
    """

    asset: str
    per_payment: int | None = None
    """In minor units of `asset`, as are the next two."""
    per_day: int | None = None
    """A day of UTC."""
    per_month: int | None = None
    """A month of UTC."""
    tenant: str = ""
    mode: Mode | None = None
    method: MethodKind | None = None


@dataclass(frozen=True, slots=True)
class Terms:
    """All rules of routing, fees and limits."""

    routing: tuple[RoutingRule, ...] = ()
    fees: tuple[FeeRule, ...] = ()
    limits: tuple[LimitRule, ...] = ()


class TermsState(StrEnum):
    """What became of a change of the rules."""

    NEEDS_APPROVAL = "needs_approval"
    """It changes fees or limits, so a second person has to agree."""
    IN_FORCE = "in_force"
    """The rules were replaced by these."""
    REJECTED = "rejected"
    """The second person said no, or nobody answered in time."""
    OVERTAKEN = "overtaken"
    """The rules it was made for had changed before anybody agreed: make it anew."""


@dataclass(frozen=True, slots=True)
class ChangeTerms:
    """Replace the rules by these."""

    by: Actor
    terms: Terms
    instead_of: Terms | None = None
    """The rules that were seen; when others hold by now, nothing is changed."""


@dataclass(frozen=True, slots=True)
class TermsChange:
    """A change of the rules as it stands."""

    id: str
    """`trm_…`."""
    state: TermsState
    terms: Terms
    """The rules it wants."""
    proposed_by: str
    approval: str
    """The approval it needs or had, `apr_…`."""
    proposed_at: datetime
    decided_at: datetime | None


@dataclass(frozen=True, slots=True)
class FeesFor:
    """A payment that nobody makes, and the fees it would be charged by."""

    fees: tuple[FeeRule, ...]
    amount: Money
    method: MethodKind
    tenant: str = ""
    priority: str = ""


@dataclass(frozen=True, slots=True)
class FeePreview:
    """What such a payment costs, when all of it is captured at once."""

    fee: Money
    net: Money
    """What is left for the merchant."""
    rule: int | None
    """Which of the rules says so, counted from 0; none is about such a payment."""
