"""The fixtures give what they promise."""

import psycopg
import pytest
from tests.harness.cluster import Cluster, TestDatabase, every_module


@pytest.mark.parametrize("round_number", [1, 2])
def test_nothing_of_another_test_is_seen(database: TestDatabase, round_number: int):
    with psycopg.connect(database.administrator_dsn) as connection:
        before = connection.execute("SELECT to_regclass('seen')").fetchone()
        connection.execute("CREATE TABLE seen AS SELECT 1")
    assert before == (None,)


def test_every_module_has_its_schema_and_may_enter_with_its_own_role(database: TestDatabase):
    modules = every_module()
    assert modules
    for module in modules:
        with psycopg.connect(database.module_dsn(module.module)) as connection:
            row = connection.execute("SELECT current_schema(), current_user").fetchone()
        assert row == (module.module, module.role)


@pytest.mark.parametrize("round_number", [1, 2])
def test_a_password_changed_by_another_test_is_put_right(database: TestDatabase, round_number: int):
    module = every_module()[0]
    with psycopg.connect(database.module_dsn(module.module)) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    with psycopg.connect(database.administrator_dsn) as connection:
        connection.execute(f"ALTER ROLE {module.role} PASSWORD 'changed'".encode())


def test_a_copy_admits_nobody_the_template_does_not(
    database: TestDatabase, template: str, cluster: Cluster
):
    with psycopg.connect(cluster.administrator_dsn(), autocommit=True) as connection:
        rows = connection.execute(
            "SELECT DISTINCT datacl::text FROM pg_database WHERE datname IN (%s, %s)",
            (template, database.name),
        ).fetchall()
        assert len(rows) == 1
        connection.execute("CREATE ROLE passer_by LOGIN PASSWORD 'passer-by'")
    try:
        with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
            psycopg.connect(database.dsn("passer_by", "passer-by"))
    finally:
        with psycopg.connect(cluster.administrator_dsn(), autocommit=True) as connection:
            connection.execute("DROP ROLE passer_by")


def test_an_empty_database_is_empty(empty_database: TestDatabase):
    with psycopg.connect(empty_database.administrator_dsn) as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_namespace WHERE nspname !~ '^(pg_|information_schema|public)'"
        ).fetchone()
    assert row == (0,)
