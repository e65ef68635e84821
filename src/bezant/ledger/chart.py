"""The platform's chart of accounts. docs/concepts/chart-of-accounts.md shows each with its
T-accounts.
"""

from dataclasses import dataclass
from typing import Final

from bezant.ledger.account import AccountType


@dataclass(frozen=True, slots=True)
class ChartEntry:
    """A name in the chart."""

    name: str
    type: AccountType
    of: str
    """What it is kept one each of; empty where there is one for all."""
    clears: bool
    """It returns to zero once everything is settled."""
    meaning: str


CHART: Final[dict[str, ChartEntry]] = {
    entry.name: entry
    for entry in (
        ChartEntry(
            "psp_receivable", AccountType.ASSET, "provider", True,
            "what a provider has taken from payers and not yet paid out to us",
        ),
        ChartEntry(
            "cash_at_bank", AccountType.ASSET, "bank account", False,
            "what lies on our own bank account",
        ),
        ChartEntry(
            "merchant_payable", AccountType.LIABILITY, "merchant", False,
            "what we owe a merchant",
        ),
        ChartEntry(
            "refund_payable", AccountType.LIABILITY, "provider", True,
            "refunds promised to payers and not yet taken by the provider",
        ),
        ChartEntry(
            "dispute_reserve", AccountType.LIABILITY, "merchant", True,
            "money set aside while a payer disputes a payment",
        ),
        ChartEntry(
            "dispute_receivable", AccountType.ASSET, "provider", True,
            "what a provider has taken back for a dispute that is not decided",
        ),
        ChartEntry(
            "fees_earned", AccountType.INCOME, "", False, "fees we charge",
        ),
        ChartEntry(
            "fees_paid", AccountType.EXPENSE, "provider", False, "fees providers charge us",
        ),
        ChartEntry(
            "fx_clearing", AccountType.ASSET, "", True,
            "between the two halves of an exchange",
        ),
        ChartEntry(
            "fx_result", AccountType.INCOME, "", False, "what exchanging earned or cost us",
        ),
        ChartEntry(
            "rounding", AccountType.EXPENSE, "", False,
            "the remainders of rounding: they have an owner, and it is us",
        ),
        ChartEntry(
            "suspense", AccountType.LIABILITY, "", True,
            "money we hold and cannot explain yet",
        ),
        ChartEntry(
            "equity", AccountType.EQUITY, "", False, "what the owners put in",
        ),
    )
}  # fmt: skip
