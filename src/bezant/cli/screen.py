"""What people see in a terminal: calm lines, one accent, the same words whether coloured or not."""

import json
import os
import sys
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from bezant.cli.exits import Exit, Stop

if TYPE_CHECKING:
    from rich.console import Console

GOLD: Final = "#b8862b"
GREEN: Final = "#1f9d63"
AMBER: Final = "#c77a00"
RED: Final = "#c4473d"
LABEL_WIDTH: Final = 10
WIDTH_WITHOUT_TERMINAL: Final = 120  # A pipe has no width; keys and addresses must not be broken.


def console(*, stderr: bool = False) -> "Console":
    """Return a console; without a terminal it writes plain text and never breaks a line."""
    from rich.console import Console

    made = Console(stderr=stderr, highlight=False, soft_wrap=True)
    if not made.is_terminal:
        made = Console(stderr=stderr, highlight=False, soft_wrap=True, width=WIDTH_WITHOUT_TERMINAL)
    return made


def wants_json() -> bool:
    """Tell whether a program reads our output: then there is nothing on it but facts."""
    return "--json" in sys.argv


def show_json(facts: Mapping[str, object] | Sequence[object]) -> None:
    """Write facts for a program."""
    sys.stdout.write(json.dumps(facts, indent=2, ensure_ascii=False) + "\n")


def show_facts(title: str, facts: Sequence[tuple[str, str]], *, tag: str = "") -> None:
    """Write a title and labelled lines; a fact without a label belongs to the one above it."""
    from rich.text import Text

    out = console()
    out.print()
    head = Text("  ")
    head.append("● ", style=GOLD)
    head.append(title, style="bold")
    if tag:
        head.append("   ")
        head.append(f" {tag} ", style=f"bold {AMBER} reverse")
    out.print(head)
    out.print()
    for label, text in facts:
        line = Text("    ")
        line.append(f"{label:<{LABEL_WIDTH - 1}} ", style="dim")
        line.append(text)
        line.rstrip()
        out.print(line)
    out.print()


def show_line(text: str = "", *, style: str = "") -> None:
    """Write one line."""
    from rich.text import Text

    console().print(Text(text, style=style))


def show_stop(stop: Stop) -> None:
    """Say what ended a command and what to do next."""
    from rich.text import Text

    if wants_json():
        error = {"sentence": stop.sentence, "remedy": stop.remedy, "exit_code": int(stop.exit_code)}
        show_json({"error": error})
        return
    out = console(stderr=True)
    failed = stop.exit_code not in {Exit.DONE, Exit.NOT_RUNNING}
    for at, sentence in enumerate(stop.sentence.splitlines()):
        line = Text()
        line.append("✗ " if failed and at == 0 else "  ", style=RED)
        line.append(sentence)
        out.print(line)
    if stop.remedy:
        out.print(Text("  " + stop.remedy.replace("\n", "\n  "), style="dim"))


@contextmanager
def step(doing: str, done: str) -> Generator[None]:
    """Show that something is going on, and in the end how long it took; nothing with --json."""
    if wants_json():
        yield
        return
    from time import monotonic

    from rich.text import Text

    out = console()
    begin = monotonic()
    if out.is_terminal and os.environ.get("TERM") != "dumb":
        with out.status(Text(doing, style="dim"), spinner="dots", spinner_style=GOLD):
            yield
    else:
        out.print(f"  {doing} …")
        yield
    line = Text("  ")
    line.append("✓ ", style=GREEN)
    line.append(done)
    line.append(f"  {monotonic() - begin:.1f} s", style="dim")
    out.print(line)
