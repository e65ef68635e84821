"""One trace across processes, when somebody wants it, and nothing when nobody does."""

import subprocess
import sys
from collections.abc import Iterator

import pytest
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
