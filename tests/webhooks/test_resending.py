"""Sending again: one, many, what was missed, and by the operator's own SQL."""

from datetime import timedelta

import psycopg
import pytest
from tests.webhooks.receiver import Receiver, status
from tests.webhooks.stand import ANN, BOB, TEST, Stand, work

from bezant.ids import read
from bezant.webhooks import (
    RESENT_AT_ONCE_MAX,
    ChangeEndpoint,
    DeleteEndpoint,
    DeliveryState,
    EndpointDisabled,
    EndpointState,
    Resend,
    ResendMany,
    UnknownDelivery,
    UnknownEndpoint,
)
from bezant.webhooks.store import delivery as store

pytestmark = pytest.mark.requirement("S003-3")


async def test_one_is_sent_again_under_the_same_id_with_all_its_retries(
    stand: Stand, receiver: Receiver
):
    receiver.answers["/hook"] = status(500)
    await stand.endpoint(receiver.url(), "payment.*")
    (event,) = await stand.happen(stand.event())
    worker = await stand.worker(retry_max=0)
    await work(worker)
    (failed,) = await stand.deliveries()
    assert failed.state is DeliveryState.FAILED

    receiver.answers["/hook"] = status(200)
    again = await stand.service.resend(Resend(ANN, TEST, failed.id))
    assert (again.state, again.retries) == (DeliveryState.PENDING, 0)
    await work(worker)
    assert receiver.ids() == [event, event]
    (delivered,) = await stand.deliveries()
    assert (delivered.state, delivered.attempts) == (DeliveryState.DELIVERED, 2)
    assert [one.number for one in delivered.tries] == [2, 1]


async def test_what_arrived_is_sent_again_as_well(stand: Stand, receiver: Receiver):
    await stand.endpoint(receiver.url())
    (event,) = await stand.happen(stand.event())
    worker = await stand.worker()
    await work(worker)
    (delivery,) = await stand.deliveries()
    await stand.service.resend(Resend(ANN, TEST, delivery.id))
    await work(worker)
    assert receiver.ids() == [event, event]


async def test_nobody_sends_anothers_again(stand: Stand, receiver: Receiver):
    endpoint = (await stand.endpoint(receiver.url())).endpoint
    await stand.happen(stand.event())
    worker = await stand.worker()
    await work(worker)
    (delivery,) = await stand.deliveries()
    with pytest.raises(UnknownDelivery):
        await stand.service.resend(Resend(BOB, TEST, delivery.id))
    with pytest.raises(UnknownEndpoint):
        await stand.service.resend_many(
            ResendMany(BOB, TEST, endpoint.id, DeliveryState.DELIVERED, missed=True)
        )
    assert await work(worker) == 0


async def test_many_are_sent_again_by_what_they_are(stand: Stand, receiver: Receiver):
    receiver.answers["/hook"] = status(500)
    endpoint = (await stand.endpoint(receiver.url(), "payment.*", "refund.*")).endpoint
    worker = await stand.worker(retry_max=0)
    (early,) = await stand.happen(stand.event())
    await work(worker)
    stand.clock.move(timedelta(hours=1))
    since = stand.clock.now()
    late = await stand.happen(stand.event(), stand.event("refund.created"))
    await work(worker)
    receiver.requests.clear()
    receiver.answers["/hook"] = status(200)

    command = ResendMany(ANN, TEST, endpoint.id, types=("payment.*",), created_from=since)
    assert (await stand.service.resend_many(command)).count == 1
    await work(worker)
    assert receiver.ids() == [late[0]]
    assert (await stand.service.resend_many(ResendMany(ANN, TEST, endpoint.id))).count == 2
    await work(worker)
    assert sorted(receiver.ids()) == sorted([early, *late])


async def test_a_crowd_is_sent_again_part_by_part_and_each_once(stand: Stand, receiver: Receiver):
    endpoint = (await stand.endpoint(receiver.url())).endpoint
    count = RESENT_AT_ONCE_MAX + 5
    await stand.happen(*(stand.event() for _ in range(count)))
    stand.as_operator("UPDATE webhooks.delivery SET state = 'delivered', settled_at = created_at")
    after, seen, rounds = None, 0, 0
    while True:
        command = ResendMany(ANN, TEST, endpoint.id, DeliveryState.DELIVERED, after=after)
        told = await stand.service.resend_many(command)
        seen, rounds, after = seen + told.count, rounds + 1, told.after
        # Meanwhile they arrive, and would fit again.
        stand.as_operator(
            "UPDATE webhooks.delivery SET state = 'delivered', settled_at = created_at"
        )
        if not told.has_more:
            break
    assert (seen, rounds) == (count, 2)


async def test_what_passed_a_disabled_endpoint_by_can_be_asked_for(
    stand: Stand, receiver: Receiver
):
    endpoint = (await stand.endpoint(receiver.url(), "payment.*")).endpoint
    worker = await stand.worker()
    off = ChangeEndpoint(ANN, TEST, endpoint.id, "key_1", state=EndpointState.DISABLED)
    await stand.service.change_endpoint(off)
    missed = await stand.happen(stand.event(), stand.event())
    await stand.happen(stand.event("refund.created"), stand.event(tenant=BOB))
    many = ResendMany(ANN, TEST, endpoint.id, missed=True)
    with pytest.raises(EndpointDisabled):
        await stand.service.resend_many(many)
    on = ChangeEndpoint(ANN, TEST, endpoint.id, "key_1", state=EndpointState.ENABLED)
    await stand.service.change_endpoint(on)
    assert await work(worker) == 0
    assert (await stand.service.resend_many(many)).count == 2
    assert (await stand.service.resend_many(many)).count == 0
    await work(worker)
    assert sorted(receiver.ids()) == sorted(missed)


async def test_what_waits_for_a_deleted_endpoint_is_given_up(stand: Stand, receiver: Receiver):
    endpoint = (await stand.endpoint(receiver.url())).endpoint
    await stand.happen(stand.event())
    for _ in range(2):
        await stand.service.delete_endpoint(DeleteEndpoint(ANN, TEST, endpoint.id, "key_1"))
    worker = await stand.worker()
    await stand.happen(stand.event())
    assert await work(worker) == 0
    (delivery,) = await stand.deliveries()
    assert delivery.state is DeliveryState.FAILED
    with pytest.raises(EndpointDisabled):
        await stand.service.resend(Resend(ANN, TEST, delivery.id))
    with pytest.raises(UnknownEndpoint):
        await stand.again(endpoint)


VIEW = "SELECT id, status, retry_count, created_at FROM webhooks.webhook_events ORDER BY id"
AGAIN = (
    "UPDATE webhooks.webhook_events SET status = 'pending', retry_count = 0 "
    "WHERE id = %s RETURNING id"
)


@pytest.mark.requirement("S003-6")
async def test_an_operator_reads_the_table_and_sends_again_with_an_update(
    stand: Stand, receiver: Receiver
):
    receiver.answers["/hook"] = status(500)
    await stand.endpoint(receiver.url(), "payment.*")
    (event,) = await stand.happen(stand.event())
    assert stand.as_operator(VIEW) == [(event, "pending", 0, stand.clock.now())]
    worker = await stand.worker(retry_max=2)
    for _ in range(3):
        await work(worker)
        stand.clock.move(timedelta(seconds=10))
    ((told, state, retries, _),) = stand.as_operator(VIEW + " LIMIT 1")
    assert (told, state, retries) == (event, "failed", 2)

    receiver.answers["/hook"] = status(200)
    receiver.requests.clear()
    assert stand.as_operator(AGAIN, event) == [(event,)]
    ((_, state, retries, _),) = stand.as_operator(VIEW + " LIMIT 1")
    assert (state, retries) == ("pending", 0)
    await work(worker)
    assert receiver.ids() == [event]
    ((_, state, _, _),) = stand.as_operator(VIEW + " LIMIT 1")
    assert state == "delivered"


async def test_only_who_failed_hears_it_again_unless_nobody_did(stand: Stand, receiver: Receiver):
    receiver.answers["/bad"] = status(500)
    await stand.endpoint(receiver.url("/good"), "payment.*")
    await stand.endpoint(receiver.url("/bad"), "payment.*")
    (event,) = await stand.happen(stand.event())
    worker = await stand.worker(retry_max=0)
    await work(worker)
    receiver.answers["/bad"] = status(200)
    stand.as_operator(AGAIN, event)
    await work(worker)
    assert (len(receiver.at("/good")), len(receiver.at("/bad"))) == (1, 2)
    stand.as_operator(AGAIN, event)
    await work(worker)
    assert (len(receiver.at("/good")), len(receiver.at("/bad"))) == (2, 3)


@pytest.mark.parametrize(
    "change",
    [
        "status = 'delivered'",
        "status = 'failed', retry_count = 0",
        "status = 'pending', retry_count = 3",
        "status = 'pending', retry_count = 0, id = 'evt_0'",
        "status = 'pending', retry_count = 0, merchant = 'mer_1'",
        "status = NULL, retry_count = 0",
    ],
)
async def test_the_table_is_written_in_no_other_way(stand: Stand, receiver: Receiver, change: str):
    receiver.answers["/hook"] = status(500)
    await stand.endpoint(receiver.url(), "payment.*")
    await stand.happen(stand.event())
    await work(await stand.worker())
    before = stand.as_operator(VIEW)
    with pytest.raises(psycopg.errors.CheckViolation):
        stand.as_operator(f"UPDATE webhooks.webhook_events SET {change}")
    for statement in (
        "DELETE FROM webhooks.webhook_events",
        "INSERT INTO webhooks.webhook_events (id, status) VALUES ('evt_1', 'pending')",
    ):
        with pytest.raises(psycopg.Error):
            stand.as_operator(statement)
    assert stand.as_operator(VIEW) == before


async def test_an_answer_from_before_a_resend_changes_nothing(stand: Stand, receiver: Receiver):
    """The operator asks again while an attempt is under way: its late answer is of the past."""
    receiver.answers["/hook"] = status(500)
    await stand.endpoint(receiver.url())
    (event,) = await stand.happen(stand.event())
    worker = await stand.worker(retry_max=0)
    await worker.step()
    stand.as_operator(AGAIN, event)
    await worker.settled()
    ((_, state, _, _),) = stand.as_operator(VIEW + " LIMIT 1")
    assert state == "pending"
    receiver.answers["/hook"] = status(200)
    await work(worker)
    ((_, state, _, _),) = stand.as_operator(VIEW + " LIMIT 1")
    assert state == "delivered"


async def test_the_queue_tells_how_deep_it_is(stand: Stand, receiver: Receiver):
    receiver.answers["/bad"] = status(500)
    await stand.endpoint(receiver.url("/good"), "payment.*")
    off = (await stand.endpoint(receiver.url("/off"), "payment.*")).endpoint
    await stand.endpoint(receiver.url("/bad"), "refund.*")
    began = stand.clock.now()
    await stand.happen(stand.event(), stand.event(), stand.event("refund.failed"))
    await stand.service.change_endpoint(
        ChangeEndpoint(ANN, TEST, off.id, "key_1", state=EndpointState.DISABLED)
    )
    depth = await stand.service.queue()
    assert (depth.pending, depth.due, depth.failed) == (5, 3, 0)
    assert (depth.disabled_endpoints, depth.oldest_due_at) == (1, began)
    await work(await stand.worker(retry_max=0))
    depth = await stand.service.queue()
    assert (depth.pending, depth.due, depth.failed) == (2, 0, 1)
    assert depth.oldest_due_at is None


async def test_missed_is_bounded_too(stand: Stand, receiver: Receiver):
    endpoint = (await stand.endpoint(receiver.url(), "order.*")).endpoint
    await stand.happen(*(stand.event() for _ in range(7)))
    change = ChangeEndpoint(ANN, TEST, endpoint.id, "key_1", events=("*",))
    await stand.service.change_endpoint(change)
    wanted = store.Wanted(
        ANN, TEST, read("whe", endpoint.id), None, DeliveryState.FAILED, (), None, None
    )
    made: list[int] = []
    for _ in range(3):
        async with stand.database.transaction() as tx:
            made.append(await store.make_missed(tx, wanted, stand.clock.now(), 4))
    assert made == [4, 3, 0]
