"""The program `bezant`: puts the commands together and turns every ending into an exit code.

Nothing heavy is imported here or at the top of any command's file, so that `--help` is quick;
what a command needs, it imports when it runs.
"""

import os
import sys
from typing import Final

import typer

from bezant.cli import (
    api_keys,
    audit,
    backup,
    bench,
    completion,
    demo,
    doctor,
    down,
    events,
    keys,
    ledger,
    listen,
    login,
    logs,
    migrate,
    realms,
    receipts,
    sandbox,
    serve,
    status,
    up,
    users,
    webhooks,
    witness,
)
from bezant.cli.exits import Exit, Stop

LIBPQ: Final = "PG"
"""How the variables begin with which libpq fills what an address leaves open."""

app = typer.Typer(
    name="bezant",
    help="The payment platform whose every number an outsider can check.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for group in (
    *(up, down, status, logs, doctor, serve, users, login, realms, keys, audit, witness),
    *(ledger, receipts, sandbox, webhooks, events, listen, migrate, backup, bench),
    *(demo, completion, api_keys),
):
    group.add_to(app)


def run() -> None:
    """Run one command."""
    if not __debug__:
        sys.stderr.write(
            "✗ Bezant does not run under python -O (PYTHONOPTIMIZE): assertions guard money.\n"
            "  Start it without.\n"
        )
        sys.exit(Exit.REFUSED)
    forget_the_shells_database()
    completion.prepare()
    try:
        app()
    except Stop as stop:
        _end(stop)
    except KeyboardInterrupt:
        sys.exit(Exit.INTERRUPTED)
    except BrokenPipeError:  # The reader of our output went away, as `head` does.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(Exit.DONE)
    except Exception as error:
        if os.environ.get("BEZANT_DEBUG"):
            raise
        _end(_explained(error))


def forget_the_shells_database() -> None:
    """Take libpq's variables away: `PGHOSTADDR` alone would send every connection elsewhere, past
    the private socket and past what was asked of TLS. Databases come from our settings only.
    """
    for name in [name for name in os.environ if name.startswith(LIBPQ)]:
        del os.environ[name]


def _explained(error: Exception) -> Stop:
    from bezant.errors import BezantError

    if isinstance(error, BezantError):
        return Stop(error.detail, f"({error.code})", Exit.WRONG)
    return Stop(
        f"Something unexpected happened: {type(error).__name__}.",
        "Set BEZANT_DEBUG=1 and run it again to see where. Nothing else is known.",
        Exit.BUG,
    )


def _end(stop: Stop) -> None:
    from bezant.cli.screen import show_stop

    show_stop(stop)
    sys.exit(stop.exit_code)


if __name__ == "__main__":
    run()
