"""A server takes what it can, says when it cannot, finishes what it began, and tells its health."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import grpc.aio
import pytest
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from tests.rpc.apart import ready_port, started
from tests.rpc.conftest import Installation
from tests.rpc.forgery import Wanted, forge
from tests.rpc.sample import Sample, SampleService, Wish, sample_service

from bezant import telemetry
from bezant.clock import RealClock
from bezant.errors import TooManyRequests, Unavailable
from bezant.rpc.authority import Authority
from bezant.rpc.codes import Fault
from bezant.rpc.near import near
from bezant.rpc.papers import Papers
from bezant.rpc.tls import channel_credentials
from bezant.telemetry.traces import continue_trace, flush_traces, start_traces, stop_traces

pytestmark = pytest.mark.requirement("S001-5", part="rpc")

SERVING = HealthCheckResponse.SERVING
NOT_SERVING = HealthCheckResponse.NOT_SERVING
TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACE = f"00-{TRACE_ID}-00f067aa0ba902b7-01"


async def until(true: Any, what: str) -> None:
    """Wait for a condition without standing in the loop's way."""
    for _ in range(3_000):
        if true():
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"still not: {what}")


async def test_a_server_that_has_enough_to_do_says_so(installation: Installation):
    await installation.listen(calls_max=3)
    sample = installation.far()
    waiting = [asyncio.create_task(sample.wish(Wish(str(n), "wait", 1_000))) for n in range(3)]
    await until(lambda: installation.service.calls == 3, "three calls under way")

    with pytest.raises(TooManyRequests) as busy:
        await sample.wish(Wish("one too many"))

    assert busy.value.code == "busy"
    assert busy.value.retry_after_seconds
    assert await asyncio.gather(*waiting) == ["0", "1", "2"]
    assert await sample.wish(Wish("later")) == "later"


async def test_a_server_that_stops_finishes_what_it_began(installation: Installation):
    await installation.listen()
    assert installation.server is not None
    sample = installation.far()
    begun = asyncio.create_task(sample.wish(Wish("begun", "wait", 500)))
    await until(lambda: installation.service.calls == 1, "the call has begun")

    stopping = asyncio.create_task(installation.server.stop(10))
    await asyncio.sleep(0)
    assert await begun == "begun"
    await stopping
    with pytest.raises(Unavailable):
        await sample.wish(Wish("late"))
    assert installation.service.calls == 1


async def test_a_caller_that_goes_away_ends_its_call(installation: Installation):
    ended: list[str] = []

    class Watched(SampleService):
        async def wish(self, command: Wish) -> str:
            try:
                return await super().wish(command)
            except asyncio.CancelledError:
                ended.append(command.id)
                raise

    installation.service = Watched()
    await installation.listen()
    task = asyncio.create_task(installation.far().wish(Wish("gone", "wait", 60_000)))
    await until(lambda: installation.service.calls == 1, "the call has begun")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(lambda: ended == ["gone"], "the service was told")


@asynccontextmanager
async def line_to(installation: Installation, papers: Papers) -> AsyncIterator[grpc.aio.Channel]:
    options = (("grpc.ssl_target_name_override", "sample.bezant.internal"),)
    address = f"127.0.0.1:{installation.port}"
    async with grpc.aio.secure_channel(
        address, channel_credentials(papers), options=options
    ) as channel:
        yield channel


async def health_of(channel: grpc.aio.Channel, service: str) -> Any:
    check = channel.unary_unary(
        "/grpc.health.v1.Health/Check",
        request_serializer=HealthCheckRequest.SerializeToString,
        response_deserializer=HealthCheckResponse.FromString,
    )
    return (await check(HealthCheckRequest(service=service), timeout=10)).status


async def test_the_health_service_answers_any_module(installation: Installation):
    await installation.listen()
    papers = installation.issuer("webhooks").papers()  # It may call nothing else.
    async with line_to(installation, papers) as channel:
        assert await health_of(channel, "") == SERVING
        assert await health_of(channel, "bezant.sample.Sample") == SERVING
        with pytest.raises(grpc.aio.AioRpcError) as unknown:
            await health_of(channel, "bezant.sample.Other")
        assert unknown.value.code() is grpc.StatusCode.NOT_FOUND


async def test_the_health_service_answers_no_stranger(installation: Installation, tmp_path: Any):
    await installation.listen()
    true = installation.issuer("payments").papers()
    stranger = forge(tmp_path, true, Wanted(addresses=("bezant://other/payments",))).papers()
    async with line_to(installation, stranger) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await health_of(channel, "")
        assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_who_watches_health_hears_of_the_end(installation: Installation):
    await installation.listen()
    assert installation.server is not None
    async with line_to(installation, installation.issuer("payments").papers()) as channel:
        watch = channel.unary_stream(
            "/grpc.health.v1.Health/Watch",
            request_serializer=HealthCheckRequest.SerializeToString,
            response_deserializer=HealthCheckResponse.FromString,
        )
        heard = watch(HealthCheckRequest(service="bezant.sample.Sample"), timeout=30)
        assert (await heard.read()).status == SERVING
        stopping = asyncio.create_task(installation.server.stop(1))
        assert (await heard.read()).status == NOT_SERVING
        heard.cancel()
        await stopping


class Listening(SampleService):
    """Notes what the log would say about the request in hand, and calls on."""

    def __init__(self, onward: Sample | None = None) -> None:
        super().__init__()
        self.onward = onward
        self.heard: list[tuple[str, str]] = []

    async def nothing(self) -> None:
        self.heard.append((telemetry.TRACE_ID.get(), telemetry.REQUEST_ID.get()))
        if self.onward is not None:
            await self.onward.nothing()


async def test_a_trace_crosses_every_process(installation: Installation):
    last = installation.service = Listening()
    await installation.listen()
    first = installation.service = Listening(onward=installation.far())
    await installation.listen()

    with request("req_1"), continue_trace(TRACE):
        await installation.far().nothing()

    expected = [(TRACE_ID, "req_1")]
    assert first.heard == expected
    assert last.heard == expected


async def test_with_tracing_each_side_of_a_call_is_a_span_of_one_trace(
    installation: Installation,
):
    last = installation.service = Listening()
    await installation.listen()
    kept = InMemorySpanExporter()
    start_traces("", "test", exporter=kept)
    try:
        with continue_trace(TRACE):
            await installation.far().nothing()
        flush_traces()
    finally:
        stop_traces()

    spans = {each.name: each for each in kept.get_finished_spans()}
    calling, answering = spans["call sample.Sample.nothing"], spans["sample.Sample.nothing"]
    assert f"{calling.context.trace_id:032x}" == TRACE_ID
    assert answering.context.trace_id == calling.context.trace_id
    assert answering.parent.span_id == calling.context.span_id
    assert last.heard[0][0] == TRACE_ID


async def test_a_fault_tells_the_trace_and_nothing_else(installation: Installation):
    await installation.listen()
    for sample in (installation.far(), near(Sample, SampleService())):
        with continue_trace(TRACE), pytest.raises(Fault) as fault:
            await sample.wish(Wish("w", "fault"))
        assert fault.value.facts == {"trace_id": TRACE_ID}
        with request("req_2"), pytest.raises(Fault) as fault:
            await sample.wish(Wish("w", "fault"))
        assert fault.value.facts == {"trace_id": "req_2"}


@pytest.mark.parametrize("value", ["", "x" * 256, "line\nbreak", "naïve"])
async def test_what_cannot_stand_in_a_header_is_left_out(installation: Installation, value: str):
    listening = installation.service = Listening()
    await installation.listen()
    with request(value):
        await installation.far().nothing()
    assert listening.heard == [("", "")]


@contextmanager
def request(name: str) -> Iterator[None]:
    token = telemetry.REQUEST_ID.set(name)
    try:
        yield
    finally:
        telemetry.REQUEST_ID.reset(token)


def test_a_near_port_loads_neither_grpc_nor_protobuf():
    program = (
        "import sys, bezant.rpc.near, bezant.ledger.port;"
        "bezant.rpc.near.near(bezant.ledger.port.Ledger, object.__new__({0}));"
        "loaded = {{name.partition('.')[0] for name in sys.modules}};"
        "sys.exit(bool(loaded & {{'grpc', 'google', 'cryptography'}}))"
    )
    near_only = program.format("type('Any', (), {'__getattr__': lambda self, name: name})")
    assert subprocess.run([sys.executable, "-c", near_only], check=False).returncode == 0
    with_far = "import bezant.rpc.far;" + near_only  # The control.
    assert subprocess.run([sys.executable, "-c", with_far], check=False).returncode == 1


def test_a_module_apart_stops_when_asked(tmp_path: Any):
    folder = Authority(tmp_path, "test", RealClock()).issue("sample")
    with started(folder, Sample, sample_service, caller="payments") as program:
        assert ready_port(program) > 0
        assert program.stop() == 0
        assert not program.alive
