"""The sandbox as a whole: where it listens, and where it never runs."""

import os
import sqlite3
from pathlib import Path

import pytest
from tests import make

from bezant.sandbox.site import (
    MAKERS,
    OFFSETS,
    NoSandboxInLive,
    SandboxPlan,
    addresses,
    build_sandbox,
)
from bezant.sandbox.store.ground import WrongBook


async def test_it_never_runs_beside_real_money(tmp_path: Path):
    with pytest.raises(NoSandboxInLive):
        async with build_sandbox(SandboxPlan(tmp_path, 8090, live=True), make.clock(), os.urandom):
            raise AssertionError("it started")
    assert list(tmp_path.iterdir()) == []


async def test_a_book_of_another_version_is_not_touched(tmp_path: Path):
    path = tmp_path / "book.sqlite"
    with sqlite3.connect(path) as book:
        book.execute("PRAGMA user_version = 99")
    before = path.read_bytes()
    with pytest.raises(WrongBook, match="version 99"):
        async with build_sandbox(SandboxPlan(tmp_path, 8090), make.clock(), os.urandom):
            raise AssertionError("it started")
    assert path.read_bytes() == before


async def test_every_provider_has_its_port_on_this_machine_only(tmp_path: Path):
    async with build_sandbox(SandboxPlan(tmp_path, 8090), make.clock(), os.urandom) as sandbox:
        found = {
            name: (one.host, one.port)
            for name, one in zip(sandbox.names, sandbox.listenings, strict=True)
        }
    assert found == {name: ("127.0.0.1", 8090 + OFFSETS[name]) for name in sandbox.names}
    assert list(found.values()) == addresses(8090)
    assert set(sandbox.names) == {"inspection", *MAKERS}
    assert sandbox.inspection.providers == tuple(MAKERS)
