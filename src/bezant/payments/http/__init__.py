"""Payments over HTTP: the routes of our own, and those some families of clients know."""

from bezant.http.routes import Routes
from bezant.payments.http import (
    arrivals,
    customers,
    desk,
    families,
    faring,
    fees,
    limits,
    lists,
    payments,
    showing,
    transcripts,
)
from bezant.payments.port import Payments

__all__ = ["routes"]


def routes(port: Payments) -> tuple[Routes, ...]:
    """Return every route of the payments."""
    own = Routes("payments")
    payments.add(own, port)
    lists.add(own, port)
    customers.add(own, port)
    desk.add(own, port)
    fees.add(own, port)
    limits.add(own, port)
    arrivals.add(own, port)
    showing.add(own, port)
    faring.add(own, port)
    transcripts.add(own, port)
    return (own, *families.routes(port))
