"""Logs are JSON in the data folder and words on the screen."""

import json
import subprocess
import sys

import pytest
from tests.cli.running import Nest, health, wait_until


def test_lines_are_json_in_the_unit_s_file_and_words_on_the_screen(installed: Nest):
    running = installed.up()
    url = running.url()
    health(url)
    running.wait_for("http.answered")
    running.stop()
    lines = [
        json.loads(line)
        for line in (installed.data / "logs" / "bezant.log").read_text().splitlines()
    ]
    assert {"ts", "level", "log", "event"} <= set(lines[0])
    assert any(line["event"] == "http.answered" for line in lines)
    shown = installed.run("logs", "bezant").out
    assert "http.answered" in shown
    assert not shown.lstrip().startswith("{")
    raw = installed.run("logs", "bezant", "--json", "-n", "1").out.splitlines()
    assert [json.loads(line) for line in raw] == lines[-1:]


def test_the_screen_speaks_json_when_asked(installed: Nest):
    running = installed.up(LOG_FORMAT="json")
    health(running.url())
    wait_until(lambda: '"event":"http.answered"' in running.said, "a JSON line on the screen")


def test_all_units_together_are_in_the_order_of_their_times(installed: Nest):
    installed.up().url()
    installed.run("down")
    both = installed.run("logs", "-n", "1000").out
    assert "database system is ready" in both
    assert "http.answered" in both
    assert "database system is ready" in installed.run("logs", "postgres").out
    assert "http.answered" not in installed.run("logs", "postgres").out


def test_following_shows_what_is_written_later(demo: Nest):
    url = demo.run("status", "--json").facts["url"]
    follower = subprocess.Popen(
        [sys.executable, "-m", "bezant.cli.main", "logs", "-f", "-n", "1"],
        cwd=demo.folder,
        env=demo.environment(),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert follower.stdout is not None
    try:
        follower.stdout.readline()
        health(url)
        for line in follower.stdout:
            if "route=/health" in line:
                break
        else:
            raise AssertionError("nothing came")
    finally:
        follower.terminate()
        follower.wait(30)
        follower.stdout.close()


@pytest.mark.parametrize("command", ["logs", "status"])
def test_a_unit_nobody_knows_is_refused_with_the_ones_there_are(demo: Nest, command: str):
    refused = demo.run(command, "mars")
    assert refused.code == 2
    assert "bezant" in refused.err


def test_without_any_log_it_says_so(nest: Nest):
    assert nest.run("logs").code == 4
