"""Reading Coinbase's report of transactions (CSV).

A fee has a line of its own. What a line belongs to is told in its notes, by the id of the checkout
or charge, if at all.
"""

import re
from collections.abc import Sequence
from typing import Final

from bezant.psp import table
from bezant.psp.port import SettlementLine

_NEEDED: Final = ("ID", "Timestamp", "Transaction Type", "Asset", "Quantity Transacted")
_BACK: Final = "Send Reversal"
_KINDS: Final = {
    "Receive": "charge",
    "Send": "refund",
    _BACK: "refund",
    "Withdrawal": "payout",
    "Fee": "fee",
}
_FEES: Final = "Fees and/or Spread"
_ID: Final = re.compile(r"[0-9a-f]{24}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def read(file: bytes) -> Sequence[SettlementLine]:
    """Read every transaction, or raise MalformedSettlement with the first line that is wrong."""
    return [_line(line) for line in table.lines(file, _NEEDED)]


def _line(line: table.Line) -> SettlementLine:
    asset = line.text("Asset")
    kind = _KINDS.get(line.text("Transaction Type"))
    if kind is None:
        raise line.wrong("Transaction Type is none of the known ones")
    about = _ID.search(line.text("Notes"))
    name = line.text("ID")
    return SettlementLine(
        kind=kind,
        reference=about[0] if about else "",
        attempt="",
        gross=line.money("Quantity Transacted", asset),
        fee=line.money(_FEES, asset),
        occurred_at=line.at("Timestamp"),
        # What comes back has the name of what was sent, and is a movement of its own.
        id=f"{name}/back" if line.text("Transaction Type") == _BACK else name,
        part=name if kind == "refund" else "",
    )
