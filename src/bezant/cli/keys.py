"""`bezant keys`: which keys there are, where they really lie, and making new versions of them."""

import getpass
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from bezant.cli.exits import Exit, Stop

if TYPE_CHECKING:
    from bezant.keys.port import Keys, KeysStatus, KeyVersion

Answer = TypeVar("Answer")
Data = Annotated[Path | None, typer.Option(help="Data folder.", show_default=".bezant")]
AsJson = Annotated[bool, typer.Option("--json", help="Facts as JSON.")]

CERTIFICATES = "mtls"
"""What the certificates between processes are called among keys."""
group = typer.Typer(help="Signing and encryption keys.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    """Add the group."""
    from bezant.cli import keys_life, keys_token

    keys_life.add_to(group)
    keys_token.add_to(group)
    app.add_typer(group, name="keys")


@group.command()
def status(data: Data = None, as_json: AsJson = False) -> None:
    """Show where keys lie and how many there are."""
    from bezant.cli.screen import show_facts, show_json

    found = with_keys(data, lambda keys: keys.status())
    if as_json:
        show_json(_status_facts(found))
    else:
        oldest = found.oldest_active_at
        lines = [
            ("active", str(found.active)),
            ("retired", f"{found.retired}   still verify or decrypt"),
            ("destroyed", str(found.destroyed)),
            ("oldest", oldest.strftime("%Y-%m-%d %H:%M UTC") if oldest else "none"),
        ]
        for one in found.providers:
            lines.append((one.provider, f"{one.module}   {one.keys} keys"))
            lines.append(("", f"certificate: {one.certificate}"))
            if not one.healthy:
                lines.append(("", f"✗ {one.detail}"))
        show_facts("Keys", lines)
    if not all(one.healthy for one in found.providers):
        raise typer.Exit(Exit.WRONG)


@group.command()
def inventory(data: Data = None, as_json: AsJson = False) -> None:
    """List every version of every key."""
    from bezant.cli.screen import show_json, show_line

    versions = with_keys(data, lambda keys: keys.inventory())
    if as_json:
        show_json([_version_facts(version) for version in versions])
        return
    for version in versions:
        made = version.created_at.strftime("%Y-%m-%d")
        until = version.not_after.strftime("%Y-%m-%d") if version.not_after else "open      "
        show_line(
            f"  {version.kid:<40} {version.state:<13} {version.spec:<14} {made} to {until}"
            f"  {version.provider}"
        )


@group.command()
def rotate(
    name: Annotated[
        str, typer.Argument(help="Which key, such as api-key-hash; mtls for the certificates.")
    ],
    reason: Annotated[str, typer.Option(help="Why; kept for ever.")] = "rotated by hand",
    publish_seconds: Annotated[
        int, typer.Option(min=0, help="Show the new version for so long before it takes over.")
    ] = 0,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Make a new version of a key; what older ones made stays readable."""
    from bezant.cli.screen import show_json, show_line
    from bezant.keys.port import KeyState, RotateKey

    if name == CERTIFICATES:
        from bezant.cli.keys_life import rotate_certificates

        rotate_certificates(data, as_json=as_json)
        return
    command = RotateKey(name, who(), reason, publish_seconds=publish_seconds)
    version = with_keys(data, lambda keys: keys.rotate(command))
    if as_json:
        show_json(_version_facts(version))
    elif version.state is KeyState.PENDING and version.not_before is not None:
        begins = version.not_before.strftime("%Y-%m-%d %H:%M UTC")
        show_line(f"  ✓ {version.kid} is shown to verifiers and takes over at {begins}")
    else:
        show_line(f"  ✓ {version.kid} is active; running processes use it within seconds")


@group.command()
def destroy(
    kid: Annotated[str, typer.Argument(help="The version, as the inventory names it.")],
    reason: Annotated[str, typer.Option(help="Why; kept for ever.")],
    sure: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Erase a version that no longer does new work. What it sealed is gone for good."""
    from bezant.cli.screen import show_json, show_line
    from bezant.keys.port import DestroyKey

    if not sure and not typer.confirm(f"Nothing that {kid} sealed can ever be read again. Go on?"):
        raise Stop("Nothing was changed.")
    command = DestroyKey(kid, who(), reason)
    version = with_keys(data, lambda keys: keys.destroy(command))
    if as_json:
        show_json(_version_facts(version))
    else:
        show_line(f"  ✓ {version.kid} is destroyed")


def who() -> str:
    """Name whoever sits here, for the record."""
    return f"operator {getpass.getuser()}"


def with_keys(data: Path | None, ask: "Callable[[Keys], Awaitable[Answer]]") -> Answer:
    """Open the key room of an installation, ask it one thing, and close it again."""
    import asyncio

    async def asked() -> Answer:
        async with key_room(data) as keys:
            return await ask(keys)

    return asyncio.run(asked())


@asynccontextmanager
async def key_room(data: Path | None) -> "AsyncGenerator[Keys]":
    """Open the key room of an installation."""
    from bezant.cli.environment import load_settings
    from bezant.cli.ground import running_ground
    from bezant.cli.installation import LIVE, key_path, place_of, read_installation
    from bezant.clock import RealClock
    from bezant.ids import Ids
    from bezant.schemas import ROLES
    from bezant.wiring.keys import keys_port
    from bezant.wiring.lent import load_key_file
    from bezant.wiring.site import Site
    from bezant.wiring.workbench import Workbench

    settings = load_settings({"BEZANT_DATA": str(data) if data else None})
    place = place_of(settings.platform.data)
    installation = read_installation(place)
    if installation is None:
        raise Stop(
            f"There is no installation in {place.folder}.",
            "Start with bezant up.",
            Exit.NOT_RUNNING,
        )
    key = load_key_file(key_path(installation, settings.platform.key_file))
    ground = running_ground(settings, place, ROLES, key)
    site = Site(place.folder, installation.id, installation.mode == LIVE, key, ground.roles)
    clock = RealClock()
    async with AsyncExitStack() as stack:
        bench = Workbench(stack, settings, site, clock, Ids(clock), "operator")
        yield await keys_port(bench)


def _status_facts(found: "KeysStatus") -> dict[str, object]:
    oldest = found.oldest_active_at
    return {
        "active": found.active,
        "retired": found.retired,
        "destroyed": found.destroyed,
        "oldest_active_at": oldest.isoformat() if oldest else None,
        "providers": [
            {
                "provider": one.provider,
                "healthy": one.healthy,
                "module": one.module,
                "certificate": one.certificate,
                "keys": one.keys,
                "detail": one.detail,
            }
            for one in found.providers
        ],
    }


def _version_facts(version: "KeyVersion") -> dict[str, object]:
    return {
        "kid": version.kid,
        "name": version.name,
        "version": version.version,
        "purpose": version.purpose,
        "spec": version.spec,
        "state": version.state,
        "lies_with": version.provider,
        "wrapped": version.wrapped,
        "created_at": version.created_at.isoformat(),
        "changed_at": version.changed_at.isoformat(),
        "not_before": version.not_before.isoformat() if version.not_before else None,
        "not_after": version.not_after.isoformat() if version.not_after else None,
        "made_here": version.made_here,
        "extractable": version.extractable,
    }
