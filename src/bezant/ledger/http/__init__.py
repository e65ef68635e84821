"""The book over HTTP: the routes of its own, and those one family of clients knows."""

from bezant.http.routes import Routes
from bezant.ledger.http import peopletrust
from bezant.ledger.http.routes import routes as own_routes
from bezant.ledger.port import Ledger

__all__ = ["routes"]


def routes(ledger: Ledger) -> tuple[Routes, ...]:
    """Return the book's routes for everybody, and those of one family."""
    return own_routes(ledger), peopletrust.routes(ledger)
