"""J10: the merchant is down for six hours, and everything that happened meanwhile arrives later."""

import json
from datetime import datetime, timedelta

import pytest
from standardwebhooks import Webhook, WebhookVerificationError
from tests.webhooks.receiver import Receiver, receiving, status
from tests.webhooks.stand import Stand, work

from bezant.clock import Clock, MovableClock, RealClock
from bezant.webhooks import Delivery, DeliveryState, EndpointState, ForbiddenAddress
from bezant.webhooks.worker import Worker

DOWN = timedelta(hours=6)
EVERY = timedelta(minutes=10)
SCHEDULE = (0, 5, 300, 1_800, 7_200, 18_000, 36_000)


class Merchant:
    """A shop that does as the guide says: checks, remembers ids, and acts once on each."""

    def __init__(self, secret: str) -> None:
        self._hook = Webhook(secret)
        self.acted: dict[str, dict[str, object]] = {}

    def take(self, body: bytes, headers: dict[str, str]) -> bool:
        """Act on a message; False if it was acted on before. Raises if it is not genuine."""
        told = self._hook.verify(body, headers)
        assert told["id"] == headers["webhook-id"]
        if told["id"] in self.acted:
            return False
        self.acted[told["id"]] = told
        return True


async def pass_time(stand: Stand, worker: Worker, until: datetime) -> None:
    """Let time pass in steps of a minute while the worker works."""
    while stand.clock.now() < until:
        stand.clock.move(min(timedelta(minutes=1), until - stand.clock.now()))
        await work(worker)


@pytest.mark.requirement("J10", whole=True)
@pytest.mark.requirement("S003-3")
async def test_webhooks_that_arrive(stand: Stand):
    async with receiving() as up:
        port, url = up.port, up.url()
    new = await stand.endpoint(url, "payment.*")
    assert new.secret is not None
    merchant = Merchant(new.secret.reveal())
    worker = await stand.worker()
    began = stand.clock.now()

    # Nobody is there for six hours, while payments go on.
    happened: dict[str, datetime] = {}
    while stand.clock.now() < began + DOWN:
        (event,) = await stand.happen(stand.event())
        happened[event] = stand.clock.now()
        await work(worker)
        await pass_time(stand, worker, stand.clock.now() + EVERY)
    waiting = await stand.deliveries()
    assert len(waiting) == 36
    assert {one.state for one in waiting} == {DeliveryState.PENDING}
    endpoint = await stand.again(new.endpoint)
    assert (endpoint.state, endpoint.failing_since) == (EndpointState.ENABLED, began)

    # The merchant is back; everything arrives on schedule, though nothing new happens.
    async with receiving(port) as receiver:
        back_at = stand.clock.now()
        await pass_time(stand, worker, back_at + timedelta(hours=6))
        _arrived_on_schedule(await stand.deliveries(), happened, back_at)
        for request in receiver.requests:
            assert merchant.take(request.body, request.headers)
        assert merchant.acted.keys() == happened.keys()
        assert (await stand.again(new.endpoint)).failing_since is None
        await _forgeries_are_refused(stand, receiver, merchant)


def _arrived_on_schedule(
    deliveries: list[Delivery], happened: dict[str, datetime], back_at: datetime
) -> None:
    for delivery in deliveries:
        assert delivery.state is DeliveryState.DELIVERED, delivery
        tries = delivery.tries[::-1]
        at = happened[delivery.event]
        for attempt, pause in zip(tries, SCHEDULE, strict=False):
            due = timedelta(seconds=pause)
            waited = attempt.started_at - at
            # Time passes here in steps of a minute.
            assert due <= waited <= due * 1.1 + timedelta(minutes=1)
            at = attempt.started_at
        assert all(one.started_at <= back_at for one in tries[:-1])
        assert tries[-1].started_at > back_at


async def _forgeries_are_refused(stand: Stand, receiver: Receiver, merchant: Merchant) -> None:
    genuine = receiver.requests[0]
    # Replayed: it is genuine, so only its id tells, and nothing is done twice.
    assert not merchant.take(genuine.body, genuine.headers)
    altered = genuine.body.replace(b"19.99", b"99.99")
    assert altered != genuine.body
    with pytest.raises(WebhookVerificationError):
        merchant.take(altered, genuine.headers)
    with pytest.raises(WebhookVerificationError):
        merchant.take(genuine.body, {**genuine.headers, "webhook-id": "evt_other"})

    # Stale: sent by a worker whose clock is six minutes behind, so signed for that time.
    late: Clock = MovableClock(RealClock().now() - timedelta(minutes=6))
    receiver.requests.clear()
    (event,) = await stand.happen(stand.event())
    await work(await stand.worker(real=late))
    (stale,) = receiver.requests
    with pytest.raises(WebhookVerificationError, match="old"):
        merchant.take(stale.body, stale.headers)
    assert event not in merchant.acted


@pytest.mark.requirement("J10")
async def test_a_live_platform_takes_no_address_of_its_own_network(stand: Stand):
    stand.service._live = True
    for url in ("https://10.0.0.5/hook", "http://127.0.0.1:3000/", "https://[fd00::1]/"):
        with pytest.raises(ForbiddenAddress):
            await stand.endpoint(url)
    await stand.endpoint("https://shop.example/hook")


@pytest.mark.requirement("J10")
async def test_a_merchant_that_checks_nothing_would_be_fooled(stand: Stand, receiver: Receiver):
    """The control: the forgeries above are well formed in all but their signature."""
    receiver.answers["/hook"] = status(200)
    new = await stand.endpoint(receiver.url())
    await stand.happen(stand.event())
    await work(await stand.worker())
    request = receiver.requests[0]
    altered = request.body.replace(b"19.99", b"99.99")
    assert json.loads(altered)["data"]["amount"]["amount"] == "99.99"
    assert new.secret is not None
    assert Merchant(new.secret.reveal()).take(request.body, request.headers)
