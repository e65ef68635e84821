"""A port whose service is in another process."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, cast

from bezant import telemetry
from bezant.db.guard import no_open_transaction
from bezant.errors import Invalid
from bezant.rpc.carrier import trace_id
from bezant.rpc.channel import Channel, Terms
from bezant.rpc.codes import fault
from bezant.rpc.manners import Manners, manners_of, port_name
from bezant.rpc.wire import Contract, Method, contract

_log = telemetry.log("rpc")

Port = TypeVar("Port")
Call = Callable[..., Awaitable[object]]


def far(port: type[Port], channel: Channel, *, manners: Manners | None = None) -> Port:
    """Return the port, answered by the module at the other end of the channel."""
    agreed = contract(port)
    kept = manners or manners_of(port)
    calls: dict[str, Any] = {
        method.name: staticmethod(_sent(channel, method, _terms(agreed, method, kept)))
        for method in agreed.methods
    }
    return cast("Port", type(f"Far{port.__name__}", (), {**calls, "__slots__": ()})())


def _terms(agreed: Contract, method: Method, manners: Manners) -> Terms:
    return Terms(
        path=f"/{agreed.service}/{method.wire_name}",
        port=port_name(agreed.port),
        method=method.name,
        seconds=manners.deadline_of(method.name),
        slow_seconds=manners.slow_of(method.name),
        repeatable=method.name in manners.repeatable,
    )


def _sent(channel: Channel, method: Method, terms: Terms) -> Call:
    async def call(*arguments: object, **named: object) -> object:
        no_open_transaction()
        answer = await channel.call(terms, method.ask(arguments, named))
        try:
            return method.told(answer)
        except Invalid as error:  # It happened, but the other side says it in words we do not know.
            _log.error("answer.unreadable", error, method=terms.path)
            raise fault(trace_id()) from None

    return call
