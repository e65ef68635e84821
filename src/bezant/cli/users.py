"""`bezant users`: invite people. A live installation begins with the first administrator's one-time link."""

import asyncio
from contextlib import AsyncExitStack
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bezant.cli.exits import Exit, Stop

if TYPE_CHECKING:
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
    """Invite people."""


@group.command()
def invite(
    email: Annotated[str, typer.Argument(help="Whom to invite.")],
    role: Annotated[RoleName, typer.Option(help="What they will be.")] = RoleName.ADMIN,
    merchant: Annotated[
        str | None, typer.Option(help="At which merchant.", show_default="the platform")
    ] = None,
    data: Annotated[Path | None, typer.Option(help="Data folder.", show_default=".bezant")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Facts as JSON.")] = False,
) -> None:
    """Make a one-time link with which somebody becomes a member."""
    from bezant.cli.beside import beside
    from bezant.cli.installation import read_running
    from bezant.cli.screen import show_facts, show_json

    here = beside(data)
    running = read_running(here.place)
    if running is None:
        raise Stop("The platform does not run.", "Start it with bezant up.", Exit.NOT_RUNNING)
    new = asyncio.run(_invite(data, email, role, merchant))
    invitation = new.invitation
    link = f"{running.url}/invitation#{new.token.reveal()}"
    if as_json:
        show_json(
            {
                "link": link,
                "token": new.token.reveal(),
                "email": invitation.email,
                "role": invitation.role,
                "tenant": invitation.tenant,
                "expires_at": invitation.expires_at.isoformat(),
            }
        )
        return
    accept = (
        f"curl {running.url}/v1/invitations/accept -H 'content-type: application/json' "
        f'-d \'{{"token": "{new.token.reveal()}", "name": "…", "password": "…"}}\''
    )
    show_facts(
        f"{invitation.email} may become {invitation.role}",
        [
            ("Link", link),
            ("Or", accept),
            ("Until", f"{invitation.expires_at:%Y-%m-%d %H:%M} UTC, once"),
            ("", "It is shown this once. Give it to nobody else."),
        ],
    )


async def _invite(
    data: Path | None, email: str, role: RoleName, merchant: str | None
) -> "NewInvitation":
    from bezant.actor import PLATFORM, Mode
    from bezant.cli.beside import beside
    from bezant.clock import RealClock
    from bezant.identity.port import InviteMember, Role
    from bezant.ids import Ids
    from bezant.wiring import Workbench, keys_port, open_identity, operator

    here = beside(data)
    clock = RealClock()
    async with AsyncExitStack() as stack:
        bench = Workbench(stack, here.settings, here.site(), clock, Ids(clock), "operator")
        identity = await open_identity(bench, await keys_port(bench))
        by = operator(Mode.LIVE if here.live else Mode.TEST)
        tenant = merchant or PLATFORM
        return await identity.invite(
            InviteMember(bench.ids.new("inv"), by, tenant, email, Role(role.value))
        )
