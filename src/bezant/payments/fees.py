"""What a merchant is charged for a payment: rules as data, computed exactly."""

from collections.abc import Sequence

from bezant.exchange import MethodKind
from bezant.money import Money, Rounding
from bezant.payments.refusal import UnknownPriority
from bezant.payments.rule import FeePreview, FeeRule, FeesFor


def rule_for(
    rules: Sequence[FeeRule], tenant: str, asset: str, method: MethodKind, priority: str
) -> FeeRule | None:
    """Return the rule that says most about such a payment.

    Where no rule is about its priority, it costs what every other payment costs.
    """
    fitting = [
        rule
        for rule in rules
        if rule.tenant in ("", tenant)
        and rule.asset in ("", asset)
        and rule.method in (None, method)
        and rule.priority in ("", priority)
    ]
    return max(fitting, key=_specific, default=None)


def known_priority(rules: Sequence[FeeRule], priority: str) -> None:
    """Refuse a priority level that no rule is about; nobody knows what it would cost."""
    if priority and priority not in (rule.priority for rule in rules):
        raise UnknownPriority(field="priority")


def fee(rule: FeeRule | None, amount: Money, *, first: bool) -> Money:
    """Return the fee on a captured amount, never more than the amount itself.

    The fixed part and the least are charged once, with the first capture of a payment.
    """
    if rule is None:
        return Money(0, amount.asset)
    charged = amount.times(rule.percent / 100, Rounding.HALF_EVEN).minor
    if first:
        charged = max(charged + rule.fixed, rule.least or 0)
    if rule.most is not None:
        charged = min(charged, rule.most)
    return Money(max(0, min(charged, amount.minor)), amount.asset)


def preview(query: FeesFor) -> FeePreview:
    """Return what a payment would cost that is captured at once."""
    asset = query.amount.asset.code
    rule = rule_for(query.fees, query.tenant, asset, query.method, query.priority)
    charged = fee(rule, query.amount, first=True)
    place = None if rule is None else query.fees.index(rule)
    return FeePreview(charged, query.amount - charged, place)


def _specific(rule: FeeRule) -> tuple[bool, bool, bool, bool]:
    return (bool(rule.priority), bool(rule.tenant), bool(rule.asset), rule.method is not None)
