"""Deliveries: what is sent, what comes of it, and who sees it."""

import json
from datetime import timedelta

import pytest
from standardwebhooks import Webhook
from tests.webhooks.receiver import Receiver, in_turn, never, status
from tests.webhooks.stand import ANN, BOB, TEST, Stand, work

from bezant.actor import Mode
from bezant.webhooks import (
    ChangeEndpoint,
    DeliveriesOf,
    DeliveryState,
    DisabledBecause,
    EndpointState,
    Outcome,
    PayloadKind,
    UnknownDelivery,
)


async def test_an_event_is_sent_once_and_verifies(stand: Stand, receiver: Receiver):
    new = await stand.endpoint(receiver.url())
    (event,) = await stand.happen(stand.event())
    worker = await stand.worker()

    assert await work(worker) == 1
    assert await work(worker) == 0

    (request,) = receiver.requests
    assert request.id == event
    assert new.secret is not None
    told = Webhook(new.secret.reveal()).verify(request.body, request.headers)
    assert told["id"] == event
    assert told["type"] == "payment.captured"
    assert told["data"]["amount"] == {"amount": "19.99", "asset": "EUR"}
    assert request.headers["content-type"] == "application/json"
    (delivery,) = await stand.deliveries()
    assert delivery.state is DeliveryState.DELIVERED
    assert [one.status for one in delivery.tries] == [200]
    assert delivery.tries[0].answer == "ok"


async def test_only_what_was_asked_for_is_sent(stand: Stand, receiver: Receiver):
    await stand.endpoint(receiver.url("/all"))
    await stand.endpoint(receiver.url("/payments"), "payment.*")
    await stand.endpoint(receiver.url("/two"), "refund.failed", "payment.captured")
    await stand.endpoint(receiver.url("/deep"), "a.b.*")
    events = await stand.happen(
        *(stand.event(type) for type in ("payment.captured", "refund.failed", "a.b.c", "a.d"))
    )
    worker = await stand.worker()
    await work(worker)
    assert sorted(receiver.ids("/all")) == sorted(events)
    assert receiver.ids("/payments") == events[:1]
    assert sorted(receiver.ids("/two")) == sorted(events[:2])
    assert receiver.ids("/deep") == events[2:3]


async def test_other_merchants_and_the_other_mode_hear_nothing(stand: Stand, receiver: Receiver):
    await stand.endpoint(receiver.url("/ann"))
    await stand.endpoint(receiver.url("/ann-live"), mode=Mode.LIVE)
    await stand.endpoint(receiver.url("/bob"), tenant=BOB)
    (event,) = await stand.happen(stand.event())
    (live,) = await stand.happen(stand.event(mode=Mode.LIVE))
    await work(await stand.worker())
    assert receiver.ids("/ann") == [event]
    assert receiver.ids("/ann-live") == [live]
    assert receiver.at("/bob") == []
    (delivery,) = await stand.deliveries()
    for tenant, mode in ((BOB, TEST), (ANN, Mode.LIVE)):
        with pytest.raises(UnknownDelivery):
            await stand.service.delivery(tenant, mode, delivery.id)


async def test_an_event_that_is_fed_twice_is_sent_once(stand: Stand, receiver: Receiver):
    await stand.endpoint(receiver.url())
    event = stand.event()
    await stand.happen(event, event)
    await stand.happen(event)
    assert await work(await stand.worker()) == 1
    assert receiver.ids() == [event.id]


async def test_a_thin_endpoint_is_told_the_id_alone(stand: Stand, receiver: Receiver):
    await stand.endpoint(receiver.url(), payload=PayloadKind.THIN)
    event = stand.event()
    await stand.happen(event)
    await work(await stand.worker())
    told = json.loads(receiver.requests[0].body)
    assert told["payload"] == "thin"
    assert told["data"] == {"id": event.subject}


async def test_what_is_too_large_is_told_thin(stand: Stand, receiver: Receiver):
    await stand.endpoint(receiver.url())
    large = stand.event(data={"id": "pay_1", "note": "x" * 25_000})
    fitting = stand.event(data={"id": "pay_2", "note": "x" * 15_000})
    await stand.happen(large, fitting)
    await work(await stand.worker())
    told = {one.id: json.loads(one.body) for one in receiver.requests}
    assert told[large.id]["payload"] == "thin"
    assert told[fitting.id]["payload"] == "snapshot"
    assert all(len(one.body) < 20_000 for one in receiver.requests)


@pytest.mark.parametrize(
    ("answer", "outcome", "code"),
    [
        (status(500, "boom"), Outcome.REFUSED, 500),
        (status(404), Outcome.REFUSED, 404),
        (status(300), Outcome.REDIRECTED, 300),
        (status(304), Outcome.REDIRECTED, 304),
        (never, Outcome.TIMED_OUT, None),
    ],
)
async def test_only_a_2xx_is_a_success(
    stand: Stand, receiver: Receiver, answer: object, outcome: Outcome, code: int | None
):
    receiver.answers["/hook"] = answer  # type: ignore[assignment]
    await stand.endpoint(receiver.url())
    await stand.happen(stand.event())
    await work(await stand.worker(timeout_seconds=0.3))
    (delivery,) = await stand.deliveries()
    assert delivery.state is DeliveryState.PENDING
    assert delivery.retries == 1
    (attempt,) = delivery.tries
    assert (attempt.outcome, attempt.status) == (outcome, code)


@pytest.mark.parametrize("code", [200, 201, 202, 204, 299])
async def test_every_2xx_is_one(stand: Stand, receiver: Receiver, code: int):
    receiver.answers["/hook"] = status(code)
    await stand.endpoint(receiver.url())
    await stand.happen(stand.event())
    await work(await stand.worker())
    assert [one.state for one in await stand.deliveries()] == [DeliveryState.DELIVERED]


async def test_no_redirect_is_followed(stand: Stand, receiver: Receiver):
    for path, code in (("/a", 301), ("/b", 302), ("/c", 307), ("/d", 308)):
        receiver.answers[path] = status(code, location=receiver.url("/target"))
        await stand.endpoint(receiver.url(path))
    await stand.happen(stand.event())
    await work(await stand.worker())
    assert receiver.at("/target") == []
    found = await stand.deliveries()
    assert [one.tries[0].outcome for one in found] == [Outcome.REDIRECTED] * 4


async def test_nobody_there_is_an_outcome(stand: Stand, receiver: Receiver):
    await stand.endpoint("http://127.0.0.1:1025/hook")
    await stand.happen(stand.event())
    await work(await stand.worker())
    (delivery,) = await stand.deliveries()
    assert delivery.tries[0].outcome is Outcome.UNREACHABLE


async def test_what_it_answers_is_kept_short_and_masked(stand: Stand, receiver: Receiver):
    secret = "sk_live_" + "a" * 30
    receiver.answers["/hook"] = status(500, f"no\x00 card 4242424242424242 {secret} " + "y" * 9_000)
    await stand.endpoint(receiver.url())
    await stand.happen(stand.event())
    await work(await stand.worker())
    (delivery,) = await stand.deliveries()
    answer = delivery.tries[0].answer
    assert len(answer) == 500
    assert answer.startswith("no")
    assert "4242424242424242" not in answer
    assert secret not in answer
    assert "\x00" not in answer


@pytest.mark.catalogue("T44")
async def test_gone_disables_with_an_alarm(stand: Stand, receiver: Receiver):
    receiver.answers["/gone"] = status(410)
    gone = (await stand.endpoint(receiver.url("/gone"), "payment.*")).endpoint
    await stand.endpoint(receiver.url("/alarms"), "webhook_endpoint.*")
    await stand.happen(stand.event())
    worker = await stand.worker()
    await work(worker)

    now = await stand.again(gone)
    assert (now.state, now.disabled_because) == (EndpointState.DISABLED, DisabledBecause.GONE)
    (alarm,) = receiver.at("/alarms")
    told = json.loads(alarm.body)
    assert told["type"] == "webhook_endpoint.disabled"
    assert told["data"]["id"] == gone.id
    assert stand.alarms.count("webhook_endpoint.disabled") == 1
    await stand.happen(stand.event())
    assert await work(worker) == 0
    assert len(receiver.at("/gone")) == 1


async def test_a_disabled_endpoint_keeps_what_waits_and_gets_it_later(
    stand: Stand, receiver: Receiver
):
    endpoint = (await stand.endpoint(receiver.url())).endpoint
    (event,) = await stand.happen(stand.event())
    change = ChangeEndpoint(ANN, TEST, endpoint.id, "key_1", state=EndpointState.DISABLED)
    await stand.service.change_endpoint(change)
    worker = await stand.worker()
    assert await work(worker) == 0
    (delivery,) = await stand.deliveries()
    assert (delivery.state, delivery.next_attempt_at) == (DeliveryState.PENDING, None)
    change = ChangeEndpoint(ANN, TEST, endpoint.id, "key_1", state=EndpointState.ENABLED)
    await stand.service.change_endpoint(change)
    assert await work(worker) == 1
    assert receiver.ids() == [event]


async def test_a_changed_address_counts_from_the_next_attempt(stand: Stand, receiver: Receiver):
    receiver.answers["/old"] = status(500)
    endpoint = (await stand.endpoint(receiver.url("/old"))).endpoint
    (event,) = await stand.happen(stand.event())
    worker = await stand.worker()
    await work(worker)
    change = ChangeEndpoint(ANN, TEST, endpoint.id, "key_1", url=receiver.url("/new"))
    await stand.service.change_endpoint(change)
    stand.clock.move(timedelta(seconds=10))
    await work(worker)
    assert (receiver.ids("/old"), receiver.ids("/new")) == ([event], [event])


async def test_a_connection_that_was_let_go_of_costs_no_attempt(stand: Stand, receiver: Receiver):
    """Common servers close an idle connection just when it is used again."""
    receiver.answers["/hook"] = in_turn(status(200, connection="close"), status(200))
    await stand.endpoint(receiver.url())
    worker = await stand.worker()
    for _ in range(3):
        await stand.happen(stand.event())
        await work(worker)
    found = await stand.deliveries()
    assert [one.state for one in found] == [DeliveryState.DELIVERED] * 3
    assert [one.attempts for one in found] == [1, 1, 1]


async def test_deliveries_are_listed_by_what_they_are(stand: Stand, receiver: Receiver):
    receiver.answers["/bad"] = status(500)
    wanted = ("payment.*", "refund.*")
    good = (await stand.endpoint(receiver.url("/good"), *wanted)).endpoint
    bad = (await stand.endpoint(receiver.url("/bad"), *wanted)).endpoint
    events = await stand.happen(stand.event(), stand.event("refund.failed"))
    await work(await stand.worker(retry_max=0))

    async def ids(**wanted: object) -> list[tuple[str, str]]:
        page = await stand.service.deliveries(DeliveriesOf(ANN, TEST, **wanted))  # type: ignore[arg-type]
        return sorted((one.event, one.endpoint) for one in page.deliveries)

    assert len(await ids()) == 4
    assert await ids(endpoint=good.id) == sorted((one, good.id) for one in events)
    assert await ids(state=DeliveryState.FAILED) == sorted((one, bad.id) for one in events)
    assert await ids(types=("refund.*",), endpoint=bad.id) == [(events[1], bad.id)]
    assert await ids(event=events[0], endpoint=good.id) == [(events[0], good.id)]
    assert await ids(created_before=stand.clock.now()) == []
    assert len(await ids(created_from=stand.clock.now())) == 4
    first = await stand.service.deliveries(DeliveriesOf(ANN, TEST, limit=3))
    assert first.has_more
    rest = await stand.service.deliveries(
        DeliveriesOf(ANN, TEST, limit=3, after=first.deliveries[-1].id)
    )
    assert not rest.has_more
    assert len({one.id for one in (*first.deliveries, *rest.deliveries)}) == 4
