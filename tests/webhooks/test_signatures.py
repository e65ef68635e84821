"""Signing and checking, against two other implementations of the same standard."""

import hashlib
import hmac
import json
import random
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
import standardwebhooks
import svix.webhooks
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from tests.webhooks.receiver import Receiver
from tests.webhooks.stand import ANN, TEST, Stand, work

from bezant.clock import RealClock
from bezant.secret import Secret
from bezant.webhooks import RotateSecret, Scheme
from bezant.webhooks.signatures import (
    MalformedSecret,
    NotGenuine,
    SigningKey,
    Stamp,
    headers_of,
    verify,
)

CASES = 1_000
PEERS = (standardwebhooks.Webhook, svix.webhooks.Webhook)


def made(scheme: Scheme = Scheme.HMAC, seed: int = 1) -> SigningKey:
    return SigningKey.of_chance(scheme, random.Random(seed).randbytes(32))


def bodies(seed: int) -> list[tuple[str, bytes]]:
    """Return ids with bodies as they come: any JSON, any script, any spacing."""
    chance = random.Random(seed)
    found: list[tuple[str, bytes]] = []
    for _ in range(CASES):
        text = "".join(chr(chance.choice((32, 65, 233, 0x4E2D, 0x1F4B6))) for _ in range(20))
        value = {"id": chance.random(), text: [text, None, chance.randrange(10**15)]}
        indent = chance.choice((None, 2))
        body = json.dumps(value, ensure_ascii=chance.random() < 0.5, indent=indent)
        found.append((f"evt_{chance.getrandbits(128):032x}", body.encode()))
    return found


@pytest.mark.catalogue("T46")
@pytest.mark.parametrize("peer", PEERS, ids=lambda one: one.__module__)
def test_what_we_sign_they_accept_and_nothing_else(peer: type[standardwebhooks.Webhook]):
    now = RealClock().now()
    chance = random.Random(46)
    agreed = refused = 0
    for number, (identifier, body) in enumerate(bodies(46)):
        key = made(seed=number)
        headers = headers_of(Stamp(identifier, now), body, [key])
        theirs = peer(key.text.reveal())
        theirs.verify(body, headers)
        agreed += 1
        at = chance.randrange(len(body))
        changed = body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]
        with pytest.raises(Exception):  # noqa: B017 - a broken text fails before its check
            theirs.verify(changed, headers)
        refused += 1
    assert (agreed, refused) == (CASES, CASES)


@pytest.mark.catalogue("T46")
@pytest.mark.parametrize("peer", PEERS, ids=lambda one: one.__module__)
def test_what_they_sign_we_accept_and_nothing_else(peer: type[standardwebhooks.Webhook]):
    now = RealClock().now()
    for number, (identifier, body) in enumerate(bodies(64)):
        key, other = made(seed=number), made(seed=number + CASES)
        signature = peer(key.text.reveal()).sign(identifier, now, body.decode())
        headers = {
            "webhook-id": identifier,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": signature,
        }
        assert verify([key.text.reveal()], headers, body, now) == identifier
        with pytest.raises(NotGenuine):
            verify([other.text.reveal()], headers, body, now)


@pytest.mark.catalogue("T46")
def test_ed25519_signs_exactly_what_the_standard_says():
    """The Python packages know no `v1a`; the signature is checked by its definition."""
    now = RealClock().now()
    for number, (identifier, body) in enumerate(bodies(25)[:200]):
        key = made(Scheme.ED25519, number)
        headers = headers_of(Stamp(identifier, now), body, [key])
        public = key.public_text
        assert public is not None
        assert public.startswith("whpk_")
        assert key.text.reveal().startswith("whsk_")
        assert verify([public], headers, body, now) == identifier
        import base64

        raw = Ed25519PublicKey.from_public_bytes(base64.b64decode(public.removeprefix("whpk_")))
        signature = base64.b64decode(headers["webhook-signature"].removeprefix("v1a,"))
        raw.verify(signature, f"{identifier}.{int(now.timestamp())}.".encode() + body)


def test_the_standards_own_example():
    """From the specification of Standard Webhooks and its reference libraries."""
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    stamp = Stamp("msg_p5jXN8AQM9LWM0D4loKWxJek", datetime.fromtimestamp(1614265330, UTC))
    body = b'{"test": 2432232314}'
    headers = headers_of(stamp, body, [SigningKey(Scheme.HMAC, Secret(secret))])
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert verify([secret], headers, body, stamp.at) == stamp.id


KEY, ASYMMETRIC = made(), made(Scheme.ED25519)
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
BODY = b'{"id":"evt_1","amount":"19.99"}'
GENUINE = headers_of(Stamp("evt_1", NOW), BODY, [KEY, ASYMMETRIC])
BOTH = [KEY.text.reveal(), ASYMMETRIC.public_text or ""]


@pytest.mark.requirement("J10", "S003-3")
@pytest.mark.parametrize(
    ("headers", "body", "seconds"),
    [
        ({}, BODY[:-1], 0),
        ({}, BODY + b" ", 0),
        ({}, json.dumps(json.loads(BODY)).encode(), 0),
        ({}, BODY, 301),
        ({}, BODY, -301),
        ({"webhook-id": "evt_2"}, BODY, 0),
        ({"webhook-id": ""}, BODY, 0),
        ({"webhook-timestamp": str(int(NOW.timestamp()) + 1)}, BODY, 0),
        ({"webhook-timestamp": ""}, BODY, 0),
        ({"webhook-timestamp": "٣"}, BODY, 0),
        ({"webhook-timestamp": f"0{int(NOW.timestamp())}"}, BODY, 0),
        ({"webhook-timestamp": f"{int(NOW.timestamp())}.0"}, BODY, 0),
        ({"webhook-signature": ""}, BODY, 0),
        ({"webhook-signature": "v1,"}, BODY, 0),
        ({"webhook-signature": "v1"}, BODY, 0),
        ({"webhook-signature": "v1,####"}, BODY, 0),
        ({"webhook-signature": "v1a,AAAA"}, BODY, 0),
        ({"webhook-signature": GENUINE["webhook-signature"].replace("v1", "v2")}, BODY, 0),
        ({"webhook-signature": GENUINE["webhook-signature"].replace(",", ":")}, BODY, 0),
        ({"webhook-signature": "v1,AAAA " * 20 + GENUINE["webhook-signature"]}, BODY, 0),
    ],
)
def test_what_was_altered_or_is_stale_is_refused(
    headers: Mapping[str, str], body: bytes, seconds: int
):
    now = NOW + timedelta(seconds=seconds)
    with pytest.raises(NotGenuine):
        verify(BOTH, {**GENUINE, **headers}, body, now)
    for secret in BOTH:  # The control: with nothing changed, each secret accepts it.
        assert verify([secret], GENUINE, BODY, NOW + timedelta(seconds=300)) == "evt_1"


def test_a_shared_secret_never_passes_for_a_public_key():
    """The mix-up of algorithms: a public key is known to all and must not work as a secret."""
    public = ASYMMETRIC.public_text
    assert public is not None
    import base64

    known = base64.b64decode(public.removeprefix("whpk_"))
    forged = hmac.digest(known, b"evt_1.%d.%b" % (int(NOW.timestamp()), BODY), hashlib.sha256)
    for version in ("v1", "v1a"):
        signature = f"{version},{base64.b64encode(forged).decode()}"
        with pytest.raises(NotGenuine):
            verify([public], {**GENUINE, "webhook-signature": signature}, BODY, NOW)


@pytest.mark.parametrize(
    "secret",
    [
        *("", "whsec_", "whsec_AAAA", "whsec_####", "whpk_AAAA", "secret", "whsk_AAAA"),
        "whsec_" + "A" * 88,
    ],
)
def test_a_secret_that_is_none_is_told_so(secret: str):
    with pytest.raises(MalformedSecret):
        verify([secret], GENUINE, BODY, NOW)


@pytest.mark.requirement("S003-3")
async def test_the_older_header_is_sent_when_it_is_asked_for(stand: Stand, receiver: Receiver):
    new = await stand.endpoint(receiver.url("/old"))
    await stand.happen(stand.event())
    await work(await stand.worker(sha256=True))
    (request,) = receiver.requests
    at = request.headers["x-webhook-timestamp"]
    assert new.secret is not None
    signed = f"{at}.".encode() + request.body
    expected = hmac.new(new.secret.reveal().encode(), signed, hashlib.sha256).hexdigest()
    assert request.headers["x-webhook-signature"] == expected
    assert abs(int(at) / 1000 - RealClock().now().timestamp()) < 300
    assert int(at) // 1000 == int(request.headers["webhook-timestamp"])
    standardwebhooks.Webhook(new.secret.reveal()).verify(request.body, request.headers)


async def test_it_is_not_sent_otherwise(stand: Stand, receiver: Receiver):
    await stand.endpoint(receiver.url())
    await stand.happen(stand.event())
    await work(await stand.worker())
    assert not [name for name in receiver.requests[0].headers if name.startswith("x-webhook")]


@pytest.mark.catalogue("T44")
async def test_both_secrets_sign_until_the_overlap_ends(stand: Stand, receiver: Receiver):
    both = (Scheme.HMAC, Scheme.ED25519)
    new = await stand.endpoint(receiver.url(), "payment.*", signatures=both)
    old_secret, endpoint = new.secret, new.endpoint
    old_public = next(one.public_key for one in endpoint.secrets if one.public_key)
    worker = await stand.worker(sha256=True)
    await stand.happen(stand.event())
    await work(worker)

    rotated = await stand.service.rotate_secret(
        RotateSecret(stand.ids.new("whs"), ANN, TEST, endpoint.id, "key_1", overlap_seconds=3_600)
    )
    turned = await stand.service.rotate_secret(
        RotateSecret(stand.ids.new("whs"), ANN, TEST, endpoint.id, "key_1", Scheme.ED25519, 3_600)
    )
    publics = [one.public_key for one in turned.endpoint.secrets if one.public_key]
    new_public = next(one for one in publics if one != old_public)
    assert turned.secret is None
    assert old_secret is not None
    assert rotated.secret is not None
    old, fresh = old_secret.reveal(), rotated.secret.reveal()
    assert old != fresh

    def accepted() -> list[bool]:
        """Tell which of old, new, old public and new public accept the last request."""
        request = receiver.requests[-1]
        found: list[bool] = []
        for secret in (old, fresh, old_public, new_public):
            try:
                verify([secret], request.headers, request.body, RealClock().now())
            except NotGenuine:
                found.append(False)
            else:
                found.append(True)
        return found

    assert accepted() == [True, False, True, False], "what was sent before"
    await stand.happen(stand.event())
    await work(worker)
    assert accepted() == [True, True, True, True]
    assert len(receiver.requests[-1].headers["webhook-signature"].split(" ")) == 4
    stamp = receiver.requests[-1].headers["x-webhook-timestamp"].encode()
    signed = hmac.new(old.encode(), stamp + b"." + receiver.requests[-1].body, hashlib.sha256)
    assert receiver.requests[-1].headers["x-webhook-signature"] == signed.hexdigest()
    stand.clock.move(timedelta(seconds=3_601))
    await stand.happen(stand.event())
    await work(worker)
    assert accepted() == [False, True, False, True]
    assert len((await stand.again(endpoint)).secrets) == 2


async def test_a_secret_is_stored_sealed_and_to_its_own_row(stand: Stand, receiver: Receiver):
    one = await stand.endpoint(receiver.url("/one"))
    await stand.endpoint(receiver.url("/two"))
    assert one.secret is not None
    raw = one.secret.reveal().removeprefix("whsec_")
    rows = stand.as_operator("SELECT sealed FROM webhooks.secret")
    assert len(rows) == 2
    assert not any(raw.encode() in bytes(row[0]) for row in rows)  # type: ignore[arg-type]
    stand.as_operator(
        "UPDATE webhooks.secret AS a SET sealed = b.sealed FROM webhooks.secret AS b "
        "WHERE a.id <> b.id"
    )
    await stand.happen(stand.event())
    assert await work(await stand.worker()) == 0
    assert receiver.requests == []
