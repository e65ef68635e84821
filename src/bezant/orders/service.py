"""The service behind the door: its parts put together."""

from typing import Final

from bezant.orders.payers import Payers

MODULE: Final = "orders"


class OrdersService(Payers):
    """Implements `Orders`."""
