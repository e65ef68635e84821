"""The vault's door: tokens out, card numbers never.

A token stands for a card of one tenant and mode. The number lies sealed in the vault's tables; the
CVC lies only in the vault's memory, for one use within fifteen minutes. Requests to providers that
need a card are sent from here, with the placeholders filled at the last moment.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from bezant.actor import Actor, Mode
from bezant.errors import Invalid, NotFound, Refused, TooManyRequests
from bezant.exchange import ProviderAnswer, ProviderRequest
from bezant.secret import Secret

BODY_BYTES_MAX = 4_096  # A card with every field spelled generously has 300.


class UnknownCard(NotFound):
    """There is no such card token."""

    code = "unknown_card"


class CardForgotten(Refused):
    """The number of this card was destroyed; nothing can be charged to it any more."""

    code = "card_forgotten"


class CardNumberInvalid(Invalid):
    """This is not a card number."""

    code = "card_number_invalid"


class CardExpired(Invalid):
    """The card has expired."""

    code = "card_expired"


class CardDateInvalid(Invalid):
    """This is not a month and year a card can expire in."""

    code = "card_date_invalid"


class CvcInvalid(Invalid):
    """A CVC has three digits, four on American Express."""

    code = "cvc_invalid"


class LiveCardInTest(Refused):
    """Real cards are not taken in test mode, nor test cards in live mode."""

    code = "card_of_other_mode"


class CardWithoutMerchant(Refused):
    """Cards belong to a merchant; the platform itself has none."""

    code = "card_without_merchant"


class MisplacedPlaceholder(Invalid):
    """Card data belongs into the body of a request that names its card, and nowhere else."""

    code = "misplaced_placeholder"


class TooManyCards(TooManyRequests):
    """Too many cards were tried from here in a short time."""

    code = "too_many_cards"


@dataclass(frozen=True, slots=True)
class CardFace:
    """All that anybody outside the vault may know of a card."""

    token: str
    """`card_…`."""
    brand: str
    last4: str
    exp_month: int
    exp_year: int
    fingerprint: str
    """The same for the same number of the same tenant; tells nothing else."""
    created_at: datetime
    checkout_session: str = ""
    """The one checkout session that takes this token; if none is named, any does."""


@dataclass(frozen=True, slots=True)
class Tokenise:
    """Turn a payer's card into a token."""

    by: Actor
    address: str
    """Where the payer's request came from: whoever tries many cards is slowed down."""
    body: Secret[bytes]
    """JSON as the payer's browser sent it. Only the vault reads it."""


class Vault(Protocol):
    """Cards, by their tokens."""

    async def card(self, tenant: str, mode: Mode, token: str) -> CardFace:
        """Return what may be shown of a card."""
        ...

    async def send(self, request: ProviderRequest) -> ProviderAnswer:
        """Fill a request's placeholders and send it to its provider; what comes back is free of
        card data.
        """
        ...

    async def forget(self, tenant: str, mode: Mode, token: str) -> None:
        """Destroy a card's number; its face stays for the records."""
        ...


class CardDoor(Protocol):
    """Where payers' bytes come in, through the vault's own listener or passed on by a gateway."""

    async def tokenise(self, command: Tokenise) -> CardFace:
        """Seal a card and return its token."""
        ...
