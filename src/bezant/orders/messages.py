"""Orders, checkouts and links as JSON."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, SecretStr

from bezant.actor import Mode
from bezant.errors import Invalid
from bezant.http.amounts import JsonMoney
from bezant.http.visit import Visit
from bezant.orders.checkout import CheckoutSession, Offer, PaymentLink, SessionState, Way
from bezant.orders.order import Order, OrderStatus
from bezant.orders.port import METADATA_KEYS_MAX, ORIGINS_MAX, TEXT_CHARACTERS_MAX

Text = Annotated[str, Field(max_length=TEXT_CHARACTERS_MAX)]
Url = Annotated[str, Field(max_length=2_000)]
Metadata = Annotated[dict[str, str], Field(max_length=METADATA_KEYS_MAX)]
Token = Annotated[str, Field(max_length=64)]


class Request(BaseModel):
    """A request: a misspelt field is a mistake, not a default."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Answer(BaseModel):
    """An answer, read from what the port told."""

    model_config = ConfigDict(from_attributes=True, frozen=True)


class OrderBody(Request):
    """What is to be paid."""

    amount: JsonMoney
    id: Token = ""
    reference: Text = ""
    description: Text = ""
    customer: Token = ""
    metadata: Metadata = Field(default_factory=dict[str, str])


class OfferBody(Request):
    """What is offered to a payer."""

    amount: JsonMoney
    description: Text = ""
    descriptor: Text = ""
    methods: Annotated[list[Way], Field(max_length=len(Way))] = Field(default_factory=list[Way])
    capture: bool = True
    return_url: Url = ""
    cancel_url: Url = ""
    sign_in: Token = ""
    metadata: Metadata = Field(default_factory=dict[str, str])

    def offer(self) -> Offer:
        """Return the offer as the port takes it."""
        return Offer(
            self.amount,
            self.description,
            self.descriptor,
            tuple(self.methods),
            self.capture,
            self.return_url,
            self.cancel_url,
            self.metadata,
            self.sign_in,
        )


class SessionBody(OfferBody):
    """A new checkout session."""

    order: Token = ""
    customer: Token = ""
    expires_at: AwareDatetime | None = None


class LinkBody(OfferBody):
    """A new payment link."""

    uses_max: int | None = None
    expires_at: AwareDatetime | None = None


class ConfirmBody(Request):
    """The payer's means. What shows that it is the payer is the client secret."""

    client_secret: Annotated[SecretStr, Field(min_length=1, max_length=200)]
    method: Way = Way.CARD
    card: Token = ""
    saved: Token = ""
    return_url: Url = ""


class OrderAnswer(Answer):
    """An order."""

    id: str
    mode: Mode
    status: OrderStatus
    amount: JsonMoney
    held: JsonMoney
    paid: JsonMoney
    refunded: JsonMoney
    disputed: JsonMoney
    reference: str
    description: str
    customer: str
    metadata: dict[str, str]
    payments: list[str]
    created_at: datetime
    updated_at: datetime


class NextActionAnswer(Answer):
    """What the payer has to do."""

    type: str
    url: str
    facts: dict[str, str]
    expires_at: datetime | None


class OfferAnswer(Answer):
    """What is offered to a payer."""

    amount: JsonMoney
    description: str
    methods: list[Way]
    capture: bool
    return_url: str
    cancel_url: str
    sign_in: str
    metadata: dict[str, str]


class SessionAnswer(OfferAnswer):
    """A checkout session."""

    id: str
    mode: Mode
    state: SessionState
    order: str
    link: str
    customer: str
    payment: str
    payment_state: str
    next_action: NextActionAnswer | None
    declined: str
    advice: str
    created_at: datetime
    expires_at: datetime


class NewSessionAnswer(SessionAnswer):
    """A checkout session with the secret that its payer's browser is given."""

    client_secret: str
    url: str
    """Where the payer pays; the secret stands after the `#`, which no server is told."""


class LinkAnswer(OfferAnswer):
    """A payment link."""

    id: str
    mode: Mode
    uses: int
    uses_max: int | None
    open: bool
    created_at: datetime
    expires_at: datetime | None
    url: str
    """Where anybody may pay."""


class CheckoutSettingsBody(Request):
    """How the checkout page may be used."""

    origins: Annotated[list[Url], Field(max_length=ORIGINS_MAX)]


class CheckoutSettingsAnswer(Answer):
    """How the checkout page may be used."""

    origins: list[str]


def order(told: Order) -> OrderAnswer:
    """Answer an order."""
    return OrderAnswer.model_validate(told)


def session(told: CheckoutSession) -> SessionAnswer:
    """Answer a checkout session."""
    return SessionAnswer.model_validate(_session(told))


def new_session(told: CheckoutSession, client_secret: str, base: str) -> NewSessionAnswer:
    """Answer a checkout session, its secret, and the address of its page."""
    url = f"{base}/checkout/{told.id}#{client_secret}"
    secret = {"client_secret": client_secret, "url": url}
    return NewSessionAnswer.model_validate({**_session(told), **secret})


def link(told: PaymentLink, base: str) -> LinkAnswer:
    """Answer a payment link, and the address of its page."""
    names = ("id", "mode", "uses", "uses_max", "open", "created_at", "expires_at")
    return LinkAnswer.model_validate(
        {
            **_offer(told.offer),
            **{name: getattr(told, name) for name in names},
            "url": f"{base}/checkout/{told.id}",
        }
    )


def base_of(visit: Visit, pages_url: str) -> str:
    """Return what addresses of pages begin with: what was set, or the address that was asked."""
    if pages_url:
        return pages_url.rstrip("/")
    host = visit.headers.get(b"host", b"localhost").decode("latin-1")
    return f"{'https' if visit.secure else 'http'}://{host}"


def notes(asked: Sequence[str]) -> dict[str, str]:
    """Read conditions on metadata, each written `key:value`."""
    pairs = [one.partition(":") for one in asked]
    if not all(key and colon for key, colon, _ in pairs):
        raise Invalid("metadata is asked for as key:value", field="metadata")
    return {key: value for key, _, value in pairs}


def _session(told: CheckoutSession) -> dict[str, object]:
    names = ("id", "mode", "state", "order", "link", "customer", "payment", "payment_state")
    names += ("declined", "advice", "created_at", "expires_at")
    action = told.next_action
    return {
        **_offer(told.offer),
        **{name: getattr(told, name) for name in names},
        "next_action": None if action is None else NextActionAnswer.model_validate(action),
    }


def _offer(offer: Offer) -> dict[str, object]:
    return {
        "amount": offer.amount,
        "description": offer.description,
        "methods": list(offer.ways),
        "capture": offer.capture,
        "return_url": offer.return_url,
        "cancel_url": offer.cancel_url,
        "sign_in": offer.sign_in,
        "metadata": dict(offer.metadata),
    }
