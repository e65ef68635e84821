"""The edge in front of a real identity: keys and tokens that are looked up, nothing behind it.

Everything that checks a caller is on: the memory of callers, limits of address and key,
permissions, metrics and logs. Started as `python -m bench.asked PORT LOG_FILE GROUND_FILE CHECKS`:
`unchecked` leaves out who is asking, and all that follows from it; `behind` listens for an Envoy
as well.
"""

import asyncio
import signal
import sys
import time
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from ipaddress import ip_network
from pathlib import Path
from typing import Final

import msgspec
import uvloop

from bench import behind
from bench.edge import NEVER_EMPTY, EchoAnswer, EchoBody
from bezant import telemetry
from bezant.actor import Actor, Caller, Mode
from bezant.clock import RealClock
from bezant.db.database import Database
from bezant.gateway.app import Ground, build
from bezant.gateway.envoy.doorkeeper import Doorkeeper
from bezant.gateway.health import Health
from bezant.http.edge import Edge, Rules
from bezant.http.entries import Entry
from bezant.http.fast import FastAnswer, FastRequest, FastRoute
from bezant.http.idempotency import Idempotency
from bezant.http.limits import MemoryLimits
from bezant.http.routes import Routes
from bezant.http.serve import Listening, Serving, settle_memory
from bezant.http.visit import Visit
from bezant.identity.callers import RememberedCallers
from bezant.identity.provider.http import routes as provider_routes
from bezant.identity.provider.issuer import Issuer
from bezant.identity.service import IdentityService
from bezant.ids import Ids
from bezant.keys.file import FileProvider
from bezant.keys.service import KeysService
from bezant.secret import Secret
from bezant.telemetry.metrics import Meters

PERMISSION: Final = "ledger.write"
PATH: Final = "/v1/asked"
CHECKED, UNCHECKED, BEHIND = "checked", "unchecked", "behind"
CONNECTIONS_MAX: Final = 10
"""As the platform opens for a module."""


class Place(msgspec.Struct, frozen=True):
    """Where identity and the key room keep what they know."""

    identity: str
    keys: str
    folder: str
    issuer: str


@asynccontextmanager
async def open_identity(place: Place) -> AsyncGenerator[IdentityService]:
    """Open identity as the platform does."""
    clock = RealClock()
    async with AsyncExitStack() as stack:

        async def sessions(name: str, dsn: str) -> Database:
            opened = await Database.open(dsn, name=name, size_max=CONNECTIONS_MAX, clock=clock)
            stack.push_async_callback(opened.close)
            return opened

        provider = await FileProvider.open(Path(place.folder) / "keys", key=Secret(b"k" * 32))
        keys = KeysService(await sessions("keys", place.keys), clock, [provider])
        await keys.start()
        database = await sessions("identity", place.identity)
        issuer = Issuer(place.issuer)
        service = IdentityService(database, clock, Ids(clock), keys, live=False, issuer=issuer)
        await service.start()
        await service.start_provider()
        yield service


def routes() -> Routes:
    """Return the route that is asked for."""
    asked = Routes("asked")

    async def echo(request: FastRequest[EchoBody]) -> FastAnswer:
        """Answer what was sent."""
        body = request.body
        return FastAnswer(EchoAnswer(body.debit, body.credit, body.amount, body.reference))

    asked.add_fast(
        FastRoute(
            "POST", PATH, PERMISSION, echo, EchoBody, EchoAnswer, idempotency=Idempotency.REQUIRED
        )
    )
    return asked


def edge_of(
    identity: IdentityService, place: Place, ground: Ground, rules: Rules, door: type[Edge] = Edge
) -> Edge:
    """Return the edge in front of the route and the provider."""
    known = [routes(), provider_routes(identity, Issuer(place.issuer))]
    return build(known, service="asked", ground=ground, rules=rules, door=door)


def unchecked(edge: Edge) -> Edge:
    """Return an edge that asks nobody who they are."""
    anybody = Actor(Caller.KEY, "key_1", "mer_1", Mode.TEST, frozenset({PERMISSION}))

    async def admit(entry: Entry, visit: Visit, scope: object) -> None:
        del entry, scope
        visit.actor = anybody

    edge._admit = admit  # type: ignore[method-assign]
    return edge


async def main(port: int, log: Path, place: Place, checks: str) -> None:
    """Serve until asked to end."""
    clock = RealClock()
    telemetry.configure(telemetry.Level.INFO, file=log)
    async with open_identity(place) as identity:
        callers = RememberedCallers(identity, clock)
        identity.when_rights_are_taken(callers.forget)
        await callers.start()
        limits = MemoryLimits(time.monotonic)
        ground = Ground(callers, limits, Meters(), Ids(clock), Health(clock))
        proxies = (ip_network("127.0.0.0/8"),)
        rules = Rules(address=NEVER_EMPTY, key=NEVER_EMPTY, trusted_proxies=proxies)
        edge = edge_of(identity, place, ground, rules)
        listenings = [
            Listening("127.0.0.1", port, edge if checks != UNCHECKED else unchecked(edge))
        ]
        if checks == BEHIND:
            doorkeeper = edge_of(identity, place, behind.quiet(ground), Rules(), Doorkeeper)
            listenings += behind.listenings(port, edge, doorkeeper, Path(place.folder))
        serving = Serving(listenings)
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, serving.stop)
        settle_memory()
        await serving.run()
        await callers.stop()
    telemetry.shut()


if __name__ == "__main__":
    read = msgspec.json.decode(Path(sys.argv[3]).read_bytes(), type=Place)
    uvloop.run(main(int(sys.argv[1]), Path(sys.argv[2]), read, sys.argv[4]))
