"""One trace across processes, when somebody wants it, and nothing when nobody does."""

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from tests.http.stand import CARD, note, standing

from bezant.telemetry import TRACE_ID, traces
from bezant.telemetry.traces import continue_trace, current_traceparent, span

INCOMING = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
TRACE = "0af7651916cd43dd8448eb211c80319c"


@pytest.fixture
def exporter() -> Iterator[InMemorySpanExporter]:
    kept = InMemorySpanExporter()
    traces.start_traces("http://unused", "bezant-test", exporter=kept)
    yield kept
    traces.stop_traces()


@pytest.mark.requirement("S001-7", "S001-8")
def test_a_trace_goes_on_through_a_hop(exporter: InMemorySpanExporter) -> None:
    with continue_trace(INCOMING), span("http"):
        assert TRACE_ID.get() == TRACE
        sent = current_traceparent()
    assert TRACE_ID.get() == ""
    with continue_trace(sent), span("grpc"):
        pass
    traces.flush_traces()
    http, grpc = exporter.get_finished_spans()
    assert f"{http.context.trace_id:032x}" == f"{grpc.context.trace_id:032x}" == TRACE
    assert grpc.parent is not None
    assert grpc.parent.span_id == http.context.span_id
    assert http.resource.attributes["service.name"] == "bezant-test"


@pytest.mark.requirement("S002-8")
@pytest.mark.catalogue("T80")
async def test_a_request_is_one_span_named_by_its_route(exporter: InMemorySpanExporter) -> None:
    async with standing() as stand:
        await stand.post("/v1/fast", note(), traceparent=INCOMING)
        failed = await stand.post("/v1/fast", note("broken"), traceparent=INCOMING)
        await stand.client.get(f"/v1/notes/{CARD}?card={CARD}", headers={"x-api-key": CARD})
        logged = stand.logged()
    traces.flush_traces()
    spans = exporter.get_finished_spans()
    assert [one.name for one in spans] == [
        "POST /v1/fast",
        "POST /v1/fast",
        "GET /v1/notes/{number}",
    ]
    assert failed.json()["trace_id"] == TRACE
    assert [line["trace_id"] for line in logged][:3] == [TRACE] * 3
    assert CARD not in "".join(one.to_json() for one in spans)


def test_a_failing_step_is_marked_without_its_words(exporter: InMemorySpanExporter) -> None:
    with pytest.raises(ValueError, match="secret"), span("step"):
        raise ValueError("secret words")
    traces.flush_traces()
    (one,) = exporter.get_finished_spans()
    assert not one.status.is_ok
    assert one.status.description == "ValueError"
    assert "secret" not in one.to_json()


def test_without_an_endpoint_a_trace_id_is_only_passed_on() -> None:
    with continue_trace(INCOMING), span("http"):
        assert TRACE_ID.get() == TRACE
        assert current_traceparent() == INCOMING
    assert current_traceparent() == ""


@pytest.mark.parametrize(
    "text",
    [
        "",
        "00-0-0-0",
        INCOMING.upper(),
        INCOMING + "x",
        "01" + INCOMING[2:],
        f"00-{'0' * 32}-b7ad6b7169203331-01",
        f"00-{TRACE}-{'0' * 16}-01",
        "é",
    ],
)
def test_what_is_no_traceparent_is_ignored(text: str) -> None:
    with continue_trace(text):
        assert TRACE_ID.get() == ""
        assert current_traceparent() == ""


def test_the_libraries_of_traces_are_loaded_only_when_asked_for() -> None:
    program = (
        "import sys; from bezant.telemetry.traces import span, continue_trace\n"
        "with continue_trace('a'), span('b'): pass\n"
        "sys.exit('opentelemetry.sdk' in sys.modules or 'opentelemetry.exporter' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False, timeout=60).returncode == 0


class Collector(HTTPServer):
    """What an OpenTelemetry collector is to us: it takes spans and says so."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Taking)
        self.taken: list[tuple[str, ExportTraceServiceRequest]] = []


class Taking(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        read = self.rfile.read(int(self.headers["content-length"]))
        collector = self.server
        assert isinstance(collector, Collector)
        collector.taken.append((self.path, ExportTraceServiceRequest.FromString(read)))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.mark.requirement("S001-8", part="traces are sent by OTLP")
def test_spans_reach_a_collector_by_otlp() -> None:
    with Collector() as collector:
        serving = threading.Thread(target=collector.serve_forever)
        serving.start()
        traces.start_traces(f"http://127.0.0.1:{collector.server_port}/", "bezant-test")
        with continue_trace(INCOMING), span("ledger.post"):
            pass
        traces.stop_traces()
        collector.shutdown()
        serving.join()
    ((path, told),) = collector.taken
    (of_service,) = told.resource_spans
    named = {one.key: one.value.string_value for one in of_service.resource.attributes}
    (one,) = of_service.scope_spans[0].spans
    assert (path, named["service.name"]) == ("/v1/traces", "bezant-test")
    assert (one.name, one.trace_id.hex()) == ("ledger.post", TRACE)
    assert one.parent_span_id.hex() == INCOMING.split("-")[2]


def test_a_collector_that_never_answers_does_not_keep_us() -> None:
    """It accepts and is silent: the library itself would wait for ten seconds and more."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        traces.start_traces(f"http://127.0.0.1:{silent.getsockname()[1]}", "bezant-test")
        with span("ledger.post"):
            pass
        began = time.monotonic()
        traces.stop_traces()
        took = time.monotonic() - began
        silent.settimeout(30)
        caller, _ = silent.accept()  # The control: it was called.
        with caller:
            assert caller.recv(4) == b"POST"
    assert took < 3 * traces.STOP_SECONDS_MAX
    assert not traces.tracing()
