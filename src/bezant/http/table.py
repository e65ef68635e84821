"""Which route answers a request: one table for both lanes, so what is checked is what runs."""

from collections.abc import Iterator, Mapping
from typing import Generic, TypeVar

from bezant.http.routes import UndeclaredRoute

Entry = TypeVar("Entry")
PATH_CHARACTERS_MAX = 2_048  # The longest of ours has two ids of 36 characters.


class _Node(Generic[Entry]):
    __slots__ = ("below", "entries", "names", "placeholder")

    def __init__(self) -> None:
        self.below: dict[str, _Node[Entry]] = {}
        self.placeholder: _Node[Entry] | None = None
        self.entries: dict[str, Entry] = {}
        self.names: dict[str, tuple[str, ...]] = {}


class Table(Generic[Entry]):
    """Paths of plain segments and placeholders; a plain segment wins over a placeholder."""

    def __init__(self) -> None:
        self._plain: dict[tuple[str, str], Entry] = {}
        self._root: _Node[Entry] = _Node()

    def add(self, method: str, path: str, entry: Entry) -> None:
        """Put a route into the table; the same place twice is a mistake of ours."""
        node = self._root
        names: list[str] = []
        for segment in path[1:].split("/"):
            if segment.startswith("{"):
                names.append(segment[1:-1])
                node.placeholder = node.placeholder or _Node()
                node = node.placeholder
            else:
                node = node.below.setdefault(segment, _Node())
        if method in node.entries:
            raise UndeclaredRoute(f"{method} {path} is declared twice")
        node.entries[method] = entry
        node.names[method] = tuple(names)
        if not names:
            self._plain[method, path] = entry

    def rows(self) -> Iterator[tuple[str, str, Entry]]:
        """Yield every route: its method, its path, and what stands there."""
        yield from self._rows(self._root, "")

    def plain(self, method: str, path: str) -> Entry | None:
        """Return the route of a path without placeholders: one dictionary lookup."""
        return self._plain.get((method, path))

    def find(self, method: str, path: str) -> tuple[Entry, Mapping[str, str]] | None:
        """Return the route of any path, with the values of its placeholders."""
        for node, values in self._nodes(self._root, path[1:].split("/"), ()):
            entry = node.entries.get(method)
            if entry is not None:
                return entry, dict(zip(node.names[method], values, strict=True))
        return None

    def methods(self, path: str) -> frozenset[str]:
        """Return what a path answers; nothing if it is not ours."""
        found = self._nodes(self._root, path[1:].split("/"), ())
        return frozenset(method for node, _ in found for method in node.entries)

    def _rows(self, node: _Node[Entry], path: str) -> Iterator[tuple[str, str, Entry]]:
        for method, entry in node.entries.items():
            yield method, path or "/", entry
        for segment, below in node.below.items():
            yield from self._rows(below, f"{path}/{segment}")
        if node.placeholder is not None:
            yield from self._rows(node.placeholder, path + "/{}")

    def _nodes(
        self, node: _Node[Entry], segments: list[str], values: tuple[str, ...]
    ) -> Iterator[tuple[_Node[Entry], tuple[str, ...]]]:
        if not segments:
            yield node, values
            return
        head, rest = segments[0], segments[1:]
        below = node.below.get(head)
        if below is not None:
            yield from self._nodes(below, rest, values)
        if node.placeholder is not None and head:
            yield from self._nodes(node.placeholder, rest, (*values, head))
