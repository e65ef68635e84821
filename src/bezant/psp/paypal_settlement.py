"""Reading PayPal's settlement report (CSV, version 10 and later).

https://developer.paypal.com/docs/reports/sftp-reports/settlement-report: lines are marked, `CH`
names the columns and `SB` is a transaction. Amounts are unsigned whole minor units, their
direction stands beside them.
"""

from collections.abc import Sequence
from typing import Final

from bezant.money import Money
from bezant.psp import table
from bezant.psp.amounts import MinorUnits
from bezant.psp.port import SettlementLine

_NEEDED: Final = (
    "Transaction ID",
    "Transaction Event Code",
    "Transaction Completion Date",
    "Transaction Debit or Credit",
    "Gross Transaction Amount",
    "Gross Transaction Currency",
    "Fee Debit or Credit",
    "Fee Amount",
)
_UNITS: Final = MinorUnits({"HUF": 0, "TWD": 0}, {})
# By the event's code, the longest beginning first.
_KINDS: Final = (
    ("T1107", "refund"),
    ("T1100", "refund"),
    ("T1106", "refund"),
    ("T1110", "dispute"),
    ("T1111", "dispute_reversal"),
    ("T1201", "dispute"),
    ("T1202", "dispute_reversal"),
    ("T00", "charge"),
    ("T03", "charge"),
    ("T04", "payout"),
)

_OF: Final = "PayPal Reference ID"
_OF_KIND: Final = "PayPal Reference ID Type"
_TURNED: Final = frozenset({"T1100", "T1111", "T1202"})
"""What takes another movement back, perhaps under its name: it is a movement of its own."""


def read(file: bytes) -> Sequence[SettlementLine]:
    """Read every transaction, or raise MalformedSettlement with the first line that is wrong."""
    return [_line(line) for line in table.marked_lines(file, _NEEDED, "CH", "SB")]


def _line(line: table.Line) -> SettlementLine:
    code = line.text("Transaction Event Code")
    if len(code) != 5 or not code.startswith("T"):
        raise line.wrong("Transaction Event Code is none")
    kind = next((kind for begin, kind in _KINDS if code.startswith(begin)), "fee")
    name = line.text("Transaction ID")
    currency = line.text("Gross Transaction Currency")
    fee_currency = line.text("Fee Currency") or currency
    fee = _directed(line, "Fee Amount", "Fee Debit or Credit", fee_currency)
    return SettlementLine(
        kind=kind,
        # What gives money back names what it is of.
        reference=(line.text(_OF) if line.text(_OF_KIND) == "TXN" else "") or name,
        attempt=line.text("Invoice ID") or line.text("Custom Field"),
        gross=_directed(line, "Gross Transaction Amount", "Transaction Debit or Credit", currency),
        fee=-fee,
        occurred_at=line.at("Transaction Completion Date"),
        id=f"{name}/{code}" if code in _TURNED else name,
        part=name if kind == "refund" else "",
    )


def _directed(line: table.Line, amount: str, direction: str, currency: str) -> Money:
    counted = line.counted(amount, currency, _UNITS)
    match line.text(direction):
        case "CR":
            return counted
        case "DR":
            return -counted
        case "" if not counted:
            return counted
        case _:
            raise line.wrong(f"{direction} is neither CR nor DR")
