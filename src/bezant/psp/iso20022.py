"""Reading and writing ISO 20022 documents: plain elements, no document type, no entities."""

import re
from collections.abc import Iterable
from typing import Final
from xml.etree import ElementTree

from bezant.psp.document import NotReadable

BYTES_MAX: Final = 64 * 1_048_576
NAMESPACE: Final = "urn:iso:std:iso:20022:tech:xsd:"
Node = ElementTree.Element
_KIND: Final = re.compile(r"\{" + NAMESPACE + r"([a-z]{4}\.\d{3})\.\d{3}\.\d{2}\}Document\Z")


def read(raw: bytes, bytes_max: int = BYTES_MAX) -> tuple[str, Node]:
    """Return what kind of message it is, such as `camt.054`, and its elements without namespace."""
    if len(raw) > bytes_max:
        raise NotReadable("too long")
    if b"<!DOCTYPE" in raw or b"<!ENTITY" in raw or b"\x00" in raw:
        # A document type could name entities that grow without end, or files of ours. A NUL byte
        # means another encoding, in which one could hide.
        raise NotReadable("a message of ISO 20022 has no document type")
    try:
        root = ElementTree.fromstring(raw)  # noqa: S314 - document types were refused above
    except (ElementTree.ParseError, ValueError, LookupError) as mistake:
        raise NotReadable("not well formed") from mistake
    kind = _KIND.match(root.tag)
    if kind is None:
        raise NotReadable("not a message of ISO 20022")
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    return kind[1], root


def text_of(element: Node, path: str) -> str:
    """Return the text at a path, empty when there is none."""
    return (element.findtext(path) or "").strip()


def node(name: str, *inside: "Node | str | None", **attributes: str) -> Node:
    """Make an element of text or of other elements; `None` stands for one that is left out."""
    made = Node(name, attributes)
    for part in inside:
        if isinstance(part, str):
            made.text = part
        elif part is not None:
            made.append(part)
    return made


def write(kind: str, inside: Iterable[Node]) -> bytes:
    """Write a message such as `pain.001.001.09`."""
    root = node("Document", *inside, xmlns=NAMESPACE + kind)
    return ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
