"""The drill: what a restored platform says of its books is what the first one said."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import psycopg
import pytest
from tests.cli.running import Nest

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


def signed(nest: Nest, size: int = 0) -> tuple[int, bytes]:
    """Return what the transparency log signed last, or at a size."""
    administrator = migrate.ground_of(nest.data).administrator.reveal()
    with psycopg.connect(administrator) as admin:
        found = admin.execute(SAME if size else NEWEST, (size,) if size else ()).fetchone()
    assert found is not None, f"nothing was signed at {size or 'any size'}"
    return found[0], bytes(found[1])


def brought_back(nest: Nest, folder: Path, *words: str) -> Nest:
    """Restore into a nest of its own; its key file stays where the first one has it."""
    folder.mkdir()
    again = Nest(folder)
    again.home = nest.home
    done = again.run("restore", str(nest.folder / "copy"), "--json", *words)
    assert done.code == 0, done
    again.place_of_sample().write_text(nest.place_of_sample().read_text())
    return again


def test_what_is_restored_says_what_the_first_one_said(installed: Nest, tmp_path: Path):
    logs = tmp_path / "logs"
    running = installed.up(WAL_ARCHIVE=str(logs))
    url = running.url()
    assert installed.run("demo").code == 0
    assert installed.run("backup", "copy").code == 0
    at_backup, size = books(installed, url), signed(installed)[0]

    assert installed.run("demo").code == 0
    later, later_signed = books(installed, url), signed(installed)
    instant = datetime.now(UTC)
    assert installed.run("demo").code == 0
    last = books(installed, url)
    running.stop()
    assert at_backup != later != last, "the book did not move, so nothing is compared"

    first = brought_back(installed, tmp_path / "first")
    second = brought_back(
        installed, tmp_path / "second", "--to", instant.isoformat(), "--logs", str(logs)
    )
    try:
        assert books(first, first.up().url()) == at_backup
        assert signed(first, size)[0] == size
        assert books(second, second.up().url()) == later
        assert signed(second, later_signed[0]) == later_signed
    finally:
        first.clear()
        second.clear()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--to", "yesterday"), "is no instant"),
        (("--to", "2026-11-20T12:30:00"), "is no instant"),
        (("--to", "2026-11-20T12:30:00Z"), "the log since the backup is needed"),
    ],
)
def test_an_instant_that_cannot_be_had_is_refused(demo: Nest, tmp_path: Path, words, said: str):
    copy = tmp_path / "copy"
    assert demo.run("backup", str(copy)).code == 0
    refused = demo.run("restore", str(copy), "--data", str(tmp_path / "again"), *words)
    assert refused.code == 2, refused
    assert said in refused.err
    assert not (tmp_path / "again").exists()
