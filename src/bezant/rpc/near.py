"""A service behind its port in the same process, with the guard a remote call has.

The same call means the same near and far: no transaction of the caller is open, it ends by its
deadline, only what the table permits passes, and only a `BezantError` comes back.
"""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, cast

from bezant import telemetry
from bezant.db.guard import no_open_transaction
from bezant.errors import BezantError
from bezant.rpc import carrier
from bezant.rpc.codes import fault
from bezant.rpc.deadline import within
from bezant.rpc.manners import Manners, manners_of, port_name
from bezant.rpc.methods import method_names
from bezant.rpc.permits import PERMITS, NotPermitted, Permits, may_call

Port = TypeVar("Port")
Call = Callable[..., Awaitable[object]]
_log = telemetry.log("rpc")


def near(
    port: type[Port],
    service: Port,
    *,
    caller: str | None = None,
    manners: Manners | None = None,
    permits: Permits = PERMITS,
) -> Port:
    """Return the service behind its port. With a caller named, its permits hold here too."""
    kept = manners or manners_of(port)
    name = port_name(port)
    calls: dict[str, Any] = {}
    for method in method_names(port):
        if caller is None or may_call(permits, caller, name, method):
            target = cast("Call", getattr(service, method))
            guarded = _guarded(target, kept.deadline_of(method))
            calls[method] = staticmethod(_named(caller, guarded) if caller else guarded)
        else:
            calls[method] = staticmethod(_refused(caller, name, method))
    return cast("Port", type(f"Near{port.__name__}", (), {**calls, "__slots__": ()})())


def _guarded(target: Call, seconds: float) -> Call:
    async def call(*arguments: object, **named: object) -> object:
        no_open_transaction()
        try:
            async with within(seconds):
                return await target(*arguments, **named)
        except BezantError:
            raise
        except Exception as error:  # noqa: BLE001  # whatever it is, it stays on this side
            _log.error("call.failed", error)
            raise fault(carrier.trace_id()) from None

    return call


def _named(caller: str, target: Call) -> Call:
    async def call(*arguments: object, **named: object) -> object:
        before = carrier.CALLER.set(caller)
        try:
            return await target(*arguments, **named)
        finally:
            carrier.CALLER.reset(before)

    return call


def _refused(caller: str, port: str, method: str) -> Call:
    async def call(*_: object, **__: object) -> object:
        raise NotPermitted(f"{caller} may not call {port}.{method}")

    return call
