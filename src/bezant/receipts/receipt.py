"""A receipt, and what can be asked about it."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from bezant.actor import Mode
from bezant.money import Money
from bezant.secret import Secret


class Form(StrEnum):
    """Which signatures a receipt carries itself."""

    COMPACT = "compact"
    """One classical signature; the log's checkpoint carries the one of ML-DSA-87."""
    FULL = "full"
    """A classical one and one of ML-DSA-87, and both must fit."""


class About(StrEnum):
    """What a receipt is about."""

    PAYMENT = "payment"
    REFUND = "refund"


class Outcome(StrEnum):
    """How it ended."""

    SUCCEEDED = "succeeded"
    DECLINED = "declined"
    VOIDED = "voided"
    EXPIRED = "expired"
    FAILED = "failed"
    REJECTED = "rejected"
    """Of a refund: the second person said no, or nobody answered in time."""


class Period(StrEnum):
    """How much time a report sums up."""

    DAILY = "daily"
    WEEKLY = "weekly"


@dataclass(frozen=True, slots=True)
class Receipt:
    """A receipt as the merchant sees it."""

    id: str
    """`rcp_…`."""
    mode: Mode
    about: About
    outcome: Outcome
    payment: str
    refund: str
    amount: Money
    """What was taken or given back; of what did not succeed, what was asked for."""
    provider: str
    reference: str
    """The provider's name of it. The receipt itself only carries its digest."""
    decided_at: datetime
    issued_at: datetime
    forms: tuple[Form, ...]
    digest: str
    """What the log committed to, of the newest form."""
    erased: bool
    """Nobody can open what was signed any more."""
    code: str
    """The unguessable end of the payer's link."""


@dataclass(frozen=True, slots=True)
class ReceiptsOf:
    """Ask for receipts, newest first."""

    tenant: str
    """Nobody's in particular where it is empty: the operator asks so."""
    mode: Mode
    payment: str | None = None
    refund: str | None = None
    outcome: Outcome | None = None
    limit: int = 20
    before: str | None = None


@dataclass(frozen=True, slots=True)
class ReceiptPage:
    """A page of receipts."""

    receipts: tuple[Receipt, ...]
    has_more: bool


@dataclass(frozen=True, slots=True)
class Show:
    """Which of the signed fields are shown."""

    everything: bool = True
    fields: tuple[str, ...] = ()
    """Their names, where not everything is shown."""


EVERYTHING = Show()


@dataclass(frozen=True, slots=True)
class ReadFile:
    """Ask for the file of a receipt."""

    tenant: str
    mode: Mode
    receipt: str
    show: Show = EVERYTHING


@dataclass(frozen=True, slots=True)
class FollowLink:
    """Ask for the file of a receipt as its payer."""

    code: Secret[str]
    show: Show = EVERYTHING


@dataclass(frozen=True, slots=True)
class Field:
    """One field that is shown."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Finding:
    """What the verifier said when the file was made."""

    valid: bool
    why: str
    """Why not, or what is still to come; empty when all is well."""
    signed_with: tuple[str, ...] = ()
    index: int | None = None
    """Its place in the log."""
    origin: str = ""
    """The log's name."""
    size: int = 0
    """Of the log, when its checkpoint was signed."""
    witnesses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Later:
    """A receipt of what happened to the same money afterwards."""

    about: About
    outcome: Outcome
    amount: Money
    decided_at: datetime
    code: str
    """The unguessable end of its own link."""


@dataclass(frozen=True, slots=True)
class ReceiptFile:
    """A receipt as it leaves: the file that a stranger checks, and what it shows."""

    id: str
    mode: Mode
    code: str
    merchant: str
    """The merchant's name as it is now, where the merchant is shown; it is not signed."""
    text: str
    fields: tuple[Field, ...]
    hidden: int
    finding: Finding
    outdated: bool = False
    """Something happened to the same money afterwards."""
    later: tuple[Later, ...] = ()
    """What, where nothing of this receipt is hidden."""


@dataclass(frozen=True, slots=True)
class ReceiptSettings:
    """How a merchant's receipts are signed from now on."""

    form: Form


@dataclass(frozen=True, slots=True)
class ChangeSettings:
    """Sign a merchant's receipts in this form from now on."""

    tenant: str
    mode: Mode
    form: Form


@dataclass(frozen=True, slots=True)
class ReportsOf:
    """Ask for the summaries of days or weeks, newest first."""

    tenant: str
    """Everybody's where it is empty."""
    mode: Mode
    period: Period
    limit: int = 20
    before: date | None = None


@dataclass(frozen=True, slots=True)
class ReportLine:
    """How many receipts of one kind there were, and how much money they are about."""

    merchant: str
    about: About
    outcome: Outcome
    receipts: int
    amount: Money


@dataclass(frozen=True, slots=True)
class Report:
    """A day or week that is over."""

    period: Period
    starts_on: date
    ends_on: date
    """Its last day."""
    made_at: datetime
    lines: tuple[ReportLine, ...]


@dataclass(frozen=True, slots=True)
class ReportPage:
    """A page of reports."""

    reports: tuple[Report, ...]
    has_more: bool
