"""Reading Stripe's itemised balance report (`balance_change_from_activity.itemized`, CSV).

https://docs.stripe.com/reports/report-types: amounts are decimals in major units, `gross` is
positive towards us, `fee` positive when Stripe keeps it, times are in UTC.
"""

from collections.abc import Sequence
from typing import Final

from bezant.psp import table
from bezant.psp.port import SettlementLine

_NEEDED: Final = ("balance_transaction_id", "currency", "gross", "fee", "reporting_category")
# Stripe's reporting categories, and what they are to a book. Others are fees or corrections of its
# own: they change the balance, so they are told as `fee`.
_KINDS: Final = {
    "charge": "charge",
    "charge_failure": "charge",
    "refund": "refund",
    "partial_capture_reversal": "refund",
    "refund_failure": "refund",
    "dispute": "dispute",
    "dispute_reversal": "dispute_reversal",
    "payout": "payout",
    "payout_reversal": "payout",
}

_PARTS: Final = frozenset({"refund", "dispute", "dispute_reversal"})


def read(file: bytes) -> Sequence[SettlementLine]:
    """Read every line, or raise MalformedSettlement with the first that is wrong."""
    return [_line(line) for line in table.lines(file, _NEEDED)]


def _line(line: table.Line) -> SettlementLine:
    currency = line.text("currency")
    kind = _KINDS.get(line.text("reporting_category"), "fee")
    created = "created_utc" if line.text("created_utc") else "created"
    source = line.text("source_id")
    reference = line.text("payment_intent_id") or source
    return SettlementLine(
        kind=kind,
        reference=reference,
        attempt=line.text("payment_metadata[attempt]") or line.text("refund_metadata[attempt]"),
        gross=line.money("gross", currency),
        fee=line.money("fee", currency),
        occurred_at=line.at(created),
        payout=line.text("automatic_payout_id"),
        id=line.text("balance_transaction_id"),
        part=source if kind in _PARTS else "",
    )
