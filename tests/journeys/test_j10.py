"""J10 Webhooks that arrive: a merchant is away for seven hours, and is told everything later."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from standardwebhooks import Webhook
from tests.harness.ports import free_port
from tests.harness.waiting import wait_until
from tests.journeys.conftest import MANNERS
from tests.journeys.house import House, Json, apart
from tests.journeys.merchant import Merchant, opened_for_business

AWAY = (("+10m", 2), ("+1h", 3), ("+3h", 4), ("+3h", 5))
"""How the time goes by, and how often each message was tried by then."""
NEXT = "+6h"  # The next pause is five hours, or a tenth more.
STALE_SECONDS = 360


@pytest.fixture(params=["together", "apart"])
def anywhere(house: House, request: pytest.FixtureRequest) -> Iterator[House]:
    """Lend the house, or the same one with webhooks in a process of their own."""
    if request.param == "together":
        yield house
    else:
        with apart(house, "webhooks", **MANNERS) as gateway:
            yield gateway


def deliveries(house: House, endpoint: str) -> list[Json]:
    return house.told("GET", f"/v1/webhook_endpoints/{endpoint}/deliveries?limit=100")["data"]


def tried(house: House, endpoint: str, payments: int, times: int) -> bool:
    """Tell whether there is a delivery for each payment, and each was tried that often."""
    found = deliveries(house, endpoint)
    return len(found) == payments and all(one["attempts"] >= times for one in found)


@pytest.mark.requirement("J10", part="a whole house")
def test_webhooks_that_arrive(anywhere: House):
    house, port = anywhere, free_port()
    wish = {"url": f"http://127.0.0.1:{port}/hook", "events": ["payment.captured"]}
    made = house.told("POST", "/v1/webhook_endpoints", wish)
    merchant, endpoint = Merchant(made["secret"]), made["id"]
    paid = {house.pay()["id"] for _ in range(3)}
    wait_until(lambda: tried(house, endpoint, 3, 1), "each was tried")
    for step, times in AWAY:
        house.pass_time(step)
        wait_until(lambda least=times: tried(house, endpoint, 3, least), f"tried after {step}")
    late = house.pay()["id"]
    waiting = deliveries(house, endpoint)
    assert {one["state"] for one in waiting} == {"pending"}
    shown = house.told("GET", f"/v1/webhook_endpoints/{endpoint}")
    assert shown["state"] == "enabled"
    assert shown["failing_since"]

    with opened_for_business(merchant, port):
        house.pass_time(NEXT)
        wait_until(lambda: merchant.payments() >= {*paid, late}, "it was told of everything")
        wait_until(
            lambda: {one["state"] for one in deliveries(house, endpoint)} == {"delivered"},
            "that is known",
        )
        assert merchant.payments() == {*paid, late}
        assert {one["event"] for one in deliveries(house, endpoint)} == set(merchant.acted)
        assert house.told("GET", f"/v1/webhook_endpoints/{endpoint}")["failing_since"] is None
        _again(house, merchant, deliveries(house, endpoint)[0])
        _forged(merchant, made["secret"])
    assert house.ask("DELETE", f"/v1/webhook_endpoints/{endpoint}").status_code == 200


def _again(house: House, merchant: Merchant, delivery: Json) -> None:
    """Sent again, a message has its old id, so nothing is done twice."""
    acted, arrived = len(merchant.acted), len(merchant.arrived)
    house.told("POST", f"/v1/webhook_deliveries/{delivery['id']}/resend", {})
    wait_until(lambda: len(merchant.arrived) > arrived, "it came again")
    assert merchant.arrived[-1][1]["webhook-id"] == delivery["event"]
    assert len(merchant.acted) == acted


def _forged(merchant: Merchant, secret: str) -> None:
    """What was altered, sent under another id or long ago is refused; the genuine is not."""
    body, headers = merchant.arrived[0]
    altered = body.replace(b"20.00", b"99.00")
    assert altered != body
    assert merchant.take(altered, headers) == 400
    assert merchant.take(body, {**headers, "webhook-id": "evt_other"}) == 400
    old = int(time.time()) - STALE_SECONDS
    assert merchant.take(body, _stamped(secret, body, headers, old)) == 400
    now = int(time.time())
    assert merchant.take(body, _stamped(secret, body, headers, now)) == 200, "the control"


def _stamped(secret: str, body: bytes, headers: dict[str, str], at: int) -> dict[str, str]:
    """Sign a message as of another moment, as only who has the secret can."""
    moment = datetime.fromtimestamp(at, UTC)
    signature = Webhook(secret).sign(headers["webhook-id"], moment, body.decode())
    return {**headers, "webhook-timestamp": str(at), "webhook-signature": signature}


@pytest.mark.requirement("J10", part="addresses that are not the world's")
def test_private_addresses_are_refused(house: House):
    for url in (
        "http://10.0.0.5/hook", "https://169.254.169.254/latest", "https://[fd00::1]/",
        "https://192.168.1.1/hook",
    ):  # fmt: skip
        refused = house.ask("POST", "/v1/webhook_endpoints", {"url": url})
        assert refused.status_code in {400, 422}, refused.text
        assert (refused.json()["code"], refused.json()["field"]) == (
            "forbidden_webhook_address",
            "url",
        )
    control = house.told("POST", "/v1/webhook_endpoints", {"url": "https://shop.example/hook"})
    assert house.ask("DELETE", f"/v1/webhook_endpoints/{control['id']}").status_code == 200
