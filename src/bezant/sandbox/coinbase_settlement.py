"""Coinbase's report: the transactions of a day, as its customers download them.

A fee has a line of its own, so that the quantities of a coin add up to what it did to the balance.
"""

import csv
import io
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Final

from bezant.money import format_minor
from bezant.sandbox.book import Page
from bezant.sandbox.coinbase_values import DECIMALS, PRICES
from bezant.sandbox.emulator import SettlementFile
from bezant.sandbox.movement import ASIDE, Moved, Movement

HEAD: Final = (
    "ID",
    "Timestamp",
    "Transaction Type",
    "Asset",
    "Quantity Transacted",
    "Price Currency",
    "Price at Transaction",
    "Subtotal",
    "Total (inclusive of fees and/or spread)",
    "Fees and/or Spread",
    "Notes",
)
_TYPES: Final = {
    Moved.CHARGE: "Receive",
    Moved.REFUND: "Send",
    Moved.REFUND_FAILED: "Send Reversal",
}
_FEE: Final = "Fee"
_CENT: Final = Decimal("0.01")


def settlement(page: Page, day: date) -> SettlementFile:
    """Write the report of one day."""
    begin = datetime(day.year, day.month, day.day, tzinfo=UTC)
    written = io.StringIO()
    lines = csv.writer(written, lineterminator="\n")
    lines.writerow(HEAD)
    for one in page.movements_between(begin, begin + timedelta(days=1)):
        if one.kind in ASIDE:
            continue
        lines.writerow(_line(one, one.id, _TYPES[one.kind], one.amount))
        if one.fee:
            lines.writerow(_line(one, f"{one.id}-fee", _FEE, -one.fee))
    name = f"coinbase-transactions-{day}.csv"
    return SettlementFile(name, "text/csv; charset=utf-8", written.getvalue())


def _line(one: Movement, id_: str, kind: str, minor: int) -> tuple[str, ...]:
    price = PRICES[one.asset]
    quantity = format_minor(minor, DECIMALS[one.asset])
    worth = str((abs(Decimal(quantity)) * price).quantize(_CENT))
    at = one.occurred_at.strftime("%Y-%m-%d %H:%M:%S UTC")
    notes = f"{one.payment} {one.key}".strip()
    return (id_, at, kind, one.asset, quantity, "USD", str(price), worth, worth, "0.00", notes)
