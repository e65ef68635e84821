"""A module in a process of its own, for tests: folder of papers, caller, port, factory, arguments.

It says `ready <port>` when it listens, and stops as a service should when it gets SIGTERM.
"""

import asyncio
import importlib
import signal
import sys
from pathlib import Path
from typing import Any

from tests.rpc.apart import permits_of

from bezant.clock import RealClock
from bezant.rpc.papers import FolderIssuer
from bezant.rpc.serve import Server, serve


def named(name: str) -> Any:
    module, _, found = name.partition(":")
    return getattr(importlib.import_module(module), found)


async def main(folder: str, caller: str, port_name: str, factory: str, *arguments: str) -> None:
    port = named(port_name)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with named(factory)(*arguments) as service:
        issuer = FolderIssuer(Path(folder))
        server = Server(issuer, RealClock(), permits=permits_of(port, caller))
        serve(server, port, service)
        listening = await server.start("127.0.0.1:0")
        sys.stdout.write(f"ready {listening}\n")
        await stop.wait()
        await server.stop(5)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
