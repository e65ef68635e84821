"""Card payments as crash tests make them: a key is an order, paid once; the acquirer is outside.

Run as `python -m tests.payments.crash_till LEDGER_DSN PAYMENTS_DSN PORT ACQUIRER_PORT` it is an app
to be killed. A client sends it a key and a line end; the answer is `done`, `refused`, or anything
else where nobody knows. Says `ready` when it listens.
"""

import asyncio
import random
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

import msgspec
import psycopg
from tests.payments.acquirer import Acquirer
from tests.payments.till import CARD, MERCHANT, service_on

from bezant.actor import Mode
from bezant.clock import MovableClock, RealClock
from bezant.errors import BezantError, Refused, Unavailable
from bezant.exchange import ProviderAnswer, ProviderRequest, Sending
from bezant.money import Money
from bezant.payments.port import CreatePayment, KeyInFlight, Payments, PaymentState

PRICE = Money.of("1.00 EUR")
SLOW_SECONDS = 0.01  # An acquirer takes its time, before it acts and after.
WALK_SECONDS = 0.5
LINE_BYTES_MAX = 1 << 20


class NotTaken(Refused):
    """Nobody was charged, for certain."""

    code = "not_taken"


async def pay(payments: Payments, key: str) -> None:
    """Pay an order once; return when its money is taken, and raise while nobody knows."""
    asked = CreatePayment(key, MERCHANT, Mode.TEST, PRICE, CARD, order=key)
    try:
        payment = await payments.create(asked)
    except KeyInFlight as error:
        raise Unavailable from error
    if payment.state in (PaymentState.UNKNOWN, PaymentState.PROCESSING):
        payment = await payments.payment(MERCHANT, Mode.TEST, payment.id)
    if payment.state is PaymentState.FAILED:
        raise NotTaken
    if payment.state is not PaymentState.SUCCEEDED:
        raise Unavailable(payment.state.value)


def taken(acquirer: Acquirer, administrator_dsn: str) -> list[str]:
    """Return the order of every charge in the acquirer's book; `?` where nobody explains it."""
    with psycopg.connect(administrator_dsn, autocommit=True) as connection:
        rows = connection.execute("SELECT id::text, order_id FROM payments.payment").fetchall()
    orders = {identity.replace("-", "")[:-2]: order for identity, order in rows}
    charges = [one for one in acquirer.charges() if one.captured]
    return [orders.get(one.key[4:-2]) or f"?{one.key}" for one in charges]


@asynccontextmanager
async def listening(acquirer: Acquirer, chance: random.Random) -> AsyncGenerator[int]:
    """Let apps in other processes speak with an acquirer; return its port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):  # Whoever asked is dead: what was done is done.
            line = await reader.readline()
            if not line.endswith(b"\n"):  # It died before it had asked.
                writer.close()
                return
            request = msgspec.json.decode(line, type=ProviderRequest)
            await asyncio.sleep(chance.random() * SLOW_SECONDS)
            answer = await acquirer.send(request)
            await asyncio.sleep(chance.random() * SLOW_SECONDS)
            writer.write(msgspec.json.encode(answer) + b"\n")
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=LINE_BYTES_MAX)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


class FarAcquirer(Acquirer):
    """The acquirer as an app sees it: over a wire, a connection for each call."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self._port = port

    async def send(self, request: ProviderRequest) -> ProviderAnswer:
        try:
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", self._port, limit=LINE_BYTES_MAX
            )
        except OSError:
            return ProviderAnswer(Sending.NOT_SENT)
        try:
            writer.write(msgspec.json.encode(request) + b"\n")
            said = await reader.readline()
        except OSError:
            said = b""
        finally:
            writer.close()
        if not said:
            return ProviderAnswer(Sending.SILENT)
        return msgspec.json.decode(said, type=ProviderAnswer)


async def main() -> None:
    """Take payments, and look after those that nobody has ended, until killed."""
    ledger, payments, port, acquirer = sys.argv[1:5]
    clock = MovableClock(RealClock().now())
    async with service_on(ledger, payments, clock, acquirer=FarAcquirer(int(acquirer))) as till:

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while line := await reader.readline():
                try:
                    await pay(till.payments, line.decode().strip())
                    said = b"done\n"
                except NotTaken:
                    said = b"refused\n"
                except BezantError:
                    said = b"unavailable\n"
                writer.write(said)
            writer.close()

        await asyncio.start_server(answer, "127.0.0.1", int(port))
        print("ready", flush=True)
        while True:
            await asyncio.sleep(WALK_SECONDS)
            clock.move(max(timedelta(0), RealClock().now() - clock.now()))
            await till.payments.walk()


if __name__ == "__main__":
    asyncio.run(main())
