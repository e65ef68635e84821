"""`bezant bench floor`: what the edge costs beside bare echoes, and the platform before it works.

Echo and edge take turns under the same load. The platform is then started as its users start it:
once to make its data, and again to see how quick it is when everything is there.
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Final

import uvloop

from bench.edge import KEY
from bench.load import Plan, generator, press
from bench.measure import (
    Comparison,
    Measure,
    Options,
    Result,
    Sample,
    Subject,
    Target,
    judge,
    machine,
    median,
    ratio,
    take_turns,
    told,
)
from bench.process import HOST, ChildFailed, Service, free_port, serving
from bench.product import address
from bench.server import durable_server

AT_LEAST, AT_MOST = Comparison.AT_LEAST, Comparison.AT_MOST
CONNECTIONS: Final = 64
IDLE_SECONDS: Final = 3.0
HEALTHY_SECONDS_MAX: Final = 120.0

FAST, ORDINARY = "fast_lane_vs_echo", "ordinary_lane_vs_fastapi"
MEMORY, WARM_UP, START = "idle_memory_mb", "warm_up_s", "python_start_s"
TARGETS: Final = (
    Target(
        FAST,
        "an answer through the whole edge on the fast lane (key, limits, checks, metrics, logs),"
        " requests a second against a bare uvicorn echo",
        "x", AT_LEAST, 0.5, 0.7,
    ),
    Target(
        ORDINARY,
        "the same on the ordinary lane, against a bare FastAPI and pydantic echo",
        "x", AT_LEAST, 0.6, 0.8,
    ),
    Target(
        MEMORY, "resident memory of the whole platform in one process, idle, without PostgreSQL",
        "MB", AT_MOST, 180.0, 120.0,
    ),
    Target(
        WARM_UP,
        "`bezant up` on data that exists, to its first healthy answer, PostgreSQL included",
        "s", AT_MOST, 5.0, 3.0,
    ),
    Target(
        START,
        "`bezant up` on a running PostgreSQL, from process start to its first healthy answer",
        "s", AT_MOST, 1.5, 0.8,
    ),
)  # fmt: skip
BY_ID: Final = {target.id: target for target in TARGETS}


class UnknownMeasure(ValueError):
    """There is no measure of this name."""


@dataclass(frozen=True, slots=True)
class Size:
    """How long a run is."""

    stretch_seconds: float
    rounds_max: int
    seconds: float
    starts: int


QUICK: Final = Size(3.0, 4, 55.0, 2)
WHOLE: Final = Size(8.0, 7, 300.0, 5)


def run(options: Options) -> Result:
    """Run the benchmark, or the part of it that was asked for."""
    if options.only is not None and options.only not in BY_ID:
        raise UnknownMeasure(f"{options.only} is not one of: {', '.join(BY_ID)}")
    return uvloop.run(_measure(options, QUICK if options.quick else WHOLE))


async def _measure(options: Options, size: Size) -> Result:
    described = {**machine(), "load_generator": generator(), "connections": CONNECTIONS}
    measures: list[Measure] = []
    problems: list[str] = []
    with tempfile.TemporaryDirectory(prefix="bezant-bench-") as scratch:
        folder = Path(scratch)
        if options.wants(FAST) or options.wants(ORDINARY):
            measures += await _lanes(options, size, folder, problems)
        if options.wants(MEMORY) or options.wants(WARM_UP):
            measures += await _with_its_own_database(options, size, folder)
        if options.wants(START):
            measures.append(await _on_a_running_database(options, size, folder))
    return Result("floor", described, tuple(measures), tuple(problems))


async def _lanes(options: Options, size: Size, folder: Path, problems: list[str]) -> list[Measure]:
    async with AsyncExitStack() as stack:

        async def start(name: str, module: str, *arguments: str) -> Service:
            port = free_port()
            command = [sys.executable, "-m", module, str(port), *arguments]
            root = {"PYTHONPATH": str(Path(__file__).parent.parent)}
            log = folder / f"{name}.log"
            return await stack.enter_async_context(serving(name, command, root, port, log))

        echo = await start("echo", "bench.baselines.echo")
        ordinary = await start("fastapi", "bench.baselines.echo_fastapi")
        edge = await start("edge", "bench.edge", str(folder / "edge.json"))
        subjects = {
            "echo": _pressed(echo, "/v1/fast", size, folder),
            "fast": _pressed(edge, "/v1/fast", size, folder),
            "fastapi": _pressed(ordinary, "/v1/ordinary", size, folder),
            "ordinary": _pressed(edge, "/v1/ordinary", size, folder),
        }
        until = time.monotonic() + size.seconds
        taken = await take_turns(subjects, size.rounds_max, until, options.tell)
    for name, samples in taken.items():
        if any(one.facts["refused_requests"] or one.facts["broken_requests"] for one in samples):
            problems.append(f"{name} refused or broke requests")
    pairs = ((FAST, "fast", "echo"), (ORDINARY, "ordinary", "fastapi"))
    return [
        judge(
            BY_ID[measure],
            ratio(taken[ours], taken[theirs]),
            {ours: told(taken[ours]), theirs: told(taken[theirs])},
        )
        for measure, ours, theirs in pairs
        if options.wants(measure)
    ]


def _pressed(service: Service, path: str, size: Size, folder: Path) -> Subject:
    """Return a subject: so much load on one service, and what processor time a request took it."""
    item = (
        '{"debit":"{{debit}}","credit":"{{credit}}",'
        '"amount":{"amount":"19.99","asset":"EUR"},"reference":"invoice {{id}}"}'
    )
    accounts = [f"acct_{number:032x}" for number in range(100)]
    plan = Plan(path, {"x-api-key": KEY}, "", item, "", 1, accounts)

    async def press_once() -> Sample:
        seed, before = f"{time.monotonic_ns() & 0xFFFFFFFF:08x}", service.cpu_seconds()
        sample = await press(plan, service.port, CONNECTIONS, size.stretch_seconds, seed, folder)
        used = service.cpu_seconds() - before
        requests = sample.value * sample.seconds
        facts = {**sample.facts, "cpu_us_a_request": round(used / requests * 1e6, 1)}
        return Sample(sample.value, sample.seconds, facts)

    return press_once


async def _with_its_own_database(options: Options, size: Size, folder: Path) -> list[Measure]:
    data = folder / "own"
    async with _up(data, folder, {}):
        options.tell("made the data of an installation")
    starts: list[Sample] = []
    memory: list[Sample] = []
    for _ in range(size.starts):
        async with _up(data, folder, {}) as (service, seconds):
            starts.append(Sample(seconds, seconds))
            await asyncio.sleep(IDLE_SECONDS)
            memory.append(Sample(service.memory_mb(), IDLE_SECONDS))
        options.tell(f"up in {seconds:.2f} s, {memory[-1].value:.0f} MB")
    found = ((MEMORY, memory), (WARM_UP, starts))
    return [
        judge(BY_ID[measure], median(samples), {"runs": told(samples)})
        for measure, samples in found
        if options.wants(measure)
    ]


async def _on_a_running_database(options: Options, size: Size, folder: Path) -> Measure:
    starts: list[Sample] = []
    async with durable_server(folder / "server") as server:
        given = {"DATABASE_URL": address(await server.create("bezant"))}
        for number in range(size.starts + 1):
            async with _up(folder / "lent", folder, given) as (_, seconds):
                options.tell(f"up in {seconds:.2f} s")
            if number:  # The first one makes the tables.
                starts.append(Sample(seconds, seconds))
    return judge(BY_ID[START], median(starts), {"runs": told(starts)})


@asynccontextmanager
async def _up(
    data: Path, folder: Path, given: Mapping[str, str]
) -> AsyncGenerator[tuple[Service, float]]:
    """Run `bezant up` and tell how long it took to answer healthily."""
    port = free_port()
    command = [sys.executable, "-m", "bezant.cli.main", "up", "--json"]
    command += ["--data", str(data), "--port", str(port)]
    environment = {
        "BEZANT_KEY_FILE": str(folder / f"{data.name}.key"),
        "LOG_FORMAT": "json",
        **given,
    }
    began = time.monotonic()
    async with serving("bezant", command, environment, port, folder / "up.log") as service:
        while not await asyncio.to_thread(_is_healthy, port):
            if time.monotonic() - began > HEALTHY_SECONDS_MAX:
                raise ChildFailed("bezant did not become healthy")
            await asyncio.sleep(0.01)
        yield service, time.monotonic() - began


def _is_healthy(port: int) -> bool:
    connection = HTTPConnection(HOST, port, timeout=5)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
