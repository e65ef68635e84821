"""How we show a provider whose account it is: keys, tokens that are taken once, signed tokens."""

import asyncio
import base64
import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from tests.psp.peer import YES, Heard, Reply, opened, peer, request, saying

from bezant.actor import Mode
from bezant.exchange import Sending
from bezant.psp.account import (
    Account,
    AccountWrong,
    Bearer,
    ClientCredentials,
    KeyHeader,
    SigningKey,
)
from bezant.secret import Secret


def token_peer(tokens: list[dict[str, object]]) -> tuple[Reply, list[str]]:
    """A provider that gives out tokens and lists what it was shown."""
    shown: list[str] = []

    async def reply(heard: Heard, writer: asyncio.StreamWriter) -> None:
        if "oauth2" in heard.line:
            told = json.dumps(tokens.pop(0) if tokens else {"error": "no more"}).encode()
            status = b"200 OK" if b"access_token" in told else b"401 No"
        else:
            shown.append(heard.headers.get("authorization", ""))
            told = b"{}"
            status = b"401 No" if "revoked" in shown[-1] else b"200 OK"
        writer.write(b"HTTP/1.1 %s\r\ncontent-length: %d\r\n\r\n%s" % (status, len(told), told))

    return reply, shown


OAUTH = ClientCredentials("client", Secret("hush"), "/v1/oauth2/token")


def token(name: str, seconds: object = 32_400) -> dict[str, object]:
    return {"access_token": name, "token_type": "Bearer", "expires_in": seconds}


async def test_a_token_is_taken_once_and_shared():
    reply, shown = token_peer([token("first")])
    async with peer(reply) as here, opened(here.url, OAUTH) as transport:
        answers = await asyncio.gather(*(transport.send(request()) for _ in range(20)))
        assert {one.status for one in answers} == {200}
        asked = [one for one in here.heard if "oauth2" in one.line]
        assert len(asked) == 1
        pair = base64.b64encode(b"client:hush").decode()
        assert asked[0].headers["authorization"] == f"Basic {pair}"
        assert asked[0].body == b"grant_type=client_credentials"
        assert set(shown) == {"Bearer first"}


async def test_a_revoked_token_is_replaced_and_the_request_sent_once_more():
    reply, shown = token_peer([token("revoked"), token("second")])
    async with peer(reply) as here, opened(here.url, OAUTH) as transport:
        assert (await transport.send(request())).status == 200
        assert shown == ["Bearer revoked", "Bearer second"]


async def test_a_provider_that_takes_no_token_is_asked_twice_and_no_more():
    reply, shown = token_peer([token("revoked"), token("revoked again"), token("third")])
    async with peer(reply) as here, opened(here.url, OAUTH) as transport:
        assert (await transport.send(request())).status == 401
        assert len(shown) == 2


async def test_a_token_that_is_about_to_end_is_not_used():
    reply, shown = token_peer([token("short", 30), token("long")])
    async with peer(reply) as here, opened(here.url, OAUTH) as transport:
        await transport.send(request())
        await transport.send(request())
        assert shown == ["Bearer short", "Bearer long"]


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"access_token": ""},
        token("a\r\nx-evil: 1"),
        token("ä"),
        token("t", "soon"),
        token("t", 0),
        {"access_token": 7, "expires_in": 60},
    ],
)
async def test_without_a_token_nothing_is_sent(wrong: dict[str, object]):
    reply, shown = token_peer([wrong])
    async with peer(reply) as here, opened(here.url, OAUTH) as transport:
        assert (await transport.send(request())).sending is Sending.NOT_SENT
        assert shown == []


async def test_a_key_in_a_header_of_its_own():
    key = KeyHeader("x-cc-api-key", Secret("hush"))
    async with peer(saying(YES)) as here, opened(here.url, key) as transport:
        await transport.send(request())
        assert here.heard[0].headers["x-cc-api-key"] == "hush"


def part(text: str) -> dict[str, object]:
    return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


@pytest.mark.parametrize("kind", ["ES256", "EdDSA", "EdDSA-pem"])
async def test_each_request_has_a_signed_token_of_its_own(kind: str):
    ec_key, ed_key = ec.generate_private_key(ec.SECP256R1()), ed25519.Ed25519PrivateKey.generate()
    chosen = ec_key if kind == "ES256" else ed_key
    pem = chosen.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    raw = ed_key.private_bytes_raw() + ed_key.public_key().public_bytes_raw()
    text = base64.b64encode(raw).decode() if kind == "EdDSA" else pem.replace("\n", "\\n")
    key = SigningKey("organizations/o/apiKeys/k", Secret(text))
    async with peer(saying(YES)) as here, opened(f"{here.url}/api/v1", key) as transport:
        await transport.send(request(path="/checkouts?pageSize=1"))
        await transport.send(request(path="/checkouts?pageSize=1"))
        first, second = (one.headers["authorization"].removeprefix("Bearer ") for one in here.heard)
        assert first != second, "a nonce each"
        head, claims, proof = first.split(".")
        assert part(head)["alg"] == kind.removesuffix("-pem")
        assert part(head)["kid"] == "organizations/o/apiKeys/k"
        told = part(claims)
        assert told["uri"] == f"POST 127.0.0.1:{here.port}/api/v1/checkouts"
        assert (told["iss"], told["exp"] - told["nbf"]) == ("cdp", 120)
        signature = base64.urlsafe_b64decode(proof + "=" * (-len(proof) % 4))
        signed = f"{head}.{claims}".encode()
        if kind == "ES256":
            r, s = (int.from_bytes(half) for half in (signature[:32], signature[32:]))
            ec_key.public_key().verify(encode_dss_signature(r, s), signed, ec.ECDSA(SHA256()))
        else:
            ed_key.public_key().verify(signature, signed)


@pytest.mark.parametrize(
    "text",
    ["", "no key", base64.b64encode(b"x" * 64).decode(), base64.b64encode(b"x" * 32).decode()],
)
def test_what_is_no_key_is_refused_before_anything_is_signed(text: str):
    with pytest.raises(AccountWrong) as wrong:
        SigningKey("k", Secret(text))
    assert not text or text not in str(wrong.value)


@pytest.mark.parametrize(
    "url",
    [
        "http://api.stripe.com",
        "ftp://127.0.0.1",
        "https://",
        "https://api.stripe.com/",
        "https://api.stripe.com?x=1",
        "https://user:pass@api.stripe.com",
        "api.stripe.com",
    ],
)
def test_an_address_that_is_not_safe_is_refused(url: str):
    with pytest.raises(AccountWrong):
        Account("stripe", Mode.TEST, url, Bearer(Secret("x")))
    with pytest.raises(AccountWrong):
        Account("stripe", Mode.LIVE, "http://127.0.0.1:1", Bearer(Secret("x")), emulated=True)


def test_an_account_shows_no_secret():
    account = Account(
        "stripe", Mode.TEST, "https://api.stripe.com", Bearer(Secret("hush")), (Secret("hush"),)
    )
    assert "hush" not in repr(account)
    assert "hush" not in repr(account.credential)
