"""`bezant bench payments`: whole card payments beside the ordinary way, webhooks, and overload.

One durable server, on which systems take turns. The acquirer runs apart, answers at once and keeps
its book in memory; ours and the ORM baseline ask it once a payment. Tokenising is not in the
measured request. After the run every acknowledged payment must be charged once and booked.
Whoever follows payments (orders, webhooks, the log) works on after the last answer: what takes more
than a second to be followed up makes its stretch longer. Receipts are not issued here: what they
cost has a bar of its own.
"""

from contextlib import AsyncExitStack

import uvloop

from bench import paying, whole
from bench.far import CONNECTIONS, WARM_CONNECTIONS, Pressed
from bench.followed import followed_after
from bench.load import crowd, generator
from bench.measure import Fact, Options, Result, Sample, Subject, median, ratio
from bench.payment_targets import BY_ID
from bench.run import ORDINARY, QUICK, Run, Size, measured, refuse_unknown
from bench.webhooks import DELIVERIES, webhooks_per_second

CARD = ("card_256_vs_orm", "card_256_vs_tpcb", "card_64_p99_ms", "bytes_per_card_payment")
INTERNAL = "internal_vs_tpcb"
OVERLOAD = ("overload_goodput", "overload_refusal_p99_ms")
WEBHOOKS = "webhooks_per_s"
WEBHOOKS_QUICK = 3_000
ORM_STRETCHES = 2
FOLLOWED_SECONDS_MAX = 1.0
SETTINGS = {"RECEIPTS": "none"}
MADE_FROM, POSTED_FROM = 300, 600
"""Every stretch at a service has a number of its own, and its keys begin with it."""
OVERLOAD_TIMES = 3
"""Of the payments a second that it can take, from as many times the callers it holds at once."""


def run(options: Options) -> Result:
    """Run the benchmark, or the part of it that was asked for."""
    refuse_unknown(options, BY_ID)
    return uvloop.run(measure(options, QUICK if options.quick else ORDINARY))


async def measure(options: Options, size: Size) -> Result:
    """Run at a size."""
    facts: dict[str, Fact] = {"load_generator": generator()}
    return await measured("payments", options, size, BY_ID, (_cards, _webhooks), facts)


async def _cards(run: Run) -> None:
    if not run.wants(*CARD, whole.MEASURE, INTERNAL, *OVERLOAD):
        return
    async with AsyncExitStack() as stack:
        house = await stack.enter_async_context(
            paying.ours(run.server, run.folder, settings=SETTINGS)
        )
        bezant = Pressed(run, house.service)
        await bezant.press(house.plan, WARM_CONNECTIONS, 1.0)
        if run.wants(*CARD):
            ordinary = await stack.enter_async_context(paying.ordinary(run.server, run.folder))
            orm = Pressed(run, ordinary.service)
            await orm.press(ordinary.plan, WARM_CONNECTIONS, 1.0)
            await _compared(run, bezant, house, orm, ordinary)
            run.problems.extend(await ordinary.faults(orm.accepted))
        if run.wants(whole.MEASURE):
            await whole.weigh(run, house, bezant)
        if run.wants(INTERNAL):
            await _internal(run, house)
        accepted = bezant.accepted
        if run.wants(*OVERLOAD):
            accepted += await _overloaded(run, bezant, house)
        run.problems.extend(await house.faults(accepted))


async def _compared(
    run: Run, bezant: Pressed, house: paying.Shop, orm: Pressed, ordinary: paying.Shop
) -> None:
    seconds = run.size.stretch_seconds
    before = await house.size()
    counted = bezant.accepted
    subjects: dict[str, Subject] = {
        "card_64": lambda: _stretch(bezant, house, WARM_CONNECTIONS, seconds),
        "tpcb": run.tpcb,
        "card_256": lambda: _stretch(bezant, house, CONNECTIONS, seconds),
        "orm_256": lambda: orm.press(ordinary.plan, CONNECTIONS, ORM_STRETCHES * seconds),
    }
    taken = await run.turns(subjects, run.size.far_seconds)
    for target, below in (("card_256_vs_orm", "orm_256"), ("card_256_vs_tpcb", "tpcb")):
        pair = {"card_256": taken["card_256"], below: taken[below]}
        run.keep(target, ratio(taken["card_256"], taken[below]), **pair)
    told = [Sample(_p99(one), one.seconds, one.facts) for one in taken["card_64"]]
    run.keep("card_64_p99_ms", median(told), card_64=told)
    made = bezant.accepted - counted
    grown = await house.size() - before
    facts: dict[str, Fact] = {"payments": made, "bytes": grown}
    run.keep_with("bytes_per_card_payment", grown / max(made, 1), facts)


async def _stretch(bezant: Pressed, house: paying.Shop, connections: int, seconds: float) -> Sample:
    """Take payments for a while; what is followed up late makes it longer."""
    sample = await bezant.press(house.plan, connections, seconds)
    late = await followed_after(house.dsn)
    whole = sample.seconds + max(0.0, late - FOLLOWED_SECONDS_MAX)
    facts = {**sample.facts, "followed_after_seconds": round(late, 2)}
    return Sample(sample.value * sample.seconds / whole, whole, facts)


async def _internal(run: Run, house: paying.Shop) -> None:
    """Take payments that no provider is asked for, as two requests: one makes the payment, one
    posts it. A pair takes what both take.
    """
    unpaid, posting = await house.internal()
    # Counted from elsewhere: keys of the card payments before would be refused as used up.
    made = Pressed(run, house.service, pressed=MADE_FROM)
    posted = Pressed(run, house.service, pressed=POSTED_FROM)
    seconds = run.size.stretch_seconds
    taken = await run.turns(
        {
            "made": lambda: made.press(unpaid, CONNECTIONS, seconds),
            "tpcb": run.tpcb,  # Between them: whoever asked last has been answered then.
            "posted": lambda: posted.press(posting, CONNECTIONS, seconds),
        },
        run.size.far_seconds,
    )
    pairs = [
        Sample(1 / (1 / one.value + 1 / other.value), one.seconds + other.seconds)
        for one, other in zip(taken["made"], taken["posted"], strict=True)
    ]
    run.keep(INTERNAL, ratio(pairs, taken["tpcb"]), **taken, pairs=pairs)
    kept = await house.unpaid()
    if kept < made.accepted:
        run.problems.append(f"{made.accepted} payments acknowledged, {kept} kept")


async def _overloaded(run: Run, bezant: Pressed, house: paying.Shop) -> int:
    """Ask for far more than can be done; return what was acknowledged."""
    seconds = max(run.size.stretch_seconds, 4.0)
    peak = await bezant.press(house.plan, CONNECTIONS, seconds)
    callers = OVERLOAD_TIMES * paying.HELD_AT_ONCE
    flooded = await crowd(
        house.plan, bezant.service.port, callers, seconds, "0e0e0e0e", run.folder,
        pace=OVERLOAD_TIMES * peak.value,
    )  # fmt: skip
    share = flooded.value / peak.value
    run.keep("overload_goodput", share, peak=[peak], flooded=[flooded])
    refused = flooded.facts["refused_p99_ms"]
    assert isinstance(refused, int | float)
    if not flooded.facts["refused_requests"]:
        run.problems.append("nothing was refused: that was no overload")
    run.keep_with("overload_refusal_p99_ms", float(refused), {"flooded": flooded.told()})
    accepted = flooded.facts["accepted_items"]
    assert isinstance(accepted, int)
    return accepted


async def _webhooks(run: Run) -> None:
    if not run.wants(WEBHOOKS):
        return
    deliveries = WEBHOOKS_QUICK if run.options.quick else DELIVERIES
    sample = await webhooks_per_second(run.server, run.folder, deliveries)
    run.keep(WEBHOOKS, sample.value, deliveries=[sample])


def _p99(sample: Sample) -> float:
    found = sample.facts["p99_ms"]
    assert isinstance(found, int | float)
    return float(found)
