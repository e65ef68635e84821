"""A nest for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli.running import Nest


@pytest.fixture
def nest(tmp_path: Path) -> Iterator[Nest]:
    made = Nest(tmp_path)
    yield made
    made.clear()
