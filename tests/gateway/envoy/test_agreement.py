"""Envoy and our own edge agree about every route and every scope: one table feeds both."""

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from joserfc.jwk import ECKey
from starlette.types import Receive, Scope, Send
from tests.gateway.envoy.everything import Known, edge_of, scopes_for
from tests.gateway.envoy.stand import HOST, Upstream, addresses, envoy, upstream
from tests.harness.ports import free_port
from tests.house.ways_in import BASE, every_routes
from tests.identity.provider.words import encoded

from bezant.gateway.envoy.doorkeeper import Doorkeeper
from bezant.gateway.envoy.plan import Address, JwtIssuer, Plan, guarded_routes
from bezant.http import answers
from bezant.http.edge import Edge, Rules
from bezant.http.entries import UNMATCHED, Entry
from bezant.http.problems import RouteNotFound
from bezant.http.serve import Listening, Serving
from bezant.http.visit import Visit
from bezant.identity.provider import scopes
from bezant.wiring.edges import rules_behind
from bezant.wiring.front import LOOPBACK

pytestmark = [
    pytest.mark.system,
    pytest.mark.requirement("S000-3", part="Envoy in front"),
    pytest.mark.requirement("S000-2", part="Envoy in front"),
]


class Deciding(Edge):
    """Our edge, which hands nothing on: it only decides."""

    async def _answer(
        self, entry: Entry, visit: Visit, scope: Scope, receive: Receive, send: Send
    ) -> None:
        del receive
        self._gate.look_at(entry, visit)
        if entry.path == UNMATCHED:
            raise RouteNotFound
        await self._admit(entry, visit, scope)
        await answers.send_empty(scope, send, visit, 200, ())


@dataclass
class Two:
    """Envoy, and our own edge with the same table and the same callers."""

    envoy: httpx2.AsyncClient
    own: httpx2.AsyncClient
    callers: Known
    plan: Plan
    key: ECKey
    upstream: Upstream

    def token(self, scope: str | None, **more: Any) -> str:
        now = int(time.time())
        claims = {
            "iss": BASE, "aud": BASE, "sub": "mem_1", "iat": now, "exp": now + 600,
            "scope": scope, "jti": str(len(self.callers.actors)), **more,
        }  # fmt: skip
        head = {"alg": "ES256", "kid": "k1", "typ": "at+jwt"}
        told = {name: value for name, value in claims.items() if value is not None}
        start = ".".join(encoded(json.dumps(one).encode()) for one in (head, told))
        der = self.key.private_key.sign(start.encode(), ec.ECDSA(hashes.SHA256()))
        r, s = decode_dss_signature(der)
        return f"{start}.{encoded(r.to_bytes(32) + s.to_bytes(32))}"

    def bearer(self, scope: str) -> dict[str, str]:
        token = self.callers.with_scope(self.token(scope), scope)
        return {"authorization": f"Bearer {token}"}

    async def both(self, method: str, path: str, headers: dict[str, str]) -> tuple[int, int]:
        asked = path.replace("{}", "x1")
        here = await self.own.request(method, asked, headers=headers)
        there = await self.envoy.request(method, asked, headers=headers)
        return here.status_code, there.status_code


@pytest.fixture
async def two(tmp_path: Path) -> AsyncIterator[Two]:
    async with standing_two(tmp_path, Rules()) as made:
        yield made


@asynccontextmanager
async def standing_two(folder: Path, rules: Rules) -> AsyncIterator[Two]:
    """Run an Envoy beside our own edge, both with these rules."""
    key, callers, routes = ECKey.generate_key("P-256"), Known(), every_routes()
    public = {**key.as_dict(private=False), "kid": "k1", "alg": "ES256", "use": "sig"}
    own, door = edge_of(callers, Deciding, routes, rules), free_port()
    doorkeeper = edge_of(callers, Doorkeeper, routes, rules_behind(rules, LOOPBACK))
    serving = Serving([Listening(HOST, door, doorkeeper)])
    serving.bind()
    task = asyncio.create_task(serving.run())
    try:
        async with upstream({"keys": [public]}) as gateway:
            plan = Plan(
                listener=Address(HOST, free_port()),
                gateways=addresses([gateway]),
                doorkeeper=Address(HOST, door),
                papers=None,
                routes=guarded_routes(own, scopes_for),
                issuers=(JwtIssuer("bezant", BASE, "/oauth/jwks"),),
                limit=rules.address,
                origins=rules.origins,
                dialect=rules.dialect,
            )
            transport = httpx2.ASGITransport(app=own, client=("192.0.2.7", 40_000))
            async with (
                envoy(plan, folder) as client,
                httpx2.AsyncClient(transport=transport, base_url=BASE) as other,
            ):
                yield Two(client, other, callers, plan, key, gateway)
    finally:
        serving.stop()
        await task


async def test_they_agree_on_every_route_and_scope(two: Two) -> None:
    everything = sorted(one for one in scopes.KNOWN if "." in one)
    heads = {
        "nobody": {},
        "everything": two.bearer("api"),
        "nothing": two.bearer("openid profile"),
        "all but api": two.bearer(" ".join(everything)),
        "key for everything": {"x-api-key": two.callers.add("sk_test_all", frozenset(everything))},
        "key for nothing": {"x-api-key": two.callers.add("sk_test_none", frozenset())},
        "a key of nobody": {"x-api-key": "sk_test_unknown"},
        "a key as a token": {"authorization": "Bearer sk_test_all"},
        "no token": {"authorization": "Bearer nonsense"},
        "another scheme": {"authorization": "Basic eA=="},
        "two at once": {"x-api-key": "sk_test_all", "authorization": "Bearer sk_test_all"},
    }
    own = {one: two.bearer(one) for one in everything}
    others = {
        one: two.bearer(" ".join(other for other in everything if other != one))
        for one in everything
    }
    differ: list[str] = []
    refused = admitted = 0
    for route in two.plan.routes:
        asked = dict(heads)
        if not route.public and route.permission in own:
            asked["its scope alone"] = own[route.permission]
            asked["every scope but its own"] = others[route.permission]
        for name, headers in asked.items():
            here, there = await two.both(route.method, route.path, headers)
            refused += here in (401, 403)
            admitted += here == 200
            if here != there:
                differ.append(f"{route.method} {route.path} {name}: {here} here, {there} there")
    assert differ == []
    assert len(two.plan.routes) > 100
    assert refused > len(two.plan.routes)
    assert admitted > len(two.plan.routes)


async def test_a_table_with_one_wrong_row_is_noticed(two: Two, tmp_path: Path) -> None:
    from dataclasses import replace

    route = next(one for one in two.plan.routes if one.permission == "ledger.read")
    wrong = replace(route, scopes=("payments.read",))
    plan = replace(
        two.plan,
        listener=Address(HOST, free_port()),
        routes=tuple(wrong if one is route else one for one in two.plan.routes),
    )
    folder = tmp_path / "wrong"
    folder.mkdir()
    head = two.bearer("ledger.read")
    async with envoy(plan, folder) as other:
        there = await other.request(route.method, route.path.replace("{}", "x"), headers=head)
    here, right = await two.both(route.method, route.path, head)
    assert (here, right, there.status_code) == (200, 200, 403)


async def test_tokens_that_envoy_does_not_believe_go_no_further(two: Two) -> None:
    now = int(time.time())
    other = ECKey.generate_key("P-256")
    forged = Two(two.envoy, two.own, two.callers, two.plan, other, two.upstream).token("api")
    bad = {
        "of another key": forged,
        "of another audience": two.token("api", aud="https://elsewhere.example"),
        "an ID token": two.token("api", aud="payment-frontend"),
        "over": two.token("api", exp=now - 3_600),
        "not yet": two.token("api", nbf=now + 3_600),
        "cut": two.token("api")[:-5],
    }
    for name, token in bad.items():
        answer = await two.envoy.get("/v1/session", headers={"authorization": f"Bearer {token}"})
        assert answer.status_code == 401, name
        assert answer.json()["code"] == "credential_invalid", name
    good = await two.envoy.get("/v1/session", headers=two.bearer("session.read"))
    assert good.status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/v1//session", "/v1/./session", "/v1/x/../session", "/v1/%73ession", "/v1/session/",
        "/v1%2fsession", "/V1/session", "/v1/session;a=b", "/v1/session%00", "/v1/session?a=b",
        "/health/../v1/session", "/v1/session#x",
    ],
)  # fmt: skip
async def test_no_spelling_of_a_path_leads_around_its_scope(two: Two, path: str) -> None:
    # Whatever reaches our process without a credential, our process must refuse or not know.
    raw = await _raw(two, path)
    if raw != 200:
        return
    _, asked, _ = two.upstream.seen[-1]
    answer = await two.own.get(re.sub(r"[#].*", "", asked))
    assert answer.status_code in (401, 403, 404, 400)
    assert (await two.own.get("/v1/session")).status_code == 401


async def _raw(two: Two, path: str) -> int:
    reader, writer = await asyncio.open_connection(HOST, two.plan.listener.port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    status = (await reader.readline()).split(b" ")[1]
    writer.close()
    return int(status)


async def test_what_only_a_proxy_may_say_is_not_taken_from_a_caller(two: Two) -> None:
    lies = {
        "x-forwarded-for": "10.0.0.1", "x-forwarded-proto": "https", "client-cert": ":AAAA:",
        "x-real-ip": "10.0.0.1", "forwarded": "for=10.0.0.1", "via": "1.1 x",
    }  # fmt: skip
    await two.envoy.get("/no-such-route", headers=lies)
    _, _, seen = two.upstream.seen[-1]
    assert not {"client-cert", "x-real-ip", "forwarded", "via"} & seen.keys()
    assert seen["x-forwarded-for"].split(",")[-1].strip() != "10.0.0.1"
    assert seen["x-forwarded-proto"] == "http"


async def test_what_counts_once_is_left_to_our_own_process(two: Two) -> None:
    for head in (
        {"authorization": "DPoP eyJ", "dpop": "eyJ"},
        {"signature-input": "sig1=()", "signature": "sig1=:AAAA:"},
    ):
        answer = await two.envoy.get("/v1/session", headers=head)
        assert (answer.status_code, answer.text) == (200, "through")
        assert {**two.upstream.seen[-1][2]}.items() >= head.items()


async def test_nothing_of_a_credential_is_in_the_log(two: Two, tmp_path: Path) -> None:
    head = two.bearer("api")
    await two.envoy.get("/v1/session?secret=inthequery", headers=head)
    await two.envoy.get("/v1/session", headers={"x-api-key": "sk_test_inthehead"})
    said = (tmp_path / "envoy.log").read_text()
    for _ in range(200):
        if said.count('"/v1/session"') >= 2:
            break
        await asyncio.sleep(0.1)
        said = (tmp_path / "envoy.log").read_text()
    assert said.count('"/v1/session"') >= 2
    assert "inthequery" not in said
    assert "inthehead" not in said
    assert head["authorization"].removeprefix("Bearer ")[:40] not in said
