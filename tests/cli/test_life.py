"""The life of a platform as a person meets it: up, a second up, down, a crash, and up again."""

import json
import os
import signal

import pytest
from tests.cli.running import (
    STOP_SECONDS_MAX,
    Nest,
    answers,
    health,
    postgres_processes,
    wait_until,
)


def test_up_in_a_new_folder_is_a_demo_that_answers_and_stops_whole(nest: Nest):
    running = nest.up()
    url = running.url()
    assert health(url)["status"] == "ok"
    assert "DEMO" in running.said
    assert str(nest.data) in running.said
    assert "Ctrl-C" in running.said
    assert len(postgres_processes(nest.data)) >= 1

    assert running.stop(signal.SIGTERM) < STOP_SECONDS_MAX
    assert running.process.returncode == 0
    assert postgres_processes(nest.data) == []
    assert not answers(url)
    assert "stopped" in running.said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_ctrl_c_and_a_closed_terminal_stop_it_as_well(nest: Nest, number: int):
    running = nest.up()
    running.url()
    assert running.stop(number) < STOP_SECONDS_MAX
    assert postgres_processes(nest.data) == []


def test_a_signal_while_it_starts_ends_the_start(nest: Nest):
    running = nest.up()
    running.wait_for("making the database")
    assert running.stop(signal.SIGTERM) < STOP_SECONDS_MAX
    assert postgres_processes(nest.data) == []
    assert nest.up().url()


def test_status_logs_and_down_know_what_runs(nest: Nest):
    url = nest.up().url()
    status = nest.run("status", "--json")
    assert status.code == 0
    assert set(status.facts) == {
        *("url", "health", "mode", "profile", "version", "pid", "started_at", "data")
    }
    assert (status.facts["url"], status.facts["health"], status.facts["mode"]) == (
        url,
        "ok",
        "demo",
    )
    assert url in nest.run("status").out

    down = nest.run("down", "--json")
    assert (down.code, down.facts["stopped"]) == (0, True)
    assert not answers(url)
    assert nest.run("status").code == 4
    assert nest.run("down").code == 4


def test_a_second_up_joins_and_says_where_it_runs(nest: Nest):
    first = nest.up()
    url = first.url()
    second = nest.run("up")
    assert second.code == 0
    assert "already runs" in second.out
    assert url in second.out
    assert nest.run("up", "--json").facts["pid"] == first.pid
    assert first.process.poll() is None


@pytest.mark.parametrize("words", [("--port", "1"), ("--live",), ("--profile", "merchant")])
def test_a_second_up_with_other_wishes_is_refused(nest: Nest, words: tuple[str, ...]):
    first = nest.up()
    url = first.url()
    second = nest.run("up", *words)
    assert second.code == 3
    assert "already runs" in second.err
    assert "bezant down" in second.err
    assert answers(url)


def test_detach_returns_when_it_answers_and_lives_on(nest: Nest):
    started = nest.run("up", "--detach", "--port", "0", "--json")
    assert started.code == 0, started
    assert health(started.facts["url"])["status"] == "ok"
    logged = (nest.data / "logs" / "bezant.log").read_text().splitlines()
    assert all(json.loads(line)["event"] for line in logged)
    assert nest.run("down").code == 0
    assert not answers(started.facts["url"])


def test_detach_tells_why_a_start_failed(nest: Nest):
    failed = nest.run("up", "--detach", "--port", "0", BEZANT_KEY_FILE="/dev/null/key")
    assert failed.code != 0
    assert "/dev/null" in failed.err
    assert nest.run("status").code == 4


def test_after_kill_9_the_next_up_finds_everything(nest: Nest):
    first = nest.up()
    first.url()
    made = json.loads((nest.data / "state.json").read_text())
    installed = nest.run("doctor", "database", "--json").facts
    os.kill(first.pid, signal.SIGKILL)
    first.ended()

    second = nest.up()
    assert health(second.url())["status"] == "ok"
    assert json.loads((nest.data / "state.json").read_text()) == made
    assert nest.run("migrate", "--json").facts == {"applied": []}
    again = nest.run("doctor", "database", "--json").facts
    assert [one["check"] for one in again["findings"]] == [
        one["check"] for one in installed["findings"]
    ]


def test_down_ends_a_platform_that_is_still_starting(nest: Nest):
    running = nest.up()
    running.wait_for("making the database")
    assert nest.run("down").code == 0
    wait_until(lambda: running.process.poll() is not None, "it ended")
    assert postgres_processes(nest.data) == []
