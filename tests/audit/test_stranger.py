"""A stranger verifies: the whole of it, with the programs as they are installed."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import psycopg
import pytest
from psycopg import sql
from tests.cli.running import Foreground, Nest, wait_until
from tests.harness.ports import free_port

from bezant.db.data_folder import ADMINISTRATOR, DataFolder
from bezant.db.embedded import running as running_server

NAME = "witness.example/w1"


def verify(*words: str) -> tuple[int, Any]:
    ran = subprocess.run(
        [sys.executable, "-m", "bezant_verify.main", *words, "--json"],
        capture_output=True,
        check=False,
    )
    return ran.returncode, json.loads(ran.stdout)


@contextmanager
def witnessing(nest: Nest, folder: Path, port: int, keys: Path) -> Iterator[Foreground]:
    process = subprocess.Popen(
        [
            sys.executable, "-m", "bezant.cli.main", "witness", "serve", "--name", NAME,
            "--folder", str(folder), "--port", str(port), "--log", str(keys),
        ],
        cwd=nest.folder, env=nest.environment(), stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
    )  # fmt: skip
    running = Foreground(process)
    try:
        running.wait_for("The witness listens")
        yield running
    finally:
        process.terminate()
        assert running.ended() == 0


def tamper(nest: Nest) -> None:
    """Change an entry as the administrator."""
    server = running_server(nest.data)
    assert server is not None
    word = DataFolder(nest.data).read_password()
    with psycopg.connect(server.dsn(ADMINISTRATOR, word, "bezant")) as connection:
        connection.execute(
            sql.SQL("UPDATE audit.entry SET entry = set_byte(entry, 45, 0) WHERE leaf = 2")
        )


@pytest.mark.requirement("S004-2", "G2")
def test_a_stranger_checks_a_running_platform_and_finds_what_was_changed(
    nest: Nest, tmp_path: Path
):
    folder, port, keys = tmp_path / "witness", free_port(), tmp_path / "keys"
    key = nest.run("witness", "key", "--name", NAME, "--folder", str(folder))
    assert key.code == 0, key
    wanted = f"http://127.0.0.1:{port} {key.out.strip()}"
    address = nest.up(AUDIT_WITNESSES=wanted).url()
    published = nest.run("audit", "keys", AUDIT_WITNESSES=wanted)
    assert published.facts["quorum"] == 1
    keys.write_text(published.out)

    def asked(path: str) -> bytes:
        with urlopen(f"{address}/audit/{path}", timeout=30) as answer:
            return answer.read()

    with witnessing(nest, folder, port, keys):
        wait_until(
            lambda: bool(json.loads(asked("integrity"))["witnesses"]), "the witness signed", 120
        )
        kept = tmp_path / "kept"
        with urlopen(
            f"http://127.0.0.1:{port}/checkpoint?origin={published.facts['origin']}"
        ) as one:
            kept.write_bytes(one.read())
    found = json.loads(asked("integrity"))
    assert found["trouble"] == ""
    assert found["chain_heads"]

    code, told = verify("log", f"{address}/audit", "--keys", str(keys), "--since", str(kept))
    assert (code, told["answer"]) == (0, "valid"), told
    assert told["feeds"]["ledger"] > 0
    (tmp_path / "one.tlog-proof").write_bytes(asked("inclusion?index=0"))
    code, told = verify("proof", str(tmp_path / "one.tlog-proof"), "--keys", str(keys))
    assert (code, told["witnesses"]) == (0, [NAME]), told
    assert nest.run("audit", "verify").code == 0
    assert nest.run("audit", "status", "--json").facts["witnesses"][0]["witness"] == NAME

    tamper(nest)
    export = nest.run("audit", "export", "out", "--json")
    assert export.code == 0, export
    for place in (f"{address}/audit", str(nest.folder / "out")):
        code, told = verify("log", place, "--keys", str(keys), "--since", str(kept))
        assert (code, told["first_bad_index"]) == (1, 2), told
    broken = nest.run("audit", "verify", "--json")
    assert (broken.code, broken.facts["valid"]) == (1, False)
    assert nest.run("audit", "status").code == 1
    assert nest.run("audit", "export", "out").code == 3
