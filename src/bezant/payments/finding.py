"""What only a person can put right, and how: `bezant doctor` tells it."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from bezant.db.database import Database
from bezant.money import ASSETS, Asset, Money
from bezant.payments.store import finding as stored

SHOWN_MAX: Final = 20
"""Of each kind: who has more of them has to find out why, not read on."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing to put right."""

    check: str
    found: str
    remedy: str


async def troubles(database: Database) -> list[Trouble]:
    """Return what waits for somebody, oldest first."""
    beside = await stored.beside(database, SHOWN_MAX)
    clashes = await stored.clashes(database, SHOWN_MAX)
    return [*map(_beside, beside), *map(_clash, clashes)]


def _beside(row: stored.BesideRow) -> Trouble:
    rest = _money(row.rest, row.asset, row.exponent)
    known_as = row.reference or f"att_{row.attempt.hex}"
    payment = f"pay_{row.attempt.int & ~0xFF:032x}"
    return Trouble(
        "charged_beside",
        f"{rest} were taken beside {payment}, by the charge {known_as} at {row.provider}",
        f"Give that charge back at {row.provider}: its file or event then clears suspense.",
    )


def _clash(row: stored.ClashRow) -> Trouble:
    return Trouble(
        "refund_name",
        f"{row.provider} calls the refund re_{row.refund.hex} {row.movement}, as it has called"
        f" re_{row.other.hex}: nobody can tell whether both were given",
        f"Look at {row.provider} how many were given, and ask there why one name stands twice.",
    )


def _money(minor: Decimal, asset: str, exponent: int) -> Money:
    return Money(int(minor), ASSETS.get(asset) or Asset(asset, exponent, asset))
