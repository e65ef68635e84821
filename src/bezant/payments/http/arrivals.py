"""Where providers' events arrive: for everybody to call, and believed only if signed."""

from time import monotonic
from typing import Final

from bezant.actor import Mode
from bezant.http.idempotency import Idempotency
from bezant.http.limits import MemoryLimits, Rule, TooManyFromAddress, bucket_of_address
from bezant.http.routes import PUBLIC, Declare, Routes, ThisVisit
from bezant.payments.http import answers as a
from bezant.payments.http.raw import RawBody, RawHeaders
from bezant.payments.port import Arrival, Payments

EVENT_BYTES_MAX: Final = 262_144  # Several times the largest event any provider sends.
# A provider sends many events from few addresses, so it has a limit of its own: checking one costs
# a hash, and what is not signed is not stored.
PROVIDERS: Final = Rule(6_000, 60)
ACCEPTED: Final = (
    "application/json",
    "application/xml",
    "text/xml",
    "text/plain",
    "application/octet-stream",
)


def add(routes: Routes, port: Payments) -> None:
    """Add the doors for events."""
    limits = MemoryLimits(monotonic)

    async def arrive(
        provider: str, mode: Mode | None, headers: RawHeaders, body: bytes, visit: ThisVisit
    ) -> a.ArrivedModel:
        spent = limits.spend(bucket_of_address(visit.address), PROVIDERS)
        if not spent.allowed:
            raise TooManyFromAddress(retry_after_seconds=spent.reset_seconds)
        arrived = await port.arrive(Arrival(provider, mode, headers, body))
        return a.ArrivedModel.model_validate(arrived)

    @_declared(routes, "/v1/webhooks/{provider}")
    async def event(
        provider: str, headers: RawHeaders, body: RawBody, visit: ThisVisit
    ) -> a.ArrivedModel:
        """Take a provider's event."""
        return await arrive(provider, None, headers, body, visit)

    @_declared(routes, "/v1/webhooks/{provider}/{mode}")
    async def event_of_mode(
        provider: str, mode: Mode, headers: RawHeaders, body: RawBody, visit: ThisVisit
    ) -> a.ArrivedModel:
        """Take an event of a provider that has accounts in both modes."""
        return await arrive(provider, mode, headers, body, visit)


def _declared(routes: Routes, path: str) -> Declare:
    return Declare(
        routes,
        "POST",
        path,
        PUBLIC,
        Idempotency.NONE,
        ACCEPTED,
        EVENT_BYTES_MAX,
        limited=False,
        about={"status_code": 200},
    )
