"""Identity over HTTP: every route, every role, and answers that never tell too much."""

import json
from collections.abc import AsyncIterator
from time import monotonic

import httpx2
import pytest
from tests.identity.conftest import PASSWORD, Make

from bezant.actor import PLATFORM, Mode
from bezant.clock import MovableClock
from bezant.gateway.app import Ground, build, permission_table
from bezant.gateway.health import Health
from bezant.http.caller import SESSION_COOKIE
from bezant.http.edge import Rules
from bezant.http.limits import MemoryLimits
from bezant.identity import KeyKind, LogIn, Role, rules
from bezant.identity.callers import RememberedCallers
from bezant.identity.http import routes
from bezant.identity.service import IdentityService
from bezant.ids import Ids
from bezant.telemetry.metrics import Meters

ANNA = "anna@example.com"
SAME_SITE = {"sec-fetch-site": "same-origin"}


@pytest.fixture
async def client(
    identity: IdentityService, clock: MovableClock, ids: Ids
) -> AsyncIterator[httpx2.AsyncClient]:
    callers = RememberedCallers(identity, clock)
    identity.when_rights_are_taken(callers.forget)
    ground = Ground(callers, MemoryLimits(monotonic), Meters(), ids, Health(clock))
    edge = build([routes(identity, ids)], service="identity", ground=ground, rules=Rules())
    transport = httpx2.ASGITransport(app=edge)
    async with httpx2.AsyncClient(transport=transport, base_url="https://bezant.test") as made:
        yield made


async def bearer(
    make: Make, tenant: str = PLATFORM, role: Role = Role.ADMIN, mode: Mode = Mode.TEST
) -> dict[str, str]:
    """Return the headers of a new member who is logged in."""
    member = await make.member(tenant, role)
    new = await make.identity.log_in(LogIn(member.email, PASSWORD, tenant, mode))
    return {"authorization": f"Bearer {new.token.reveal()}"}


def login(**more: object) -> dict[str, object]:
    return {"email": ANNA, "password": PASSWORD.reveal(), **more}


async def test_the_way_of_a_new_merchant(make: Make, client: httpx2.AsyncClient) -> None:
    platform = await bearer(make)
    made = await client.post("/v1/merchants", json={"name": "Weigh House"}, headers=platform)
    merchant = made.json()["id"]
    link = await client.post(
        "/v1/invitations",
        params={"tenant": merchant},
        json={"email": ANNA, "role": "admin"},
        headers=platform,
    )
    joined = await client.post(
        "/v1/invitations/accept",
        json={"token": link.json()["token"], "name": "Anna", "password": PASSWORD.reveal()},
    )
    session = await client.post("/v1/session", json=login(deliver="token"))
    token = {"authorization": f"Bearer {session.json()['token']}"}
    key = await client.post("/v1/keys", json={"kind": "sk", "role": "developer"}, headers=token)
    by_key = {"x-api-key": key.json()["secret"]}
    seen = await client.get("/v1/members", headers=by_key)

    answers = (made, link, joined, session, key, seen)
    assert [one.status_code for one in answers] == [201, 201, 201, 201, 201, 200]
    assert joined.json()["tenant"] == session.json()["tenant"] == merchant
    assert [one["email"] for one in seen.json()["data"]] == [ANNA]
    listed = await client.get("/v1/keys", headers=by_key)
    assert listed.json()["data"][0]["shown"] == f"sk_test_…{key.json()['secret'][-4:]}"
    for later in (listed, seen, await client.get("/v1/invitations", headers=by_key)):
        assert key.json()["secret"] not in later.text
        assert link.json()["token"] not in later.text


@pytest.mark.catalogue("T76")
async def test_a_browsers_session_is_a_cookie_no_script_and_no_other_site_can_use(
    make: Make, client: httpx2.AsyncClient
) -> None:
    await make.member(email=ANNA)

    answer = await client.post("/v1/session", json=login())
    cookie = answer.headers["set-cookie"]
    who = await client.get("/v1/session")
    across = await client.delete("/v1/session", headers={"sec-fetch-site": "cross-site"})
    without = await client.delete("/v1/session")
    still = await client.get("/v1/session")
    out = await client.delete("/v1/session", headers=SAME_SITE)

    assert answer.json()["token"] is None
    assert cookie.startswith(f"{SESSION_COOKIE}=bzs_")
    attributes = {part.strip().lower() for part in cookie.split(";")[1:]}
    assert attributes == {"httponly", "secure", "samesite=strict", "path=/", "max-age=43200"}
    assert (who.status_code, who.json()["tenant"]) == (200, PLATFORM)
    assert who.json()["permissions"] == sorted(rules.EVERY_PERMISSION - rules.BY_MODULES_ONLY)
    assert (across.status_code, without.status_code, still.status_code) == (403, 403, 200)
    assert out.status_code == 204
    assert "max-age=0" in out.headers["set-cookie"].lower()
    client.cookies.set(SESSION_COOKIE, cookie.split("=", 1)[1].split(";")[0])
    assert (await client.get("/v1/session")).status_code == 401


async def test_a_wrong_login_reads_the_same_for_everybody(
    make: Make, client: httpx2.AsyncClient
) -> None:
    await make.member(email=ANNA)
    told: set[str] = set()

    for body in (
        login(password="not the right one"),
        login(email="nobody@example.com"),
        login(email="nobody@example.com", password="not the right one"),
        login(email="not an address"),
    ):
        answer = await client.post("/v1/session", json=body)
        assert answer.status_code == 401
        assert "set-cookie" not in answer.headers
        problem = answer.json()
        assert not [value for value in body.values() if str(value) in answer.text]
        for name in ("request_id", "instance"):
            problem.pop(name)
        told.add(json.dumps(problem, sort_keys=True))

    assert len(told) == 1
    assert json.loads(told.pop())["code"] == "wrong_login"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/session", {"email": ANNA}),
        ("/v1/session", {"email": ANNA, "password": 5}),
        ("/v1/session", {"email": ANNA, "password": "x", "tenat": "mer_1"}),
        ("/v1/session", {"email": ANNA, "password": "x", "mode": "both"}),
        ("/v1/session", {"email": ANNA, "password": "secret-looking" * 30}),
        ("/v1/invitations/accept", {"token": "bzi_x"}),
        ("/v1/keys", {"kind": "sk", "role": "boss"}),
        ("/v1/keys", {"kind": "sk", "role": "admin", "grants": {"payments": "all"}}),
        ("/v1/keys", {"kind": "rk", "role": "admin", "grants": {"moon": "read"}}),
        ("/v1/keys", {"kind": "sk", "role": "admin", "expires_at": "2030-01-01T00:00:00"}),
        ("/v1/keys", {"kind": "sk", "role": "admin", "expires_at": "2001-01-01T00:00:00Z"}),
        ("/v1/merchants", {"name": ""}),
        ("/v1/merchants", {"name": "a\u0007b"}),
        ("/v1/invitations", {"email": "nobody", "role": "admin"}),
    ],
)
async def test_a_malformed_request_is_told_so_and_never_repeated(
    make: Make, client: httpx2.AsyncClient, path: str, body: dict[str, object]
) -> None:
    merchant = await make.merchant()
    tenant = PLATFORM if path == "/v1/merchants" else merchant.id

    answer = await client.post(path, json=body, headers=await bearer(make, tenant))

    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert "secret-looking" not in answer.text
    assert "moon" not in answer.text


@pytest.mark.catalogue("T70")
@pytest.mark.requirement("S003-6", part="roles")
async def test_every_route_refuses_whoever_lacks_its_permission(
    make: Make, client: httpx2.AsyncClient, identity: IdentityService, ids: Ids
) -> None:
    merchant = await make.merchant()
    callers = {f"{role} of a merchant": await bearer(make, merchant.id, role) for role in Role}
    callers |= {f"{role} of the platform": await bearer(make, PLATFORM, role) for role in Role}
    held = {f"{role} of a merchant": rules.member_permissions(role, merchant.id) for role in Role}
    held |= {f"{role} of the platform": rules.member_permissions(role, PLATFORM) for role in Role}
    for kind in (KeyKind.PUBLISHABLE, KeyKind.SECRET):
        made = await make.key(merchant.id, kind, Role.ADMIN)
        callers[kind] = {"x-api-key": made.secret.reveal()}
        held[kind] = rules.key_permissions(kind, Role.ADMIN, ())
    callers["nobody"], held["nobody"] = {}, frozenset()
    table = [row for row in permission_table([routes(identity, ids)]) if row.permission != "public"]
    wrong: list[str] = []
    cells = 0

    for row in table:
        if row.path == "/v1/session" and row.method == "DELETE":
            continue  # Ends the session of who asks; the others would be strangers afterwards.
        path = row.path.replace("{", "").replace("}", "")
        for caller, headers in callers.items():
            cells += 1
            answer = await client.request(row.method, path, headers=headers)
            refused = answer.status_code in (401, 403)
            if refused is (row.permission in held[caller]):
                wrong.append(f"{caller} {row.method} {row.path}: {answer.status_code}")

    assert wrong == []
    assert cells == 15 * (len(table) - 1)
    assert len(table) == 27


async def test_every_permission_a_route_asks_for_is_in_the_table(
    identity: IdentityService, ids: Ids
) -> None:
    known = rules.EVERY_PERMISSION | {"public"}

    asked = {row.permission for row in permission_table([routes(identity, ids)])}

    assert asked <= known


@pytest.mark.requirement("S003-2", part="API keys")
async def test_a_wrong_key_is_answered_in_one_way(make: Make, client: httpx2.AsyncClient) -> None:
    merchant = await make.merchant()
    made = await make.key(merchant.id)
    revoked = await make.key(merchant.id)
    right = made.secret.reveal()
    headers = await bearer(make, merchant.id)
    await client.get("/v1/members", headers={"x-api-key": revoked.secret.reveal()})
    ended = await client.delete(f"/v1/keys/{revoked.key.id}", headers=headers)
    assert ended.json()["revoked_at"] is not None
    told: set[tuple[int, str, str]] = set()

    for wrong in (right[:-1], right[:-1] + "~", right.replace("test", "live"), "sk_test_", "x"):
        for name, value in (("x-api-key", wrong), ("authorization", f"Bearer {wrong}")):
            answer = await client.get("/v1/members", headers={name: value})
            told.add((answer.status_code, answer.json()["code"], answer.json()["detail"]))
            assert len(wrong) < 3 or wrong not in answer.text
    answer = await client.get("/v1/members", headers={"x-api-key": revoked.secret.reveal()})
    told.add((answer.status_code, answer.json()["code"], answer.json()["detail"]))

    assert len(told) == 1
    control = await client.get("/v1/members", headers={"x-api-key": right})
    assert control.status_code == 200


async def test_a_merchants_admin_reaches_nothing_of_another_tenant(
    make: Make, client: httpx2.AsyncClient
) -> None:
    mine, theirs = await make.merchant("mine"), await make.merchant("theirs")
    member, key = await make.member(theirs.id), await make.key(theirs.id)
    headers = await bearer(make, mine.id)
    probes = 0

    for tenant in (None, theirs.id, PLATFORM, "mer_" + "0" * 32, "' OR 1=1"):
        query = {} if tenant is None else {"tenant": tenant}
        for method, path in (
            ("GET", f"/v1/keys/{key.key.id}"),
            ("DELETE", f"/v1/keys/{key.key.id}"),
            ("POST", f"/v1/keys/{key.key.id}/rotate"),
            ("PATCH", f"/v1/members/{member.id}"),
            ("DELETE", f"/v1/members/{member.id}"),
            ("GET", f"/v1/merchants/{theirs.id}"),
        ):
            probes += 1
            body = {"PATCH": {"role": "auditor"}, "POST": {}}.get(method)
            answer = await client.request(method, path, params=query, headers=headers, json=body)
            # An address that takes no parameters says so before it looks at anything.
            strange = "tenant" in query and path.startswith("/v1/merchants")
            wanted = 400 if strange else 404
            assert answer.status_code == wanted, (tenant, method, path, answer.text)
            assert "theirs" not in answer.text

    assert probes == 30
    for path in ("/v1/keys", "/v1/members", "/v1/invitations"):
        answer = await client.get(path, params={"tenant": theirs.id}, headers=headers)
        assert answer.status_code == 404
    own = await client.get("/v1/merchants", headers=headers)
    assert [one["id"] for one in own.json()["data"]] == [mine.id]


async def test_test_and_live_keys_are_two_lists(make: Make, client: httpx2.AsyncClient) -> None:
    merchant = await make.merchant()
    await make.member(merchant.id, email=ANNA)
    session = await client.post("/v1/session", json=login(deliver="token"))
    headers = {"authorization": f"Bearer {session.json()['token']}"}
    body = {"kind": "sk", "role": "developer"}
    test = await client.post("/v1/keys", json=body, headers=headers)

    switched = await client.patch(
        "/v1/session", json={"tenant": merchant.id, "mode": "live"}, headers=headers
    )
    live = await client.post("/v1/keys", json=body, headers=headers)
    listed = await client.get("/v1/keys", headers=headers)
    across = await client.get(f"/v1/keys/{test.json()['id']}", headers=headers)

    assert switched.json()["mode"] == live.json()["mode"] == "live"
    assert live.json()["secret"].startswith("sk_live_")
    assert [one["id"] for one in listed.json()["data"]] == [live.json()["id"]]
    assert across.status_code == 404


async def test_own_sessions_and_password(make: Make, client: httpx2.AsyncClient) -> None:
    await make.member(email=ANNA)
    tokens = [
        (await client.post("/v1/session", json=login(deliver="token"))).json() for _ in range(2)
    ]
    first, second = ({"authorization": f"Bearer {one['token']}"} for one in tokens)

    listed = await client.get("/v1/sessions", headers=first)
    ended = await client.delete(f"/v1/sessions/{tokens[1]['id']}", headers=first)
    gone = await client.get("/v1/session", headers=second)
    change = {"old": PASSWORD.reveal(), "new": "a brand new phrase"}
    changed = await client.put("/v1/password", json=change, headers=first)
    after = await client.get("/v1/session", headers=first)
    again = await client.post("/v1/session", json=login(password="a brand new phrase"))

    assert {one["id"] for one in listed.json()["data"]} == {one["id"] for one in tokens}
    statuses = [one.status_code for one in (ended, gone, changed, after, again)]
    assert statuses == [200, 401, 204, 401, 201]
    assert "bzs_" not in listed.text


async def test_a_locked_address_says_how_long(make: Make, client: httpx2.AsyncClient) -> None:
    await make.member(email=ANNA)
    answers = [
        await client.post("/v1/session", json=login(password="not the right one")) for _ in range(6)
    ]

    assert [one.status_code for one in answers] == [401] * 5 + [429]
    assert answers[-1].headers["retry-after"] == "1"


async def test_lists_read_forward(make: Make, client: httpx2.AsyncClient) -> None:
    merchant = await make.merchant()
    headers = await bearer(make, merchant.id)
    for _ in range(3):
        await make.key(merchant.id)

    first = await client.get("/v1/keys", params={"limit": 2}, headers=headers)
    last = first.json()["data"][-1]["id"]
    rest = await client.get("/v1/keys", params={"starting_after": last}, headers=headers)
    back = await client.get("/v1/keys", params={"ending_before": last}, headers=headers)

    assert (first.json()["has_more"], rest.json()["has_more"]) == (True, False)
    assert len({one["id"] for one in first.json()["data"] + rest.json()["data"]}) == 3
    assert (back.status_code, back.json()["field"]) == (400, "ending_before")
