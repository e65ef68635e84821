"""What every answer carries, whose address a request has, and which pages may read us."""

from ipaddress import ip_network

import httpx2
import pytest
from tests.http.stand import READER, WRITER, Stand, note, standing

from bezant.http.cors import Cors
from bezant.http.edge import Rules
from bezant.http.headers import client_of
from bezant.http.limits import Rule
from bezant.http.routes import LOCAL, Routes

LOCALHOST = ip_network("127.0.0.0/8")
SHOP = "https://shop.example"


@pytest.mark.requirement("S003-4")
@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/v1/fast", 201),
        ("POST", "/v1/ordinary", 201),
        ("GET", "/v1/notes", 200),
        ("GET", "/nothing", 404),
        ("GET", "/docs", 200),
        ("GET", "/health", 200),
    ],
)
async def test_every_answer_has_the_security_headers(
    stand: Stand, method: str, path: str, status: int
) -> None:
    headers = {"x-api-key": WRITER, "content-type": "application/json"}
    content = b'{"text":"a","amount":{"amount":"1","asset":"EUR"}}' if method == "POST" else None
    answer = await stand.client.request(method, path, headers=headers, content=content)
    assert answer.status_code == status
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-frame-options"] == "SAMEORIGIN"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert "frame-ancestors 'self'" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["request-id"].startswith("req_")
    assert "server" not in answer.headers
    assert "strict-transport-security" not in answer.headers
    assert all(len(answer.headers.get_list(name)) == 1 for name in answer.headers)


async def test_request_ids_never_repeat(stand: Stand) -> None:
    ids = {(await stand.client.get("/nothing")).headers["request-id"] for _ in range(50)}
    assert len(ids) == 50


@pytest.mark.requirement("S003-4")
async def test_hsts_is_said_only_where_the_client_came_by_tls() -> None:
    async with standing(Rules(trusted_proxies=(LOCALHOST,))) as stand:
        by_tls = await stand.client.get("/health", headers={"x-forwarded-proto": "https"})
        plain = await stand.client.get("/health", headers={"x-forwarded-proto": "http"})
    async with standing() as stand:
        claimed = await stand.client.get("/health", headers={"x-forwarded-proto": "https"})
    expected = "max-age=31536000; includeSubDomains"
    assert by_tls.headers["strict-transport-security"] == expected
    assert "strict-transport-security" not in plain.headers
    assert "strict-transport-security" not in claimed.headers


@pytest.mark.requirement("S003-2")
@pytest.mark.parametrize(
    ("peer", "forwards", "client"),
    [
        ("203.0.113.9", "198.51.100.1", "203.0.113.9"),
        ("10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "1.2.3.4, 198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "1.2.3.4, 198.51.100.1, 10.0.0.2", "198.51.100.1"),
        ("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"),
        ("10.0.0.1", "garbage", "10.0.0.1"),
        ("10.0.0.1", "1.2.3.4, garbage", "10.0.0.1"),
        ("10.0.0.1", "2001:db8::1", "2001:db8::1"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("", "198.51.100.1", ""),
    ],
)
def test_the_client_is_whoever_our_own_proxies_saw(peer: str, forwards: str, client: str) -> None:
    headers = {b"x-forwarded-for": forwards.encode()}
    assert client_of(peer, headers, [ip_network("10.0.0.0/8")])[0] == client


async def test_a_forged_address_does_not_escape_the_limit() -> None:
    async with standing(Rules(address=Rule(2, 900))) as stand:
        answers = [
            await stand.client.get("/nothing", headers={"x-forwarded-for": f"198.51.100.{n}"})
            for n in range(3)
        ]
    assert [answer.status_code for answer in answers] == [404, 404, 429]


async def test_behind_a_trusted_proxy_each_client_has_its_own_limit() -> None:
    async with standing(Rules(address=Rule(1, 900), trusted_proxies=(LOCALHOST,))) as stand:

        async def ask(*lines: str) -> int:
            headers = [("x-forwarded-for", line) for line in lines]
            return (await stand.client.get("/nothing", headers=headers)).status_code

        assert [await ask("198.51.100.1"), await ask("198.51.100.2")] == [404, 404]
        assert await ask("198.51.100.1") == 429
        assert await ask("198.51.100.9", "198.51.100.1") == 429
        assert {line["address"] for line in stand.logged()} == {"198.51.100.1", "198.51.100.2"}


@pytest.mark.requirement("S003-2")
async def test_a_named_origin_may_call_and_read() -> None:
    async with standing(Rules(origins=(SHOP,))) as stand:
        asked = await stand.client.options(
            "/v1/fast",
            headers={
                "origin": SHOP,
                "access-control-request-method": "POST",
                "access-control-request-headers": "x-api-key, authorization, idempotency-key",
            },
        )
        called = await stand.post("/v1/fast", note(), origin=SHOP)
        refused = await stand.post("/v1/fast", note(), key=None, origin=SHOP)
        missing = await stand.client.get("/nothing", headers={"origin": SHOP})
    assert asked.status_code == 204
    assert asked.headers["access-control-allow-origin"] == SHOP
    assert asked.headers["access-control-allow-credentials"] == "true"
    assert asked.headers["access-control-allow-methods"] == "GET, POST, PATCH, DELETE"
    allowed = asked.headers["access-control-allow-headers"].lower()
    assert all(name in allowed for name in ("authorization", "x-api-key", "idempotency-key"))
    for answer, status in ((called, 201), (refused, 401), (missing, 404)):
        assert answer.status_code == status
        assert answer.headers["access-control-allow-origin"] == SHOP
        assert answer.headers["access-control-allow-credentials"] == "true"
        assert "RateLimit-Remaining" in answer.headers["access-control-expose-headers"]
        assert answer.headers["vary"] == "origin"


@pytest.mark.requirement("S003-2")
@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "https://shop.example.evil", "http://shop.example"]
)
async def test_another_origin_is_told_nothing(origin: str) -> None:
    async with standing(Rules(origins=(SHOP,))) as stand:
        asked = await stand.client.options(
            "/v1/fast", headers={"origin": origin, "access-control-request-method": "POST"}
        )
        called = await stand.client.get("/health", headers={"origin": origin})
    for answer in (asked, called):
        assert not [name for name in answer.headers if name.startswith("access-control")]
        assert answer.headers["vary"] == "origin"


def test_a_wildcard_origin_is_a_mistake_of_ours() -> None:
    with pytest.raises(AssertionError, match="wildcard"):
        Cors(["*"])


@pytest.mark.requirement("S002-8")
async def test_metrics_are_for_this_machine_and_for_those_allowed() -> None:
    routes = Routes("inner")

    @routes.get("/v1/inner", permission=LOCAL)
    async def inner() -> dict[str, str]:
        return {"seen": "yes"}

    del inner
    async with standing(more=[routes]) as stand:
        near = await stand.client.get("/v1/inner")
        forwarded = await stand.client.get("/v1/inner", headers={"x-forwarded-for": "127.0.0.1"})
        rebound = await stand.client.get(
            "/v1/inner", headers={"host": f"evil.example:{stand.port}"}
        )
        weak = await stand.client.get(
            "/v1/inner", headers={"x-forwarded-for": "127.0.0.1", "x-api-key": READER}
        )
    assert (near.status_code, forwarded.status_code, weak.status_code) == (200, 401, 403)
    assert rebound.status_code == 401


@pytest.mark.requirement("S002-8", "S003-6")
@pytest.mark.parametrize("lane", ["/v1/fast", "/v1/ordinary"])
async def test_every_request_leaves_one_line_with_its_route_and_caller(
    stand: Stand, lane: str
) -> None:
    answer = await stand.post(lane, note())
    (line,) = stand.logged()
    assert line["event"] == "http.answered"
    assert line["request_id"] == answer.headers["request-id"]
    assert (line["method"], line["route"], line["status"]) == ("POST", lane, 201)
    assert (line["subject"], line["tenant"], line["address"]) == (
        "key_writer",
        "mer_1",
        "127.0.0.1",
    )
    assert WRITER not in str(line)


async def test_a_line_names_the_route_and_not_the_address(stand: Stand) -> None:
    await stand.client.get("/v1/notes/77", headers={"x-api-key": READER})
    await stand.client.get("/secret-looking/path?token=abc")
    assert [line["route"] for line in stand.logged()] == ["/v1/notes/{number}", "(none)"]


@pytest.mark.requirement("S002-8")
async def test_metrics_count_by_route_and_status(stand: Stand) -> None:
    for body in (note(), note(), note("missing")):
        await stand.post("/v1/fast", body)
    await stand.client.get("/a")
    await stand.client.get("/b")
    told = (await stand.client.get("/metrics")).text
    assert 'bezant_http_requests_total{method="POST",route="/v1/fast",status="201"} 2.0' in told
    assert 'bezant_http_requests_total{method="POST",route="/v1/fast",status="404"} 1.0' in told
    assert 'bezant_http_requests_total{method="ANY",route="(none)",status="404"} 2.0' in told
    assert 'bezant_http_request_seconds_count{method="POST",route="/v1/fast"} 3.0' in told


async def test_any_asgi_server_may_carry_the_answers() -> None:
    """Under another server answers go through ASGI's `send`; they are the same answers."""
    calls = [
        ("POST", "/v1/fast", WRITER, note()),
        ("POST", "/v1/ordinary", WRITER, note()),
        ("POST", "/v1/ordinary", WRITER, note("long")),
        ("POST", "/v1/fast", None, note()),
        ("DELETE", "/v1/notes/0", WRITER, None),
        ("OPTIONS", "/v1/fast", None, None),
        ("GET", "/v1/notes", READER, None),
    ]
    changing = {"date", "request-id", "content-length", "location"}
    async with standing(Rules(address=Rule(1_000, 1))) as stand:
        elsewhere = httpx2.ASGITransport(stand.edge)
        other = httpx2.AsyncClient(transport=elsewhere, base_url="http://other")
        for method, path, key, body in calls:
            headers = {"x-api-key": key} if key else {}
            ours = await stand.client.request(method, path, headers=headers, json=body)
            theirs = await other.request(method, path, headers=headers, json=body)
            assert theirs.status_code == ours.status_code
            assert set(theirs.headers) | {"date"} == set(ours.headers) | {"date"}
            for name in set(ours.headers) - changing:
                if not name.startswith("ratelimit"):
                    assert theirs.headers[name] == ours.headers[name], name
        await other.aclose()


@pytest.mark.requirement("S003-2")
async def test_replays_and_locations_are_told(stand: Stand) -> None:
    first = await stand.post("/v1/fast", note(), idempotency_key="k1")
    again = await stand.post("/v1/fast", note("again"))
    assert first.json()["key"] == "k1"
    assert first.headers["location"] == "/v1/notes/1"
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"


@pytest.mark.requirement("S003-2")
@pytest.mark.parametrize("path", ["/v1/strict", "/v1/keyed"])
@pytest.mark.parametrize(
    ("key", "status", "code"),
    [
        (None, 400, "idempotency_key_missing"),
        ("", 400, "idempotency_key_malformed"),
        ("a b", 400, "idempotency_key_malformed"),
        ("a" * 256, 400, "idempotency_key_malformed"),
        ("a" * 255, 201, None),
        ("!~", 201, None),
    ],
)
async def test_an_idempotency_key_is_1_to_255_visible_characters(
    stand: Stand, path: str, key: str | None, status: int, code: str | None
) -> None:
    headers = {} if key is None else {"idempotency-key": key}
    answer = await stand.post(path, note(), **headers)
    assert (answer.status_code, answer.json().get("code")) == (status, code)
    if status == 201:
        assert answer.json()["key"] == key
