"""T76: a page of another site changes nothing, whoever's cookie its visitor's browser sends along.

What there is to be called is read from the edge's own table. What anybody may call is refused to
other sites as well, or takes a kind of body that a page can send elsewhere only after asking.
"""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from tests.harness.cluster import Cluster
from tests.identity.edge.furnished import of_nothing
from tests.identity.edge.whole import Whole, whole
from tests.vault.room import template_of

from bezant.gateway.app import build
from bezant.http.caller import SESSION_COOKIE
from bezant.http.edge import Edge, Rules
from bezant.http.entries import Entry
from bezant.http.routes import FORM, PUBLIC, Routes
from bezant.schemas import ROLES

pytestmark = [pytest.mark.catalogue("T76"), pytest.mark.asyncio(loop_scope="module")]
SITES: tuple[dict[str, str], ...] = (
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"},
    {"origin": "https://evil.example"},
    {"origin": "null"},
    {},
)
BY_A_FORM = ("application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain")
"""What a page sends to another site without asking it first (Fetch, CORS-safelisted)."""
MEANT_FOR_OTHERS = {
    # RFC 6749, OpenID Connect: clients are elsewhere, prove who they are and send no cookie; at the
    # first and the last of these their users come along, and are asked.
    "/oauth/authorize", "/oauth/device_authorization", "/oauth/introspect", "/oauth/par",
    "/oauth/revoke", "/oauth/token", "/oauth/userinfo", "/oauth/logout",
    *(f"/realms/{{}}/protocol/openid-connect/{one}" for one in (
        "auth", "auth/device", "ext/par/request", "logout", "revoke", "token", "token/introspect",
        "userinfo",
    )),
    # Providers sign what they send; browsers tell what a policy held back.
    "/v1/webhooks/{}", "/v1/webhooks/{}/{}", "/checkout/reports",
}  # fmt: skip

WITHOUT_COOKIE = {
    "/device", "/realms/{}/protocol/openid-connect/device", "/sign-in/{}",
}  # fmt: skip
"""Whose cookie a browser that does not say where a request comes from keeps back (SameSite)."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def made(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Whole]:
    template = template_of(cluster, "whole_template", ROLES)
    with cluster.fresh(template) as database, pytest.MonkeyPatch.context() as patch:
        async with whole(database, tmp_path_factory.mktemp("whole"), patch) as built:
            yield built


def changing(made: Whole) -> list[Entry]:
    return [one for one in made.entries() if one.method not in ("GET", "HEAD", "OPTIONS")]


def shape(path: str) -> str:
    return "/".join("{}" if part.startswith("{") else part for part in path.split("/"))


def cookie(made: Whole) -> dict[str, str]:
    token = made.shops[0].callers["admin test"].headers["authorization"].partition(" ")[2]
    return {"cookie": f"{SESSION_COOKIE}={token}; bezant_sso={token}"}


async def taken(made: Whole, entries: list[Entry], edge: Edge | None = None) -> list[str]:
    """Return what was not refused to another site."""
    found: list[str] = []
    for entry in entries:
        path = of_nothing(entry.path)
        for site in SITES:
            for kind in ("application/json", *BY_A_FORM):
                by_form = kind in BY_A_FORM
                if entry.permission == PUBLIC and not by_form:
                    continue  # A page must ask first whether it may, and hears no.
                if shape(entry.path) in WITHOUT_COOKIE and "sec-fetch-site" not in site:
                    continue
                head = {**cookie(made), **site, "content-type": kind}
                told = await made.send(entry.method, path, head, b"a=b", edge=edge)
                refused = (told.status, told.code) == (403, "cross_site_request")
                if entry.permission == PUBLIC:  # A page of ours refuses as a page.
                    refused = told.status in (403, 415)
                if not refused:
                    found.append(f"{entry.method} {entry.path} {site} {kind}: {told.status}")
    return found


async def test_no_other_site_changes_anything_anywhere(made: Whole) -> None:
    entries = changing(made)
    ours = [one for one in entries if shape(one.path) not in MEANT_FOR_OTHERS]
    assert await taken(made, ours) == []
    assert len(ours) > 100
    assert len({one.module for one in ours}) > 5
    known = {shape(one.path) for one in entries if one.permission == PUBLIC}
    assert known >= MEANT_FOR_OTHERS, "what is no longer there needs no exception"
    # The control: our own page is let in with the same cookie.
    head = {**cookie(made), "sec-fetch-site": "same-origin", "content-type": "application/json"}
    body = b'{"email": "somebody@example.com", "role": "support"}'
    assert (await made.send("POST", "/v1/invitations", head, body)).status == 201


async def test_pages_elsewhere_hear_no_when_they_ask_first(made: Whole) -> None:
    asked = {
        "origin": "https://evil.example",
        "access-control-request-method": "POST",
        "access-control-request-headers": "content-type",
    }
    for entry in changing(made):
        told = await made.send("OPTIONS", of_nothing(entry.path), asked, b"")
        assert b"access-control-allow-origin" not in told.headers, entry.path


async def test_a_form_that_takes_what_comes_would_be_noticed(made: Whole) -> None:
    open_door = Routes("identity", guarded=True)

    @open_door.post("/open-door", permission=PUBLIC, accepts=FORM)
    async def take() -> None: ...

    del take
    edge = build([open_door], service="open", ground=made.ground, rules=Rules())
    entries = Whole(made.house, edge, made.ids, [], made.ground).entries()
    found = await taken(made, [one for one in entries if one.path == "/open-door"], edge=edge)
    assert len(found) == len(SITES)
