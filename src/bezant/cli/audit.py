"""`bezant audit`: the transparency log as its operator sees it, and taken away by others."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from bezant.cli.exits import Exit, Stop

if TYPE_CHECKING:
    from bezant.audit.port import Integrity
    from bezant.wiring.audit import TransparencyService

Answer = TypeVar("Answer")
Data = Annotated[Path | None, typer.Option(help="Data folder.", show_default=".bezant")]
AsJson = Annotated[bool, typer.Option("--json", help="Facts as JSON.")]

group = typer.Typer(help="The transparency log.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    """Add the group."""
    app.add_typer(group, name="audit")


@group.command()
def status(data: Data = None, as_json: AsJson = False) -> None:
    """Show how far the log is signed and witnessed. Ends with 1 if something was found wrong."""
    from bezant.cli.screen import show_facts, show_json

    found = _with_log(data, lambda log: log.integrity())
    if as_json:
        show_json(_facts(found))
    else:
        signed = f"{found.signed_size:,} of {found.size:,} entries"
        when = found.signed_at.strftime("%Y-%m-%d %H:%M:%S UTC") if found.signed_at else "never"
        lines = [("Log", found.origin), ("Signed", f"{signed}, {when}"), ("Root", found.root)]
        lines += [
            ("Witness", f"{one.witness}   {one.size:,} entries, {one.witnessed_at:%Y-%m-%d %H:%M}")
            for one in found.witnesses
        ]
        lines += [
            (one.book, f"batch {one.batch:,}  {one.hash}") for one in found.chain_heads
        ]  # fmt: skip
        lines += [
            (f"✗ {one.subject}" if one.fault else one.subject,
             one.fault or f"read again up to {one.reached:,}, {one.verified_at:%Y-%m-%d %H:%M}")
            for one in found.verifications
        ]  # fmt: skip
        show_facts("The transparency log", lines)
    if any(one.fault for one in found.verifications):
        raise typer.Exit(Exit.WRONG)


@group.command()
def verify(data: Data = None, as_json: AsJson = False) -> None:
    """Recompute the log from its rows; ends with 1 at the first that is wrong."""
    from bezant.cli.screen import show_facts, show_json

    found = _with_log(data, lambda log: log.recheck())
    if as_json:
        show_json({"valid": not found.fault, "reached": found.reached, "fault": found.fault})
    elif found.fault:
        show_facts(
            "✗ The log is not what was signed",
            [
                ("Where", found.fault),
                ("Next", "keep this database as it is, compare with a copy that others have"),
            ],
        )
    else:
        show_facts(
            "✓ Every entry, tile and checkpoint follows from what was signed",
            [
                ("Entries", f"{found.reached:,}"),
                ("Not shown", "that nobody signed another log; witnesses see that"),
            ],
        )
    if found.fault:
        raise typer.Exit(Exit.WRONG)


@group.command()
def export(
    folder: Annotated[Path, typer.Argument(help="Where to write; an empty or a new folder.")],
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Write what the log publishes as files, for a mirror or for `bezant-verify log`."""
    from bezant.cli.screen import show_facts, show_json

    if folder.exists() and any(folder.iterdir()):
        raise Stop(f"{folder} is not empty.", "Name another folder.", Exit.REFUSED)
    count = _with_log(data, lambda log: log.export(folder))
    if as_json:
        show_json({"folder": str(folder), "entries": count})
        return
    check = f"bezant-verify log {folder} --keys {folder / 'keys'} --since CHECKPOINT"
    show_facts("The log is exported", [("Entries", f"{count:,}"), ("Check", check)])


@group.command()
def keys(data: Data = None, as_json: AsJson = False) -> None:
    """Write the file of keys that verifiers and witnesses need."""
    del as_json  # The file is JSON.
    typer.echo(_with_log(data, lambda log: log.keys_file()), nl=False)


@group.command()
def proof(
    index: Annotated[int, typer.Argument(min=0, help="Which entry.")],
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Write the proof that an entry is in the log, to be kept as a .tlog-proof file."""
    from bezant.cli.screen import show_json

    found = _with_log(data, lambda log: log.inclusion(index))
    if as_json:
        show_json({"index": index, "proof": found})
    else:
        typer.echo(found, nl=False)


def _with_log(
    data: Path | None, ask: "Callable[[TransparencyService], Awaitable[Answer]]"
) -> Answer:
    """Open the log of an installation, ask it one thing, and close it again."""
    import asyncio
    from contextlib import AsyncExitStack

    from bezant.cli.beside import beside
    from bezant.clock import RealClock
    from bezant.ids import Ids
    from bezant.wiring.audit import log_beside
    from bezant.wiring.keys import keys_port
    from bezant.wiring.workbench import Workbench

    async def asked() -> Answer:
        here = beside(data)
        clock = RealClock()
        async with AsyncExitStack() as stack:
            bench = Workbench(stack, here.settings, here.site(), clock, Ids(clock), "operator")
            return await ask(await log_beside(bench, await keys_port(bench)))

    return asyncio.run(asked())


def _facts(found: "Integrity") -> dict[str, object]:
    return {
        "origin": found.origin,
        "size": found.size,
        "signed_size": found.signed_size,
        "root": found.root,
        "signed_at": found.signed_at.isoformat() if found.signed_at else None,
        "witnesses": [
            {"witness": w.witness, "size": w.size, "witnessed_at": w.witnessed_at.isoformat()}
            for w in found.witnesses
        ],
        "chain_heads": [
            {"book": h.book, "batch": h.batch, "hash": h.hash} for h in found.chain_heads
        ],
        "verifications": [
            {
                "subject": v.subject,
                "reached": v.reached,
                "fault": v.fault,
                "verified_at": v.verified_at.isoformat(),
            }
            for v in found.verifications
        ],
    }
