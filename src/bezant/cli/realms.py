"""`bezant realms`: issuers of their own with their clients and people, made from files."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bezant.cli.exits import Exit, Stop

if TYPE_CHECKING:
    from bezant.actor import Actor
    from bezant.cli.beside import Beside
    from bezant.identity.port import Client, OpenIdProvider, Realm
    from bezant.wiring.house import House
    from bezant.wiring.issuer import RealmFile

group = typer.Typer(help="Realms and clients people sign in to.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    """Add the group."""
    app.add_typer(group, name="realms")


@group.callback()
def realms() -> None:
    """Realms and clients people sign in to."""


@group.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="A realm's export, as Keycloak writes it.")],
    merchant: Annotated[
        str | None,
        typer.Option(help="Whose customers its people are.", show_default="the demo's"),
    ] = None,
    data: Annotated[Path | None, typer.Option(help="Data folder.", show_default=".bezant")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Facts as JSON.")] = False,
) -> None:
    """Make or renew a realm, its clients and its first people."""
    import asyncio

    from bezant.cli.screen import show_facts, show_json
    from bezant.wiring.issuer import read_realm

    here = _beside(data)
    try:
        content = file.read_bytes()
    except OSError as wrong:
        raise Stop(
            f"{file} cannot be read ({type(wrong).__name__}).", "Name another file."
        ) from None
    found = read_realm(content)
    realm = asyncio.run(_import(here, found, merchant or _merchant_of(here)))
    if as_json:
        show_json({"realm": realm.name, "issuer": realm.issuer, "clients": len(found.clients)})
        return
    show_facts(
        f"The realm {realm.name} is imported",
        [
            ("Issuer", realm.issuer),
            ("Clients", ", ".join(one.client_id for one in found.clients if one.active) or "none"),
            ("People", str(len(found.people))),
        ],
    )


@group.command("list")
def list_(
    data: Annotated[Path | None, typer.Option(help="Data folder.", show_default=".bezant")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Facts as JSON.")] = False,
) -> None:
    """Show every realm and its clients."""
    import asyncio

    from bezant.cli.screen import show_facts, show_json

    found = asyncio.run(_list(_beside(data)))
    if as_json:
        show_json(
            [
                {"realm": realm.name, "issuer": realm.issuer, "clients": [c.client_id for c in of]}
                for realm, of in found
            ]
        )
        return
    facts = [(realm.issuer, ", ".join(one.client_id for one in of)) for realm, of in found]
    show_facts("Realms and their clients", facts)


async def lay_out_realm(house: "House", merchant: str) -> None:
    """Give a demo its realm `ecommerce`, unless it is there already."""
    from bezant.actor import Mode
    from bezant.errors import NotFound
    from bezant.wiring.issuer import sample_realm
    from bezant.wiring.lent import operator

    found = sample_realm()
    try:
        await house.provider.realm(found.name)
    except NotFound:
        await house.provider.import_realm(found.command(operator(Mode.TEST), merchant))


def _merchant_of(here: "Beside") -> str:
    """Return the merchant of a demo's samples; a live installation names one."""
    import json

    try:
        return str(json.loads(here.place.sample.read_bytes())["merchant"])
    except (OSError, ValueError, KeyError):
        raise Stop("No merchant is named.", "Add --merchant mer_…", Exit.USAGE) from None


def _beside(data: Path | None) -> "Beside":
    """Recognise the installation, with the port and profile that it runs under."""
    from bezant.cli.beside import beside
    from bezant.cli.installation import read_running

    here = beside(data)
    running = read_running(here.place)
    if running is None:
        raise Stop("The platform does not run.", "Start it with bezant up.", Exit.NOT_RUNNING)
    return beside(data, BEZANT_PROFILE=running.profile, PORT=str(running.port))


@asynccontextmanager
async def _provider(here: "Beside") -> AsyncGenerator["OpenIdProvider"]:
    from bezant.clock import RealClock
    from bezant.ids import Ids
    from bezant.wiring.keys import keys_port
    from bezant.wiring.modules import open_identity
    from bezant.wiring.workbench import Workbench

    clock = RealClock()
    async with AsyncExitStack() as stack:
        bench = Workbench(stack, here.settings, here.site(), clock, Ids(clock), "operator")
        yield await open_identity(bench, await keys_port(bench))


async def _import(here: "Beside", found: "RealmFile", merchant: str) -> "Realm":
    async with _provider(here) as provider:
        return await provider.import_realm(found.command(_operator(here), merchant))


async def _list(here: "Beside") -> "list[tuple[Realm, tuple[Client, ...]]]":
    async with _provider(here) as provider:
        by = _operator(here)
        found = await provider.realms(by)
        return [(realm, await provider.clients(by, realm.name)) for realm in found]


def _operator(here: "Beside") -> "Actor":
    from bezant.actor import Mode
    from bezant.wiring.lent import operator

    return operator(Mode.LIVE if here.live else Mode.TEST)
