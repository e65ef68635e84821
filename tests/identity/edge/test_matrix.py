"""Every operation of a whole house asked by everybody, and about what is another's.

What there is to be called is read from the edge's own table, so no operation is left out. What a
caller may is the permission beside the operation and the permissions of the caller's role.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from itertools import chain

import pytest
import pytest_asyncio
from tests.harness.cluster import Cluster
from tests.house.derive import route_table
from tests.identity.edge.furnished import (
    NEVER_ENDS,
    Probe,
    filled,
    found_of,
    furnish,
    of_nothing,
    probes,
)
from tests.identity.edge.programs import join
from tests.identity.edge.whole import Caller, Shop, Told, Whole, whole
from tests.vault.room import template_of

from bezant.gateway.app import build
from bezant.http.edge import Rules
from bezant.http.entries import Entry
from bezant.http.routes import PUBLIC, Access, Asker, Routes
from bezant.schemas import ROLES

pytestmark = [pytest.mark.catalogue("T70"), pytest.mark.asyncio(loop_scope="module")]
PROBES_MIN = 5_000
AT_ONCE = 12
OF_THE_EDGE = {"credential_missing", "credential_invalid", "insufficient_permissions"}
ENDS_SESSIONS = {("DELETE", "/v1/session"), ("DELETE", "/v1/sessions")}
ASK_WITH_A_BODY = {("POST", "/v1/fees/preview")}
"""What changes nothing and takes more to ask than fits into an address."""
FEW = frozenset({"nobody's key", "nobody's token", "platform admin test", "secret admin live"})
OF_NO_MODE = frozenset({"merchant", "mark", "live key", "members", "invitations", "sessions"})
"""What a merchant has once, or has in live mode, too."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def made(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Whole]:
    template = template_of(cluster, "whole_template", ROLES)
    with cluster.fresh(template) as database, pytest.MonkeyPatch.context() as patch:
        async with whole(database, tmp_path_factory.mktemp("whole"), patch) as built:
            await join(built)
            yield built


async def in_batches(whole: Whole, by: Caller | None, asked: Sequence[Probe]) -> list[Told]:
    """Ask several things at once, and return the answers in order."""
    places = asyncio.Semaphore(AT_ONCE)

    async def one(probe: Probe) -> Told:
        async with places:
            method, path, body, query = probe
            return await whole.ask(method, path, by, body, query)

    return list(await asyncio.gather(*map(one, asked)))


def everybody(whole: Whole) -> Iterator[Caller | None]:
    yield None
    yield Caller("nobody's key", {"x-api-key": "sk_test_" + "a" * 30}, frozenset())
    yield Caller("nobody's token", {"authorization": "Bearer bzs_" + "a" * 43}, frozenset())
    yield from chain(whole.platform.values(), whole.shops[0].callers.values())


def expected(entry: Entry, by: Caller | None) -> str:
    """Return the code of the refusal that the tables ask for; nothing lets in."""
    if entry.permission == PUBLIC:
        return ""
    if by is None:
        return "credential_missing"
    if not by.permissions:
        return "credential_invalid"
    permission = "metrics.read" if entry.permission == Access.LOCAL else entry.permission
    return "" if permission in by.permissions else "insufficient_permissions"


async def test_a_permission_to_read_changes_nothing_and_reading_needs_none_to_write(
    made: Whole,
) -> None:
    for entry in made.entries():
        if entry.permission in tuple(Access):
            continue
        reads = entry.permission.endswith(".read")
        named = f"{entry.method} {entry.path}"
        asks = entry.method == "GET" or (entry.method, entry.path) in ASK_WITH_A_BODY
        assert reads == asks, f"{named} needs {entry.permission}"


@pytest.mark.requirement("S002-2", part="rate limits")
async def test_whatever_anybody_may_try_at_identity_is_guarded(made: Whole) -> None:
    doors = [
        entry
        for entry in made.entries()
        if entry.module == "identity" and entry.permission == PUBLIC and entry.method != "GET"
    ]
    assert len(doors) > 10
    assert [f"{one.method} {one.path}" for one in doors if not one.guarded] == []


async def test_every_operation_answers_everybody_as_the_tables_say(made: Whole) -> None:
    entries = made.entries()
    described = json.loads((await made.ask("GET", "/openapi.json")).text)["paths"]
    known = {(entry.method, entry.path) for entry in entries}
    assert known >= {
        (method.upper(), path) for path, methods in described.items() for method in methods
    }
    assert {(row.method, row.path) for row in route_table()} - known == set()
    differing: list[str] = []
    counted = {"let in": 0, "kept out": 0}
    for by in everybody(made):
        asked = [one for one in entries if not _ends_it(one, by) and _is_asked(one, by)]
        wanted = [expected(entry, by) for entry in asked]
        told = await in_batches(
            made, by, [(one.method, of_nothing(one.path), None, None) for one in asked]
        )
        for entry, want, answer in zip(asked, wanted, told, strict=True):
            got = answer.code if answer.code in OF_THE_EDGE else ""
            counted["kept out" if got else "let in"] += 1
            if got != want or (answer.status >= 500 and not _is_unbuilt_page(entry, answer)):
                name = by.name if by else "nobody"
                differing.append(
                    f"{entry.method} {entry.path} by {name}: {answer.status}, not {want or 1}"
                )
    assert differing == []
    names = {by.name for by in everybody(made) if by is not None}
    assert {"cli admin test", "cli finance live", "custom admin test"} <= names
    assert counted["let in"] > 1_000, counted
    assert counted["kept out"] > 1_000, counted


def _is_asked(entry: Entry, by: Caller | None) -> bool:
    """Tell whether to ask: what is for everybody is asked by a few, for nobody looks who it is."""
    return entry.permission != PUBLIC or by is None or by.name in FEW


def _is_unbuilt_page(entry: Entry, answer: Told) -> bool:
    """Tell whether pages are asked for that nobody has built here; that is a step of its own."""
    return answer.status == 503 and entry.permission == PUBLIC and "<!doctype html>" in answer.text


def _ends_it(entry: Entry, by: Caller | None) -> bool:
    """Tell whether who is let in could ask nothing afterwards, or would be told for ever."""
    ends = entry.path == NEVER_ENDS or (entry.method, entry.path) in ENDS_SESSIONS
    return ends and expected(entry, by) == ""


@pytest.mark.requirement("S004-5", part="nobody reads another's, or the other mode's, anything")
async def test_nobody_reads_or_changes_what_is_anothers_or_of_the_other_mode(made: Whole) -> None:
    ann, bob = made.shops
    await furnish(made, ann)
    asked = probes(made.entries(), ann)
    before = await _picture(made, ann)
    strangers = [bob.callers[name] for name in ("sk admin test", "admin test", "auditor live")]
    leaks: list[str] = []
    count = 0
    for by in strangers:
        told = await in_batches(made, by, asked)
        count += len(told)
        leaks += _leaks(ann, asked, told, by)
        assert _let_in(ann, asked, told) == []
        asked = [one for one in asked if one[1] != "/v1/requests"]  # It tells what was asked here.
    # Whole for those above; a program and a narrowed role take a fifth of it each, in turn.
    for at, name in enumerate(("cli admin test", "custom admin test")):
        by, few = bob.callers[name], asked[at::5]
        told = await in_batches(made, by, few)
        count += len(told)
        leaks += _leaks(ann, few, told, by)
        assert _let_in(ann, few, told) == []
    of_a_mode = [one for one in asked if not _of_no_mode(one[1])]
    told = await in_batches(made, ann.callers["sk admin live"], of_a_mode)
    count += len(told)
    leaks += _leaks(ann, of_a_mode, told, ann.callers["sk admin live"], OF_NO_MODE)
    assert leaks == []
    assert count >= PROBES_MIN
    assert await _picture(made, ann) == before
    asked = probes(made.entries(), ann)

    # The control: the owner of all this is told of it by the same questions.
    reading = [one for one in asked if one[0] == "GET"]
    told = await in_batches(made, ann.callers["admin test"], reading)
    seen = set[str]().union(*(found_of(ann, one.text) for one in told if one.status == 200))
    assert seen >= {"mark", "merchant", *ann.ids} - {"live key", "audit", "session", "sessions"}
    assert "live key" not in seen  # They ask in test mode.


def _leaks(
    shop: Shop,
    asked: Sequence[Probe],
    told: Sequence[Told],
    by: Caller,
    theirs: frozenset[str] = frozenset(),
) -> list[str]:
    found: list[str] = []
    for probe, answer in zip(asked, told, strict=True):
        seen = found_of(shop, answer.text, *probe) - theirs
        if seen or answer.status >= 500:
            found.append(f"{probe} by {by.name}: {seen} {answer.status} {answer.text[:300]}")
    return found


def _let_in(shop: Shop, asked: Sequence[Probe], told: Sequence[Told]) -> list[str]:
    """Return which plain questions about one thing of a merchant's were not told that it is not."""
    return [
        f"{probe[1]}: {answer.status} {answer.code}"
        for probe, answer in zip(asked, told, strict=True)
        if probe[0] == "GET"
        and probe[3] == {}
        and any(one in probe[1] for one in shop.ids.values())
        and answer.status not in (403, 404)
    ]


def _of_no_mode(path: str) -> bool:
    """Tell what a merchant has once, whatever the mode: its people, its name, its settings."""
    return path.startswith(
        ("/v1/m", "/v1/invitations", "/v1/session", "/v1/password", "/v1/receipt_settings")
    )


async def _picture(made: Whole, shop: Shop) -> list[str]:
    """Return what a merchant sees of its own."""
    paths = [
        "/v1/accounts/{account}", "/v1/transfers/{transfer}", "/v1/holds/{hold}",
        "/v1/customers/{customer}", "/v1/payment_methods/{method}", "/v1/orders/{order}",
        "/v1/payments/{payment}", "/v1/refunds/{refund}", "/v1/approvals/{approval}",
        "/v1/disputes/{dispute}", "/v1/checkout_sessions/{session}", "/v1/payment_links/{link}",
        "/v1/webhook_endpoints/{endpoint}", "/v1/receipts/{receipt}", "/v1/merchants/{merchant}",
        "/v1/clients/{client}", "/v1/signers/{signer}",
    ]  # fmt: skip
    owner = shop.callers["admin test"]
    told = [await made.ask("GET", filled(path, shop), owner) for path in paths]
    assert {one.status for one in told} == {200}
    return [one.text for one in told]


async def test_a_route_that_tells_strangers_would_be_noticed(made: Whole) -> None:
    """Without this, the test above could pass because it looks for nothing."""
    ann, bob = made.shops
    leaking = Routes("leaks")

    @leaking.get("/v1/leaks/{key}", permission="api_keys.read")
    async def leak(key: str, asker: Asker) -> dict[str, str]:
        del key, asker
        return {"name": ann.mark}

    edge = build([leaking], service="leaks", ground=made.ground, rules=Rules())
    by = bob.callers["admin test"]
    told = await made.ask("GET", "/v1/leaks/x", by, edge=edge)
    assert found_of(ann, told.text, "/v1/leaks/x") == {"mark"}
    assert _leaks(ann, [("GET", "/v1/leaks/x", None, None)], [told], by)
    del leak
