"""`bezant listen`: events of test mode reach the developer's own machine, and none is lost.

The stream is read from where the last answered event was: the place is written down after each of
them, so a lost connection, a stopped platform, or this program being stopped costs nothing.
"""

import json
import os
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, cast

import typer

from bezant.cli.exits import Exit, Stop
from bezant.cli.webhooks_api import Api, AsJson, Data, Json, Key, Url, api_of, refusal

if TYPE_CHECKING:
    import aiohttp

    from bezant.clock import Clock
    from bezant.wiring.lent import Forwarding

BEGINNING: Final = "beginning"
PAUSE_SECONDS: Final = 0.2
PAUSE_SECONDS_MAX: Final = 5.0
SILENCE_SECONDS_MAX: Final = 45.0  # Three signs of life; then the connection is dead.
FORWARD_SECONDS_MAX: Final = 30.0
LINE_BYTES_MAX: Final = 2**24  # An event's data is not bounded by what a delivery carries.


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(listen)


def listen(
    forward_to: Annotated[str, typer.Option(help="Where to send them: http://localhost:3000/h")],
    events: Annotated[str, typer.Option(help="Which types, by comma: payment.*,order.paid")] = "*",
    begin: Annotated[
        str | None,
        typer.Option(
            "--from", help="Behind this event, or beginning.", show_default="where it stopped"
        ),
    ] = None,
    url: Url = None,
    key: Key = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Forward events to a local address, signed; resumes where it stopped. Ctrl-C ends it."""
    import asyncio

    if not forward_to.startswith(("http://", "https://")):
        raise Stop(f"{forward_to} is no address.", "Write http://localhost:3000/h.", Exit.USAGE)
    api = api_of(data, url, key)
    types = [one.strip() for one in events.split(",") if one.strip()]
    asyncio.run(_listen(api, forward_to, types or ["*"], begin, as_json=as_json))


async def _listen(
    api: Api, forward_to: str, types: list[str], begin: str | None, *, as_json: bool
) -> None:
    import aiohttp

    from bezant.clock import RealClock
    from bezant.secret import Secret
    from bezant.wiring.lent import Forwarding

    book = Bookmark.of(api, forward_to, types)
    if begin is not None:
        book.keep(begin)
    elif not book.cursor:
        book.keep(_newest(api))
    _tell_start(book, forward_to, as_json=as_json)
    forwarding, clock = Forwarding(Secret(book.secret)), RealClock()
    async with aiohttp.ClientSession(read_bufsize=LINE_BYTES_MAX) as session:
        async for event in _events(session, api, types, book):
            await _forward(session, forwarding, forward_to, event, clock, as_json=as_json)
            book.keep(str(json.loads(event)["id"]))


@dataclass(slots=True)
class Bookmark:
    """The secret this listener signs with, and the last event it is done with."""

    path: Path
    name: str
    secret: str
    cursor: str

    @classmethod
    def of(cls, api: Api, forward_to: str, types: list[str]) -> "Bookmark":
        """Return what was kept for the same platform, key, address and types."""
        from hashlib import sha256

        from bezant.wiring.lent import Forwarding

        path = api.place.folder / "listen.json"
        words = "\n".join([api.url.partition("://")[2].partition(":")[0], api.key, forward_to])
        name = sha256(f"{words}\n{','.join(sorted(types))}".encode()).hexdigest()[:16]
        kept = cast("dict[str, str]", _kept(path).get(name, {}))
        secret = kept.get("secret") or Forwarding.new_secret(os.urandom(32)).reveal()
        return cls(path, name, secret, kept.get("cursor", ""))

    def keep(self, cursor: str) -> None:
        """Write down that everything up to this event is done."""
        from bezant.cli.installation import write_durably

        self.cursor = cursor
        self.path.parent.mkdir(parents=True, exist_ok=True)
        kept = {**_kept(self.path), self.name: {"secret": self.secret, "cursor": cursor}}
        write_durably(self.path, json.dumps(kept, indent=2) + "\n")


def _kept(path: Path) -> dict[str, object]:
    try:
        return cast("dict[str, object]", json.loads(path.read_text()))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError):
        raise Stop(f"{path} cannot be read.", "Move it away; then say --from.") from None


def _newest(api: Api) -> str:
    found = cast("list[Json]", api.ask("GET", "/v1/events", query=[("limit", "1")])["data"])
    return str(found[0]["id"]) if found else BEGINNING


async def _events(
    session: "aiohttp.ClientSession", api: Api, types: list[str], book: Bookmark
) -> AsyncGenerator[bytes]:
    """Yield events as JSON, coming back whenever the stream ends."""
    import asyncio

    import aiohttp

    from bezant.cli.screen import show_line, wants_json

    pause_seconds = PAUSE_SECONDS
    patience = aiohttp.ClientTimeout(total=None, sock_read=SILENCE_SECONDS_MAX)
    while True:
        query = [("after", book.cursor), *(("type", one) for one in types)]
        try:
            async with session.get(
                f"{api.url}/v1/events/stream",
                params=query,
                headers={"x-api-key": api.key},
                timeout=patience,
            ) as answer:
                if 400 <= answer.status < 500 and answer.status != 429:
                    raise refusal(answer.status, await answer.read())
                answer.raise_for_status()
                async for line in answer.content:
                    if line.startswith(b"data: "):
                        pause_seconds = PAUSE_SECONDS
                        yield line[6:].rstrip(b"\n")
        except (aiohttp.ClientError, TimeoutError, OSError):
            if not wants_json():
                show_line("  … the platform is away; coming back", style="dim")
        await asyncio.sleep(pause_seconds)
        pause_seconds = min(2 * pause_seconds, PAUSE_SECONDS_MAX)


async def _forward(
    session: "aiohttp.ClientSession",
    forwarding: "Forwarding",
    forward_to: str,
    event: bytes,
    clock: "Clock",
    *,
    as_json: bool,
) -> None:
    """Send an event until somebody answers, whatever the answer is."""
    import asyncio
    from time import perf_counter

    import aiohttp

    from bezant.cli.screen import show_line

    pause_seconds = PAUSE_SECONDS
    patience = aiohttp.ClientTimeout(total=FORWARD_SECONDS_MAX)
    while True:
        message = forwarding.message(event, clock.now())
        begun_seconds = perf_counter()
        try:
            async with session.post(
                forward_to,
                data=message.body,
                headers=message.headers,
                timeout=patience,
                allow_redirects=False,
            ) as answer:
                await answer.read()
                milliseconds = round((perf_counter() - begun_seconds) * 1000)
                _tell(message.event, message.type, answer.status, milliseconds, as_json=as_json)
                return
        except (aiohttp.ClientError, TimeoutError, OSError):
            if not as_json and pause_seconds == PAUSE_SECONDS:
                show_line(f"  … {forward_to} does not answer; trying on", style="dim")
        await asyncio.sleep(pause_seconds)
        pause_seconds = min(2 * pause_seconds, PAUSE_SECONDS_MAX)


def _tell_start(book: Bookmark, forward_to: str, *, as_json: bool) -> None:
    from bezant.cli.screen import show_facts

    if as_json:
        _line({"forward_to": forward_to, "secret": book.secret, "from": book.cursor})
        return
    show_facts(
        "Listening",
        [
            ("To", forward_to),
            ("Secret", f"{book.secret}   signs what arrives there"),
            ("From", book.cursor),
            ("Stop", "Ctrl-C; it goes on from there the next time"),
        ],
    )


def _tell(event: str, kind: str, status: int, milliseconds: int, *, as_json: bool) -> None:
    from bezant.cli.screen import show_line

    if as_json:
        _line({"event": event, "type": kind, "status": status, "milliseconds": milliseconds})
        return
    mark = "✓" if 200 <= status < 300 else "✗"
    show_line(f"  {mark} {status}  {event}  {kind}   {milliseconds} ms")


def _line(facts: Json) -> None:
    import sys

    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()
