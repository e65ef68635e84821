"""Whether an answer is what the description of its operation says (OpenAPI 3.1, JSON Schema)."""

import json
import re
from collections.abc import Iterator
from typing import Any

from tests.identity.edge.whole import Json, Told

from bezant.http.entries import Entry

_TYPES: dict[str, type | tuple[type, ...]] = {
    "object": dict, "array": list, "string": str, "boolean": bool, "null": type(None),
    "integer": int, "number": (int, float),
}  # fmt: skip


def mismatch(described: Json, entry: Entry, told: Told) -> str:
    """Return in what an answer is not as described; what is not described is no API."""
    operation = described["paths"].get(entry.path, {}).get(entry.method.lower())
    if operation is None:
        return ""
    answers: Json = operation["responses"]
    spec = answers.get(str(told.status)) or (answers.get("default") if told.status >= 400 else None)
    if spec is None:
        return f"{told.status} is not described, only {sorted(answers)}"
    content: Json = spec.get("content", {})
    if not told.text:
        return "" if told.status in (204, 301, 303, 304) or not content else "is empty"
    kind = told.headers.get(b"content-type", b"").partition(b";")[0].decode()
    if kind not in content:
        return f"{kind} is not described for {told.status}, only {sorted(content)}"
    if not kind.endswith("json"):
        return ""
    schema: Json = content[kind].get("schema", {})
    return next(wrong(described, schema, json.loads(told.text), "$"), "")


def wrong(described: Json, schema: Json, value: Any, at: str) -> Iterator[str]:
    """Yield where a value does not fit its schema."""
    schema = _resolved(described, schema)
    yield from _choices(described, schema, value, at)
    if "enum" in schema and value not in schema["enum"]:
        yield f"{at} is {value!r}, not one of {schema['enum']}"
    if "const" in schema and value != schema["const"]:
        yield f"{at} is {value!r}, not {schema['const']!r}"
    named = schema.get("type")
    kinds: list[str] = [named] if isinstance(named, str) else list(named or ())
    if kinds and not any(_is(value, kind) for kind in kinds):
        yield f"{at} is {type(value).__name__}, not {kinds}"
    elif isinstance(value, dict):
        yield from _members(described, schema, value, at)
    elif isinstance(value, list):
        for number, one in enumerate(value):
            yield from wrong(described, schema.get("items", {}), one, f"{at}[{number}]")
    elif isinstance(value, str) and not re.search(schema.get("pattern", ""), value):
        yield f"{at} does not match {schema['pattern']}"


def _resolved(described: Json, schema: Json) -> Json:
    while "$ref" in schema:
        found: Json = described
        for part in schema["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        schema = found
    return schema


def _choices(described: Json, schema: Json, value: Any, at: str) -> Iterator[str]:
    for one in schema.get("allOf", ()):
        yield from wrong(described, one, value, at)
    for choice in ("anyOf", "oneOf"):
        tried = [next(wrong(described, one, value, at), "") for one in schema.get(choice, ())]
        if tried and all(tried):
            yield f"{at} fits none: {tried}"


def _members(described: Json, schema: Json, value: Json, at: str) -> Iterator[str]:
    known: Json = schema.get("properties", {})
    yield from (f"{at} lacks {name}" for name in schema.get("required", ()) if name not in value)
    further = schema.get("additionalProperties", not known)
    for name, one in value.items():
        if name in known:
            yield from wrong(described, known[name], one, f"{at}.{name}")
        elif isinstance(further, dict):
            yield from wrong(described, further, one, f"{at}.{name}")
        elif not further:
            yield f"{at}.{name} is not described"


def _is(value: object, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    return isinstance(value, _TYPES[kind])
