"""A receipt on paper: one page, a code that leads back to it, and the file itself inside."""

from typing import Final

import segno

from bezant.receipts.http.pdf import BOLD, GOLD, HEIGHT, MONO, SOFT, WIDTH, Sheet, writable
from bezant.receipts.http.wording import KEEP, wording
from bezant.receipts.port import ReceiptFile

LEFT: Final = 56
VALUES: Final = 200
LINE: Final = 15
BOTTOM: Final = 190
"""The code and what stands beside it begin here."""
DOT: Final = 3  # Points a module: a telephone reads it from paper at arm's length.
QUIET: Final = 4
COLUMNS: Final = 62
"""Letters that fit behind a label, in the widest of the letters one meets."""
BIG_MAX: Final = 24
"""Letters of an amount that fit across the page in large type; wei have more."""
ELSEWHERE: Final = "(see the file in this document)"


def paper(found: ReceiptFile, link: str) -> bytes:
    """Return a receipt as a PDF."""
    said = wording(found)
    sheet = Sheet(f"Receipt {found.id}")
    sheet.box(0, HEIGHT - 12, WIDTH, 12, GOLD)
    y = HEIGHT - 72
    sheet.text(LEFT, y, said.title, 18, BOLD)
    if said.amount:
        y -= 40
        told = f"{said.amount} {said.asset}"
        sheet.text(LEFT, y, told, 32 if len(told) <= BIG_MAX else 11, BOLD)
    y -= 24
    for note in (said.meaning, *said.notes, *(one.text for one in said.later)):
        y = _lines(sheet, LEFT, y, note, 88) if note else y
    y -= LINE
    for row in said.rows:
        if y < BOTTOM + LINE:
            break  # What does not fit is in the file, which is whole.
        sheet.text(LEFT, y, row.label, 10, color=SOFT)
        value = row.value if writable(row.value) else ELSEWHERE
        font, columns = (MONO, 56) if row.small else ("F1", COLUMNS)
        for part in _wrapped(value, columns):
            sheet.text(VALUES, y, part, 10, font)
            y -= LINE
        y -= 4
    # The code leads to every field, also to those that whoever gets this paper is not shown.
    _checking(sheet, said.verdict, said.evidence, "" if found.hidden else link)
    return sheet.finished(f"{found.id}.receipt.json", found.text.encode())


def _checking(sheet: Sheet, verdict: str, evidence: tuple[str, ...], link: str) -> None:
    """Write at the foot how to check it, beside a code that leads to its page, if there is one."""
    x = LEFT + _code(sheet, LEFT, link) + 20 if link else LEFT
    columns = (WIDTH - LEFT - x) // 5
    y = BOTTOM - 20
    sheet.text(x, y, verdict, 11, BOLD)
    y -= LINE
    for line in (*evidence, KEEP, "It is inside this document, for bezant-verify."):
        y = _lines(sheet, x, y, line, columns)


def _code(sheet: Sheet, x: int, link: str) -> int:
    """Draw the code of a link, and return how wide it is."""
    rows = segno.make(link, error="m", micro=False).matrix
    top = BOTTOM - DOT * QUIET
    for down, row in enumerate(rows):
        for across, dark in enumerate(row):
            if dark:
                sheet.box(x + DOT * across, top - DOT * (down + 1), DOT, DOT)
    return DOT * len(rows)


def _lines(sheet: Sheet, x: int, y: int, text: str, columns: int) -> int:
    for part in _wrapped(text, columns):
        sheet.text(x, y, part, 10, color=SOFT)
        y -= LINE
    return y


def _wrapped(text: str, columns: int) -> list[str]:
    """Break a text into lines, between words where there are any."""
    lines = [""]
    for word in text.split():
        rest = word
        if lines[-1] and len(lines[-1]) + 1 + len(word) > columns:
            lines.append("")
        while len(rest) > columns:
            lines[-1], rest = rest[:columns], rest[columns:]
            lines.append("")
        lines[-1] += f" {rest}" if lines[-1] else rest
    return lines
