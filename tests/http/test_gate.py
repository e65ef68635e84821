"""What a request meets first: lists of addresses, the way to HTTPS, limits by kind of caller."""

from ipaddress import ip_network

import pytest
from tests.http.stand import READER, WRITER, Stand, note, standing

from bezant.actor import Actor, Caller, Mode
from bezant.http.edge import Rules
from bezant.http.gate import Gate
from bezant.http.headers import is_trusted
from bezant.http.limits import MemoryLimits, Rule, Spent
from bezant.http.routes import PUBLIC, Routes
from bezant.http.tiers import PAYER, PERSON, PROGRAM, bucket_of_caller, tier_of
from bezant.telemetry.metrics import Meters

HERE = (ip_network("127.0.0.0/8"),)
ELSEWHERE = (ip_network("203.0.113.0/24"), ip_network("2001:db8::/32"))


def doors() -> Routes:
    """Return doors where strangers try or leave something, and one where they only look."""
    routes = Routes("doors", guarded=True)

    @routes.post("/v1/door", permission=PUBLIC, status=200)
    async def try_it() -> str:
        return "in"

    @routes.get("/v1/door", permission=PUBLIC)
    async def look() -> str:
        return "a door"

    @routes.get("/v1/slot", permission=PUBLIC, guarded=True)
    async def leave() -> str:
        return "left"

    del try_it, look, leave
    return routes


async def codes(stand: Stand, *paths: str, **headers: str) -> list[tuple[int, str]]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    told = [await stand.client.get(path, headers=named) for path in paths]
    return [(one.status_code, one.json().get("code", "")) for one in told]


@pytest.mark.requirement("S001-1", part="lists of addresses")
async def test_who_is_on_the_list_of_the_denied_is_answered_nothing() -> None:
    async with standing(Rules(denied=HERE)) as stand:
        told = await codes(stand, "/v1/notes", "/nothing", "/openapi.json", x_api_key=READER)
        health = await stand.client.get("/health")
        written = await stand.post("/v1/fast", note())
    assert told == [(403, "address_refused")] * 3
    assert (written.status_code, stand.notebook.written) == (403, [])
    assert health.status_code == 200, "what watches over us is always told"


@pytest.mark.requirement("S001-1", part="lists of addresses")
@pytest.mark.parametrize(
    ("forwarded", "status"),
    [
        ("203.0.113.9", 200),
        ("2001:db8::9", 200),
        ("198.51.100.1", 403),
        ("203.0.113.9, 198.51.100.1", 403),
        ("rubbish", 403),
        ("", 403),
    ],
)
async def test_only_who_is_on_the_list_of_the_allowed_may_come(forwarded: str, status: int) -> None:
    async with standing(Rules(allowed=ELSEWHERE, trusted_proxies=HERE)) as stand:
        headers = {"x-api-key": READER, "x-forwarded-for": forwarded}
        assert (await stand.client.get("/v1/notes", headers=headers)).status_code == status


async def test_what_is_told_without_a_limit_is_not_told_to_the_denied_for_a_key() -> None:
    async with standing(Rules(denied=HERE)) as stand:
        headers = {"x-api-key": READER, "host": "pay.example"}
        told = await stand.client.get("/metrics", headers=headers)
    assert (told.status_code, told.json()["code"]) == (403, "address_refused")


@pytest.mark.parametrize(
    ("address", "listed", "found"),
    [
        ("::ffff:10.1.2.3", "10.0.0.0/8", True),
        ("10.1.2.3", "10.0.0.0/8", True),
        ("::ffff:11.1.2.3", "10.0.0.0/8", False),
        ("10.1.2.3", "::ffff:0:0/96", False),
        ("2001:db8::1", "2001:db8::/32", True),
        ("rubbish", "0.0.0.0/0", False),
    ],
)
def test_an_address_is_on_a_list_however_it_is_spelled(
    address: str, listed: str, found: bool
) -> None:
    assert is_trusted(address, (ip_network(listed),)) is found


async def test_an_address_that_is_only_said_does_not_count() -> None:
    async with standing(Rules(allowed=ELSEWHERE)) as stand:
        headers = {"x-api-key": READER, "x-forwarded-for": "203.0.113.9"}
        assert (await stand.client.get("/v1/notes", headers=headers)).status_code == 403


async def test_denied_beats_allowed() -> None:
    async with standing(Rules(allowed=HERE, denied=(ip_network("127.0.0.1/32"),))) as stand:
        assert await codes(stand, "/v1/notes", x_api_key=READER) == [(403, "address_refused")]


@pytest.mark.requirement("S003-4", part="301 to HTTPS")
@pytest.mark.parametrize(
    ("port", "host", "path", "location"),
    [
        (443, "pay.example", "/v1/notes?limit=2", "https://pay.example/v1/notes?limit=2"),
        (8443, "pay.example:8080", "/", "https://pay.example:8443/"),
        (8443, "[2001:db8::1]:80", "/x", "https://[2001:db8::1]:8443/x"),
        (443, "pay.example", "//evil.example/", "https://pay.example//evil.example/"),
        (443, "pay.example", "/a%20b", "https://pay.example/a%20b"),
    ],
)
async def test_whoever_comes_without_encryption_is_sent_to_it(
    port: int, host: str, path: str, location: str
) -> None:
    async with standing(Rules(https=port)) as stand:
        answer = await stand.raw(
            f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()
        )
    head = answer.decode().lower().split("\r\n")
    assert head[0].startswith("http/1.1 301")
    assert f"location: {location.lower()}" in head
    assert not [line for line in head if line.startswith("strict-transport-security")]


@pytest.mark.parametrize("host", ["", "a b", "a/b", "a@b", "x" * 300, "[::1", "a:b"])
async def test_nobody_is_sent_to_a_host_that_is_none(host: str) -> None:
    async with standing(Rules(https=443)) as stand:
        answer = await stand.raw(
            f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()
        )
    assert b"HTTP/1.1 400" in answer
    assert b"location" not in answer.lower()


async def test_what_was_sent_in_the_open_is_refused_not_sent_on() -> None:
    async with standing(Rules(https=443)) as stand:
        told = await stand.post("/v1/fast", note(), host="pay.example")
    assert (told.status_code, told.json()["code"]) == (403, "https_required")
    assert stand.notebook.written == []


async def test_encrypted_or_of_this_machine_one_may_stay() -> None:
    async with standing(Rules(https=443, trusted_proxies=HERE)) as stand:
        by_proxy = {
            "host": "pay.example",
            "x-forwarded-for": "203.0.113.9",
            "x-forwarded-proto": "https",
            "x-api-key": READER,
        }
        encrypted = await stand.client.get("/v1/notes", headers=by_proxy)
        in_the_open = await stand.client.get(
            "/v1/notes", headers=by_proxy | {"x-forwarded-proto": "http"}
        )
        own = await stand.client.get("/v1/notes", headers={"x-api-key": READER})
        probe = await stand.client.get("/health", headers={"host": "10.0.0.7"})
    assert (encrypted.status_code, in_the_open.status_code) == (200, 301)
    assert encrypted.headers["strict-transport-security"] == "max-age=31536000; includeSubDomains"
    assert (own.status_code, probe.status_code) == (200, 200)


@pytest.mark.requirement("S002-2", part="rate limits")
async def test_doors_where_secrets_are_tried_have_a_limit_of_their_own() -> None:
    rules = Rules(address=Rule(1_000, 60), guarded=Rule(3, 600))
    async with standing(rules, more=[doors()]) as stand:
        tried = [await stand.client.post("/v1/door") for _ in range(5)]
        looked = [await stand.client.get("/v1/door") for _ in range(5)]
        left = await stand.client.get("/v1/slot")
        worked = await stand.post("/v1/fast", note())
    assert [one.status_code for one in tried] == [200, 200, 200, 429, 429]
    assert tried[0].headers["ratelimit-limit"] == "3"
    assert tried[4].json()["detail"] == "Too many requests from this IP."
    assert int(tried[4].headers["retry-after"]) > 100
    assert {one.status_code for one in looked} == {200}
    assert left.status_code == 429, "what is read may leave something behind, too"
    assert worked.status_code == 201


class Alone(MemoryLimits):
    """Limits that cannot be settled with others."""

    @property
    def alone(self) -> bool:
        return True


def actor(caller: Caller, subject: str, role: str) -> Actor:
    return Actor(caller, subject, "mer_1", Mode.TEST, frozenset(), role)


@pytest.mark.parametrize(
    ("caller", "role", "tier"),
    [
        (Caller.KEY, "", PAYER),
        (Caller.CLIENT, "", PAYER),
        (Caller.MEMBER, "customer", PAYER),
        (Caller.MEMBER, "finance", PERSON),
        (Caller.KEY, "finance", PROGRAM),
        (Caller.CLIENT, "developer", PROGRAM),
    ],
)
def test_every_caller_has_a_tier(caller: Caller, role: str, tier: str) -> None:
    assert tier_of(actor(caller, "x", role)) == tier


def test_visitors_of_one_page_do_not_use_up_each_others_share() -> None:
    page, person = actor(Caller.KEY, "key_1", ""), actor(Caller.MEMBER, "mem_1", "customer")
    link = actor(Caller.CLIENT, "plink_1", "")
    assert bucket_of_caller(page, "192.0.2.1") != bucket_of_caller(page, "192.0.2.2")
    assert bucket_of_caller(link, "192.0.2.1") != bucket_of_caller(link, "192.0.2.2")
    assert bucket_of_caller(person, "192.0.2.1") == bucket_of_caller(person, "192.0.2.2")


@pytest.mark.requirement("S001-1", part="limits by tier")
async def test_a_tier_has_the_limit_that_is_named_for_it() -> None:
    for tiers, limit in (({PAYER: Rule(2, 60)}, "2"), ({PROGRAM: Rule(2, 60)}, "100")):
        async with standing(Rules(key=Rule(100, 60), tiers=tiers)) as stand:
            # The callers of the stand have no role: they pay.
            told = [await stand.post("/v1/fast", note(), key=WRITER) for _ in range(3)]
        assert told[0].headers["ratelimit-limit"] == limit
        assert told[2].status_code == (429 if limit == "2" else 201)


def test_alone_the_doors_are_stricter() -> None:
    spent: list[Spent] = []

    class Watched(Alone):
        def spend(self, bucket: str, rule: Rule, cost: float = 1.0) -> Spent:
            spent.append(super().spend(bucket, rule, cost))
            return spent[-1]

    from bezant.http.entries import Entry
    from bezant.http.visit import Visit

    rules = Rules(guarded=Rule(100, 60), guarded_alone=Rule(10, 60))
    meters = Meters()
    entry = Entry("identity", "POST", "/v1/session", PUBLIC, meters.route("POST", "/v1/session"))
    for guarded, limits in ((True, [10]), (False, [])):
        entry.guarded = guarded
        spent.clear()
        visit = Visit("req_1")
        visit.address = "192.0.2.1"
        Gate(rules, Watched(lambda: 0.0), meters).look_at(entry, visit)
        assert [one.limit for one in spent] == limits
    together = Gate(rules, MemoryLimits(lambda: 0.0), meters)
    entry.guarded = True
    visit = Visit("req_2")
    together.look_at(entry, visit)
    assert visit.spent is not None
    assert visit.spent.limit == 100
