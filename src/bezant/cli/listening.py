"""The addresses the platform listens on: free before a start, answering before it is told."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Final
from urllib.parse import urlsplit

from bezant.cli.exits import Exit, Stop
from bezant.http.serve import CannotListen, Listening, Serving

FIRST_ANSWER_SECONDS_MAX: Final = 30.0
PAUSE_SECONDS: Final = 0.01


def refuse_taken(addresses: Sequence[tuple[str, int]]) -> None:
    """Refuse to start where an address is taken, before anything was started."""
    _bound([Listening(host, port, _nobody) for host, port in addresses])[0].close()


@asynccontextmanager
async def listen(
    listenings: Sequence[Listening],
) -> AsyncGenerator[tuple["asyncio.Task[None]", tuple[int, ...]]]:
    """Serve until the block ends; yields the task that serves and the ports it serves on."""
    serving, ports = _bound(listenings)
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


def _bound(listenings: Sequence[Listening]) -> tuple[Serving, tuple[int, ...]]:
    serving = Serving(listenings)
    try:
        return serving, tuple(port for _, port in serving.bind())
    except CannotListen as taken:
        sentence, _, remedy = str(taken.args[-1]).partition("; ")
        raise Stop(_sentence(sentence), _sentence(f"{remedy} (--port, --host)")) from None


async def _nobody(_scope: object, _receive: object, _send: object) -> None:
    """Answer nothing: an address is only tried."""


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
