"""Reading settlement files that are tables (CSV): by the names of their columns, line by line."""

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from bezant.money import DIGITS_MAX, EXPONENT_MAX, Money
from bezant.psp.amounts import MajorUnits, MinorUnits
from bezant.psp.port import MalformedSettlement

BYTES_MAX: Final = 64 * 1_048_576
LINES_MAX: Final = 1_000_000
_UNITS: Final = MajorUnits({}, EXPONENT_MAX)
_OURS: Final = MinorUnits({}, {})
_ZONE: Final = re.compile(r" ([+-]\d{4})\Z", re.ASCII)


class Line:
    """One line of a table; what is wrong with it is told with its number, never with its text."""

    def __init__(self, number: int, cells: Mapping[str, str]) -> None:
        self.number = number
        self._cells = cells

    def text(self, name: str) -> str:
        """Return a cell, empty if there is none."""
        return self._cells.get(name, "").strip()

    def money(self, name: str, currency: str) -> Money:
        """Return an amount in major units."""
        text = self.text(name).replace(",", "").removeprefix("+")
        amount = _UNITS.read(text or "0", currency)
        if amount is None:
            raise self.wrong(f"{name} is no amount of a known asset")
        return amount

    def counted(self, name: str, currency: str, units: MinorUnits = _OURS) -> Money:
        """Return an amount in whole minor units; nothing reads as zero."""
        text = self.text(name) or "0"
        digits = text.removeprefix("-")
        whole = digits.isascii() and digits.isdecimal() and len(digits) <= DIGITS_MAX
        amount = units.read(int(text), currency) if whole else None
        if amount is None:
            raise self.wrong(f"{name} is no amount of a known asset")
        return amount

    def at(self, name: str) -> datetime:
        """Return an instant; one without a zone is in UTC."""
        text = self.text(name).replace("/", "-").replace(" UTC", "+00:00")
        try:
            read = datetime.fromisoformat(_ZONE.sub(r"\1", text))
        except ValueError:
            raise self.wrong(f"{name} is no time") from None
        return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)

    def wrong(self, what: str) -> MalformedSettlement:
        """Return the error that names this line."""
        return MalformedSettlement(f"line {self.number}: {what}", facts={"line": str(self.number)})


def lines(file: bytes, needed: Sequence[str]) -> Iterator[Line]:
    """Yield the lines below the header; the needed columns must be there."""
    names: list[str] = []
    for number, row in _rows(file):
        if not names:
            names = _header(number, row, needed)
        else:
            yield _line(number, names, row)
    if not names:
        raise MalformedSettlement("the file is empty")


def marked_lines(file: bytes, needed: Sequence[str], header: str, body: str) -> Iterator[Line]:
    """Yield the lines that begin with the mark `body`, named by the last line marked `header`."""
    names: list[str] = []
    for number, row in _rows(file):
        if row[0] == header:
            names = _header(number, row, needed)
        elif row[0] == body:
            if not names:
                raise MalformedSettlement(f"line {number}: its columns were not named before")
            yield _line(number, names, row)
    if not names:
        raise MalformedSettlement("the file names no columns")


def _rows(file: bytes) -> Iterator[tuple[int, list[str]]]:
    if len(file) > BYTES_MAX:
        raise MalformedSettlement("the file is too large")
    try:
        text = file.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise MalformedSettlement("the file is not UTF-8") from None
    rows = csv.reader(text.splitlines(), strict=True)
    try:
        for row in rows:
            if rows.line_num > LINES_MAX:
                raise MalformedSettlement(f"the file has more than {LINES_MAX} lines")
            if row:
                yield rows.line_num, row
    except csv.Error:
        raise MalformedSettlement(f"line {rows.line_num}: not a table") from None


def _header(number: int, row: list[str], needed: Sequence[str]) -> list[str]:
    names = [name.strip() for name in row]
    missing = [name for name in needed if name not in names]
    if missing:
        raise MalformedSettlement(f"line {number}: the column {missing[0]} is missing")
    if len(set(names)) != len(names):
        raise MalformedSettlement(f"line {number}: a column stands twice")
    return names


def _line(number: int, names: list[str], row: list[str]) -> Line:
    line = Line(number, dict(zip(names, row, strict=False)))
    if len(row) != len(names):
        raise line.wrong(f"{len(row)} cells instead of {len(names)}")
    return line
