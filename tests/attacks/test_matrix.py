"""Every operation asked by everybody: the answer is what the tables say, and all keep to their own.

The tables are the permission beside each route and the permissions of each role; both are compared
with the design elsewhere. Here is asked whether the doors keep them.
"""

import re
from collections.abc import AsyncIterator, Iterator
from itertools import chain
from pathlib import Path

import pytest
from tests.attacks.town import Credential, Shop, Town, built
from tests.harness.cluster import TestDatabase

from bezant.clock import MovableClock
from bezant.gateway.app import Permitted
from bezant.http.caller import SESSION_COOKIE
from bezant.http.routes import PUBLIC

pytestmark = pytest.mark.catalogue("T70")
PROBES_MIN = 5_000
OF_THE_EDGE = {"credential_missing", "credential_invalid", "insufficient_permissions"}
_VARYING = re.compile(r'req_[0-9a-f]+|"last_\w+":"[^"]*"')
_PLACEHOLDER = re.compile(r"\{(\w+)\}")


@pytest.fixture
async def town(database: TestDatabase, clock: MovableClock, tmp_path: Path) -> AsyncIterator[Town]:
    async with built(database, clock, tmp_path) as built_town:
        yield built_town


def filled(path: str, shop: Shop, other: str = "nothing") -> str:
    """Put a merchant's ids into a path."""
    known = {
        "account": shop.ids["till"],
        "key": shop.ids["key_sk_test"],
        "merchant": shop.merchant,
        "period": "daily",
        "userId": shop.mark,
        "currency": "EUR",
    }
    return _PLACEHOLDER.sub(lambda found: {**shop.ids, **known}.get(found[1], other), path)


def of_nothing(path: str) -> str:
    """Put ids into a path that are spelled right and belong to nothing."""
    known = {"account": "acct_00000100000fffff", "period": "daily", "currency": "EUR"}
    prefixes = {"member": "mem", "merchant": "mer", "session": "ses", "invitation": "inv"}

    def of(found: re.Match[str]) -> str:
        name = found[1]
        return known.get(name, f"{prefixes.get(name, name)}_{'1' * 32}")

    return _PLACEHOLDER.sub(of, path)


def everybody(town: Town) -> Iterator[Credential | None]:
    yield None
    yield Credential("nobody's key", {"x-api-key": "sk_test_" + "a" * 30}, frozenset())
    yield Credential("nobody's token", {"authorization": "Bearer bzs_" + "a" * 43}, frozenset())
    yield from town.platform.values()
    yield from chain(town.ann.callers.values(), town.bob.callers.values())


def expected(row: Permitted, by: Credential | None) -> str | None:
    """Return the code of the refusal that the tables ask for; None lets in."""
    if row.permission == PUBLIC:
        return None
    if by is None:
        return "credential_missing"
    if not by.permissions:
        return "credential_invalid"
    return None if row.permission in by.permissions else "insufficient_permissions"


async def test_every_operation_answers_everybody_as_the_tables_say(town: Town) -> None:
    differing: list[str] = []
    let_in = kept_out = 0
    for row in town.table:
        path = of_nothing(row.path)
        for by in everybody(town):
            if (row.method, row.path) == ("DELETE", "/v1/session") and not expected(row, by):
                continue  # Nobody would be left for the rows to come.
            answer = await town.ask(row.method, path, by)
            wanted = expected(row, by)
            code = answer.json().get("code") if answer.status_code >= 400 else None
            got = code if code in OF_THE_EDGE else None
            kept_out += got is not None
            let_in += got is None
            if got != wanted or answer.status_code >= 500:
                name = by.name if by else "nobody"
                differing.append(f"{row.method} {path} by {name}: {answer.status_code} {code}")
    assert differing == []
    assert kept_out > 300
    assert let_in > 300


def bodies(shop: Shop) -> Iterator[object]:
    """Yield bodies that name another's accounts wherever an account may stand."""
    amount = {"amount": "1.00", "asset": "EUR"}
    legs = [
        {"account": shop.ids["bank"], "side": "debit", "amount": amount},
        {"account": shop.ids["till"], "side": "credit", "amount": amount},
    ]
    yield {"legs": legs}
    yield {"transfers": [{"legs": legs}]}
    yield {"account": shop.ids["till"], "to": shop.ids["bank"], "amount": amount}
    yield {"to": legs}
    yield {"reason": "x"}
    yield {"state": "frozen"}
    yield {"floor": amount}
    yield {"role": "auditor"}
    yield {"overlap_seconds": 0}
    yield {"kind": "sk", "role": "support"}
    yield {"email": "spy@nowhere.example", "role": "support"}
    yield {"tenant": shop.merchant, "mode": "test"}
    yield {"currency": "EUR", "fromUserId": shop.mark, "toUserId": "x", "amount": "1.00"}


def queries(shop: Shop) -> Iterator[dict[str, str]]:
    """Yield questions that name another's things wherever a name may stand."""
    yield {"on": "2026-11-20"}
    yield {"tenant": shop.merchant}
    yield {"tenant": shop.merchant, "limit": "100"}
    yield {"tenant": "platform"}
    yield {"owner": shop.mark}
    yield {"reference": shop.mark}
    yield {"account": shop.ids["till"]}
    yield {"position": shop.ids["transfer"]}
    for name in ("bank", "transfer", "hold", "invitation", "member", "session", "key_sk_test"):
        yield {"starting_after": shop.ids[name], "limit": "100"}
    yield {"starting_after": shop.merchant}
    yield {"merchant": shop.merchant, "group": shop.mark, "mode": "live", "expand": "account"}


def probes(town: Town, shop: Shop) -> Iterator[tuple[str, str, object, dict[str, str]]]:
    """Yield requests about what is this shop's."""
    for row in town.table:
        if row.permission == PUBLIC:
            continue
        path = filled(row.path, shop)
        if row.method in ("POST", "PUT", "PATCH"):
            for body in bodies(shop):
                yield row.method, path, body, {}
                yield row.method, path, body, {"tenant": shop.merchant}
        elif "{session}" not in row.path and (row.method, path) != ("DELETE", "/v1/session"):
            for query in queries(shop):
                yield row.method, path, None, query


def found_of(shop: Shop, told: str, *asked: object) -> set[str]:
    """Return what is a merchant's in an answer, but for what the question named itself."""
    known = repr(asked)
    things = {**shop.ids, "merchant": shop.merchant, "mark": shop.mark, "money": shop.money}
    return {name for name, one in things.items() if one in told and one not in known}


async def test_nobody_reads_or_changes_what_is_another_merchants(town: Town) -> None:
    bob = town.bob
    before = await picture(town, bob)
    leaks: list[str] = []
    names = ("sk_test", "sk_live", "admin", "live admin", "finance", "auditor")
    asked = 0
    for name in names:
        by = town.ann.callers[name]
        for method, path, body, query in probes(town, bob):
            answer = await town.ask(method, path, by, body, **query)
            asked += 1
            if answer.status_code >= 500 or found_of(bob, answer.text, path, body, query):
                leaks.append(f"{method} {path} {query} {body} by {name}: {answer.text[:300]}")
    assert leaks == []
    assert asked >= PROBES_MIN
    assert await picture(town, bob) == before


async def test_the_same_questions_by_their_owner_are_answered(town: Town) -> None:
    """Without this, the test above could pass because nothing is ever told to anybody."""
    bob = town.bob
    seen: set[str] = set()
    for method, path, body, query in probes(town, bob):
        if method == "GET":
            told = (await town.ask(method, path, bob.callers["admin"], body, **query)).text
            seen |= found_of(bob, told, path, query)
    assert seen >= {"mark", "money", "merchant", "bank", "till", "transfer"}
    assert seen >= {"invitation", "member", "key_sk_test"}
    assert "key_sk_live" not in seen  # He asks in test mode.


async def picture(town: Town, shop: Shop) -> list[str]:
    """Return what a merchant sees of its own, in both modes."""
    paths = [
        "/v1/accounts", "/v1/transfers", f"/v1/accounts/{shop.ids['till']}/balance", "/v1/keys",
        f"/v1/holds/{shop.ids['hold']}", "/v1/members", "/v1/invitations", "/v1/merchants",
    ]  # fmt: skip
    told: list[str] = []
    for name in ("admin", "live admin"):
        for path in paths:
            answer = await town.ask("GET", path, shop.callers[name], limit="100")
            told.append(_VARYING.sub("", answer.text))
    return told


OF_A_MODE = {"bank", "till", "transfer", "hold", "money", "key_sk_test", "key_pk_test"}


async def test_test_and_live_never_meet(town: Town) -> None:
    ann = town.ann
    for name in ("sk_live", "live admin"):
        for method, path, body, query in probes(town, ann):
            if "/v1/m" in path or "invitations" in path or "session" in path:
                continue  # Merchants and members are of no mode.
            if method == "GET":
                told = (await town.ask(method, path, ann.callers[name], body, **query)).text
                found = found_of(ann, told, path, query)
                assert not found & OF_A_MODE, (path, query, told)


async def test_the_platforms_people_move_nobodys_money_by_hand(town: Town) -> None:
    ann, bob = town.ann, town.bob
    amount = {"amount": "1.00", "asset": "EUR"}
    legs = [
        {"account": ann.ids["till"], "side": "debit", "amount": amount},
        {"account": bob.ids["till"], "side": "credit", "amount": amount},
    ]
    asked = [
        ("POST", "/v1/transfers", {"legs": legs}),
        ("POST", "/v1/transfers/linked", {"transfers": [{"legs": legs}]}),
        ("POST", "/v1/accounts", {"asset": "EUR", "type": "asset", "owner": "x"}),
        ("POST", f"/v1/holds/{bob.ids['hold']}/void", {}),
        ("PATCH", f"/v1/accounts/{bob.ids['till']}", {"state": "frozen"}),
    ]
    before = await picture(town, bob)
    for method, path, body in asked:
        for by in town.platform.values():
            answer = await town.ask(method, path, by, body)
            assert answer.status_code == 403, f"{method} {path} by {by.name}: {answer.text}"
    assert await picture(town, bob) == before
    admin = town.platform["admin"]
    key = {"kind": "sk", "role": "admin"}
    made = await town.ask("POST", "/v1/keys", admin, key, tenant=bob.merchant)
    assert made.json()["code"] == "grants_too_much", "nor by the hand of a key they made"
    made = await town.ask("POST", "/v1/keys", bob.callers["admin"], key)
    assert made.status_code == 201, made.text
    by = Credential("new", {"x-api-key": made.json()["secret"]}, frozenset(), bob.merchant)
    assert (await town.ask("POST", f"/v1/holds/{bob.ids['hold']}/void", by, {})).status_code == 200


SITES = [
    {},
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"},
    {"sec-fetch-site": "none"},
    {"origin": "https://evil.example"},
    {"origin": "null"},
]


@pytest.mark.catalogue("T76")
async def test_no_other_site_changes_anything_with_our_cookie(town: Town) -> None:
    admin = town.bob.callers["admin"]
    token = admin.headers["authorization"].partition(" ")[2]
    before = await picture(town, town.bob)
    asked = 0
    for row in town.table:
        if row.permission == PUBLIC or row.method == "GET":
            continue
        for site in SITES:
            by = Credential("a page", {"cookie": f"{SESSION_COOKIE}={token}", **site}, frozenset())
            answer = await town.ask(row.method, filled(row.path, town.bob), by, {})
            asked += 1
            assert answer.status_code == 403, f"{row.method} {row.path} {site}: {answer.text}"
            assert answer.json()["code"] == "cross_site_request"
    assert asked > 100
    assert await picture(town, town.bob) == before
    ours = {"cookie": f"{SESSION_COOKIE}={token}", "sec-fetch-site": "same-origin"}
    body = {"email": "somebody@example.com", "role": "support"}
    by = Credential("our page", ours, frozenset())
    assert (await town.ask("POST", "/v1/invitations", by, body)).status_code == 201


async def test_head_and_options_tell_strangers_nothing(town: Town) -> None:
    for row in town.table:
        path = filled(row.path, town.bob)
        options = await town.ask("OPTIONS", path, None)
        assert options.status_code == 204, path
        assert row.method in options.headers["allow"]
        assert not options.content
        if row.method == "GET" and row.permission != PUBLIC:
            assert (await town.ask("HEAD", path, None)).status_code == 401
            lacking = town.bob.callers["rk_test"]
            assert (await town.ask("HEAD", path, lacking)).status_code == 403
