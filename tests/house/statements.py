"""House rules for SQL where no linter reads it: in function bodies and in the stores.

Keywords are upper, every INSERT names its columns, no query asks for `*`, and time comes in as an
argument.
"""

import ast
import re
from collections.abc import Iterator

from tests.house.substance import documentation
from tests.house.tree import Page

KEYWORDS = frozenset(
    [
        "add",
        "all",
        "alter",
        "and",
        "as",
        "asc",
        "begin",
        "between",
        "by",
        "case",
        "check",
        "conflict",
        "constraint",
        "create",
        "cross",
        "declare",
        "default",
        "delete",
        "desc",
        "distinct",
        "drop",
        "else",
        "elsif",
        "end",
        "except",
        "exists",
        "foreach",
        "for",
        "from",
        "function",
        "grant",
        "group",
        "having",
        "if",
        "ilike",
        "in",
        "index",
        "inner",
        "insert",
        "intersect",
        "into",
        "is",
        "join",
        "language",
        "lateral",
        "like",
        "limit",
        "loop",
        "not",
        "nothing",
        "on",
        "or",
        "order",
        "over",
        "partition",
        "perform",
        "primary",
        "raise",
        "references",
        "return",
        "returning",
        "returns",
        "revoke",
        "select",
        "set",
        "table",
        "then",
        "to",
        "union",
        "unique",
        "update",
        "using",
        "values",
        "when",
        "where",
        "while",
        "with",
    ]
)
SKIPPED = re.compile(
    r"--[^\n]*|/\*[\s\S]*?\*/|'(?:[^']|'')*'|\"[^\"]*\"|\$\w*\$"  # comments, texts, quoted names
    r"|\{[^{}]*\}|%\(\w+\)s|%[sbt]"  # what is filled in
)
WORD = re.compile(r"(?<![\w.:@])[A-Za-z_]+(?![\w.(])")
A_STATEMENT = re.compile(
    r"\s*(--[^\n]*\n\s*)*"
    r"(select|insert|update|delete|with|create|alter|drop|grant|revoke|truncate|lock)\s",
    re.IGNORECASE,
)
INSERT = re.compile(r"\bINSERT\s+INTO\s+[\w.{}\"]+(\s+AS\s+\w+)?\s*(?P<next>\(|\w+)", re.IGNORECASE)
STAR = re.compile(r"\bSELECT\s+(DISTINCT\s+)?(\w+\.)?\*(?!\s+INTO\s)", re.IGNORECASE)
CLOCKS = re.compile(
    r"\b(now\s*\(|current_timestamp\b|current_date\b|localtimestamp\b|clock_timestamp\s*\("
    r"|statement_timestamp\s*\(|transaction_timestamp\s*\()",
    re.IGNORECASE,
)


def _blank(match: re.Match[str]) -> str:
    """Leave the shape and take the words; a dollar quote parts what stands on its two sides."""
    return re.sub(r"[^\n]", ";" if match[0].startswith("$") else " ", match[0])


def complaints(sql: str, *, clocks: bool = True) -> Iterator[tuple[int, str]]:
    """Yield the line and the words for everything wrong in this text."""
    bare = SKIPPED.sub(_blank, sql)
    for word in WORD.finditer(bare):
        named = bare[: word.start()].rstrip()[-3:].upper() == " AS"  # `AS by` names a column.
        if word[0].lower() in KEYWORDS and word[0] != word[0].upper() and not named:
            yield _line(bare, word), f"the keyword {word[0]} is not upper"
    for insert in INSERT.finditer(bare):
        if insert["next"] != "(":
            yield _line(bare, insert), "an INSERT that does not name its columns"
    for star in STAR.finditer(bare):
        yield _line(bare, star), "a query for * does not say what it wants"
    for clock in CLOCKS.finditer(bare) if clocks else ():
        yield _line(bare, clock), f"{clock[0].strip(' (')} is not our clock: time is an argument"


def _line(text: str, match: re.Match[str]) -> int:
    return text.count("\n", 0, match.start()) + 1


def migration_manners(page: Page) -> Iterator[str]:
    """A migration reads like SQL, also in its function bodies; only the db room tells the time."""
    for line, complaint in complaints(page.text, clocks=not page.below("src/bezant/db")):
        yield page.at(line, complaint)


def store_manners(page: Page) -> Iterator[str]:
    """A store's statements read like SQL."""
    told = documentation(page.syntax)
    for node in ast.walk(page.syntax):
        text = "" if id(node) in told else _text(node)
        if text and A_STATEMENT.match(text):
            for line, complaint in complaints(text):
                yield page.at(getattr(node, "lineno", 1) + line - 1, complaint)


def _text(node: ast.AST) -> str:
    if isinstance(node, ast.JoinedStr):
        return "".join(
            str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values
        )
    value = node.value if isinstance(node, ast.Constant) else None
    return value if isinstance(value, str) else ""


def is_a_store(page: Page) -> bool:
    """Tell whether a Python file holds the SQL of a module."""
    return page.below("src/bezant") and "store" in (page.path.stem, page.path.parent.name)
