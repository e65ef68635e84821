"""A full disk: clients are told to come again, nothing acknowledged is lost, and it passes."""

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.harness.folders import open_folder
from tests.harness.processes import Program

RECOVERY_SECONDS_MAX = 30
# Small file systems in memory, in a mount namespace of the program's own: they go with it.
PRIVATE = ["--mount"] if os.geteuid() == 0 else ["--user", "--map-root-user", "--mount"]


def seen_when_full(what: str, journals: Path, book: str) -> dict[str, Any]:
    """Run the clients while the disk of the data, or of the log alone, is filled and emptied."""
    with open_folder() as place:
        data, log = place / "data", place / "log"
        data.mkdir()
        log.mkdir()
        script = (
            f"mount -t tmpfs -o mode=700,size={'160m' if what == 'data' else '600m'} none {data}"
            f' && mount -t tmpfs -o mode=700,size=160m none {log} && exec "$@"'
        )
        module = "tests.harness.full_disk_program"
        full = data if what == "data" else log
        command = [sys.executable, "-m", module, *map(str, (data, full, journals)), book]
        with Program(["unshare", *PRIVATE, "sh", "-c", script, "sh", *command]) as program:
            assert program.wait(240) == 0, program.output
    seen = json.loads(program.lines[-1])
    assert seen["log_tells"], "the disk was never full"
    assert seen["refused"] > 0
    return seen


@pytest.mark.catalogue("T13")
@pytest.mark.timeout(300)
@pytest.mark.parametrize("what", ["data", "log"])
def test_a_full_disk_loses_nothing_and_passes(tmp_path: Path, what: str):
    seen = seen_when_full(what, tmp_path, "KeyedBook")
    assert seen["wrong"] == []
    assert seen["clean"], seen
    assert seen["acknowledged"] > seen["acknowledged_before_space_returned"] > 0
    assert seen["recovery_seconds"] <= RECOVERY_SECONDS_MAX
    # Data that cannot grow is an error of one statement; a log that cannot is a crash.
    assert (seen["restarts"] > 0) == (what == "log")


@pytest.mark.catalogue("T13")
@pytest.mark.timeout(300)
def test_a_book_that_does_not_hear_the_refusal_is_caught(tmp_path: Path):
    """Negative control: the same run finds losses when a refusal is taken for an answer."""
    assert seen_when_full("data", tmp_path, "DeafBook")["lost"]


def seen_when_read_only(journals: Path, book: str) -> dict[str, Any]:
    """Run the clients while the disk of the log becomes read-only for a while."""
    with open_folder() as place:
        data, log = place / "data", place / "log"
        data.mkdir()
        log.mkdir()
        script = f'mount -t tmpfs -o mode=700,size=600m none {log} && exec "$@"'
        command = [
            sys.executable, "-m", "tests.harness.read_only_program",
            *map(str, (data, log, journals)), book,
        ]  # fmt: skip
        with Program(["unshare", *PRIVATE, "sh", "-c", script, "sh", *command]) as program:
            assert program.wait(240) == 0, program.output
    seen = json.loads(program.lines[-1])
    assert seen["read_only"], "the disk was never read-only"
    assert seen["refused"] > 0
    return seen


@pytest.mark.catalogue("T13")
@pytest.mark.timeout(300)
def test_a_disk_that_becomes_read_only_loses_nothing_and_passes(tmp_path: Path):
    seen = seen_when_read_only(tmp_path, "KeyedBook")
    assert seen["wrong"] == []
    assert seen["clean"], seen
    assert seen["acknowledged"] > seen["acknowledged_before_writable"] > 0
    assert seen["recovery_seconds"] <= RECOVERY_SECONDS_MAX


@pytest.mark.catalogue("T13")
@pytest.mark.timeout(300)
def test_a_book_that_is_deaf_while_the_disk_is_read_only_is_caught(tmp_path: Path):
    """Negative control: the same run finds losses when a refusal is taken for an answer."""
    assert seen_when_read_only(tmp_path, "DeafBook")["lost"]
