"""PostgreSQL is killed while callers post transfers to a platform that runs."""

import json
import os
import signal
import threading
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.cli.running import Nest, postgres_processes, wait_until
from tests.journeys.house import money

from bezant.db.data_folder import running as running_in

CALLERS = 4
ENOUGH = 25
PATIENCE_SECONDS = 120.0
KILLS_MAX = 10
LOOKED_AT = 100
PAUSE_SECONDS = 0.01  # Enough callers to be under way at every moment, not more.


class Caller(threading.Thread):
    """Posts one transfer after the other, each with its key until it is acknowledged."""

    def __init__(self, client: httpx2.Client, number: int, legs: list[Any]) -> None:
        super().__init__(name=f"caller {number}", daemon=True)
        self.acknowledged: list[str] = []
        self.answers: Counter[int] = Counter()
        self.wrong: list[str] = []
        self.over = threading.Event()
        self._client = client
        self._number = number
        self._body = {"legs": legs}

    def run(self) -> None:
        number = 0
        while not self.over.is_set() and not self.wrong:
            number += 1
            self._post(f"caller-{self._number}-{number}")
            time.sleep(PAUSE_SECONDS)

    def _post(self, key: str) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            answer = self._client.post(
                "/v1/transfers", json=self._body, headers={"idempotency-key": key}
            )
            self.answers[answer.status_code] += 1
            if answer.status_code == 201:
                self.acknowledged.append(answer.json()["id"])
                return
            if answer.status_code != 503 or not answer.headers.get("retry-after", "").isdigit():
                break
            time.sleep(0.05)  # Sooner than it says: it is told many times.
        self.wrong.append(f"{key}: {answer.status_code} {answer.headers} {answer.text}")


def kill_the_server(data: Path) -> None:
    """Kill PostgreSQL's first process; it is looked for by its folder, so it is surely ours."""
    found = running_in(data)
    assert found is not None
    if found.postgres_pid in postgres_processes(data):
        with suppress(ProcessLookupError):
            os.kill(found.postgres_pid, signal.SIGKILL)


def opened(client: httpx2.Client, kind: str) -> str:
    body = {"asset": "EUR", "type": kind}
    answer = client.post("/v1/accounts", json=body, headers={"idempotency-key": f"open-{kind}"})
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


@pytest.mark.timeout(300)
@pytest.mark.requirement("S004-6", part="the database is killed under load")
def test_a_killed_database_loses_nothing_that_was_acknowledged(installed: Nest):
    running = installed.up(RATE_LIMIT="1000000")
    url = running.url()
    shop = httpx2.Client(base_url=url, timeout=60, headers={"x-api-key": secret_key(installed)})
    with shop as client:
        bank, till = opened(client, "asset"), opened(client, "liability")
        legs = [
            {"account": bank, "side": "debit", "amount": money("1.00 EUR")},
            {"account": till, "side": "credit", "amount": money("1.00 EUR")},
        ]
        callers = [Caller(client, number, legs) for number in range(CALLERS)]
        for one in callers:
            one.start()

        def written() -> int:
            return sum(len(one.acknowledged) for one in callers)

        def refused() -> int:
            return sum(one.answers[503] for one in callers)

        wait_until(lambda: written() > ENOUGH, "transfers are written")
        for _ in range(KILLS_MAX):  # A restart may be so quick that nobody notices.
            kill_the_server(installed.data)
            with suppress(AssertionError):
                wait_until(lambda: refused() > 0 or bool(wrong(callers)), "a refusal", 3)
                break
        assert refused() > 0 or wrong(callers), "nobody was asked to come again"
        before = written()
        wait_until(lambda: written() > before + ENOUGH or wrong(callers), "it goes on")
        for one in callers:
            one.over.set()
        for one in callers:
            one.join(PATIENCE_SECONDS)
        assert not wrong(callers)

        done = [transfer for one in callers for transfer in one.acknowledged]
        assert len(set(done)) == len(done)
        for transfer in done[:: len(done) // LOOKED_AT + 1]:  # The balance below is about all.
            assert client.get(f"/v1/transfers/{transfer}").status_code == 200, transfer
        balance = client.get(f"/v1/accounts/{till}/balance").json()["posted"]["amount"]
        assert balance == f"{len(done)}.00", "what was sent again was written twice, or not at all"
        assert client.get("/v1/transfers/tr_nobody").status_code in {400, 404}  # The control.
        assert client.get("/health").status_code == 200
    assert installed.run("ledger", "verify").code == 0
    assert running.stop() > 0
    assert not postgres_processes(installed.data)


def wrong(callers: list[Caller]) -> list[str]:
    return [what for one in callers for what in one.wrong]


def secret_key(nest: Nest) -> str:
    return json.loads(nest.place_of_sample().read_text())["secret_key"]
