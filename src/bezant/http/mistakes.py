"""What is wrong with a body or parameter, in our own words.

The words of the decoding libraries are not passed on: they repeat the value, or the unknown key,
that they refuse.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import ClassVar, cast

import msgspec

from bezant.errors import Invalid, SeveralInvalid, every_error
from bezant.http.bodies import MalformedJson
from bezant.money import MalformedAmount

MISTAKES_MAX = 20  # More than that helps nobody to repair a request.
_AMOUNT_WORDS = 'write the amount as text in quotes, such as "19.99"'
ELSEWHERE = "…"
"""Stands in a field's path for a name that is the caller's own, such as a metadata key."""


class FieldMissing(Invalid):
    """This field is required."""

    code = "field_missing"


class FieldUnknown(Invalid):
    """There is a field here that is not known."""

    code = "field_unknown"


class FieldInvalid(Invalid):
    """This value is not of the kind that belongs here."""

    code = "field_invalid"


class _Wording:
    """The words for a library's messages that say what was expected and nothing of what came."""

    expected: ClassVar = re.compile(r"Expected `([a-z| `]+)`, got `([a-z]+)`")
    missing: ClassVar = re.compile(r"Object missing required field `([^`]+)`")
    bound: ClassVar = re.compile(
        r"Expected `(?:str|int|float|array|object|bytes)` (?:of length )?(?:>=|<=|>|<|matching).*"
    )
    path: ClassVar = re.compile(r" - at `(?:key in )?\$([^`]*)`\Z")


_PLAIN_TYPES: Mapping[str, str] = {
    "str": "text in quotes",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "array": "a list",
    "object": "an object",
    "null": "null",
}

_PYDANTIC_WORDS: Mapping[str, str] = {
    "string_type": "expected text in quotes",
    "string_too_short": "this text is too short",
    "string_too_long": "this text is too long",
    "string_pattern_mismatch": "this text does not have the form that belongs here",
    "string_unicode": "this text has characters that cannot be stored",
    "int_type": "expected a whole number",
    "int_parsing": "expected a whole number",
    "int_parsing_size": "this number is too large",
    "int_from_float": "expected a whole number",
    "float_type": "expected a number",
    "float_parsing": "expected a number",
    "bool_type": "expected true or false",
    "bool_parsing": "expected true or false",
    "list_type": "expected a list",
    "tuple_type": "expected a list",
    "dict_type": "expected an object",
    "model_type": "expected an object",
    "model_attributes_type": "expected an object",
    "too_short": "there are too few items here",
    "too_long": "there are too many items here",
    "greater_than": "this number is too small",
    "greater_than_equal": "this number is too small",
    "less_than": "this number is too large",
    "less_than_equal": "this number is too large",
    "enum": "this is not one of the known values",
    "literal_error": "this is not one of the known values",
    "uuid_parsing": "this is not a UUID",
    "uuid_type": "this is not a UUID",
}
_PYDANTIC_FAMILIES: Mapping[str, str] = {
    "datetime_": "expected an instant such as 2026-11-20T10:00:00Z",
    "timezone_": "expected an instant such as 2026-11-20T10:00:00Z",
    "date_": "expected a day such as 2026-11-20",
    "decimal_": "expected a decimal number in quotes",
}


def of_msgspec(error: msgspec.MsgspecError) -> Invalid:
    """Tell what msgspec refused."""
    if not isinstance(error, msgspec.ValidationError):
        return MalformedJson()
    message = str(error)
    found = _Wording.path.search(message)
    field = _field_of_path(found[1]) if found else None
    missing = _Wording.missing.match(message)
    if missing:
        return FieldMissing(field=f"{field}.{missing[1]}" if field else missing[1])
    if message.startswith("Object contains unknown field"):
        return FieldUnknown(field=field)
    expected = _Wording.expected.match(message)
    if expected and expected[2] in ("int", "float") and (field or "").endswith("amount"):
        return MalformedAmount(_AMOUNT_WORDS, field=field)
    return FieldInvalid(_words_for(message, expected), field=field)


def _words_for(message: str, expected: re.Match[str] | None) -> str:
    if expected:
        kinds = [
            _PLAIN_TYPES.get(kind.strip("` "), "another kind") for kind in expected[1].split("|")
        ]
        return f"expected {' or '.join(kinds)}"
    if _Wording.bound.match(message):
        return "this is shorter, longer, smaller or larger than may be here"
    if message.startswith("Invalid enum value"):
        return "this is not one of the known values"
    return ""


def of_pydantic(errors: Sequence[Mapping[str, object]], known_names: Collection[str]) -> Invalid:
    """Tell what pydantic refused; a name in a path is told only if it is one of ours."""
    mistakes = [_of_one(error, known_names) for error in errors[:MISTAKES_MAX]]
    return mistakes[0] if len(mistakes) == 1 else SeveralInvalid(mistakes)


def _of_one(error: Mapping[str, object], known_names: Collection[str]) -> Invalid:
    kind = str(error["type"])
    place = cast("tuple[str | int, ...]", error["loc"])
    if kind == "json_invalid":
        return MalformedJson()
    if kind == "extra_forbidden":
        return FieldUnknown(field=_field_of_place(place[:-1], known_names))
    field = _field_of_place(place, known_names)
    if kind == "missing":
        return FieldMissing(field=field)
    ours = _by_code().get(kind)
    if ours is not None:
        # Raised by our own types (see amounts.py), whose sentences repeat nothing.
        return ours(str(error["msg"]), field=field)
    words = _PYDANTIC_WORDS.get(kind)
    if words is None:
        words = next(
            (say for head, say in _PYDANTIC_FAMILIES.items() if kind.startswith(head)), None
        )
    return FieldInvalid(words or "", field=field)


def _field_of_path(path: str) -> str | None:
    """Turn `.legs[0].amount` into `legs[0].amount`, and `[...]`, msgspec's own mask, into ours."""
    return path.replace("[...]", f".{ELSEWHERE}").lstrip(".") or None


def _field_of_place(place: Sequence[str | int], known_names: Collection[str]) -> str | None:
    path = ""
    for step in place[1:] if place and place[0] in _SOURCES else place:
        if isinstance(step, int):  # Some lists in a query are themselves called `name[]`.
            path = f"{path.removesuffix('[]')}[{step}]"
        else:
            path += f".{step if step in known_names else ELSEWHERE}"
    return path.lstrip(".") or None


_SOURCES = frozenset({"body", "query", "path", "header", "cookie"})


def _by_code() -> Mapping[str, type[Invalid]]:
    return {
        error.code: error for error in _children(Invalid) if error not in (Invalid, SeveralInvalid)
    }


def _children(kind: type[Invalid]) -> Sequence[type[Invalid]]:
    return [found for found in every_error(kind) if issubclass(found, Invalid)]
