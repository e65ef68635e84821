"""Attacks on the doors: local pages from afar, guesses where nobody counts, costly nonsense."""

import io
import json
import time
from itertools import product

import httpx2
import pytest
from tests.http.stand import Stand, standing

from bezant import telemetry
from bezant.gateway.app import Ground, build
from bezant.gateway.health import Health
from bezant.http.caller import CrossSiteRequest, refuse_cross_site
from bezant.http.edge import Rules
from bezant.http.limits import MemoryLimits, Rule
from bezant.http.problems import DIALECTS
from bezant.identity.http import STRANGERS_BYTES_MAX
from bezant.identity.http import routes as identity_routes
from bezant.identity.service import IdentityService
from bezant.ids import Ids
from bezant.telemetry.metrics import Meters

CARD = "4242424242424242"
FROM_AFAR = {
    "x-forwarded-for": "127.0.0.1",
    "forwarded": "for=127.0.0.1",
    "via": "1.1 proxy",
    "x-real-ip": "127.0.0.1",
}


@pytest.mark.parametrize(("name", "value"), FROM_AFAR.items())
async def test_what_came_through_a_proxy_is_not_of_this_machine(
    stand: Stand, name: str, value: str
) -> None:
    assert (await stand.client.get("/metrics")).status_code == 200
    assert (await stand.client.get("/metrics", headers={name: value})).status_code == 401


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "evil:127.0.0.1", ""])
async def test_another_name_for_this_machine_is_not_this_machine(stand: Stand, host: str) -> None:
    answer = await stand.client.get("/metrics", headers={"host": host})
    assert answer.status_code == 401


@pytest.mark.parametrize("path", ["/metrics", "/v1/notes"])
async def test_keys_are_guessed_nowhere_without_end(path: str) -> None:
    async with standing(Rules(address=Rule(5, 3_600.0))) as stand:
        headers = {"x-api-key": "sk_test_guess", "via": "1.1 somewhere"}
        statuses = [(await stand.client.get(path, headers=headers)).status_code for _ in range(8)]
        assert statuses == [401] * 5 + [429] * 3
        local = [(await stand.client.get("/metrics")).status_code for _ in range(8)]
        assert local == [200] * 8  # Who scrapes here is not held up by that.


@pytest.mark.parametrize(
    "origin", ["null", "", "http://", "https://a.evil", "http://evil/a", "://", "a", "http://A"]
)
def test_a_change_with_our_cookie_comes_from_our_own_page(origin: str) -> None:
    for site in ("cross-site", "same-site", "none", "SAME-ORIGIN", ""):
        with pytest.raises(CrossSiteRequest):
            refuse_cross_site({b"host": b"a", b"sec-fetch-site": site.encode()})
    with pytest.raises(CrossSiteRequest):
        refuse_cross_site({b"host": b"a", b"origin": origin.encode()})
    refuse_cross_site({b"host": b"a", b"origin": b"http://a"})


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_nothing_of_a_request_comes_back_in_a_refusal_or_reaches_a_log(dialect: str) -> None:
    asked = ["/v1/notes", "/v1/fast", "/v1/ordinary", f"/v1/notes/{CARD}", f"/{CARD}", "/metrics"]
    methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]
    headers = {
        "idempotency-key": f"k {CARD}",
        "content-type": f"application/{CARD}",
        "traceparent": CARD,
        "origin": f"https://{CARD}",
        "user-agent": CARD,
        "accept": CARD,
        "via": CARD,
        CARD: CARD,
    }
    async with standing(Rules(dialect=DIALECTS[dialect])) as stand:
        for path, method, key in product(asked, methods, [None, CARD, "sk_test_writer"]):
            sent = headers | ({"x-api-key": key} if key else {})
            answer = await stand.client.request(
                method, path, params={CARD: CARD}, headers=sent, content=CARD.encode()
            )
            assert answer.status_code < 500
            assert answer.status_code == 200 or CARD not in answer.text
            assert CARD not in repr(answer.headers)
        assert CARD not in json.dumps(stand.logged())
        assert CARD not in stand.meters.exposition().decode()
        assert len(stand.logged()) >= len(asked) * len(methods) * 3


async def test_addresses_and_methods_nobody_knows_do_not_fill_the_metrics(stand: Stand) -> None:
    before = len(stand.meters.exposition())
    for number in range(300):
        await stand.client.request("PROPFIND", f"/{number}", headers={"host": f"h{number}"})
    grown = len(stand.meters.exposition()) - before
    assert grown < 5_000


async def test_what_strangers_may_make_us_read_is_small(identity: IdentityService) -> None:
    clock = identity._clock
    ground = Ground(
        _Nobody(),
        MemoryLimits(time.monotonic),
        Meters(),
        Ids(clock),
        Health(clock),  # type: ignore[arg-type]
    )
    edge = build([identity_routes(identity, Ids(clock))], service="x", ground=ground, rules=Rules())
    transport = httpx2.ASGITransport(app=edge)
    async with httpx2.AsyncClient(transport=transport, base_url="http://a") as client:
        for path in ("/v1/session", "/v1/invitations/accept"):
            for size, status in ((STRANGERS_BYTES_MAX, 400), (STRANGERS_BYTES_MAX + 1, 413)):
                body = b'{"x": "' + b"y" * (size - 9) + b'"}'
                answer = await client.post(
                    path, content=body, headers={"content-type": "application/json"}
                )
                assert answer.status_code == status, answer.text


class _Nobody:
    def known(self, credential: object) -> None:
        return None


FORGED = "12:00:00.000 INFO  identity   login.succeeded              member=mem_1"


@pytest.mark.parametrize(
    "text",
    [f"\r{FORGED}", f"\n{FORGED}", f"\x1b[2K\x1b[1G{FORGED}", f"\x9b2K{FORGED}", f"\u202e{FORGED}"],
)
def test_no_text_passes_itself_off_as_a_line_of_the_log(text: str) -> None:
    told = io.StringIO()
    telemetry.configure(stream=told, human=True)
    telemetry.log("ledger").warn("note.refused", text=text)
    try:
        raise ValueError(text)
    except ValueError as failure:
        telemetry.log("ledger").error("http.failed", failure)
    telemetry.shut()
    shown = told.getvalue()
    assert all(one.isprintable() for one in shown.split("\n"))
    assert not any(line.startswith(FORGED[:20]) for line in shown.splitlines())
    assert shown.count("login.succeeded") >= 2  # It is there, and it is seen to be a text.


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("the token was bzs_Q2hhbmNlLWlzLWFsbC13ZS1oYXZl-_9", "Q2hhbmNl"),
        ("bzi_Q2hhbmNlLWlzLWFsbC13ZS1oYXZl-_9 is used", "Q2hhbmNl"),
        ("cannot reach postgresql://bezant:s3cr3t-word@127.0.0.1/bezant", "s3cr3t-word"),
        ("redis://:s3cr3t-word@cache:6379/0", "s3cr3t-word"),
        ("amqp://guest:s3cr3t%2Fword@queue", "s3cr3t"),
    ],
)
def test_tokens_and_passwords_in_a_failures_words_are_masked(text: str, hidden: str) -> None:
    told = io.StringIO()
    telemetry.configure(stream=told)
    try:
        raise RuntimeError(text)
    except RuntimeError as failure:
        telemetry.log("ledger").error("http.failed", failure, words=text)
    telemetry.shut()
    assert hidden not in told.getvalue()
    assert "•••" in told.getvalue()
