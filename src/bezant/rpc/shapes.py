"""How one Python type looks on the wire: its protobuf type, and the way there and back.

    str, bool, int, bytes      as they are; an int has 64 bits
    Money                      message Money: whole minor units as text, of any size, no float
    Decimal, date, StrEnum     text; an enum value that this side does not know is refused
    datetime                   google.protobuf.Timestamp, exact to the microsecond
    tuple[X, ...]              repeated
    frozenset[X]               repeated, sorted
    Mapping[str, str]          map<string, string>
    tuple[tuple[str, str], …]  repeated string: name and value in turn, such as headers
    Mapping[str, object]       JSON text without floats
    Secret[str], Secret[bytes] what they hold: the line is encrypted, both ends are known
    X | None                   present or absent
    a frozen dataclass         a message

A float is refused when the port is read: it has lost cents before it could be sent.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, is_dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from types import NoneType, UnionType
from typing import Any, Final, NoReturn, TypeVar, Union, cast, get_args, get_origin

from bezant.errors import Invalid
from bezant.money import Asset, MalformedAmount, asset_of
from bezant.rpc.methods import NotOnTheWire
from bezant.secret import Secret

TIMESTAMP: Final = "google.protobuf.Timestamp"
DECIMAL_CHARACTERS_MAX = 100
JSON_DEPTH_MAX = 32

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_WHOLE = re.compile(r"-?[0-9]{1,39}\Z")
_DECIMAL = re.compile(r"-?[0-9]+(\.[0-9]+)?\Z")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")

Convert = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Shape:
    """A type on the wire. Without a converter the value travels as it is."""

    type: str
    """As in a .proto file: `string`, or the full name of a message."""
    encode: Convert | None = None
    decode: Convert | None = None
    repeated: bool = False
    map: bool = False
    message: bool = False
    nullable: bool = False
    note: str = ""
    """What the protobuf type does not say, for the reader of the .proto file."""

    @property
    def single(self) -> bool:
        """Tell whether there is exactly one of it: nothing repeated, no map, never absent."""
        return not (self.repeated or self.map or self.nullable)

    @property
    def signature(self) -> str:
        """Return what must never change under one field number."""
        if self.map:
            return "map<string, string>"
        return f"repeated {self.type}" if self.repeated else self.type


def shape_of(annotation: object, message: Callable[[type], Shape]) -> Shape:
    """Find the shape of a type; dataclasses are handed to `message`."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if isinstance(annotation, type) and origin is None:
        return _class(annotation, message)
    if origin in (Union, UnionType):
        return _optional(annotation, arguments, message)
    return _generic(annotation, origin, arguments, message)


def whole_number() -> Shape:
    """Return the shape of a whole number of any size: minor units of `Money`."""
    return Shape("string", str, _read_whole, note="a whole number")


def _generic(
    annotation: object,
    origin: object,
    arguments: tuple[Any, ...],
    message: Callable[[type], Shape],
) -> Shape:
    if annotation == tuple[tuple[str, str], ...]:
        return Shape("string", _write_pairs, _read_pairs, repeated=True, note="name, value, …")
    if origin is tuple and len(arguments) == 2 and arguments[1] is Ellipsis:
        return _repeated(shape_of(arguments[0], message), tuple, None)
    if origin is frozenset:
        return _repeated(shape_of(arguments[0], message), frozenset, sorted)
    if origin is Mapping and arguments == (str, str):
        return Shape("string", dict, dict, map=True)
    if origin is Mapping and arguments == (str, object):
        return Shape("string", write_json, read_json, note="JSON")
    if origin is Secret:
        return replace(_PLAIN[arguments[0]], encode=_reveal, decode=Secret)
    raise NotOnTheWire(f"{annotation} has no shape on the wire")


def _class(annotation: type[Any], message: Callable[[type], Shape]) -> Shape:
    if annotation is float or annotation is complex:
        raise NotOnTheWire("a float has already lost cents: use Money, Decimal or int")
    if annotation in _PLAIN:
        return _PLAIN[annotation]
    if issubclass(annotation, StrEnum):
        return _choice(annotation)
    if is_dataclass(annotation):
        return message(annotation)
    raise NotOnTheWire(f"{annotation.__name__} has no shape on the wire")


def _optional(
    annotation: object, arguments: tuple[object, ...], message: Callable[[type], Shape]
) -> Shape:
    present = [argument for argument in arguments if argument is not NoneType]
    if len(present) != 1 or len(arguments) != 2:
        raise NotOnTheWire(f"{annotation}: only `X | None` travels, no other union")
    shape = shape_of(present[0], message)
    if not shape.single:
        raise NotOnTheWire(f"{annotation}: on the wire an absent list is an empty one")
    return replace(shape, nullable=True)


def _repeated(inner: Shape, build: Convert, order: Convert | None) -> Shape:
    if not inner.single:
        raise NotOnTheWire("what is repeated is neither repeated itself, nor a map, nor absent")
    encode, decode = inner.encode, inner.decode

    def write(values: Any) -> list[Any]:
        items = order(values) if order else values
        return [encode(item) for item in items] if encode else list(items)

    def read(values: Any) -> Any:
        return build([decode(value) for value in values] if decode else values)

    return replace(inner, encode=write, decode=read, repeated=True)


Choice = TypeVar("Choice", bound=StrEnum)


def _choice(kind: type[Choice]) -> Shape:
    values: dict[str, Choice] = {member.value: member for member in kind}

    def read(text: str) -> Choice:
        value = values.get(text)
        return value if value is not None else _unknown()

    def _unknown() -> NoReturn:
        raise Invalid(f"known values are {', '.join(values)}")

    return Shape("string", decode=read, note=" | ".join(values))


def _write_pairs(pairs: tuple[tuple[str, str], ...]) -> list[str]:
    return [text for pair in pairs for text in pair]


def _read_pairs(texts: Any) -> tuple[tuple[str, str], ...]:
    flat = list(texts)
    if len(flat) % 2:
        raise Invalid("names and values come in pairs")
    return tuple(zip(flat[::2], flat[1::2], strict=True))


def _reveal(secret: Secret[str] | Secret[bytes]) -> str | bytes:
    return secret.reveal()


def _write_instant(value: datetime) -> dict[str, int]:
    if value.utcoffset() is None:
        raise Invalid("an instant says its offset from UTC")
    since = value - _EPOCH
    return {
        "seconds": since.days * 86_400 + since.seconds,
        "nanos": since.microseconds * 1_000,
    }


def _read_instant(wire: Any) -> datetime:
    microseconds, rest = divmod(wire.nanos, 1_000)
    if rest or not 0 <= microseconds < 1_000_000:
        raise Invalid("an instant is exact to the microsecond")
    try:
        return _EPOCH + timedelta(seconds=wire.seconds, microseconds=microseconds)
    except OverflowError:
        raise Invalid("an instant lies in the years 1 to 9999") from None


def _read_date(text: str) -> date:
    if not _DATE.match(text):
        raise Invalid("a day looks like 2026-02-28")
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Invalid("there is no such day") from None


def _write_decimal(value: Decimal) -> str:
    if not isinstance(cast("object", value), Decimal) or not value.is_finite():
        raise Invalid("a rate or factor is a finite Decimal, never a float")
    if abs(value.adjusted()) + len(value.as_tuple().digits) > DECIMAL_CHARACTERS_MAX:
        raise Invalid(f"a decimal has at most {DECIMAL_CHARACTERS_MAX} characters")
    return format(value, "f")


def _read_decimal(text: str) -> Decimal:
    if len(text) > 2 * DECIMAL_CHARACTERS_MAX or not _DECIMAL.match(text):
        raise Invalid('a decimal looks like "1.0825"')
    return Decimal(text)


def _read_whole(text: str) -> int:
    if not _WHOLE.match(text):
        raise MalformedAmount("an amount is a whole number of minor units, as text")
    return int(text)


def write_json(value: Mapping[str, object]) -> str:
    """Write a JSON object; floats and what JSON has no word for are refused."""
    return json.dumps(_plain(value, JSON_DEPTH_MAX), ensure_ascii=False, separators=(",", ":"))


def read_json(text: str) -> Mapping[str, object]:
    """Read a JSON object; floats are refused."""
    try:
        value = json.loads(text, parse_float=_no_float, parse_constant=_no_float)
    except (ValueError, RecursionError):
        raise Invalid("this is not JSON") from None
    if not isinstance(value, dict):
        raise Invalid("this is not a JSON object")
    return cast("dict[str, object]", value)


def _plain(value: object, depth: int) -> object:
    if depth == 0:
        raise Invalid(f"JSON here is at most {JSON_DEPTH_MAX} levels deep")
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, Mapping):
        items = cast("Mapping[str, object]", value).items()
        return {str(key): _plain(item, depth - 1) for key, item in items}
    if isinstance(value, tuple | list):
        return [_plain(item, depth - 1) for item in cast("tuple[object, ...]", value)]
    return _no_float(value)


def _no_float(_: object) -> NoReturn:
    raise Invalid("JSON here holds text, whole numbers, true, false and null; never a float")


_PLAIN: Mapping[type, Shape] = {
    str: Shape("string"),
    bool: Shape("bool"),
    int: Shape("int64"),
    bytes: Shape("bytes"),
    datetime: Shape(TIMESTAMP, _write_instant, _read_instant, message=True),
    date: Shape("string", date.isoformat, _read_date, note="a day, such as 2026-02-28"),
    Decimal: Shape("string", _write_decimal, _read_decimal, note="a decimal number"),
    Asset: Shape("string", str, asset_of, note="an asset's code"),
}
