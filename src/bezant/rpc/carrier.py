"""What travels beside a call: the W3C trace context and the request id.

A trace that began outside stays one trace across every process it crosses, and every line in the
log of every process names it. With tracing on, each call is a span on either side.
"""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

from bezant.telemetry import REQUEST_ID, TRACE_ID
from bezant.telemetry.traces import continue_trace, current_traceparent, span

TRACE_HEADER: Final = "traceparent"
REQUEST_HEADER: Final = "x-request-id"
CARRIED: Final = frozenset({TRACE_HEADER, REQUEST_HEADER})
VALUE_CHARACTERS_MAX = 255
CALLER: Final = ContextVar("caller", default="")
"""The module that asks: by its certificate, or in one process by the name its port was given."""

Metadata = tuple[tuple[str, str], ...]


@contextmanager
def calling(port: str, method: str) -> Generator[Metadata]:
    """Enter a call to another process; yields what goes along with it."""
    with span(f"call {port}.{method}"):
        carried = {TRACE_HEADER: current_traceparent(), REQUEST_HEADER: REQUEST_ID.get()}
        yield tuple((name, value) for name, value in carried.items() if presentable(value))


@contextmanager
def answering(port: str, method: str, sent: Mapping[str, str]) -> Generator[None]:
    """Enter the answering of a call, with what came along with it."""
    request_id = sent.get(REQUEST_HEADER, "")
    named = REQUEST_ID.set(request_id if presentable(request_id) else "")
    try:
        with continue_trace(sent.get(TRACE_HEADER, "")), span(f"{port}.{method}"):
            yield
    finally:
        REQUEST_ID.reset(named)


def trace_id() -> str:
    """Return what finds this request in the logs."""
    return TRACE_ID.get() or REQUEST_ID.get()


def presentable(value: str) -> bool:
    """Tell whether a text may stand in a header and in a log line."""
    return 0 < len(value) <= VALUE_CHARACTERS_MAX and value.isascii() and value.isprintable()
