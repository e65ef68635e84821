"""One exchange with a payment provider: what is asked, and what came back, if anything did.

A request is plain bytes that a connector built. Card data is never in it: a placeholder such as
`{card.number}` stands in its place, and only the vault, which sends the request, knows the value.
Credentials are not in it either: the transport adds them as it sends.

With what is paid and why a provider said no have one list each, for payments and for providers.
"""

from dataclasses import dataclass
from enum import StrEnum

from bezant.actor import Mode

LOCAL = ""
"""The method of a request that nobody is sent: the transport answers it at once with 204."""
PLACEHOLDERS = ("{card.number}", "{card.exp_month}", "{card.exp_year}", "{card.cvc}")


class MethodKind(StrEnum):
    """With what a payer pays. The order is stored: add at the end only."""

    CARD = "card"
    BANK_ACCOUNT = "bank_account"
    """A debit from an account, such as ACH."""
    BANK_TRANSFER = "bank_transfer"
    """The payer sends the money, such as by SEPA credit transfer."""
    PAYPAL = "paypal"
    CRYPTO = "crypto"


class DeclineCode(StrEnum):
    """Why a provider said no: one list for all. The order is stored: add at the end only."""

    AUTHENTICATION_FAILED = "authentication_failed"
    AUTHENTICATION_REQUIRED = "authentication_required"
    CARD_DECLINED = "card_declined"
    DO_NOT_HONOR = "do_not_honor"
    EXPIRED_CARD = "expired_card"
    FRAUD_SUSPECTED = "fraud_suspected"
    INCORRECT_CVC = "incorrect_cvc"
    INCORRECT_NUMBER = "incorrect_number"
    INSUFFICIENT_FUNDS = "insufficient_funds"
    LIMIT_EXCEEDED = "limit_exceeded"
    LOST_OR_STOLEN = "lost_or_stolen"
    METHOD_NOT_SUPPORTED = "method_not_supported"
    PAYER_CANCELLED = "payer_cancelled"
    PROCESSING_ERROR = "processing_error"
    RETURNED = "returned"
    """A bank debit that came back."""
    TRY_AGAIN_LATER = "try_again_later"
    OTHER = "other"


class Encoding(StrEnum):
    """How a body is written, and so how a value is put in the place of a placeholder."""

    NONE = ""
    JSON = "application/json"
    FORM = "application/x-www-form-urlencoded"
    XML = "application/xml"


class Sending(StrEnum):
    """What is known about a request after it was sent."""

    ANSWERED = "answered"
    NOT_SENT = "not_sent"
    """Nothing reached the provider, for certain: no connection was made."""
    SILENT = "silent"
    """It may have arrived and acted; nobody can tell from here."""


@dataclass(frozen=True, slots=True)
class ProviderRequest:
    """What is said to a provider."""

    provider: str
    mode: Mode
    operation: str
    """What it is for, such as `charge`: for logs, metrics and the record of the exchange."""
    method: str
    path: str
    """Below the provider's base address, with its query."""
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    encoding: Encoding = Encoding.NONE
    key: str = ""
    """Our name for this piece of work; the connector also put it where the provider wants it."""
    tenant: str = ""
    """Whose card it is; with `card`."""
    card: str = ""
    """The vault's token of the card whose data fills the placeholders."""
    deadline_seconds: int = 20
    """Whole seconds: a request travels between processes, where floats do not."""


@dataclass(frozen=True, slots=True)
class ProviderAnswer:
    """What came back."""

    sending: Sending
    status: int = 0
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    milliseconds: int = 0
    digest: str = ""
    """SHA-256 of the body as received, in hex: what a receipt commits to."""

    def header(self, name: str) -> str:
        """Return a header's value, or nothing."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key.lower() == wanted), "")
