"""A nest for each test: empty, or with an installation that was started and stopped before."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli.running import Nest


@pytest.fixture(scope="session")
def started_once(tmp_path_factory: pytest.TempPathFactory) -> Nest:
    """Make one installation a test process; making a database takes longer than copying it."""
    made = Nest(tmp_path_factory.mktemp("template"))
    running = made.up()
    running.url()
    running.stop()
    return made


@pytest.fixture
def installed(started_once: Nest, tmp_path: Path) -> Iterator[Nest]:
    """A demo that was started and stopped once."""
    made = Nest(tmp_path)
    made.copy(started_once)
    yield made
    made.clear()


@pytest.fixture
def nest(tmp_path: Path) -> Iterator[Nest]:
    made = Nest(tmp_path)
    yield made
    made.clear()
