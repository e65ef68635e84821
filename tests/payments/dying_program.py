"""A process that takes one payment, and dies by SIGKILL at a point of it.

Started as `python -m tests.payments.dying_program DSN_LEDGER DSN_PAYMENTS BOOK POINT STORY`. What
the acquirer did it writes to a file before it answers, so that its book survives.
"""

import asyncio
import sys
from pathlib import Path

import msgspec
from tests.payments.acquirer import Acquirer, Authorisation
from tests.payments.dying import Dying
from tests.payments.till import Till, service_on

from bezant.clock import MovableClock, RealClock
from bezant.exchange import ProviderAnswer, ProviderRequest
from bezant.payments.failpoints import Point


class Kept(msgspec.Struct):
    """The acquirer's book as it is kept."""

    authorisations: dict[str, Authorisation]
    operations: dict[str, tuple[str, dict[str, object]]]


class FiledAcquirer(Acquirer):
    """An acquirer whose book is a file."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self._file = file

    async def send(self, request: ProviderRequest) -> ProviderAnswer:
        answer = await super().send(request)
        kept = Kept(self.authorisations, self.operations)
        temporary = self._file.with_suffix(".new")
        temporary.write_bytes(msgspec.json.encode(kept))
        temporary.replace(self._file)
        return answer


def remembered(file: Path) -> Acquirer:
    """Return the acquirer with the book that is in the file."""
    acquirer = Acquirer()
    if file.exists():
        kept = msgspec.json.decode(file.read_bytes(), type=Kept)
        acquirer.authorisations = kept.authorisations
        acquirer.operations = dict(kept.operations)
    return acquirer


async def told(till: Till, story: str) -> None:
    """Take the payment."""
    if story == "refund":
        payment = await till.pay("20.00 EUR", key="charge")
        till.parts.failpoints.at = Point(sys.argv[4])  # pyright: ignore[reportAttributeAccessIssue]
        await till.refund(payment, "5.00 EUR", key="back")
    elif story == "retry":
        till.acquirer.plan("charge", "not_sent")
        await till.pay("20.00 EUR", key="charge")
    elif story == "capture":
        payment = await till.authorized("20.00 EUR", key="charge")
        till.parts.failpoints.at = Point(sys.argv[4])  # pyright: ignore[reportAttributeAccessIssue]
        await till.capture(payment, key="take")
    else:
        await till.pay("20.00 EUR", key="charge")


async def main() -> None:
    """Die."""
    ledger, payments, book, point, story = sys.argv[1:6]
    dying = Dying(Point(point) if story in ("charge", "retry") else None, kills=True)
    real = RealClock()
    clock = MovableClock(real.now())
    async with service_on(
        ledger, payments, clock, failpoints=dying, acquirer=FiledAcquirer(Path(book))
    ) as till:
        await told(till, story)


if __name__ == "__main__":
    asyncio.run(main())
