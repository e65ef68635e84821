"""A process whose door takes providers' events, and nothing else.

Started as `python -m tests.payments.door_program DSN_LEDGER DSN_PAYMENTS`. It writes its port, and
ends when its standard input does.
"""

import asyncio
import sys
from time import monotonic

from tests.payments.events import checks
from tests.payments.till import service_on

from bezant.actor import Actor
from bezant.clock import MovableClock, RealClock
from bezant.gateway.app import Ground, build
from bezant.gateway.health import Health
from bezant.http.caller import Credential, CredentialInvalid
from bezant.http.edge import Rules
from bezant.http.limits import MemoryLimits
from bezant.http.serve import Listening, Serving
from bezant.ids import Ids
from bezant.payments.http import routes
from bezant.payments.port import Payments
from bezant.rpc.near import near
from bezant.telemetry.metrics import Meters


class Nobody:
    """Knows no caller: events are taken from everybody."""

    def known(self, credential: Credential) -> Actor | None:
        del credential
        return None

    async def identify(self, credential: Credential) -> Actor:
        raise CredentialInvalid


async def main() -> None:
    """Serve until nobody is left who wants it."""
    clock = MovableClock(RealClock().now())
    async with service_on(sys.argv[1], sys.argv[2], clock, checks=checks(clock)) as till:
        ground = Ground(Nobody(), MemoryLimits(monotonic), Meters(), Ids(clock), Health(clock))
        own = [one for one in routes(near(Payments, till.payments)) if one.family is None]
        edge = build(own, service="payments", ground=ground, rules=Rules())
        serving = Serving([Listening("127.0.0.1", 0, edge)])
        ((_, port),) = serving.bind()
        running = asyncio.create_task(serving.run())
        while not serving.started:
            await asyncio.sleep(0.01)
        print(port, flush=True)
        await asyncio.to_thread(sys.stdin.read)
        serving.stop()
        await running


if __name__ == "__main__":
    asyncio.run(main())
