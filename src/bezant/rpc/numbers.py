"""Field numbers, recorded once and kept for ever.

A field's number is what it is on the wire, so it never depends on the order of a class's fields: it
is recorded in `numbers/<proto>.json` beside this file when `make proto` first sees the field. A
field that goes away keeps its line, and the .proto text calls its number reserved. A field that
nobody recorded yet takes the next free number, so a new field works at once; the test that compares
`proto/` asks for the record.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

RECORD: Final = Path(__file__).parent / "numbers"

Lines = Mapping[str, Mapping[str, str]]
"""By full name of a message: field name to `number signature`, such as `3 bezant.Money`."""


class NumberChanged(ValueError):
    """A recorded field would mean something else: give the new meaning a new name."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """The recorded numbers of one .proto file."""

    lines: Lines

    def of(self, message: str, wanted: Mapping[str, str]) -> dict[str, int]:
        """Number a message's fields: as recorded, and others from the next free number on."""
        known = self.lines.get(message, {})
        numbers = {name: int(line.partition(" ")[0]) for name, line in known.items()}
        free = max(numbers.values(), default=0) + 1
        for name in wanted:
            if name not in numbers:
                numbers[name] = free
                free += 1
        return {name: numbers[name] for name in wanted}

    def gone(self, message: str, present: Mapping[str, str]) -> dict[str, int]:
        """Return the recorded fields that are gone, with the numbers nobody may use again."""
        return {
            name: int(line.partition(" ")[0])
            for name, line in self.lines.get(message, {}).items()
            if name not in present
        }

    def with_message(self, message: str, wanted: Mapping[str, str]) -> "Numbers":
        """Record a message's new fields; refuse a recorded one whose type changed."""
        known = dict(self.lines.get(message, {}))
        for name, number in self.of(message, wanted).items():
            line = f"{number} {wanted[name]}"
            if known.setdefault(name, line) != line:
                raise NumberChanged(f"{message}.{name} was `{known[name]}` and would be `{line}`")
        return Numbers({**self.lines, message: known})

    def with_call(self, service: str, method: str, signature: str) -> "Numbers":
        """Record what a method takes and answers; refuse a change."""
        known = dict(self.lines.get(service, {}))
        if known.setdefault(method, signature) != signature:
            raise NumberChanged(f"{service}.{method} was `{known[method]}`, now `{signature}`")
        return Numbers({**self.lines, service: known})

    def text(self) -> str:
        """Return the record as it is kept in its file."""
        ordered = {message: self.lines[message] for message in sorted(self.lines)}
        return json.dumps(ordered, indent=1) + "\n"


def load(proto: str, folder: Path = RECORD) -> Numbers:
    """Read the record of one .proto file; a module without one starts from nothing."""
    path = folder / f"{proto}.json"
    return Numbers(json.loads(path.read_text()) if path.exists() else {})


@cache
def recorded(proto: str) -> Numbers:
    """Return the record that came with this code."""
    return load(proto)
