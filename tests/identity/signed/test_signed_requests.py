"""A partner's signature stands for the very request it was made over, once and for a moment."""

import asyncio
import base64
import hashlib
import json
import secrets
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives import serialization
from tests.identity.conftest import OPERATOR
from tests.identity.provider.stand import Stand
from tests.identity.provider.words import BASE
from tests.identity.signed.conftest import Desk, Partners
from tests.identity.signed.partner import KEYS, Partner

from bezant.clock import MovableClock
from bezant.identity import ChangeMerchant, MerchantState
from bezant.identity.member import Role
from bezant.identity.signed import checks
from bezant.identity.signer import (
    CreateSigner,
    MalformedSigner,
    RevokeSigner,
    SignedRequest,
)
from bezant.ids import Ids

pytestmark = pytest.mark.requirement("S001-7", part="signed requests")
KEYS_PATH = f"{BASE}/v1/keys"


@pytest.mark.parametrize("algorithm", KEYS)
async def test_a_signed_request_is_its_partners(
    desk: Desk, partners: Partners, algorithm: str
) -> None:
    partner = await partners(algorithm)
    read = await desk.who(partner)
    assert read.status_code == 200, read.text
    again = await desk.who(partner)
    assert again.status_code == 200


@pytest.mark.parametrize("lane", ["fast", "ordinary"])
async def test_a_body_is_the_one_that_was_signed(desk: Desk, partners: Partners, lane: str) -> None:
    partner = await partners()
    right = await desk.say(partner, "pay 10", lane)
    changed = await desk.say(partner, "pay 10", lane, said="pay 99")
    assert (right.status_code, right.json()) == (200, {"word": "pay 10"})
    assert (changed.status_code, changed.json()["code"]) == (401, "digest_mismatch")


async def test_parameters_that_do_not_count_are_refused(
    desk: Desk, partners: Partners, clock: MovableClock
) -> None:
    partner = await partners()
    now = int(clock.now().timestamp())
    covers = ["@method", "@target-uri"]

    async def status(**more: object) -> int:
        head = partner.signed("GET", KEYS_PATH, **more)  # type: ignore[arg-type]
        return (await desk.stand.client.get("/v1/keys", headers=head)).status_code

    wrong: dict[str, dict[str, object]] = {
        "an old one": {"created": now - 301},
        "one of the future": {"created": now + 31},
        "without a moment": {"created": None},
        "over": {"expires": now - 1},
        "over before it began": {"expires": now - 400, "created": now - 200},
        "without a nonce": {"nonce": None},
        "a short nonce": {"nonce": "abc"},
        "a long nonce": {"nonce": "a" * 200},
        "without a tag": {"tag": None},
        "for another purpose": {"tag": "something-else"},
        "another algorithm": {"alg": "ecdsa-p256-sha256"},
        "a symmetric one": {"alg": "hmac-sha256"},
        "an unknown parameter": {"x": "y"},
        "no key": {"keyid": None},
        "an API key's name": {"keyid": "key_" + "0" * 32},
        "nobody's name": {"keyid": "sgn_" + "0" * 32},
        "SQL": {"keyid": "sgn_' OR 1=1"},
        "without the method": {"cover": ["@target-uri"]},
        "without the address": {"cover": ["@method", "@authority"]},
        "twice the same": {"cover": [*covers, "@method"]},
        "what is not there": {"cover": [*covers, "x-nothing"]},
        "what is not known": {"cover": [*covers, "@status"]},
    }
    answered = {name: await status(**more) for name, more in wrong.items()}
    assert {name: code for name, code in answered.items() if code != 401} == {}
    assert await status() == 200
    assert await status(expires=now + 10, alg=None) == 200


async def test_what_is_not_the_signed_request_is_refused(
    desk: Desk, partners: Partners, clock: MovableClock
) -> None:
    partner, other = await partners(), await partners()
    stranger = Partner(clock)
    stranger.id = partner.id
    covers = ["@method", "@target-uri"]

    async def sent(head: dict[str, str], path: str = "/v1/keys", method: str = "GET") -> int:
        return (await desk.stand.client.request(method, path, headers=head)).status_code

    def made(**more: object) -> dict[str, str]:
        return partner.signed("GET", KEYS_PATH, **more)  # type: ignore[arg-type]

    def bent(name: str, was: str, becomes: str) -> dict[str, str]:
        head = made()
        assert was in head[name], head[name]
        return {**head, name: head[name].replace(was, becomes, 1)}

    refused = {
        "another's key": await sent(stranger.signed("GET", KEYS_PATH)),
        "another's name": await sent(bent("signature-input", partner.id, other.id)),
        "another path": await sent(made(), "/v1/roles"),
        "another query": await sent(made(), "/v1/keys?limit=2"),
        "a query left out": await sent(partner.signed("GET", f"{KEYS_PATH}?limit=2")),
        "another method": await sent(made(), method="HEAD"),
        "another installation": await sent(partner.signed("GET", "http://other.example/v1/keys")),
        "its host here": await sent(
            {**partner.signed("GET", "http://other.example/v1/keys"), "host": "localhost:8081"}
        ),
        "without the idempotency key": await sent({**made(cover=covers), "idempotency-key": "k-1"}),
        "a body beside it": await sent({**made(), "content-length": "0", "transfer-encoding": "x"}),
        "another signature": await sent(bent("signature", "=:", "=:AAAA")),
        "of another label": await sent(bent("signature", "sig1", "sig2")),
        "no signature": await sent({**made(), "signature": ""}),
        "no structure": await sent({**made(), "signature-input": "sig1"}),
        "two of ours": await sent(
            {
                **(head := made()),
                "signature-input": head["signature-input"]
                + ", "
                + head["signature-input"].replace("sig1", "sig2"),
            }
        ),
        "spaces between": await sent(bent("signature-input", ";created", "; created")),
        "a long header": await sent(
            {**(head := made()), "signature-input": head["signature-input"] + " " * 5_000}
        ),
    }
    assert {name: status for name, status in refused.items() if status != 401} == {}
    assert await sent(made()) == 200
    assert await sent({**made(cover=[*covers, "x-more"], headers={"x-more": "1"})}) == 200


async def test_two_credentials_are_one_too_many(desk: Desk, partners: Partners) -> None:
    head = (await partners()).signed("GET", KEYS_PATH)
    for more in ({"x-api-key": "sk_test_1"}, {"authorization": "Bearer x"}):
        answer = await desk.get({**head, **more}, "/v1/keys")
        assert (answer.status_code, answer.json()["code"]) == (400, "credential_ambiguous")


async def test_a_request_counts_once_however_many_copies_come(
    desk: Desk, partners: Partners
) -> None:
    head = (await partners()).signed("GET", KEYS_PATH)
    answers = await asyncio.gather(*(desk.get(head, "/v1/keys") for _ in range(10)))
    assert sorted(one.status_code for one in answers) == [200] + [401] * 9
    assert (await desk.get(head, "/v1/keys")).status_code == 401


async def test_a_refused_copy_does_not_spend_the_nonce(desk: Desk, partners: Partners) -> None:
    partner = await partners()
    nonce = secrets.token_urlsafe(16)
    forged = partner.signed("GET", KEYS_PATH, nonce=nonce)
    forged["signature"] = "sig1=:" + base64.b64encode(b"x" * 64).decode() + ":"
    assert (await desk.get(forged, "/v1/keys")).status_code == 401
    right = partner.signed("GET", KEYS_PATH, nonce=nonce)
    assert (await desk.get(right, "/v1/keys")).status_code == 200


async def test_a_partner_may_do_what_its_role_may_and_a_program_may(
    desk: Desk, partners: Partners
) -> None:
    reader, admin = await partners(role=Role.AUDITOR), await partners()
    assert [(await desk.who(one)).status_code for one in (reader, admin)] == [200, 200]
    assert [(await desk.say(one, "x")).status_code for one in (reader, admin)] == [403, 200]
    body = json.dumps({"kind": "sk", "role": "developer"}).encode()
    head = admin.signed("POST", KEYS_PATH, body)
    made = await desk.stand.client.post("/v1/keys", content=body, headers=head)
    assert (made.status_code, made.json()["code"]) == (403, "insufficient_permissions")


async def test_revoked_ended_and_suspended_partners_are_refused(
    desk: Desk, partners: Partners, clock: MovableClock, stand: Stand
) -> None:
    gone, stays = await partners(), await partners()
    await stand.service.revoke_signer(RevokeSigner(desk.admin, stand.merchant.id, gone.id))
    assert [(await desk.who(one)).status_code for one in (gone, stays)] == [401, 200]
    short = Partner(clock)
    made = await stand.service.create_signer(
        CreateSigner(
            Ids(clock).new("sgn"),
            desk.admin,
            stand.merchant.id,
            Role.AUDITOR,
            short.public,
            expires_at=clock.now() + timedelta(minutes=1),
        )
    )
    short.id = made.id
    before = (await desk.who(short)).status_code
    clock.move(timedelta(minutes=2))
    assert (before, (await desk.who(short)).status_code) == (200, 401)
    await stand.service.change_merchant(
        ChangeMerchant(OPERATOR, stand.merchant.id, MerchantState.SUSPENDED)
    )
    assert (await desk.who(stays)).status_code == 401


async def test_keys_of_other_kinds_are_refused(desk: Desk) -> None:
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    form = serialization.PublicFormat.SubjectPublicKeyInfo
    weak = [
        ec.generate_private_key(ec.SECP384R1()),
        rsa.generate_private_key(65_537, 1_024),
    ]
    texts = [
        one.public_key().public_bytes(serialization.Encoding.PEM, form).decode() for one in weak
    ]
    for text in (*texts, "", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"):
        with pytest.raises(MalformedSigner):
            await desk.stand.service.create_signer(
                CreateSigner(
                    Ids(desk.stand.clock).new("sgn"),
                    desk.admin,
                    desk.stand.merchant.id,
                    Role.ADMIN,
                    text,
                )
            )


async def test_digests_of_several_kinds_must_all_fit(desk: Desk, partners: Partners) -> None:
    partner, body = await partners(), json.dumps({"word": "a"}).encode()

    def of(name: str, data: bytes) -> str:
        made = hashlib.new(name.replace("-", ""), data).digest()
        return f"{name}=:{base64.b64encode(made).decode()}:"

    async def said(*digests: str) -> int:
        head = {"content-digest": ", ".join(digests)}
        return (await desk.say(partner, "a", headers=head)).status_code

    right, other, old = of("sha-512", body), of("sha-256", b"other"), of("md5", body)
    answers = [await said(right), await said(right, other), await said(old), await said(right, old)]
    assert answers == [200, 401, 401, 200]


def test_the_specifications_own_example_is_verified() -> None:
    # RFC 9421, B.2.6 and B.1.4.
    key = base64.b64decode("MCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=")
    signature = base64.b64decode(
        "wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw=="
    )
    base = (
        b'"date": Tue, 20 Apr 2021 02:07:55 GMT\n"@method": POST\n"@path": /foo\n'
        b'"@authority": example.com\n"content-type": application/json\n"content-length": 18\n'
        b'"@signature-params": ("date" "@method" "@path" "@authority" "content-type" '
        b'"content-length");created=1618884473;keyid="test-key-ed25519"'
    )

    def request(signed: bytes) -> SignedRequest:
        return SignedRequest("sgn", "", 1, None, "n", signed, signature, BASE)

    checks.fits(request(base), key)
    with pytest.raises(checks.SignatureRefused):
        checks.fits(request(base.replace(b"POST", b"PUT")), key)
