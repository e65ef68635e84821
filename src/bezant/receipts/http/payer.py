"""The payer's page, and the files behind it: no account, only a link nobody can guess.

The page needs no script and fetches nothing; its one style stands in it, named by its hash.
"""

from typing import Annotated

from fastapi import Query, Response

from bezant.errors import NotFound
from bezant.http.routes import PUBLIC, Routes, ThisVisit
from bezant.receipts.http import answers as models
from bezant.receipts.http.page import missing_page, receipt_page
from bezant.receipts.port import FollowLink, Receipts
from bezant.secret import Secret

PATH = "/receipts/{code}"
Shown = Annotated[str | None, Query(max_length=500)]


def routes(receipts: Receipts, public_url: str) -> Routes:
    """Return the public routes."""
    made = Routes("receipts")

    @made.get(PATH, permission=PUBLIC, include_in_schema=False)
    async def page(code: str, show: Shown = None) -> Response:
        try:
            found = await receipts.follow_link(FollowLink(Secret(code), models.show_of(show)))
        except NotFound:
            return missing_page()
        return receipt_page(found)

    @made.get(f"{PATH}/file", permission=PUBLIC, summary="A payer's receipt, as a file")
    async def file(code: str, show: Shown = None) -> Response:
        return models.filed(
            await receipts.follow_link(FollowLink(Secret(code), models.show_of(show)))
        )

    @made.get(f"{PATH}/pdf", permission=PUBLIC, summary="A payer's receipt, on paper")
    async def pdf(code: str, visit: ThisVisit, show: Shown = None) -> Response:
        found = await receipts.follow_link(FollowLink(Secret(code), models.show_of(show)))
        return models.printed(found, models.base_of(visit, public_url))

    del page, file, pdf
    return made
