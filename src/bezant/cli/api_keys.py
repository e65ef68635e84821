"""`bezant api-keys`: end a merchant's API keys at the machine itself, many at once."""

from contextlib import AsyncExitStack
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bezant.cli.exits import Exit, Stop

if TYPE_CHECKING:
    from bezant.cli.beside import Beside
    from bezant.identity.port import RevokeApiKeys

group = typer.Typer(help="API keys of merchants.", no_args_is_help=True)


class AccessName(StrEnum):
    """What a key may do with a resource."""

    READ = "read"
    WRITE = "write"


class ModeName(StrEnum):
    """Whose money it is about."""

    TEST = "test"
    LIVE = "live"


def add_to(app: typer.Typer) -> None:
    """Add the group."""
    app.add_typer(group, name="api-keys")


@group.callback()
def api_keys() -> None:
    """API keys of merchants."""


@group.command()
def revoke(
    merchant: Annotated[str, typer.Option(help="Whose keys.")],
    resource: Annotated[
        str, typer.Option(help="Those that may do something with it, such as payments.")
    ] = "",
    access: Annotated[
        AccessName | None, typer.Option(help="What they may do there.", show_default="either")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="All of them.")] = False,
    mode: Annotated[
        ModeName | None, typer.Option(help="In which mode.", show_default="the installation's")
    ] = None,
    sure: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    data: Annotated[Path | None, typer.Option(help="Data folder.", show_default=".bezant")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Facts as JSON.")] = False,
) -> None:
    """End every key that fits, at once; running processes refuse them within seconds."""
    import asyncio

    from bezant.actor import Mode
    from bezant.cli.beside import beside
    from bezant.cli.screen import show_json, show_line
    from bezant.identity.port import Access, RevokeApiKeys
    from bezant.wiring.lent import operator

    if every is bool(resource):
        raise Stop("It is not said which keys.", "Add --resource NAME, or --all.", Exit.USAGE)
    here = beside(data)
    by = operator(Mode(mode.value) if mode else Mode.LIVE if here.live else Mode.TEST)
    wanted = Access(access.value) if access else None
    command = RevokeApiKeys(by, merchant, resource=resource, access=wanted)
    if not sure and not typer.confirm("  End these keys for good?"):
        raise typer.Exit(Exit.WRONG)
    ended = asyncio.run(_revoke(here, command))
    if as_json:
        show_json({"revoked": ended})
    else:
        show_line(f"  ✓ {ended} keys ended; running processes refuse them within seconds")


async def _revoke(here: "Beside", command: "RevokeApiKeys") -> int:
    from bezant.clock import RealClock
    from bezant.ids import Ids
    from bezant.wiring.keys import keys_port
    from bezant.wiring.modules import open_identity
    from bezant.wiring.workbench import Workbench

    clock = RealClock()
    async with AsyncExitStack() as stack:
        bench = Workbench(stack, here.settings, here.site(), clock, Ids(clock), "operator")
        identity = await open_identity(bench, await keys_port(bench))
        return await identity.revoke_keys(command)
