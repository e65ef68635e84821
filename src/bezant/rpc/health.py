"""The standard health service (grpc.health.v1), for any module of this installation."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Final

import grpc
import grpc.aio
from google.protobuf.message import DecodeError
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse

from bezant.errors import BezantError, Invalid, NotFound
from bezant.rpc.envelope import refuse
from bezant.rpc.tls import Gate

SERVICE: Final = "grpc.health.v1.Health"

Context = grpc.aio.ServicerContext[bytes, bytes]
Status = HealthCheckResponse.ServingStatus


class UnknownService(NotFound):
    """No such service is offered here."""

    code = "unknown_service"


class Health:
    """Tells callers which services are ready to be called."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._serving: dict[str, bool] = {}
        self._changed = asyncio.Event()

    def tell(self, serving: Mapping[str, bool]) -> None:
        """Change what is told, also to those who watch. The empty name is the whole process."""
        self._serving.update(serving)
        self._changed.set()
        self._changed = asyncio.Event()

    def handlers(self) -> grpc.GenericRpcHandler:
        """Return the handlers of the health service."""
        methods: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {
            "Check": grpc.unary_unary_rpc_method_handler(self._check),
            "Watch": grpc.unary_stream_rpc_method_handler(self._watch),
        }
        return grpc.method_handlers_generic_handler(SERVICE, methods)

    async def _check(self, request: bytes, context: Context) -> bytes:
        name = await self._asked(request, context)
        if name not in self._serving:
            await refuse(context, UnknownService())
        return _answer(self._status(name))

    async def _watch(self, request: bytes, context: Context) -> AsyncIterator[bytes]:
        name = await self._asked(request, context)
        told: Status | None = None
        while True:
            changed = self._changed
            if (status := self._status(name)) != told:
                told = status
                yield _answer(status)
            await changed.wait()

    async def _asked(self, request: bytes, context: Context) -> str:
        try:
            self._gate.caller(context.auth_context())
            return _read(request)
        except BezantError as error:
            await refuse(context, error)

    def _status(self, name: str) -> Status:
        if name not in self._serving:
            return HealthCheckResponse.SERVICE_UNKNOWN
        if self._serving[name]:
            return HealthCheckResponse.SERVING
        return HealthCheckResponse.NOT_SERVING


def _read(request: bytes) -> str:
    try:
        return HealthCheckRequest.FromString(request).service
    except DecodeError:
        raise Invalid("this is no health check") from None


def _answer(status: Status) -> bytes:
    return HealthCheckResponse(status=status).SerializeToString()
