"""`bezant users`: invite people. A live installation begins with its first administrator's."""

import sys
from contextlib import AsyncExitStack
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bezant.cli.exits import Exit, Stop

if TYPE_CHECKING:
    from bezant.cli.beside import Beside
    from bezant.identity.port import NewInvitation

group = typer.Typer(help="People who sign in.", no_args_is_help=True)


class RoleName(StrEnum):
    """What somebody may be."""

    ADMIN = "admin"
    FINANCE = "finance"
    DEVELOPER = "developer"
    SUPPORT = "support"
    AUDITOR = "auditor"


def add_to(app: typer.Typer) -> None:
    """Add the group."""
    app.add_typer(group, name="users")


@group.callback()
def users() -> None:
    """People who sign in."""


@group.command()
def invite(
    email: Annotated[str | None, typer.Argument(help="Whom; asked for if left out.")] = None,
    role: Annotated[RoleName, typer.Option(help="What they will be.")] = RoleName.ADMIN,
    merchant: Annotated[
        str | None, typer.Option(help="At which merchant.", show_default="the platform")
    ] = None,
    data: Annotated[Path | None, typer.Option(help="Data folder.", show_default=".bezant")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Facts as JSON.")] = False,
) -> None:
    """Make a one-time link with which somebody becomes a member."""
    import asyncio

    from bezant.cli.beside import beside
    from bezant.cli.installation import read_running
    from bezant.cli.screen import show_facts, show_json

    here = beside(data)
    running = read_running(here.place)
    if running is None:
        raise Stop("The platform does not run.", "Start it with bezant up.", Exit.NOT_RUNNING)
    new = asyncio.run(_invite(here, _address(email), role, merchant))
    invitation, token = new.invitation, new.token.reveal()
    accept_at = f"{running.url}/v1/invitations/accept"
    # After the #, so that no server's log and no proxy ever sees it.
    link = f"{running.url}/join#{token}"
    if as_json:
        show_json(
            {
                "link": link,
                "accept_at": accept_at,
                "token": token,
                "email": invitation.email,
                "role": invitation.role,
                "tenant": invitation.tenant,
                "expires_at": invitation.expires_at.isoformat(),
            }
        )
        return
    show_facts(
        f"{invitation.email} may become {invitation.role}",
        [
            ("Link", link),
            ("Until", f"{invitation.expires_at:%Y-%m-%d %H:%M} UTC; it works once"),
            ("", "It is shown this once. Whoever opens it chooses a name and a password."),
        ],
    )


def _address(email: str | None) -> str:
    if email is not None:
        return email
    if not sys.stdin.isatty():
        raise Stop(
            "Nobody is named.", "Write bezant users invite NAME@EXAMPLE --role ROLE.", Exit.USAGE
        )
    return str(typer.prompt("  E-mail address"))


async def _invite(
    here: "Beside", email: str, role: RoleName, merchant: str | None
) -> "NewInvitation":
    from bezant.actor import PLATFORM, Mode
    from bezant.clock import RealClock
    from bezant.identity.port import InviteMember, Role
    from bezant.ids import Ids
    from bezant.wiring.keys import keys_port
    from bezant.wiring.lent import operator
    from bezant.wiring.modules import open_identity
    from bezant.wiring.workbench import Workbench

    clock = RealClock()
    async with AsyncExitStack() as stack:
        bench = Workbench(stack, here.settings, here.site(), clock, Ids(clock), "operator")
        identity = await open_identity(bench, await keys_port(bench))
        by = operator(Mode.LIVE if here.live else Mode.TEST)
        command = InviteMember(
            bench.ids.new("inv"), by, merchant or PLATFORM, email, Role(role.value)
        )
        return await identity.invite(command)
