"""Reading what a provider wrote as JSON: strictly, and never through a float.

A name that stands twice in an object is refused: two readers would believe two different things.
Numbers with a point become `Decimal`. What is absent or of another type reads as empty, so a
connector asks for what it needs and treats emptiness as "the answer does not tell".
"""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Final, NoReturn, cast

BYTES_MAX: Final = (
    1_048_576  # No answer or event of a provider comes near; settlement files differ.
)
DEPTH_MAX: Final = 40
NUMBER_CHARACTERS_MAX: Final = 60


class NotReadable(Exception):
    """This is not the document it should be."""


class Document:
    """One JSON object. Paths are names, one inside the other."""

    __slots__ = ("_fields",)

    def __init__(self, fields: Mapping[str, object]) -> None:
        self._fields = fields

    def __bool__(self) -> bool:
        return bool(self._fields)

    @property
    def fields(self) -> Mapping[str, object]:
        """Return everything that stands in it."""
        return self._fields

    def text(self, *path: str) -> str:
        """Return a text, empty if there is none."""
        found = self._find(path)
        return found if isinstance(found, str) else ""

    def whole(self, *path: str) -> int | None:
        """Return a whole number, or nothing."""
        found = self._find(path)
        return found if isinstance(found, int) and not isinstance(found, bool) else None

    def is_true(self, *path: str) -> bool:
        """Tell whether it says `true`."""
        return self._find(path) is True

    def has(self, *path: str) -> bool:
        """Tell whether something other than `null` stands there."""
        return self._find(path) is not None

    def inner(self, *path: str) -> "Document":
        """Return an object, empty if there is none."""
        found = self._find(path)
        return Document(cast("dict[str, object]", found) if isinstance(found, dict) else {})

    def each(self, *path: str) -> "list[Document]":
        """Return the objects of a list; what is no object is left out."""
        found = self._find(path)
        rows = cast("list[object]", found) if isinstance(found, list) else []
        return [Document(cast("dict[str, object]", row)) for row in rows if isinstance(row, dict)]

    def _find(self, path: tuple[str, ...]) -> object:
        found = cast("object", self._fields)
        for name in path:
            if not isinstance(found, dict):
                return None
            found = cast("dict[str, object]", found).get(name)
        return found


def read_json(body: bytes) -> Document:
    """Read one JSON object, or raise NotReadable."""
    if len(body) > BYTES_MAX:
        raise NotReadable("too long")
    try:
        found = cast("object", _DECODER.decode(body.decode("utf-8")))
    except (ValueError, RecursionError) as mistake:
        raise NotReadable("not JSON as we read it") from mistake
    if not isinstance(found, dict) or _depth(cast("object", found)) > DEPTH_MAX:
        raise NotReadable("not one object")
    return Document(cast("dict[str, object]", found))


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a name stands twice")
    return made


def _whole(digits: str) -> int:
    if len(digits) > NUMBER_CHARACTERS_MAX:
        raise ValueError("a number that long is no amount")
    return int(digits)


def _exact(digits: str) -> Decimal:
    if len(digits) > NUMBER_CHARACTERS_MAX:
        raise ValueError("a number that long is no amount")
    return Decimal(digits)


def _never(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def _depth(value: object, so_far: int = 1) -> int:
    if so_far > DEPTH_MAX:
        return so_far
    if isinstance(value, dict):
        values: list[object] = list(cast("dict[str, object]", value).values())
    elif isinstance(value, list):
        values = cast("list[object]", value)
    else:
        return so_far
    return max((_depth(one, so_far + 1) for one in values), default=so_far)


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_once, parse_float=_exact, parse_int=_whole, parse_constant=_never
)
