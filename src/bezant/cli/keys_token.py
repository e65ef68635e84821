"""`bezant keys init-token`: make the token that keys are then made in."""

from typing import Annotated

import typer

from bezant.cli.exits import Exit, Stop


def add_to(group: typer.Typer) -> None:
    """Add the command."""
    group.command("init-token")(init_token)


def init_token(
    as_json: Annotated[bool, typer.Option("--json", help="Facts as JSON.")] = False,
) -> None:
    """Make the token named by the settings, with its PINs. One that is there stays as it is."""
    import asyncio

    from bezant.cli.environment import load_settings
    from bezant.cli.screen import show_json, show_line
    from bezant.wiring.keys import make_token

    settings = load_settings({}).keys
    missing = [
        name
        for name, value in (
            ("SOFTHSM_MODULE", settings.softhsm_module),
            ("SOFTHSM_USER_PIN", settings.softhsm_user_pin),
            ("SOFTHSM_SO_PIN", settings.softhsm_so_pin),
        )
        if value is None
    ]
    if missing:
        raise Stop(f"Not set: {', '.join(missing)}.", "See docs/guides/hsm.md.", Exit.USAGE)
    asyncio.run(make_token(settings))
    if as_json:
        show_json({"token": settings.pkcs11_token})
    else:
        show_line(f"  ✓ the token {settings.pkcs11_token} is made")
