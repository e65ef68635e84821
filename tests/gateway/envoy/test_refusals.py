"""What Envoy refuses is said as our own edge says it: a page of another origin can read it, whoever
asks too often is told how long to wait, and one name of the request is in answer and log.
"""

import asyncio
import json
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest
from tests.gateway.envoy.stand import HOST, READY_SECONDS
from tests.gateway.envoy.test_agreement import Two, standing_two
from tests.harness.ports import free_port
from tests.http.stand import until

from bezant.gateway.envoy.plan import Address
from bezant.gateway.envoy.program import running
from bezant.http.edge import Rules
from bezant.http.limits import Rule

pytestmark = [
    pytest.mark.system,
    pytest.mark.requirement("S003-2", part="CORS and limits told behind Envoy"),
    pytest.mark.requirement("S000-3", part="Envoy in front"),
]
SHOP, STRANGER = "https://shop.example", "https://shop.example.evil"
PATH = "/v1/accounts"
OF_ENVOY = {"date", "server", "connection", "transfer-encoding"}
VARY = {
    "content-length", "ratelimit-remaining", "ratelimit-reset", "request-id", "retry-after",
}  # fmt: skip
ONE_REQUESTS = {"facts", "instance", "request_id"}
READABLE = {
    "access-control-allow-origin", "access-control-allow-credentials",
    "access-control-expose-headers",
}  # fmt: skip
ALWAYS = {
    "cache-control", "content-security-policy", "content-type", "ratelimit-limit",
    "ratelimit-remaining", "ratelimit-reset", "referrer-policy", "request-id", "vary",
    "x-content-type-options", "x-frame-options",
}  # fmt: skip


def told(answer: httpx2.Response) -> dict[str, str]:
    """Return what the head of an answer says, but for what is of each server or moment."""
    head = {name.lower(): value for name, value in answer.headers.items()}
    return {name: "…" if name in VARY else head[name] for name in head.keys() - OF_ENVOY}


def differences(here: httpx2.Response, there: httpx2.Response) -> dict[str, tuple[str, str]]:
    """Return in what two answers differ that a caller could notice."""
    ours, theirs = told(here), told(there)
    found = {
        name: (ours.get(name, ""), theirs.get(name, ""))
        for name in ours.keys() | theirs.keys()
        if ours.get(name) != theirs.get(name)
    }
    # Envoy knows no facts, such as which permission it is that is missing.
    said = [
        {key: told for key, told in one.json().items() if key not in ONE_REQUESTS}
        for one in (here, there)
    ]
    if said[0] != said[1]:
        found["body"] = (here.text, there.text)
    return found


async def ask_both(two: Two, headers: dict[str, str]) -> tuple[httpx2.Response, httpx2.Response]:
    return (
        await two.own.get(PATH, headers=headers),
        await two.envoy.get(PATH, headers=headers),
    )


async def test_refusals_are_told_alike_to_pages_everywhere(tmp_path: Path) -> None:
    rules = Rules(address=Rule(10_000, 900.0), origins=(SHOP, "https://other.example"))
    async with standing_two(tmp_path, rules) as two:
        poor = two.bearer("openid profile")
        keyed = {"x-api-key": two.callers.add("sk_test_poor", frozenset())}
        cases = {
            "nobody": (401, {}),
            "a key of nobody": (401, {"x-api-key": "sk_test_unknown"}),
            "a token of nobody": (401, {"authorization": "Bearer nonsense"}),
            "two credentials": (400, {**keyed, "authorization": "Bearer sk_test_poor"}),
            "a key for nothing": (403, keyed),
            "a token for nothing": (403, poor),
        }
        for name, (status, headers) in cases.items():
            for origin in (SHOP, STRANGER, None):
                head = {**headers, **({"origin": origin} if origin else {})}
                here, there = await ask_both(two, head)
                assert (here.status_code, there.status_code) == (status, status), name
                assert differences(here, there) == {}, (name, origin)
                assert told(there).keys() >= ALWAYS, name
                shared = READABLE & told(there).keys()
                assert shared == (READABLE if origin == SHOP else set()), (name, origin)
                if origin == SHOP:
                    assert there.headers["access-control-allow-origin"] == SHOP
                assert there.json()["request_id"] == there.headers["request-id"]
        assert there.json()["code"] == "insufficient_permissions"


async def test_whoever_asks_too_often_is_told_when_to_come_again(tmp_path: Path) -> None:
    rules = Rules(address=Rule(30, 900.0), origins=(SHOP,))
    head = {"origin": SHOP}
    async with standing_two(tmp_path, rules) as two:
        for client in (two.own, two.envoy):
            for _ in range(60):
                if (await client.get("/health-of-nobody", headers=head)).status_code == 429:
                    break
        here, there = await ask_both(two, head)
        assert (here.status_code, there.status_code) == (429, 429)
        assert differences(here, there) == {}
        assert told(there).keys() >= ALWAYS | READABLE | {"retry-after"}
        for one in (here, there):  # A bucket that fills again by one every thirty seconds.
            assert 1 <= int(one.headers["retry-after"]) <= 31
        assert there.headers["ratelimit-remaining"] == "0"
        assert there.headers["ratelimit-limit"] == "30"


async def test_a_request_has_one_name_in_answers_and_both_logs(tmp_path: Path) -> None:
    rules = Rules(address=Rule(10_000, 900.0))
    async with standing_two(tmp_path, rules) as two:
        mine = {"x-request-id": "00000000-0000-4000-8000-000000000001"}
        names = set[str]()
        for headers in ({}, two.bearer("openid")):  # By identity, and by Envoy alone.
            answer = await two.envoy.get(PATH, headers={**headers, **mine})
            assert answer.status_code in (401, 403)
            names.add(answer.headers["request-id"])
        await two.envoy.get("/no-such-route", headers=mine)
        passed = two.upstream.seen[-1][2]["x-request-id"]
        assert passed != mine["x-request-id"], "a caller names no request of ours"
        names.add(f"req_{passed}")
        assert len(names) == 3
        log = tmp_path / "envoy.log"

        def logged() -> set[str]:
            lines = [one for one in log.read_text().splitlines() if one.startswith("{")]
            return {json.loads(one)["request_id"] for one in lines}

        await until(lambda: names <= logged())


async def test_while_nobody_is_asked_programs_hear_what_pages_hear(tmp_path: Path) -> None:
    rules = Rules(address=Rule(10_000, 900.0), origins=(SHOP,))
    async with standing_two(tmp_path, rules) as two:
        keyed = {"x-api-key": two.callers.add("sk_test_poor", frozenset())}
        assert (await two.envoy.get(PATH, headers=keyed)).status_code == 403
        listener, nobody = Address(HOST, free_port()), Address(HOST, free_port())
        gone, folder = replace(two.plan, listener=listener, doorkeeper=nobody), tmp_path / "gone"
        folder.mkdir()
        base = f"http://{HOST}:{listener.port}"
        async with running(gone, folder, threads=1), httpx2.AsyncClient(base_url=base) as client:
            known = two.bearer("api")  # Of a token nobody needs be asked.
            async with asyncio.timeout(READY_SECONDS):
                while not await answers_to(client, known):
                    await asyncio.sleep(0.05)
            for origin in (SHOP, STRANGER, None):
                head = {**keyed, **({"origin": origin} if origin else {})}
                answer = await client.get(PATH, headers=head)
                assert (answer.status_code, answer.text != "") == (503, True), origin
                assert answer.json()["code"] == "unavailable", origin
                assert answer.headers["retry-after"] == "1"
                assert answer.json()["request_id"] == answer.headers["request-id"]
                assert READABLE & told(answer).keys() == (READABLE if origin == SHOP else set())
            assert await answers_to(client, known), "the control"


async def answers_to(client: httpx2.AsyncClient, headers: dict[str, str]) -> bool:
    with suppress(httpx2.HTTPError):
        return (await client.get(PATH, headers=headers)).status_code == 200
    return False


async def test_what_cannot_be_read_is_refused_in_our_words(tmp_path: Path) -> None:
    async with standing_two(tmp_path, Rules(origins=(SHOP,))) as two:
        listener = two.plan.listener
        reader, writer = await asyncio.open_connection(listener.host, listener.port)
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\nnonsense\r\n\r\n")
        said = (await reader.read()).decode()
        writer.close()
    head, _, body = said.partition("\r\n\r\n")
    assert "400 Bad Request" in head
    assert "x-content-type-options: nosniff" in head
    assert (json.loads(body)["code"], json.loads(body)["request_id"]) == (
        "malformed_request", "unread",
    )  # fmt: skip
