"""Workers that die, freeze, and share the work; and endpoints that are slow."""

import asyncio
import signal
from datetime import timedelta
from pathlib import Path

import pytest
from aiohttp import web
from tests.harness.cluster import TestDatabase
from tests.harness.processes import READY, Program, start_module
from tests.harness.waiting import until
from tests.webhooks.receiver import Receiver, Request, never, status
from tests.webhooks.stand import LEASE, Stand, work

from bezant.clock import RealClock
from bezant.webhooks import DeliveryState, Outcome
from bezant.webhooks.results import Results
from bezant.webhooks.store import work as store
from bezant.webhooks.store.work import Claim, Result
from bezant.webhooks.targets import SLOTS_FIRST, SLOTS_MAX, Pace
from bezant.webhooks.worker import NOBODY

EVENTS = 400
KILLS = 20
AT_ONCE = 4


async def claimed_by_hand(stand: Stand, slots: int = 100) -> list[Claim]:
    now = stand.clock.now()
    async with stand.database.transaction() as tx:
        return await store.claim(tx, now, now + LEASE, slots, {}, NOBODY, 100)


def delivered(stand: Stand, claim: Claim, answer: str) -> Result:
    now = stand.clock.now()
    return Result(
        claim, DeliveryState.DELIVERED, 0, now, now, now, 1, Outcome.DELIVERED, 200, answer
    )


async def test_two_workers_send_each_delivery_once(stand: Stand, receiver: Receiver):
    await stand.endpoint(receiver.url("/a"))
    await stand.endpoint(receiver.url("/b"))
    events = await stand.happen(*(stand.event() for _ in range(100)))
    workers = [await stand.worker() for _ in range(2)]
    sent = await asyncio.gather(*(work(worker) for worker in workers))
    assert sum(sent) == 200
    assert all(sent), "both had work"
    assert sorted(receiver.ids("/a")) == sorted(events)
    assert sorted(receiver.ids("/b")) == sorted(events)


@pytest.mark.catalogue("T16")
async def test_a_worker_that_froze_changes_nothing_when_it_wakes_up(
    stand: Stand, receiver: Receiver
):
    await stand.endpoint(receiver.url())
    await stand.happen(stand.event())
    (stale,) = await claimed_by_hand(stand)
    worker = await stand.worker()
    assert await work(worker) == 0, "it is leased"
    stand.clock.move(LEASE + timedelta(seconds=1))
    receiver.answers["/hook"] = status(500)
    assert await work(worker) == 1, "the lease is over"

    results = Results(stand.database, stand.clock, stand.ids, stand.nudges, stand.alarms.append)
    assert await results.write([delivered(stand, stale, "late")]) == [False]
    (delivery,) = await stand.deliveries()
    assert (delivery.state, delivery.attempts) == (DeliveryState.PENDING, 1)
    assert [one.answer for one in delivery.tries] == [""]


async def test_with_its_claim_still_its_own_it_would_have_counted(stand: Stand, receiver: Receiver):
    """The control of the test above: only the fence makes the difference."""
    await stand.endpoint(receiver.url())
    await stand.happen(stand.event())
    (own,) = await claimed_by_hand(stand)
    results = Results(stand.database, stand.clock, stand.ids, stand.nudges, stand.alarms.append)
    assert await results.write([delivered(stand, own, "in time")]) == [True]
    (delivery,) = await stand.deliveries()
    assert (delivery.state, delivery.attempts) == (DeliveryState.DELIVERED, 1)


async def test_results_written_twice_count_once(stand: Stand, receiver: Receiver):
    """A lost answer to a commit makes the poster write a batch again."""
    await stand.endpoint(receiver.url())
    await stand.happen(*(stand.event() for _ in range(3)))
    claims = await claimed_by_hand(stand)
    results = Results(stand.database, stand.clock, stand.ids, stand.nudges, stand.alarms.append)
    batch = [delivered(stand, one, "ok") for one in claims]
    assert await results.write(batch) == [True] * 3
    assert await results.write(batch) == [False] * 3
    assert [one.attempts for one in await stand.deliveries()] == [1, 1, 1]


async def test_a_slow_endpoint_holds_up_nobody_else(stand: Stand, receiver: Receiver):
    receiver.answers["/slow"] = never
    await stand.endpoint(receiver.url("/slow"))
    await stand.endpoint(receiver.url("/fast"))
    worker = await stand.worker(timeout_seconds=60.0, under_way_max=64)
    events = await stand.happen(*(stand.event() for _ in range(300)))
    worker.start_sending()
    await until(lambda: len(receiver.at("/fast")) == 300, "the fast one has all")
    assert sorted(receiver.ids("/fast")) == sorted(events)
    assert 0 < len(receiver.at("/slow")) <= SLOTS_FIRST
    assert receiver.open_now == len(receiver.at("/slow")), "they are still being waited for"


async def test_a_hundred_dead_endpoints_hold_up_nobody_else(stand: Stand, receiver: Receiver):
    """With few places, failing endpoints give theirs up: after a failure each has only one."""
    receiver.answers["/slow"] = never
    for tenant in ("mer_" + f"{at:032x}" for at in range(3)):
        for _ in range(10):
            await stand.endpoint(receiver.url("/slow"), tenant=tenant)
        await stand.happen(*(stand.event(tenant=tenant) for _ in range(20)))
    await stand.endpoint(receiver.url("/fast"))
    worker = await stand.worker(timeout_seconds=0.5, under_way_max=60)
    worker.start_sending()
    await until(lambda: len(receiver.at("/slow")) >= 60, "the dead ones took every place")
    await stand.happen(*(stand.event() for _ in range(50)))
    await until(lambda: len(receiver.at("/fast")) == 50, "the fast one has all")
    assert len(receiver.at("/slow")) < 600, "while the dead ones still have a queue"


def test_a_pace_rises_with_success_and_halves_with_failure():
    pace = Pace()
    for _ in range(200):
        pace.answered(5)
    assert pace.slots == SLOTS_MAX
    for _ in range(20):
        pace.failed()
    assert pace.slots == 1
    for _ in range(3):
        pace.answered(5)
    assert pace.slots == 4
    for _ in range(20):
        pace.answered(4_000)
    assert pace.slots == 2


async def test_no_more_requests_than_its_pace_reach_an_endpoint(stand: Stand, receiver: Receiver):
    async def busy(request: Request) -> web.Response:
        await asyncio.sleep(0.02)
        return web.Response(status=503)

    receiver.answers["/hook"] = busy
    await stand.endpoint(receiver.url(), "order.*")
    await stand.happen(*(stand.event("order.paid") for _ in range(24)))
    worker = await stand.worker(retry_max=0)
    await work(worker)
    assert len(receiver.requests) >= 24
    assert receiver.open_most <= SLOTS_FIRST


async def test_an_endpoint_behind_many_gets_its_turn(stand: Stand, receiver: Receiver):
    """With fewer places than endpoints, the walk goes on where it ended."""
    for at in range(12):
        await stand.endpoint(receiver.url(f"/{at}"))
    await stand.happen(*(stand.event() for _ in range(30)))
    worker = await stand.worker(under_way_max=4)
    for _ in range(30):
        await worker.step()
        await worker.settled()
    assert all(receiver.at(f"/{at}") for at in range(12))


async def test_deliveries_wait_while_their_keys_cannot_be_had(stand: Stand, receiver: Receiver):
    await stand.endpoint(receiver.url())
    await stand.happen(stand.event())
    worker = await stand.worker()
    stand.as_operator("UPDATE webhooks.secret SET sealed = 'x'")
    assert await worker.step() == 0
    (delivery,) = await stand.deliveries()
    assert (delivery.state, delivery.attempts) == (DeliveryState.PENDING, 0)
    assert receiver.requests == []


async def test_one_endpoint_whose_keys_are_lost_holds_up_nobody_else(
    stand: Stand, receiver: Receiver
):
    lost = (await stand.endpoint(receiver.url("/lost"))).endpoint
    await stand.endpoint(receiver.url("/good"))
    stand.as_operator("UPDATE webhooks.secret SET sealed = 'x' WHERE endpoint_id = %s", lost.id[4:])
    (event,) = await stand.happen(stand.event())
    worker = await stand.worker()
    await work(worker)
    assert receiver.ids("/good") == [event]
    assert receiver.at("/lost") == []


@pytest.mark.catalogue("T44", "T10")
async def test_twenty_kills_and_every_event_arrives(
    stand: Stand, database: TestDatabase, receiver: Receiver, tmp_path: Path
):
    """Killed at any moment, what was claimed is due again and nothing is lost."""
    seen: set[str] = set()

    async def slowly(request: Request) -> web.Response:
        seen.add(request.id)
        await asyncio.sleep(0.005)
        return web.Response(status=200 if len(seen) % 7 else 500)

    receiver.answers["/hook"] = slowly
    await stand.endpoint(receiver.url())
    command = (
        "tests.webhooks.worker_program",
        database.module_dsn("webhooks"), database.module_dsn("keys"), tmp_path / "keys",
    )  # fmt: skip
    events: list[str] = []
    for _ in range(KILLS // AT_ONCE):
        stand.clock.move(RealClock().now() - stand.clock.now())
        events += await stand.happen(*(stand.event() for _ in range(EVENTS * AT_ONCE // KILLS)))
        programs = [start_module(*command) for _ in range(AT_ONCE)]
        wanted = len(receiver.requests) + AT_ONCE
        try:
            for program in programs:
                await asyncio.to_thread(program.wait_for_line, READY)
            await until(lambda: len(receiver.requests) >= wanted, "they are at work")  # noqa: B023
        finally:
            for program in programs:
                await asyncio.to_thread(program.kill)
    last = start_module(*command)

    def done() -> bool:
        return stand.as_operator(
            "SELECT count(*) FROM webhooks.delivery WHERE state = 'delivered'"
        ) == [(EVENTS,)]

    try:
        await until(done, "all are delivered")
    finally:
        await asyncio.to_thread(last.kill)
    assert set(receiver.ids()) == set(events)
    assert len(events) == EVENTS
    assert len(receiver.requests) > EVENTS, "kills and refusals made some arrive twice"


async def test_a_worker_that_settles_before_it_sends_is_found_out(
    stand: Stand, database: TestDatabase, receiver: Receiver, tmp_path: Path
):
    """The control of the test above: done the other way round, a kill does lose events."""
    await stand.endpoint(receiver.url())
    stand.clock.move(RealClock().now() - stand.clock.now())
    events = await stand.happen(*(stand.event() for _ in range(10)))
    program = start_module(
        "tests.webhooks.worker_program",
        database.module_dsn("webhooks"), database.module_dsn("keys"), tmp_path / "keys", "careless",
    )  # fmt: skip
    settled = "SELECT count(*) FROM webhooks.delivery WHERE state = 'delivered'"
    try:
        await until(lambda: stand.as_operator(settled) == [(10,)], "it says that all arrived")
    finally:
        await asyncio.to_thread(program.kill)
    assert set(events) - set(receiver.ids()), "and they did not"


@pytest.mark.catalogue("T16")
async def test_a_process_that_was_stopped_and_goes_on_stores_nothing_twice(
    stand: Stand, database: TestDatabase, receiver: Receiver, tmp_path: Path
):
    """Its lease ends while it is stopped; what it was answered meanwhile is of no use any more."""
    released = asyncio.Event()
    held: list[str] = []

    async def hold_the_first(request: Request) -> web.Response:
        if not held:
            held.append(request.id)
            await released.wait()
        return web.Response(status=500 if len(receiver.requests) == 1 else 200)

    receiver.answers["/hook"] = hold_the_first
    await stand.endpoint(receiver.url())
    command = (
        "tests.webhooks.worker_program",
        database.module_dsn("webhooks"), database.module_dsn("keys"), tmp_path / "keys",
    )  # fmt: skip
    stand.clock.move(RealClock().now() - stand.clock.now())
    (first,) = await stand.happen(stand.event())
    frozen = start_module(*command)
    other: Program | None = None
    try:
        await until(lambda: held == [first], "the first worker sends")
        frozen.signal(signal.SIGSTOP)
        other = start_module(*command)
        await until(lambda: _attempts(stand) == [(1,)], "the other one takes over")
        await asyncio.to_thread(other.kill)
        released.set()
        frozen.signal(signal.SIGCONT)
        await stand.happen(stand.event())
        await until(lambda: _attempts(stand) == [(1,), (1,)], "the first one works again")
    finally:
        released.set()
        for program in (frozen, other):
            if program is not None:
                await asyncio.to_thread(program.kill)
    assert receiver.ids().count(first) == 2, "it arrived twice, which is what we promise"
    found = await stand.deliveries()
    assert [(one.state, one.attempts) for one in found] == [(DeliveryState.DELIVERED, 1)] * 2


def _attempts(stand: Stand) -> list[tuple[object, ...]]:
    return stand.as_operator(
        "SELECT attempts FROM webhooks.delivery WHERE state = 'delivered' ORDER BY id"
    )
