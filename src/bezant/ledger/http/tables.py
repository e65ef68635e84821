"""Statements and reports as CSV (RFC 4180); every amount is a decimal text beside its asset."""

import csv
import io
from collections.abc import Iterable

from bezant.ledger.question import Report, Statement

MEDIA_TYPE = "text/csv; charset=utf-8; header=present"
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def report(found: Report) -> str:
    """Write a report."""
    head = (
        "account", "type", "owner", "asset", "opening", "debits", "credits", "closing", "transfers",
    )  # fmt: skip
    return _table(
        head,
        (
            (
                line.account, line.type.value, _plain(line.owner), line.opening.asset.code,
                line.opening.decimal(), line.debits.decimal(), line.credits.decimal(),
                line.closing.decimal(), str(line.transfers),
            )
            for line in found.lines
        ),
    )  # fmt: skip


def statement(found: Statement) -> str:
    """Write a page of a statement."""
    head = (
        "transfer", "kind", "side", "asset", "amount", "balance", "held", "recorded_at",
        "occurred_at", "reference", "reason",
    )  # fmt: skip
    return _table(
        head,
        (
            (
                line.transfer, line.kind.value, line.side.value, line.amount.asset.code,
                line.amount.decimal(), line.balance.decimal(), line.held.decimal(),
                line.recorded_at.isoformat(), line.occurred_at.isoformat(),
                _plain(line.reference), _plain(line.reason),
            )
            for line in found.lines
        ),
    )  # fmt: skip


def _table(head: tuple[str, ...], lines: Iterable[tuple[str, ...]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(head)
    writer.writerows(lines)
    return text.getvalue()


def _plain(text: str) -> str:
    """Keep a spreadsheet from running a text that looks like a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text
