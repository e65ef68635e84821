"""Receipts over HTTP: for merchants by their keys, for payers by a link nobody can guess."""

from bezant.http.routes import Routes
from bezant.receipts.http import desk, payer
from bezant.receipts.port import Receipts


def routes(receipts: Receipts, public_url: str = "") -> list[Routes]:
    """Return every route. Links begin with `public_url`, or with the address that was asked."""
    return [desk.routes(receipts, public_url), payer.routes(receipts, public_url)]
