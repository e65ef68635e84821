"""What the acquirer "card" keeps of a payment, and its report about a day."""

import csv
import io
from datetime import UTC, date, datetime, timedelta
from typing import Final

from bezant.sandbox.book import Page
from bezant.sandbox.emulator import SettlementFile
from bezant.sandbox.movement import ASIDE

DISPUTE_FEE: Final = 1_500
FIXED_FEE: Final = 10
HEAD: Final = (
    "type",
    "id",
    "authorisation",
    "key",
    "asset",
    "gross",
    "fee",
    "net",
    "occurred_at",
)


def fee_of(amount: int) -> int:
    """Return 1.2 percent and ten, rounded half up, never more than the amount."""
    return min(amount, (amount * 12 + 500) // 1_000 + FIXED_FEE)


def report(page: Page, day: date) -> SettlementFile:
    """Return one line for every movement of the day, and one with the sum of each asset."""
    begin = datetime(day.year, day.month, day.day, tzinfo=UTC)
    moved = page.movements_between(begin, begin + timedelta(days=1))
    written = io.StringIO()
    lines = csv.writer(written, lineterminator="\n")
    lines.writerow(HEAD)
    totals: dict[str, tuple[int, int]] = {}
    for one in moved:
        if one.kind in ASIDE:
            continue
        at = one.occurred_at.isoformat().replace("+00:00", "Z")
        row = (one.kind, one.id, one.payment, one.key, one.asset, one.amount, one.fee, one.net, at)
        lines.writerow(row)
        gross, fee = totals.get(one.asset, (0, 0))
        totals[one.asset] = gross + one.amount, fee + one.fee
    for asset, (gross, fee) in sorted(totals.items()):
        lines.writerow(("total", "", "", "", asset, gross, fee, gross - fee, ""))
    return SettlementFile(f"card-settlement-{day}.csv", "text/csv", written.getvalue())
