"""`bezant witness`: sign what other operators' logs show, as they sign what ours shows."""

from pathlib import Path
from typing import Annotated, Final

import typer

Folder = Annotated[Path, typer.Option(help="Where its key lies, and what it signed.")]
Name = Annotated[str, typer.Option(help="The name it signs under, such as example.com/witness.")]
PORT: Final = 8090

group = typer.Typer(help="A witness for others' logs.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    """Add the group."""
    app.add_typer(group, name="witness")


@group.command()
def key(
    name: Name,
    folder: Folder = Path(".bezant-witness"),
    as_json: Annotated[bool, typer.Option("--json", help="Facts as JSON.")] = False,
) -> None:
    """Write the witness's public key; operators put it beside its address."""
    from bezant.cli.screen import show_json
    from bezant.wiring.witness import witness_key

    found = witness_key(folder, name)
    if as_json:
        show_json({"name": name, "key": found})
    else:
        typer.echo(found)


@group.command()
def serve(
    name: Name,
    log: Annotated[list[Path], typer.Option(help="File of a log's keys; may be given again.")],
    folder: Folder = Path(".bezant-witness"),
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Port to listen on.")] = PORT,
) -> None:
    """Sign each checkpoint that continues the last one, until interrupted."""
    import asyncio
    import signal

    from bezant.cli.screen import show_facts
    from bezant.clock import RealClock
    from bezant.wiring.witness import witness_key, witnessing

    async def served() -> None:
        stopped = asyncio.Event()
        for one in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(one, stopped.set)
        async with witnessing(folder, name, host, port, log, RealClock()) as bound:
            address = f"http://{host}:{bound}"
            show_facts(
                "The witness listens",
                [
                    ("Address", address),
                    ("Key", witness_key(folder, name)),
                    ("Settings", f"AUDIT_WITNESSES={address} {witness_key(folder, name)}"),
                ],
            )
            await stopped.wait()

    asyncio.run(served())
