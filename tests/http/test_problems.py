"""Every error is a problem that a person and a program can read."""

from collections.abc import AsyncIterator

import pytest
from tests.http.stand import CARD, Stand, note, standing

from bezant.errors import Conflict, Invalid, SeveralInvalid, Unavailable
from bezant.http.edge import Rules
from bezant.http.problems import DIALECTS, InternalError, encode, error_of_status, problem_of

MEMBERS = {"type", "title", "status", "detail", "instance", "code", "request_id", "doc_url"}


@pytest.mark.requirement("S002-8", "S004-6")
@pytest.mark.parametrize("lane", ["/v1/fast", "/v1/ordinary"])
@pytest.mark.parametrize(
    ("text", "status", "code"),
    [
        ("missing", 404, "note_missing"),
        ("taken", 409, "note_taken"),
        ("long", 422, "note_too_long"),
    ],
)
async def test_an_error_of_a_module_becomes_a_problem(
    stand: Stand, lane: str, text: str, status: int, code: str
) -> None:
    answer = await stand.post(lane, note(text))
    problem = answer.json()
    assert (answer.status_code, problem["status"], problem["code"]) == (status, status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert set(problem) >= MEMBERS
    assert problem["request_id"] == answer.headers["request-id"]
    assert problem["instance"] == f"urn:bezant:request:{problem['request_id']}"
    assert problem["type"] == problem["doc_url"] == f"/errors#{code}"


async def test_facts_are_told(stand: Stand) -> None:
    problem = (await stand.post("/v1/fast", note("long"))).json()
    assert problem["facts"] == {"words": "9"}
    assert problem["detail"] == "this note has 9 words, 5 are allowed"


@pytest.mark.requirement("S004-6")
@pytest.mark.parametrize("lane", ["/v1/fast", "/v1/ordinary"])
async def test_a_failure_of_ours_tells_nothing_of_its_inside(stand: Stand, lane: str) -> None:
    answer = await stand.post(lane, note("broken"))
    assert answer.status_code == 500
    problem = answer.json()
    assert problem["code"] == "internal_error"
    assert problem["detail"] == InternalError.title()
    assert "pen" not in answer.text
    assert CARD not in answer.text
    failures = [line for line in stand.logged() if line["event"] == "http.failed"]
    assert [line["request_id"] for line in failures] == [problem["request_id"]]
    assert "the pen broke" in str(failures[0]["traceback"])
    assert CARD not in str(failures)
    assert "abcdefgh" not in str(failures)
    assert stand.notebook.written == []


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "route_not_found"),
        ("GET", "/v1/notes/1/more", 404, "route_not_found"),
        ("GET", "/v1/fast/", 404, "route_not_found"),
        ("GET", "//v1/fast", 404, "route_not_found"),
        ("GET", "/v1/fast", 405, "method_not_allowed"),
        ("PATCH", "/v1/notes/1", 405, "method_not_allowed"),
        ("GET", "/" + "a" * 3_000, 414, "address_too_long"),
        ("GET", "/v1/notes?a=" + "a" * 5_000, 414, "address_too_long"),
        ("GET", "/v1/%00notes", 400, "malformed_request"),
    ],
)
async def test_an_address_that_is_not_ours(
    stand: Stand, method: str, path: str, status: int, code: str
) -> None:
    answer = await stand.client.request(method, path, headers={"x-api-key": "sk_test_writer"})
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_405_names_what_is_answered(stand: Stand) -> None:
    answer = await stand.client.put("/v1/notes/1")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "DELETE, GET, HEAD, OPTIONS"
    asked = await stand.client.options("/v1/fast")
    assert (asked.status_code, asked.headers["allow"]) == (204, "OPTIONS, POST")


@pytest.mark.parametrize("lane", ["/v1/fast", "/v1/ordinary"])
async def test_a_large_body_is_refused_announced_or_not(stand: Stand, lane: str) -> None:
    large = note("a" * 30_000)
    announced = await stand.post(lane, large)
    assert (announced.status_code, announced.json()["code"]) == (413, "body_too_large")

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield b"a" * 1_000

    headers = {"x-api-key": "sk_test_writer", "content-type": "application/json"}
    unannounced = await stand.client.post(lane, content=pieces(), headers=headers)
    assert (unannounced.status_code, unannounced.json()["code"]) == (413, "body_too_large")
    just_fits = await stand.post(lane, note("a" * 19_000))
    assert just_fits.status_code == 201


@pytest.mark.parametrize("lane", ["/v1/fast", "/v1/ordinary"])
@pytest.mark.parametrize("media_type", ["text/plain", "text/json", "", "application/xml"])
async def test_a_body_of_another_type_is_refused(stand: Stand, lane: str, media_type: str) -> None:
    answer = await stand.post(lane, note(), content_type=media_type)
    assert (answer.status_code, answer.json()["code"]) == (415, "media_type_unsupported")
    spelled = await stand.post(lane, note(), content_type="Application/JSON; charset=utf-8")
    assert spelled.status_code == 201


async def test_every_mistake_of_a_request_is_named_at_once(stand: Stand) -> None:
    answer = await stand.post(
        "/v1/ordinary", {"amount": {"amount": 1.5, "asset": "EUR"}, "tags": {"a": "b"}}
    )
    told = {one.get("field"): one["code"] for one in answer.json()["errors"]}
    assert told == {
        "text": "field_missing",
        "amount": "malformed_amount",
        "tags.…": "field_invalid",
    }


async def test_an_outage_says_when_to_come_back() -> None:
    problem = problem_of(Unavailable(retry_after_seconds=3), "req_1")
    assert problem.status == 503
    assert problem.trace_id is None


def test_trace_ids_are_told_where_we_failed_and_not_elsewhere() -> None:
    assert problem_of(InternalError(), "req_1", "ab" * 16).trace_id == "ab" * 16
    assert problem_of(Conflict(), "req_1", "ab" * 16).trace_id is None


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 408, 409, 413, 414, 415, 431, 503])
def test_a_bare_status_keeps_its_meaning(status: int) -> None:
    assert error_of_status(status).status == status


def test_an_unknown_status_keeps_its_side() -> None:
    assert error_of_status(418).status == 400
    assert error_of_status(599).status == 500


def test_several_mistakes_are_listed_once() -> None:
    mistakes = [Invalid("first", field="a"), Invalid("second", field="b")]
    told = problem_of(SeveralInvalid(mistakes), "req_1")
    assert [(one.field, one.detail) for one in told.errors] == [("a", "first"), ("b", "second")]
    assert encode(told).count(b'"first"') == 2


@pytest.mark.requirement("S003-1")
async def test_the_merchant_dialect_tells_what_its_clients_read() -> None:
    async with standing(Rules(dialect=DIALECTS["merchant"])) as stand:
        missing = await stand.post("/v1/fast", note(), key=None)
        wrong = await stand.post("/v1/fast", note(), key="sk_test_wrong")
        weak = await stand.post("/v1/fast", note(), key="rk_test_reader")
        bad = await stand.post("/v1/ordinary", {"amount": {"amount": 1.5, "asset": "EUR"}})
    assert (missing.status_code, missing.json()["error"]) == (401, "API key required")
    assert (wrong.status_code, wrong.json()["error"]) == (403, "Invalid API key")
    assert wrong.json()["status"] == 403
    assert (weak.status_code, weak.json()["error"]) == (403, "Insufficient permissions")
    assert bad.status_code == 400
    assert {one["path"] for one in bad.json()["errors"]} == {"text", "amount"}
    assert all(one["msg"] for one in bad.json()["errors"])
    assert set(bad.json()) >= MEMBERS
