"""Every port promise holds twice: together (one process) and apart (gRPC with mutual TLS).

    @pytest.fixture(params=PLACES)
    async def ledger(request, database):
        async with at(request.param, Ledger, ledger_service, database.url) as port:
            yield port

`ledger_service` is a function that a new process can import: called with texts, it returns an
asynchronous context manager that yields the service. Together it runs here behind `near`; apart it
runs in a process of its own, as `tests.rpc.service_program`, behind `serve`, and the port is `far`.
"""

import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import TypeVar

from tests.harness.processes import Program, start_module

from bezant.clock import RealClock
from bezant.rpc.authority import Authority
from bezant.rpc.channel import Channel
from bezant.rpc.far import far
from bezant.rpc.manners import port_name
from bezant.rpc.near import near
from bezant.rpc.papers import FolderIssuer
from bezant.rpc.permits import EVERYTHING, PERMITS, Permits

TOGETHER = "together"
APART = "apart"
PLACES = (TOGETHER, APART)

Port = TypeVar("Port")


@asynccontextmanager
async def at(
    place: str,
    port: type[Port],
    factory: Callable[..., AbstractAsyncContextManager[Port]],
    *arguments: str,
    caller: str = "gateway",
) -> AsyncIterator[Port]:
    """Give the port of a service that runs at this place, as `caller` may use it."""
    if place == TOGETHER:
        async with factory(*arguments) as service:
            yield near(port, service, caller=caller, permits=permits_of(port, caller))
        return
    with tempfile.TemporaryDirectory() as folder:
        authority = Authority(Path(folder), "test", RealClock())
        module = port_name(port).partition(".")[0]
        with started(authority.issue(module), port, factory, *arguments, caller=caller) as program:
            address = f"127.0.0.1:{ready_port(program)}"
            channel = Channel(address, module, FolderIssuer(authority.issue(caller)))
            try:
                yield far(port, channel)
            finally:
                await channel.close()


def started(
    folder: Path,
    port: type,
    factory: Callable[..., AbstractAsyncContextManager[object]],
    *arguments: str,
    caller: str,
) -> Program:
    """Start a service in a process of its own."""
    names = (f"{each.__module__}:{each.__qualname__}" for each in (port, factory))
    return start_module("tests.rpc.service_program", folder, caller, *names, *arguments)


def ready_port(program: Program) -> int:
    """Wait until the service listens, and return where."""
    return int(program.wait_for_line("ready ").split()[1])


def permits_of(port: type, caller: str) -> Permits:
    """Return the real table; a port of a test, which is not in it, is open to the caller."""
    return {port_name(port): {caller: EVERYTHING}, **PERMITS}
