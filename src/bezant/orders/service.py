"""The service behind the door: its parts put together."""

from typing import Final

from bezant.orders.links import Links

MODULE: Final = "orders"


class OrdersService(Links):
    """Implements `Orders`."""
