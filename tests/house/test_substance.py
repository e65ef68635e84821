"""SQL in its place, no float near money, time and chance handed in, nothing unfinished or
untested.
"""

from functools import partial

import pytest
from tests.house import substance
from tests.house.substance import checking_names, silent_tests
from tests.house.tree import Rule, pages, planted, python, tidy

PRODUCT = ("src", "verify/src")


@pytest.mark.parametrize(
    "rule",
    [
        substance.sql_in_its_place,
        substance.floats,
        substance.time_and_chance,
        substance.environment,
    ],
    ids=lambda rule: rule.__name__,
)
def test_the_product_keeps(rule: Rule):
    tidy(rule, python(*PRODUCT))


def test_nothing_is_unfinished():
    code = pages(".py", ".sql", ".ts", ".tsx", ".sh", ".toml", ".yaml", ".yml", ".md")
    tidy(substance.unfinished, code)


def test_no_test_is_skipped():
    tidy(substance.skipped_tests, python("tests"))


def test_every_test_checks_something():
    found = python("tests")
    names = checking_names(found)
    tidy(partial(silent_tests, names=names), found)


CODE = "src/bezant/ledger/service.py"
PLANTED = [
    (substance.sql_in_its_place, CODE, 'sql = "SELECT id FROM account"'),
    (substance.sql_in_its_place, CODE, 'sql = f"""\n    INSERT INTO {table} VALUES (1)"""'),
    (substance.sql_in_its_place, CODE, 'run("UPDATE account SET state = 1")'),
    (substance.sql_in_its_place, CODE, 'run("DROP TABLE account")'),
    (substance.sql_in_its_place, CODE, 'run("GRANT ALL ON account TO PUBLIC")'),
    (substance.floats, CODE, "price = 19.99"),
    (substance.floats, CODE, "price = float(text)"),
    (substance.floats, CODE, "def pay(amount: float) -> None: ..."),
    (substance.floats, CODE, "pay(amount=0.5)"),
    (substance.time_and_chance, CODE, "at = datetime.now(UTC)"),
    (substance.time_and_chance, CODE, "at = datetime.datetime.now()"),
    (substance.time_and_chance, CODE, "make = uuid4"),
    (substance.time_and_chance, CODE, "at = time.time()"),
    (substance.time_and_chance, CODE, "import random"),
    (substance.time_and_chance, CODE, "from random import choice"),
    (substance.environment, CODE, 'home = os.environ["HOME"]'),
    (substance.environment, CODE, 'home = os.getenv("HOME")'),
    (substance.unfinished, CODE, "x = 1  # TODO: later"),
    (substance.unfinished, CODE, "raise NotImplementedError"),
    (substance.skipped_tests, "tests/test_a.py", "@pytest.mark.skip\ndef test_a(): assert 1"),
    (substance.skipped_tests, "tests/test_a.py", "@pytest.mark.xfail()\ndef test_a(): ..."),
    (substance.skipped_tests, "tests/test_a.py", "def test_a():\n    pytest.skip('later')"),
]
SOUND = [
    (substance.sql_in_its_place, "src/bezant/ledger/store.py", 'sql = "SELECT id FROM account"'),
    (substance.sql_in_its_place, "src/bezant/db/tx.py", 'sql = "SELECT 1 FROM x"'),
    (substance.sql_in_its_place, CODE, '"""Never write UPDATE account SET state = 1 here."""'),
    (substance.sql_in_its_place, CODE, 'text = "select one from the list, then update it"'),
    (substance.floats, CODE, "wait(timeout_seconds=0.5)"),
    (substance.floats, CODE, "def wait(timeout_seconds: float = 0.5) -> None: ..."),
    (substance.floats, CODE, "POLL_SECONDS = 0.5"),
    (substance.floats, CODE, "price = EUR(19_99)"),
    (substance.time_and_chance, "src/bezant/clock.py", "at = datetime.now(UTC)"),
    (substance.time_and_chance, "src/bezant/cli/up.py", "at = datetime.now(UTC)"),
    (substance.time_and_chance, CODE, "at = self._clock.now()"),
    (substance.time_and_chance, CODE, "began = time.monotonic()"),
    (substance.environment, "src/bezant/settings/reading.py", 'home = os.environ["HOME"]'),
    (substance.unfinished, CODE, "hackneyed = 'todos'"),
    (substance.skipped_tests, "tests/test_a.py", "def test_a():\n    rows.skip(1)\n    assert 1"),
]


@pytest.mark.parametrize(("rule", "path", "text"), PLANTED)
def test_a_planted_breach_is_caught(rule: Rule, path: str, text: str):
    assert list(rule(planted(path, text)))


@pytest.mark.parametrize(("rule", "path", "text"), SOUND)
def test_what_is_right_is_left_alone(rule: Rule, path: str, text: str):
    assert list(rule(planted(path, text))) == []


@pytest.mark.parametrize(
    ("body", "checks"),
    [
        ("    run()\n", False),
        ("    test_it()\n", False),
        ("    assert run()\n", True),
        ("    with pytest.raises(ValueError):\n        run()\n", True),
        ("    agree(run())\n", True),
        ("    deeper(run())\n", True),
        ("    harmless(run())\n", False),
    ],
)
def test_a_test_that_checks_nothing_is_caught(body: str, checks: bool):
    page = planted(
        "tests/test_a.py",
        f"def test_it():\n{body}\n"
        "def agree(x):\n    assert x\n"
        "def deeper(x):\n    agree(x)\n"
        "def harmless(x):\n    print(x)\n",
    )
    assert bool(list(silent_tests(page, checking_names([page])))) != checks
