"""What travels beside a call: the W3C trace context and the request id.

The telemetry room may hand in a carrier of its own that opens a span around each call; the plain
one passes on what came in, so a trace started outside stays one trace across every process it
crosses.
"""

from collections.abc import Generator, Mapping
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import Final, Protocol

from bezant import telemetry

TRACE_PARENT: Final = "traceparent"
TRACE_STATE: Final = "tracestate"
REQUEST_ID: Final = "x-request-id"
CARRIED: Final = (TRACE_PARENT, TRACE_STATE, REQUEST_ID)
VALUE_CHARACTERS_MAX = 512  # The W3C recommendation asks for at least that much `tracestate`.


class Carrier(Protocol):
    """Opens and closes what is around a call."""

    def calling(self, port: str, method: str) -> AbstractContextManager[Mapping[str, str]]:
        """Enter a call to another process; yields what goes along with it."""
        ...

    def answering(
        self, port: str, method: str, sent: Mapping[str, str]
    ) -> AbstractContextManager[None]:
        """Enter the answering of a call, with what came along with it."""
        ...

    def trace_id(self) -> str:
        """Return what finds this request in the logs."""
        ...


class PlainCarrier:
    """Passes the trace context and the request id on, and tells both to the log."""

    def __init__(self) -> None:
        self._trace: ContextVar[Mapping[str, str]] = ContextVar("trace")

    @contextmanager
    def calling(self, port: str, method: str) -> Generator[Mapping[str, str]]:
        del port, method
        yield presentable({**self._trace.get({}), REQUEST_ID: telemetry.REQUEST_ID.get()})

    @contextmanager
    def answering(self, port: str, method: str, sent: Mapping[str, str]) -> Generator[None]:
        del port, method
        with self.carrying(sent):
            yield

    @contextmanager
    def carrying(self, sent: Mapping[str, str]) -> Generator[None]:
        """Carry this along with every call made inside."""
        kept = presentable(sent)
        trace = self._trace.set(kept)
        request_id = telemetry.REQUEST_ID.set(kept.get(REQUEST_ID, ""))
        trace_id = telemetry.TRACE_ID.set(_trace_id(kept.get(TRACE_PARENT, "")))
        try:
            yield
        finally:
            telemetry.TRACE_ID.reset(trace_id)
            telemetry.REQUEST_ID.reset(request_id)
            self._trace.reset(trace)

    def trace_id(self) -> str:
        return telemetry.TRACE_ID.get() or telemetry.REQUEST_ID.get()


def _trace_id(trace_parent: str) -> str:
    parts = trace_parent.split("-")
    return parts[1] if len(parts) == 4 else ""


def presentable(sent: Mapping[str, str]) -> dict[str, str]:
    """Keep what we carry, and of that only what may stand in a header."""
    return {
        name: value
        for name in CARRIED
        if (value := sent.get(name))
        and len(value) <= VALUE_CHARACTERS_MAX
        and value.isascii()
        and value.isprintable()
    }


PLAIN: Final = PlainCarrier()
