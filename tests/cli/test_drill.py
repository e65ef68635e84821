"""The drill: what a restored platform says of its books is what the first one said.

And what has lost its database is never given an empty one.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import psycopg
import pytest
from tests.cli.running import Nest, wait_until

from bezant.cli import migrate

NEWEST = "SELECT size, root FROM audit.checkpoint ORDER BY size DESC LIMIT 1"
SAME = "SELECT size, root FROM audit.checkpoint WHERE size = %s"


def ask(nest: Nest, url: str, path: str) -> Any:
    key = json.loads(nest.place_of_sample().read_text())["secret_key"]
    with urlopen(Request(url + path, headers={"x-api-key": key}), timeout=30) as answer:
        return json.loads(answer.read())


def books(nest: Nest, url: str) -> dict[str, Any]:
    """Return what the books say: their heads, and that every row agrees with them."""
    verified = nest.run("ledger", "verify", "--json")
    assert verified.code == 0, verified
    return {"ledgers": ask(nest, url, "/v1/ledgers"), "verified": verified.facts}


def signed(nest: Nest, size: int = 0) -> tuple[int, bytes] | None:
    """Return what the transparency log signed last, or at a size, if it did."""
    administrator = migrate.ground_of(nest.data).administrator.reveal()
    with psycopg.connect(administrator) as admin:
        found = admin.execute(SAME if size else NEWEST, (size,) if size else ()).fetchone()
    return None if found is None else (found[0], bytes(found[1]))


def test_what_is_restored_says_what_the_first_one_said(installed: Nest, tmp_path: Path):
    running = installed.up()
    url = running.url()
    assert installed.run("demo").code == 0
    wait_until(lambda: signed(installed) is not None, "a checkpoint is signed")
    checkpoint = signed(installed)
    assert checkpoint is not None
    assert installed.run("backup", "copy").code == 0
    at_backup = books(installed, url)

    assert installed.run("demo").code == 0
    later = books(installed, url)
    running.stop()
    assert at_backup != later, "the book did not move, so nothing is compared"

    (tmp_path / "second").mkdir()
    again = Nest(tmp_path / "second")
    again.home = installed.home  # The key file stays where the first one has it.
    try:
        done = again.run("restore", str(installed.folder / "copy"), "--json")
        assert done.code == 0, done
        assert books(again, again.up().url()) == at_backup
        assert signed(again, checkpoint[0]) == checkpoint
        assert signed(again, checkpoint[0] + 1_000_000) is None  # Control: it can be missing.
    finally:
        again.clear()


def lose(data: Path) -> None:
    (data / "postgres").rename(data.parent / "lost")


def lose_what_is_in_it(data: Path) -> None:
    lose(data)
    (data / "postgres").mkdir()


def lose_all_but_the_heads(data: Path) -> None:
    lose(data)
    for each in data.iterdir():
        if each.name != "heads":
            each.rename(data.parent / f"lost-{each.name}")


@pytest.mark.parametrize("loss", [lose, lose_what_is_in_it, lose_all_but_the_heads])
def test_what_has_lost_its_database_is_not_given_an_empty_one(
    installed: Nest, loss: Callable[[Path], None]
):
    assert any((installed.data / "heads").iterdir())
    loss(installed.data)
    left = sorted(installed.data.rglob("*"))
    refused = installed.run("up", "--port", "0")
    assert refused.code == 3, refused
    assert "its database (postgres/) is not there" in refused.err
    for way in ("Put the folder", "bezant restore", "DATABASE_URL", "--data"):
        assert way in refused.err
    assert sorted(installed.data.rglob("*")) == left


def test_a_database_that_is_put_back_is_started(installed: Nest):
    lose(installed.data)
    assert installed.run("up", "--port", "0").code == 3
    (installed.folder / "lost").rename(installed.data / "postgres")
    assert installed.up().url()
