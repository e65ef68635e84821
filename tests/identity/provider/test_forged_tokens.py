"""T71: every forged, altered, misplaced or outlived token is refused, by each of our verifiers.

The verifiers are the API's door, userinfo, and introspection. Each case is one alteration of a
token that works; the controls show that the same way of making tokens gives one that does.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from joserfc import jws
from joserfc.jwk import ECKey, RSAKey
from tests.identity.provider.stand import Stand
from tests.identity.provider.words import BASE, ISSUER, Json, claims_of, encoded

from bezant.identity.provider import jose

pytestmark = [pytest.mark.catalogue("T71"), pytest.mark.requirement("S001-7", part="tokens")]
Forge = Callable[["Mint"], Awaitable[str]]


def part(value: object) -> str:
    return encoded(json.dumps(value).encode())


class Mint:
    """Makes tokens: sound ones with our own key, and others."""

    def __init__(self, stand: Stand, sound: str) -> None:
        self.stand = stand
        self.sound = sound
        self.header: Json = json.loads(_decoded(sound.split(".", maxsplit=1)[0]))
        self.claims: Json = claims_of(sound)

    async def ours(self, header: Json | None = None, claims: Json | None = None) -> str:
        """Sign with our own key: only what is changed is wrong."""
        start = f"{part(header or self.header)}.{part(claims or self.claims)}"
        signature = await self.stand.keys.sign(jose.SIGNING_KEY, start.encode())
        return f"{start}.{encoded(signature.value)}"

    async def public_key(self) -> bytes:
        return (await self.stand.keys.public_keys(jose.SIGNING_KEY))[0].public_key

    def with_header(self, **more: Any) -> Json:
        return {name: one for name, one in {**self.header, **more}.items() if one is not None}

    def with_claims(self, **more: Any) -> Json:
        return {name: one for name, one in {**self.claims, **more}.items() if one is not None}

    def by(self, key: ECKey | RSAKey, algorithm: str, header: Json) -> str:
        registry = jws.JWSRegistry(algorithms=[algorithm])
        registry.strict_check_header = False
        registry.max_header_length = 8_192
        payload = json.dumps(self.claims).encode()
        return jws.serialize_compact({**header, "alg": algorithm}, payload, key, None, registry)


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def header(**more: Any) -> Forge:
    """Change the header, and sign it with our own key."""

    async def forge(mint: Mint) -> str:
        return await mint.ours(header=mint.with_header(**more))

    return forge


def claims(**more: Any) -> Forge:
    """Change the claims, and sign them with our own key."""

    async def forge(mint: Mint) -> str:
        return await mint.ours(claims=mint.with_claims(**more))

    return forge


async def none_algorithm(mint: Mint) -> str:
    return f"{part(mint.with_header(alg='none'))}.{mint.sound.split('.')[1]}."


async def none_with_signature(mint: Mint) -> str:
    _, body, signature = mint.sound.split(".")
    return f"{part(mint.with_header(alg='none'))}.{body}.{signature}"


async def hmac_with_public_key(mint: Mint) -> str:
    start = f"{part(mint.with_header(alg='HS256'))}.{mint.sound.split('.')[1]}"
    mac = hmac.digest(await mint.public_key(), start.encode(), "sha256")
    return f"{start}.{encoded(mac)}"


async def hmac_with_public_pem(mint: Mint) -> str:
    key = serialization.load_der_public_key(await mint.public_key())
    pem = key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    start = f"{part(mint.with_header(alg='HS256'))}.{mint.sound.split('.')[1]}"
    return f"{start}.{encoded(hmac.digest(pem, start.encode(), 'sha256'))}"


async def another_key(mint: Mint) -> str:
    return mint.by(ECKey.generate_key("P-256"), "ES256", mint.header)


async def another_key_in_header(mint: Mint) -> str:
    key = ECKey.generate_key("P-256")
    return mint.by(key, "ES256", {**mint.header, "jwk": key.as_dict(private=False)})


async def another_algorithm(mint: Mint) -> str:
    key = RSAKey.generate_key(2048)
    return mint.by(key, "PS256", mint.header)


async def zero_signature(mint: Mint) -> str:
    return f"{mint.sound.rpartition('.')[0]}.{encoded(bytes(64))}"


async def short_signature(mint: Mint) -> str:
    return mint.sound[:-6]


async def der_signature(mint: Mint) -> str:
    start = mint.sound.rpartition(".")[0]
    return f"{start}.{encoded(bytes([48, 6, 2, 1, 1, 2, 1, 1]))}"


async def altered_claims(mint: Mint) -> str:
    head, _, signature = mint.sound.split(".")
    return f"{head}.{part(mint.with_claims(scope='api'))}.{signature}"


async def repeated_claim(mint: Mint) -> str:
    text = json.dumps(mint.claims)
    twice = text[:-1] + ', "scope": "api"}'
    start = f"{part(mint.header)}.{encoded(twice.encode())}"
    signature = await mint.stand.keys.sign(jose.SIGNING_KEY, start.encode())
    return f"{start}.{encoded(signature.value)}"


async def repeated_header(mint: Mint) -> str:
    text = json.dumps(mint.header)
    twice = text[:-1] + f', "kid": "{mint.header["kid"]}"}}'
    start = f"{encoded(twice.encode())}.{mint.sound.split('.')[1]}"
    signature = await mint.stand.keys.sign(jose.SIGNING_KEY, start.encode())
    return f"{start}.{encoded(signature.value)}"


async def identity_token(mint: Mint) -> str:
    return (await mint.stand.tokens())["id_token"]


async def nested(mint: Mint) -> str:
    body = encoded(mint.sound.encode())
    head = part(mint.with_header(cty="JWT"))
    signature = await mint.stand.keys.sign(jose.SIGNING_KEY, f"{head}.{body}".encode())
    return f"{head}.{body}.{encoded(signature.value)}"


async def five_parts(mint: Mint) -> str:
    return f"{mint.sound}.{mint.sound.split('.')[1]}.AA"


async def padded(mint: Mint) -> str:
    return mint.sound + "="


async def other_spelling(mint: Mint) -> str:
    """The last letter of a header of 3n+1 bytes has bits that mean nothing: only zeros are ours."""
    head, body, signature = mint.sound.split(".")
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    for at, one in enumerate((head, body)):
        if len(one) % 4:
            changed = one[:-1] + letters[letters.index(one[-1]) ^ 1]
            return ".".join([changed, body, signature] if at == 0 else [head, changed, signature])
    return f"{head}.{body}.{signature[:-1]}{letters[letters.index(signature[-1]) ^ 1]}"


async def claims_are_a_list(mint: Mint) -> str:
    start = f"{part(mint.header)}.{part([mint.claims])}"
    signature = await mint.stand.keys.sign(jose.SIGNING_KEY, start.encode())
    return f"{start}.{encoded(signature.value)}"


async def huge_header(mint: Mint) -> str:
    return await mint.ours(header=mint.with_header(kid=mint.header["kid"] + "x" * 20_000))


async def other_keys_kid(mint: Mint) -> str:
    """A key of another purpose of ours never signs tokens."""
    other = await mint.stand.keys.macs("api-key-hash", b"x")
    return await mint.ours(header=mint.with_header(kid=other[0].kid))


async def expired(mint: Mint) -> str:
    return await mint.ours(claims=mint.with_claims(exp=mint.claims["iat"] - 1))


async def expires_now(mint: Mint) -> str:
    at = int(mint.stand.clock.now().timestamp())
    return await mint.ours(claims=mint.with_claims(exp=at))


async def of_the_future(mint: Mint) -> str:
    return await mint.ours(claims=mint.with_claims(iat=mint.claims["iat"] + 600))


async def not_before(mint: Mint) -> str:
    return await mint.ours(claims=mint.with_claims(nbf=mint.claims["iat"] + 600))


async def of_nobodys_delegation(mint: Mint) -> str:
    return await mint.ours(claims=mint.with_claims(dlg="dlg_" + "0" * 32))


async def of_another_client(mint: Mint) -> str:
    return await mint.ours(claims=mint.with_claims(client_id="partner"))


FORGED: dict[str, Forge] = {
    "alg none": none_algorithm,
    "alg none, signature left": none_with_signature,
    "alg None in other letters": header(alg="nOnE"),
    "HS256 with our public key": hmac_with_public_key,
    "HS256 with our public key as PEM": hmac_with_public_pem,
    "HS256 named, ES256 signed": header(alg="HS256"),
    "ES384 named": header(alg="ES384"),
    "PS256 by a key of their own": another_algorithm,
    "no alg": header(alg=None),
    "another key, our kid": another_key,
    "another key in jwk": another_key_in_header,
    "our key in jwk": header(jwk={"kty": "EC"}),
    "jku": header(jku="https://evil.example/keys"),
    "x5u": header(x5u="https://evil.example/cert"),
    "x5c": header(x5c=["MIIB"]),
    "kid climbs": header(kid="../../../../dev/null"),
    "kid is SQL": header(kid="x' OR '1'='1"),
    "kid is a command": header(kid="| id"),
    "kid unknown": header(kid="jwt-signing-v99-AAAAAAAAAA"),
    "kid missing": header(kid=None),
    "kid is a list": header(kid=["jwt-signing"]),
    "kid of another purpose": other_keys_kid,
    "crit unknown": header(crit=["exp"]),
    "crit b64": header(crit=["b64"], b64=False),
    "b64 alone": header(b64=False),
    "zip": header(zip="DEF"),
    "unknown header": header(extra="1"),
    "typ JWT": header(typ="JWT"),
    "typ of a proof": header(typ="dpop+jwt"),
    "typ missing": header(typ=None),
    "typ in other letters": header(typ="AT+JWT"),
    "repeated claim": repeated_claim,
    "repeated header": repeated_header,
    "expired": expired,
    "expires now": expires_now,
    "exp missing": claims(exp=None),
    "exp is text": claims(exp="9999999999"),
    "exp is a fraction": claims(exp=9999999999.5),
    "exp negative": claims(exp=-1),
    "exp true": claims(exp=True),
    "issued in the future": of_the_future,
    "not before later": not_before,
    "another audience": claims(aud="https://other.example"),
    "audience missing": claims(aud=None),
    "audience a list with ours": claims(aud=[BASE, "https://other.example"]),
    "audience of a client": claims(aud="payment-frontend"),
    "another issuer": claims(iss="https://evil.example"),
    "issuer missing": claims(iss=None),
    "issuer of no realm": claims(iss=f"{BASE}/realms/"),
    "issuer with a slash": claims(iss=f"{ISSUER}/"),
    "issuer is a list": claims(iss=[ISSUER]),
    "delegation missing": claims(dlg=None),
    "delegation unknown": of_nobodys_delegation,
    "another client's": of_another_client,
    "an ID token": identity_token,
    "signature of zeros": zero_signature,
    "signature too short": short_signature,
    "signature in DER": der_signature,
    "claims altered": altered_claims,
    "claims a list": claims_are_a_list,
    "nested": nested,
    "five parts": five_parts,
    "padding": padded,
    "another spelling of the same": other_spelling,
    "a header of 20 kB": huge_header,
}


async def takes(stand: Stand, token: str) -> list[str]:
    """Return which of our verifiers take a token."""
    taken: list[str] = []
    answer = await stand.who(token)
    assert answer.status_code in (200, 401), answer.text
    if answer.status_code == 200:
        taken.append("the API")
    by = {"authorization": f"Bearer {token}"}
    path = "/realms/ecommerce/protocol/openid-connect/userinfo"
    if (await stand.client.get(path, headers=by)).status_code == 200:
        taken.append("userinfo")
    proof = stand.assertion(stand.partner, "partner")
    told = await stand.ask("token/introspect", token=token, **proof)
    # A text that no token of ours could be is not looked up at all.
    assert told.status_code == 200 or len(token) > jose.TOKEN_CHARACTERS_MAX, told.text
    if told.json().get("active", False):
        taken.append("introspection")
    return taken


EVERY = ["the API", "userinfo", "introspection"]


async def test_no_forged_token_is_taken_anywhere(stand: Stand) -> None:
    sound = (await stand.tokens())["access_token"]
    mint = Mint(stand, sound)
    assert len(FORGED) >= 30
    taken: dict[str, list[str]] = {}
    for name, forge in FORGED.items():
        token = await forge(mint)
        assert token != sound, name
        stand.clock.move(timedelta(seconds=1))  # Who guesses without a pause is only told to wait.
        if found := await takes(stand, token):
            taken[name] = found
    # The control: ours is still taken, and so is what the forger makes without altering it.
    assert taken == {}
    assert await takes(stand, sound) == EVERY
    assert await takes(stand, await mint.ours()) == EVERY


async def test_a_header_of_a_megabyte_is_refused_before_it_is_read(stand: Stand) -> None:
    for size in (9_000, 30_000, 1_000_000):
        answer = await stand.who("eyJ" + "A" * size + ".e30.AA")
        assert answer.status_code in (401, 431), size


async def test_a_tokens_end_is_its_end(stand: Stand) -> None:
    token = (await stand.tokens())["access_token"]
    stand.clock.move(timedelta(seconds=3_599))
    assert await takes(stand, token) == EVERY
    stand.clock.move(timedelta(seconds=1))
    assert await takes(stand, token) == []


async def test_keys_overlap_while_they_are_rotated(stand: Stand) -> None:
    """What the old key signed counts; what it did not sign, does not; both are published."""
    from bezant.keys.port import DestroyKey, RotateKey

    before = (await stand.tokens())["access_token"]
    await stand.keys.rotate(RotateKey(jose.SIGNING_KEY, by="test"))
    after = (await stand.tokens())["access_token"]

    published = (await stand.client.get("/realms/ecommerce/protocol/openid-connect/certs")).json()
    kids = [one["kid"] for one in published["keys"]]
    old, new = (json.loads(_decoded(one.split(".")[0]))["kid"] for one in (before, after))
    assert old != new
    assert {old, new} <= set(kids)
    assert await takes(stand, before) == EVERY
    assert await takes(stand, after) == EVERY
    assert not any({"d", "p", "k"} & set(one) for one in published["keys"])

    await stand.keys.destroy(DestroyKey(old, by="test", reason="compromised"))
    published = (await stand.client.get("/oauth/jwks")).json()
    assert old not in [one["kid"] for one in published["keys"]]
    stand.callers.forget("")
    assert await takes(stand, before) == []
    assert await takes(stand, after) == EVERY


async def test_a_token_is_of_one_realm(stand: Stand) -> None:
    """The platform's own realm does not tell about another one's people."""
    token = (await stand.tokens())["access_token"]
    by = {"authorization": f"Bearer {token}"}
    assert (await stand.client.get("/oauth/userinfo", headers=by)).status_code == 401


def test_a_hash_of_a_code_is_the_left_half() -> None:
    value = "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y"
    assert jose.half_hash(value) == "77QmUPtjPfzWtF2AnpK9RQ"
    assert jose.half_hash(value) == encoded(hashlib.sha256(value.encode()).digest()[:16])
