"""How much merchants may take, for people: amounts in major units.

The same rules as `/v1/terms` has, without those of routing and fees. Who changes them says which
ones they saw: what somebody else changed meanwhile is never undone unseen.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from bezant.actor import Mode
from bezant.http.routes import Asker, Routes
from bezant.money import asset_of
from bezant.payments.http import answers as a
from bezant.payments.http.rules import (
    READ,
    WRITE,
    Part,
    Text,
    also_changed,
    major,
    minor,
    of_the_platform,
)
from bezant.payments.port import (
    RULES_MAX,
    ChangeTerms,
    LimitRule,
    MethodKind,
    Payments,
    Terms,
    TermsChange,
    TermsState,
)


class LimitModel(a.Body):
    """Take no more than this from payers. An empty condition holds for all, an empty bound for
    none.
    """

    asset: Text
    per_payment: Text = ""
    """In major units of the asset, such as `1000.00`; so are the next two."""
    per_day: Text = ""
    """A day of UTC."""
    per_month: Text = ""
    """A month of UTC."""
    tenant: Text = ""
    mode: Mode | None = None
    method: MethodKind | None = None

    @classmethod
    def of(cls, rule: LimitRule) -> "LimitModel":
        """Write a limit for people."""
        return cls(
            asset=rule.asset,
            per_payment=major(rule.per_payment, rule.asset),
            per_day=major(rule.per_day, rule.asset),
            per_month=major(rule.per_month, rule.asset),
            tenant=rule.tenant,
            mode=rule.mode,
            method=rule.method,
        )

    def rule(self, field: str) -> LimitRule:
        """Read a limit as people write it."""
        return LimitRule(
            asset=self.asset,
            per_payment=self._minor(self.per_payment, f"{field}.per_payment", field),
            per_day=self._minor(self.per_day, f"{field}.per_day", field),
            per_month=self._minor(self.per_month, f"{field}.per_month", field),
            tenant=self.tenant,
            mode=self.mode,
            method=self.method,
        )

    def _minor(self, written: str, bound: str, field: str) -> int | None:
        asset = asset_of(self.asset, f"{field}.asset")
        if not written:
            return None
        return minor(written, asset, bound)


Limits = Annotated[list[LimitModel], Field(max_length=RULES_MAX)]


class LimitsAnswer(a.Answer):
    """How much merchants may take."""

    object: Literal["limits"] = "limits"
    limits: list[LimitModel]


class LimitsBody(a.Body):
    """These limits in place of those that were seen."""

    limits: Limits
    instead_of: Limits


class LimitsChangeModel(a.Answer):
    """A change of the limits, and what became of it."""

    object: Literal["limits_change"] = "limits_change"
    id: str
    state: TermsState
    limits: list[LimitModel]
    """The limits it wants."""
    also: list[Part]
    """Which other rules an agreement to it replaces; `/v1/terms/changes/{id}` shows them all."""
    proposed_by: str
    approval: str
    proposed_at: datetime
    decided_at: datetime | None

    @classmethod
    def of(cls, change: TermsChange, now: Terms) -> "LimitsChangeModel":
        """Write a change for people, beside the rules that hold."""
        return cls(
            id=change.id,
            state=change.state,
            limits=[LimitModel.of(one) for one in change.terms.limits],
            also=also_changed(change, now, "limits"),
            proposed_by=change.proposed_by,
            approval=change.approval,
            proposed_at=change.proposed_at,
            decided_at=change.decided_at,
        )


def add(routes: Routes, port: Payments) -> None:
    """Add the routes of limits."""

    @routes.get("/v1/limits", permission=READ)
    async def limits(asker: Asker) -> LimitsAnswer:
        """Return how much merchants may take."""
        of_the_platform(asker)
        return LimitsAnswer(limits=[LimitModel.of(one) for one in (await port.terms()).limits])

    @routes.put("/v1/limits", permission=WRITE)
    async def change_limits(body: LimitsBody, asker: Asker) -> LimitsChangeModel:
        """Ask for other limits; they hold once a second person has agreed. The same change again is
        the one that waits already.
        """
        of_the_platform(asker)
        wanted, seen = _rules(body.limits, "limits"), _rules(body.instead_of, "instead_of")
        now = await port.terms()
        change = await port.change_terms(
            ChangeTerms(asker, replace(now, limits=wanted), instead_of=replace(now, limits=seen))
        )
        return LimitsChangeModel.of(change, now)

    @routes.get("/v1/limits/changes/{change}", permission=READ)
    async def limits_change(change: str, asker: Asker) -> LimitsChangeModel:
        """Return a change of the limits: what it wants, and what became of it."""
        of_the_platform(asker)
        return LimitsChangeModel.of(await port.terms_change(change), await port.terms())


def _rules(written: Sequence[LimitModel], field: str) -> tuple[LimitRule, ...]:
    return tuple(one.rule(f"{field}[{place}]") for place, one in enumerate(written))
