"""An ISO 20022 document: elements in the order of its schema, written and read."""

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Final
from xml.etree import ElementTree

NAMESPACE: Final = "urn:iso:std:iso:20022:tech:xsd:"
BYTES_MAX: Final = 1_048_576
_KIND: Final = re.compile(rb'xmlns(?::\w+)?="' + NAMESPACE.encode() + rb'([a-z0-9.]+)"')

Node = ElementTree.Element


class NotADocument(ValueError):
    """This is not a document of the kind that is read here."""


def node(name: str, *inside: Node | str | None, **attributes: str) -> Node:
    """Make an element of text or of other elements; `None` stands for one that is left out."""
    made = Node(name, attributes)
    for part in inside:
        if isinstance(part, str):
            made.text = part
        elif part is not None:
            made.append(part)
    return made


def several(name: str, parts: Iterable[Node | None]) -> Node:
    """Make an element of as many elements as there are."""
    return node(name, *parts)


def write(kind: str, inside: Node) -> bytes:
    """Write a document such as `camt.053.001.08`."""
    root = node("Document", inside, xmlns=NAMESPACE + kind)
    ElementTree.indent(root)
    written = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return written + b"\n"


def read(raw: bytes) -> tuple[str, Node]:
    """Read a document: its kind, and its elements without their namespace."""
    if len(raw) > BYTES_MAX:
        raise NotADocument(f"a document has at most {BYTES_MAX} bytes")
    if b"<!" in raw.replace(b"<!--", b""):
        # A document type could name entities that grow without end, or files of ours.
        raise NotADocument("a document of ISO 20022 has no document type")
    kind = _KIND.search(raw)
    if kind is None:
        raise NotADocument("the document does not say which message of ISO 20022 it is")
    try:
        root = ElementTree.fromstring(raw)  # noqa: S314 - entities were refused above
    except ElementTree.ParseError as mistake:
        raise NotADocument(f"not well formed: {mistake}") from mistake
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    return kind[1].decode(), root


def text_of(element: Node, path: str) -> str:
    """Return the text at a path, empty when there is none."""
    return (element.findtext(path) or "").strip()


def instant(at: datetime) -> str:
    """Write an instant the way the messages do."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def day(on: date) -> Node:
    """Write a day as the choice between a day and an instant."""
    return node("Dt", on.isoformat())
