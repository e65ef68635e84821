"""Envoy sends requests to gateways that are well, and holds back an address that asks too often."""

import asyncio
from collections import Counter
from pathlib import Path

import httpx2
import pytest
from tests.gateway.envoy.stand import HOST, READY_SECONDS, Upstream, addresses, envoy, upstream
from tests.harness.ports import free_port

from bezant.gateway.envoy.plan import Address, Guarded, JwtIssuer, Plan
from bezant.http.limits import Rule

pytestmark = [pytest.mark.system, pytest.mark.requirement("S002-1", part="Envoy in front")]
NOTHING: dict[str, object] = {"keys": []}


def plan_of(ups: list[Upstream], limit: Rule | None = None) -> Plan:
    return Plan(
        listener=Address(HOST, free_port()),
        gateways=addresses(ups),
        doorkeeper=Address(HOST, free_port()),
        papers=None,
        routes=(
            Guarded("GET", "/open", "public", ()),
            Guarded("GET", "/v1/closed/{}", "ledger.read", ("ledger.read", "api")),
        ),
        issuers=(JwtIssuer("bezant", "http://localhost", "/oauth/jwks"),),
        limit=limit,
    )


async def answered_by(client: httpx2.AsyncClient, times: int) -> Counter[str]:
    answers = [await client.get("/open") for _ in range(times)]
    return Counter(one.headers.get("x-gateway", str(one.status_code)) for one in answers)


async def until(client: httpx2.AsyncClient, wanted: set[str]) -> None:
    async with asyncio.timeout(READY_SECONDS):
        while set(await answered_by(client, 12)) != wanted:
            await asyncio.sleep(0.2)


async def test_gateways_share_the_work_and_unwell_ones_get_none(tmp_path: Path) -> None:
    async with upstream(NOTHING) as one, upstream(NOTHING) as two:
        names = {str(one.port), str(two.port)}
        async with envoy(plan_of([one, two]), tmp_path) as client:
            await until(client, names)
            one.well = False
            await until(client, {str(two.port)})
            two.well = False
            await until(client, {"503"})
            refused = await client.get("/open")
            assert refused.json()["code"] == "unavailable"
            one.well = two.well = True
            await until(client, names)


async def test_an_address_that_asks_too_often_is_held_back(tmp_path: Path) -> None:
    async with upstream(NOTHING) as one, envoy(plan_of([one], Rule(40, 3_600)), tmp_path) as client:
        seen = await answered_by(client, 60)
        refused = await client.get("/open")
        other = httpx2.AsyncHTTPTransport(local_address="127.0.0.2")
        async with httpx2.AsyncClient(transport=other, base_url=client.base_url) as neighbour:
            free = await neighbour.get("/open")
    assert 0 < seen[str(one.port)] <= 40
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_requests")
    assert free.status_code == 200


async def test_without_identity_nobody_is_let_in_by_mistake(tmp_path: Path) -> None:
    async with upstream(NOTHING) as one, envoy(plan_of([one]), tmp_path) as client:
        before = len(one.seen)
        answer = await client.get("/v1/closed/x", headers={"x-api-key": "sk_test_1"})
        opened = await client.get("/open")
    assert (answer.status_code, opened.status_code) == (503, 200)
    assert [path for _, path, _ in one.seen[before:]] == ["/open"]
