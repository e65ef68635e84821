"""Pages written from the code: `.env.example`, settings, command line. `make docs` runs this.

A test compares what is committed with what this writes, so neither can drift.
"""

from collections.abc import Iterator
from dataclasses import MISSING
from pathlib import Path
from typing import Final

import typer.main
from typer.core import TyperGroup

from bezant.cli.exits import Exit
from bezant.settings import Named, every_named

ROOT: Final = Path(__file__).resolve().parents[3]
PROGRAM: Final = "bezant"


def pages() -> dict[str, str]:
    """Return every derived page by its path in the repository."""
    return {
        ".env.example": env_example(),
        "docs/reference/settings.md": settings_page(),
        "docs/reference/cli.md": command_line_page(),
    }


def env_example() -> str:
    """Return every setting with its sentence, commented out where it has no default."""
    lines = [
        "# Copy to .env and set what you need; nothing here is needed to try things out.",
        "# The command line beats the environment, which beats this file. For every secret NAME,",
        "# NAME_FILE may name a file that holds it.",
    ]
    before: type[object] | None = None
    for group, about, default in every_named():
        if group is not before:
            lines += ["", f"# {_sentence(group)}"]
        before = group
        lines.append(f"# {_told(about)}")
        lines.append(f"# {about.name}={_default(default)}")
    return "\n".join(lines) + "\n"


def settings_page() -> str:
    """Return the page of settings."""
    lines = [
        "# Settings",
        "",
        "Command line beats environment beats `.env` beats profile. An empty text is the same as",
        "none. For every secret `NAME`, `NAME_FILE` may name a file that holds it. `DATABASE_URL`",
        "beats `DB_*`, `REDIS_URL` beats `REDIS_HOST` and its siblings.",
        "",
        "A module may have a database of its own (`LEDGER_DATABASE_URL`, and so on) and",
        "a process of its own (`LEDGER_GRPC`: host:port where `bezant serve ledger` listens).",
    ]
    before: type[object] | None = None
    for group, about, default in every_named():
        if group is not before:
            lines += ["", f"## {group.__name__}", "", _sentence(group), ""]
            lines += ["| name | default | meaning |", "| --- | --- | --- |"]
        before = group
        shown = f"`{_default(default)}`" if _default(default) else ""
        secret = " *Secret.*" if about.secret else ""
        lines.append(f"| `{about.name}` | {shown} | {_told(about)}{secret} |")
    return "\n".join(lines) + "\n"


def command_line_page() -> str:
    """Return the page of commands, options and exit codes."""
    from bezant.cli.main import app

    lines = [
        "# Command line",
        "",
        "Commands that tell facts take `--json`. Errors go to standard error: a sentence, and what",
        "to do next; with `--json` they are an object on standard output.",
        "",
        "## Exit codes",
        "",
        "| code | meaning |",
        "| --- | --- |",
        *(f"| {int(code)} | {code.says} |" for code in Exit),
    ]
    command = typer.main.get_command(app)
    assert isinstance(command, TyperGroup)
    lines += _commands(command, PROGRAM)
    return "\n".join(lines) + "\n"


def _commands(group: TyperGroup, path: str) -> Iterator[str]:
    for name, command in sorted(group.commands.items()):
        if command.hidden:
            continue
        words = f"{path} {name}"
        yield from ("", f"## `{words}`", "", (command.help or "").strip())
        if isinstance(command, TyperGroup):
            yield from _commands(command, words)
            continue
        rows: list[str] = []
        context = typer.Context(command, info_name=words)
        for parameter in command.params:
            record = parameter.get_help_record(context)
            if parameter.name != "help" and record is not None:
                rows.append(_row(record))
        if rows:
            yield from ("", "| | |", "| --- | --- |", *rows)


def _row(record: tuple[str, str]) -> str:
    name, meaning = (text.replace("|", "\\|") for text in record)
    return f"| `{name}` | {meaning} |"


def _told(about: Named) -> str:
    also = f" Also {', '.join(about.aliases)}." if about.aliases else ""
    awaits = f" Nothing uses it yet: it waits for {about.awaits}." if about.awaits else ""
    return about.says + also + awaits


def _sentence(group: type[object]) -> str:
    return (group.__doc__ or "").strip().split("\n")[0]


def _default(value: object) -> str:
    if value is MISSING or value in (None, (), ""):
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def write(root: Path = ROOT) -> list[Path]:
    """Write every page that differs; return those that did."""
    changed: list[Path] = []
    for name, text in pages().items():
        path = root / name
        if not path.exists() or path.read_text() != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            changed.append(path)
    return changed


if __name__ == "__main__":
    for written in write():
        typer.echo(f"  wrote {written.relative_to(ROOT)}")
