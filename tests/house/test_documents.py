"""Documents name what exists, show what runs and speak plainly."""

import pytest
import yaml
from tests.house import documents as rules
from tests.house.documents import (
    blocks,
    command_complaints,
    documents,
    make_targets,
    orphans,
    run_python,
)
from tests.house.tree import ROOT, Page, Rule, planted, tidy

pytestmark = pytest.mark.catalogue("T104")

RULES = [
    rules.title,
    rules.links,
    rules.named_files,
    rules.named_modules,
    rules.voice,
    rules.commands,
    rules.shown_commands,
]
EXPECTED = [
    "README.md",
    "ARCHITECTURE.md",
    "STYLE.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "CHANGELOG.md",
    "docs/start.md",
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_every_document_keeps(rule: Rule):
    tidy(rule, documents())


def test_the_documents_are_there():
    assert set(EXPECTED) <= {one.path.as_posix() for one in documents()}


def test_every_page_is_reached_from_another():
    assert orphans(documents()) == []


def test_a_page_nobody_links_to_is_caught():
    lost = planted("docs/concepts/lost.md", "# Lost\n")
    leading = planted("docs/README.md", "# All\n[found](concepts/found.md#here)\n")
    found = planted("docs/concepts/found.md", "# Found\n[back](../README.md)\n")
    assert orphans([lost, leading, found]) == ["docs/concepts/lost.md"]


@pytest.mark.parametrize("document", documents(), ids=lambda one: str(one.path))
def test_its_python_runs(document: Page):
    assert all(
        block.note.removeprefix("not run: ") for block in blocks(document) if not block.is_run
    )
    run_python(document)


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (rules.title, "no title\n"),
        (rules.links, "# T\n[there](nowhere.md)\n"),
        (rules.links, '# T\n<img src="docs/pictures/missing.svg">\n'),
        (rules.named_files, "# T\n`ledger/nowhere.py`\n"),
        (rules.named_files, "# T\n`src/bezant/attic/`\n"),
        (rules.named_modules, "# T\n`bezant.attic.port`\n"),
        (rules.named_modules, "# T\n`bezant.money.Coin`\n"),
        (rules.voice, "# T\nIt is simply there.\n"),
        (rules.voice, "# T\nDone!\n"),
        (rules.commands, "# T\nRun `make coffee`.\n"),
        (rules.commands, "# T\n```console\n$ make coffee\n```\n"),
        (rules.commands, "# T\n```console\n$ bezant brew\n```\n"),
        (rules.commands, "# T\n```console\n$ bezant up --strong\n```\n"),
        (rules.shown_commands, "# T\n```console\n$ psql -c 1\n```\n"),
    ],
)
def test_a_planted_breach_is_caught(rule: Rule, text: str):
    assert list(rule(planted("docs/start.md", text)))


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (rules.title, "# T\n"),
        (rules.links, "# T\n[there](../README.md#top) [out](https://bezant.example/)\n"),
        (
            rules.named_files,
            "# T\n`ledger/port.py` `src/bezant/money.py` `and/or` `tests/house/`\n",
        ),
        (rules.named_modules, "# T\n`bezant.ledger.port` `bezant.money.Money`\n"),
        (rules.voice, "# T\nIt is there.\n```\nOops!\n```\n"),
        (rules.shown_commands, "# T\n<!-- run -->\n```console\n$ curl -s x\n```\n"),
        (rules.shown_commands, "# T\n```console\n$ make up\n$ X=1 bezant up\n```\n"),
        (rules.commands, "# T\n`make help` and `bezant up --detach`\n"),
        (rules.commands, "# T\n```console\n$ bezant up --data DIR\nanything\n```\n"),
    ],
)
def test_what_is_right_is_left_alone(rule: Rule, text: str):
    assert list(rule(planted("docs/start.md", text))) == []


def test_a_block_that_fails_is_caught():
    sound = "# T\n```python\nanswer = 42\n```\n\n```python\nassert answer == 42\n```\n"
    run_python(planted("docs/start.md", sound))
    with pytest.raises(AssertionError):
        run_python(planted("docs/start.md", sound.replace("answer = 42", "answer = 41")))


def test_a_block_that_is_not_run_says_why():
    text = "# T\n<!-- not run: it needs an account -->\n```python\nraise SystemExit\n```\n"
    (block,) = blocks(planted("docs/start.md", text))
    assert not block.is_run
    run_python(planted("docs/start.md", text))


def test_commands_with_settings_and_pipes_are_understood():
    assert list(command_complaints('PORT=9000 bezant up --port 9000 | head -1 && echo "x"')) == []
    assert list(command_complaints("make test ARGS='tests/house -x'")) == []
    assert "up" in make_targets()


def test_every_workflow_and_hook_uses_what_exists():
    found = [*(ROOT / ".github/workflows").glob("*.yaml"), ROOT / ".pre-commit-config.yaml"]
    assert len(found) > 2
    for file in found:
        assert yaml.safe_load(file.read_text()), file
        for line in file.read_text().splitlines():
            run = line.partition("run: ")[2] or line.partition("entry: ")[2]
            assert list(command_complaints(run)) == [], (file.name, line)
            if "-m tests.house." in run:
                module = run.partition("-m ")[2].split()[0]
                assert (ROOT / f"{module.replace('.', '/')}.py").is_file(), line
