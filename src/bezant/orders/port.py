"""The orders' door: what is to be paid, whether it was, and the ways for a payer to do it.

An order's status follows from facts of money that the payments' feed tells; there is no command
that sets it. Money that arrives for an order that does not exist is given back after a while, with
evidence. A checkout session lets one payer pay one order: whoever has its client secret may read,
tokenise and confirm that one session, and nothing else.
"""

from typing import Protocol

from bezant.actor import Mode
from bezant.errors import Conflict, Forbidden, Invalid, NotFound, Refused, TooManyRequests
from bezant.events import Feed
from bezant.orders.checkout import (
    ChangeCheckoutSettings,
    CheckoutSession,
    CheckoutSettings,
    ConfirmSession,
    CreateLink,
    LinkPage,
    LinksOf,
    NewSession,
    NextStep,
    Offer,
    OpenLink,
    OpenSession,
    Payer,
    PaymentLink,
    ReadSession,
    SessionPage,
    SessionsOf,
    SessionState,
    Way,
)
from bezant.orders.order import CreateOrder, Order, OrderPage, OrdersOf, OrderStatus
from bezant.secret import Secret

__all__ = [
    "METADATA_KEYS_MAX",
    "ORIGINS_MAX",
    "PAGE_MAX",
    "TEXT_CHARACTERS_MAX",
    "CardOfAnotherSession",
    "ChangeCheckoutSettings",
    "CheckoutBusy",
    "CheckoutSession",
    "CheckoutSettings",
    "ClientSecretInvalid",
    "ConfirmSession",
    "CreateLink",
    "CreateOrder",
    "LinkClosed",
    "LinkPage",
    "LinkUsedUp",
    "LinksOf",
    "MalformedOffer",
    "NewSession",
    "NextStep",
    "Offer",
    "OpenLink",
    "OpenSession",
    "Order",
    "OrderExists",
    "OrderKeyReused",
    "OrderPage",
    "OrderStatus",
    "Orders",
    "OrdersFeed",
    "OrdersOf",
    "Payer",
    "PaymentLink",
    "PaymentNotTaken",
    "ReadSession",
    "SessionOver",
    "SessionPage",
    "SessionState",
    "SessionsOf",
    "SignInRequired",
    "TooManyCheckouts",
    "UnknownCheckoutSession",
    "UnknownOrder",
    "UnknownPaymentLink",
    "Way",
    "WayNotOffered",
]

PAGE_MAX = 100
ORIGINS_MAX = 20  # They all stand in one header.
TEXT_CHARACTERS_MAX = 500
METADATA_KEYS_MAX = 50


class UnknownOrder(NotFound):
    """There is no such order."""

    code = "unknown_order"


class UnknownCheckoutSession(NotFound):
    """There is no such checkout session."""

    code = "unknown_checkout_session"


class UnknownPaymentLink(NotFound):
    """There is no such payment link."""

    code = "unknown_payment_link"


class ClientSecretInvalid(Forbidden):
    """This is not the client secret of this checkout session."""

    code = "client_secret_invalid"


class SignInRequired(Forbidden):
    """This checkout is for customers who have signed in."""

    code = "sign_in_required"


class OrderExists(Conflict):
    """An order with this id or number exists already."""

    code = "order_exists"


class OrderKeyReused(Refused):
    """This key was used before for another request."""

    code = "order_key_reused"


class SessionOver(Refused):
    """This checkout is over: it was paid, or its time has passed."""

    code = "checkout_session_over"


class CheckoutBusy(Conflict):
    """Another try in this checkout has just come to nothing; try again in a moment."""

    code = "checkout_busy"


class WayNotOffered(Refused):
    """This checkout is not paid in that way."""

    code = "way_not_offered"


class CardOfAnotherSession(Refused):
    """This card was given for another checkout session."""

    code = "card_of_another_session"


class PaymentNotTaken(Refused):
    """The shop cannot take this payment at the moment; try again later, or ask the shop."""

    code = "payment_not_taken"


class LinkUsedUp(Refused):
    """As many people have paid by this link as it was made for."""

    code = "payment_link_used_up"


class LinkClosed(Refused):
    """This link is closed, or its time has passed."""

    code = "payment_link_closed"


class TooManyCheckouts(TooManyRequests):
    """Too many checkouts were opened from here in a short time."""

    code = "too_many_checkouts"


class MalformedOffer(Invalid):
    """An order, a checkout or a link has parts that do not fit."""

    code = "malformed_offer"


class Orders(Protocol):
    """Orders, checkout sessions and payment links of every merchant."""

    async def create_order(self, command: CreateOrder) -> Order:
        """Say what is to be paid, once."""
        ...

    async def order(self, tenant: str, mode: Mode, order: str) -> Order:
        """Return one order."""
        ...

    async def orders(self, query: OrdersOf) -> OrderPage:
        """Return a page of orders."""
        ...

    async def open_session(self, command: OpenSession) -> NewSession:
        """Let a payer pay; asking again with the same key answers the same session and secret."""
        ...

    async def session(self, query: ReadSession) -> CheckoutSession:
        """Return a checkout session."""
        ...

    async def sessions(self, query: SessionsOf) -> SessionPage:
        """Return a page of checkout sessions."""
        ...

    async def confirm(self, command: ConfirmSession) -> CheckoutSession:
        """Pay. A decline is an answer, not an error: the payer may try again."""
        ...

    async def expire_session(self, tenant: str, mode: Mode, session: str) -> CheckoutSession:
        """End a session that was not paid."""
        ...

    async def create_link(self, command: CreateLink) -> PaymentLink:
        """Make a payment link."""
        ...

    async def link(self, tenant: str, mode: Mode, link: str) -> PaymentLink:
        """Return a payment link."""
        ...

    async def links(self, query: LinksOf) -> LinkPage:
        """Return a page of payment links."""
        ...

    async def close_link(self, tenant: str, mode: Mode, link: str) -> PaymentLink:
        """Let nobody pay by a link any more."""
        ...

    async def open_link(self, command: OpenLink) -> NewSession:
        """Open a checkout session for a payer who follows a link."""
        ...

    async def payer(self, credential: Secret[str]) -> Payer:
        """Return who pays with a client secret or a link's id, and whom."""
        ...

    async def framed_by(self, session: str) -> tuple[str, ...]:
        """Return whose pages may show a session in a frame; nobody's if there is no such one."""
        ...

    async def checkout_settings(self, tenant: str, mode: Mode) -> CheckoutSettings:
        """Return how a merchant's checkout page may be used."""
        ...

    async def change_checkout_settings(self, command: ChangeCheckoutSettings) -> CheckoutSettings:
        """Say anew how a merchant's checkout page may be used."""
        ...


class OrdersFeed(Feed, Protocol):
    """`order.*` events: created, each status it comes to, and money that has no order."""
