"""`/health` and `/ready` have every key the families look for, and tell what is away."""

import asyncio
import re

import pytest
from tests.http.stand import NOON, standing

from bezant.clock import MovableClock
from bezant.gateway import health
from bezant.gateway.health import Health


class Outside:
    """Something that can go away and come back."""

    def __init__(self) -> None:
        self.there = True
        self.hangs = False
        self.asked = 0

    async def __call__(self) -> None:
        self.asked += 1
        if self.hangs:
            await asyncio.Event().wait()
        if not self.there:
            raise ConnectionError("password=hunter2 refused")


def _health(**checks: Outside) -> Health:
    return Health(MovableClock(NOON), **checks)


@pytest.mark.requirement("S002-5", "S003-5", "S001-4")
async def test_a_healthy_service_says_so_in_every_familys_words() -> None:
    async with standing(health=_health(database=Outside())) as stand:
        answer = await stand.client.get("/health")
    told = answer.json()
    assert answer.status_code == 200
    assert (told["status"], told["service"]) == ("ok", "notes")
    assert (told["database"], told["redis"]) == ("connected", "not configured")
    assert told["timestamp"] == "2026-11-20T12:00:00.000Z"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", told["timestamp"])


@pytest.mark.requirement("S003-5")
async def test_without_its_database_it_is_unavailable_and_recovers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(health, "FRESH_SECONDS", 0.0)
    database = Outside()
    async with standing(health=_health(database=database)) as stand:
        database.there = False
        away = await stand.client.get("/health")
        not_ready = await stand.client.get("/ready")
        database.there = True
        back = await stand.client.get("/health")
        logged = stand.logged()
    assert (away.status_code, away.json()["database"]) == (503, "disconnected")
    assert away.json()["status"] == "unavailable"
    assert not_ready.status_code == 503
    assert (back.status_code, back.json()["database"]) == (200, "connected")
    assert "hunter2" not in away.text + str(logged)
    assert [line["why"] for line in logged if line["event"] == "health.disconnected"] == [
        "ConnectionError"
    ]


async def test_a_database_that_never_answers_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "CHECK_SECONDS_MAX", 0.1)
    database = Outside()
    database.hangs = True
    async with standing(health=_health(database=database)) as stand:
        answer = await stand.client.get("/health")
    assert (answer.status_code, answer.json()["database"]) == (503, "disconnected")


@pytest.mark.requirement("S001-6")
async def test_without_redis_it_goes_on() -> None:
    redis = Outside()
    redis.there = False
    async with standing(health=_health(database=Outside(), redis=redis)) as stand:
        answer = await stand.client.get("/health")
    assert (answer.status_code, answer.json()["redis"]) == (200, "disconnected")


async def test_many_probes_are_one_question() -> None:
    database = Outside()
    async with standing(health=_health(database=database)) as stand:
        await asyncio.gather(*(stand.client.get("/health") for _ in range(20)))
    assert database.asked <= 3


async def test_a_service_that_is_starting_is_healthy_but_not_ready() -> None:
    ready = asyncio.Event()
    watched = Health(MovableClock(NOON), ready=ready.is_set)
    async with standing(health=watched) as stand:
        before = [(await stand.client.get(path)).status_code for path in ("/health", "/ready")]
        ready.set()
        after = (await stand.client.get("/ready")).status_code
    assert (before, after) == ([200, 503], 200)
