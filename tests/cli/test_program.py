"""The program itself: quick help, wrong words, no -O, derived pages."""

import subprocess
import sys

import pytest
from tests.cli.running import Nest

from bezant.cli.exits import Exit
from bezant.cli.reference import ROOT, pages

HEAVY = (
    "fastapi",
    "starlette",
    "psycopg",
    "grpc",
    "uvicorn",
    "pydantic",
    "cryptography",
    "rich",
    "asyncio",
)
SERVING = {"fastapi", "starlette", "uvicorn", "aiohttp", "grpc", "procrastinate"}
"""What listens and what runs jobs: most of a second that only a platform needs to spend."""


def imported(told: str) -> set[str]:
    """Return the packages that Python says it has imported."""
    return {line.rpartition("|")[2].strip().partition(".")[0] for line in told.splitlines()}


def test_help_imports_nothing_heavy(nest: Nest):
    told = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "bezant.cli.main", "--help"],
        env=nest.environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert "typer" in imported(told.stderr)
    assert imported(told.stderr) & set(HEAVY) == set()


def test_a_command_beside_a_platform_loads_nothing_that_serves(demo: Nest):
    invite = ("users", "invite", "ada@example.com")
    for words in (("ledger", "accounts"), ("keys", "status"), ("sandbox", "clock"), invite):
        told = demo.run(*words, PYTHONPROFILEIMPORTTIME="1")
        assert told.code == 0, told
        assert "psycopg" in imported(told.err), "the control: it has asked the database"
        assert imported(told.err) & SERVING == set(), words


@pytest.mark.parametrize(
    "words", [("nonsense",), ("up", "--nonsense"), ("up", "--port", "eighty"), ("doctor", "mars")]
)
def test_wrong_words_end_with_2(nest: Nest, words: tuple[str, ...]):
    assert nest.run(*words).code == Exit.USAGE


def test_it_refuses_to_run_without_assertions(nest: Nest):
    told = subprocess.run(
        [sys.executable, "-O", "-m", "bezant.cli.main", "status"],
        env=nest.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == Exit.REFUSED
    assert "-O" in told.stderr


def test_an_unexpected_error_shows_no_traceback_unless_asked(nest: Nest):
    nest.data.mkdir()
    (nest.data / "run").write_text("a file where a folder should be")
    (nest.data / "state.json").mkdir()
    quiet = nest.run("up", "--port", "0")
    assert "Traceback" not in quiet.err + quiet.out
    assert quiet.code != 0


@pytest.mark.parametrize("name", sorted(pages()))
def test_a_derived_page_is_what_the_code_says(name: str):
    path = ROOT / name
    assert path.exists(), f"{name} is missing: run make docs"
    assert path.read_text() == pages()[name], f"{name} is out of date: run make docs"


def test_down_erase_asks_and_removes_the_data_and_its_key(nest: Nest):
    nest.up().url()
    asked = nest.run("down", "--erase", typed="")
    assert asked.code == Exit.USAGE
    assert nest.data.exists()
    erased = nest.run("down", "--erase", "--yes", "--json")
    assert (erased.code, erased.facts["erased"]) == (0, True)
    assert not nest.data.exists()
    assert list((nest.home / ".config" / "bezant").iterdir()) == []
    assert nest.run("down", "--erase", "--yes").code == Exit.NOT_RUNNING


def test_live_data_is_never_erased_without_a_person(nest: Nest):
    running = nest.up("--live")
    running.url()
    running.stop()
    assert nest.run("down", "--erase", "--yes").code == Exit.USAGE
    assert (nest.data / "state.json").exists()
