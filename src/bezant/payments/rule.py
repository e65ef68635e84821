"""The rules of routing and fees, as data: the whole of them is read and replaced together."""

from dataclasses import dataclass
from decimal import Decimal

from bezant.payments.method import MethodKind


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
class Terms:
    """All rules of routing and fees."""

    routing: tuple[RoutingRule, ...] = ()
    fees: tuple[FeeRule, ...] = ()
