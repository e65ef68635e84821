"""The addresses the platform listens on: free before a start, answering before it is told."""

import asyncio
import socket
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from bezant.cli.exits import Exit, Stop
from bezant.http.serve import CannotListen, Listening, Serving, hold_port

if TYPE_CHECKING:
    from bezant.settings import Settings

FIRST_ANSWER_SECONDS_MAX: Final = 30.0
PAUSE_SECONDS: Final = 0.01
FREE_TRIES_MAX: Final = 100

Held = Mapping[tuple[str, int], socket.socket]
"""Ports that are ours already, by their address."""


def refuse_taken(addresses: Sequence[tuple[str, int]]) -> None:
    """Refuse to start where an address is taken, before anything was started."""
    close(hold(addresses))


def hold(addresses: Sequence[tuple[str, int]]) -> Held:
    """Take every port before anything is started, or refuse to start."""
    held: dict[tuple[str, int], socket.socket] = {}
    try:
        for host, port in addresses:
            held[host, port] = hold_port(host, port)
    except CannotListen as taken:
        close(held)
        raise _taken(taken) from None
    return held


def hold_all(settings: "Settings") -> tuple["Settings", Held]:
    """Take every port of a house, or refuse to start; return its settings with them.

    Where the main port is the system's choice, one is taken that has room for the others, which
    stand at a distance from it.
    """
    from bezant.wiring.edges import addresses
    from bezant.wiring.front import front_addresses

    # Envoy shares a port with whoever lets it; so we ask beforehand whether it is free.
    refuse_taken(front_addresses(settings))
    platform = settings.platform
    if platform.port:
        return settings, hold(addresses(settings))
    for tries_left in reversed(range(FREE_TRIES_MAX)):
        main = hold([(platform.host, 0)])
        port = main[platform.host, 0].getsockname()[1]
        chosen = replace(settings, platform=replace(platform, port=port))
        first, *others = addresses(chosen)
        try:
            if first[1] != port:  # Something else will open the main port itself.
                close(main)
                return chosen, hold([first, *others])
            return chosen, {first: main[platform.host, 0], **hold(others)}
        except Stop:
            close(main)
            if not tries_left:
                raise
    raise AssertionError("the last try returns or raises")


def close(held: Held) -> None:
    """Give ports back."""
    for opened in held.values():
        opened.close()


@asynccontextmanager
async def listen(
    listenings: Sequence[Listening], held: Held | None = None
) -> AsyncGenerator[tuple["asyncio.Task[None]", tuple[int, ...]]]:
    """Serve until the block ends; yields the task that serves and the ports it serves on."""
    serving = Serving(listenings, held)
    try:
        ports = tuple(port for _, port in serving.bind())
    except CannotListen as taken:
        raise _taken(taken) from None
    task = asyncio.create_task(serving.run(), name="http")
    try:
        while not serving.started and not task.done():
            await asyncio.sleep(PAUSE_SECONDS)
        if task.done():
            task.result()
            raise Stop("The HTTP server ended as it started.", "Look at `bezant logs`.", Exit.BUG)
        yield task, ports
    finally:
        serving.stop()
        await asyncio.wait({task})


def _taken(refused: CannotListen) -> Stop:
    sentence, _, remedy = str(refused.args[-1]).partition("; ")
    return Stop(_sentence(sentence), _sentence(f"{remedy} (--port, --host)"))


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:] + "."


async def first_answer(url: str) -> None:
    """Ask for /health over the network, as a caller would, until it is answered well."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or 80
    loop = asyncio.get_running_loop()
    deadline = loop.time() + FIRST_ANSWER_SECONDS_MAX
    while not await _answers(host, port):
        if loop.time() > deadline:
            raise Stop(
                f"It listens, but /health is not well after {FIRST_ANSWER_SECONDS_MAX:.0f} s.",
                "Look at `bezant logs`.",
                Exit.UNHEALTHY,
            )
        await asyncio.sleep(PAUSE_SECONDS)


async def _answers(host: str, port: int) -> bool:
    try:
        reader, writer = await asyncio.open_connection(host, port)
    except OSError:
        return False
    try:
        question = f"GET /health HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
        writer.write(question.encode())
        status = await reader.readline()
    except OSError:
        return False
    finally:
        writer.close()
    return status.split(b" ")[1:2] == [b"200"]
