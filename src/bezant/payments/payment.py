"""A payment: what is asked of a payer, and how far it has come."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from bezant.actor import Mode
from bezant.exchange import DeclineCode, MethodKind
from bezant.money import Money
from bezant.payments.method import PayWith


class PaymentState(StrEnum):
    """How far a payment has come. `states.py` says what may follow what."""

    CREATED = "created"
    """It waits for a way to pay."""
    PROCESSING = "processing"
    """A provider has it, or is about to."""
    NEEDS_ACTION = "needs_action"
    """The payer has to do something first."""
    UNKNOWN = "unknown"
    """We do not know what the provider did; we ask until we do."""
    AUTHORIZED = "authorized"
    """The money is set aside and can be captured."""
    PARTLY_CAPTURED = "partly_captured"
    """Some of it was captured, and more may follow."""
    SUCCEEDED = "succeeded"
    """All that will be captured was captured."""
    DECLINED = "declined"
    """The provider said no. Another try is possible."""
    VOIDED = "voided"
    """The money that was set aside was let go."""
    EXPIRED = "expired"
    """It was not captured, or not paid, in time."""
    FAILED = "failed"
    """It never reached a provider; nobody was charged."""


@dataclass(frozen=True, slots=True)
class Declined:
    """A provider's no, for programs and for the payer."""

    code: DeclineCode
    advice: str
    """What to tell the payer, in everyday language."""
    soft: bool
    """Trying again may succeed."""


@dataclass(frozen=True, slots=True)
class NextAction:
    """What the payer has to do: go somewhere, or pay what is shown."""

    type: str
    url: str = ""
    facts: Mapping[str, str] = field(default_factory=dict[str, str])
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class CreatePayment:
    """Ask a payer for money. With a method it is confirmed at once, unless `confirm` says no."""

    key: str
    """The idempotency key."""
    tenant: str
    mode: Mode
    amount: Money
    pay_with: PayWith | None = None
    confirm: bool = True
    capture: bool = True
    """Take the money at once; else set it aside."""
    customer: str = ""
    order: str = ""
    """What it pays for: an order's id, or the merchant's own number."""
    description: str = ""
    descriptor: str = ""
    """What the payer reads on the statement."""
    metadata: Mapping[str, str] = field(default_factory=dict[str, str])
    return_url: str = ""
    country: str = ""
    """The payer's country, two letters: routing rules may ask for it."""
    priority: str = ""
    """A priority level of the fee rules; empty is the ordinary one."""
    customer_email: str = ""
    customer_name: str = ""
    """With an address or a name and no customer, a customer is made."""


@dataclass(frozen=True, slots=True)
class ConfirmPayment:
    """Try to pay a payment that waits for a way to pay, or that was declined."""

    key: str
    tenant: str
    mode: Mode
    payment: str
    pay_with: PayWith
    return_url: str = ""


@dataclass(frozen=True, slots=True)
class CapturePayment:
    """Take money that is set aside: all that remains, or a part."""

    key: str
    tenant: str
    mode: Mode
    payment: str
    amount: Money | None = None
    last: bool = True
    """Nothing more will be captured; what remains is let go."""


@dataclass(frozen=True, slots=True)
class VoidPayment:
    """Let go of money that is set aside, or give up a payment that was not paid."""

    key: str
    tenant: str
    mode: Mode
    payment: str
    reason: str = ""
    unpaid_only: bool = False
    """Refuse if anything of the payer's is set aside, or about to be."""


@dataclass(frozen=True, slots=True)
class ChangePayment:
    """Change what a merchant noted on a payment; what is left out stays as it is, and an empty
    text in the metadata takes its key away.
    """

    tenant: str
    mode: Mode
    payment: str
    description: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Payment:
    """A payment as it stands."""

    id: str
    """`pay_…`."""
    mode: Mode
    state: PaymentState
    amount: Money
    authorized: Money
    captured: Money
    refunded: Money
    """Given back, or decided to be given back and on its way."""
    disputed: Money
    """Taken back by the payer's bank."""
    fee: Money
    """What we charge the merchant for it."""
    capture: bool
    """It is captured as soon as it is authorized."""
    created_at: datetime
    updated_at: datetime
    method: MethodKind | None = None
    card: str = ""
    """The vault's token, or what was saved where there is no card's number."""
    customer: str = ""
    order: str = ""
    description: str = ""
    descriptor: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict[str, str])
    provider: str = ""
    reference: str = ""
    """The provider's name of the charge: the PSP reference."""
    next_action: NextAction | None = None
    declined: Declined | None = None
    failure: str = ""
    """Why it failed: `never_arrived`, `no_provider`, `provider_unavailable`, `unknown_card`. While
    money is set aside: why the last capture or void came to nothing, `declined` among them.
    """
    expires_at: datetime | None = None
    """Until when the money stays set aside."""
    cost: Money | None = None
    """What the provider charged us, once its settlement says so."""
    booked: bool = True
    """All its money is in the book; if not, we are on it."""
    replayed: bool = False
    """This answer repeats the one given first under the same key."""
    refunds_awaiting: Money | None = None
    """What is asked to be given back and waits for a second person: nothing of it has moved, and
    nobody can ask for it once more.
    """
    advice: str = ""
    """What to do about a failure, in everyday language."""
