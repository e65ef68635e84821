"""The whole platform over HTTP beside the two baselines: same server, same load generator."""

from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from bench import product
from bench.baselines import book
from bench.load import Plan, press
from bench.measure import Sample, Subject, median, ratio
from bench.process import Service
from bench.run import Run
from bench.targets import ORM_TO_TPCB_MIN

CONNECTIONS = 256
BATCH_ITEMS = 500
BATCH_CONNECTIONS = 4
WARM_CONNECTIONS = 64
ORM_STRETCHES = 2
"""The slowest system is watched longer: 256 callers wait half a second each for it."""

SUBJECTS = {
    "http_1_p50_ms": ("http_1",),
    "http_64_p99_ms": ("http_64",),
    "batch_500_vs_tpcb": ("batch_500", "tpcb"),
    "http_256_vs_tpcb": ("tpcb", "http_256"),
    "http_256_vs_orm": ("tpcb", "http_256", "orm_256"),
    "http_256_vs_call": ("http_256", "call_256"),
    "api_memory_mb": ("http_256",),
}
ORDER = ("http_1", "http_64", "batch_500", "tpcb", "http_256", "orm_256", "call_256")
"""What is compared stands side by side."""


@dataclass(slots=True)
class Pressed:
    """A service under load, and what it acknowledged."""

    run: Run
    service: Service
    accepted: int = 0
    pressed: int = 0
    memory_mb: list[float] = field(default_factory=list[float])

    async def press(self, plan: Plan, connections: int, seconds: float) -> Sample:
        """Press once, and note what was acknowledged, refused and used."""
        self.pressed += 1
        seed = f"{self.service.pid * 1_000 + self.pressed:08x}"
        cpu = self.service.cpu_seconds()
        sample = await press(plan, self.service.port, connections, seconds, seed, self.run.folder)
        cpu = self.service.cpu_seconds() - cpu
        self.memory_mb.append(self.service.memory_mb())
        accepted = sample.facts["accepted_items"]
        assert isinstance(accepted, int)
        self.accepted += accepted
        for trouble in ("refused_requests", "broken_requests"):
            if sample.facts[trouble]:
                self.run.problems.append(
                    f"{self.service.name}: {sample.facts[trouble]} {trouble.replace('_', ' ')}"
                    f" at {connections} connections"
                )
        used = {"cpu_us_per_item": round(cpu / max(accepted, 1) * 1e6, 1)}
        return Sample(
            sample.value, sample.seconds, {**sample.facts, **used, "rss_mb": self.memory_mb[-1]}
        )


async def measure_far(run: Run) -> None:
    """Take every measure that goes over HTTP."""
    wanted = {name for measure, names in SUBJECTS.items() if run.wants(measure) for name in names}
    if not wanted:
        return
    async with AsyncExitStack() as stack:
        ours = await stack.enter_async_context(
            product.running(run.server, run.folder, run.size.accounts)
        )
        bezant = Pressed(run, ours.service)
        baselines: dict[str, tuple[Pressed, book.Baseline]] = {}
        for name in ("orm", "call"):
            if f"{name}_256" in wanted:
                dsn = await run.server.create(name)
                log = run.folder / f"{name}.log"
                baseline = await stack.enter_async_context(book.running(name, dsn, log))
                baselines[name] = (Pressed(run, baseline.service), baseline)
        await bezant.press(ours.single, WARM_CONNECTIONS, 1.0)
        for pressed, _ in baselines.values():
            await pressed.press(book.PLAN, WARM_CONNECTIONS, 1.0)
        every = _subjects(run, bezant, ours, baselines)
        samples = await run.turns(
            {name: every[name] for name in ORDER if name in wanted}, run.size.far_seconds
        )
        _keep(run, samples)
        run.problems.extend(await ours.faults(bezant.accepted))
        for pressed, baseline in baselines.values():
            run.problems.extend(await baseline.faults(pressed.accepted))


def _subjects(
    run: Run,
    bezant: Pressed,
    ours: product.Product,
    baselines: Mapping[str, tuple[Pressed, book.Baseline]],
) -> dict[str, Subject]:
    seconds = run.size.stretch_seconds
    single, batch = ours.single, ours.batch(BATCH_ITEMS)
    subjects: dict[str, Subject] = {
        "tpcb": run.tpcb,
        "http_1": lambda: bezant.press(single, 1, seconds),
        "http_64": lambda: bezant.press(single, WARM_CONNECTIONS, seconds),
        "http_256": lambda: bezant.press(single, CONNECTIONS, seconds),
        "batch_500": lambda: bezant.press(batch, BATCH_CONNECTIONS, seconds),
    }
    if "orm" in baselines:
        orm = baselines["orm"][0]
        subjects["orm_256"] = lambda: orm.press(book.PLAN, CONNECTIONS, ORM_STRETCHES * seconds)
    if "call" in baselines:
        call = baselines["call"][0]
        subjects["call_256"] = lambda: call.press(book.PLAN, CONNECTIONS, seconds)
    return subjects


def _keep(run: Run, samples: Mapping[str, list[Sample]]) -> None:
    for measure, above, below in (
        ("http_256_vs_tpcb", "http_256", "tpcb"),
        ("http_256_vs_orm", "http_256", "orm_256"),
        ("http_256_vs_call", "http_256", "call_256"),
        ("batch_500_vs_tpcb", "batch_500", "tpcb"),
    ):
        if above in samples and below in samples:
            pair = {above: samples[above], below: samples[below]}
            run.keep(measure, ratio(samples[above], samples[below]), **pair)
    for measure, name, fact in (
        ("http_1_p50_ms", "http_1", "p50_ms"),
        ("http_64_p99_ms", "http_64", "p99_ms"),
        ("api_memory_mb", "http_256", "rss_mb"),
    ):
        if name in samples:
            told = [Sample(_number(one, fact), one.seconds, one.facts) for one in samples[name]]
            run.keep(measure, median(told), **{name: told})
    if "orm_256" in samples:
        run.problems.extend(unfair(ratio(samples["orm_256"], samples["tpcb"])))


def unfair(orm_to_tpcb: float) -> list[str]:
    """Return what is wrong with an opponent this slow: nobody may win against a straw man."""
    if orm_to_tpcb >= ORM_TO_TPCB_MIN:
        return []
    return [f"the ORM baseline is {orm_to_tpcb:.3f} x tpcb-like, below {ORM_TO_TPCB_MIN}"]


def _number(sample: Sample, fact: str) -> float:
    number = sample.facts[fact]
    assert isinstance(number, int | float)
    return float(number)
