"""Money that really moved at a provider: the facts by which the platform under test is judged."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Moved(StrEnum):
    """What a movement was. Amounts are signed as the merchant's balance sees them."""

    AUTHORISATION = "authorisation"
    """Set aside at the payer's, nothing for the merchant yet; its amount is in no settlement."""
    VOID = "void"
    """Given up before it was captured; takes back what an authorisation had set aside."""
    CHARGE = "charge"
    REFUND = "refund"
    REFUND_FAILED = "refund_failed"
    DISPUTE = "dispute"
    DISPUTE_WON = "dispute_won"
    RETURN = "return"
    """A bank took back what it had paid."""
    FEE = "fee"
    PAYOUT = "payout"


ASIDE = frozenset({Moved.AUTHORISATION, Moved.VOID})
"""What moves no balance of the merchant."""


@dataclass(frozen=True, slots=True)
class Movement:
    """One movement of one payment, in the smallest unit its provider counts in."""

    provider: str
    kind: Moved
    id: str
    """The provider's own name of the charge, refund, dispute …; once per kind."""
    payment: str
    """The provider's payment it belongs to."""
    key: str
    """The idempotency key of the call that made it; empty if nobody called."""
    asset: str
    amount: int
    fee: int
    """What the provider keeps of it; never negative but for a fee given back."""
    occurred_at: datetime
    payout: str = ""
    """The payout that brought it to the bank; empty until then."""

    @property
    def net(self) -> int:
        """Return what it does to the merchant's balance."""
        return self.amount - self.fee
