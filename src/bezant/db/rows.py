"""Rows become frozen dataclasses by column name; the way there is worked out once."""

from collections.abc import Callable, Sequence
from dataclasses import fields
from enum import StrEnum
from functools import lru_cache
from operator import itemgetter
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from psycopg import AsyncCursor
from psycopg.rows import AsyncRowFactory, no_result

Row = TypeVar("Row")
Maker = Callable[[Sequence[Any]], Row]


_factories: dict[type[Any], AsyncRowFactory[Any]] = {}


def row_factory(row_class: type[Row]) -> AsyncRowFactory[Row]:
    """Return the factory that makes rows of this class."""
    found = _factories.get(row_class)
    if found is None:
        found = _factories[row_class] = _factory(row_class)
    return found


def _factory(row_class: type[Row]) -> AsyncRowFactory[Row]:
    def factory(cursor: AsyncCursor[Any]) -> Maker[Row]:
        result = cursor.pgresult
        if result is None or not result.nfields:
            return no_result
        return _maker(row_class, tuple(result.fname(at) or b"" for at in range(result.nfields)))

    return factory


@lru_cache(maxsize=4096)
def _maker(row_class: type[Row], columns: tuple[bytes, ...]) -> Maker[Row]:
    names = [column.decode() for column in columns]
    wanted = [field.name for field in fields(row_class)]  # pyright: ignore[reportArgumentType]
    assert sorted(names) == sorted(wanted), f"{row_class.__name__} has {wanted}, the row {names}"
    hints = get_type_hints(row_class)
    casts = {at: cast for at, name in enumerate(wanted) if (cast := _cast(hints[name]))}
    places = [names.index(name) for name in wanted]
    if places == list(range(len(names))):
        arranged: Maker[Sequence[Any]] = _as_it_is
    else:
        arranged = itemgetter(*places)  # More than one column, or the order could not differ.
    if casts:
        return _casting(row_class, arranged, casts)
    if arranged is _as_it_is:
        return lambda values: row_class(*values)
    return lambda values: row_class(*arranged(values))


def _casting(
    row_class: type[Row], arranged: Maker[Sequence[Any]], casts: dict[int, Callable[[Any], Any]]
) -> Maker[Row]:
    def make(values: Sequence[Any]) -> Row:
        changed = list(arranged(values))
        for at, cast in casts.items():
            if changed[at] is not None:
                changed[at] = cast(changed[at])
        return row_class(*changed)

    return make


def _as_it_is(values: Sequence[Any]) -> Sequence[Any]:
    return values


def _cast(hint: Any) -> Callable[[Any], Any] | None:
    """Text becomes the enum a field asks for, an array the tuple; all else stays as it is."""
    if get_origin(hint) in (Union, UnionType):
        alternatives = [one for one in get_args(hint) if one is not NoneType]
        hint = alternatives[0] if len(alternatives) == 1 else None
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return hint
    return tuple if get_origin(hint) is tuple else None
