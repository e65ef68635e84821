"""What the pages show is what a running platform answers."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.documents.console import Step, fits, run, steps
from tests.house.documents import RUN, Block, blocks, documents
from tests.house.tree import Page

pytestmark = pytest.mark.catalogue("T104")

ADDRESS = "http://127.0.0.1:8080"


@dataclass(frozen=True)
class Platform:
    """A platform started for the pages: its address, and what its screen shows to copy."""

    folder: Path
    environment: dict[str, str]
    url: str
    copied: dict[str, str]


def to_run(page: Page) -> list[Block]:
    found = blocks(page)
    return [block for block in found if block.language == "console" and block.note == RUN]


PAGES = [page for page in documents() if to_run(page)]


def bezant(environment: dict[str, str], *words: str) -> str:
    ran = subprocess.run(
        [sys.executable, "-m", "bezant.cli.main", *words],
        env=environment,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    folder = tmp_path_factory.mktemp("platform")
    environment = {
        **os.environ,
        "XDG_CONFIG_HOME": str(folder / "config"),
        "BEZANT_DATA": str(folder / "data"),
    }
    bezant(environment, "up", "--detach", "--port", "0")
    try:
        facts = json.loads(bezant(environment, "status", "--json"))
        sample = json.loads((folder / "data" / "sample.json").read_text())
        copied = {
            "KEY": sample["secret_key"],
            "PK": sample["publishable_key"],
            "EMAIL": sample["email"],
            "PASSWORD": sample["password"],
        }
        yield Platform(folder, environment, facts["url"], copied)
    finally:
        bezant(environment, "down")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.path))
def test_its_commands_answer_what_is_shown(page: Page, platform: Platform):
    wanted = [step for block in to_run(page) for step in steps(block.body)]
    ready = [Step(step.command.replace(ADDRESS, platform.url), step.shown) for step in wanted]
    said = run(ready, platform.folder, {**platform.environment, **platform.copied})
    assert len(said) == len(ready), said
    for step, answer in zip(ready, said, strict=True):
        assert not step.shown or fits(step.shown, answer), (step, answer)


def test_the_start_page_is_among_them():
    assert "docs/start.md" in [str(page.path) for page in PAGES]


def test_a_wrong_answer_is_noticed(tmp_path: Path):
    shown = steps('$ echo "one two"\none …\n$ echo three\n$ X=4\n$ echo $X\n4\n')
    assert [step.shown for step in shown] == ["one …", "", "", "4"]
    said = run(shown, tmp_path, {})
    assert said == ["one two", "three", "", "4"]
    assert fits("one …", said[0])
    assert not fits("two …", said[0])
    assert not fits("one", said[0])


def test_an_option_of_curl_that_is_not_known_fails(tmp_path: Path):
    (said,) = run([Step(f"curl --retry 3 {ADDRESS}", "")], tmp_path, {})
    assert re.search(r"unrecognized arguments", said)
