"""Pages of a list: `limit`, `starting_after` or `ending_before`, and whether there is more.

A cursor is the id of an item the caller has seen, so it stays right while items are added.

    async def accounts(page: PageQuery, asker: Asker) -> Page[AccountAnswer]: ...
"""

from typing import Annotated, Generic, Literal, TypeVar

from fastapi import Depends, Query
from pydantic import BaseModel

from bezant.errors import Invalid

LIMIT_MAX = 100  # What one answer carries; a caller asks again for more.
LIMIT_DEFAULT = 20
CURSOR_CHARACTERS_MAX = 255

Item = TypeVar("Item")


class CursorsExclude(Invalid):
    """A page starts after one item or ends before one, not both."""

    code = "cursors_exclude"


class PageRequest(BaseModel, frozen=True):
    """Which page of a list is asked for."""

    limit: int = LIMIT_DEFAULT
    starting_after: str | None = None
    ending_before: str | None = None


class Page(BaseModel, Generic[Item]):
    """A page of a list, in the list's own order."""

    object: Literal["list"] = "list"
    data: list[Item]
    has_more: bool
    """Whether there are items beyond this page, in the direction that was asked."""


async def page_request(
    limit: Annotated[int, Query(ge=1, le=LIMIT_MAX)] = LIMIT_DEFAULT,
    starting_after: Annotated[str | None, Query(max_length=CURSOR_CHARACTERS_MAX)] = None,
    ending_before: Annotated[str | None, Query(max_length=CURSOR_CHARACTERS_MAX)] = None,
) -> PageRequest:
    """Read the three query parameters every list has."""
    if starting_after is not None and ending_before is not None:
        raise CursorsExclude(field="ending_before")
    return PageRequest(limit=limit, starting_after=starting_after, ending_before=ending_before)


PageQuery = Annotated[PageRequest, Depends(page_request)]
"""Annotate a handler's parameter with this to be handed the page that is asked for."""
