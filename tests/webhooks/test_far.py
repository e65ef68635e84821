"""The port means the same in another process: everything it takes and tells travels."""

from datetime import timedelta

import pytest
from tests.webhooks.receiver import Receiver, status
from tests.webhooks.stand import ANN, TEST, Stand, work

from bezant.rpc.methods import method_names
from bezant.rpc.wire import contract
from bezant.webhooks import (
    CreateEndpoint,
    DeliveriesOf,
    EndpointsOf,
    EventsAfter,
    EventsOf,
    ResendMany,
    Scheme,
    Webhooks,
)


def test_every_method_has_a_place_on_the_wire():
    assert {one.name for one in contract(Webhooks).methods} == set(method_names(Webhooks))


async def test_what_is_asked_and_told_survives_the_way(stand: Stand, receiver: Receiver):
    receiver.answers["/hook"] = status(500, "no")
    methods = {one.name: one for one in contract(Webhooks).methods}

    def travelled(method: str, answer: object) -> object:
        shape = methods[method].answer
        return shape.from_bytes(shape.to_bytes(answer))

    command = CreateEndpoint(
        stand.ids.new("whe"), ANN, TEST, "key_1", receiver.url(), ("payment.*",),
        signatures=(Scheme.HMAC, Scheme.ED25519),
    )  # fmt: skip
    request = methods["create_endpoint"].request
    assert request.from_bytes(request.to_bytes(command)) == command
    made = await stand.service.create_endpoint(command)
    arrived = travelled("create_endpoint", made)
    assert arrived.endpoint == made.endpoint  # type: ignore[attr-defined]
    assert made.secret is not None
    assert arrived.secret.reveal() == made.secret.reveal()  # type: ignore[attr-defined]

    await stand.happen(stand.event(data={"n": None, "list": [1, {"a": "é"}]}))
    await work(await stand.worker(retry_max=0))
    stand.clock.move(timedelta(seconds=1))
    (delivery,) = await stand.deliveries()
    for method, answer in (
        ("endpoints", await stand.service.endpoints(EndpointsOf(ANN, TEST))),
        ("deliveries", await stand.service.deliveries(DeliveriesOf(ANN, TEST))),
        ("delivery", delivery),
        ("queue", await stand.service.queue()),
        ("events", await stand.service.events(EventsOf(ANN, TEST))),
        ("events_after", await stand.service.events_after(EventsAfter(ANN, TEST, 0))),
        (
            "resend_many",
            await stand.service.resend_many(ResendMany(ANN, TEST, made.endpoint.id)),
        ),
    ):
        assert travelled(method, answer) == answer, method


@pytest.mark.parametrize("missed", [True, False])
def test_a_command_keeps_every_field(missed: bool):
    shape = {one.name: one for one in contract(Webhooks).methods}["resend_many"].request
    command = ResendMany(ANN, TEST, "whe_1", types=("a.*",), missed=missed, after="whd_1")
    assert shape.from_bytes(shape.to_bytes(command)) == command
