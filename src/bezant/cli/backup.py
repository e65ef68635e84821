"""`bezant backup` and `bezant restore`: a verified copy of everything but the key, and back."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bezant.cli.exits import Exit, Stop

if TYPE_CHECKING:
    from bezant.cli.beside import Beside
    from bezant.cli.installation import Installation


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(backup)
    app.command()(restore)


def backup(
    to: Annotated[
        Path, typer.Argument(metavar="DIR", help="A new or empty folder; any with --sql.")
    ],
    with_keys: Annotated[
        bool,
        typer.Option("--with-keys", help="Put the key file inside, too. Guard such a copy well."),
    ] = False,
    as_sql: Annotated[
        bool, typer.Option("--sql", help="Compressed SQL instead; in DIR 30 days of it are kept.")
    ] = False,
    data: Annotated[Path | None, typer.Option(help="Data folder.", show_default=".bezant")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Facts as JSON.")] = False,
) -> None:
    """Copy the running platform's data, and check the copy."""
    from bezant.cli.beside import beside

    here = beside(data)
    if as_sql:
        _write_sql(here, to.absolute(), as_json=as_json)
        return
    if here.settings.database.address() is not None:
        raise Stop(
            "This platform stands on your own database.",
            "Back it up with its own means or with --sql; keep the data folder and the key file.",
        )
    _copy(here, to.absolute(), with_keys=with_keys, as_json=as_json)


def _copy(here: "Beside", to: Path, *, with_keys: bool, as_json: bool) -> None:
    """Copy the data folder and the database's files, and check every one of them."""
    import asyncio

    from bezant.cli.screen import show_facts, show_json, step
    from bezant.clock import RealClock
    from bezant.db.backup import backup as back_up

    with step("copying and checking", "the copy is complete and verified"):
        about = asyncio.run(
            back_up(
                here.place.folder,
                to,
                clock=RealClock(),
                key_file=here.key_file,
                with_keys=with_keys,
            )
        )
    if as_json:
        show_json({"backup": str(to), "made_at": about.made_at, "keys": about.keys.value})
        return
    guarded = "inside: guard this copy as you guard the key"
    inside = guarded if with_keys else f"not inside: {here.key_file}"
    show_facts("Backup made", [("Folder", str(to)), ("Key file", inside), ("Made", about.made_at)])


def _write_sql(here: "Beside", folder: Path, *, as_json: bool) -> None:
    """Write each database as SQL text that any PostgreSQL loads, and erase the oldest."""
    import asyncio

    from bezant.cli.screen import show_json, show_line, step
    from bezant.clock import RealClock
    from bezant.db.dump import dump, prune

    clock = RealClock()
    databases = {each.reveal(): each for each in here.ground().administrators.values()}
    with step("writing SQL", "every database is written and read back"):
        written = [
            asyncio.run(dump(address, _folder_of(folder, number), clock=clock))
            for number, address in enumerate(databases.values())
        ]
    erased = [
        old
        for number in range(len(databases))
        for old in prune(_folder_of(folder, number), clock=clock)
    ]
    if as_json:
        show_json(
            {"written": [str(one) for one in written], "erased": [str(one) for one in erased]}
        )
        return
    for one in written:
        show_line(f"  wrote {one}")
    for one in erased:
        show_line(f"  erased {one}")


def _folder_of(folder: Path, number: int) -> Path:
    """Return where the dumps of a database go: further databases have folders beside."""
    return folder if number == 0 else folder / str(number)


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
    from bezant.cli.installation import LIVE, place_of
    from bezant.cli.screen import show_facts, show_json, step
    from bezant.db.backup import restore as bring_back

    settings = load_settings({"BEZANT_DATA": str(data) if data else None})
    place = place_of(settings.platform.data)
    _require_new(place.folder)
    installation = _installation_of(source)
    key_file = settings.platform.key_file or Path(installation.key_file)
    with step("checking and restoring", "restored"):
        about = asyncio.run(bring_back(source.absolute(), place.folder, key_file=key_file))
    if as_json:
        show_json(
            {
                "data": str(place.folder),
                "made_at": about.made_at,
                "mode": installation.mode,
                "key_file": str(key_file),
            }
        )
        return
    start = "bezant up --live" if installation.mode == LIVE else "bezant up"
    show_facts(
        f"Restored as of {about.made_at}",
        [("Data", str(place.folder)), ("Key file", str(key_file)), ("Start", start)],
    )


def _require_new(folder: Path) -> None:
    if folder.exists() and any(folder.iterdir()):
        raise Stop(
            f"{folder} is not empty; nothing in it was changed.",
            "Restore into a new folder with --data.",
        )


def _installation_of(source: Path) -> "Installation":
    """Return which installation a backup holds."""
    from bezant.cli.installation import Place, read_installation

    found = read_installation(Place(source.absolute()))
    if found is None:
        raise Stop(
            f"{source} is no backup of Bezant.", "Name the folder that backup made.", Exit.USAGE
        )
    return found
