"""Columns of a batch as PostgreSQL's array text: one join each, where the driver would convert
element by element.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID


def numbers(values: Iterable[int | str | None]) -> str:
    """Write an array of numbers, or of texts made of digits and letters only."""
    return "{" + ",".join(["NULL" if value is None else str(value) for value in values]) + "}"


def uuids(values: Iterable[UUID | None]) -> str:
    """Write an array of uuids."""
    return "{" + ",".join(["NULL" if value is None else value.hex for value in values]) + "}"


def flags(values: Iterable[bool]) -> str:
    """Write an array of booleans."""
    return "{" + ",".join(["t" if value else "f" for value in values]) + "}"


def texts(values: Sequence[str]) -> str:
    """Write an array of texts."""
    if not values:
        return "{}"
    # All at once where that is safe: no text PostgreSQL takes has a NUL, so it parts them.
    joined = "\0".join(values)
    if joined.count("\0") != len(values) - 1:
        return "{" + ",".join([_quoted(value) for value in values]) + "}"
    if "\\" in joined or '"' in joined:
        joined = joined.replace("\\", "\\\\").replace('"', '\\"')
    return '{"' + joined.replace("\0", '","') + '"}'


def texts_if_any(values: Sequence[str | None]) -> str:
    """Write an array of texts; an empty one is absent."""
    if not any(values):
        return "{" + ",".join(["NULL"] * len(values)) + "}"
    return "{" + ",".join([_quoted(value) if value else "NULL" for value in values]) + "}"


def binaries(values: Iterable[bytes | None]) -> str:
    """Write an array of bytes."""
    return (
        "{"
        + ",".join(["NULL" if value is None else f'"\\\\x{value.hex()}"' for value in values])
        + "}"
    )


def instants(values: Iterable[datetime | None]) -> str:
    """Write an array of instants."""
    return (
        "{"
        + ",".join(["NULL" if value is None else f'"{value.isoformat()}"' for value in values])
        + "}"
    )


def _quoted(value: str) -> str:
    if "\\" in value or '"' in value:
        value = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{value}"'
