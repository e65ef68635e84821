"""Questions one can ask of the book, and their answers."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from bezant.actor import Mode
from bezant.ledger.account import AccountType
from bezant.ledger.transfer import Refusal, Side, TransferKind
from bezant.money import Money


class Axis(StrEnum):
    """Which of a transfer's two times a question means: when we wrote it, or when it happened."""

    RECORDED = "recorded"
    OCCURRED = "occurred"


@dataclass(frozen=True, slots=True)
class BalanceOf:
    """Ask for a balance: now, or as of an instant, or right after a transfer."""

    tenant: str
    mode: Mode
    account: str
    at: datetime | None = None
    by: Axis = Axis.RECORDED
    position: str | None = None


@dataclass(frozen=True, slots=True)
class Balance:
    """What an account holds, the natural way round."""

    account: str
    posted: Money
    held: Money
    available: Money
    """Posted less held less the floor; without a floor, posted less held."""
    floor: Money | None
    position: str
    """The last transfer that is in it."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What a transfer would do, had it been posted just now."""

    accepted: bool
    refusal: Refusal | None
    balances: tuple[Balance, ...]


@dataclass(frozen=True, slots=True)
class StatementOf:
    """Ask for a page of an account's entries, newest first."""

    tenant: str
    mode: Mode
    account: str
    limit: int = 50
    before: str | None = None
    """A transfer id from an earlier page: continue below it."""
    recorded_from: datetime | None = None
    recorded_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class StatementLine:
    """One entry with the balance it left behind."""

    transfer: str
    kind: TransferKind
    side: Side
    amount: Money
    balance: Money
    held: Money
    recorded_at: datetime
    occurred_at: datetime
    reference: str
    reason: str


@dataclass(frozen=True, slots=True)
class Statement:
    """A page of entries."""

    account: str
    lines: tuple[StatementLine, ...]
    has_more: bool


@dataclass(frozen=True, slots=True)
class TrialBalanceOf:
    """Ask whether the book of one mode balances, now or as of an instant."""

    tenant: str
    mode: Mode
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class TypeTotal:
    """All accounts of one type in one asset, added up."""

    type: AccountType
    debits: Money
    credits: Money
    accounts: int


@dataclass(frozen=True, slots=True)
class AssetTrial:
    """The trial balance of one asset: debits and credits, and their difference, which must be
    zero.
    """

    asset: str
    debits: Money
    credits: Money
    difference: Money
    types: tuple[TypeTotal, ...]


class Period(StrEnum):
    """How long a report looks."""

    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"


@dataclass(frozen=True, slots=True)
class ReportOf:
    """Ask for what moved in the day, ISO week or month that holds this date (UTC)."""

    tenant: str
    mode: Mode
    period: Period
    on: date
    by: Axis = Axis.RECORDED


@dataclass(frozen=True, slots=True)
class ReportLine:
    """One account over the period, the natural way round."""

    account: str
    type: AccountType
    owner: str
    opening: Money
    debits: Money
    credits: Money
    closing: Money
    transfers: int


@dataclass(frozen=True, slots=True)
class Report:
    """What moved in a period."""

    period: Period
    starts_at: datetime
    ends_at: datetime
    lines: tuple[ReportLine, ...]


@dataclass(frozen=True, slots=True)
class Reconcile:
    """Recompute balances from entries; a merchant's own accounts, or all of them."""

    tenant: str
    mode: Mode


@dataclass(frozen=True, slots=True)
class Difference:
    """A balance that does not follow from the entries."""

    account: str
    transfer: str
    stored: Money
    recomputed: Money
    what: str


@dataclass(frozen=True, slots=True)
class ClearingBalance:
    """A clearing account, which should return to zero once everything is settled."""

    account: str
    name: str
    of: str
    balance: Money


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """What recomputing found: nothing, if all is well."""

    accounts: int
    entries: int
    differences: tuple[Difference, ...]
    clearing: tuple[ClearingBalance, ...]
    checked_at: datetime


@dataclass(frozen=True, slots=True)
class LedgerHead:
    """One book: its numbering and the head of its chain."""

    id: str
    mode: Mode
    asset: str
    group: str
    transfers: int
    batches: int
    head: str
    """The chain's newest hash, in hex."""
    recorded_at: datetime | None
