"""`bezant webhooks` and `bezant queues`: endpoints, why a signature does not fit, what waits."""

import sys
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from bezant.cli.exits import Exit, Stop
from bezant.cli.webhooks_api import AsJson, Data, Json, Key, Url, api_of

if TYPE_CHECKING:
    from bezant.webhooks.port import QueueDepth

group = typer.Typer(help="Endpoints, and checking signatures.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    """Add the group and the command."""
    app.add_typer(group, name="webhooks")
    app.command()(queues)


@group.command("list")
def list_endpoints(
    url: Url = None, key: Key = None, data: Data = None, as_json: AsJson = False
) -> None:
    """List endpoints. Ends with 1 if one of them is disabled or failing."""
    from bezant.cli.screen import show_json, show_line

    page = api_of(data, url, key).ask("GET", "/v1/webhook_endpoints", query=[("limit", "100")])
    found = cast("list[Json]", page["data"])
    if as_json:
        show_json(found)
    else:
        for one in found:
            state = str(one["disabled_because"] or ("failing" if one["failing_since"] else "ok"))
            show_line(f"  {one['id']}  {one['state']:<9} {state:<8} {one['url']}")
    if any(one["state"] != "enabled" or one["failing_since"] for one in found):
        raise typer.Exit(Exit.WRONG)


@group.command()
def verify(
    body: Annotated[Path, typer.Argument(help="File with the raw body; - reads the input.")],
    secret: Annotated[str, typer.Option(envvar="BEZANT_WEBHOOK_SECRET", help="whsec_… or whpk_…")],
    message: Annotated[str, typer.Option("--id", help="The header webhook-id.")],
    timestamp: Annotated[str, typer.Option(help="The header webhook-timestamp.")],
    signature: Annotated[str, typer.Option(help="The header webhook-signature.")],
    as_json: AsJson = False,
) -> None:
    """Check a message that was received as its receiver must: ends with 1 if it is not genuine."""
    from bezant.cli.screen import show_json, show_line
    from bezant.clock import RealClock
    from bezant.wiring.lent import NotGenuine, verify_webhook

    raw = sys.stdin.buffer.read() if str(body) == "-" else _read(body)
    headers = {
        "webhook-id": message,
        "webhook-timestamp": timestamp,
        "webhook-signature": signature,
    }
    why = ""
    try:
        verify_webhook([secret], headers, raw, RealClock().now())
    except NotGenuine as refused:
        why = refused.detail
    if as_json:
        show_json({"genuine": not why, "why": why})
    else:
        show_line(f"  ✗ {why}" if why else "  ✓ it is genuine, and not older than five minutes")
    if why:
        raise typer.Exit(Exit.WRONG)


def queues(data: Data = None, as_json: AsJson = False) -> None:
    """Show what waits in each queue, over all merchants."""
    import asyncio

    from bezant.cli.screen import show_facts, show_json

    depth = asyncio.run(_depth(data))
    oldest = depth.oldest_due_at.isoformat() if depth.oldest_due_at else None
    if as_json:
        facts = {
            "pending": depth.pending,
            "due": depth.due,
            "failed": depth.failed,
            "disabled_endpoints": depth.disabled_endpoints,
            "oldest_due_at": oldest,
        }
        show_json({"webhooks": facts})
        return
    show_facts(
        "Webhooks",
        [
            ("due", f"{depth.due}   since {oldest}" if oldest else "0"),
            ("pending", str(depth.pending)),
            ("failed", f"{depth.failed}   bezant events resend --endpoint …"),
            ("disabled", f"{depth.disabled_endpoints} endpoints"),
        ],
    )


async def _depth(data: Path | None) -> "QueueDepth":
    from bezant.cli.beside import beside
    from bezant.clock import RealClock
    from bezant.ids import Ids
    from bezant.wiring.webhooks import webhooks_queue
    from bezant.wiring.workbench import Workbench

    here = beside(data)
    clock = RealClock()
    async with AsyncExitStack() as stack:
        bench = Workbench(stack, here.settings, here.site(), clock, Ids(clock), "operator")
        await bench.follow_business_time()
        return await webhooks_queue(bench)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as wrong:
        raise Stop(f"{path} cannot be read ({type(wrong).__name__}).", "", Exit.USAGE) from None
