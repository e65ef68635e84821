"""With a database of one's own configured, the embedded one is never started."""

from collections.abc import Iterator
from urllib.parse import quote

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from tests.cli.running import STOP_SECONDS_MAX, Nest, health
from tests.harness.cluster import Cluster, started


@pytest.fixture(scope="module")
def own_server() -> Iterator[Cluster]:
    """A server of its own: roles belong to a whole server, and `up` sets their passwords."""
    with started(durable=False) as running:
        yield running


def parts_of(conninfo: str) -> dict[str, str]:
    return {name: str(value) for name, value in conninfo_to_dict(conninfo).items()}


def url_of(conninfo: str) -> str:
    parts = parts_of(conninfo)
    host, word = quote(parts["host"], safe=""), quote(parts["password"], safe="")
    return f"postgresql://{parts['user']}:{word}@{host}:{parts['port']}/{parts['dbname']}"


@pytest.mark.requirement("S001-9", "S003-4")
def test_a_database_url_is_used_and_nothing_is_embedded(nest: Nest, own_server: Cluster):
    with own_server.fresh() as database:
        running = nest.up(DATABASE_URL=url_of(database.administrator_dsn))
        assert health(running.url())["database"] == "connected"
        assert not (nest.data / "postgres").exists()
        assert "your own database" in running.said
        with psycopg.connect(database.administrator_dsn) as connection:
            schemas = connection.execute("SELECT nspname FROM pg_namespace").fetchall()
        assert ("keys",) in schemas
        doctor = nest.run(
            "doctor", "database", "--json", DATABASE_URL=url_of(database.administrator_dsn)
        )
        assert {one["check"] for one in doctor.facts["findings"]} >= {"version", "migrations"}
        running.stop()


@pytest.mark.requirement("S002-6")
def test_a_database_in_parts_is_used_as_well(nest: Nest, own_server: Cluster):
    with own_server.fresh() as database:
        parts = parts_of(database.administrator_dsn)
        running = nest.up(
            DB_HOST=parts["host"],
            DB_PORT=parts["port"],
            DB_NAME=parts["dbname"],
            DB_USER=parts["user"],
            DB_PASSWORD=parts["password"],
        )
        assert health(running.url())["database"] == "connected"
        assert not (nest.data / "postgres").exists()
        running.stop()


def test_a_database_that_does_not_answer_is_told_without_its_password(nest: Nest):
    refused = nest.run(
        "up", "--port", "0", DATABASE_URL="postgresql://u:hunter2@127.0.0.1:1/nothing"
    )
    assert refused.code != 0
    assert "database" in refused.err.lower()
    assert "hunter2" not in refused.err + refused.out
    assert "Traceback" not in refused.err


ELSEWHERE = {"PGHOSTADDR": "127.0.0.1", "PGPORT": "1", "PGSSLMODE": "require", "PGOPTIONS": "-cx=y"}


def test_what_a_shell_tells_libpq_moves_no_connection(
    nest: Nest, own_server: Cluster, monkeypatch: pytest.MonkeyPatch
):
    with own_server.fresh() as database:
        url = url_of(database.administrator_dsn)
        running = nest.up(DATABASE_URL=url, **ELSEWHERE)
        assert health(running.url())["database"] == "connected"
        running.stop()
        for name, text in ELSEWHERE.items():  # The control: libpq itself would have listened.
            monkeypatch.setenv(name, text)
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(url)


def test_the_embedded_server_is_found_whatever_a_shell_tells_libpq(installed: Nest):
    running = installed.up(PGHOST="/nowhere", **ELSEWHERE)
    assert health(running.url())["database"] == "connected"
    found = installed.run("doctor", "database", "--json", PGHOST="/nowhere", **ELSEWHERE)
    assert found.facts["healthy"], found
    assert running.stop() < STOP_SECONDS_MAX
