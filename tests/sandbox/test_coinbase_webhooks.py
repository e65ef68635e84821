"""Coinbase's webhooks, checked with code of our own and with the official client of Commerce."""

import hashlib
import hmac
import json
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.sandbox.coinbase_shop import CHECKOUTS, Shop, shop_of
from tests.sandbox.stand import Box, Letter

from bezant.sandbox.coinbase import COMMERCE_KEY, EVERYBODY

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # The client's own business.
    from coinbase_commerce.client import Client
    from coinbase_commerce.error import ResourceNotFoundError, SignatureVerificationError
    from coinbase_commerce.webhook import Webhook

SHARED = EVERYBODY.webhook_secret.reveal()
TOLERANCE_SECONDS = 300


@pytest.fixture
def shop(tmp_path: Path, box: Box) -> Iterator[Shop]:
    with shop_of(tmp_path, box, replace(EVERYBODY, webhook_url=box.url)) as shop:
        yield shop


def is_genuine(letter: Letter, now: float, shared: str = SHARED) -> bool:
    """Check a webhook the way Coinbase documents it for all CDP webhooks."""
    fields = dict(part.split("=", 1) for part in letter.headers["x-hook0-signature"].split(","))
    if abs(now - int(fields["t"])) > TOLERANCE_SECONDS:
        return False
    values = ".".join(letter.headers.get(name, "") for name in fields["h"].split(" "))
    told = f"{fields['t']}.{fields['h']}.{values}.".encode() + letter.body
    whole = hmac.new(shared.encode(), told, hashlib.sha256).hexdigest()
    plain_told = f"{fields['t']}.".encode() + letter.body
    plain = hmac.new(shared.encode(), plain_told, hashlib.sha256).hexdigest()
    return (whole, plain) == (fields["v1"], fields["v0"])


def told(box: Box) -> list[str]:
    return [json.loads(letter.body).get("eventType", "") for letter in box.letters]


def test_a_changed_forged_or_old_webhook_is_not_genuine(shop: Shop, box: Box):
    shop.here.script("webhook_forge", provider="coinbase")
    shop.paid()
    forged, good = box.letters
    now = shop.here.clock.now().timestamp()
    assert not is_genuine(forged, now)
    assert is_genuine(good, now)
    assert not is_genuine(good, now + 301)
    assert not is_genuine(good, now, "another secret")
    assert not is_genuine(replace(good, body=good.body.replace(b"100.00", b"900.00")), now)
    other = {**good.headers, "x-event-type": "checkout.payment.failed"}
    assert not is_genuine(replace(good, headers=other), now)


def test_every_change_of_a_checkout_is_told(shop: Shop, box: Box):
    paid = shop.paid("100.00")
    shop.refund(paid["id"], "25.00", "r1")
    shop.here.pass_time(seconds=20)
    failed = shop.checkout()
    shop.pay(failed, "fail")
    shop.checkout()
    shop.here.pass_time(days=1)
    shop.here.script("return", provider="coinbase", operation="refund")
    shop.refund(paid["id"], "25.00", "r2")
    shop.here.pass_time(seconds=20)
    assert told(box) == [
        "checkout.payment.success",
        "checkout.refund.success",
        "checkout.payment.failed",
        "checkout.payment.expired",
        "checkout.refund.failed",
    ]
    first = json.loads(box.letters[0].body)
    assert (first["id"], first["status"]) == (paid["id"], "COMPLETED")
    assert first["settlement"]["feeAmount"] == "1.25"
    assert first["metadata"] == {"order": "pay_1"}
    kinds = [letter.headers["x-event-type"] for letter in box.letters]
    assert kinds == told(box)
    assert len({letter.headers["x-event-id"] for letter in box.letters}) == 5


def test_payment_links_tell_under_their_own_names(shop: Shop, box: Box):
    shop.pay(shop.checkout(path="/api/v1/payment-links"))
    shop.here.pass_time(seconds=20)
    assert told(box) == ["payment_link.payment.success"]
    assert is_genuine(box.letters[0], shop.here.clock.now().timestamp())


def test_a_subscription_gets_what_it_wants_signed_with_its_own_secret(shop: Shop, box: Box):
    body = {
        "eventTypes": ["checkout.payment.failed"],
        "target": {"url": box.url + "/failures", "method": "POST"},
        "description": "failures",
        "labels": {},
        "isEnabled": True,
    }
    path = "/platform/v2/data/webhooks/subscriptions"
    made = shop.post(path, body).json()
    assert [one["subscriptionId"] for one in shop.get(path)["subscriptions"]] == [
        made["subscriptionId"]
    ]
    shop.paid()
    failed = shop.checkout()
    shop.pay(failed, "fail")
    shop.here.pass_time(seconds=20)
    mine = [letter for letter in box.letters if letter.path.endswith("/failures")]
    assert [json.loads(letter.body)["id"] for letter in mine] == [failed["id"]]
    assert is_genuine(mine[0], shop.here.clock.now().timestamp(), made["secret"])
    assert shop.call("DELETE", f"{path}/{made['subscriptionId']}").status_code == 204
    assert shop.call("GET", f"{path}/{made['subscriptionId']}").status_code == 404
    assert shop.post(path, {**body, "eventTypes": []}).status_code == 400


def test_the_official_client_of_commerce_verifies_every_webhook(shop: Shop, box: Box):
    charge = shop.charge("100.00")
    shop.send(charge)
    shop.here.pass_time(minutes=2)
    events = []
    for letter in box.letters:
        signature = letter.headers["x-cc-webhook-signature"]
        events.append(Webhook.construct_event(letter.body.decode(), signature, SHARED))
        with pytest.raises(SignatureVerificationError):
            changed = letter.body.decode().replace("100.00", "1.00")
            Webhook.construct_event(changed, signature, SHARED)
    assert [event.type for event in events] == [
        "charge:created",
        "charge:pending",
        "charge:confirmed",
    ]
    assert events[2].data.timeline[-1].status == "COMPLETED"


def test_a_forged_webhook_of_commerce_is_found_out(shop: Shop, box: Box):
    shop.here.script("webhook_forge", provider="coinbase", operation="charge:created")
    shop.charge()
    shop.here.catch_up()
    forged, good = box.letters
    with pytest.raises(SignatureVerificationError):
        Webhook.construct_event(
            forged.body.decode(), forged.headers["x-cc-webhook-signature"], SHARED
        )
    Webhook.construct_event(good.body.decode(), good.headers["x-cc-webhook-signature"], SHARED)


def test_the_official_client_of_commerce_reads_charges_lists_and_errors(shop: Shop):
    with pytest.warns(UserWarning, match="insecure"):
        client = Client(COMMERCE_KEY.reveal(), base_api_uri=shop.here.urls["coinbase"])
    with client.session:
        made = client.charge.create(
            name="Shoes",
            description="A pair",
            local_price={"amount": "100.00", "currency": "USD"},
            pricing_type="fixed_price",
        )
        assert client.charge.retrieve(made.code).id == made.id
        assert client.charge.retrieve(made.id).timeline[0].status == "NEW"
        for _ in range(3):
            shop.charge()
        listed = [one.id for one in client.charge.list_paging_iter(limit=2)]
        assert len(listed) == len(set(listed)) == 4
        assert [one.type for one in client.event.list_paging_iter()] == ["charge:created"] * 4
        with pytest.raises(ResourceNotFoundError):
            client.charge.retrieve("NOSUCH00")


def test_a_webhook_nobody_takes_is_sent_for_three_days(shop: Shop, box: Box):
    box.statuses.extend([500] * 200)
    shop.paid()
    for _ in range(80):
        shop.here.pass_time(hours=1)
    tried = len(box.letters)
    assert 70 <= tried <= 80
    shop.here.pass_time(days=2)
    assert len(box.letters) == tried
    assert len({letter.headers["x-event-id"] for letter in box.letters}) == 1
    assert shop.get(CHECKOUTS)["checkouts"][0]["status"] == "COMPLETED"
