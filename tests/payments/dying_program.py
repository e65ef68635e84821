"""A process that takes one step of a payment, and dies by SIGKILL at a point of it.

Started as `python -m tests.payments.dying_program LEDGER_DSN PAYMENTS_DSN BOOK POINT STORY TURN
HOUR`. What the acquirer did it writes to a file before it answers, so that its book survives.
Without a point it lives, and tells which ones it reached.
"""

import asyncio
import sys
from datetime import datetime
from pathlib import Path

import msgspec
from tests.payments.acquirer import ACT_THEN_SILENCE, NOT_SENT, Acquirer, Authorisation
from tests.payments.dying import Dying
from tests.payments.events import checks, signed, written
from tests.payments.till import Till, service_on

from bezant.actor import Mode
from bezant.clock import MovableClock
from bezant.exchange import ProviderAnswer, ProviderRequest
from bezant.payments.failpoints import Point
from bezant.payments.port import Arrival


class Kept(msgspec.Struct):
    """The acquirer's book as it is kept."""

    authorisations: dict[str, Authorisation]
    operations: dict[str, tuple[str, dict[str, object]]]


class FiledAcquirer(Acquirer):
    """An acquirer whose book is a file."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self._file = file
        if file.exists():
            kept = msgspec.json.decode(file.read_bytes(), type=Kept)
            self.authorisations = kept.authorisations
            self.operations = dict(kept.operations)

    async def send(self, request: ProviderRequest) -> ProviderAnswer:
        answer = await super().send(request)
        kept = Kept(self.authorisations, self.operations)
        temporary = self._file.with_suffix(".new")
        temporary.write_bytes(msgspec.json.encode(kept))
        temporary.replace(self._file)
        return answer


async def told(till: Till, dying: Dying, point: Point | None, story: str, turn: str) -> None:
    """Take the step; what comes before it nobody dies of."""
    key = f"charge-{turn}"
    match story:
        case "charge":
            dying.at = point
            await till.pay(key=key)
        case "retry":
            till.acquirer.plan("charge", NOT_SENT)
            dying.at = point
            await till.pay(key=key)
        case "capture":
            payment = await till.authorized(key=key)
            dying.meets(point)
            await till.capture(payment, key=f"take-{turn}")
        case "void":
            payment = await till.authorized(key=key)
            dying.meets(point)
            await till.void(payment, key=f"let-go-{turn}")
        case "refund":
            payment = await till.pay(key=key)
            dying.meets(point)
            await till.refund(payment, "5.00 EUR", key=f"back-{turn}")
        case "event":
            till.acquirer.plan("charge", ACT_THEN_SILENCE)
            await till.pay(key=key)
            dying.meets(point)
            reference = list(till.acquirer.authorisations)[-1]
            body = written("authorisation.captured", till.acquirer.shown(reference), f"evt_{turn}")
            await till.payments.arrive(Arrival("card", Mode.TEST, signed(till.clock, body), body))
            await till.acted()
        case _:
            raise AssertionError(story)


async def main() -> None:
    """Die, or tell what was reached."""
    ledger, payments, book, point, story, turn, hour = sys.argv[1:8]
    dying = Dying(kills=True)
    clock = MovableClock(datetime.fromisoformat(hour))
    async with service_on(
        ledger, payments, clock,
        failpoints=dying, acquirer=FiledAcquirer(Path(book)), checks=checks(clock),
    ) as till:  # fmt: skip
        await told(till, dying, Point(point) if point != "none" else None, story, turn)
    print("reached", *sorted(dying.reached), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
