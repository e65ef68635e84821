"""The receipts' door: what became of a payment or refund, signed.

Every final outcome gets a receipt, once. What is signed is hashes of the fields, so that a holder
may show some and not others; a log entry commits to what was signed. The file that leaves here is
checked without us (`bezant-verify receipt`). What opens the fields can be erased: the receipt then
still proves that something was signed, and no more what.
"""

from typing import Protocol

from bezant.actor import Mode
from bezant.errors import Invalid, NotFound
from bezant.events import Feed
from bezant.receipts.receipt import (
    EVERYTHING,
    About,
    ChangeSettings,
    Field,
    Finding,
    FollowLink,
    Form,
    Later,
    Outcome,
    Period,
    ReadFile,
    Receipt,
    ReceiptFile,
    ReceiptPage,
    ReceiptSettings,
    ReceiptsOf,
    Report,
    ReportLine,
    ReportPage,
    ReportsOf,
    Show,
)

__all__ = [
    "EVERYTHING",
    "PAGE_MAX",
    "SUBJECTS_MAX",
    "About",
    "ChangeSettings",
    "Field",
    "Finding",
    "FollowLink",
    "Form",
    "Later",
    "Outcome",
    "Period",
    "ReadFile",
    "Receipt",
    "ReceiptFile",
    "ReceiptPage",
    "ReceiptSettings",
    "Receipts",
    "ReceiptsFeed",
    "ReceiptsOf",
    "Report",
    "ReportLine",
    "ReportPage",
    "ReportsOf",
    "Show",
    "UnknownField",
    "UnknownReceipt",
]

PAGE_MAX = 100
SUBJECTS_MAX = 1_000  # Payments of one call to erase: who has more asks again.


class UnknownReceipt(NotFound):
    """There is no such receipt."""

    code = "unknown_receipt"


class UnknownField(Invalid):
    """The receipt has no such field."""

    code = "unknown_receipt_field"


class Receipts(Protocol):
    """Receipts of every merchant."""

    async def receipt(self, tenant: str, mode: Mode, receipt: str) -> Receipt:
        """Return one receipt."""
        ...

    async def receipts(self, query: ReceiptsOf) -> ReceiptPage:
        """Return a page of receipts."""
        ...

    async def file(self, query: ReadFile) -> ReceiptFile:
        """Return what a stranger checks, with as much of it open as was asked for."""
        ...

    async def follow_link(self, query: FollowLink) -> ReceiptFile:
        """Return the same for whoever holds the payer's link."""
        ...

    async def sign_in_full(self, tenant: str, mode: Mode, receipt: str) -> Receipt:
        """Sign a receipt with ML-DSA-87 too; doing it again changes nothing."""
        ...

    async def settings(self, tenant: str, mode: Mode) -> ReceiptSettings:
        """Return how a merchant's receipts are signed."""
        ...

    async def change_settings(self, command: ChangeSettings) -> ReceiptSettings:
        """Let a merchant's receipts be signed otherwise from now on."""
        ...

    async def erase(self, tenant: str, payments: tuple[str, ...]) -> int:
        """Destroy what opens the receipts of these payments, and return of how many."""
        ...

    async def reports(self, query: ReportsOf) -> ReportPage:
        """Return a page of summaries."""
        ...


class ReceiptsFeed(Feed, Protocol):
    """`receipt.issued`: the digest of what was signed. It is the queue `receipts`, too."""
