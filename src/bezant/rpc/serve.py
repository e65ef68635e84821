"""Services offered to other processes: gRPC with mutual TLS, the table of permits, health."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final, TypeVar, cast

import grpc
import grpc.aio

from bezant import telemetry
from bezant.clock import Clock
from bezant.errors import BezantError, Invalid, TooManyRequests
from bezant.rpc.carrier import CALLER, CARRIED, answering, trace_id
from bezant.rpc.channel import METADATA_BYTES_MAX
from bezant.rpc.codes import fault
from bezant.rpc.deadline import within
from bezant.rpc.envelope import refuse
from bezant.rpc.health import Health
from bezant.rpc.manners import Manners, manners_of, port_name
from bezant.rpc.papers import Issuer
from bezant.rpc.permits import PERMITS, Permits, require_permit
from bezant.rpc.tls import Gate, server_credentials
from bezant.rpc.wire import MESSAGE_BYTES_MAX, Method, contract

if TYPE_CHECKING:
    from bezant.telemetry.metrics import Tally

CALLS_MAX = 512  # Under way at once; more are told to come back, before anything is read of them.
STREAMS_MAX = 2 * CALLS_MAX  # Of one connection; it is only the fence behind `CALLS_MAX`.
CONNECTION_AGE_SECONDS = 3600  # Then a peer connects anew, and shows its newest certificate.
DRAIN_SECONDS = 10.0

OPTIONS: Final = (
    ("grpc.max_send_message_length", MESSAGE_BYTES_MAX),
    ("grpc.max_receive_message_length", MESSAGE_BYTES_MAX),
    ("grpc.max_metadata_size", METADATA_BYTES_MAX),
    ("grpc.max_concurrent_streams", STREAMS_MAX),
    ("grpc.max_connection_age_ms", CONNECTION_AGE_SECONDS * 1000),
    ("grpc.max_connection_age_grace_ms", 60_000),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.so_reuseport", 0),  # A second process on our port is a mistake, not a helper.
)

_log = telemetry.log("rpc")

Port = TypeVar("Port")
Context = grpc.aio.ServicerContext[bytes, bytes]


class Busy(TooManyRequests):
    """This service has as many calls under way as it takes."""

    code = "busy"


class UnfitAnswer(Exception):
    """A service answered what its port does not allow, or more than a message holds."""


class Server:
    """Listens for other modules."""

    def __init__(
        self,
        issuer: Issuer,
        clock: Clock,
        *,
        permits: Permits = PERMITS,
        calls_max: int = CALLS_MAX,
        calls: "Tally | None" = None,
    ) -> None:
        """Name whose papers are shown; calls are counted by method and how they ended."""
        self._calls = calls
        self._issuer = issuer
        self._gate = Gate(issuer, clock)
        self._permits = permits
        self._calls_max = calls_max
        self._under_way = 0
        self._health = Health(self._gate)
        self._services: list[str] = []
        self._server = grpc.aio.server(options=OPTIONS)
        self._server.add_generic_rpc_handlers((self._health.handlers(),))

    def offer(self, port: type[Port], service: Port, manners: Manners | None = None) -> None:
        """Offer a service under its port; before `start`."""
        agreed = contract(port)
        kept = manners or manners_of(port)
        handlers: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {
            method.wire_name: grpc.unary_unary_rpc_method_handler(
                self._handler(port_name(port), method, service, kept.deadline_of(method.name))
            )
            for method in agreed.methods
        }
        self._server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(agreed.service, handlers),)
        )
        self._services.append(agreed.service)

    async def start(self, address: str) -> int:
        """Listen on `host:port` and return the port; port 0 lets the system choose."""
        port = self._server.add_secure_port(address, server_credentials(self._issuer))
        await self._server.start()
        self._health.tell(dict.fromkeys(("", *self._services), True))
        return port

    async def stop(self, drain_seconds: float = DRAIN_SECONDS) -> None:
        """Take no more calls, let those under way finish, then close."""
        self._health.tell(dict.fromkeys(("", *self._services), False))
        await self._server.stop(drain_seconds)

    async def wait(self) -> None:
        """Wait until the server has stopped."""
        await self._server.wait_for_termination()

    def _handler(
        self, port: str, method: Method, service: object, seconds: float
    ) -> Callable[[bytes, Context], Awaitable[bytes]]:
        target = cast("Callable[..., Awaitable[object]]", getattr(service, method.name))

        async def answer(request: bytes, context: Context) -> bytes:
            try:
                self._admit(context, port, method.name)
                arguments = method.asked(request)
                async with within(_least(seconds, context.time_remaining())):
                    return _told(method, await target(*arguments))
            except BezantError:
                raise
            except Exception as error:  # noqa: BLE001  # whatever it is, it stays on this side
                _log.error("call.failed", error, method=method.name)
                raise fault(trace_id()) from None

        async def handle(request: bytes, context: Context) -> bytes:
            self._under_way += 1
            outcome = "ok"
            try:
                with answering(port, method.name, _carried(context)):
                    return await answer(request, context)
            except BezantError as error:
                outcome = error.code
                await refuse(context, error)
            finally:
                self._under_way -= 1
                if self._calls is not None:
                    self._calls.add(f"{port}.{method.name}", outcome)

        return handle

    def _admit(self, context: Context, port: str, method: str) -> None:
        caller = self._gate.caller(context.auth_context())
        require_permit(self._permits, caller, port, method)
        CALLER.set(caller)  # Every call has a task, and so a context, of its own.
        if self._under_way > self._calls_max:
            raise Busy(retry_after_seconds=0.5)


def serve(server: Server, port: type[Port], service: Port) -> None:
    """Offer a service under its port."""
    server.offer(port, service)


def _told(method: Method, answer: object) -> bytes:
    try:
        return method.tell(answer)
    except Invalid as error:  # Not the request is wrong, but our answer to it.
        raise UnfitAnswer(error.detail) from error


def _least(seconds: float, remaining: float | None) -> float:
    return seconds if remaining is None else min(seconds, remaining)


def _carried(context: Context) -> dict[str, str]:
    sent = context.invocation_metadata() or ()
    return {key: value for key, value in sent if key in CARRIED and isinstance(value, str)}
