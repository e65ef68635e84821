"""Peers are measured only when they are here; one that refuses or miscounts gives no number."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import psycopg
import pytest
from bench.peers import pgledger, tigerbeetle
from bench.process import ChildFailed
from bench.server import Server
from psycopg import sql
from tests.harness.cluster import Cluster

STAND_IN = """
    CREATE TABLE pgledger_accounts (id text PRIMARY KEY, balance numeric NOT NULL);
    CREATE TABLE pgledger_entries (account_id text NOT NULL, amount numeric NOT NULL);
    CREATE FUNCTION pgledger_create_account(name text, currency text)
    RETURNS SETOF pgledger_accounts LANGUAGE sql AS $$
        INSERT INTO pgledger_accounts VALUES (name || currency, 0) RETURNING *
    $$;
    CREATE FUNCTION pgledger_create_transfer(debit text, credit text, amount numeric)
    RETURNS TABLE (id text) LANGUAGE sql AS $$
        INSERT INTO pgledger_entries VALUES (debit, -amount), (credit, amount)
        RETURNING account_id
    $$;
"""


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with functions of the same names, written for this test."""
    for file in pgledger.NEEDS:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text("SELECT 1")
    (tmp_path / "pgledger.sql").write_text(STAND_IN)
    monkeypatch.setenv(pgledger.VARIABLE, str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("find", [pgledger.checkout, tigerbeetle.program])
def test_a_peer_that_is_not_here_is_not_found(
    find: Callable[[], Path | None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for variable in (pgledger.VARIABLE, tigerbeetle.VARIABLE):
        monkeypatch.delenv(variable, raising=False)
    assert find() is None
    for variable in (pgledger.VARIABLE, tigerbeetle.VARIABLE):
        monkeypatch.setenv(variable, str(tmp_path / "nowhere"))
    assert find() is None


async def test_pgledger_is_installed_and_pressed_both_ways(
    source: Path, cluster: Cluster, tmp_path: Path
) -> None:
    assert pgledger.checkout() == source
    try:
        server = Server(cluster.server, cluster.folder)
        peer = await pgledger.install(server, source, tmp_path)
        assert (await peer.uniform(1)).value > 0
        assert (await peer.hot(1)).value > 0
        assert await peer.faults() == []
        with psycopg.connect(peer.dsn) as connection:
            found = connection.execute(
                "SELECT count(*), count(DISTINCT account_id) FROM pgledger_entries WHERE amount < 0"
            ).fetchone()
            assert found is not None
            moved, payers = found
            assert moved > 0
            assert 1 < payers <= pgledger.ACCOUNTS
            connection.execute("UPDATE pgledger_entries SET amount = amount + 1")
        assert await peer.faults() == ["pgledger: the entries do not add up to zero"]
    finally:
        cluster.execute(sql.SQL("DROP DATABASE IF EXISTS pgledger WITH (FORCE)"))


class Status(Enum):
    CREATED = 1
    EXCEEDS_CREDITS = 54


@dataclass
class Answer:
    status: Status


def test_a_refusal_of_tigerbeetle_is_no_transfer() -> None:
    tigerbeetle.accepted([])
    tigerbeetle.accepted([Answer(Status.CREATED)])
    with pytest.raises(ChildFailed, match="EXCEEDS_CREDITS"):
        tigerbeetle.accepted([Answer(Status.CREATED), Answer(Status.EXCEEDS_CREDITS)])
