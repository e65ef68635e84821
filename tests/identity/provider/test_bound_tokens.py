"""T72: a token that is bound to a key is worth nothing to whoever does not hold the key."""

import base64
import json
import secrets
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from joserfc import jws
from joserfc.jwk import OctKey, OKPKey, RSAKey
from tests.harness.cluster import TestDatabase
from tests.identity.provider.signer import Signer, bare
from tests.identity.provider.stand import Stand, edge_of, opened
from tests.identity.provider.words import BASE, BELOW, CALLBACK, VERIFIER, Json, claims_of, encoded

from bezant.db.database import Database
from bezant.identity.callers import RememberedCallers

pytestmark = pytest.mark.catalogue("T72")
TOKEN_AT = f"{BASE}{BELOW}/token"
WHO_AT = f"{BASE}/v1/session"


class Holder(Signer):
    """Somebody with a key, who asks for tokens that are bound to it."""

    def __init__(self, stand: Stand) -> None:
        super().__init__(stand.clock)
        self.stand = stand
        self.nonce = ""

    async def exchange(self, code: str, proof: str, client: str = "bound") -> httpx2.Response:
        given = {
            "grant_type": "authorization_code", "client_id": client, "code": code,
            "redirect_uri": CALLBACK, "code_verifier": VERIFIER,
        }  # fmt: skip
        return await self.stand.ask("token", {"dpop": proof}, **given)

    async def learn(self) -> str:
        """Ask once without a nonce, and keep the one that is told."""
        proof = self.proof("POST", TOKEN_AT)
        answer = await self.stand.ask(
            "token",
            {"dpop": proof},
            grant_type="refresh_token",
            client_id="bound",
            refresh_token="",
        )
        assert answer.json()["error"] in ("use_dpop_nonce", "invalid_grant"), answer.text
        probe = await self.stand.robot_token({"dpop": self.proof("POST", TOKEN_AT)})
        assert (probe.status_code, probe.json()["error"]) == (400, "use_dpop_nonce")
        self.nonce = probe.headers["dpop-nonce"]
        return self.nonce

    async def tokens(self, client: str = "bound") -> Json:
        await self.learn()
        code = await self.stand.code(client_id=client)
        answer = await self.exchange(code, self.proof("POST", TOKEN_AT, self.nonce), client)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def who(self, token: str, proof: str, scheme: str = "DPoP") -> httpx2.Response:
        return await self.stand.who(token, scheme, dpop=proof)

    def good(self, token: str, **more: Any) -> str:
        return self.proof("GET", WHO_AT, self.nonce, token, **more)


@pytest.fixture
async def holder(stand: Stand) -> Holder:
    return Holder(stand)


async def test_a_bound_token_works_with_its_key(stand: Stand, holder: Holder) -> None:
    tokens = await holder.tokens()
    assert tokens["token_type"] == "DPoP"
    mark = claims_of(tokens["access_token"])["cnf"]["jkt"]
    assert mark == holder.key.thumbprint()

    answer = await holder.who(tokens["access_token"], holder.good(tokens["access_token"]))
    assert answer.status_code == 200, answer.text
    facts = await stand.ask(
        "token/introspect",
        token=tokens["access_token"],
        **stand.assertion(stand.partner, "partner"),
    )
    assert (facts.json()["token_type"], facts.json()["cnf"]) == ("DPoP", {"jkt": mark})
    path = f"{BELOW}/userinfo"
    proof = holder.proof("GET", f"{BASE}{path}", holder.nonce, tokens["access_token"])
    by = {"authorization": f"DPoP {tokens['access_token']}", "dpop": proof}
    assert (await stand.client.get(path, headers=by)).status_code == 200


Break = Callable[[Holder, str], Awaitable[tuple[str, str]]]


def altered(method: str = "GET", address: str = WHO_AT, **more: Any) -> Break:
    """Show a proof with one thing wrong."""

    async def broken(holder: Holder, token: str) -> tuple[str, str]:
        return "DPoP", holder.proof(method, address, holder.nonce, token, **more)

    return broken


async def as_bearer(holder: Holder, token: str) -> tuple[str, str]:
    return "Bearer", holder.good(token)


async def no_proof(holder: Holder, token: str) -> tuple[str, str]:
    return "DPoP", ""


async def no_nonce(holder: Holder, token: str) -> tuple[str, str]:
    return "DPoP", holder.proof("GET", WHO_AT, "", token)


async def wrong_nonce(holder: Holder, token: str) -> tuple[str, str]:
    return "DPoP", holder.proof("GET", WHO_AT, "A" * 24, token)


async def no_hash(holder: Holder, token: str) -> tuple[str, str]:
    return "DPoP", holder.proof("GET", WHO_AT, holder.nonce)


async def hash_of_another(holder: Holder, token: str) -> tuple[str, str]:
    return "DPoP", holder.proof("GET", WHO_AT, holder.nonce, token + "x")


async def another_key(holder: Holder, token: str) -> tuple[str, str]:
    thief = Signer(holder.clock)
    return "DPoP", thief.proof("GET", WHO_AT, holder.nonce, token)


async def key_swapped(holder: Holder, token: str) -> tuple[str, str]:
    """The owner's key in the header, the thief's signature."""
    thief = Signer(holder.clock)
    header = {"jwk": bare(holder.public)}
    return "DPoP", thief.proof("GET", WHO_AT, holder.nonce, token, header=header)


async def old(holder: Holder, token: str) -> tuple[str, str]:
    return "DPoP", holder.good(token, iat=holder.at(-61))


async def of_the_future(holder: Holder, token: str) -> tuple[str, str]:
    return "DPoP", holder.good(token, iat=holder.at(30))


async def private_key_shown(holder: Holder, token: str) -> tuple[str, str]:
    header = {"jwk": dict(holder.key.as_dict(private=True))}
    return "DPoP", holder.good(token, header=header)


async def mac_for_a_signature(holder: Holder, token: str) -> tuple[str, str]:
    key = OctKey.import_key(b"k" * 32)
    claims = {
        "jti": secrets.token_hex(8), "htm": "GET", "htu": WHO_AT, "iat": holder.at(),
        "nonce": holder.nonce,
    }  # fmt: skip
    header = {"alg": "HS256", "typ": "dpop+jwt", "jwk": {"kty": "oct", "k": encoded(b"k" * 32)}}
    registry = jws.JWSRegistry(algorithms=["HS256"])
    registry.strict_check_header = False
    return "DPoP", jws.serialize_compact(header, json.dumps(claims).encode(), key, None, registry)


async def no_signature(holder: Holder, token: str) -> tuple[str, str]:
    head, body, _ = holder.good(token).split(".")
    plain = json.loads(base64.urlsafe_b64decode(head + "=="))
    return "DPoP", f"{encoded(json.dumps({**plain, 'alg': 'none'}).encode())}.{body}."


async def proof_is_the_token(holder: Holder, token: str) -> tuple[str, str]:
    return "DPoP", token


async def two_proofs(holder: Holder, token: str) -> tuple[str, str]:
    return "DPoP", f"{holder.good(token)}, {holder.good(token)}"


BROKEN: dict[str, Break] = {
    "as a bearer token": as_bearer,
    "no proof": no_proof,
    "no nonce": no_nonce,
    "a nonce of their own": wrong_nonce,
    "no hash of the token": no_hash,
    "the hash of another token": hash_of_another,
    "another key": another_key,
    "the owner's key, another's signature": key_swapped,
    "another method": altered("POST"),
    "the method in small letters": altered("get"),
    "another path": altered("GET", f"{BASE}/v1/keys"),
    "another host": altered("GET", "http://evil.example/v1/session"),
    "another port": altered("GET", "http://localhost:9999/v1/session"),
    "another scheme": altered("GET", "https://localhost:8081/v1/session"),
    "a name before the host": altered("GET", "http://x@localhost:8081/v1/session"),
    "no address": altered("GET", ""),
    "too old": old,
    "of the future": of_the_future,
    "no time": altered(iat=None),
    "time as text": altered(iat="1795176000"),
    "no name of its own": altered(jti=""),
    "a name too long": altered(jti="x" * 300),
    "typ JWT": altered(header={"typ": "JWT"}),
    "typ missing": altered(header={"typ": ""}),
    "crit": altered(header={"crit": ["exp"]}),
    "kid beside the key": altered(header={"kid": "1"}),
    "the private key": private_key_shown,
    "a MAC": mac_for_a_signature,
    "no signature": no_signature,
    "the token itself": proof_is_the_token,
    "two proofs": two_proofs,
}


async def test_no_wrong_proof_opens_the_door(stand: Stand, holder: Holder) -> None:
    token = (await holder.tokens())["access_token"]
    assert len(BROKEN) >= 15
    taken: list[str] = []
    for name, broken in BROKEN.items():
        scheme, proof = await broken(holder, token)
        answer = await holder.who(token, proof, scheme)
        assert answer.status_code in (200, 400, 401), f"{name}: {answer.text}"
        if answer.status_code == 200:
            taken.append(name)
        good = await holder.who(token, holder.good(token))
        assert good.status_code == 200, f"after {name}: {good.text}"
    assert taken == []


async def test_a_missing_nonce_is_told_how_to_go_on(stand: Stand, holder: Holder) -> None:
    token = (await holder.tokens())["access_token"]
    answer = await holder.who(token, holder.proof("GET", WHO_AT, "", token))
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith('DPoP error="use_dpop_nonce"')
    nonce = answer.headers["dpop-nonce"]
    again = await holder.who(token, holder.proof("GET", WHO_AT, nonce, token))
    assert again.status_code == 200


async def test_a_nonce_is_over_after_some_minutes(stand: Stand, holder: Holder) -> None:
    token = (await holder.tokens())["access_token"]
    before = holder.nonce
    stand.clock.move(timedelta(seconds=121))
    assert (await holder.who(token, holder.good(token))).status_code == 200
    stand.clock.move(timedelta(seconds=121))
    answer = await holder.who(token, holder.good(token))
    assert answer.status_code == 401
    assert answer.headers["dpop-nonce"] != before


async def test_a_proof_is_shown_once_to_all_of_us(
    stand: Stand, holder: Holder, identity_database: TestDatabase, tmp_path: Path
) -> None:
    """Also to another process with the same database: a copy of a request is of no use there."""
    token = (await holder.tokens())["access_token"]
    close: list[Database] = []
    other = await opened(identity_database, stand.clock, tmp_path, close, live=False)
    callers = RememberedCallers(other.service, stand.clock)
    transport = httpx2.ASGITransport(app=edge_of(other.service, callers, stand.clock))
    async with httpx2.AsyncClient(transport=transport, base_url=BASE) as elsewhere:
        proof, second = holder.good(token), holder.good(token)
        by = {"authorization": f"DPoP {token}"}
        first = await holder.who(token, proof)
        replays = [
            await holder.who(token, proof),
            await elsewhere.get("/v1/session", headers={**by, "dpop": proof}),
        ]
        control = await elsewhere.get("/v1/session", headers={**by, "dpop": second})
    for one in close:
        await one.close()
    assert first.status_code == 200
    assert [one.status_code for one in replays] == [401, 401]
    assert control.status_code == 200


async def test_a_proof_for_another_door_of_ours_is_not_one_for_a_stranger(
    stand: Stand, holder: Holder
) -> None:
    """Whoever relays a proof made for a host of theirs writes that host into the request, too."""
    token = (await holder.tokens())["access_token"]
    for host, expected in (("evil.example", 401), ("localhost:10000", 200)):
        proof = holder.proof("GET", f"http://{host}/v1/session", holder.nonce, token)
        by = {"authorization": f"DPoP {token}", "dpop": proof, "host": host}
        assert (await stand.client.get("/v1/session", headers=by)).status_code == expected, host


async def test_a_code_bound_to_a_key_is_for_that_key(stand: Stand, holder: Holder) -> None:
    await holder.learn()
    mark = holder.key.thumbprint()
    code = await stand.code(client_id="bound", dpop_jkt=mark)
    thief = Signer(stand.clock)
    answer = await holder.exchange(code, thief.proof("POST", TOKEN_AT, holder.nonce))
    assert answer.json()["error"] == "invalid_dpop_proof"
    code = await stand.code(client_id="bound", dpop_jkt=mark)
    answer = await holder.exchange(code, holder.proof("POST", TOKEN_AT, holder.nonce))
    assert answer.status_code == 200


async def test_a_client_that_binds_gets_nothing_without_a_key(stand: Stand) -> None:
    code = await stand.code(client_id="bound")
    answer = await stand.exchange(code, client_id="bound")
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_dpop_proof")


async def test_a_refresh_token_is_bound_as_well(stand: Stand, holder: Holder) -> None:
    tokens = await holder.tokens()
    given = {
        "grant_type": "refresh_token", "client_id": "bound",
        "refresh_token": tokens["refresh_token"],
    }  # fmt: skip
    thief = Signer(stand.clock)
    stolen = await stand.ask(
        "token", {"dpop": thief.proof("POST", TOKEN_AT, holder.nonce)}, **given
    )
    bare_ = await stand.ask("token", **given)
    own = await stand.ask("token", {"dpop": holder.proof("POST", TOKEN_AT, holder.nonce)}, **given)
    assert stolen.json()["error"] == "invalid_grant"
    assert bare_.json()["error"] == "invalid_dpop_proof"
    assert own.status_code == 200, own.text
    assert own.json()["token_type"] == "DPoP"


async def test_other_kinds_of_keys_bind_too_and_weak_ones_do_not(stand: Stand) -> None:
    holder = Holder(stand)
    await holder.learn()
    answers: dict[str, int] = {}
    for name, key, algorithm in (
        ("Ed25519", OKPKey.generate_key("Ed25519"), "Ed25519"),
        ("RSA", RSAKey.generate_key(2048), "PS256"),
        ("Ed25519 named ES256", OKPKey.generate_key("Ed25519"), "ES256"),
    ):
        public = {k: v for k, v in key.as_dict(private=False).items() if k != "kid"}
        head = {"typ": "dpop+jwt", "jwk": public, "alg": algorithm}
        claims = {
            "jti": secrets.token_hex(8), "htm": "POST", "htu": TOKEN_AT,
            "iat": holder.at(), "nonce": holder.nonce,
        }  # fmt: skip
        if name.endswith("ES256"):
            proof = holder.proof("POST", TOKEN_AT, holder.nonce, header={"jwk": public})
        else:
            registry = jws.JWSRegistry(algorithms=[algorithm])
            registry.strict_check_header = False
            registry.max_header_length = 8_192
            proof = jws.serialize_compact(head, json.dumps(claims).encode(), key, None, registry)
        answers[name] = (await stand.robot_token({"dpop": proof})).status_code
    assert answers == {"Ed25519": 200, "RSA": 400, "Ed25519 named ES256": 400}


async def test_an_unbound_token_is_not_taken_with_a_proof(stand: Stand, holder: Holder) -> None:
    await holder.learn()
    token = (await stand.tokens())["access_token"]
    assert (await holder.who(token, holder.good(token))).status_code == 401
    assert (await stand.who(token)).status_code == 200


async def test_a_proof_without_our_nonce_costs_a_try_and_not_the_code(
    stand: Stand, holder: Holder
) -> None:
    code = await stand.code(client_id="bound")
    first = await holder.exchange(code, holder.proof("POST", TOKEN_AT))
    assert first.json()["error"] == "use_dpop_nonce"
    nonce = first.headers["dpop-nonce"]
    second = await holder.exchange(code, holder.proof("POST", TOKEN_AT, nonce))
    assert second.status_code == 200, second.text
