"""The OpenAPI 3.1 description of a listener: the routes of both lanes in one document."""

import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import cast

import msgspec
from fastapi.openapi.utils import get_openapi

import bezant
from bezant.http.fast import FastRoute
from bezant.http.idempotency import Idempotency
from bezant.http.problems import Problem
from bezant.http.routes import PUBLIC, OrdinaryRoute, Routes

Node = dict[str, object]
ABOUT = """\
Send your key in `x-api-key`, or a token as `Authorization: Bearer`.

An amount is `{"amount": "19.99", "asset": "EUR"}`: a decimal in major units, in quotes. A JSON \
number is refused, because it may have lost a cent on its way.

Where an `Idempotency-Key` is asked for, the same key and the same request have one effect, \
however often they are sent; a repeated answer says `Idempotent-Replayed: true`.

Every error is `application/problem+json` with a `code` that keeps its meaning; all of them are \
listed at `/errors`. Quote the `request_id` when you ask us about one.
"""
_REFERENCE = "#/components/schemas/{name}"
_FRAMEWORKS_OWN = ("HTTPValidationError", "ValidationError")
_UNWRITABLE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
_SECURITY: Node = {
    "apiKey": {"type": "apiKey", "in": "header", "name": "x-api-key"},
    "bearer": {"type": "http", "scheme": "bearer"},
}


def describe(title: str, routes: Sequence[Routes]) -> Node:
    """Return the description of these routes."""
    ordinary = [route for one in routes for route in one.ordinary]
    document = cast(
        "Node",
        get_openapi(
            title=title,
            version=bezant.__version__,
            description=ABOUT,
            openapi_version="3.1.0",
            routes=[route.route for route in ordinary],
        ),
    )
    paths = cast("dict[str, dict[str, Node]]", document.setdefault("paths", {}))
    components = cast("Node", document.setdefault("components", {}))
    schemas = cast("dict[str, object]", components.setdefault("schemas", {}))
    for name in _FRAMEWORKS_OWN:
        schemas.pop(name, None)
    fast = [(one.tag, route) for one in routes for route in one.fast]
    of_fast = _fast_schemas([route for _, route in fast])
    _tell_apart(document, schemas, of_fast)
    for route in ordinary:
        _complete_ordinary(paths, route)
    for tag, route in fast:
        paths.setdefault(route.path, {})[route.method.lower()] = _fast_operation(tag, route)
    schemas.update(of_fast)
    components["securitySchemes"] = _SECURITY
    return document


def _tell_apart(document: Node, schemas: dict[str, object], others: Mapping[str, object]) -> None:
    """Rename what both lanes call alike: one name must not stand for two shapes."""
    for name in sorted(schemas.keys() & others.keys()):
        renamed = f"{name}Ordinary"
        schemas[renamed] = schemas.pop(name)
        _point_elsewhere(document, _REFERENCE.format(name=name), _REFERENCE.format(name=renamed))


def _point_elsewhere(node: object, before: str, after: str) -> None:
    if isinstance(node, dict):
        members = cast("Node", node)
        if members.get("$ref") == before:
            members["$ref"] = after
        for value in members.values():
            _point_elsewhere(value, before, after)
    elif isinstance(node, list):
        for value in cast("list[object]", node):
            _point_elsewhere(value, before, after)


def names_of(document: Mapping[str, object]) -> frozenset[str]:
    """Return every field and parameter name of a description: the names an error may repeat."""
    return frozenset(_names(document))


def _names(node: object) -> Iterable[str]:
    if isinstance(node, Mapping):
        members = cast("Mapping[str, object]", node)
        properties = members.get("properties")
        if isinstance(properties, Mapping):
            yield from cast("Mapping[str, object]", properties)
        if "in" in members and isinstance(members.get("name"), str):
            yield cast("str", members["name"])
        for value in members.values():
            yield from _names(value)
    elif isinstance(node, list):
        for value in cast("list[object]", node):
            yield from _names(value)


def _complete_ordinary(paths: dict[str, dict[str, Node]], route: OrdinaryRoute) -> None:
    for method in route.methods:
        operation = paths.get(route.route.path, {}).get(method.lower())
        if operation is None:
            continue
        responses = cast("Node", operation.setdefault("responses", {}))
        responses.pop("422", None)  # FastAPI's own shape of an error is never sent.
        _complete(operation, route.permission, route.idempotency, responses)


def _complete(operation: Node, permission: str, idempotency: Idempotency, responses: Node) -> None:
    responses["default"] = _problem_response()
    operation["security"] = [] if permission == PUBLIC else [{"apiKey": []}, {"bearer": []}]
    operation["x-permission"] = permission
    if idempotency is not Idempotency.NONE:
        parameters = cast("list[object]", operation.setdefault("parameters", []))
        parameters.append(
            {
                "name": "Idempotency-Key",
                "in": "header",
                "required": idempotency is Idempotency.REQUIRED,
                "schema": {"type": "string", "minLength": 1, "maxLength": 255},
                "description": "The same key and request have one effect, however often sent.",
            }
        )


def _fast_operation(tag: str, route: FastRoute[object]) -> Node:
    responses: Node = {
        str(route.status): {
            "description": "Done.",
            "content": {"application/json": {"schema": _reference(route.answer)}},
        }
    }
    operation: Node = {
        "tags": [tag],
        "summary": route.summary,
        "operationId": _operation_id(route),
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": _reference(route.body)}},
        },
        "responses": responses,
    }
    names = [part[1:-1] for part in route.path.split("/") if part.startswith("{")]
    if names:
        operation["parameters"] = [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
            for name in names
        ]
    _complete(operation, route.permission, route.idempotency, responses)
    return operation


def _operation_id(route: FastRoute[object]) -> str:
    """Return a name made as FastAPI makes it: both lanes look alike to generated clients."""
    return re.sub(r"\W", "_", f"{route.handler.__name__}{route.path}_{route.method.lower()}")


def _fast_schemas(routes: Collection[FastRoute[object]]) -> Mapping[str, object]:
    types: list[type] = [Problem]
    for route in routes:
        types += [route.body, route.answer]
    _, schemas = msgspec.json.schema_components(types, ref_template=_REFERENCE)
    return schemas


def _reference(model: type) -> object:
    (schema,), _ = msgspec.json.schema_components([model], ref_template=_REFERENCE)
    return schema


def _problem_response() -> Node:
    return {
        "description": "A problem, told as RFC 9457 has it.",
        "content": {"application/problem+json": {"schema": _reference(Problem)}},
    }


def to_yaml(node: object, indent: int = 0) -> str:
    """Write JSON data as YAML 1.2; texts keep their quotes, so none is taken for something else."""
    pad = "  " * indent
    if isinstance(node, Mapping) and node:
        members = cast("Mapping[str, object]", node)
        return "".join(
            f"{pad}{_scalar(key)}:{_below(value, indent)}" for key, value in members.items()
        )
    if isinstance(node, list) and node:
        return "".join(f"{pad}-{_below(value, indent)}" for value in cast("list[object]", node))
    return f"{pad}{_scalar(cast('object', node))}\n"


def _below(value: object, indent: int) -> str:
    if isinstance(value, Mapping | list) and value:
        return f"\n{to_yaml(cast('object', value), indent + 1)}"
    return f" {_scalar(cast('object', value))}\n"


def _scalar(value: object) -> str:
    # JSON may hold these characters bare; YAML takes some for line breaks and others not at all.
    written = json.dumps(value, ensure_ascii=False)
    return _UNWRITABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", written)
