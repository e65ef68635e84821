"""`bezant backup` and `bezant restore`: a verified copy of everything but the key, and back."""

from pathlib import Path
from typing import Annotated

import typer

from bezant.cli.exits import Exit, Stop


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(backup)
    app.command()(restore)


def backup(
    to: Annotated[Path, typer.Argument(metavar="DIR", help="A new or empty folder.")],
    with_keys: Annotated[
        bool,
        typer.Option("--with-keys", help="Put the key file inside, too. Guard such a copy well."),
    ] = False,
    data: Annotated[Path | None, typer.Option(help="Data folder.", show_default=".bezant")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Facts as JSON.")] = False,
) -> None:
    """Copy the running platform's data, and check the copy."""
    import asyncio

    from bezant.cli.beside import beside
    from bezant.cli.screen import show_facts, show_json, step
    from bezant.clock import RealClock
    from bezant.db.backup import backup as back_up

    here = beside(data)
    if here.settings.database.address() is not None:
        raise Stop(
            "This platform stands on your own database.",
            "Back that database up with its own means, and keep the data folder and the key file.",
        )
    with step("copying and checking", "the copy is complete and verified"):
        about = asyncio.run(
            back_up(
                here.place.folder,
                to.absolute(),
                clock=RealClock(),
                key_file=here.key_file,
                with_keys=with_keys,
            )
        )
    facts = {"backup": str(to.absolute()), "made_at": about.made_at, "keys": about.keys.value}
    if as_json:
        show_json(facts)
        return
    inside = (
        "inside: guard this copy as you guard the key"
        if with_keys
        else f"not inside: {here.key_file}"
    )
    show_facts(
        "Backup made",
        [("Folder", str(to.absolute())), ("Key file", inside), ("Made", about.made_at)],
    )


def restore(
    source: Annotated[Path, typer.Argument(metavar="DIR", help="A backup.")],
    data: Annotated[
        Path | None, typer.Option(help="Into this new folder.", show_default=".bezant")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Facts as JSON.")] = False,
) -> None:
    """Check a backup and restore it into a new data folder."""
    import asyncio

    from bezant.cli.environment import load_settings
    from bezant.cli.installation import place_of, read_installation
    from bezant.cli.screen import show_facts, show_json, step
    from bezant.db.backup import restore as bring_back

    settings = load_settings({"BEZANT_DATA": str(data) if data else None})
    place = place_of(settings.platform.data)
    if place.folder.exists() and any(place.folder.iterdir()):
        raise Stop(
            f"{place.folder} is not empty; nothing in it was changed.",
            "Restore into a new folder with --data.",
        )
    described = read_installation_of(source)
    key_file = settings.platform.key_file or Path(described)
    with step("checking and restoring", "restored"):
        about = asyncio.run(bring_back(source.absolute(), place.folder, key_file=key_file))
    installation = read_installation(place)
    if installation is None:
        raise Stop("The backup holds no installation.", "Choose another backup.", Exit.WRONG)
    facts = {
        "data": str(place.folder),
        "made_at": about.made_at,
        "mode": installation.mode,
        "key_file": str(key_file),
    }
    if as_json:
        show_json(facts)
    else:
        start = "bezant up --live" if installation.mode == "live" else "bezant up"
        show_facts(
            f"Restored as of {about.made_at}",
            [("Data", str(place.folder)), ("Key file", str(key_file)), ("Start", start)],
        )


def read_installation_of(source: Path) -> str:
    """Return where the key of a backed-up installation lay."""
    from bezant.cli.installation import Place, read_installation

    found = read_installation(Place(source.absolute()))
    if found is None:
        raise Stop(
            f"{source} is no backup of Bezant.", "Name the folder that backup made.", Exit.USAGE
        )
    return found.key_file
