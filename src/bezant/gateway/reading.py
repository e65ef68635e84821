"""The page for reading the whole API: every operation below one another, without a script.

It is written from the description when first asked for, so it prints, it can be searched by the
browser, and it works where scripts are off.
"""

import re
from collections.abc import Iterator, Mapping
from html import escape
from typing import cast

Node = Mapping[str, object]
_CODE = re.compile("`([^`]+)`")


def read_document(document: Node) -> str:
    """Return the body of the page."""
    information = _node(document, "info")
    operations = list(_operations(document))
    schemas = _node(_node(document, "components"), "schemas")
    return "".join(
        (
            f"<main class='text'><h1>{_said(information, 'title')}</h1>",
            f"<p class='small'>{_said(information, 'version')}</p>",
            *_paragraphs(str(information.get("description", ""))),
            "<nav><ul>",
            *(f"<li><a href='#{_anchor(o)}'>{_heading(o)}</a></li>" for _, _, o in operations),
            "</ul></nav>",
            *(_section(method, path, operation) for method, path, operation in operations),
            "<h2 id='schemas'>Schemas</h2>" if schemas else "",
            *(_schema(name, cast("Node", schemas[name])) for name in sorted(schemas)),
            "</main>",
        )
    )


def _operations(document: Node) -> Iterator[tuple[str, str, Node]]:
    for path, methods in _node(document, "paths").items():
        for method, operation in cast("Mapping[str, Node]", methods).items():
            yield method.upper(), path, operation


def _section(method: str, path: str, operation: Node) -> str:
    rows = [
        _row(
            f"{escape(str(parameter['name']))} <span class='small'>in {parameter['in']}</span>",
            _type(_node(parameter, "schema")),
            required=bool(parameter.get("required")),
            about=str(parameter.get("description", "")),
        )
        for parameter in cast("list[Node]", operation.get("parameters", []))
    ]
    return "".join(
        (
            f"<section id='{_anchor(operation)}'><h2>{_heading(operation)}</h2>",
            f"<p><code class='call'>{method} {escape(path)}</code></p>",
            f"<p class='small'>Permission: <code>{_said(operation, 'x-permission')}</code></p>",
            *_paragraphs(str(operation.get("description", ""))),
            _table(rows) if rows else "",
            *_bodies("Takes", _node(operation, "requestBody")),
            *(
                line
                for status, answer in _node(operation, "responses").items()
                for line in _bodies(f"Answers {escape(status)}", cast("Node", answer))
            ),
            "</section>",
        )
    )


def _bodies(title: str, holder: Node) -> Iterator[str]:
    content = _node(holder, "content")
    for media_type, body in content.items():
        shown = _type(_node(cast("Node", body), "schema"))
        yield f"<p>{title}: {shown} <span class='small'>{escape(media_type)}</span></p>"
    if holder and not content:
        yield f"<p>{title}: nothing</p>"


def _schema(name: str, schema: Node) -> str:
    required = cast("list[str]", schema.get("required", []))
    rows = [
        _row(
            escape(field),
            _type(cast("Node", about)),
            required=field in required,
            about=str(cast("Node", about).get("description", "")),
        )
        for field, about in _node(schema, "properties").items()
    ]
    shown = _table(rows) if rows else f"<p>{_type(schema)}</p>"
    about = "".join(_paragraphs(str(schema.get("description", ""))))
    return f"<section id='schema-{escape(name)}'><h3>{escape(name)}</h3>{about}{shown}</section>"


def _type(schema: Node) -> str:
    reference = schema.get("$ref")
    if isinstance(reference, str):
        name = escape(reference.rpartition("/")[2])
        return f"<a href='#schema-{name}'>{name}</a>"
    for choice in ("anyOf", "oneOf", "allOf"):
        if choice in schema:
            return " or ".join(_type(one) for one in cast("list[Node]", schema[choice]))
    if "enum" in schema or "const" in schema:
        values = cast("list[object]", schema.get("enum", [schema.get("const")]))
        return " | ".join(f"<code>{escape(str(value))}</code>" for value in values)
    return _plain_type(schema)


def _plain_type(schema: Node) -> str:
    kind = escape(str(schema.get("type", "anything")))
    if kind == "array":
        return f"list of {_type(_node(schema, 'items'))}"
    if kind == "object" and isinstance(schema.get("additionalProperties"), Mapping):
        return f"map of {_type(_node(schema, 'additionalProperties'))}"
    limits = [
        f"{word} {escape(str(schema[key]))}"
        for key, word in (("minimum", "from"), ("maximum", "to"), ("maxLength", "at most"))
        if key in schema
    ]
    return " ".join([kind, *limits])


def _row(name: str, kind: str, *, required: bool, about: str) -> str:
    need = "required" if required else "optional"
    cells = (f"<code>{name}</code>", kind, need, escape(about))
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _table(rows: list[str]) -> str:
    return f"<table>{''.join(rows)}</table>"


def _paragraphs(text: str) -> Iterator[str]:
    for paragraph in text.strip().split("\n\n"):
        if paragraph:
            marked = _CODE.sub(r"<code>\1</code>", escape(paragraph))
            yield f"<p>{marked}</p>"


def _heading(operation: Node) -> str:
    return _said(operation, "summary")


def _anchor(operation: Node) -> str:
    return _said(operation, "operationId")


def _said(node: Node, name: str) -> str:
    return escape(str(node.get(name, "")))


def _node(node: Node, name: str) -> Node:
    return cast("Node", node.get(name, {}))
