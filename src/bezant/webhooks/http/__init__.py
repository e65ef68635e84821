"""Webhooks over HTTP: endpoints, their deliveries, and the list of events."""

from bezant.http.routes import Routes
from bezant.ids import Ids
from bezant.webhooks.http import deliveries, endpoints, events
from bezant.webhooks.port import Webhooks

__all__ = ["routes"]


def routes(webhooks: Webhooks, ids: Ids) -> Routes:
    """Return every route of webhooks."""
    made = Routes("webhooks")
    endpoints.add(made, webhooks, ids)
    deliveries.add(made, webhooks)
    events.add(made, webhooks, ids)
    return made
