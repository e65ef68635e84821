"""What orders do by themselves: give back money without an order, end checkouts nobody paid."""

from typing import Final

from bezant.db.jobs import Tick, Turn
from bezant.orders.healing import Healing
from bezant.orders.service import OrdersService

HEAL_EVERY_SECONDS: Final = 10.0
END_EVERY_SECONDS: Final = 30.0
LOOK_EVERY_SECONDS: Final = 10.0


def ticks(service: OrdersService, healing: Healing) -> tuple[Tick, ...]:
    """Return the recurring work of orders."""

    async def heal(turn: Turn) -> None:
        del turn  # Each step has a key of its own: taken twice, it happens once.
        await healing.heal()

    async def end(turn: Turn) -> None:
        del turn
        await service.end_overdue()

    async def look(turn: Turn) -> None:
        del turn  # A use is given back under the session's lock, once.
        await service.give_back_uses()

    return (
        Tick("orders.heal", HEAL_EVERY_SECONDS, heal),
        Tick("orders.end_checkouts", END_EVERY_SECONDS, end),
        Tick("orders.give_back_uses", LOOK_EVERY_SECONDS, look),
    )
