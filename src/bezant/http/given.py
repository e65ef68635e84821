"""What a handler is given beside its parameters: who is asking, which key, which visit.

    async def account(account: str, asker: Asker) -> AccountAnswer: ...

As FastAPI's dependencies these work too, but solving one takes a tenth of a small request, and
every route has one. So a handler is wrapped once, and FastAPI is shown only the parameters that
come from the request.
"""

import inspect
from collections.abc import Awaitable, Callable, Mapping
from enum import Enum
from functools import wraps
from typing import Annotated, cast, get_args

from fastapi import Depends, Request

from bezant.actor import Actor
from bezant.http.caller import CredentialMissing
from bezant.http.visit import VISIT, Visit

_REQUEST = "request_of_this_visit"


class Given(Enum):
    """The things the edge knows."""

    ASKER = "asker"
    KEY = "key"
    VISIT = "visit"


async def asker_of(request: Request) -> Actor:
    """Return who is asking; on a public route there is nobody."""
    actor = _visit(request).actor
    if actor is None:
        raise CredentialMissing
    return actor


async def key_of(request: Request) -> str:
    """Return the idempotency key of a route that requires one."""
    key = _visit(request).idempotency_key
    assert key is not None, "the route declares Idempotency.REQUIRED"
    return key


async def visit_of(request: Request) -> Visit:
    """Return what the edge learnt about this request."""
    return _visit(request)


def _visit(request: Request) -> Visit:
    return cast("Visit", request.scope[VISIT])


Asker = Annotated[Actor, Depends(asker_of), Given.ASKER]
"""Annotate a parameter of a handler, or of a dependency, with this to be handed the caller."""
RequiredKey = Annotated[str, Depends(key_of), Given.KEY]
"""The idempotency key, on a route that declares `Idempotency.REQUIRED`."""
ThisVisit = Annotated[Visit, Depends(visit_of), Given.VISIT]
"""The request id, address and optional idempotency key."""
_READ: Mapping[Given, Callable[[Request], Awaitable[object]]] = {
    Given.ASKER: asker_of,
    Given.KEY: key_of,
    Given.VISIT: visit_of,
}


def with_given(
    handler: Callable[..., Awaitable[object]],
) -> Callable[..., Awaitable[object]]:
    """Return the handler as FastAPI shall see it."""
    signature = inspect.signature(handler, eval_str=True)
    given = {
        name: _READ[found]
        for name, parameter in signature.parameters.items()
        for found in get_args(parameter.annotation)[1:]
        if isinstance(found, Given)
    }
    if not given:
        return handler

    @wraps(handler)
    async def handle(**arguments: object) -> object:
        request = cast("Request", arguments.pop(_REQUEST))
        for name, read in given.items():
            arguments[name] = await read(request)
        return await handler(**arguments)

    seen = [
        parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for name, parameter in signature.parameters.items()
        if name not in given
    ]
    request = inspect.Parameter(_REQUEST, inspect.Parameter.KEYWORD_ONLY, annotation=Request)
    shown = signature.replace(parameters=[*seen, request])
    setattr(handle, "__signature__", shown)  # noqa: B010 - what inspect.signature looks for
    return handle
