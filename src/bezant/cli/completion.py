"""`bezant completion`: a script that teaches a shell the commands."""

import os
from enum import StrEnum
from typing import Annotated, Final

import typer

ASKED: Final = "_BEZANT_COMPLETE"


class Shell(StrEnum):
    """The shells we can teach."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(completion)


def completion(shell: Annotated[Shell, typer.Argument(help="bash, zsh or fish.")]) -> None:
    """Print a script that completes commands: eval "$(bezant completion bash)"."""
    from typer.completion import get_completion_script  # pyright: ignore[reportPrivateImportUsage]

    typer.echo(get_completion_script(prog_name="bezant", complete_var=ASKED, shell=shell.value))


def prepare() -> None:
    """Make ready to answer a shell that asks what may follow."""
    if ASKED in os.environ:
        from typer.completion import completion_init  # pyright: ignore[reportPrivateImportUsage]

        completion_init()
