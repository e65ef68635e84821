"""A card number in a wrong place comes back nowhere: not in an answer, not in a log line."""

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from pydantic import BaseModel
from tests.http.stand import CARD, Stand, note

SPACED = "4242 4242 4242 4242"
BODIES = {
    "in place of an object": CARD,
    "a number in place of a text": note(int(CARD)),
    "in place of an amount": note(amount=CARD + ".123"),
    "a number in place of an amount": note(amount=int(CARD)),
    "in place of an asset": {"text": "a", "amount": {"amount": "1.00", "asset": CARD}},
    "an unknown field": note(**{CARD: "x"}),
    "a value in an unknown field": note(card=CARD),
    "a field of an amount": {"text": "a", "amount": {"amount": "1", "asset": "EUR", CARD: 1}},
    "a key of a map": note(tags={CARD: []}),
    "a value in a map": note(tags={"a": {"b": CARD}}),
    "an instant": note(at=CARD),
    "with spaces": note(amount=SPACED),
    "malformed at its end": f'{{"text": "{CARD}'.encode(),
    "malformed at its start": f"number={CARD}&cvc=123".encode(),
    "twice the same key": f'{{"{CARD}": 1, "{CARD}": 2}}'.encode(),
    "not UTF-8": b'{"text": "' + CARD.encode() + b'\xff"}',
}


def _clean(answer: bytes) -> bool:
    return CARD.encode() not in answer and SPACED.encode() not in answer and b"424242" not in answer


@pytest.mark.requirement("S003-7", "S004-6")
@pytest.mark.catalogue("T80")
@pytest.mark.parametrize("lane", ["/v1/fast", "/v1/ordinary"])
@pytest.mark.parametrize("place", BODIES)
async def test_a_card_number_in_a_body_is_refused_and_not_repeated(
    stand: Stand, lane: str, place: str
) -> None:
    answer = await stand.post(lane, BODIES[place])
    assert answer.status_code == 400, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert _clean(answer.content)
    assert _clean(repr(answer.headers.raw).encode())
    assert _clean(repr(stand.logged()).encode())
    assert stand.notebook.written == []


@pytest.mark.parametrize("lane", ["/v1/fast", "/v1/ordinary"])
async def test_the_same_body_without_a_mistake_is_accepted(stand: Stand, lane: str) -> None:
    answer = await stand.post(lane, note())
    assert answer.status_code == 201
    assert stand.notebook.written == ["hello"]


@pytest.mark.requirement("S003-7")
@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("GET", f"/{CARD}", {}),
        ("GET", f"/v1/notes/{CARD}x", {}),
        ("GET", f"/v1/notes/1?card={CARD}", {"x-api-key": "wrong"}),
        ("GET", f"/v1/notes?limit={CARD}", {}),
        ("GET", f"/v1/notes?starting_after={CARD}&ending_before={CARD}", {}),
        ("PUT", f"/v1/notes/{CARD}", {}),
        ("GET", "/v1/notes", {"x-api-key": CARD}),
        ("GET", "/v1/notes", {"x-api-key": CARD, "authorization": f"Bearer {CARD}"}),
        ("GET", "/v1/notes", {"x-api-key": "", "authorization": f"Card {CARD}"}),
        ("POST", "/v1/keyed", {"idempotency-key": f"{CARD} {CARD}"}),
        ("POST", "/v1/strict", {"idempotency-key": CARD * 20}),
        ("POST", "/v1/fast", {"content-type": CARD}),
        ("POST", "/v1/ordinary", {"content-type": f"application/{CARD}"}),
        ("GET", "/nothing", {"cookie": f"card={CARD}", "x-request-id": CARD}),
        ("GET", "/v1/notes", {"x-api-key": "", "cookie": f"__Host-bezant={CARD}"}),
        ("OPTIONS", f"/{CARD}", {"origin": f"https://{CARD}.example"}),
        ("GET", "/v1/notes", {"traceparent": f"00-{CARD * 2}-{CARD}-01", "x-api-key": "wrong"}),
    ],
)
async def test_a_card_number_around_a_body_is_not_repeated(
    stand: Stand, method: str, path: str, headers: dict[str, str]
) -> None:
    sent = {"x-api-key": "sk_test_writer", "content-type": "application/json"} | headers
    if not sent["x-api-key"]:
        del sent["x-api-key"]
    answer = await stand.client.request(method, path, headers=sent, content=b'{"text": ')
    assert answer.status_code in range(400, 500), answer.text
    assert _clean(answer.content)
    assert _clean(repr(answer.headers.raw).encode())
    logged = [{k: v for k, v in line.items() if k != "trace_id"} for line in stand.logged()]
    assert _clean(repr(logged).encode())


@pytest.mark.parametrize("lane", ["/v1/fast", "/v1/ordinary"])
@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        (f"number={CARD}", "application/x-www-form-urlencoded"),
        (f"{CARD}={CARD}", "application/x-www-form-urlencoded; charset=utf-8"),
        (
            f'--b\r\ncontent-disposition: form-data; name="{CARD}"\r\n\r\n{CARD}\r\n--b--\r\n',
            "multipart/form-data; boundary=b",
        ),
        (CARD, f"multipart/form-data; bound={CARD}"),
    ],
)
async def test_a_card_number_in_a_form_is_not_repeated(
    stand: Stand, lane: str, content: str, content_type: str
) -> None:
    answer = await stand.post(lane, content.encode(), content_type=content_type)
    assert answer.status_code == 415, answer.text
    assert answer.json()["code"] == "media_type_unsupported"
    assert _clean(answer.content)
    assert _clean(repr(stand.logged()).encode())


def test_the_frameworks_own_answer_would_have_repeated_it() -> None:
    """The negative control: the same check finds the same mistakes in a bare application."""

    class Card(BaseModel):
        number: int

    bare = FastAPI()

    @bare.post("/")
    async def take(card: Card) -> None:
        del card

    leaks = [
        TestClient(bare).post("/", json={"number": f"{CARD}x"}),
        TestClient(bare).post("/", json=[CARD]),
    ]
    assert [answer.status_code for answer in leaks] == [422, 422]
    assert not any(_clean(answer.content) for answer in leaks)
