"""Who may call what: every service, method and caller, asked over the wire."""

import inspect
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from tests.rpc.conftest import Installation

from bezant.clock import RealClock
from bezant.errors import Forbidden, Invalid
from bezant.rpc.authority import Authority
from bezant.rpc.channel import Channel, Terms
from bezant.rpc.manners import MANNERS, Manners, port_name
from bezant.rpc.methods import method_names
from bezant.rpc.papers import FolderIssuer
from bezant.rpc.permits import PERMITS, may_call
from bezant.rpc.proto import ports
from bezant.rpc.serve import Server
from bezant.rpc.wire import contract

pytestmark = pytest.mark.requirement("S001-5", part="rpc")

STRANGERS = ("nobody", "gatewa", "Gateway", "gateway ", "*")


class Everything:
    """A service that notes which methods are reached."""

    def __init__(self) -> None:
        self.reached: list[str] = []

    def __getattr__(self, name: str):
        async def reach(*_: object) -> None:
            self.reached.append(name)

        return reach


def callers() -> list[str]:
    named = {caller for granted in PERMITS.values() for caller in granted}
    return sorted(named | {"nobody", "gatewa"})


async def test_every_cell_of_the_table_holds_over_the_wire(tmp_path: Path):
    authority = Authority(tmp_path, "test", RealClock())
    cells = allowed = 0
    async with AsyncExitStack() as closing:
        server = Server(FolderIssuer(authority.issue("ledger")), RealClock())
        services = {port: Everything() for port in ports()}
        for port, service in services.items():
            server.offer(port, service)
        address = f"127.0.0.1:{await server.start('127.0.0.1:0')}"
        closing.push_async_callback(server.stop, 0)
        for caller in callers():
            channel = Channel(address, "ledger", FolderIssuer(authority.issue(caller)))
            closing.push_async_callback(channel.close)
            for port in services:
                agreed = contract(port)
                for method in agreed.methods:
                    path = f"/{agreed.service}/{method.wire_name}"
                    terms = Terms(path, port_name(port), method.name, 10, 10, repeatable=True)
                    refused = await is_refused(channel, terms)
                    granted = may_call(PERMITS, caller, port_name(port), method.name)
                    assert refused != granted, f"{caller} {port_name(port)}.{method.name}"
                    cells += 1
                    allowed += granted
        assert not any(service.reached for service in services.values())
    assert cells == len(callers()) * sum(len(method_names(port)) for port in ports())
    assert 0 < allowed < cells


async def is_refused(channel: Channel, terms: Terms) -> bool:
    """Send what no service can read: past the table it is invalid, before it is not even read."""
    try:
        await channel.call(terms, b"\xff")
    except Forbidden:
        return True
    except Invalid:
        return False
    raise AssertionError("garbage was answered")


def test_the_table_names_ports_and_methods_that_exist():
    known = {port_name(port): set(method_names(port)) for port in ports()}
    for port, granted in PERMITS.items():
        if port in known:
            for methods in granted.values():
                assert methods <= known[port] | {"*"}
    for port, manners in MANNERS.items():
        if port in known:
            assert set(manners.deadlines) <= known[port]


def undeclared(name: str, methods: set[str], declared: Manners) -> set[str]:
    """Name the methods nobody decided about, and those about which two things were said."""
    twice = declared.repeatable & declared.once
    strangers = (declared.repeatable | declared.once) - methods
    left = methods - declared.repeatable - declared.once
    return {f"{name}.{method}" for method in left | twice | strangers}


def test_every_method_of_every_port_is_declared_to_be_repeatable_or_not():
    found: set[str] = set()
    for port in ports():
        declared = MANNERS.get(port_name(port), Manners())
        found |= undeclared(port_name(port), set(method_names(port)), declared)
    assert not found, "say in rpc/manners.py whether it may be sent again"
    assert set(MANNERS) == {port_name(port) for port in ports()}


def test_a_method_that_was_forgotten_is_found():
    """The control of the one above."""
    whole = Manners(repeatable=frozenset({"read"}), once=frozenset({"spend"}))
    assert not undeclared("p", {"read", "spend"}, whole)
    assert undeclared("p", {"read", "spend", "new"}, whole) == {"p.new"}
    assert undeclared("p", {"read"}, whole) == {"p.spend"}
    both = Manners(repeatable=frozenset({"spend"}), once=frozenset({"spend"}))
    assert undeclared("p", {"spend"}, both) == {"p.spend"}
    assert undeclared("p", {"read"}, Manners()) == {"p.read"}


@pytest.mark.parametrize("stranger", STRANGERS)
def test_nobody_gets_in_by_a_name_that_only_looks_right(stranger: str):
    assert not any(may_call(PERMITS, stranger, port, "post") for port in PERMITS)


def test_a_port_that_is_not_in_the_table_is_closed():
    assert not may_call(PERMITS, "gateway", "ledger.Secret", "post")
    assert may_call(PERMITS, "gateway", "ledger.Ledger", "post")  # The control.


async def test_a_refused_call_reaches_nothing(installation: Installation):
    await installation.listen(permits={"sample.Sample": {"payments": frozenset({"count"})}})
    sample = installation.far()
    with pytest.raises(Forbidden):
        await sample.nothing()
    assert await sample.count() == 0


def test_every_served_method_is_asynchronous():
    for port in ports():
        for name in method_names(port):
            assert inspect.iscoroutinefunction(getattr(port, name))
