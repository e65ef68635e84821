"""The benchmark of the edge compares equals: echoes and edge answer the same requests alike."""

import time

import httpx2
import pytest
from bench.baselines import echo, echo_fastapi
from bench.edge import KEY, NEVER_EMPTY, HashedKeys
from bench.floor import BY_ID, UnknownMeasure, run
from bench.measure import Options

from bench import edge
from bezant.clock import RealClock
from bezant.gateway.app import Ground, build
from bezant.gateway.health import Health
from bezant.http.edge import Rules
from bezant.http.limits import MemoryLimits
from bezant.ids import Ids
from bezant.telemetry.metrics import Meters

BODY = {
    "debit": "acct_1",
    "credit": "acct_2",
    "amount": {"amount": "19.99", "asset": "EUR"},
    "reference": "invoice 1",
}


@pytest.mark.parametrize("path", ["/v1/fast", "/v1/ordinary"])
async def test_all_give_the_same_answer(path: str) -> None:
    clock = RealClock()
    ground = Ground(HashedKeys(), MemoryLimits(time.monotonic), Meters(), Ids(clock), Health(clock))
    whole = build(
        [edge.routes()],
        service="echo",
        ground=ground,
        rules=Rules(address=NEVER_EMPTY, key=NEVER_EMPTY),
    )
    bare = echo.echo if path == "/v1/fast" else echo_fastapi.application
    told: list[httpx2.Response] = []
    for application in (whole, bare):
        transport = httpx2.ASGITransport(application)
        async with httpx2.AsyncClient(transport=transport, base_url="http://a") as client:
            headers = {"x-api-key": KEY, "idempotency-key": "1"}
            told.append(await client.post(path, json=BODY, headers=headers))
    assert [answer.status_code for answer in told] == [200, 200]
    assert told[0].json() == told[1].json() == BODY
    assert told[0].headers["ratelimit-remaining"] == str(NEVER_EMPTY.requests - 1)


def test_an_unknown_measure_is_named_with_those_there_are() -> None:
    with pytest.raises(UnknownMeasure, match="fast_lane_vs_echo, ordinary_lane_vs_fastapi"):
        run(Options(only="nothing"))
    assert set(BY_ID) == {
        "fast_lane_vs_echo",
        "ordinary_lane_vs_fastapi",
        "idle_memory_mb",
        "warm_up_s",
        "python_start_s",
    }
