"""No dead files, no dependency without a reason, nothing fetched that is not pinned."""

import importlib.util
import re
import tomllib
from collections.abc import Collection
from pathlib import PurePosixPath

import grimp
import pytest
from tests.house.tree import ROOT, files, page, pages

PACKAGES = ("bezant", "bezant_verify")
# Where running begins; everything else is imported by something or named by somebody.
ENTRANCES = {"bezant.cli.main", "bezant_verify.main"}

# Built and tested for the modules of the next floors; the first that uses one takes its line away.
AWAITED: dict[str, str] = {}


def dead(graph: grimp.ImportGraph, named: Collection[str]) -> list[str]:
    """Return the modules that nothing imports, nobody names and nothing starts with."""
    return sorted(
        module
        for module in graph.modules
        if not graph.find_modules_that_directly_import(module)
        and not graph.find_children(module)
        and not module.endswith("__main__")
        and module not in {*ENTRANCES, *named}
    )


def named_somewhere() -> set[str]:
    """Return the modules that are named as text: a late import, `python -m`, a script beside."""
    texts = [one for one in pages(".py") if not one.below("tests")] + [
        page(files_named("Makefile"))
    ]
    pattern = re.compile(r"""(?:["']|-m )((?:bezant|bezant_verify)(?:\.\w+)+)""")
    named = {name for one in texts for name in pattern.findall(one.text)}
    for one in texts:
        if one.below("src"):
            home = ".".join(one.path.parent.parts[1:])
            named |= {f"{home}.{name}" for name in re.findall(r"""["'](\w+)\.py["']""", one.text)}
    return named


def files_named(name: str) -> PurePosixPath:
    (found,) = [path for path in files() if path.as_posix() == name]
    return found


def test_no_file_is_dead():
    graph = grimp.build_graph(*PACKAGES, cache_dir=None)
    assert dead(graph, named_somewhere()) == sorted(AWAITED)


def test_a_planted_dead_file_is_caught():
    graph = grimp.ImportGraph()
    for module in ("bezant", "bezant.cli.main", "bezant.money", "bezant.attic", "bezant.late"):
        graph.add_module(module)
    graph.add_import(importer="bezant.cli.main", imported="bezant.money")
    assert dead(graph, {"bezant.late"}) == ["bezant.attic"]


def test_every_entrance_exists():
    assert [name for name in ENTRANCES if importlib.util.find_spec(name) is None] == []


@pytest.mark.parametrize("name", ["pyproject.toml", "verify/pyproject.toml"])
def test_every_dependency_says_why(name: str):
    text = (ROOT / name).read_text()
    lines = text[text.index("\ndependencies = [") :].splitlines()
    block = lines[1 : next(at for at, line in enumerate(lines[1:], 1) if line.endswith("]")) + 1]
    wanted = [line for line in block if re.match(r'\s+"', line)]
    assert [line for line in wanted if not re.search(r"#\s+\S.{4}", line)] == []
    declared = tomllib.loads(text)["project"]["dependencies"]
    assert len(wanted) == len(declared) or len(declared) == 1


def requirements() -> dict[str, str]:
    found = [path for path in files() if path.match("requirements/*.txt")]
    return {path.as_posix(): (ROOT / path).read_text() for path in found}


def unpinned(text: str) -> list[str]:
    """Return the requirements that are not one version with its hashes."""
    joined = text.replace("\\\n", " ")
    lines = [line.strip() for line in joined.splitlines() if line.strip() and line[0] != "#"]
    pinned = re.compile(r"[A-Za-z0-9._-]+(\[[\w,-]+\])?==\S+.*--hash=sha256:[0-9a-f]{64}")
    return [line for line in lines if not pinned.match(line)]


def test_everything_installed_is_pinned_with_hashes():
    assert {"requirements/base.txt", "requirements/test.txt"} <= requirements().keys()
    assert {name: bad for name, text in requirements().items() if (bad := unpinned(text))} == {}


@pytest.mark.parametrize(
    "line", ["rich", "rich>=14", "rich==14.0", "--extra-index-url x", "rich @ file:///x"]
)
def test_a_planted_loose_requirement_is_caught(line: str):
    sound = f"rich==15.0.0 \\\n    --hash=sha256:{'0' * 64}\n"
    assert unpinned(sound) == []
    assert unpinned(sound + line) == [line]
