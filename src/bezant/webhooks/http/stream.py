"""Events as a server-sent stream: `id`, `event`, `data`, and a sign of life now and then."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Generator
from dataclasses import replace
from typing import Final, Protocol, cast

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from bezant.errors import Unavailable
from bezant.http.protocol import CYCLE
from bezant.webhooks.http import messages as models
from bezant.webhooks.port import RUN_MAX, EventsAfter, TooManyStreams, Webhooks

# Then the reader comes back, with a key that still works: one that was revoked hears no more.
STREAM_SECONDS_MAX: Final = 300.0
LIFE_SECONDS: Final = 15.0
WAIT_MILLISECONDS: Final = 1_000  # How soon a stream notices that its process is to end.
# A stream keeps its connection for minutes. One merchant's leave room for everybody else's, and all
# of them together leave most of a process's connections to requests.
STREAMS_OF_MERCHANT_MAX: Final = 32
STREAMS_MAX: Final = 256
AGAIN_SECONDS: Final = 30.0
MEDIA_TYPE: Final = "text/event-stream"
HEADERS: Final = {"x-accel-buffering": "no"}  # nginx would wait for more before it passes it on.


class Places:
    """Counts the streams that are open in this process."""

    def __init__(self) -> None:
        self._open: Counter[str] = Counter()

    @contextlib.contextmanager
    def taken(self, tenant: str) -> Generator[None]:
        """Take a place for as long as a stream lasts, or refuse it."""
        if self._open[tenant] >= STREAMS_OF_MERCHANT_MAX or self._open.total() >= STREAMS_MAX:
            raise TooManyStreams(retry_after_seconds=AGAIN_SECONDS)
        self._open[tenant] += 1
        try:
            yield
        finally:
            self._open[tenant] -= 1
            if not self._open[tenant]:
                del self._open[tenant]


class Connection(Protocol):
    """What a stream sees of its connection."""

    keep_alive: bool


class EventStream:
    """One reader's stream."""

    def __init__(
        self, webhooks: Webhooks, wanted: EventsAfter, stopping: Callable[[], bool]
    ) -> None:
        self._webhooks = webhooks
        self._wanted = replace(wanted, limit=RUN_MAX, wait_milliseconds=WAIT_MILLISECONDS)
        self._stopping = stopping

    async def events(self) -> AsyncGenerator[bytes]:
        """Yield what comes after the place that is wanted, until the stream's time is over."""
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + STREAM_SECONDS_MAX
        said_at = loop.time()
        wanted = self._wanted
        yield b"retry: 1000\n\n"
        while loop.time() < ends_at:
            try:
                run = await self._webhooks.events_after(wanted)
            except Unavailable:
                return  # The reader comes back with its last id, and then hears everything.
            wanted = replace(wanted, place=run.place)
            if run.events:
                said_at = loop.time()
                yield b"".join(
                    b"id: %b\nevent: %b\ndata: %b\n\n"
                    % (
                        event.id.encode(),
                        event.type.encode(),
                        models.event(event).model_dump_json().encode(),
                    )
                    for event in run.events
                )
            elif self._stopping():
                return
            elif loop.time() - said_at > LIFE_SECONDS:
                said_at = loop.time()
                yield b": still here\n\n"


class StreamAnswer(StreamingResponse):
    """An answer that has a place for as long as it is being sent."""

    def __init__(self, stream: EventStream, places: Places, tenant: str) -> None:
        super().__init__(stream.events(), media_type=MEDIA_TYPE, headers=HEADERS)
        self._places = places
        self._tenant = tenant

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send events while the stream lasts."""
        with self._places.taken(self._tenant):
            await super().__call__(scope, receive, send)


def stopping_of(scope: Scope) -> Callable[[], bool]:
    """Return what tells whether the server has been asked to end: it then keeps no connection."""
    cycle = cast("Connection | None", scope.get(CYCLE))
    if cycle is None:
        return lambda: True  # A server that cannot tell: a stream there tells what is and ends.
    if not cycle.keep_alive:
        return lambda: False  # A reader who keeps no connection; it is waited for, but not long.
    return lambda: not cycle.keep_alive
