"""What the ordinary lane answers about payments."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Literal

from pydantic import BaseModel, ConfigDict

from bezant.actor import Mode
from bezant.http.amounts import JsonMoney
from bezant.payments.port import (
    AttemptState,
    DeclineCode,
    DisputeState,
    MethodKind,
    Operation,
    PaymentState,
    RefundState,
    TermsState,
)


class Body(BaseModel):
    """A request: a misspelt field is a mistake, not a default."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Answer(BaseModel):
    """An answer, made from what the port returns."""

    model_config = ConfigDict(frozen=True, from_attributes=True)


class NextActionModel(Answer):
    """What the payer has to do."""

    type: str
    url: str
    facts: Mapping[str, str]
    expires_at: datetime | None


class DeclinedModel(Answer):
    """A provider's no, and what to tell the payer."""

    code: DeclineCode
    advice: str
    soft: bool


class AttemptModel(Answer):
    """One exchange with one provider."""

    object: Literal["attempt"] = "attempt"
    id: str
    operation: Operation
    state: AttemptState
    provider: str
    amount: JsonMoney
    why: str
    sent_at: datetime
    settled_at: datetime | None
    result: str
    reference: str
    part: str
    digest: str
    declined: DeclinedModel | None
    fee: JsonMoney | None
    booked: bool
    asked: int


class RefundModel(Answer):
    """A refund as it stands."""

    object: Literal["refund"] = "refund"
    id: str
    mode: str
    payment: str
    state: RefundState
    amount: JsonMoney
    reason: str
    metadata: Mapping[str, str]
    requested_by: str
    approval: str
    reference: str
    failure: str
    created_at: datetime
    updated_at: datetime


class ExpandedRefundModel(RefundModel):
    """A refund with what was asked for beside it."""

    payment_object: "PaymentModel | None" = None


class CustomerModel(Answer):
    """Somebody who pays a merchant."""

    object: Literal["customer"] = "customer"
    id: str
    mode: str
    name: str
    email: str
    metadata: Mapping[str, str]
    created_at: datetime
    forgotten: bool


class SavedMethodModel(Answer):
    """A way to pay that a customer let us keep."""

    object: Literal["payment_method"] = "payment_method"
    id: str
    mode: str
    customer: str
    kind: MethodKind
    card: str
    label: str
    created_at: datetime


class PaymentModel(Answer):
    """A payment as it stands; what was asked for with `expand[]` stands at its end."""

    object: Literal["payment"] = "payment"
    id: str
    mode: str
    state: PaymentState
    amount: JsonMoney
    authorized: JsonMoney
    captured: JsonMoney
    refunded: JsonMoney
    disputed: JsonMoney
    fee: JsonMoney
    capture: bool
    created_at: datetime
    updated_at: datetime
    method: MethodKind | Literal[""] | None
    card: str
    customer: str
    order: str
    description: str
    descriptor: str
    metadata: Mapping[str, str]
    provider: str
    reference: str
    next_action: NextActionModel | None
    declined: DeclinedModel | None
    failure: str
    expires_at: datetime | None
    cost: JsonMoney | None
    booked: bool
    refunds_awaiting: JsonMoney | None
    """Asked to be given back, and waiting for a second person: nothing of it has moved yet."""
    advice: str
    """What to do about a failure, in everyday language."""


class ExpandedPaymentModel(PaymentModel):
    """A payment with what was asked for beside it."""

    attempts: list[AttemptModel] | None = None
    refunds: list[RefundModel] | None = None
    customer_object: CustomerModel | None = None


class AttemptsModel(Answer):
    """Everything that was asked of providers for a payment, oldest first."""

    data: list[AttemptModel]


class SavedMethodsModel(Answer):
    """A customer's saved ways to pay, newest first."""

    data: list[SavedMethodModel]


class ChangePaymentBody(Body):
    """What is to change about a merchant's notes; an empty text takes a key away."""

    description: str | None = None
    metadata: dict[str, str] = {}


class CustomerBody(Body):
    """A customer to remember."""

    name: str = ""
    email: str = ""
    metadata: dict[str, str] = {}


class ChangeCustomerBody(Body):
    """What is to change about a customer; what is left out stays as it is."""

    name: str | None = None
    email: str | None = None
    metadata: dict[str, str] = {}


class SaveMethodBody(Body):
    """A way to pay to keep."""

    customer: str
    kind: MethodKind
    card: str = ""
    facts: dict[str, str] = {}
    label: str = ""


class AssetStatsModel(Answer):
    """What a stretch of time brought in one asset."""

    asset: str
    payments: int
    succeeded: int
    declined: int
    open: int
    captured: JsonMoney
    refunded: JsonMoney
    disputed: JsonMoney
    fees: JsonMoney


class StatsModel(Answer):
    """What a stretch of time brought."""

    object: Literal["stats"] = "stats"
    since: datetime
    until: datetime
    assets: list[AssetStatsModel]


class DisputeModel(Answer):
    """A dispute as it stands."""

    object: Literal["dispute"] = "dispute"
    id: str
    mode: str
    payment: str
    state: DisputeState
    amount: JsonMoney
    reason: str
    provider: str
    reference: str
    evidence_due_at: datetime | None
    evidence: Mapping[str, str]
    opened_at: datetime
    updated_at: datetime


class EvidenceBody(Body):
    """What speaks against a dispute: texts by name."""

    evidence: dict[str, str]


class ArrivedModel(Answer):
    """What became of an event."""

    event: str
    repeated: bool


class SettledAssetModel(Answer):
    """What one file settled in one asset."""

    asset: str
    gross: JsonMoney
    fees: JsonMoney
    paid_out: JsonMoney


class SettlementModel(Answer):
    """What a file came to."""

    object: Literal["settlement"] = "settlement"
    digest: str
    lines: int
    matched: int
    unmatched: list[str]
    assets: list[SettledAssetModel]
    repeated: bool


class RoutingRuleModel(Answer):
    """Send such payments to this provider; amounts are in minor units."""

    place: int
    provider: str
    weight: int = 1
    tenant: str = ""
    asset: str = ""
    method: MethodKind | None = None
    country: str = ""
    amount_min: int | None = None
    amount_max: int | None = None


class FeeRuleModel(Answer):
    """Charge such payments this much; amounts are in minor units, the percentage is a text."""

    percent: Decimal
    fixed: int = 0
    least: int | None = None
    most: int | None = None
    tenant: str = ""
    asset: str = ""
    method: MethodKind | None = None
    priority: str = ""


class LimitRuleModel(Answer):
    """Take no more than this from payers; amounts are in minor units."""

    asset: str
    per_payment: int | None = None
    per_day: int | None = None
    per_month: int | None = None
    tenant: str = ""
    mode: Mode | None = None
    method: MethodKind | None = None


class TermsBody(Body):
    """All rules of routing, fees and limits."""

    routing: list[RoutingRuleModel] = []
    fees: list[FeeRuleModel] = []
    limits: list[LimitRuleModel] | None = None
    """Left out, limits stay as they are."""


class TermsModel(Answer):
    """All rules of routing, fees and limits."""

    routing: list[RoutingRuleModel]
    fees: list[FeeRuleModel]
    limits: list[LimitRuleModel]


class TermsChangeModel(Answer):
    """A change of the rules, and what became of it."""

    id: str
    state: TermsState
    terms: TermsModel
    proposed_by: str
    approval: str
    proposed_at: datetime
    decided_at: datetime | None
