"""What callers try at an Envoy: two readings of one request, headers of ours, secrets in logs."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest
from tests.gateway.envoy import frames
from tests.gateway.envoy.frames import Pairs
from tests.gateway.envoy.stand import HOST, Upstream, envoy, upstream
from tests.gateway.envoy.test_balancing import NOTHING, plan_of
from tests.harness.waiting import until

from bezant.gateway.envoy.config import bootstrap
from bezant.http.limits import Rule

pytestmark = [pytest.mark.system, pytest.mark.requirement("S000-3", part="Envoy under attack")]
SECOND = "GET /smuggled HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
GET = "GET /open HTTP/1.1\r\nHost: x\r\n"
POST = "POST /open HTTP/1.1\r\nHost: x\r\n"
SECONDS = 60


@dataclass
class Front:
    """An Envoy, and what came through it."""

    port: int
    client: httpx2.AsyncClient
    behind: Upstream

    async def raw(self, text: str) -> list[str]:
        """Send these very bytes; return the status of each answer, until Envoy closes."""
        reader, writer = await asyncio.open_connection(HOST, self.port)
        writer.write(text.encode("latin-1"))
        async with asyncio.timeout(SECONDS):
            said = await reader.read()
        writer.close()
        return [part[:3].decode() for part in said.split(b"HTTP/1.1 ")[1:]]

    def paths(self) -> list[str]:
        return [path for _, path, _ in self.behind.seen]


@pytest.fixture
async def front(tmp_path: Path) -> AsyncIterator[Front]:
    async with upstream(NOTHING) as behind:
        plan = plan_of([behind])
        async with envoy(plan, tmp_path) as client:
            behind.seen.clear()
            yield Front(plan.listener.port, client, behind)


TWO_READINGS = [
    POST + "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SECOND,
    POST + f"Content-Length: 0\r\nContent-Length: {len(SECOND)}\r\n\r\n" + SECOND,
    POST + f"Content-Length: 0, {len(SECOND)}\r\n\r\n" + SECOND,
    POST + "Content-Length: +5\r\n\r\nhello" + SECOND,
    POST + "Content-Length: 0x0\r\n\r\n" + SECOND,
    POST + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + SECOND,
    POST + "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" + SECOND,
    POST + "Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n" + SECOND,
    POST + "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n" + SECOND,
    POST + "Transfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n" + SECOND,
    POST + 'Transfer-Encoding: chunked\r\n\r\n5;a="\r\n\r\nx"\r\nhello\r\n0\r\n\r\n' + SECOND,
    GET + "X-Api-Key : y\r\n\r\n" + SECOND,
    GET + "X-A: y\x00z\r\n\r\n" + SECOND,
    GET + "X_Api_Key: y\r\n\r\n" + SECOND,
    GET + "Connection: close, x-forwarded-for, x-forwarded-proto\r\n\r\n" + SECOND,
    GET + "Connection: upgrade\r\nUpgrade: websocket\r\n\r\n" + SECOND,
    "GET /open HTTP/1.1\r\n\r\n" + SECOND,
    "GET /open%2fx HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" + SECOND,
    "CONNECT a.example:80 HTTP/1.1\r\nHost: a.example:80\r\n\r\n",
    "GET /open HTTP/1.0\r\n\r\n",
    "GET /open\r\n\r\n" + SECOND,
]


async def test_no_request_is_read_in_two_ways(front: Front) -> None:
    told = dict(zip(TWO_READINGS, await asyncio.gather(*map(front.raw, TWO_READINGS)), strict=True))
    assert {text: seen for text, seen in told.items() if "200" in seen} == {}, "all are refused"
    assert "/smuggled" not in front.paths(), "and what follows them is no request"
    # The control: two sound requests in a row are two.
    assert await front.raw(GET + "\r\n" + SECOND) == ["200", "200"]
    assert front.paths()[-2:] == ["/open", "/smuggled"]


SOUND: Pairs = (
    (":method", "POST"), (":scheme", "http"), (":path", "/open"), (":authority", "x"),
)  # fmt: skip


def instead(name: str, value: str) -> Pairs:
    return tuple((one, value if one == name else text) for one, text in SOUND)


NO_REQUESTS: list[tuple[Pairs, str]] = [
    ((*SOUND, ("transfer-encoding", "chunked")), "0\r\n\r\n" + SECOND),
    ((*SOUND, ("connection", "x-forwarded-for")), ""),
    ((*SOUND, ("upgrade", "h2c")), ""),
    ((*SOUND, ("x-a", "b\r\nx-api-key: k")), ""),
    ((*SOUND, ("x-a", "b\r\n\r\n" + SECOND)), ""),
    ((*SOUND, ("x-a\r\nx-api-key", "k")), ""),
    ((*SOUND, ("x-a: b\r\nx-api-key", "k")), ""),
    ((*SOUND, ("X-Api-Key", "k")), ""),
    ((*SOUND, ("x_api_key", "k")), ""),
    ((*SOUND, (":path", "/smuggled")), ""),
    ((*SOUND, ("x-a", "b"), (":protocol", "websocket")), ""),
    (instead(":path", "smuggled"), ""),
    (instead(":path", "/open HTTP/1.1\r\nHost: x\r\n\r\n" + SECOND), ""),
    (instead(":method", "GET /smuggled HTTP/1.1\r\nx: y\r\n\r\nPOST"), ""),
    (instead(":authority", "x\r\nx-api-key: k"), ""),
    ((*SOUND, ("content-length", "0")), SECOND),
    ((*SOUND, ("content-length", "5")), ""),
    ((*SOUND, ("content-length", "5"), ("content-length", "6")), "hello"),
]


async def test_what_is_no_request_in_http2_becomes_none_in_http1(front: Front) -> None:
    assert await frames.ask(front.port, SOUND)
    (sound,) = front.behind.seen
    assert sound[:2] == ("POST", "/open")
    asked = [frames.ask(front.port, pairs, body.encode()) for pairs, body in NO_REQUESTS]
    answered = await asyncio.gather(*asked)
    assert sum(answered) < len(asked) / 2
    # Each was refused, or came as one whole request without what was hidden in it.
    for method, path, head in front.behind.seen:
        assert (method, path, head["host"]) == ("POST", "/open", "x")
        assert head.keys() <= sound[2].keys() | {"content-length", "x-a"}


async def test_the_scheme_is_what_the_connection_was(front: Front) -> None:
    assert await frames.ask(front.port, instead(":scheme", "https"))
    assert front.behind.seen[-1][2]["x-forwarded-proto"] == "http"


@pytest.mark.parametrize("of", [{}, {"x-forwarded-for": "203.0.113.9"}], ids=["near", "far"])
async def test_nobody_tells_envoy_what_only_its_owner_may(front: Front, of: dict[str, str]) -> None:
    said = {
        f"x-envoy-{name}": "1"
        for name in (
            "decorator-operation", "downstream-service-cluster", "downstream-service-node",
            "expected-rq-timeout-ms", "force-trace", "hedge-on-per-try-timeout", "internal",
            "ip-tags", "max-retries", "original-path", "retry-on", "upstream-alt-stat-name",
            "upstream-rq-timeout-ms",
        )
    }  # fmt: skip
    mine = {"x-request-id": "mine", "x-forwarded-client-cert": "By=me", "client-cert": ":AA==:"}
    answer = await front.client.get("/open", headers={**said, **mine, **of})
    assert answer.status_code == 200
    _, _, seen = front.behind.seen[-1]
    assert not said.keys() & seen.keys()
    assert not {"x-forwarded-client-cert", "client-cert"} & seen.keys()
    assert seen["x-request-id"] != "mine"


async def test_a_caller_cannot_have_a_request_sent_again(front: Front) -> None:
    front.behind.failing = True
    head = {"x-envoy-retry-on": "5xx,reset", "x-envoy-max-retries": "5"}
    answer = await front.client.post("/open", headers=head)
    assert answer.status_code == 500
    assert front.paths() == ["/open"]


async def test_secrets_in_a_path_are_not_in_the_log(front: Front, tmp_path: Path) -> None:
    words = tmp_path / "envoy.log"
    for path in ("/v1/closed/a-secret-of-somebody", "/elsewhere/a-secret-of-somebody"):
        await front.client.get(path, headers={"referer": "https://x.example/a-secret-of-somebody"})
    told = ('"path":"/v1/closed/{}"', '"path":"other"')
    await until(lambda: all(one in words.read_text() for one in told), "both stand in the log")
    assert "a-secret-of-somebody" not in words.read_text()


def test_a_whole_network_of_one_customer_is_one_address(tmp_path: Path) -> None:
    told = str(bootstrap(plan_of([], Rule(40, 60)), tmp_path))
    assert "'v6_prefix_mask_len': 64" in told
    assert "'v4_prefix_mask_len': 32" in told
