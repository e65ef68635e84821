"""Pages of a list: `limit`, `starting_after` or `ending_before`, and whether there is more.

A cursor is the id of an item the caller has seen, so it stays right while items are added.

    async def accounts(page: PageQuery, asker: Asker) -> Page[AccountAnswer]: ...

And when its items were made: `created[gte]`, `[gt]`, `[lt]` and `[lte]`; every one given holds.
"""

from datetime import UTC, datetime, timedelta
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


class CreatedRange(BaseModel, frozen=True):
    """A stretch of time: from a moment on, and before another one."""

    since: datetime | None = None
    until: datetime | None = None


At = datetime | None
STEP = timedelta(microseconds=1)  # Nothing lies between two moments that are this far apart.


async def created_range(
    gte: Annotated[At, Query(alias="created[gte]", description="Made then or later.")] = None,
    gt: Annotated[At, Query(alias="created[gt]", description="Made later.")] = None,
    lt: Annotated[At, Query(alias="created[lt]", description="Made earlier.")] = None,
    lte: Annotated[At, Query(alias="created[lte]", description="Made then or earlier.")] = None,
    created_from: Annotated[At, Query(description="The same as `created[gte]`.")] = None,
    created_until: Annotated[At, Query(description="The same as `created[lt]`.")] = None,
) -> CreatedRange:
    """Read when the items of a list were made."""
    since = [
        _moment(gte, "created[gte]"),
        _moment(gt, "created[gt]", STEP),
        _moment(created_from, "created_from"),
    ]
    until = [
        _moment(lt, "created[lt]"),
        _moment(lte, "created[lte]", STEP),
        _moment(created_until, "created_until"),
    ]
    return CreatedRange(
        since=max((one for one in since if one is not None), default=None),
        until=min((one for one in until if one is not None), default=None),
    )


def _moment(at: datetime | None, field: str, plus: timedelta = timedelta()) -> datetime | None:
    if at is None:
        return None
    if at.tzinfo is None:
        raise Invalid("a time says its offset from UTC, such as Z", field=field)
    try:
        return at.astimezone(UTC) + plus
    except OverflowError:
        raise Invalid("this time is in no calendar", field=field) from None


CreatedQuery = Annotated[CreatedRange, Depends(created_range)]
"""Annotate a handler's parameter with this to be handed when the items were made."""

PageQuery = Annotated[PageRequest, Depends(page_request)]
"""Annotate a handler's parameter with this to be handed the page that is asked for."""
