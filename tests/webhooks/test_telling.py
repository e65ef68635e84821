"""Whoever changes where events go is told by the feed, and so stands in the transparency log."""

import json
from typing import Any

import pytest
from tests.webhooks.receiver import Receiver, status
from tests.webhooks.stand import ANN, TEST, Stand, work

from bezant.db.feeds import StoredFeed
from bezant.db.sequencer import Sequencer
from bezant.webhooks.endpoint import (
    ChangeEndpoint,
    DeleteEndpoint,
    EndpointState,
    RotateSecret,
    SecretToldBefore,
)

pytestmark = pytest.mark.requirement("S004-2", part="changes of webhook endpoints enter the log")
SECRET_PLACE = "http://127.0.0.1:9000/hooks/T0KEN-OF-SOMEBODY?key=s3cret"


async def told(stand: Stand) -> list[tuple[str, str, dict[str, Any]]]:
    """Return what the feed tells: type, subject and data of each event."""
    await Sequencer(stand.database, "webhooks", stand.nudges).step()
    found = await StoredFeed(stand.database, "webhooks").read(0, 100)
    return [(one.event.type, one.event.subject, dict(one.event.data)) for one in found]


async def test_the_life_of_an_endpoint_is_told_with_who_did_what(stand: Stand):
    endpoint = (await stand.endpoint(SECRET_PLACE, "payment.*")).endpoint
    place = (endpoint.tenant, endpoint.mode, endpoint.id)
    change = ChangeEndpoint(*place, "mem_1", events=("*",), description="all of it")
    await stand.service.change_endpoint(change)
    await stand.service.change_endpoint(change)  # Which changes nothing.
    await stand.service.change_endpoint(
        ChangeEndpoint(*place, "mem_1", state=EndpointState.DISABLED)
    )
    await stand.service.rotate_secret(
        RotateSecret(stand.ids.new("whs"), *place, "mem_2", overlap_seconds=60)
    )
    for _ in range(2):
        await stand.service.delete_endpoint(DeleteEndpoint(*place, "mem_3"))

    found = await told(stand)
    assert [(kind.removeprefix("webhook_endpoint."), data["by"]) for kind, _, data in found] == [
        ("created", "key_1"), ("changed", "mem_1"), ("changed", "mem_1"),
        ("secret_rotated", "mem_2"), ("deleted", "mem_3"),
    ]  # fmt: skip
    assert {subject for _, subject, _ in found} == {endpoint.id}
    data = [one for _, _, one in found]
    assert data[0]["events"] == ["payment.*"]
    assert sorted(data[1]["changed"]) == ["description", "events"]
    assert data[1]["events"] == ["*"]
    assert (data[2]["changed"], data[2]["state"]) == (["state"], "disabled")
    assert data[3]["overlap_seconds"] == 60
    assert data[4]["state"] == "deleted"


async def test_an_address_is_told_without_the_secrets_it_may_hold(stand: Stand):
    made = await stand.endpoint(SECRET_PLACE)
    ((_, _, data),) = await told(stand)

    assert data["origin"] == "http://127.0.0.1:9000"
    assert len(data["url_digest"]) == 64
    text = json.dumps(data)
    assert "T0KEN" not in text
    assert "s3cret" not in text
    assert made.secret is not None
    assert made.secret.reveal() not in text


async def test_what_did_not_happen_is_not_told(stand: Stand):
    made = (await stand.endpoint(SECRET_PLACE)).endpoint
    again = RotateSecret(stand.ids.new("whs"), ANN, TEST, made.id, "mem_1")
    await stand.service.rotate_secret(again)
    with pytest.raises(SecretToldBefore):
        await stand.service.rotate_secret(again)

    kinds = [kind for kind, _, _ in await told(stand)]
    assert kinds == ["webhook_endpoint.created", "webhook_endpoint.secret_rotated"]


async def test_an_endpoint_we_give_up_is_told_too(stand: Stand, receiver: Receiver):
    receiver.answers["/gone"] = status(410)
    made = (await stand.endpoint(receiver.url("/gone"))).endpoint
    worker = await stand.worker()
    await stand.happen(stand.event())
    await work(worker)

    assert (await stand.again(made)).state is EndpointState.DISABLED
    kind, subject, data = (await told(stand))[-1]
    assert (kind, subject) == ("webhook_endpoint.disabled", made.id)
    assert (data["because"], data["by"]) == ("gone", "webhooks")
