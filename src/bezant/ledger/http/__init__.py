"""The book over HTTP: the routes of its own, and those one family of clients knows."""

from bezant.ledger.http.routes import routes

__all__ = ["routes"]
