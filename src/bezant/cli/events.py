"""`bezant events` and `bezant trigger`: what happened, told again, or tried out with a sample."""

from typing import Annotated, cast

import typer

from bezant.cli.exits import Exit, Stop
from bezant.cli.webhooks_api import Api, AsJson, Data, Json, Key, Url, api_of

group = typer.Typer(help="What happened, and telling it again.", no_args_is_help=True)
Types = Annotated[
    list[str] | None, typer.Option("--type", help="Only these, such as payment.*; repeatable.")
]


def add_to(app: typer.Typer) -> None:
    """Add the group and the command."""
    app.add_typer(group, name="events")
    app.command()(trigger)


def trigger(
    event: Annotated[str, typer.Argument(help="Its type, such as payment.captured.")],
    url: Url = None,
    key: Key = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Make a sample event in test mode, for every endpoint that asked for its type."""
    from bezant.cli.screen import show_json, show_line

    made = api_of(data, url, key).ask("POST", "/v1/events", {"type": event})
    if as_json:
        show_json(made)
    else:
        show_line(f"  ✓ {made['id']}  {made['type']}")


@group.command("list")
def list_events(
    types: Types = None,
    subject: Annotated[str | None, typer.Option(help="Only about this id.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100, help="How many.")] = 20,
    after: Annotated[str | None, typer.Option(help="Go on below this event.")] = None,
    url: Url = None,
    key: Key = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """List events, newest first."""
    from bezant.cli.screen import show_json, show_line

    query = [("limit", str(limit)), *(("type", one) for one in types or ())]
    query += [("subject", subject)] if subject else []
    query += [("starting_after", after)] if after else []
    page = api_of(data, url, key).ask("GET", "/v1/events", query=query)
    found = cast("list[Json]", page["data"])
    if as_json:
        show_json({"data": found, "has_more": page["has_more"]})
        return
    for one in found:
        show_line(f"  {one['timestamp']}  {one['id']}  {one['type']:<28} {one['subject']}")
    if page["has_more"]:
        show_line(f"  more: --after {found[-1]['id']}", style="dim")


@group.command()
def resend(
    event: Annotated[str | None, typer.Argument(help="Which event.")] = None,
    endpoint: Annotated[
        str | None, typer.Option(help="Only to this endpoint; without an event, all that failed.")
    ] = None,
    types: Types = None,
    missed: Annotated[
        bool, typer.Option("--missed", help="Also what passed the endpoint by.")
    ] = False,
    url: Url = None,
    key: Key = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Send an event again, or all that failed at an endpoint. Ends with 1 if there was nothing."""
    from bezant.cli.screen import show_json, show_line

    if event is None and endpoint is None:
        raise Stop("What is to be sent again?", "Name an event or an --endpoint.", Exit.USAGE)
    api = api_of(data, url, key)
    if event is not None:
        count = _one(api, event, endpoint)
    else:
        assert endpoint is not None
        count = _many(api, endpoint, types or [], missed=missed)
    if as_json:
        show_json({"resent": count})
    else:
        show_line(f"  {count} deliveries go out again")
    if not count:
        raise typer.Exit(Exit.WRONG)


def _one(api: Api, event: str, endpoint: str | None) -> int:
    told = api.ask("GET", f"/v1/events/{event}", query=[("expand", "deliveries")])
    found = [
        one
        for one in cast("list[Json]", told["deliveries"])
        if endpoint is None or one["endpoint"] == endpoint
    ]
    for one in found:
        api.ask("POST", f"/v1/webhook_deliveries/{one['id']}/resend")
    return len(found)


def _many(api: Api, endpoint: str, types: list[str], *, missed: bool) -> int:
    count, after = 0, None
    while True:
        body = {"types": types, "missed": missed, "after": after}
        told = api.ask("POST", f"/v1/webhook_endpoints/{endpoint}/resend", body)
        count += cast("int", told["count"])
        after = told["after"]
        if not told["has_more"]:
            return count
