"""Each thing that can be wrong is planted in a running platform, and doctor finds it."""

import json
import re
from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from urllib.request import urlopen

import psycopg
import pytest
from tests.cli.running import Nest, wait_until

from bezant.cli import checkup, checkup_database, migrate
from bezant.cli.checkup import Finding, Health, examine
from bezant.cli.environment import load_settings
from bezant.cli.installation import place_of
from bezant.clock import MovableClock

Plant = AbstractContextManager[object]


class Patient:
    """A platform that runs, and a hand in its database."""

    def __init__(self, nest: Nest, url: str) -> None:
        self.nest = nest
        self.url = url
        self.administrator = migrate.ground_of(nest.data).administrator.reveal()

    def looked(self, area: str) -> list[Finding]:
        settings = load_settings({"BEZANT_DATA": str(self.nest.data)}, self.nest.folder)
        return examine(settings, place_of(settings.platform.data), area, live=False)

    def wrong(self, area: str) -> dict[str, Finding]:
        return {one.check: one for one in self.looked(area) if one.health is Health.WRONG}

    @contextmanager
    def changed(self, there: str, back: str) -> Generator[None]:
        with psycopg.connect(self.administrator, autocommit=True) as admin:
            admin.execute(there)  # type: ignore[arg-type]
            try:
                yield
            finally:
                admin.execute(back)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def patient(started_once: Nest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Patient]:
    nest = Nest(tmp_path_factory.mktemp("patient"))
    try:
        nest.copy(started_once)
        yield Patient(nest, nest.up().url())
    finally:
        nest.clear()


EVENT = """
INSERT INTO identity.event (id, type, version, mode, tenant, subject, occurred_at, data)
VALUES (gen_random_uuid(), 'planted', 1, 'test', 'platform', 's', clock_timestamp(), '{}')
"""
LATE = "UPDATE jobs.tick SET ended_at = ended_at + interval '{} days' WHERE name = 'audit.tidy'"
FAILING = "UPDATE jobs.tick SET trouble = '{}', failures = {} WHERE name = 'audit.tidy'"
FAILED_JOB = """
INSERT INTO jobs.procrastinate_jobs (queue_name, task_name, status) VALUES ('q', 't', 'failed')
"""
GONE_JOB = """
SET search_path = jobs; DELETE FROM jobs.procrastinate_jobs WHERE task_name = 't'
"""


def a_migration_that_is_missing(patient: Patient, _: pytest.MonkeyPatch) -> Plant:
    last = "module = 'webhooks' AND name = 'webhook_events'"
    kept = "CREATE TABLE bezant.kept AS SELECT * FROM bezant.migration WHERE " + last
    back = "INSERT INTO bezant.migration SELECT * FROM bezant.kept; DROP TABLE bezant.kept"
    return patient.changed(f"{kept}; DELETE FROM bezant.migration WHERE {last}", back)


def a_late_tick(patient: Patient, _: pytest.MonkeyPatch) -> Plant:
    return patient.changed(LATE.format("-3"), LATE.format("3"))


def a_failing_tick(patient: Patient, _: pytest.MonkeyPatch) -> Plant:
    return patient.changed(FAILING.format("conflict", 4), FAILING.format("", 0))


def a_failed_job(patient: Patient, _: pytest.MonkeyPatch) -> Plant:
    return patient.changed(FAILED_JOB, GONE_JOB)


@contextmanager
def opened(patient: Patient, statement: str) -> Generator[psycopg.Connection[tuple[object, ...]]]:
    with psycopg.connect(patient.administrator) as somebody:
        somebody.execute(statement)  # type: ignore[arg-type]
        yield somebody
        somebody.rollback()


def an_old_transaction(patient: Patient, patched: pytest.MonkeyPatch) -> Plant:
    patched.setattr(checkup_database, "OLD_TRANSACTION_SECONDS", 0.0)
    return opened(patient, "SELECT 1")


@contextmanager
def _events_that_wait(patient: Patient) -> Generator[None]:
    with opened(patient, EVENT), psycopg.connect(patient.administrator, autocommit=True) as admin:
        admin.execute(EVENT)  # It comes after one that may still be written.
        yield


def events_that_wait(patient: Patient, patched: pytest.MonkeyPatch) -> Plant:
    patched.setattr(checkup_database, "WAITING_EVENTS_MAX", 0)
    return _events_that_wait(patient)


def a_full_disk(_: Patient, patched: pytest.MonkeyPatch) -> Plant:
    full = SimpleNamespace(disk_usage=lambda _: SimpleNamespace(free=checkup.FREE_BYTES_MIN - 1))
    patched.setattr(checkup, "shutil", full)
    return nullcontext()


@contextmanager
def a_clock_before_the_installation(patient: Patient, _: pytest.MonkeyPatch) -> Generator[None]:
    state = patient.nest.data / "state.json"
    before = state.read_text()
    later = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    state.write_text(json.dumps({**json.loads(before), "made_at": later}))
    try:
        yield
    finally:
        state.write_text(before)


def a_database_with_another_clock(_: Patient, patched: pytest.MonkeyPatch) -> Plant:
    ours = MovableClock(datetime.now(UTC) + timedelta(hours=1))
    patched.setattr(checkup_database, "RealClock", lambda: ours)
    return nullcontext()


@pytest.mark.requirement("S000-16", part="doctor finds what is wrong")
@pytest.mark.parametrize(
    ("plant", "area", "check", "says"),
    [
        (a_migration_that_is_missing, "database", "migrations", "1 migrations are missing"),
        (a_late_tick, "database", "audit.tidy", "is late"),
        (a_failing_tick, "database", "audit.tidy", r"failed 4 times \(conflict\)"),
        (a_failed_job, "database", "queue q", "1 failed"),
        (an_old_transaction, "database", "transaction", "has a transaction open"),
        (events_that_wait, "database", "feed", "events of identity .*, 1 wait"),
        (a_database_with_another_clock, "database", "clock", "3600 s away"),
        (a_full_disk, "machine", "disk", "MiB are free"),
        (a_clock_before_the_installation, "machine", "clock", "before the day"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_found_with_its_remedy(
    patient: Patient, plant, area: str, check: str, says: str, monkeypatch: pytest.MonkeyPatch
):
    with plant(patient, monkeypatch):
        found = patient.wrong(area)
    assert check in found, found
    assert re.search(says, found[check].found), found[check]
    assert found[check].remedy
    assert set(found) == {check}, "something else was found as well"


def gauge(patient: Patient, name: str, follower: str) -> float:
    with urlopen(patient.url + "/metrics", timeout=30) as answer:
        told = answer.read().decode()
    found = re.search(rf'^{name}{{follower="{follower}"}} (\S+)$', told, re.MULTILINE)
    assert found is not None, told
    return float(found[1])


def test_a_follower_that_does_not_move_is_found_and_measured(
    patient: Patient, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(checkup_database, "FOLLOWER_SECONDS", 3)
    name, stuck = "follower audit of identity", "bezant_follower_stuck_seconds"
    assert name not in patient.wrong("database")
    forbidden = "REVOKE INSERT ON audit.entry FROM bezant_audit"
    with patient.changed(forbidden, "GRANT INSERT ON audit.entry TO bezant_audit"):
        with psycopg.connect(patient.administrator, autocommit=True) as admin:
            admin.execute(EVENT)
        wait_until(lambda: gauge(patient, stuck, "audit of identity") > 3, "a stuck follower")
        assert gauge(patient, "bezant_follower_behind_events", "audit of identity") >= 1
        found = patient.wrong("database")[name]
        assert "does not get past event" in found.found
        assert "follower.failed" in found.remedy
    wait_until(lambda: gauge(patient, stuck, "audit of identity") == 0, "it goes on")
    assert name not in patient.wrong("database")
