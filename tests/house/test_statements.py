"""SQL reads the same everywhere: in migrations, in their function bodies and in the stores."""

import subprocess
import sys
from pathlib import Path

import pytest
from tests.house.statements import complaints, is_a_store, migration_manners, store_manners
from tests.house.tree import ROOT, Page, pages, planted, python, tidy

CALM = ("--nocolor", "--disable-progress-bar")


def migrations() -> list[Page]:
    return [page for page in pages(".sql") if page.below("src/bezant")]


def lint(*files: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "sqlfluff",
            "lint",
            "--config",
            ROOT / "pyproject.toml",
            *CALM,
            *files,
        ],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_every_migration_passes_the_linter():
    assert migrations()
    linted = lint(*(ROOT / page.path for page in migrations()))
    assert linted.returncode == 0, linted.stdout + linted.stderr


@pytest.mark.parametrize(
    "sql",
    [
        "create TABLE account (id bigint);\n",
        "CREATE TABLE Account (id bigint);\n",
        "CREATE TABLE account (id BIGINT);\n",
        "CREATE VIEW every AS SELECT * FROM account;\n",
        "CREATE TABLE account (id bigint;\n",
    ],
)
def test_the_linter_catches_a_planted_breach(tmp_path: Path, sql: str):
    sound, planted_file = tmp_path / "sound.sql", tmp_path / "planted.sql"
    sound.write_text("CREATE TABLE account (id bigint);\nGRANT SELECT ON account TO {role};\n")
    planted_file.write_text(sql)
    linted = lint(sound, planted_file)
    assert linted.returncode == 1, linted.stdout
    assert "planted.sql] FAIL" in linted.stdout
    assert "sound.sql] FAIL" not in linted.stdout


def test_function_bodies_have_the_same_manners():
    tidy(migration_manners, migrations())


def test_stores_have_the_same_manners():
    stores = [page for page in python("src/bezant") if is_a_store(page)]
    assert stores
    tidy(store_manners, stores)


@pytest.mark.parametrize(
    "sql",
    [
        "AS $$ begin RETURN 1; END $$",
        "AS $$\n  select 1 INTO found;\n$$",
        "INSERT INTO account VALUES (1)",
        "INSERT INTO ledger.account SELECT 1",
        "SELECT * FROM account",
        "SELECT a.* FROM account AS a",
        "SELECT id FROM account WHERE due_at < now()",
        "SELECT id, CURRENT_TIMESTAMP FROM account",
    ],
)
def test_a_planted_breach_is_caught(sql: str):
    assert list(complaints(sql))
    assert list(
        store_manners(planted("src/bezant/ledger/store.py", f"X = f'''{_as_query(sql)}'''"))
    )


def _as_query(sql: str) -> str:
    return sql if sql.startswith(("INSERT", "SELECT")) else f"CREATE FUNCTION f() {sql}"


@pytest.mark.parametrize(
    "sql",
    [
        "-- select what is in the table\nSELECT id FROM account",
        "SELECT 'select from' AS text, \"from\" FROM account",
        "INSERT INTO account (id) VALUES (%(id)s)",
        "INSERT INTO account AS a (id) SELECT b.id FROM unnest(%s) AS b (id)",
        "SELECT count(*), left(name, 1), id * 2 FROM account",
        "SELECT a.end, a.table, recorded_at FROM account AS a",
        "SELECT coalesce(due_at, $1) FROM account",
    ],
)
def test_sound_sql_is_left_alone(sql: str):
    assert list(complaints(sql)) == []
