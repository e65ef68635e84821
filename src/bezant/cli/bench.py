"""`bezant bench`: measure this machine beside pgbench and the ordinary way. Needs a checkout."""

import sys
from collections.abc import Callable, Mapping
from enum import StrEnum
from importlib import import_module
from pathlib import Path
from typing import Annotated, Protocol, cast

import typer

from bezant.cli.exits import Exit, Stop


class Subject(StrEnum):
    """What can be measured."""

    FLOOR = "floor"
    IDENTITY = "identity"
    LEDGER = "ledger"
    PAYMENTS = "payments"
    PROOF = "proof"


class Result(Protocol):
    """What a run found, as `bench/measure.py` has it."""

    met: bool

    def told(self) -> Mapping[str, object]:
        """Return the result as JSON."""
        ...


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(bench)


def bench(
    subject: Annotated[Subject, typer.Argument(help="What to measure.")],
    quick: Annotated[bool, typer.Option("--quick", help="At most two minutes.")] = False,
    long: Annotated[bool, typer.Option("--long", help="Also the grown sizes.")] = False,
    only: Annotated[str | None, typer.Option(help="One measure, by its id.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Raw values, as JSON.")] = False,
) -> None:
    """Measure, beside pgbench and the ordinary way in the same run."""
    from bezant.cli.screen import show_json, show_line

    root = Path(__file__).resolve().parents[3]
    if not (root / "bench" / f"{subject}.py").is_file():
        raise Stop("Benchmarks run from a checkout of the sources.", "Clone it and run make bench.")
    sys.path.insert(0, str(root))
    measure, show, run = (import_module(f"bench.{name}") for name in ("measure", "show", subject))
    told: Callable[[str], None] = (lambda _line: None) if as_json else show_line
    options = measure.Options(quick=quick, long=long, only=only, tell=told)
    try:
        result = cast("Result", run.run(options))
    except ValueError as unknown:
        raise Stop(str(unknown), "Leave --only out to run everything.", Exit.USAGE) from None
    if as_json:
        show_json(result.told())
    else:
        show.show(result)
    if not result.met:
        raise typer.Exit(Exit.WRONG)
