"""Gateways and issuers on other hosts, as Envoy is told of them."""

from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.gateway.envoy.stand import HOST, envoy, upstream
from tests.gateway.envoy.test_balancing import NOTHING, plan_of
from tests.identity.outside.abroad import AUDIENCE, running

from bezant.clock import RealClock
from bezant.gateway.envoy.plan import Address, JwtIssuer
from bezant.settings.texts import Unreadable, addresses


def test_gateways_are_named_by_host_and_port() -> None:
    assert addresses("127.0.0.1:9001, gateway-2.example:9002,[::1]:3") == (
        ("127.0.0.1", 9001),
        ("gateway-2.example", 9002),
        ("::1", 3),
    )
    assert addresses("") == ()


@pytest.mark.parametrize(
    "text", ["here", "here:", ":9001", "here:0", "here:65536", "here:9" * 9, "::1:80", "here:١"]
)
def test_what_names_no_gateway_is_refused(text: str) -> None:
    with pytest.raises(Unreadable):
        addresses(text)


@pytest.mark.system
@pytest.mark.requirement("S002-1", part="several gateways behind Envoy")
async def test_a_gateway_may_be_known_by_name(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        one = await stack.enter_async_context(upstream(NOTHING))
        plan = replace(plan_of([one]), gateways=(Address("localhost", one.port),))
        client = await stack.enter_async_context(envoy(plan, tmp_path))
        answer = await client.get("/open")
    assert answer.headers["x-gateway"] == str(one.port)


@pytest.mark.system
@pytest.mark.requirement("S000-3", part="Envoy reads other issuers' tokens")
async def test_tokens_of_another_issuer_are_read_by_its_keys(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        abroad = await stack.enter_async_context(running(RealClock()))
        one = await stack.enter_async_context(upstream(NOTHING))
        plan = plan_of([one])
        at = urlsplit(abroad.issuer)
        known = JwtIssuer("abroad", AUDIENCE, f"{abroad.issuer}/keys", abroad.issuer)
        plan = replace(
            plan,
            issuers=(*plan.issuers, known),
            hosts={abroad.issuer: Address(HOST, at.port or 0)},
        )
        client = await stack.enter_async_context(envoy(plan, tmp_path))
        abroad.new_key("stranger")

        async def seen(token: str) -> int:
            head = {"authorization": f"Bearer {token}"}
            return (await client.get("/v1/closed/x", headers=head)).status_code

        assert await seen(abroad.token(scope="openid ledger.read")) == 200
        # It was read, and does not say what the route wants.
        assert await seen(abroad.token(scope="openid payments.read")) == 403
        # These were not, so identity is asked about them; here nobody answers.
        now = int(abroad.clock.now().timestamp())
        for unread in (
            abroad.sign(abroad.claims(scope="ledger.read"), "stranger", kid="k1"),
            abroad.token(scope="ledger.read", aud="somebody"),
            abroad.token(scope="ledger.read", exp=now - 600),
            abroad.token(scope="ledger.read", iss="https://elsewhere.example"),
        ):
            assert await seen(unread) == 503
        assert [path for _, path, _ in one.seen].count("/v1/closed/x") == 1
