"""`bezant sandbox clock`: business time moves everywhere; what opens a door keeps its own time."""

import json
import re
from collections.abc import Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
from tests.cli.running import Nest, served
from tests.harness.cluster import TestDatabase
from tests.harness.ports import free_port

from bezant.cli.environment import load_settings
from bezant.clock import RealClock
from bezant.db.business_clock import move
from bezant.db.database import Database
from bezant.db.jobs import JOBS
from bezant.db.migrate import migrate
from bezant.ids import Ids
from bezant.secret import Secret
from bezant.wiring.site import Site
from bezant.wiring.workbench import Workbench

DAYS = 100  # No session, no module's certificate and not the key made below lives as long.


def ask(url: str, headers: Mapping[str, str], body: object = None) -> dict[str, object]:
    request = Request(url, headers={"content-type": "application/json", **headers})
    if body is not None:
        request.data = json.dumps(body).encode()
    with urlopen(request, timeout=30) as answer:
        return json.loads(answer.read())


def opened_at(url: str, headers: Mapping[str, str], name: str) -> datetime:
    """Open an account and return when that was, as the book says."""
    made = ask(
        f"{url}/v1/accounts",
        {**headers, "idempotency-key": name},
        {"asset": "EUR", "type": "asset", "owner": name},
    )
    return datetime.fromisoformat(str(made["opened_at"]))


def is_days_ahead(at: datetime, days: int) -> bool:
    return abs(at - datetime.now(UTC) - timedelta(days=days)) < timedelta(hours=12)


def test_moving_business_time_ends_no_session_no_key_and_no_certificate(installed: Nest):
    running = installed.up()
    url = running.url()
    sample = json.loads(installed.place_of_sample().read_text())
    login = {"email": sample["email"], "password": sample["password"], "deliver": "token"}
    session = {"authorization": f"Bearer {ask(f'{url}/v1/session', {}, login)['token']}"}
    soon = (datetime.now(UTC) + timedelta(hours=2)).isoformat()
    wanted = {"kind": "sk", "role": "developer", "name": "short", "expires_at": soon}
    key = {"x-api-key": str(ask(f"{url}/v1/keys", session, wanted)["secret"])}
    address = f"127.0.0.1:{free_port()}"
    with served(installed, "ledger", "--grpc", address) as ledger:
        ledger.wait_for("Stop ")
        words = ("gateway", "--port", str(free_port()))
        with served(installed, *words, LEDGER_GRPC=address) as gateway:
            gateway.wait_for("Stop ")
            found = re.search(r"http://[0-9.:]+", gateway.said)
            assert found is not None
            apart = found[0]
            assert is_days_ahead(opened_at(apart, key, "before"), 0)
            issued = certificates(installed)

            moved = installed.run("sandbox", "clock", f"+{DAYS}d", "--json")
            assert moved.code == 0, moved
            assert moved.facts["followed"] is True
            assert moved.facts["ahead_seconds"] == DAYS * 86_400

            # The control: business time has moved, near and far.
            assert is_days_ahead(opened_at(url, key, "near"), DAYS)
            assert is_days_ahead(opened_at(apart, key, "far"), DAYS)
            for where in (url, apart):
                assert ask(f"{where}/v1/session", session)["subject"]
                assert is_days_ahead(datetime.fromisoformat(stamp(where)), 0)
            # A process that calls for the first time now is believed, too.
            with served(
                installed, "gateway", "--port", str(free_port()), LEDGER_GRPC=address
            ) as late:
                late.wait_for("Stop ")
                found = re.search(r"http://[0-9.:]+", late.said)
                assert found is not None
                assert is_days_ahead(opened_at(found[0], key, "late"), DAYS)
            assert certificates(installed) == issued
    running.stop()

    again = installed.up().url()
    assert ask(f"{again}/v1/session", session)["subject"]
    assert is_days_ahead(opened_at(again, key, "restarted"), DAYS)
    assert "100 days" in installed.run("sandbox", "clock").out


def stamp(url: str) -> str:
    return str(ask(f"{url}/health", {})["timestamp"])


def certificates(nest: Nest) -> dict[str, bytes]:
    pki = nest.data / "pki"
    found = {str(path.relative_to(pki)): path.read_bytes() for path in pki.rglob("*.pem")}
    assert found, "modules apart have certificates"
    return found


@pytest.mark.parametrize("step", ["6h", "+6", "-6h", "+6y", "+999999999w", "+", "+1h2x"])
def test_a_step_that_is_none_is_refused(step: str, nest: Nest):
    refused = nest.run("sandbox", "clock", "--", step)
    assert refused.code == 2, refused


def test_a_live_installation_keeps_the_machines_time(nest: Nest):
    nest.up("--live").url()
    refused = nest.run("sandbox", "clock", "+6h")
    assert refused.code == 3
    assert "live" in refused.err
    assert nest.run("sandbox", "clock").code == 3


@pytest.mark.parametrize("live", [True, False])
async def test_business_time_is_followed_in_a_demo_only(
    live: bool, empty_database: TestDatabase, tmp_path: Path
):
    async with AsyncExitStack() as stack:
        dsn = Secret(empty_database.administrator_dsn)
        mover = await Database.open(dsn, name="mover", size_max=1, clock=RealClock())
        stack.push_async_callback(mover.close)
        await migrate(dsn, [JOBS], {"jobs": Secret("jobs of the tests")})
        await move(mover, timedelta(days=DAYS))
        site = Site(tmp_path, "ins_test", live, Secret(b"k" * 32), {"jobs": dsn})
        real = RealClock()
        bench = Workbench(stack, load_settings({}), site, real, Ids(real), "test")
        await bench.follow_business_time()
        assert bench.real is real
        assert is_days_ahead(bench.clock.now(), 0 if live else DAYS)


def test_without_a_running_database_there_is_no_clock_to_move(nest: Nest):
    assert nest.run("sandbox", "clock", "+6h").code == 4
