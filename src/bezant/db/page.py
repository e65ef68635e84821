"""Pages of a list that is shown newest first, read on from an item somebody has seen.

Said as `cut("re", query.limit, query.before, query.after)`: a statement ends in `cut.end("r.id")`
and takes `cut.values` besides its own; `cut.shown(rows)` is the page.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import LiteralString, TypeVar
from uuid import UUID

from bezant import ids
from bezant.errors import Invalid

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Cut:
    """Where a page lies: at the beginning, below an item, or above one."""

    limit: int
    before: UUID | None
    """The page holds what is older than this one."""
    after: UUID | None
    """The page holds what is newer than this one, and next to it."""

    def end(self, column: LiteralString) -> LiteralString:
        """Return the end of a statement; its other conditions stand before it."""
        if self.after is not None:
            return f"AND {column} > %(cursor)s ORDER BY {column} LIMIT %(one_too_many)s"
        if self.before is not None:
            return f"AND {column} < %(cursor)s ORDER BY {column} DESC LIMIT %(one_too_many)s"
        return f"ORDER BY {column} DESC LIMIT %(one_too_many)s"

    @property
    def values(self) -> Mapping[str, object]:
        """Return what the end of the statement asks for: one more than is shown tells of more."""
        return {"cursor": self.after or self.before, "one_too_many": self.limit + 1}

    def shown(self, rows: list[Row]) -> tuple[list[Row], bool]:
        """Return the rows of the page, newest first, and whether more lie beyond it."""
        page = rows[: self.limit]
        if self.after is not None:
            page.reverse()
        return page, len(rows) > self.limit


def cut(prefix: str, limit: int, before: str | None, after: str | None) -> Cut:
    """Read where a page lies, by the spelled ids of items."""
    if before is not None and after is not None:
        raise Invalid("a page begins after one item or ends before one", field="ending_before")
    return Cut(
        limit,
        None if before is None else ids.read(prefix, before, "starting_after"),
        None if after is None else ids.read(prefix, after, "ending_before"),
    )
