"""What payments cost merchants, for people: amounts in major units, and what a payment would cost.

The same rules as `/v1/terms` has, without those of routing and limits. Who changes them says which
ones they saw: what somebody else changed meanwhile is never undone unseen.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Final, Literal

from pydantic import Field

from bezant.http.amounts import JsonMoney
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
    FeeRule,
    FeesFor,
    MalformedRules,
    MethodKind,
    Payments,
    Terms,
    TermsChange,
    TermsState,
)

_PERCENT: Final = re.compile(r"\d{1,3}(\.\d{1,18})?", re.ASCII)


class FeeModel(a.Body):
    """Charge such payments this much. An empty condition holds for all, an empty bound for none."""

    percent: Text
    """Such as `1.4`."""
    fixed: Text = ""
    """In major units of the asset, such as `0.25`; so are the next two."""
    least: Text = ""
    most: Text = ""
    tenant: Text = ""
    asset: Text = ""
    method: MethodKind | None = None
    priority: Text = ""

    @classmethod
    def of(cls, rule: FeeRule) -> "FeeModel":
        """Write a rule for people."""
        return cls(
            percent=f"{rule.percent.normalize():f}",
            fixed=major(rule.fixed or None, rule.asset),
            least=major(rule.least, rule.asset),
            most=major(rule.most, rule.asset),
            tenant=rule.tenant,
            asset=rule.asset,
            method=rule.method,
            priority=rule.priority,
        )

    def rule(self, field: str) -> FeeRule:
        """Read a rule as people write it."""
        if _PERCENT.fullmatch(self.percent) is None:
            raise MalformedRules("a percentage is written such as 1.4", field=f"{field}.percent")
        return FeeRule(
            percent=Decimal(self.percent),
            fixed=self._minor("fixed", field) or 0,
            least=self._minor("least", field),
            most=self._minor("most", field),
            tenant=self.tenant,
            asset=self.asset,
            method=self.method,
            priority=self.priority,
        )

    def _minor(self, name: Literal["fixed", "least", "most"], field: str) -> int | None:
        written: str = {"fixed": self.fixed, "least": self.least, "most": self.most}[name]
        if not written:
            return None
        if not self.asset:
            raise MalformedRules("amounts are in an asset: name it", field=f"{field}.asset")
        return minor(written, asset_of(self.asset, f"{field}.asset"), f"{field}.{name}")


Fees = Annotated[list[FeeModel], Field(max_length=RULES_MAX)]


class FeesAnswer(a.Answer):
    """What payments cost merchants."""

    object: Literal["fees"] = "fees"
    fees: list[FeeModel]


class FeesBody(a.Body):
    """These rules in place of those that were seen."""

    fees: Fees
    instead_of: Fees


class FeesChangeModel(a.Answer):
    """A change of the fees, and what became of it."""

    object: Literal["fees_change"] = "fees_change"
    id: str
    state: TermsState
    fees: list[FeeModel]
    """The fees it wants."""
    also: list[Part]
    """Which other rules an agreement to it replaces; `/v1/terms/changes/{id}` shows them all."""
    proposed_by: str
    approval: str
    proposed_at: datetime
    decided_at: datetime | None

    @classmethod
    def of(cls, change: TermsChange, now: Terms) -> "FeesChangeModel":
        """Write a change for people, beside the rules that hold."""
        return cls(
            id=change.id,
            state=change.state,
            fees=[FeeModel.of(one) for one in change.terms.fees],
            also=also_changed(change, now, "fees"),
            proposed_by=change.proposed_by,
            approval=change.approval,
            proposed_at=change.proposed_at,
            decided_at=change.decided_at,
        )


class FeePreviewBody(a.Body):
    """A payment that nobody makes."""

    fees: Fees
    amount: JsonMoney
    method: MethodKind = MethodKind.CARD
    tenant: Text = ""
    priority: Text = ""


class FeePreviewModel(a.Answer):
    """What such a payment costs, when all of it is captured at once."""

    object: Literal["fee_preview"] = "fee_preview"
    amount: JsonMoney
    fee: JsonMoney
    net: JsonMoney
    rule: int | None
    """Which of the rules says so, counted from 0; none is about such a payment."""


def add(routes: Routes, port: Payments) -> None:
    """Add the routes of fees."""

    @routes.get("/v1/fees", permission=READ)
    async def fees(asker: Asker) -> FeesAnswer:
        """Return what payments cost merchants."""
        of_the_platform(asker)
        return FeesAnswer(fees=[FeeModel.of(one) for one in (await port.terms()).fees])

    @routes.put("/v1/fees", permission=WRITE)
    async def change_fees(body: FeesBody, asker: Asker) -> FeesChangeModel:
        """Ask for other fees; they hold once a second person has agreed. The same change again is
        the one that waits already.
        """
        of_the_platform(asker)
        wanted, seen = _rules(body.fees, "fees"), _rules(body.instead_of, "instead_of")
        now = await port.terms()
        change = await port.change_terms(
            ChangeTerms(asker, replace(now, fees=wanted), instead_of=replace(now, fees=seen))
        )
        return FeesChangeModel.of(change, now)

    @routes.get("/v1/fees/changes/{change}", permission=READ)
    async def fees_change(change: str, asker: Asker) -> FeesChangeModel:
        """Return a change of the fees: what it wants, and what became of it."""
        of_the_platform(asker)
        return FeesChangeModel.of(await port.terms_change(change), await port.terms())

    @routes.post("/v1/fees/preview", permission=READ, status=200)
    async def preview(body: FeePreviewBody, asker: Asker) -> FeePreviewModel:
        """Tell what a payment costs by these rules, whether they hold or are only thought of."""
        of_the_platform(asker)
        rules = _rules(body.fees, "fees")
        query = FeesFor(rules, body.amount, body.method, body.tenant, body.priority)
        found = await port.fee_preview(query)
        return FeePreviewModel(amount=body.amount, fee=found.fee, net=found.net, rule=found.rule)


def _rules(written: Sequence[FeeModel], field: str) -> tuple[FeeRule, ...]:
    return tuple(one.rule(f"{field}[{place}]") for place, one in enumerate(written))
