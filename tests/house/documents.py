"""House rules for documents: what they name exists, what they show runs, and they speak plainly.

A fenced `python` block is run, page by page from top to bottom. A `console` block shows commands
after `$`: those of `make`, `bezant` and `bezant-verify` must exist with every option shown. A block
that cannot be run here says why in a comment above it: `<!-- not run: it needs a provider's account
-->`.
"""

import importlib.util
import posixpath
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import PurePosixPath

import typer.main
from tests.house.tree import ROOT, Page, files, page, pages
from typer.core import TyperCommand, TyperGroup

from bezant.cli.main import app

LINK = re.compile(r"(?<!\!)\[[^\]]*\]\((?P<target>[^)\s]+)\)|<img[^>]*src=\"(?P<image>[^\"]+)\"")
CODE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
FENCE = re.compile(
    r"(?:<!-- (?P<note>[^>]*?) -->\n)?```(?P<language>\w*)[^\n]*\n(?P<body>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
A_PATH = re.compile(r"[\w.-]+(/[\w.-]+)*/?")
FILE_ENDINGS = (".py", ".sql", ".toml", ".md", ".proto", ".yaml", ".svg", ".json")
A_MODULE = re.compile(r"(bezant|bezant_verify)(\.\w+)+")
NOT_PLAIN = re.compile(
    r"\b(oops|simply|obviously|easily|please|blazing|seamless\w*|leverag\w+)\b", re.IGNORECASE
)
SHOUT = re.compile(r"\w!(\s|$)")
RUN = "run"
NOT_RUN = "not run: "
OUR_COMMANDS = frozenset({"make", "bezant", "bezant-verify"})
HOMES = ("", "src/bezant/", "src/", "docs/", "tests/")
DOCUMENTS = re.compile(r"[^/]+\.md|docs/.*\.md|verify/README\.md|requirements/README\.md")


@dataclass(frozen=True)
class Block:
    """A fenced block of a document."""

    page: Page
    line: int
    language: str
    body: str
    note: str

    @property
    def is_run(self) -> bool:
        return not self.note.startswith(NOT_RUN)


def documents() -> list[Page]:
    """Return every page written for people."""
    return [one for one in pages(".md") if DOCUMENTS.fullmatch(one.path.as_posix())]


def blocks(document: Page) -> list[Block]:
    """Return the fenced blocks of a document in order."""
    return [
        Block(
            document,
            document.text.count("\n", 0, found.start("language")) + 1,
            found["language"],
            found["body"],
            found["note"] or "",
        )
        for found in FENCE.finditer(document.text)
    ]


def prose(document: Page) -> str:
    """Return a document without its fenced blocks, every line still where it was."""
    return FENCE.sub(lambda found: re.sub(r"[^\n]", "", found[0]), document.text)


def _each(pattern: re.Pattern[str], document: Page) -> Iterator[tuple[int, re.Match[str]]]:
    text = prose(document)
    for found in pattern.finditer(text):
        yield text.count("\n", 0, found.start()) + 1, found


def title(document: Page) -> Iterator[str]:
    """A page opens with its title."""
    if not re.match(r"(<!--.*?-->\n|<[^\n]*>\n|\n)*# \S", document.text):
        yield document.at(1, "the page has no title")


def links(document: Page) -> Iterator[str]:
    """A link leads somewhere, as far as we can look."""
    for line, found in _each(LINK, document):
        target = found["target"] or found["image"]
        if "://" in target or target.startswith(("#", "mailto:")):
            continue
        path = PurePosixPath(document.path.parent, target.partition("#")[0])
        if not (ROOT / path).exists():
            yield document.at(line, f"the link to {target} leads nowhere")


def orphans(found: list[Page]) -> list[str]:
    """Return the pages that no other page leads to: nobody would find them."""
    reached = {
        posixpath.normpath(PurePosixPath(one.path.parent, link["target"].partition("#")[0]))
        for one in found
        for _, link in _each(LINK, one)
        if link["target"]
    }
    pages_to_reach = {one.path.as_posix() for one in found if one.below("docs")}
    return sorted(pages_to_reach - reached)


def named_files(document: Page) -> Iterator[str]:
    """A file that is named exists."""
    for line, found in _each(CODE, document):
        name = found[1]
        is_file = A_PATH.fullmatch(name) and name.endswith(FILE_ENDINGS) and "/" in name
        is_folder = A_PATH.fullmatch(name) and name.endswith("/") and name.count("/") > 1
        if (is_file or is_folder) and "NNNN" not in name and not _exists(name):
            yield document.at(line, f"there is no {name}")


def _exists(name: str) -> bool:
    known = {path.as_posix() for path in files()}
    if name.endswith("/"):
        return any(one.startswith(home + name) for one in known for home in HOMES)
    return any(home + name in known for home in HOMES)


def named_modules(document: Page) -> Iterator[str]:
    """A module that is named can be imported, or is a name in one that can."""
    for line, found in _each(CODE, document):
        if A_MODULE.fullmatch(found[1]) and not _importable(found[1]):
            yield document.at(line, f"there is no {found[1]}")


def _importable(name: str) -> bool:
    front, _, last = name.rpartition(".")
    try:
        if importlib.util.find_spec(name):
            return True
    except ModuleNotFoundError:
        pass
    try:
        return hasattr(importlib.import_module(front), last)
    except ModuleNotFoundError:
        return False


def voice(document: Page) -> Iterator[str]:
    """A page speaks plainly and does not shout."""
    for line, found in _each(NOT_PLAIN, document):
        yield document.at(line, f"{found[0]!r} says nothing")
    for line, found in _each(SHOUT, document):
        yield document.at(line, f"{found[0].strip()!r} shouts")


def commands(document: Page) -> Iterator[str]:
    """A command that is shown or named exists, with its options."""
    for line, found in _each(CODE, document):
        for complaint in command_complaints(found[1]):
            yield document.at(line, complaint)
    for block in blocks(document):
        if block.language == "console":
            for at, text in enumerate(block.body.splitlines(), block.line + 1):
                if text.startswith("$ "):
                    for complaint in command_complaints(text[2:]):
                        yield document.at(at, complaint)


def shown_commands(document: Page) -> Iterator[str]:
    """A block of other commands is run by the tests, or says why not."""
    for block in blocks(document):
        words = {line.split()[1] for line in block.body.splitlines() if line.startswith("$ ")}
        others = {word for word in words if "=" not in word} - OUR_COMMANDS
        if block.language == "console" and others and not block.note.startswith((RUN, NOT_RUN)):
            yield document.at(block.line, f"nobody runs {', '.join(sorted(others))}")


def command_complaints(text: str) -> Iterator[str]:
    """Yield what is wrong with a `make` or `bezant` command."""
    try:
        words = [
            word for word in shlex.split(text, comments=True) if "=" not in word.partition("/")[0]
        ]
    except ValueError:
        return
    match words:
        case ["make", *targets]:
            yield from (f"there is no `make {one}`" for one in targets if one not in make_targets())
        case [("bezant" | ".venv/bin/bezant"), *rest]:
            yield from _bezant_complaints(rest)
        case _:
            pass


def _bezant_complaints(words: list[str]) -> Iterator[str]:
    command = typer.main.get_command(app)
    path = "bezant"
    for word in words:
        if word in {"|", "&&", ">", "…", "..."}:
            return
        if word.startswith("-"):
            option = word.partition("=")[0]
            if option not in {*_options(command), "--help", "-h", "--version"}:
                yield f"`{path}` has no option {option}"
        elif below := getattr(command, "commands", None):
            if word.startswith(("<", "[")) or word.isupper():
                return
            path = f"{path} {word}"
            if word not in below:
                yield f"there is no `{path}`"
                return
            command = below[word]


def _options(command: TyperCommand | TyperGroup) -> set[str]:
    return {name for one in command.params for name in (*one.opts, *one.secondary_opts)}


@cache
def make_targets() -> frozenset[str]:
    """Return the targets of the Makefile."""
    text = page(PurePosixPath("Makefile")).text
    return frozenset(re.findall(r"^([a-z][a-z-]*):", text, re.MULTILINE))


def run_python(document: Page) -> None:
    """Run the Python blocks of a page from top to bottom, in one namespace."""
    space: dict[str, object] = {"__name__": "document"}
    for block in blocks(document):
        if block.language == "python" and block.is_run:
            source = (
                "\n" * block.line + block.body
            )  # So that a traceback names the page's own line.
            exec(compile(source, str(document.path), "exec"), space)
