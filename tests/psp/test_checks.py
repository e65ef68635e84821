"""Forged events: fourteen ways to make one and more, for every provider; real ones pass (T41)."""

import base64
import hashlib
import hmac
import json
import zlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import stripe
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from tests import make
from tests.psp.shops import METHODS, Shop, open_shop
from tests.psp.stories import letters
from tests.sandbox.stand import Letter, Town

from bezant.actor import Mode
from bezant.clock import RealClock
from bezant.psp.account import Account, Bearer, Clocks
from bezant.psp.checks.coinbase import CommerceSignature, HookSignature
from bezant.psp.checks.paypal import FETCHES_MAX, CertifiedSignature
from bezant.psp.checks.timed import TimedSignature
from bezant.psp.document import BYTES_MAX
from bezant.psp.port import (
    BadWebhookSignature,
    MalformedWebhook,
    ProviderUnavailable,
    StaleWebhook,
    WebhookCheck,
)
from bezant.secret import Secret

PROVIDERS = tuple(METHODS)
SIGNATURES = {
    "stripe": "stripe-signature",
    "card": "card-signature",
    "bank": "bank-signature",
    "coinbase": "x-hook0-signature",
    "coinbase_links": "x-hook0-signature",
    "coinbase_commerce": "x-cc-webhook-signature",
    "paypal": "paypal-transmission-sig",
}
REFUSALS = (BadWebhookSignature, StaleWebhook, MalformedWebhook)


async def is_accepted(check: WebhookCheck, letter: Letter, mode: Mode = Mode.TEST) -> bool:
    try:
        await check.check(mode, letter.headers, letter.body)
    except REFUSALS:
        return False
    return True


def with_header(letter: Letter, name: str, value: str) -> Letter:
    return replace(letter, headers={**letter.headers, name: value})


def signed_by(provider: str, secret: bytes, letter: Letter) -> Letter:
    """Sign a letter as the provider does, independently of the code under test."""
    name = SIGNATURES[provider]

    def proof(told: bytes) -> str:
        return hmac.new(secret, told, hashlib.sha256).hexdigest()

    if provider == "coinbase_commerce":
        return with_header(letter, name, proof(letter.body))
    if provider == "paypal":
        key = rsa.generate_private_key(65_537, 2_048)
        crc = zlib.crc32(letter.body)
        of = [letter.headers[f"paypal-transmission-{part}"] for part in ("id", "time")]
        told = f"{of[0]}|{of[1]}|1BEZANT0SANDBOX00|{crc}".encode()
        sealed = key.sign(told, padding.PKCS1v15(), hashes.SHA256())
        return with_header(letter, name, base64.b64encode(sealed).decode())
    parts = dict(part.split("=", 1) for part in letter.headers[name].split(","))
    time = parts["t"]
    if "h" in parts:
        values = ".".join(letter.headers[one] for one in parts["h"].split(" "))
        whole = proof(f"{time}.{parts['h']}.{values}.".encode() + letter.body)
        return with_header(letter, name, f"t={time},h={parts['h']},v1={whole}")
    return with_header(letter, name, f"t={time},v1={proof(f'{time}.'.encode() + letter.body)}")


def respelled(body: bytes) -> bytes:
    """Write the same content in other bytes."""
    if body.startswith(b"<"):
        return body.replace(b"\n", b"\n ", 1)
    return json.dumps(json.loads(body), indent=1).encode()


def forgeries(provider: str, real: Letter, other: Letter) -> Iterator[tuple[str, Letter]]:
    """Yield each forgery with its name."""
    name = SIGNATURES[provider]
    value = real.headers[name]
    bare = {key: text for key, text in real.headers.items() if key != name}
    yield "no signature", replace(real, headers=bare)
    yield "an empty signature", with_header(real, name, "")
    yield "a wrong secret", signed_by(provider, b"guessed", real)
    yield "an empty secret", signed_by(provider, b"", real)
    middle = len(real.body) // 2
    for at in (0, middle, len(real.body) - 1):
        flipped = real.body[:at] + bytes([real.body[at] ^ 1]) + real.body[at + 1 :]
        yield f"bit flipped at {at}", replace(real, body=flipped)
    yield "written anew", replace(real, body=respelled(real.body))
    yield "truncated", replace(real, body=real.body[:-1])
    yield "longer by a byte", replace(real, body=real.body + b" ")
    yield "empty", replace(real, body=b"")
    yield "another event's signature", replace(real, body=other.body)
    yield "oversized", replace(real, body=real.body + b" " * BYTES_MAX)
    yield "a huge signature", with_header(real, name, value * 200)
    yield "the signature twice", with_header(real, name, f"{value},{value}x")
    if "v1=" in value:
        yield (
            "a wrong version",
            with_header(real, name, value.replace("v1=", "v9=").replace("v0=", "v8=")),
        )
        yield "two bad ones", with_header(real, name, f"{value.split('v1=')[0]}v1={'0' * 64},v1=x")
        yield "another time", with_header(real, name, value.replace("t=1", "t=2", 1))
        yield "no time", with_header(real, name, value.partition(",")[2])
        yield "two times", with_header(real, name, f"t=1,{value}")
        yield "a time that is none", with_header(real, name, value.replace("t=", "t=x", 1))
        yield "capitals", with_header(real, name, value.upper())
    if provider == "paypal":
        yield "another algorithm", with_header(real, "paypal-auth-algo", "SHA1withRSA")
        for url in BAD_CERTIFICATES:
            yield f"certificate {url}", with_header(real, "paypal-cert-url", url)
        yield "another time", with_header(real, "paypal-transmission-time", "2026-08-01T12:00:07Z")
        yield "another id", with_header(real, "paypal-transmission-id", "another")


BAD_CERTIFICATES = (
    "https://evil.example/v1/notifications/certs/CERT-1",
    "https://api.paypal.com.evil.example/v1/notifications/certs/CERT-1",
    "https://api.paypal.com@evil.example/v1/notifications/certs/CERT-1",
    "http://api.paypal.com/v1/notifications/certs/CERT-1",
    "https://api.paypal.com/v1/notifications/certs/../../oauth2/token",
    "file:///etc/passwd",
    "",
)


@pytest.mark.requirement("S004-1")
@pytest.mark.catalogue("T41")
@pytest.mark.parametrize("provider", PROVIDERS)
async def test_real_events_pass_and_no_forgery_does(city: Town, provider: str):
    async with open_shop(provider, city) as shop:
        _, first = await letters(shop)
        _, both = await letters(shop)
        check = shop.providers.check(provider)
        # The newest of both: time passes in some of the stories.
        real, other = both[-1], first[0]
        assert await is_accepted(check, real), "the control"
        tried = 0
        for what, forged in forgeries(provider, real, other):
            assert not await is_accepted(check, forged), what
            tried += 1
        assert tried >= 14
        assert await is_accepted(check, real), "still"


@pytest.mark.catalogue("T41")
@pytest.mark.parametrize("provider", PROVIDERS)
async def test_an_event_of_the_test_world_means_nothing_in_the_live_one(city: Town, provider: str):
    async with open_shop(provider, city) as shop:
        _, found = await letters(shop)
        check = shop.providers.check(provider)
        assert await is_accepted(check, found[-1])
        assert not await is_accepted(check, found[-1], Mode.LIVE)


@pytest.mark.catalogue("T41")
@pytest.mark.parametrize("provider", [one for one in PROVIDERS if one != "coinbase_commerce"])
@pytest.mark.parametrize("seconds", [-310, 310])
async def test_an_event_of_long_ago_or_of_the_future_is_refused(
    city: Town, provider: str, seconds: int
):
    async with open_shop(provider, city) as shop:
        _, found = await letters(shop)
        real = found[-1]
        now = city.clock.now()
        for away, good in ((0, True), (seconds, False), (seconds // 2, True)):
            check = moved(shop, now + timedelta(seconds=away))
            assert await is_accepted(check, real) is good, away
        with pytest.raises(StaleWebhook):
            await moved(shop, now + timedelta(seconds=seconds)).check(
                Mode.TEST, real.headers, real.body
            )


def moved(shop: Shop, now: datetime) -> WebhookCheck:
    """Return the provider's check at another time."""
    check = shop.providers.check(shop.provider)
    clock = make.clock(now)
    check._ground._clocks = Clocks(clock, clock)
    return check


async def test_both_secrets_count_while_one_is_replaced():
    old, new = Secret("whsec_old"), Secret("whsec_new")
    clock = make.clock()
    account = Account(
        "stripe", Mode.TEST, "https://api.stripe.com", Bearer(Secret("x")), (new, old)
    )
    check = TimedSignature("stripe", [account], Clocks(clock, clock))
    stamp = int(clock.now().timestamp())
    told = f"{stamp}.".encode() + b"{}"
    proofs = {
        one.reveal(): hmac.new(one.reveal().encode(), told, hashlib.sha256).hexdigest()
        for one in (old, new)
    }
    for header in (
        f"t={stamp},v1={proofs['whsec_old']}",
        f"t={stamp},v1={proofs['whsec_new']}",
        f"t={stamp},v1={'0' * 64},v1={proofs['whsec_new']}",
        f"t={stamp},v0=anything,v1={proofs['whsec_old']}",
    ):
        await check.check(Mode.TEST, {"Stripe-Signature": header}, b"{}")
    many = ",".join([f"v1={proofs['whsec_new']}"] * 11)
    with pytest.raises(BadWebhookSignature):
        await check.check(Mode.TEST, {"Stripe-Signature": f"t={stamp},{many}"}, b"{}")


async def test_an_account_without_a_secret_believes_nobody():
    clock = make.clock()
    account = Account("card", Mode.TEST, "https://card.example", Bearer(Secret("x")))
    stamp = int(clock.now().timestamp())
    empty = hmac.new(b"", f"{stamp}.{{}}".encode(), hashlib.sha256).hexdigest()
    for check, headers in (
        (
            TimedSignature("card", [account], Clocks(clock, clock)),
            {"card-signature": f"t={stamp},v1={empty}"},
        ),
        (
            HookSignature("coinbase", [account], Clocks(clock, clock)),
            {"x-hook0-signature": f"t={stamp},v0={empty}"},
        ),
        (
            CommerceSignature("coinbase_commerce", [account], Clocks(clock, clock)),
            {"x-cc-webhook-signature": empty},
        ),
    ):
        with pytest.raises(BadWebhookSignature):
            await check.check(Mode.TEST, headers, b"{}")


def certificate(key: rsa.RSAPrivateKey, name: str, begin: datetime, days: int = 30) -> bytes:
    """Make a certificate in somebody's name."""
    owner = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(owner)
        .issuer_name(owner)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(begin)
        .not_valid_after(begin + timedelta(days=days))
    )
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


class RealPayPal:
    """PayPal as it really is: its own host, its own name in the certificate."""

    url = "https://api.paypal.com/v1/notifications/certs/CERT-360caa42"

    def __init__(
        self, name: str = "messageverificationcerts.paypal.com", bits: int = 2_048
    ) -> None:
        self.clock = make.clock()
        self.key = rsa.generate_private_key(65_537, bits)
        self.served: dict[str, bytes | None] = {
            self.url: certificate(self.key, name, self.clock.now() - timedelta(days=1))
        }
        self.fetched: list[str] = []
        self.seconds = 0.0
        account = Account(
            "paypal",
            Mode.LIVE,
            "https://api-m.paypal.com",
            Bearer(Secret("x")),
            webhook_id="WH-1",
        )
        clocks = Clocks(self.clock, self.clock)
        self.check = CertifiedSignature([account], clocks, self._fetch, lambda: self.seconds)

    async def _fetch(self, mode: Mode, url: str) -> bytes | None:
        assert mode is Mode.LIVE
        self.fetched.append(url)
        return self.served.get(url)

    def letter(self, body: bytes, url: str = url) -> Letter:
        time = self.clock.now().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        told = f"id-1|{time}|WH-1|{zlib.crc32(body)}".encode()
        sealed = self.key.sign(told, padding.PKCS1v15(), hashes.SHA256())
        headers = {
            "PAYPAL-TRANSMISSION-ID": "id-1",
            "PAYPAL-TRANSMISSION-TIME": time,
            "PAYPAL-TRANSMISSION-SIG": base64.b64encode(sealed).decode(),
            "PAYPAL-CERT-URL": url,
            "PAYPAL-AUTH-ALGO": "SHA256withRSA",
        }
        return Letter("/", headers, body)

    async def accepts(self, letter: Letter) -> bool:
        return await is_accepted(self.check, letter, Mode.LIVE)


@pytest.mark.catalogue("T41")
async def test_paypals_certificate_is_fetched_once_and_must_be_paypals():
    real = RealPayPal()
    assert await real.accepts(real.letter(b'{"id":"WH-2"}'))
    assert await real.accepts(real.letter(b'{"id":"WH-3"}'))
    assert real.fetched == [real.url]
    stranger = RealPayPal(name="paypal.com.evil.example")
    assert not await stranger.accepts(stranger.letter(b"{}"))
    weak = RealPayPal(bits=1_024)
    assert not await weak.accepts(weak.letter(b"{}"))
    real.clock.move(timedelta(days=40))
    assert not await real.accepts(real.letter(b"{}")), "expired"
    garbage = RealPayPal()
    garbage.served[garbage.url] = b"no certificate"
    assert not await garbage.accepts(garbage.letter(b"{}"))


async def test_a_certificate_that_cannot_be_fetched_is_no_forgery_but_a_later():
    real = RealPayPal()
    real.served.clear()
    with pytest.raises(ProviderUnavailable):
        await real.check.check(Mode.LIVE, *_parts(real.letter(b"{}")))


async def test_made_up_addresses_do_not_make_us_fetch_without_end():
    real = RealPayPal()
    for number in range(100):
        letter = real.letter(b"{}", f"https://api.paypal.com/v1/notifications/certs/CERT-{number}")
        with pytest.raises(ProviderUnavailable):
            await real.check.check(Mode.LIVE, *_parts(letter))
    assert len(real.fetched) == FETCHES_MAX
    real.seconds += 61
    assert await real.accepts(real.letter(b"{}")), "a minute later real ones pass again"


async def test_the_official_client_and_we_read_signatures_alike():
    body = b'{"id":"evt_1","object":"event","type":"charge.succeeded"}'
    account = Account(
        "stripe", Mode.TEST, "https://api.stripe.com", Bearer(Secret("x")), (Secret("whsec_1"),)
    )
    check = TimedSignature("stripe", [account], Clocks(RealClock(), RealClock()))
    now = int(RealClock().now().timestamp())
    for stamp, secret, told, good in (
        (now, b"whsec_1", body, True),
        (now - 200, b"whsec_1", body, True),
        (now - 400, b"whsec_1", body, False),
        (now, b"whsec_2", body, False),
        (now, b"whsec_1", body + b" ", False),
    ):
        proof = hmac.new(secret, f"{stamp}.".encode() + told, hashlib.sha256).hexdigest()
        headers = {"stripe-signature": f"t={stamp},v1={proof}"}
        assert await is_accepted(check, Letter("/", headers, body)) is good
        assert official_accepts(headers["stripe-signature"], body) is good


def official_accepts(header: str, body: bytes) -> bool:
    try:
        stripe.Webhook.construct_event(body, header, "whsec_1")
    except stripe.SignatureVerificationError:
        return False
    return True


def _parts(letter: Letter) -> tuple[dict[str, str], bytes]:
    return dict(letter.headers), letter.body
