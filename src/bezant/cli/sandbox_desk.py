"""`bezant sandbox calls|charges|fail|settlement`: the desk of the providers' emulators."""

import json
from collections.abc import Mapping, Sequence
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Annotated, Final, cast
from urllib.parse import urlencode

import typer

from bezant.cli.exits import Exit, Stop

ANSWER_SECONDS_MAX: Final = 10.0
Told = Mapping[str, object]
Data = Annotated[Path | None, typer.Option(help="Data folder.", show_default=".bezant")]
Port = Annotated[
    int | None, typer.Option(help="First port of the sandbox.", show_default="SANDBOX_PORT")
]
AsJson = Annotated[bool, typer.Option("--json", help="Facts as JSON.")]
Provider = Annotated[str | None, typer.Option(help="Only this provider.", show_default="all")]

fail = typer.Typer(help="Script how the next calls go wrong.", no_args_is_help=True)


def add_to(group: typer.Typer) -> None:
    """Add the commands to the group `sandbox`."""
    group.command()(calls)
    group.command()(charges)
    group.command()(settlement)
    group.add_typer(fail, name="fail")


def calls(
    provider: Provider = None,
    key: Annotated[
        str | None, typer.Option(help="Only under this idempotency key.", show_default="all")
    ] = None,
    limit: Annotated[int, typer.Option(help="How many at most.", min=1, max=1000)] = 20,
    data: Data = None,
    port: Port = None,
    as_json: AsJson = False,
) -> None:
    """Show what was called at the providers, the newest last."""
    from bezant.cli.screen import show_json, show_line

    asked = {"provider": provider, "key": key, "limit": str(limit)}
    told = _ask(data, port, "GET", "/calls", asked)
    if as_json:
        show_json(told)
        return
    for one in reversed(_rows(told, "calls")):
        ended = one["ending"] if one["ending"] != "answered" else one["status"]
        script = f"   by script {one['script']}" if one["script"] else ""
        at = str(one["called_at"])[:19].replace("T", " ")
        said = f"{one['method']} {one['path']}"
        show_line(f"  {at}  {one['provider']!s:<9} {said:<56} {ended}{script}")


def charges(
    name: Annotated[str, typer.Argument(help="A key, a payment's id, a value of its metadata.")],
    provider: Provider = None,
    data: Data = None,
    port: Port = None,
    as_json: AsJson = False,
) -> None:
    """Show what money did for one payment, by the providers' own books."""
    from bezant.cli.screen import show_json, show_line

    told = _ask(data, port, "GET", "/charges", {"key": name, "provider": provider})
    if as_json:
        show_json(told)
        return
    show_line(f"  charged {told['charges']} times")
    for payment in _rows(told, "payments"):
        for one in cast("Sequence[Told]", payment["movements"]):
            at = str(one["occurred_at"])[:19].replace("T", " ")
            amount = f"{one['amount']} {one['asset']}"
            show_line(
                f"  {at}  {one['provider']!s:<9} {one['kind']!s:<15} {amount:>16}  {one['id']}"
            )


@fail.command(name="next")
def fail_next(
    effect: Annotated[str, typer.Option("--with", help="What happens, such as decline.")],
    provider: Provider = None,
    operation: Annotated[str, typer.Option(help="Only this, such as capture.")] = "",
    amount: Annotated[str, typer.Option(help="Only this amount, as it is sent.")] = "",
    key: Annotated[str, typer.Option(help="Only under this idempotency key.")] = "",
    code: Annotated[str, typer.Option(help="Why an issuer refuses.")] = "",
    seconds: Annotated[int, typer.Option(help="How slow, how late.", min=0)] = 0,
    times: Annotated[int, typer.Option(help="How many calls.", min=1)] = 1,
    data: Data = None,
    port: Port = None,
    as_json: AsJson = False,
) -> None:
    """Let the next call go wrong: decline, timeout_after_acting, webhook_duplicate and others."""
    from bezant.cli.screen import show_json, show_line

    wish = {
        "effect": effect,
        "provider": provider or "",
        "operation": operation,
        "amount": amount,
        "key": key,
        "code": code,
        "seconds": seconds,
        "times": times,
    }
    told = _ask(data, port, "POST", "/scripts", {}, json.dumps(wish))
    if as_json:
        show_json(told)
    else:
        show_line(f"  ✓ script {told['number']} waits for its call")


@fail.command(name="list")
def fail_list(data: Data = None, port: Port = None, as_json: AsJson = False) -> None:
    """Show the scripts that wait for their calls."""
    from bezant.cli.screen import show_json, show_line

    told = _ask(data, port, "GET", "/scripts", {})
    if as_json:
        show_json(told)
        return
    for one in _rows(told, "scripts"):
        only = [f"{name} {one[name]}" for name in ("operation", "amount", "key") if one[name]]
        of = one["provider"] or "any provider"
        show_line(f"  {one['number']}  {one['effect']} at {of} {', '.join(only)}")


@fail.command()
def clear(data: Data = None, port: Port = None, as_json: AsJson = False) -> None:
    """Let every script wait no longer."""
    from bezant.cli.screen import show_json, show_line

    told = _ask(data, port, "DELETE", "/scripts", {})
    if as_json:
        show_json(told)
    else:
        show_line(f"  ✓ {told['ended']} scripts ended")


def settlement(
    provider: Annotated[str, typer.Argument(help="Whose report.")],
    day: Annotated[str, typer.Argument(help="The day, 2026-03-01.")],
    data: Data = None,
    port: Port = None,
    as_json: AsJson = False,
) -> None:
    """Write a provider's settlement file of a day to the terminal."""
    from bezant.cli.screen import show_json

    text = _request(data, port, "GET", f"/settlements/{day}/{provider}", {})
    if as_json:
        show_json({"provider": provider, "day": day, "file": text})
    else:
        typer.echo(text, nl=False)


def _rows(told: Told, name: str) -> Sequence[Told]:
    return cast("Sequence[Told]", told[name])


def _ask(
    data: Path | None,
    port: int | None,
    method: str,
    path: str,
    query: Mapping[str, str | None],
    body: str | None = None,
) -> Told:
    return cast("Told", json.loads(_request(data, port, method, path, query, body)))


def _request(
    data: Path | None,
    port: int | None,
    method: str,
    path: str,
    query: Mapping[str, str | None],
    body: str | None = None,
) -> str:
    given = urlencode({name: value for name, value in query.items() if value})
    at = port if port is not None else _port(data)
    connection = HTTPConnection("127.0.0.1", at, timeout=ANSWER_SECONDS_MAX)
    try:
        connection.request(method, f"{path}?{given}" if given else path, body)
        answer = connection.getresponse()
        text = answer.read().decode()
    except (OSError, HTTPException):
        raise Stop(
            f"No sandbox answers on port {at}.",
            "Start it with bezant up, or bezant serve sandbox beside a running platform.",
            Exit.NOT_RUNNING,
        ) from None
    finally:
        connection.close()
    if answer.status < 400:
        return text
    raise Stop(_detail(text), "Nothing was changed.", Exit.USAGE)


def _detail(text: str) -> str:
    try:
        told = cast("Told", json.loads(text))
    except ValueError:
        return "The sandbox did not understand the request."
    return str(told.get("detail", "The sandbox did not understand the request."))


def _port(data: Path | None) -> int:
    """Return where the sandbox of this data listens."""
    from bezant.cli.environment import load_settings
    from bezant.cli.installation import place_of, read_running
    from bezant.wiring.sandbox import sandbox_port

    settings = load_settings({"BEZANT_DATA": str(data) if data else None})
    running = read_running(place_of(settings.platform.data))
    return sandbox_port(settings, running.port if running else None)
