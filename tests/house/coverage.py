"""The coverage page: which requirement is shown by which test, read from the marks on the tests
themselves.

    @pytest.mark.requirement("S001-4", part="ledger")  this test shows a part of it
    @pytest.mark.requirement("S001-4")                 the same; the part is called like the folder
    @pytest.mark.requirement("S003-5", whole=True)     with this test, the whole of it is shown

A requirement works when a test claims the whole, works partly when tests show parts, and is planned
otherwise. The whole must be said aloud, because it is the one claim that is easily made by
accident.
"""

import ast
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from tests.house.substance import dotted
from tests.house.tree import ROOT, Page

PAGE = "docs/reference/coverage.md"
SHOWN_IN_MAX = 3  # A row names this many files; more would only make the page harder to read.

HEAD = """\
# Coverage

What works today, requirement by requirement. This page is derived: a test says which requirement
it shows, whole or in part, and `make docs` writes the page from those marks.

- **works**: a test shows the whole of it
- **partly**: tests show the parts named
- **planned**: no test shows it, so we do not claim it

"""


@dataclass(frozen=True)
class Shown:
    """One mark on one test: the requirement it shows, which part of it, or the whole."""

    requirement: str
    part: str
    whole: bool
    file: str
    line: int


@dataclass(frozen=True)
class Family:
    """Requirements that belong together."""

    name: str
    titles: dict[str, str]


@cache
def families() -> tuple[Family, ...]:
    """Read every requirement there is."""
    data = tomllib.loads((ROOT / "tests/house/requirements.toml").read_text())
    return tuple(Family(one["name"], dict(one["requirements"])) for one in data["families"])


def known() -> set[str]:
    """Return every requirement id."""
    return {requirement for family in families() for requirement in family.titles}


def marks(page: Page) -> Iterator[Shown]:
    """Yield what the tests of one file say they show."""
    for node in ast.walk(page.syntax):
        if isinstance(node, ast.Call) and dotted(node.func).endswith("mark.requirement"):
            words = {str(word.arg): _plain(word.value) for word in node.keywords}
            part, whole = words.pop("part", page.path.parts[1]), words.pop("whole", False)
            requirements = [_plain(argument) for argument in node.args]
            if words or not isinstance(whole, bool) or not _texts(part, *requirements):
                raise ValueError(page.at(node.lineno, "a mark has ids, part= as text, whole=True"))
            for requirement in requirements:
                yield Shown(str(requirement), str(part), whole, str(page.path), node.lineno)


def _plain(node: ast.expr) -> object:
    return node.value if isinstance(node, ast.Constant) else None


def _texts(*values: object) -> bool:
    return all(isinstance(value, str) and value for value in values)


def unknown(shown: list[Shown]) -> list[str]:
    """Return the marks whose requirement does not exist."""
    return [
        f"{one.file}:{one.line}: there is no requirement {one.requirement}"
        for one in shown
        if one.requirement not in known()
    ]


def coverage_page(shown: list[Shown]) -> str:
    """Write the page."""
    by_requirement: defaultdict[str, list[Shown]] = defaultdict(list)
    for one in shown:
        by_requirement[one.requirement].append(one)
    counts = {"works": 0, "partly": 0, "planned": 0}
    sections: list[str] = []
    for family in families():
        rows = ["| id | requirement | state | shown by |", "| --- | --- | --- | --- |"]
        for requirement, title in family.titles.items():
            marked = by_requirement[requirement]
            counts[_state(marked)] += 1
            rows.append(f"| {requirement} | {title} | {_told(marked)} | {_files(marked)} |")
        sections.append(f"## {family.name}\n\n" + "\n".join(rows) + "\n")
    summary = ", ".join(f"{count} {state}" for state, count in counts.items())
    return f"{HEAD}Of {sum(counts.values())} requirements: {summary}.\n\n" + "\n".join(sections)


def _state(marked: list[Shown]) -> str:
    if not marked:
        return "planned"
    return "works" if any(one.whole for one in marked) else "partly"


def _told(marked: list[Shown]) -> str:
    state = _state(marked)
    if state != "partly":
        return state
    return "partly: " + "; ".join(sorted({one.part for one in marked}))


def _files(marked: list[Shown]) -> str:
    whole = [one for one in marked if one.whole] or marked
    names = sorted({one.file.removeprefix("tests/") for one in whole})
    more = f" and {len(names) - SHOWN_IN_MAX} more" if len(names) > SHOWN_IN_MAX else ""
    return ", ".join(f"`{name}`" for name in names[:SHOWN_IN_MAX]) + more
