"""Checkout: a session in which a payer pays one order, and links that open sessions."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from bezant.actor import Mode
from bezant.money import Money
from bezant.secret import Secret


class Way(StrEnum):
    """With what a payer may pay."""

    CARD = "card"
    BANK_ACCOUNT = "bank_account"
    BANK_TRANSFER = "bank_transfer"
    PAYPAL = "paypal"
    CRYPTO = "crypto"


class SessionState(StrEnum):
    """How far a payer has come."""

    OPEN = "open"
    """The payer may pay, or try again."""
    PENDING = "pending"
    """The payer or a provider has to do something."""
    COMPLETE = "complete"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Offer:
    """What is offered to a payer, in a session or through a link."""

    amount: Money
    description: str = ""
    descriptor: str = ""
    """What the payer reads on the statement."""
    ways: tuple[Way, ...] = ()
    """With what it may be paid; empty is whatever there is."""
    capture: bool = True
    return_url: str = ""
    """Where the payer's browser goes when it is done."""
    cancel_url: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict[str, str])
    sign_in: str = ""
    """The realm whose customers may pay; empty is anybody."""


@dataclass(frozen=True, slots=True)
class OpenSession:
    """Let a payer pay: an order that exists, or one that is made for this."""

    key: str
    tenant: str
    mode: Mode
    offer: Offer
    order: str = ""
    customer: str = ""
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ConfirmSession:
    """The payer pays. Whoever has the client secret is the payer."""

    tenant: str
    mode: Mode
    session: str
    client_secret: Secret[str]
    way: Way
    card: str = ""
    saved: str = ""
    key: str = ""
    """Tells two tries with one and the same means apart."""
    return_url: str = ""
    """Where the payer's browser comes back to, if not where the merchant said."""
    signed_in: bool = False
    """A customer who signed in asks."""


@dataclass(frozen=True, slots=True)
class ReadSession:
    """Ask for a session: the merchant, or a payer who shows the client secret."""

    tenant: str
    mode: Mode
    session: str
    client_secret: Secret[str] | None = None
    """Left out, a merchant's own server asks; who that is was checked before."""


@dataclass(frozen=True, slots=True)
class NextStep:
    """What the payer has to do."""

    type: str
    url: str
    facts: Mapping[str, str]
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class CheckoutSession:
    """A session as it stands."""

    id: str
    """`cs_…`."""
    mode: Mode
    state: SessionState
    offer: Offer
    order: str
    link: str
    customer: str
    payment: str
    payment_state: str
    next_action: NextStep | None
    advice: str
    """What to tell the payer after a decline, in everyday language."""
    created_at: datetime
    expires_at: datetime
    declined: str = ""
    """The code of the decline that `advice` explains."""


@dataclass(frozen=True, slots=True)
class Payer:
    """Whose page somebody stands on who holds a checkout's client secret, or a link."""

    tenant: str
    mode: Mode
    subject: str
    """The session, or the link."""
    over: bool = False
    """Nothing more is paid here: it was paid, or its time is over."""


@dataclass(frozen=True, slots=True)
class CheckoutSettings:
    """How a merchant's checkout page may be used."""

    origins: tuple[str, ...]
    """Whose pages may show it in a frame, such as `https://shop.example`."""


@dataclass(frozen=True, slots=True)
class ChangeCheckoutSettings:
    """Say anew how a merchant's checkout page may be used."""

    tenant: str
    mode: Mode
    settings: CheckoutSettings


@dataclass(frozen=True, slots=True)
class NewSession:
    """A session and its client secret."""

    session: CheckoutSession
    client_secret: Secret[str]


@dataclass(frozen=True, slots=True)
class SessionsOf:
    """Ask for checkout sessions, newest first. Every condition given holds for each of them."""

    tenant: str
    mode: Mode
    order: str | None = None
    link: str | None = None
    customer: str | None = None
    limit: int = 20
    before: str | None = None
    created_from: datetime | None = None
    created_until: datetime | None = None
    after: str | None = None


@dataclass(frozen=True, slots=True)
class SessionPage:
    """A page of checkout sessions."""

    sessions: tuple[CheckoutSession, ...]
    has_more: bool


@dataclass(frozen=True, slots=True)
class CreateLink:
    """Make a link that anybody may pay, so many times and so long."""

    key: str
    tenant: str
    mode: Mode
    offer: Offer
    uses_max: int | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class OpenLink:
    """A payer follows a link."""

    tenant: str
    mode: Mode
    link: str


@dataclass(frozen=True, slots=True)
class PaymentLink:
    """A link as it stands."""

    id: str
    """`plink_…`."""
    mode: Mode
    offer: Offer
    uses: int
    """Payers who paid, or are paying."""
    uses_max: int | None
    open: bool
    created_at: datetime
    expires_at: datetime | None
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class LinksOf:
    """Ask for payment links, newest first."""

    tenant: str
    mode: Mode
    limit: int = 20
    before: str | None = None
    created_from: datetime | None = None
    created_until: datetime | None = None
    after: str | None = None


@dataclass(frozen=True, slots=True)
class LinkPage:
    """A page of payment links."""

    links: tuple[PaymentLink, ...]
    has_more: bool
