"""Events as a server-sent stream: `id`, `event`, `data`, and a sign of life now and then."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from dataclasses import replace
from typing import Final, Protocol, cast

from starlette.types import Scope

from bezant.http.protocol import CYCLE
from bezant.webhooks.http import messages as models
from bezant.webhooks.port import RUN_MAX, EventsAfter, Webhooks

# Then the reader comes back, with a key that still works: one that was revoked hears no more.
STREAM_SECONDS_MAX: Final = 300.0
LIFE_SECONDS: Final = 15.0
WAIT_MILLISECONDS: Final = 1_000  # How soon a stream notices that its process is to end.


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
            run = await self._webhooks.events_after(wanted)
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


def stopping_of(scope: Scope) -> Callable[[], bool]:
    """Return what tells whether the server has been asked to end: it then keeps no connection."""
    cycle = cast("Connection | None", scope.get(CYCLE))
    if cycle is None:
        return lambda: True  # A server that cannot tell: a stream there tells what is and ends.
    if not cycle.keep_alive:
        return lambda: False  # A reader who keeps no connection; it is waited for, but not long.
    return lambda: not cycle.keep_alive
