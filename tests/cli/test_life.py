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
def test_ctrl_c_and_a_closed_terminal_stop_it_as_well(installed: Nest, number: int):
    running = installed.up()
    running.url()
    assert running.stop(number) < STOP_SECONDS_MAX
    assert postgres_processes(installed.data) == []


def test_a_signal_while_it_starts_ends_the_start(nest: Nest):
    running = nest.up()
    running.wait_for("making the database")
    assert running.stop(signal.SIGTERM) < STOP_SECONDS_MAX
    assert postgres_processes(nest.data) == []
    assert nest.up().url()


def test_status_logs_and_down_know_what_runs(installed: Nest):
    url = installed.up().url()
    status = installed.run("status", "--json")
    assert status.code == 0
    assert set(status.facts) == {
        *("url", "health", "mode", "profile", "version", "pid", "started_at", "data")
    }
    assert (status.facts["url"], status.facts["health"], status.facts["mode"]) == (
        url,
        "ok",
        "demo",
    )
    assert url in installed.run("status").out

    down = installed.run("down", "--json")
    assert (down.code, down.facts["stopped"]) == (0, True)
    assert not answers(url)
    assert installed.run("status").code == 4
    assert installed.run("down").code == 4


def test_a_second_up_joins_and_says_where_it_runs(installed: Nest):
    first = installed.up()
    url = first.url()
    second = installed.run("up")
    assert second.code == 0
    assert "already runs" in second.out
    assert url in second.out
    assert installed.run("up", "--json").facts["pid"] == first.pid
    assert first.process.poll() is None


@pytest.mark.parametrize("words", [("--port", "1"), ("--live",), ("--profile", "merchant")])
def test_a_second_up_with_other_wishes_is_refused(installed: Nest, words: tuple[str, ...]):
    first = installed.up()
    url = first.url()
    second = installed.run("up", *words)
    assert second.code == 3
    assert "already runs" in second.err
    assert "bezant down" in second.err
    assert answers(url)


def test_detach_returns_when_it_answers_and_lives_on(installed: Nest):
    started = installed.run("up", "--detach", "--port", "0", "--json")
    assert started.code == 0, started
    assert health(started.facts["url"])["status"] == "ok"
    logged = (installed.data / "logs" / "bezant.log").read_text().splitlines()
    assert all(json.loads(line)["event"] for line in logged)
    assert installed.run("down").code == 0
    assert not answers(started.facts["url"])


def test_detach_tells_why_a_start_failed(nest: Nest):
    failed = nest.run("up", "--detach", "--port", "0", BEZANT_KEY_FILE="/dev/null/key")
    assert failed.code != 0
    assert "/dev/null" in failed.err
    assert nest.run("status").code == 4


def test_after_kill_9_the_next_up_finds_everything(installed: Nest):
    first = installed.up()
    first.url()
    acknowledged = installed.run("demo", "--json").facts["after"]
    made = (installed.data / "state.json").read_bytes()
    os.kill(first.pid, signal.SIGKILL)
    first.ended()

    second = installed.up()
    assert health(second.url())["status"] == "ok"
    assert (installed.data / "state.json").read_bytes() == made
    assert installed.run("migrate", "--json").facts == {"applied": []}
    assert installed.run("demo", "--json").facts["before"] == acknowledged
    assert installed.run("doctor", "database").code == 0


def test_down_ends_a_platform_that_is_still_starting(nest: Nest):
    running = nest.up()
    running.wait_for("making the database")
    assert nest.run("down").code == 0
    wait_until(lambda: running.process.poll() is not None, "it ended")
    assert postgres_processes(nest.data) == []
