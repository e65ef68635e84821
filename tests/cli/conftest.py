"""A nest for each test; and a running demo for all that leave it as it is."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli.running import Nest


@pytest.fixture(scope="session")
def demo(started_once: Nest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nest]:
    """Run a demo; whoever asks for it only looks, or does what disturbs nobody."""
    made = Nest(tmp_path_factory.mktemp("demo"))
    try:
        made.copy(started_once)
        made.up().url()
        yield made
    finally:
        made.clear()


@pytest.fixture
def nest(tmp_path: Path) -> Iterator[Nest]:
    made = Nest(tmp_path)
    yield made
    made.clear()
