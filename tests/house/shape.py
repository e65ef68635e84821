"""House rules about shape: where a file stands, what it is called, and how long things are."""

import ast
import re
from collections.abc import Iterator

from tests.house.tree import Page

FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 50
COLUMNS_MAX = 100
SQL_COLUMNS_MAX = 120  # Signatures and lists of columns of set-based SQL would fall apart below.
FOLDERS_BELOW_PACKAGE_MAX = 3
TO_A_TOOL = re.compile(r"\s*# (pyright: ignore\[\w+\]|type: ignore\[[\w-]+\]|noqa: [A-Z]+\d+).*$")

# Written by a program from the routes: as long and as wide as they are.
DERIVED = frozenset({"ui/src/api/schema.ts"})
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)

# A room with such a name collects what nobody could name; the noun is missing.
BANNED_ROOMS = frozenset(
    [
        "base",
        "bases",
        "common",
        "commons",
        "core",
        "helper",
        "helpers",
        "impl",
        "lib",
        "manager",
        "managers",
        "misc",
        "shared",
        "stuff",
        "tool",
        "tools",
        "util",
        "utility",
        "utils",
    ]
)
# Rooms are not modules: they have no port, and their files are nouns of their own trade.
ROOMS = frozenset(
    ["cli", "db", "gateway", "http", "rpc", "sandbox", "settings", "telemetry", "web"]
)
# The eight kinds of file say the same things in our words.
BANNED_IN_A_MODULE = frozenset(
    [
        "api",
        "constants",
        "controller",
        "controllers",
        "dto",
        "enums",
        "errors",
        "exceptions",
        "handlers",
        "interfaces",
        "models",
        "ports",
        "queries",
        "repository",
        "routes",
        "schema",
        "schemas",
        "services",
        "sql",
        "stores",
        "types",
        "views",
    ]
)


def banned_rooms(page: Page) -> Iterator[str]:
    """No file or folder of code is called by a name that means anything."""
    names = [*page.path.parent.parts, page.path.stem]
    for name in names:
        if BANNED_ROOMS & {name.lower(), *name.lower().replace("-", "_").split("_")}:
            yield page.at(1, f"a room called {name} has no noun")


def kinds_of_file(page: Page) -> Iterator[str]:
    """A module has eight kinds of file, then nouns and verbs; never a ninth generic name."""
    at_its_top = page.below("src/bezant") and len(page.path.parts) == 4
    if at_its_top and page.path.parts[2] not in ROOMS and page.path.stem in BANNED_IN_A_MODULE:
        yield page.at(1, f"{page.path.stem} is not one of the eight kinds of file")


def folders(page: Page) -> Iterator[str]:
    """There are at most three folders below the package."""
    if page.below("src/bezant"):
        depth = len(page.path.parent.parts) - 2
        if depth > FOLDERS_BELOW_PACKAGE_MAX:
            yield page.at(1, f"{depth} folders deep, {FOLDERS_BELOW_PACKAGE_MAX} are allowed")


def file_lines(page: Page) -> Iterator[str]:
    """A file has at most 400 lines."""
    if len(page.lines) > FILE_LINES_MAX and page.path.as_posix() not in DERIVED:
        yield page.at(len(page.lines), f"{len(page.lines)} lines, {FILE_LINES_MAX} are allowed")


def columns(page: Page) -> Iterator[str]:
    """A line has at most 100 columns, unless a link or a word to a tool needs more."""
    allowed = SQL_COLUMNS_MAX if page.path.suffix == ".sql" else COLUMNS_MAX
    for number, line in enumerate(page.lines, start=1):
        width = len(TO_A_TOOL.sub("", line).rstrip())
        wide = width > allowed and page.path.as_posix() not in DERIVED
        if wide and not _is_a_link(line):
            yield page.at(number, f"{width} columns, {allowed} are allowed")


def _is_a_link(line: str) -> bool:
    return any("://" in word for word in line.split() if len(word) > COLUMNS_MAX // 2)


def function_lines(page: Page) -> Iterator[str]:
    """A function has at most 50 lines; one inside it and the text of a statement are their own."""
    for node in ast.walk(page.syntax):
        if isinstance(node, FUNCTIONS):
            lines = _lines(node) - sum(_lines(inner) - 1 for inner in _apart(node))
            if lines > FUNCTION_LINES_MAX:
                yield page.at(node.lineno, f"{node.name} has {lines} lines")


def _lines(node: ast.stmt | ast.expr) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def _apart(node: ast.AST) -> Iterator[ast.stmt | ast.expr]:
    """Yield the outermost functions and texts of several lines inside a function."""
    for child in ast.iter_child_nodes(node):
        is_text = isinstance(child, ast.JoinedStr) or (
            isinstance(child, ast.Constant) and isinstance(child.value, str)
        )
        if isinstance(child, FUNCTIONS) or is_text:
            yield child
        else:
            yield from _apart(child)


def opening_sentence(page: Page) -> Iterator[str]:
    """A file opens with a sentence that says what it is."""
    if page.text.strip() and not ast.get_docstring(page.syntax):
        yield page.at(1, "the file does not say what it is")
