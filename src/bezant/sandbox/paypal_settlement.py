"""PayPal's settlement report (STL, version 9): a line per transaction, sums per currency.

Amounts stand there without a sign and without a point; a column beside says credit or debit.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Final

from bezant.sandbox.book import Page
from bezant.sandbox.emulator import SettlementFile
from bezant.sandbox.movement import ASIDE, Moved, Movement
from bezant.sandbox.paypal_objects import Capture, Dispute, Refund
from bezant.sandbox.paypal_views import PAYEE

CODES: Final = {
    Moved.CHARGE: "T0006",
    Moved.REFUND: "T1107",
    Moved.REFUND_FAILED: "T1100",
    Moved.RETURN: "T1106",
    Moved.DISPUTE: "T1110",
    Moved.DISPUTE_WON: "T1111",
}
_COLUMNS: Final = (
    "Transaction ID",
    "Invoice ID",
    "PayPal Reference ID",
    "PayPal Reference ID Type",
    "Transaction Event Code",
    "Transaction Initiation Date",
    "Transaction Completion Date",
    "Transaction Debit or Credit",
    "Gross Transaction Amount",
    "Gross Transaction Currency",
    "Fee Debit or Credit",
    "Fee Amount",
    "Fee Currency",
    "Custom Field",
    "Consumer ID",
    "Payment Tracking ID",
    "Store ID",
    "Bank Reference ID",
    "Credit Transactional Fee",
    "Credit Promotional Fee",
    "Credit Term",
)
_BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)

Cell = str | int


def settlement(page: Page, day: date) -> SettlementFile:
    """Write the report of one day."""
    begin = datetime(day.year, day.month, day.day, tzinfo=UTC)
    end = begin + timedelta(days=1)
    moved = _counted(page.movements_between(begin, end))
    before = _counted(page.movements_between(_BEGINNING, begin))
    currencies = sorted({one.asset for one in (*before, *moved)})
    account = _quoted(PAYEE["merchant_id"])
    sums = [_sums(currency, before, moved) for currency in currencies]
    last_moment = end - timedelta(seconds=1)
    lines: list[Sequence[Cell]] = [
        (_quoted("RH"), _time(min(page.now, end)), _quoted("A"), account, "009", ""),
        (_quoted("FH"), "01"),
        (_quoted("SH"), _time(begin), _time(last_moment), account, _quoted("")),
        (_quoted("CH"), *map(_quoted, _COLUMNS)),
        *(_line(page, one) for one in moved),
        *((_quoted("SF"), *cells) for cells in sums),
        (_quoted("SC"), len(moved)),
        *((_quoted("RF"), *cells) for cells in sums),
        (_quoted("RC"), len(moved)),
        (_quoted("FF"), len(moved)),
    ]
    text = "".join(",".join(map(str, cells)) + "\n" for cells in lines)
    return SettlementFile(f"STL-{day:%Y%m%d}.01.009.CSV", "text/csv; charset=utf-8", text)


def _counted(moved: Iterable[Movement]) -> list[Movement]:
    return [one for one in moved if one.kind not in ASIDE]


def _line(page: Page, one: Movement) -> Sequence[Cell]:
    reference, invoice, custom = known_as(page, one)
    at = _time(one.occurred_at)
    fee = (_quoted("DR"), one.fee, _quoted(one.asset)) if one.fee else (_quoted(""), "", "")
    return (
        _quoted("SB"),
        _quoted(one.id),
        _quoted(invoice),
        _quoted(reference),
        _quoted("TXN" if reference else ""),
        _quoted(CODES[one.kind]),
        at,
        at,
        _quoted(_side(one.amount)),
        abs(one.amount),
        _quoted(one.asset),
        *fee,
        _quoted(custom),
        _quoted(""),
        _quoted(one.key),
        *(_quoted("") for _ in range(2)),
        *("" for _ in range(3)),
    )


def known_as(page: Page, one: Movement) -> tuple[str, str, str]:
    """Return what a line refers to, and the merchant's names of it."""
    if one.kind in {Moved.REFUND, Moved.REFUND_FAILED, Moved.RETURN}:
        refund = page.get(Refund, one.id)
        return (refund.capture, refund.invoice_id, refund.custom_id) if refund else ("", "", "")
    reference = ""
    taken = page.get(Capture, one.id)
    if one.kind in {Moved.DISPUTE, Moved.DISPUTE_WON}:
        dispute = page.get(Dispute, one.id)
        reference = dispute.capture if dispute else ""
        taken = page.get(Capture, reference)
    return reference, taken.invoice_id if taken else "", taken.custom_id if taken else ""


def _sums(currency: str, before: Sequence[Movement], moved: Sequence[Movement]) -> list[Cell]:
    mine = [one for one in moved if one.asset == currency]
    opening = sum(one.net for one in before if one.asset == currency)
    closing = opening + sum(one.net for one in mine)
    # Available, total and payable are one and the same here: nothing is reserved.
    balances = [cell for _ in range(3) for cell in (*_balance(opening), *_balance(closing))]
    return [
        _quoted(currency),
        sum(one.amount for one in mine if one.amount > 0),
        -sum(one.amount for one in mine if one.amount < 0),
        0,
        sum(one.fee for one in mine),
        *balances,
        len(mine),
    ]


def _balance(minor: int) -> tuple[str, int]:
    return _quoted(_side(minor)), abs(minor)


def _side(minor: int) -> str:
    return "DR" if minor < 0 else "CR"


def _quoted(text: str) -> str:
    doubled = text.replace('"', '""')
    return f'"{doubled}"'


def _time(at: datetime) -> str:
    return at.strftime("%Y/%m/%d %H:%M:%S +0000")
