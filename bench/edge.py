"""The whole edge with nothing behind it: what the echoes do, with all on that the platform has on.

Keys are looked up, limits spent, permissions checked, bodies checked and decoded, answers counted
and logged to a file as JSON; traces are off. Started as `python -m bench.edge PORT LOG_FILE`; the
key is `KEY`.
"""

import asyncio
import hashlib
import hmac
import signal
import sys
import time
from pathlib import Path
from typing import Final

import msgspec
import uvloop
from pydantic import BaseModel

from bezant import telemetry
from bezant.actor import Actor, Caller, Mode
from bezant.clock import RealClock
from bezant.gateway.app import Ground, build
from bezant.gateway.health import Health
from bezant.http.amounts import AmountBody
from bezant.http.caller import Credential, CredentialInvalid
from bezant.http.edge import Rules
from bezant.http.fast import FastAnswer, FastBody, FastRequest, FastRoute
from bezant.http.idempotency import Idempotency
from bezant.http.limits import MemoryLimits, Rule
from bezant.http.routes import Asker, Routes
from bezant.http.serve import Listening, Serving, settle_memory
from bezant.ids import Ids
from bezant.telemetry.metrics import Meters

KEY: Final = "sk_test_" + "0" * 32
NEVER_EMPTY: Final = Rule(1_000_000_000, 60)
PEPPER: Final = b"bench"


class EchoBody(FastBody, frozen=True):
    """The request."""

    debit: str
    credit: str
    amount: AmountBody
    reference: str = ""


class EchoAnswer(msgspec.Struct):
    """The answer."""

    debit: str
    credit: str
    amount: AmountBody
    reference: str


class Amount(BaseModel):
    """An amount as text."""

    amount: str
    asset: str


class Echo(BaseModel):
    """The request and answer of the ordinary lane."""

    debit: str
    credit: str
    amount: Amount
    reference: str = ""


class HashedKeys:
    """Keys as `identity` keeps them for the hot path: by their keyed hash, in memory."""

    def __init__(self) -> None:
        actor = Actor(Caller.KEY, "key_1", "mer_1", Mode.TEST, frozenset({"echo.write"}))
        self._actors = {self._hash(KEY): actor}

    def known(self, credential: Credential) -> Actor | None:
        """Look a key up."""
        return self._actors.get(self._hash(credential.secret.reveal()))

    async def identify(self, credential: Credential) -> Actor:  # noqa: ARG002
        """There is no slower way to know a key here."""
        raise CredentialInvalid

    @staticmethod
    def _hash(key: str) -> bytes:
        return hmac.digest(PEPPER, key.encode(), hashlib.sha256)


def routes() -> Routes:
    """Return an echo on each lane."""
    echoes = Routes("echo")

    async def fast(request: FastRequest[EchoBody]) -> FastAnswer:
        """Answer what was sent."""
        body = request.body
        return FastAnswer(EchoAnswer(body.debit, body.credit, body.amount, body.reference))

    route = FastRoute(
        "POST",
        "/v1/fast",
        "echo.write",
        fast,
        EchoBody,
        EchoAnswer,
        idempotency=Idempotency.REQUIRED,
    )
    echoes.add_fast(route)

    @echoes.post("/v1/ordinary", permission="echo.write", status=200)
    async def ordinary(body: Echo, asker: Asker) -> Echo:
        """Answer what was sent."""
        assert asker.tenant
        return body

    del ordinary
    return echoes


async def main(port: int, log: Path) -> None:
    """Serve until asked to end."""
    clock = RealClock()
    telemetry.configure(telemetry.Level.INFO, file=log)
    limits = MemoryLimits(time.monotonic)
    ground = Ground(HashedKeys(), limits, Meters(), Ids(clock), Health(clock))
    rules = Rules(address=NEVER_EMPTY, key=NEVER_EMPTY)
    edge = build([routes()], service="echo", ground=ground, rules=rules)
    serving = Serving([Listening("127.0.0.1", port, edge)])
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, serving.stop)
    settle_memory()
    await serving.run()
    telemetry.shut()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), Path(sys.argv[2])))
