"""Which provider takes a payment: rules as data, what providers can do, and how they fare.

Every choice is kept with its attempt as a few words, which `explained` turns into a sentence.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from bezant.actor import Mode
from bezant.exchange import MethodKind
from bezant.money import Money
from bezant.payments.port import NoProvider
from bezant.payments.question import WaysOf
from bezant.payments.rule import RoutingRule
from bezant.psp.port import Capabilities, Connector

PROVIDERS_TRIED_MAX: Final = 3  # A payer waits; who three said "not now" to, may come again.


@dataclass(frozen=True, slots=True)
class Wanted:
    """What has to be taken, and for whom."""

    payment: UUID
    tenant: str
    mode: Mode
    amount: Money
    method: MethodKind
    capture: bool
    country: str = ""


@dataclass(frozen=True, slots=True)
class Choice:
    """A provider, and why this one."""

    provider: str
    why: str


def choose(
    wanted: Wanted,
    connectors: Mapping[str, Connector],
    rules: Sequence[RoutingRule],
    ailing: frozenset[str] = frozenset(),
    tried: Sequence[str] = (),
    after: str = "",
) -> Choice:
    """Choose a provider, or say that there is none.

    `ailing` are those that failed lately: they come last. `after` is why another one is needed.
    """
    able = [
        name
        for name, connector in connectors.items()
        if name not in tried and _can(connector.capabilities, wanted)
    ]
    if not able:
        raise NoProvider(facts={"method": wanted.method.value, "asset": wanted.amount.asset.code})
    prefix = f"after {tried[-1]} {after} " if tried else ""
    well = [name for name in able if name not in ailing]
    for candidates in (well, able):
        if candidates:
            suffix = "" if candidates is able or len(well) == len(able) else " well"
            return _by_rules(wanted, candidates, rules, prefix, suffix)
    raise AssertionError("one of them is able")


def ways(asked: WaysOf, connectors: Mapping[str, Connector]) -> tuple[MethodKind, ...]:
    """Return with what an amount can be paid while these providers are set up."""
    nobody = UUID(int=0)
    return tuple(
        kind
        for kind in MethodKind
        if any(
            _can(
                connector.capabilities,
                Wanted(nobody, asked.tenant, asked.mode, asked.amount, kind, asked.capture),
            )
            for connector in connectors.values()
        )
    )


def _by_rules(
    wanted: Wanted,
    candidates: Sequence[str],
    rules: Sequence[RoutingRule],
    prefix: str,
    suffix: str,
) -> Choice:
    fitting = [rule for rule in rules if rule.provider in candidates and _fits(rule, wanted)]
    if not fitting:
        why = "only" if len(candidates) == 1 else f"first {len(candidates)}"
        return Choice(candidates[0], f"{prefix}{why}{suffix}")
    place = min(rule.place for rule in fitting)
    sharing = [rule for rule in fitting if rule.place == place and rule.weight > 0]
    if not sharing:
        return Choice(candidates[0], f"{prefix}first {len(candidates)}{suffix}")
    whole = sum(rule.weight for rule in sharing)
    # The payment's own random bits draw, so that a repeat draws the same.
    drawn = (wanted.payment.int >> 8) % whole
    for rule in sharing:
        if drawn < rule.weight:
            return Choice(rule.provider, f"{prefix}rule {place} {rule.weight}/{whole}{suffix}")
        drawn -= rule.weight
    raise AssertionError("the weights add up to the whole")


def _can(can: Capabilities, wanted: Wanted) -> bool:
    asset = wanted.amount.asset
    if wanted.method not in can.methods:
        return False
    if can.assets and asset.code not in can.assets:
        return False
    decimals = can.decimals.get(asset.code, asset.exponent)
    if decimals < asset.exponent and wanted.amount.minor % 10 ** (asset.exponent - decimals):
        return False
    return wanted.capture or can.authorize


def _fits(rule: RoutingRule, wanted: Wanted) -> bool:
    amount = wanted.amount.minor
    return (
        rule.tenant in ("", wanted.tenant)
        and rule.asset in ("", wanted.amount.asset.code)
        and rule.method in (None, wanted.method)
        and rule.country in ("", wanted.country)
        and (rule.amount_min is None or amount >= rule.amount_min)
        and (rule.amount_max is None or amount <= rule.amount_max)
    )


_AFTER: Final = {
    "outage": "could not take it",
    "not_sent": "could not be reached",
    "declined": "declined for now",
}


def explained(why: str) -> str:
    """Spell out why a provider was chosen."""
    words = why.split()
    parts: list[str] = []
    if words[:1] == ["after"]:
        parts.append(f"{words[1]} {_AFTER.get(words[2], words[2])}")
        words = words[3:]
    match words[:1]:
        case ["only"]:
            parts.append("the only provider set up here that takes such a payment")
        case ["first"]:
            parts.append(f"the first of {words[1]} providers that take such a payment")
        case ["rule"]:
            parts.append(f"routing rule {words[1]} sends {words[2]} of such payments here")
        case ["same"]:
            parts.append("the provider that has the charge")
        case ["provider"]:
            parts.append("it was done at the provider itself")
        case ["expiry"]:
            parts.append("the time to capture it was over")
        case _:
            parts.append(" ".join(words))
    if words[-1:] == ["well"]:
        parts.append("another one fails too often just now")
    return "; ".join(parts)
