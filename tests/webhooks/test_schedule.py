"""When deliveries are tried again, given up, and endpoints disabled: at the times we say."""

import json
from datetime import datetime, timedelta
from email.utils import format_datetime

import pytest
from tests.webhooks.receiver import Receiver, in_turn, status
from tests.webhooks.stand import ANN, TEST, Stand, work

from bezant.clock import RealClock
from bezant.webhooks import (
    ChangeEndpoint,
    DeliveryState,
    DisabledBecause,
    EndpointState,
)
from bezant.webhooks.schedule import DAYS_SECONDS, Schedule
from bezant.webhooks.worker import Worker

pytestmark = pytest.mark.catalogue("T44")

STANDARD = (0, 5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
"""Standard Webhooks, section "Retries", as pauses before each attempt."""


def test_the_schedule_is_the_standards():
    assert (0, *DAYS_SECONDS) == STANDARD


@pytest.mark.parametrize("chance", [b"\x00\x00", b"\x80\x00", b"\xff\xff"])
def test_a_pause_is_up_to_a_tenth_longer_and_never_shorter(chance: bytes):
    schedule = Schedule()
    for at, seconds in enumerate(DAYS_SECONDS):
        pause = schedule.pause(at, 0, chance)
        assert pause is not None
        assert seconds <= pause.total_seconds() < seconds * 1.1
    assert schedule.pause(len(DAYS_SECONDS), 0, chance) is None


@pytest.mark.requirement("S003-3")
def test_a_number_of_retries_doubles_the_pauses():
    assert Schedule.of(5).pauses_seconds == (2, 4, 8, 16, 32)
    assert Schedule.of(0).pauses_seconds == ()
    assert max(Schedule.of(100).pauses_seconds) == 86_400
    assert Schedule.of(None).pauses_seconds == DAYS_SECONDS


async def attempts_until_settled(stand: Stand, worker: Worker) -> list[datetime]:
    """Move time to each due instant, never further, and return when attempts were made."""
    made: list[datetime] = []
    while True:
        if await work(worker):
            made.append(stand.clock.now())
        (delivery,) = await stand.deliveries()
        if delivery.state is not DeliveryState.PENDING:
            return made
        assert delivery.next_attempt_at is not None
        left = delivery.next_attempt_at - stand.clock.now()
        stand.clock.move(left - timedelta(milliseconds=1))
        assert await work(worker) == 0, "it was sent before its time"
        stand.clock.move(timedelta(milliseconds=1))


@pytest.mark.requirement("S003-3")
@pytest.mark.parametrize(
    ("retry_max", "wanted"), [(None, STANDARD), (5, (0, 2, 4, 8, 16, 32)), (0, (0,))]
)
async def test_every_attempt_is_made_at_its_time(
    stand: Stand, receiver: Receiver, retry_max: int | None, wanted: tuple[int, ...]
):
    receiver.answers["/hook"] = status(500)
    await stand.endpoint(receiver.url(), "payment.*")
    (event,) = await stand.happen(stand.event())
    began = stand.clock.now()
    made = await attempts_until_settled(stand, await stand.worker(retry_max=retry_max))

    pauses = [
        (later - earlier).total_seconds()
        for earlier, later in zip([began, *made], made, strict=False)
    ]
    assert len(pauses) == len(wanted)
    for pause, seconds in zip(pauses, wanted, strict=True):
        assert seconds <= pause <= seconds * 1.1
    assert receiver.ids() == [event] * len(wanted)
    assert len({one.body for one in receiver.requests}) == 1
    (delivery,) = await stand.deliveries()
    assert (delivery.state, delivery.attempts) == (DeliveryState.FAILED, len(wanted))
    assert delivery.retries == len(wanted) - 1


@pytest.mark.requirement("S003-3")
async def test_giving_up_is_an_alarm_and_makes_no_further_ones(stand: Stand, receiver: Receiver):
    receiver.answers["/bad"] = status(500)
    endpoint = (await stand.endpoint(receiver.url("/bad"))).endpoint  # It hears of alarms, too.
    await stand.endpoint(receiver.url("/alarms"), "webhook_delivery.*")
    (event,) = await stand.happen(stand.event())
    worker = await stand.worker(retry_max=1)
    for _ in range(6):
        await work(worker)
        stand.clock.move(timedelta(seconds=10))
    (alarm,) = receiver.at("/alarms")
    told = json.loads(alarm.body)
    assert told["type"] == "webhook_delivery.failed"
    assert told["data"]["event"] == event
    assert told["data"]["endpoint"] == endpoint.id
    assert told["data"]["status"] == 500
    # The alarm itself could not be delivered to the first endpoint; that is told, and ends there.
    assert stand.alarms == ["webhook_delivery.failed"] * 2
    assert len(receiver.at("/bad")) == 4


async def test_whoever_asks_for_time_gets_it(stand: Stand, receiver: Receiver):
    receiver.answers["/hook"] = in_turn(status(503, retry_after="120"), status(200))
    await stand.endpoint(receiver.url())
    await stand.happen(stand.event())
    worker = await stand.worker()
    await work(worker)
    stand.clock.move(timedelta(seconds=119))
    await stand.happen(stand.event())
    assert await work(worker) == 0, "all of its deliveries wait, new ones too"
    stand.clock.move(timedelta(seconds=14))
    assert await work(worker) == 2


@pytest.mark.parametrize("asked", ["120", None])
async def test_a_date_means_the_same_as_seconds(
    stand: Stand, receiver: Receiver, asked: str | None
):
    asked = asked or format_datetime(RealClock().now() + timedelta(seconds=120), usegmt=True)
    receiver.answers["/hook"] = in_turn(status(429, retry_after=asked), status(200))
    await stand.endpoint(receiver.url())
    await stand.happen(stand.event())
    worker = await stand.worker()
    await work(worker)
    (delivery,) = await stand.deliveries()
    assert delivery.next_attempt_at is not None
    seconds = (delivery.next_attempt_at - stand.clock.now()).total_seconds()
    assert 110 <= seconds <= 132


@pytest.mark.parametrize("asked", ["-5", "soon", "1e9", "999999999999", "\u0663"])
async def test_nonsense_is_not_waited_for(stand: Stand, receiver: Receiver, asked: str):
    receiver.answers["/hook"] = in_turn(status(503, retry_after=asked), status(200))
    await stand.endpoint(receiver.url())
    await stand.happen(stand.event())
    worker = await stand.worker()
    await work(worker)
    stand.clock.move(timedelta(seconds=6))
    assert await work(worker) == 1


async def test_nobody_is_asked_to_wait_for_more_than_a_day(stand: Stand, receiver: Receiver):
    receiver.answers["/hook"] = in_turn(status(503, retry_after="99999999"), status(200))
    await stand.endpoint(receiver.url())
    await stand.happen(stand.event())
    worker = await stand.worker()
    await work(worker)
    stand.clock.move(timedelta(days=1) * 1.1)
    assert await work(worker) == 1


@pytest.mark.requirement("J10")
async def test_an_endpoint_is_never_dropped_silently(stand: Stand, receiver: Receiver):
    receiver.answers["/down"] = status(500)
    down = (await stand.endpoint(receiver.url("/down"), "payment.*")).endpoint
    await stand.endpoint(receiver.url("/alarms"), "webhook_endpoint.*")
    worker = await stand.worker()
    began = stand.clock.now()
    while (await stand.again(down)).state is EndpointState.ENABLED:
        await stand.happen(stand.event())
        await work(worker)
        stand.clock.move(timedelta(hours=4))
        assert stand.clock.now() - began < timedelta(days=7)
    now = await stand.again(down)
    assert now.disabled_because is DisabledBecause.FAILING
    assert stand.clock.now() - began > timedelta(days=5)
    await work(worker)
    told = [json.loads(one.body) for one in receiver.at("/alarms")]
    assert [one["type"] for one in told] == ["webhook_endpoint.disabled"]
    assert told[0]["data"]["because"] == "failing"

    receiver.answers["/down"] = status(200)
    waiting = [one for one in await stand.deliveries() if one.endpoint == down.id]
    waiting = [one for one in waiting if one.state is DeliveryState.PENDING]
    assert waiting
    change = ChangeEndpoint(ANN, TEST, down.id, "key_1", state=EndpointState.ENABLED)
    await stand.service.change_endpoint(change)
    stand.clock.move(timedelta(days=2))
    receiver.requests.clear()
    await work(worker)
    assert sorted(receiver.ids("/down")) == sorted(one.event for one in waiting)
    assert (await stand.again(down)).failing_since is None


async def test_one_success_in_between_starts_the_days_anew(stand: Stand, receiver: Receiver):
    receiver.answers["/hook"] = in_turn(status(500), status(200), status(500))
    endpoint = (await stand.endpoint(receiver.url(), "payment.*")).endpoint
    worker = await stand.worker(retry_max=0)
    failing: list[datetime | None] = []
    for _ in range(3):
        await stand.happen(stand.event())
        await work(worker)
        failing.append((await stand.again(endpoint)).failing_since)
        stand.clock.move(timedelta(days=3))
    assert failing[1] is None
    assert failing[2] == stand.clock.now() - timedelta(days=3)
    assert (await stand.again(endpoint)).state is EndpointState.ENABLED
