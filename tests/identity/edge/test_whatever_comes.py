"""Every route of identity asked with what fits its description, nearly does, or does not.

Whatever comes, nobody sees a failure of ours; every refusal has a name; every answer is one that
the description tells of; and what was sent, which may be somebody's password, does not come back in
a refusal.
"""

import asyncio
import json
import random
from collections import Counter
from collections.abc import AsyncIterator
from urllib.parse import quote, urlencode

import pytest
import pytest_asyncio
from tests.harness.cluster import Cluster
from tests.identity.edge.described import mismatch
from tests.identity.edge.furnished import PLACEHOLDER, filled, furnish, of_nothing
from tests.identity.edge.programs import join
from tests.identity.edge.whole import DEADLINE_SECONDS, Caller, Json, Told, Whole, whole
from tests.vault.room import template_of

from bezant.gateway.app import build
from bezant.http.edge import Rules
from bezant.http.entries import Entry
from bezant.http.routes import PUBLIC, Routes
from bezant.schemas import ROLES

pytestmark = [pytest.mark.catalogue("T60"), pytest.mark.asyncio(loop_scope="module")]
CANARY = "c4n4ry"
ROUNDS, ROUNDS_LONG = 8, 100
ROOMS = ("identity", "gateway", "system")
ENDS = {("DELETE", "/v1/session"), ("DELETE", "/v1/sessions")}
ODD: list[object] = [
    None, True, 0, -1, 1e308, 10**30, "", " ", CANARY, CANARY * 2_000, f"{CANARY}\0", "\ud800",
    f"<b>{CANARY}</b>", f"' OR 1=1 -- {CANARY}", [], {}, [[[CANARY]]], {CANARY: CANARY},
]  # fmt: skip
ODD_HEADERS = [
    {"authorization": f"Bearer {CANARY}"},
    {"authorization": f"Basic {CANARY}"},
    {"authorization": "DPoP a.b.c", "dpop": f"{CANARY}.b.c"},
    {"x-api-key": f"sk_test_{CANARY}"},
    {"cookie": f"__Host-bezant={CANARY}; bezant_sso={CANARY}; ;=;;"},
    {"signature-input": f'sig=("@method");keyid="{CANARY}"', "signature": "sig=:AAAA:"},
    {"client-cert": f":{CANARY}:"},
    {"content-type": f"text/{CANARY}"},
    {"origin": f"https://{CANARY}.example", "sec-fetch-site": "cross-site"},
    {"accept-language": CANARY, "x-forwarded-for": CANARY, "traceparent": CANARY},
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def made(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Whole]:
    template = template_of(cluster, "whole_template", ROLES)
    with cluster.fresh(template) as database, pytest.MonkeyPatch.context() as patch:
        async with whole(database, tmp_path_factory.mktemp("whole"), patch) as built:
            await join(built)
            await furnish(built, built.shops[0])
            yield built


class Maker:
    """Makes values that fit a description, and spoils them."""

    def __init__(self, described: Json, chance: random.Random) -> None:
        self._described = described
        self.chance = chance

    def fitting(self, schema: Json, depth: int = 0) -> object:
        """Return something that fits."""
        schema = self._resolved(schema)
        if "enum" in schema:
            return self.chance.choice(schema["enum"])
        match schema.get("type"):
            case "object" if depth < 6:
                wanted = set(schema.get("required", ()))
                return {
                    name: self.fitting(one, depth + 1)
                    for name, one in schema.get("properties", {}).items()
                    if name in wanted or self.chance.random() < 0.5
                }
            case "array" if depth < 6:
                return [self.fitting(schema.get("items", {}), depth + 1)]
            case "integer" | "number":
                return self.chance.randrange(1, 50)
            case "boolean":
                return self.chance.random() < 0.5
            case "null":
                return None
            case _:
                return self.chance.choice(["ann@shop.example", f"{CANARY} horse battery", "10.00"])

    def _resolved(self, schema: Json) -> Json:
        while "$ref" in schema:
            found: Json = self._described
            for part in schema["$ref"].removeprefix("#/").split("/"):
                found = found[part]
            schema = found
        return next(
            (
                self._resolved(self.chance.choice(schema[choice]))
                for choice in ("anyOf", "oneOf", "allOf")
                if choice in schema
            ),
            schema,
        )

    def spoiled(self, value: object) -> object:
        """Return nearly the same: a part of it is odd, missing or too much."""
        if isinstance(value, dict) and value and self.chance.random() < 0.8:
            copy: Json = dict(value)
            name = self.chance.choice(list(copy))
            match self.chance.randrange(3):
                case 0:
                    del copy[name]
                case 1:
                    copy[CANARY] = CANARY
                case _:
                    copy[name] = self.spoiled(copy[name])
            return copy
        return self.chance.choice(ODD)


def operations(made: Whole, described: Json) -> list[tuple[Entry, Json]]:
    found: list[tuple[Entry, Json]] = []
    for entry in made.entries():
        if entry.module not in ROOMS:
            continue
        told = described["paths"].get(entry.path, {}).get(entry.method.lower(), {})
        content = told.get("requestBody", {}).get("content", {})
        schema = next((one.get("schema", {}) for one in content.values()), {})
        found.append((entry, schema))
    return found


def path_of(made: Whole, entry: Entry, chance: random.Random) -> str:
    match chance.randrange(3):
        case 0:
            return filled(entry.path, made.shops[0])
        case 1:
            return of_nothing(entry.path)
        case _:
            odd = chance.choice([CANARY, "%00", "..%2f", "a" * 3_000, "%ff%fe", "-1"])
            return PLACEHOLDER.sub(odd, entry.path)


def written(value: object, chance: random.Random) -> tuple[str, bytes]:
    """Return a body as JSON, as a form, or cut off in the middle."""
    if isinstance(value, dict) and chance.random() < 0.3:
        fields: Json = value
        pairs = [(name, str(one).encode("utf-8", "replace")) for name, one in fields.items()]
        return "application/x-www-form-urlencoded", urlencode(pairs).encode()
    text = json.dumps(value).encode()
    return "application/json", text[: len(text) // 2] if chance.random() < 0.1 else text


def faults(entry: Entry, told: Told, path: str = "") -> str:
    """Return what is wrong with an answer."""
    kind = told.headers.get(b"content-type", b"").partition(b";")[0].decode()
    if told.status >= 500 and not (told.status == 503 and "<!doctype html>" in told.text):
        return "a failure of ours"
    if told.status < 400 or entry.method == "HEAD":
        return ""
    if "Traceback" in told.text:
        return "tells of our insides"
    # A page may have its own address in a form, and nothing else of what was sent.
    if CANARY in told.text.replace(path or "/", "") if kind == "text/html" else CANARY in told.text:
        return "says again what was sent"
    if kind == "application/problem+json":
        return "" if told.code else "a problem without a name"
    if kind == "application/json":  # As OAuth has it (RFC 6749, 5.2; RFC 9470).
        return "" if "error" in json.loads(told.text) else "no error is named"
    return "" if kind == "text/html" and entry.permission == PUBLIC else f"is {kind}"


async def asked(made: Whole, seed: int) -> tuple[list[str], Counter[int], set[str]]:
    chance = random.Random(seed)
    described: Json = json.loads((await made.ask("GET", "/openapi.json")).text)
    maker, shop = Maker(described, chance), made.shops[0]
    callers: list[Caller | None] = [None]
    names = ("admin test", "customer test", "sk admin test", "cli admin test", "custom admin test")
    callers += [shop.callers[name] for name in names]
    wrong, statuses, reached = list[str](), Counter[int](), set[str]()
    for entry, schema in operations(made, described):
        by = chance.choice(callers)
        if (entry.method, entry.path) in ENDS:
            by = None
        value = maker.fitting(schema) if schema else {}
        value = value if chance.random() < 0.4 else maker.spoiled(value)
        kind, content = written(value, chance)
        headers = {"content-type": kind, **(by.headers if by else {})}
        if chance.random() < 0.3:
            headers |= chance.choice(ODD_HEADERS)
        odd = quote(str(chance.choice(ODD)), errors="replace")
        query = chance.choice(
            ["", "limit=5", f"limit={odd}", f"{CANARY}={odd}&a=%", "tenant=mer_1"]
        )
        path = path_of(made, entry, chance)
        body = content if entry.method in ("POST", "PUT", "PATCH") else b""
        told = await made.send(entry.method, path, headers, body, query.encode())
        statuses[told.status] += 1
        reached.add(f"{entry.method} {entry.path}")
        if fault := faults(entry, told, path) or mismatch(described, entry, told):
            wrong.append(f"{fault}: {entry.method} {path[:99]}?{query[:99]} {headers} {body[:300]}"
                         f" -> {told.status} {told.text[:300]}")  # fmt: skip
    return wrong, statuses, reached


@pytest.mark.parametrize("rounds", [ROUNDS, pytest.param(ROUNDS_LONG, marks=pytest.mark.long)])
async def test_whatever_comes_is_answered_or_refused_by_name(made: Whole, rounds: int) -> None:
    counted, known = Counter[int](), set[str]()
    for seed in range(rounds):
        wrong, statuses, reached = await asked(made, seed)
        assert wrong == []
        counted, known = counted + statuses, known | reached
    # The control: a mixture in which much succeeds, and fails in many ways, on every route.
    assert len(known) > 60
    assert sum(many for status, many in counted.items() if status < 400) > 20, counted
    assert {200, 400, 401, 403, 404} <= set(counted), counted


async def test_a_route_that_fails_or_says_again_what_was_sent_would_be_noticed(
    made: Whole,
) -> None:
    bad = Routes("identity")

    @bad.post("/v1/bad", permission=PUBLIC)
    async def fail(told: dict[str, str]) -> None:
        raise RuntimeError(told)

    del fail
    edge = build([bad], service="bad", ground=made.ground, rules=Rules())
    entry = next(one for one in Whole(made.house, edge, made.ids, [], made.ground).entries()
                 if one.path == "/v1/bad")  # fmt: skip
    told = await made.ask("POST", "/v1/bad", None, {"a": "b"}, edge=edge)
    assert faults(entry, told) == "a failure of ours"
    assert faults(entry, Told(400, f'{{"code": "x", "detail": "{CANARY}"}}')) != ""
    assert faults(entry, Told(404, "{}", {b"content-type": b"application/problem+json"})) != ""


async def test_an_answer_that_is_not_as_described_would_be_noticed(made: Whole) -> None:
    described: Json = json.loads((await made.ask("GET", "/openapi.json")).text)
    entry = next(one for one in made.entries() if (one.method, one.path) == ("GET", "/v1/keys"))
    by = made.shops[1].callers["admin test"]  # Of the other, everything was tried.
    async with asyncio.timeout(DEADLINE_SECONDS):  # Whoever tried so much is told to wait.
        while (right := await made.ask("GET", "/v1/keys", by)).status == 429:
            await asyncio.sleep(0.05)
    assert (right.status, mismatch(described, entry, right)) == (200, "")
    kept: Json = json.loads(right.text)
    head = right.headers
    wrong = {
        "another status": Told(202, right.text, head),
        "another kind": Told(200, right.text, {b"content-type": b"text/html"}),
        "nothing": Told(200, "", head),
        "a member too few": Told(200, json.dumps({**kept, "data": [{}]}), head),
        "another type": Told(200, json.dumps({**kept, "has_more": "no"}), head),
        "a problem that lacks its name": Told(
            404, '{"title": "x"}', {b"content-type": b"application/problem+json"}
        ),
    }
    assert [name for name, told in wrong.items() if not mismatch(described, entry, told)] == []
