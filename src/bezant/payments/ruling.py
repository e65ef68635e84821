"""What rules of routing, fees and limits may be: they are checked as a whole."""

from collections.abc import Sequence

from bezant.assets import known_assets
from bezant.payments.parts import Parts
from bezant.payments.port import METADATA_KEY_CHARACTERS_MAX, RULES_MAX, MalformedRules
from bezant.payments.rule import FeeRule, LimitRule, RoutingRule, Terms
from bezant.payments.rules import AMOUNT_MAX, country, tenant_id, text

PLACE_MAX = 1_000_000
WEIGHT_MAX = 1_000
PERCENT_DECIMALS_MAX = 6  # As many as are stored: 0.000001 % of a million is a cent.
_ASSETS = frozenset(code for code, _, _ in known_assets())


def check(parts: Parts, terms: Terms) -> None:
    """Refuse rules that contradict themselves, or that name what is not there."""
    if len(terms.routing) + len(terms.fees) + len(terms.limits) > RULES_MAX:
        raise MalformedRules(f"at most {RULES_MAX} rules", field="routing")
    for place, rule in enumerate(terms.routing):
        _check_routing(parts, rule, f"routing[{place}]")
    for place, rule in enumerate(terms.fees):
        _check_fee(rule, f"fees[{place}]")
    about: set[object] = set()
    for place, rule in enumerate(terms.limits):
        _check_limit(rule, f"limits[{place}]")
        conditions = (rule.tenant, rule.mode, rule.asset, rule.method)
        if conditions in about:
            raise MalformedRules("another limit is about the same", field=f"limits[{place}]")
        about.add(conditions)


def _check_routing(parts: Parts, rule: RoutingRule, field: str) -> None:
    if rule.provider not in parts.connectors:
        raise MalformedRules("no such provider is set up here", field=f"{field}.provider")
    if not 0 <= rule.place <= PLACE_MAX or not 0 <= rule.weight <= WEIGHT_MAX:
        raise MalformedRules(
            f"a weight is 0 to {WEIGHT_MAX}, a place 0 to {PLACE_MAX}", field=field
        )
    country(rule.country, f"{field}.country")
    bounds = [one for one in (rule.amount_min, rule.amount_max) if one is not None]
    _check_conditions(rule.tenant, rule.asset, bool(bounds), field)
    _check_amounts(bounds, f"{field}.amount_min")
    if bounds != sorted(bounds):
        raise MalformedRules("no amount is between these", field=f"{field}.amount_min")


def _check_fee(rule: FeeRule, field: str) -> None:
    if not 0 <= rule.percent <= 100:
        raise MalformedRules("a percentage is 0 to 100", field=f"{field}.percent")
    if int(rule.percent.as_tuple().exponent) < -PERCENT_DECIMALS_MAX:
        raise MalformedRules(
            f"a percentage has at most {PERCENT_DECIMALS_MAX} decimals", field=f"{field}.percent"
        )
    text(rule.priority, f"{field}.priority", METADATA_KEY_CHARACTERS_MAX)
    # Nothing at least and nothing at most are amounts as well; a fixed part of nothing is none.
    amounts = [one for one in (rule.fixed or None, rule.least, rule.most) if one is not None]
    _check_conditions(rule.tenant, rule.asset, bool(amounts), field)
    _check_amounts(amounts, f"{field}.fixed")
    if rule.least is not None and rule.most is not None and rule.least > rule.most:
        raise MalformedRules("the least is not more than the most", field=f"{field}.least")


def _check_limit(rule: LimitRule, field: str) -> None:
    bounds = [one for one in (rule.per_payment, rule.per_day, rule.per_month) if one is not None]
    if not bounds:
        raise MalformedRules("a limit says how much", field=f"{field}.per_payment")
    _check_conditions(rule.tenant, rule.asset, True, field)
    _check_amounts(bounds, f"{field}.per_payment")


def _check_conditions(tenant: str, asset: str, has_amounts: bool, field: str) -> None:
    if tenant:
        tenant_id(tenant)
    if asset and asset not in _ASSETS:
        raise MalformedRules("no such asset is known", field=f"{field}.asset")
    if has_amounts and not asset:
        raise MalformedRules("amounts are in an asset: name it", field=f"{field}.asset")


def _check_amounts(amounts: Sequence[int], field: str) -> None:
    if any(not 0 <= one <= AMOUNT_MAX for one in amounts):
        raise MalformedRules("an amount is 0 or more, and has at most 32 digits", field=field)
