"""PayPal's webhooks, checked as a receiver would: by the certificate, and by asking PayPal."""

import base64
import json
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID
from tests.sandbox.paypal_shop import ORDERS, Shop, shop_of
from tests.sandbox.stand import Box, Letter

from bezant.sandbox.paypal import EVERYBODY

VERIFY = "/v1/notifications/verify-webhook-signature"


@pytest.fixture
def shop(tmp_path: Path, box: Box) -> Iterator[Shop]:
    with shop_of(tmp_path, box, replace(EVERYBODY, webhook_url=box.url)) as shop:
        yield shop


def kinds(box: Box) -> list[str]:
    return [json.loads(letter.body)["event_type"] for letter in box.letters]


def is_genuine(shop: Shop, letter: Letter, webhook_id: str = EVERYBODY.webhook_id) -> bool:
    """Check a webhook offline, the way PayPal documents it."""
    said = letter.headers
    url = said["paypal-cert-url"]
    assert url.startswith(shop.here.urls["paypal"])
    pem = shop.here.client.get(url).content
    certificate = x509.load_pem_x509_certificate(pem)
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    assert [name.value for name in names] == ["messageverificationcerts.paypal.com"]
    key = certificate.public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    parts = (
        said["paypal-transmission-id"],
        said["paypal-transmission-time"],
        webhook_id,
        str(zlib.crc32(letter.body) & 0xFFFFFFFF),
    )
    proof = base64.b64decode(said["paypal-transmission-sig"])
    try:
        key.verify(proof, "|".join(parts).encode(), padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        return False
    return said["paypal-auth-algo"] == "SHA256withRSA"


def verified(shop: Shop, letter: Letter, **changed: str) -> str:
    """Ask PayPal about a webhook; the event goes back byte by byte."""
    said = letter.headers
    told = {
        "auth_algo": said["paypal-auth-algo"],
        "cert_url": said["paypal-cert-url"],
        "transmission_id": said["paypal-transmission-id"],
        "transmission_sig": said["paypal-transmission-sig"],
        "transmission_time": said["paypal-transmission-time"],
        "webhook_id": EVERYBODY.webhook_id,
        **changed,
    }
    body = json.dumps(told)[:-1].encode() + b', "webhook_event": ' + letter.body + b"}"
    headers = {"content-type": "application/json"}
    answer = shop.here.post("paypal", VERIFY, content=body, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()["verification_status"]


def test_what_was_changed_or_is_for_another_is_not_genuine(shop: Shop, box: Box):
    shop.approved()
    shop.here.catch_up()
    (letter,) = box.letters
    other = replace(letter, body=letter.body.replace(b"20.00", b"90.00"))
    assert is_genuine(shop, letter)
    assert not is_genuine(shop, other)
    assert not is_genuine(shop, letter, "ANOTHERWEBHOOK000")
    assert verified(shop, letter) == "SUCCESS"
    assert verified(shop, other) == "FAILURE"
    assert verified(shop, letter, webhook_id="ANOTHERWEBHOOK000") == "FAILURE"
    assert verified(shop, letter, transmission_time="2026-08-01T12:00:01Z") == "FAILURE"
    assert verified(shop, letter, transmission_sig="AAAA") == "FAILURE"


def test_the_seal_covers_no_more_than_a_checksum_as_paypals_does(shop: Shop, box: Box):
    shop.approved()
    shop.here.catch_up()
    (letter,) = box.letters
    # Four bytes can be chosen so that any other body has the same CRC-32.
    forged = with_checksum(b'{"event_type":"PAYMENT.CAPTURE.COMPLETED","x":"', letter.body)
    assert forged != letter.body
    assert is_genuine(shop, replace(letter, body=forged))


def with_checksum(begin: bytes, like: bytes) -> bytes:
    """Return bytes that begin so and have the CRC-32 of the others."""
    wanted = zlib.crc32(like) ^ 0xFFFFFFFF
    table = [_table_entry(byte) for byte in range(256)]
    by_top = {entry >> 24: at for at, entry in enumerate(table)}
    state = wanted
    indexes = []
    for _ in range(4):
        index = by_top[state >> 24]
        indexes.append(index)
        state = ((state ^ table[index]) << 8) & 0xFFFFFFFF
    now = zlib.crc32(begin) ^ 0xFFFFFFFF
    patch = bytearray()
    for index in reversed(indexes):
        byte = (now ^ index) & 0xFF
        patch.append(byte)
        now = table[(now ^ byte) & 0xFF] ^ (now >> 8)
    made = begin + bytes(patch)
    assert zlib.crc32(made) == zlib.crc32(like)
    return made


def _table_entry(byte: int) -> int:
    for _ in range(8):
        byte = (byte >> 1) ^ (0xEDB88320 if byte & 1 else 0)
    return byte


def test_a_card_story_is_told_in_order_and_can_be_fetched(shop: Shop, box: Box):
    taken = shop.captured("20.00")
    shop.post(f"/v2/payments/captures/{taken['id']}/refund", {}, "r1")
    shop.here.catch_up()
    told = [
        "CHECKOUT.ORDER.APPROVED",
        "PAYMENT.CAPTURE.COMPLETED",
        "CHECKOUT.ORDER.COMPLETED",
        "PAYMENT.CAPTURE.REFUNDED",
    ]
    assert kinds(box) == told
    assert all(is_genuine(shop, letter) for letter in box.letters)
    event = json.loads(box.letters[1].body)
    assert event["resource"]["id"] == taken["id"]
    assert event["resource"]["links"][0]["href"].startswith(shop.here.urls["paypal"])
    assert shop.get(f"/v1/notifications/webhooks-events/{event['id']}") == event


def test_scripts_double_delay_reorder_forge_and_withhold(shop: Shop, box: Box):
    shop.here.script("webhook_withhold", provider="paypal", operation="CHECKOUT.ORDER.APPROVED")
    order = shop.approved()
    shop.here.script("webhook_reorder", provider="paypal", operation="PAYMENT.CAPTURE.COMPLETED")
    shop.post(f"{ORDERS}/{order}/capture", key="c1")
    shop.here.catch_up()
    assert kinds(box) == ["CHECKOUT.ORDER.COMPLETED", "PAYMENT.CAPTURE.COMPLETED"]

    box.letters.clear()
    shop.here.script("webhook_duplicate", provider="paypal")
    shop.approved()
    shop.here.catch_up()
    first, second = box.letters
    assert first.body == second.body
    assert is_genuine(shop, first)

    box.letters.clear()
    shop.here.script("webhook_forge", provider="paypal")
    shop.approved()
    shop.here.catch_up()
    assert [is_genuine(shop, letter) for letter in box.letters] == [False, True]
    assert [verified(shop, letter) for letter in box.letters] == ["FAILURE", "SUCCESS"]

    box.letters.clear()
    shop.here.script("webhook_late", provider="paypal", seconds=3_600)
    shop.approved()
    shop.here.catch_up()
    assert box.letters == []
    shop.here.pass_time(hours=1)
    assert kinds(box) == ["CHECKOUT.ORDER.APPROVED"]


def test_a_refused_webhook_is_sent_again_for_three_days_and_no_longer(shop: Shop, box: Box):
    box.statuses.extend([500, 503])
    shop.approved()
    shop.here.catch_up()
    assert len(box.letters) == 1
    shop.here.pass_time(minutes=1)
    shop.here.pass_time(minutes=2)
    assert len(box.letters) == 3
    assert len({letter.body for letter in box.letters}) == 1
    assert len({letter.headers["paypal-transmission-id"] for letter in box.letters}) == 3
    shop.here.pass_time(days=4)
    assert len(box.letters) == 3

    box.letters.clear()
    box.statuses.extend([500] * 40)
    shop.log_in()
    shop.approved()
    for _ in range(80):
        shop.here.pass_time(hours=1)
    assert len(box.letters) == 26


def test_a_webhook_is_made_listed_and_dropped_by_the_api(shop: Shop, box: Box):
    url = box.url + "/second"
    types = [{"name": "PAYMENT.CAPTURE.COMPLETED"}]
    hooks = "/v1/notifications/webhooks"
    made = shop.post(hooks, {"url": url, "event_types": types}).json()
    listed = {one["id"] for one in shop.get(hooks)["webhooks"]}
    assert listed == {made["id"], EVERYBODY.webhook_id}
    shop.captured()
    shop.here.catch_up()
    second = [letter for letter in box.letters if letter.path.endswith("/second")]
    assert len(second) == 1
    assert is_genuine(shop, second[0], made["id"])
    dropped = shop.here.call("paypal", "DELETE", f"{hooks}/{made['id']}")
    assert dropped.status_code == 204
    assert shop.here.get("paypal", f"{hooks}/{made['id']}").status_code == 404
    event = json.loads(second[0].body)["id"]
    resent = shop.post(f"/v1/notifications/webhooks-events/{event}/resend")
    assert resent.status_code == 202
    shop.here.catch_up()
    assert kinds(box).count("PAYMENT.CAPTURE.COMPLETED") == 3
