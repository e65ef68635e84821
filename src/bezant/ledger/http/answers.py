"""What the ordinary lane reads and writes about the book."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from bezant.http.amounts import JsonMoney
from bezant.ledger.account import AccountState, AccountType
from bezant.ledger.hold import HoldState
from bezant.ledger.port import LEGS_MAX
from bezant.ledger.question import Period
from bezant.ledger.transfer import Side, TransferKind

LEGS_READ_MAX = 10 * LEGS_MAX  # Beyond that nobody counts them to say how many are too many.


class Body(BaseModel):
    """A request: a misspelt field is a mistake, not a default."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Answer(BaseModel):
    """An answer, made from what the port returns."""

    model_config = ConfigDict(frozen=True, from_attributes=True)


class OpenAccountBody(Body):
    """An account to open."""

    asset: Annotated[str, Field(examples=["EUR"])]
    type: AccountType
    owner: str = ""
    floor: JsonMoney | None = None
    group: str = ""
    metadata: dict[str, str] = {}


class ChangeAccountBody(Body):
    """What is to change about an account; what is left out stays as it is."""

    state: AccountState | None = None
    floor: JsonMoney | None = None
    unlimited: bool = False
    reason: str = ""


class CaptureBody(Body):
    """How much of a hold to take; nothing said takes all that remains."""

    amount: JsonMoney | None = None
    to: Annotated[list["LegModel"], Field(max_length=LEGS_READ_MAX)] = []
    reference: str = ""
    reason: str = ""
    metadata: dict[str, str] = {}


class ReasonBody(Body):
    """Why."""

    reason: str = ""


class LegModel(Answer):
    """One side of a transfer."""

    account: str
    side: Side
    amount: JsonMoney


class LinkedItemBody(Body):
    """One of the transfers that happen together."""

    legs: Annotated[list[LegModel], Field(max_length=LEGS_READ_MAX)]
    reference: str = ""
    reason: str = ""
    occurred_at: datetime | None = None
    metadata: dict[str, str] = {}


class LinkedBody(Body):
    """Transfers that happen together or not at all, also across assets."""

    transfers: Annotated[list[LinkedItemBody], Field(max_length=LEGS_MAX)]


class AccountModel(Answer):
    """An account as it stands."""

    object: Literal["account"] = "account"
    id: str
    mode: str
    asset: str
    type: AccountType
    owner: str
    floor: JsonMoney | None
    state: AccountState
    group: str
    metadata: Mapping[str, str]
    opened_at: datetime
    chart: str


class TransferModel(Answer):
    """A numbered row of the book."""

    object: Literal["transfer"] = "transfer"
    id: str
    kind: TransferKind
    mode: str
    asset: str
    legs: list[LegModel]
    recorded_at: datetime
    occurred_at: datetime
    reference: str
    reason: str
    metadata: Mapping[str, str]
    subject: str
    link: str


class TransfersModel(Answer):
    """Transfers that happened together."""

    transfers: list[TransferModel]


class HoldModel(Answer):
    """Money set aside, and what remains of it."""

    object: Literal["hold"] = "hold"
    id: str
    mode: str
    account: str
    to: str
    amount: JsonMoney
    remaining: JsonMoney
    state: HoldState
    placed_at: datetime
    expires_at: datetime | None
    reference: str
    metadata: Mapping[str, str]


class BalanceModel(Answer):
    """What an account holds, the natural way round."""

    object: Literal["balance"] = "balance"
    account: str
    posted: JsonMoney
    held: JsonMoney
    available: JsonMoney
    floor: JsonMoney | None
    position: str


class RefusalModel(Answer):
    """Why it would be refused."""

    code: str
    detail: str
    facts: Mapping[str, str]


class TrialModel(Answer):
    """What a transfer would do."""

    accepted: bool
    refusal: RefusalModel | None
    balances: list[BalanceModel]


class StatementLineModel(Answer):
    """One entry with the balance it left behind."""

    transfer: str
    kind: TransferKind
    side: Side
    amount: JsonMoney
    balance: JsonMoney
    held: JsonMoney
    recorded_at: datetime
    occurred_at: datetime
    reference: str
    reason: str


class TypeTotalModel(Answer):
    """All accounts of one type, added up."""

    type: AccountType
    debits: JsonMoney
    credits: JsonMoney
    accounts: int


class AssetTrialModel(Answer):
    """The trial balance of one asset; the difference is zero."""

    asset: str
    debits: JsonMoney
    credits: JsonMoney
    difference: JsonMoney
    types: list[TypeTotalModel]


class TrialBalanceModel(Answer):
    """The trial balance of every asset."""

    assets: list[AssetTrialModel]


class ReportLineModel(Answer):
    """One account over the period."""

    account: str
    type: AccountType
    owner: str
    opening: JsonMoney
    debits: JsonMoney
    credits: JsonMoney
    closing: JsonMoney
    transfers: int


class ReportModel(Answer):
    """What moved in a period."""

    period: Period
    starts_at: datetime
    ends_at: datetime
    lines: list[ReportLineModel]


class DifferenceModel(Answer):
    """A balance that does not follow from the entries."""

    account: str
    transfer: str
    stored: JsonMoney
    recomputed: JsonMoney
    what: str


class ClearingModel(Answer):
    """A clearing account, which should return to zero."""

    account: str
    name: str
    of: str
    balance: JsonMoney


class ReconciliationModel(Answer):
    """What recomputing every balance found: nothing, if all is well."""

    accounts: int
    entries: int
    differences: list[DifferenceModel]
    clearing: list[ClearingModel]
    checked_at: datetime


class LedgerModel(Answer):
    """One book: its numbering and the head of its chain."""

    object: Literal["ledger"] = "ledger"
    id: str
    mode: str
    asset: str
    group: str
    transfers: int
    batches: int
    head: str
    recorded_at: datetime | None


class LedgersModel(Answer):
    """Every book of a mode."""

    data: list[LedgerModel]
