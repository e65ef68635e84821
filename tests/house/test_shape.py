"""Every file is where it belongs, named by a noun or a verb, and short."""

import pytest
from tests.house import shape
from tests.house.tree import Rule, module_folders, pages, planted, python, tidy

CODE = (".py", ".sql", ".ts", ".tsx", ".sh")


@pytest.mark.parametrize(
    ("rule", "suffixes"),
    [
        (shape.banned_rooms, CODE),
        (shape.kinds_of_file, (".py",)),
        (shape.folders, CODE),
        (shape.file_lines, CODE),
        (shape.columns, CODE),
        (shape.function_lines, (".py",)),
        (shape.opening_sentence, (".py",)),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_the_whole_house_keeps(rule: Rule, suffixes: tuple[str, ...]):
    tidy(rule, pages(*suffixes))


def test_the_rules_look_at_real_files():
    assert len(python("src/bezant")) > 10
    assert len(python("tests")) > 5
    assert any(folder.name == "ledger" for folder in module_folders())


LONG = "x = 1\n"
NESTED = "def f():\n  def g():\n{}  return g\n"
PLANTED = [
    (shape.banned_rooms, "src/bezant/utils.py", LONG),
    (shape.banned_rooms, "src/bezant/ledger/helpers/pad.py", LONG),
    (shape.banned_rooms, "src/bezant/shared/__init__.py", LONG),
    (shape.banned_rooms, "tests/common.py", LONG),
    (shape.banned_rooms, "ui/office/src/core/money.ts", LONG),
    (shape.banned_rooms, "src/bezant/db/pool_manager.py", LONG),
    (shape.kinds_of_file, "src/bezant/ledger/models.py", LONG),
    (shape.kinds_of_file, "src/bezant/ledger/exceptions.py", LONG),
    (shape.folders, "src/bezant/a/b/c/d/deep.py", LONG),
    (shape.file_lines, "src/bezant/long.py", LONG * 401),
    (shape.columns, "src/bezant/wide.py", "# " + "x" * 99),
    (shape.columns, "src/bezant/wide.py", "x" * 101 + "  # noqa: S101"),
    (shape.columns, "src/bezant/ledger/migrations/0001_a.sql", "x" * 121),
    (shape.function_lines, "src/bezant/f.py", "def f():\n" + "    x = 1\n" * 50),
    (shape.function_lines, "src/bezant/f.py", "class A:\n async def f():\n" + "  x = 1\n" * 50),
    (shape.function_lines, "src/bezant/f.py", NESTED.format("    x = 1\n" * 50)),
    (shape.opening_sentence, "src/bezant/f.py", "import json\n"),
]
SOUND = [
    (shape.banned_rooms, "src/bezant/db/database.py", LONG),
    (shape.banned_rooms, "src/bezant/ledger/store.py", LONG),
    (shape.kinds_of_file, "src/bezant/ledger/port.py", LONG),
    (shape.kinds_of_file, "src/bezant/errors.py", LONG),
    (shape.kinds_of_file, "src/bezant/ledger/http/routes.py", LONG),
    (shape.kinds_of_file, "src/bezant/db/schema.py", LONG),
    (shape.folders, "src/bezant/a/b/c/deep.py", LONG),
    (shape.file_lines, "src/bezant/long.py", LONG * 400),
    (shape.columns, "src/bezant/wide.py", "# " + "x" * 98),
    (shape.columns, "src/bezant/wide.py", "x" * 90 + "  # pyright: ignore[reportArgumentType]"),
    (shape.columns, "src/bezant/ledger/migrations/0001_a.sql", "x" * 120),
    (shape.columns, "src/bezant/wide.py", "# see https://bezant.example/" + "x" * 99),
    (shape.function_lines, "src/bezant/f.py", "def f():\n" + "    x = 1\n" * 49),
    (shape.function_lines, "src/bezant/f.py", NESTED.format("    x = 1\n" * 48)),
    (shape.function_lines, "src/bezant/f.py", 'def f():\n  g("""\n' + "SELECT\n" * 60 + '""")\n'),
    (shape.opening_sentence, "src/bezant/f.py", '"""What it is."""\n'),
    (shape.opening_sentence, "src/bezant/__init__.py", ""),
]


@pytest.mark.parametrize(("rule", "path", "text"), PLANTED)
def test_a_planted_breach_is_caught(rule: Rule, path: str, text: str):
    assert list(rule(planted(path, text)))


@pytest.mark.parametrize(("rule", "path", "text"), SOUND)
def test_what_is_right_up_to_the_limit_is_left_alone(rule: Rule, path: str, text: str):
    assert list(rule(planted(path, text))) == []
