"""The files of this repository as the house rules see them: those git would keep."""

import ast
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).parents[2]
COMPLAINTS_SHOWN_MAX = 40  # Who has more begins with these.
BINARY = frozenset({".gif", ".ico", ".jpg", ".pdf", ".png", ".webp", ".woff", ".woff2", ".gz"})


@dataclass(frozen=True)
class Page:
    """One text file: its path from the root of the repository, and what stands in it."""

    path: PurePosixPath
    text: str

    @cached_property
    def lines(self) -> list[str]:
        return self.text.splitlines()

    @cached_property
    def syntax(self) -> ast.Module:
        return ast.parse(self.text)

    def below(self, folder: str) -> bool:
        return PurePosixPath(folder) in self.path.parents

    def at(self, line: int, complaint: str) -> str:
        return f"{self.path}:{line}: {complaint}"


Rule = Callable[[Page], Iterator[str]]


@cache
def files() -> tuple[PurePosixPath, ...]:
    """Return every file that is tracked or about to be."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout
    paths = (PurePosixPath(name) for name in listed.split("\0") if name)
    return tuple(sorted(path for path in paths if (ROOT / path).is_file()))


@cache
def page(path: PurePosixPath) -> Page:
    """Read one file."""
    return Page(path, (ROOT / path).read_text(encoding="utf-8"))


def pages(*suffixes: str) -> list[Page]:
    """Return every text file, or those with these suffixes."""
    chosen = [path for path in files() if path.suffix not in BINARY]
    return [page(path) for path in chosen if not suffixes or path.suffix in suffixes]


def python(*folders: str) -> list[Page]:
    """Return the Python files below these folders, or all of them."""
    found = pages(".py")
    return [one for one in found if not folders or any(one.below(folder) for folder in folders)]


def module_folders() -> list[PurePosixPath]:
    """Return the modules of the trade: the folders of `src/bezant` that have a port."""
    return sorted(path.parent for path in files() if path.match("src/bezant/*/port.py"))


def planted(path: str, text: str) -> Page:
    """Return a page that stands nowhere, for the negative control of a rule."""
    return Page(PurePosixPath(path), text)


def broken(rule: Rule, found: list[Page]) -> list[str]:
    """Return what a rule complains about in these pages."""
    return [complaint for one in found for complaint in rule(one)]


def tidy(rule: Rule, found: list[Page]) -> None:
    """Demand that a rule has nothing to complain about, and show all of it if it has."""
    complaints = broken(rule, found)
    shown = complaints[:COMPLAINTS_SHOWN_MAX]
    assert not complaints, "\n".join([f"{len(complaints)} complaints, the first of them:", *shown])
