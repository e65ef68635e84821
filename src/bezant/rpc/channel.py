"""One long-lived gRPC channel to one peer: connection, deadline, retries, circuit breaker.

A call waits a moment for a connection; one that may have arrived is repeated if its port says that
is safe. What is left unclear in the end is `OutcomeUnknown`; what surely did not happen is
`PeerUnavailable`.
"""

import asyncio
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NoReturn, cast

import grpc
import grpc.aio

from bezant import telemetry
from bezant.errors import BezantError, OutcomeUnknown
from bezant.rpc.breaker import Breaker, BreakerState
from bezant.rpc.carrier import Metadata, calling
from bezant.rpc.codes import Fault, PeerUnavailable
from bezant.rpc.deadline import remaining_seconds, within
from bezant.rpc.envelope import ERROR_KEY, read_error
from bezant.rpc.papers import Issuer, Papers, server_name
from bezant.rpc.tls import channel_credentials
from bezant.rpc.wire import MESSAGE_BYTES_MAX

if TYPE_CHECKING:
    from bezant.telemetry.metrics import Tally

ATTEMPTS_MAX = 3
BACKOFF_SECONDS = 0.05  # Doubled each time; the wait is drawn evenly from half of it to all of it.
# Retries that make an outage worse: a failed attempt takes 10, an answer gives 1 back, and below
# half of the budget nothing is retried.
RETRY_BUDGET = 100
RETRY_COST = 10
CONNECT_SECONDS = 1.0  # A call waits so long for a connection; a short break costs no call.
DRAIN_SECONDS = 30.0  # How long calls on a replaced connection may still take.
METADATA_BYTES_MAX = 64 * 1024

OPTIONS: Final[Sequence[tuple[str, int | str]]] = (
    ("grpc.max_send_message_length", MESSAGE_BYTES_MAX),
    ("grpc.max_receive_message_length", MESSAGE_BYTES_MAX),
    ("grpc.max_metadata_size", METADATA_BYTES_MAX),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 2_000),
    ("grpc.max_reconnect_backoff_ms", 5_000),
    # A connection whose other end is silently gone is found by pings, also when nothing is under
    # way.
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    # No service config: gRPC itself repeats only what the peer surely did not read (RFC 9113, 8.7).
    ("grpc.service_config_disable_resolution", 1),
    ("grpc.enable_http_proxy", 0),
)

_SAYS_OF_THE_PEER: Final[Mapping[grpc.StatusCode, bool | None]] = {
    grpc.StatusCode.UNIMPLEMENTED: True,
    grpc.StatusCode.RESOURCE_EXHAUSTED: True,
    grpc.StatusCode.DEADLINE_EXCEEDED: None,  # The caller may have come with little time left.
}
_SETTLED = (grpc.ChannelConnectivity.READY, grpc.ChannelConnectivity.SHUTDOWN)

_log = telemetry.log("rpc")

Invoke = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Terms:
    """The terms of one method: see `manners`."""

    path: str
    port: str
    method: str
    seconds: float
    slow_seconds: float
    repeatable: bool


class NotArrived(Exception):
    """An attempt that surely did not reach the peer."""


class PerhapsArrived(Exception):
    """An attempt that may have reached the peer."""


class Channel:
    """The way to one module in another process."""

    def __init__(
        self,
        target: str,
        module: str,
        issuer: Issuer,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        chance: Callable[[int], bytes] = os.urandom,
        calls: "Tally | None" = None,
    ) -> None:
        """Name the peer; calls are counted by peer, method and how they ended."""
        self._target = target
        self._calls = calls
        self.module = module
        self._issuer = issuer
        self._chance = chance
        self._breaker = Breaker(monotonic, self._note)
        self._budget = RETRY_BUDGET
        self._papers: Papers | None = None
        self._channel: grpc.aio.Channel | None = None
        self._invokes: dict[str, Invoke] = {}
        self._draining: set[asyncio.Task[None]] = set()

    @property
    def breaker_state(self) -> BreakerState:
        """Tell whether calls pass at present."""
        return self._breaker.state

    async def call(self, terms: Terms, request: bytes) -> bytes:
        """Send a request and return its answer; errors of the other side rise here."""
        outcome = "broken"
        try:
            with calling(terms.port, terms.method) as metadata:
                async with within(terms.seconds):
                    answer = await self._attempts(terms, request, metadata)
            outcome = "ok"
        except BezantError as error:
            outcome = error.code
            raise
        finally:
            if self._calls is not None:
                self._calls.add(self.module, f"{terms.port}.{terms.method}", outcome)
        return answer

    def _note(self, state: BreakerState) -> None:
        _log.warn("peer.breaker", peer=self.module, state=state.value)

    async def close(self) -> None:
        """Close the connection; calls under way fail."""
        for task in tuple(self._draining):
            task.cancel()
        if self._channel is not None:
            await self._channel.close()
            self._channel = None

    async def _attempts(self, terms: Terms, request: bytes, metadata: Metadata) -> bytes:
        perhaps = False
        for attempt in range(1, ATTEMPTS_MAX + 1):
            try:
                answer = await self._attempt(terms, request, metadata)
            except NotArrived:  # It has waited for a connection already.
                break
            except PerhapsArrived:
                perhaps = True
            else:
                self._budget = min(RETRY_BUDGET, self._budget + 1)
                return answer
            self._budget = max(0, self._budget - RETRY_COST)
            if not terms.repeatable or self._budget < RETRY_BUDGET / 2:
                break
            await asyncio.sleep(self._backoff(attempt))
        raise self._given_up(perhaps=perhaps)

    def _given_up(self, *, perhaps: bool) -> BezantError:
        facts = {"peer": self.module}
        if perhaps:
            return OutcomeUnknown(f"the connection to {self.module} was lost", facts=facts)
        wait = self._breaker.pause_seconds() or 1.0
        return PeerUnavailable(
            f"{self.module} cannot be reached at present", facts=facts, retry_after_seconds=wait
        )

    async def _attempt(self, terms: Terms, request: bytes, metadata: Metadata) -> bytes:
        ticket = self._breaker.enter(terms.slow_seconds)
        if ticket is None:
            raise NotArrived
        answered: bool | None = None
        try:
            channel = self._current()
            await self._connected(channel)
            answer = await self._invoke(channel, terms.path)(
                request, timeout=remaining_seconds(), metadata=metadata
            )
            answered = True
            return cast("bytes", answer)
        except grpc.aio.AioRpcError as error:
            told = read_error(_trailer(error))
            if told is not None:
                answered = True
                raise told from None
            answered = _SAYS_OF_THE_PEER.get(error.code(), False)
            self._untold(terms, error)
        except NotArrived:
            answered = False
            raise
        finally:
            self._breaker.leave(ticket, answered=answered)

    def _untold(self, terms: Terms, error: grpc.aio.AioRpcError) -> NoReturn:
        """Understand a failure that gRPC itself reports, not the service."""
        code, details = error.code(), error.details() or ""
        if code is grpc.StatusCode.UNIMPLEMENTED:
            _log.error("call.unknown_to_peer", peer=self.module, method=terms.path)
            raise Fault(f"{self.module} does not offer this call") from None
        if code is grpc.StatusCode.RESOURCE_EXHAUSTED and "larger than max" in details:
            _log.error("answer.too_large", peer=self.module, method=terms.path)
            raise Fault(f"the answer of {self.module} is larger than a message may be") from None
        if code is grpc.StatusCode.DEADLINE_EXCEEDED:
            raise OutcomeUnknown("there was no answer in time") from None
        _log.warn("call.broken", peer=self.module, method=terms.path, status=code.name)
        raise PerhapsArrived from None

    async def _connected(self, channel: grpc.aio.Channel) -> None:
        """Wait until the connection stands, so that a call which fails later counts as sent."""
        if channel.get_state(try_to_connect=True) is grpc.ChannelConnectivity.READY:
            return
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                while (state := channel.get_state(try_to_connect=True)) not in _SETTLED:
                    await channel.wait_for_state_change(state)
        except TimeoutError:
            raise NotArrived from None
        if state is grpc.ChannelConnectivity.SHUTDOWN:
            raise NotArrived

    def _current(self) -> grpc.aio.Channel:
        """Return the channel, a new one if our papers changed."""
        papers = self._issuer.papers()
        if self._channel is not None and papers is self._papers:
            return self._channel
        if self._channel is not None:
            task = asyncio.create_task(self._channel.close(grace=DRAIN_SECONDS))
            self._draining.add(task)
            task.add_done_callback(self._draining.discard)
        name = server_name(self.module)
        options = [
            *OPTIONS,
            ("grpc.ssl_target_name_override", name),
            ("grpc.default_authority", name),
        ]
        self._channel = grpc.aio.secure_channel(
            self._target, channel_credentials(papers), options=options
        )
        self._papers = papers
        self._invokes.clear()
        return self._channel

    def _invoke(self, channel: grpc.aio.Channel, path: str) -> Invoke:
        if path not in self._invokes:
            self._invokes[path] = channel.unary_unary(path)
        return self._invokes[path]

    def _backoff(self, attempt: int) -> float:
        longest = BACKOFF_SECONDS * 2 ** (attempt - 1)
        return longest * (0.5 + int.from_bytes(self._chance(2)) / 2**17)


def _trailer(error: grpc.aio.AioRpcError) -> bytes | None:
    for key, value in error.trailing_metadata() or ():
        if key == ERROR_KEY and isinstance(value, bytes):
            return value
    return None
