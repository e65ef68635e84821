"""`bezant migrate`: bring the tables to this version, or print the SQL that would."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bezant.cli.exits import Exit, Stop

if TYPE_CHECKING:
    from bezant.cli.ground import Ground


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(migrate)


def migrate(
    data: Annotated[Path | None, typer.Option(help="Data folder.", show_default=".bezant")] = None,
    to_print: Annotated[
        bool, typer.Option("--print", help="Only print the SQL, as psql loads it.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Facts as JSON.")] = False,
) -> None:
    """Bring the tables of the database to this version."""
    if to_print:
        from bezant.schemas import migration_script

        typer.echo(migration_script(), nl=False)
        return
    import asyncio

    from bezant.cli.screen import show_json, show_line

    applied = asyncio.run(_migrate(data))
    if as_json:
        show_json({"applied": applied})
    elif applied:
        for file in applied:
            show_line(f"  applied {file}")
    else:
        show_line("  The tables are up to date.")


async def _migrate(data: Path | None) -> list[str]:
    from bezant.schemas import migrate as apply

    ground = ground_of(data)
    return [str(file) for file in await apply(ground.administrators, ground.passwords)]


def ground_of(data: Path | None) -> "Ground":
    """Return the database of an installation: the operator's own, or the embedded one."""
    from bezant.cli.environment import load_settings
    from bezant.cli.ground import running_ground
    from bezant.cli.installation import key_path, place_of, read_installation
    from bezant.schemas import ROLES
    from bezant.wiring.lent import load_key_file

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
    return running_ground(settings, place, ROLES, key)
