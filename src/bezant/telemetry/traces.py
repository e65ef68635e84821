"""Traces: one story across processes, by W3C `traceparent`, sent by OTLP where that is configured.

    with continue_trace(traceparent), span("ledger.post"):
        ...

Without an endpoint nothing is recorded and OpenTelemetry is not even imported; an incoming trace
id is still passed on and written into every log line. Spans carry names and ids we chose: never
an address with its query, never a body.
"""

import re
from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar, Token
from threading import Thread
from typing import TYPE_CHECKING, Final

from bezant.telemetry.logs import TRACE_ID

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Tracer

STOP_SECONDS_MAX: Final = 2.0  # The whole platform stops within ten; traces are not worth more.
_TRACEPARENT: Final = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}\Z")
_NOTHING: Final[AbstractContextManager[None]] = nullcontext()
_incoming: Final[ContextVar[str]] = ContextVar("traceparent", default="")


class _State:
    tracer: "Tracer | None" = None
    provider: "TracerProvider | None" = None


def start_traces(endpoint: str, service: str, *, exporter: "SpanExporter | None" = None) -> None:
    """Send spans to an OTLP endpoint, such as `http://localhost:4318`, in this service's name."""
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 - 40 ms when wanted
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    if exporter is None:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415
            OTLPSpanExporter,
        )

        exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces")
    stop_traces()
    # Nothing waits for a collector when the process ends but `stop_traces`, and that not for long.
    provider = TracerProvider(
        resource=Resource.create({"service.name": service}), shutdown_on_exit=False
    )
    provider.add_span_processor(BatchSpanProcessor(exporter))
    _State.provider = provider
    _State.tracer = provider.get_tracer("bezant")


def stop_traces() -> None:
    """Send what is left and stop; a collector that does not answer is left to itself."""
    provider, _State.provider, _State.tracer = _State.provider, None, None
    if provider is not None:
        ending = Thread(target=provider.shutdown, name="last traces", daemon=True)
        ending.start()
        ending.join(STOP_SECONDS_MAX)


def flush_traces() -> None:
    """Send what is waiting now."""
    if _State.provider is not None:
        _State.provider.force_flush()


def tracing() -> bool:
    """Tell whether spans are recorded."""
    return _State.tracer is not None


def current_traceparent() -> str:
    """Return what to send along with a call, or nothing if there is no trace."""
    if _State.tracer is None:
        return _incoming.get()
    from opentelemetry.trace import get_current_span  # noqa: PLC0415

    context = get_current_span().get_span_context()
    if not context.is_valid:
        return _incoming.get()
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{int(context.trace_flags):02x}"


def continue_trace(traceparent: str) -> AbstractContextManager[None]:
    """Go on with the caller's trace; text that is no traceparent is ignored."""
    found = _TRACEPARENT.match(traceparent)
    if found is None or not int(found[1], 16) or not int(found[2], 16):
        return _NOTHING
    return _continued(traceparent, found[1])


def span(name: str) -> AbstractContextManager[None]:
    """Record how long a step takes, as a child of the step around it."""
    return _NOTHING if _State.tracer is None else _span(_State.tracer, name)


@contextmanager
def _continued(traceparent: str, trace_id: str) -> Generator[None]:
    incoming = _incoming.set(traceparent)
    named = TRACE_ID.set(trace_id)
    attached = _attach(traceparent)
    try:
        yield
    finally:
        _detach(attached)
        TRACE_ID.reset(named)
        _incoming.reset(incoming)


@contextmanager
def _span(tracer: "Tracer", name: str) -> Generator[None]:
    from opentelemetry.trace import Status, StatusCode  # noqa: PLC0415

    # The library would record the exception's message, which may repeat what a caller sent.
    with tracer.start_as_current_span(
        name, record_exception=False, set_status_on_exception=False
    ) as current:
        named = TRACE_ID.set(f"{current.get_span_context().trace_id:032x}")
        try:
            yield
        except BaseException as failed:
            current.set_status(Status(StatusCode.ERROR, type(failed).__name__))
            raise
        finally:
            TRACE_ID.reset(named)


def _attach(traceparent: str) -> "Token[Context] | None":
    if _State.tracer is None:
        return None
    from opentelemetry.context import attach  # noqa: PLC0415
    from opentelemetry.trace.propagation.tracecontext import (  # noqa: PLC0415
        TraceContextTextMapPropagator,
    )

    return attach(TraceContextTextMapPropagator().extract({"traceparent": traceparent}))


def _detach(attached: "Token[Context] | None") -> None:
    if attached is not None:
        from opentelemetry.context import detach  # noqa: PLC0415

        detach(attached)
