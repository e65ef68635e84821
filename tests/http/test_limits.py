"""How many requests may come, and how that is told."""

import pytest
from hypothesis import given
from hypothesis import strategies as some
from tests.http.stand import READER, WRITER, note, standing

from bezant.http.edge import Rules
from bezant.http.limits import MemoryLimits, Rule, bucket_of_address


class Hand:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def test_a_bucket_empties_and_fills_again() -> None:
    hand = Hand()
    limits = MemoryLimits(hand)
    rule = Rule(3, 30)
    assert [limits.spend("a", rule).allowed for _ in range(4)] == [True, True, True, False]
    refused = limits.spend("a", rule)
    assert (refused.limit, refused.remaining, refused.reset_seconds) == (3, 0, 11)
    hand.now += 9.9
    assert not limits.spend("a", rule).allowed
    hand.now += 0.2
    assert limits.spend("a", rule).allowed
    assert not limits.spend("a", rule).allowed
    hand.now += 10_000
    assert [limits.spend("a", rule).allowed for _ in range(4)] == [True, True, True, False]


def test_buckets_do_not_know_each_other() -> None:
    limits = MemoryLimits(Hand())
    rule = Rule(1, 60)
    assert limits.spend("a", rule).allowed
    assert limits.spend("b", rule).allowed
    assert not limits.spend("a", rule).allowed


def test_memory_is_bounded() -> None:
    limits = MemoryLimits(Hand(), buckets_max=100)
    for number in range(1_000):
        limits.spend(str(number), Rule(1, 60))
    assert limits.buckets <= 100


@given(some.lists(some.floats(0, 5), max_size=60), some.integers(1, 5), some.floats(1, 20))
def test_never_more_than_the_rule_allows(pauses: list[float], requests: int, window: float) -> None:
    hand = Hand()
    limits = MemoryLimits(hand)
    allowed: list[float] = []
    for pause in pauses:
        hand.now += pause
        if limits.spend("a", Rule(requests, window)).allowed:
            allowed.append(hand.now)
    for start, since in enumerate(allowed):
        # In any stretch of time: a full bucket, and what flowed in meanwhile.
        for end in range(start, len(allowed)):
            count = end - start + 1
            assert count <= requests + (allowed[end] - since) * requests / window + 1e-6


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("10.0.0.1", "10.0.0.1", True),
        ("10.0.0.1", "10.0.0.2", False),
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:10.0.0.1", "10.0.0.1", True),
        ("not:an:address", "not:an:address", True),
    ],
)
def test_one_customer_is_one_bucket(one: str, other: str, same: bool) -> None:
    assert (bucket_of_address(one) == bucket_of_address(other)) is same


@pytest.mark.requirement("S003-2")
async def test_an_address_that_asks_too_often_is_told_when_to_return() -> None:
    async with standing(Rules(address=Rule(3, 900))) as stand:
        answers = [await stand.client.get("/nothing") for _ in range(4)]
        unlimited = await stand.client.get("/health")
    assert [answer.status_code for answer in answers] == [404, 404, 404, 429]
    assert [answer.headers["ratelimit-remaining"] for answer in answers] == ["2", "1", "0", "0"]
    assert {answer.headers["ratelimit-limit"] for answer in answers} == {"3"}
    refused = answers[3]
    assert refused.json()["detail"] == "Too many requests from this IP."
    assert 250 <= int(refused.headers["retry-after"]) <= 301
    assert not [name for name in refused.headers if name.startswith("x-ratelimit")]
    assert unlimited.status_code == 200


@pytest.mark.requirement("S003-2")
@pytest.mark.parametrize("lane", ["/v1/fast", "/v1/ordinary"])
async def test_a_key_has_a_limit_of_its_own(lane: str) -> None:
    async with standing(Rules(address=Rule(100, 60), key=Rule(2, 60))) as stand:
        answers = [await stand.post(lane, note()) for _ in range(3)]
        other = await stand.client.get("/v1/notes", headers={"x-api-key": READER})
        written = list(stand.notebook.written)
    assert [answer.status_code for answer in answers] == [201, 201, 429]
    assert answers[0].headers["ratelimit-limit"] == "2"
    assert answers[2].json()["code"] == "too_many_requests"
    assert written == ["hello", "hello"]
    assert other.status_code == 200


async def test_guessing_keys_spends_the_address() -> None:
    async with standing(Rules(address=Rule(3, 900), key=Rule(100, 60))) as stand:
        guesses = [await stand.post("/v1/fast", note(), key=f"sk_test_{n}") for n in range(4)]
        honest = await stand.post("/v1/fast", note(), key=WRITER)
    assert [answer.status_code for answer in guesses] == [401, 401, 401, 429]
    assert honest.status_code == 429


async def test_more_requests_than_fit_are_sent_away_at_once() -> None:
    async with standing(Rules(in_flight_max=1)) as stand:
        import asyncio

        waiting = asyncio.create_task(stand.post("/v1/fast", note("wait")))
        async with asyncio.timeout(30):
            await stand.notebook.entered.wait()
        refused = await stand.post("/v1/fast", note())
        stand.notebook.may_go_on.set()
        first = await waiting
        later = await stand.post("/v1/fast", note())
    assert (refused.status_code, refused.json()["code"]) == (503, "overloaded")
    assert refused.headers["retry-after"] == "1"
    assert (first.status_code, later.status_code) == (201, 201)
