"""What a module's `http.py` hands to the gateway: routes of both lanes, each with its permission.

The recipe for the ordinary lane (FastAPI and pydantic):

    def routes(ledger: Ledger) -> Routes:
        routes = Routes("ledger")

        @routes.get("/v1/accounts/{account}", permission="ledger.read")
        async def account(account: str, asker: Asker) -> AccountAnswer:
            return AccountAnswer.of(await ledger.account(asker.tenant, asker.mode, account))

        return routes

A path is made of plain segments and `{placeholders}`. A route without a permission says
`permission=PUBLIC`. What only one family of clients knows goes into `Routes("ledger",
family="peopletrust")`: it opens in that profile alone.
"""

import re
from collections.abc import Awaitable, Callable, Sequence
from enum import StrEnum
from typing import TypeVar, cast

from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.types import ASGIApp

from bezant.http.bodies import BODY_BYTES_MAX
from bezant.http.fast import FastRoute
from bezant.http.given import Asker, RequiredKey, ThisVisit, with_given
from bezant.http.idempotency import Idempotency

__all__ = [
    "FORM",
    "JSON",
    "LOCAL",
    "MULTIPART",
    "PUBLIC",
    "Access",
    "Asker",
    "Declare",
    "Mount",
    "OrdinaryRoute",
    "RequiredKey",
    "Routes",
    "ThisVisit",
    "UndeclaredRoute",
    "refuse_undeclared",
]

JSON = ("application/json",)
FORM = ("application/x-www-form-urlencoded",)
MULTIPART = ("multipart/form-data",)

Handler = TypeVar("Handler", bound=Callable[..., Awaitable[object]])
Body = TypeVar("Body")


class Access(StrEnum):
    """Who may call a route that names no permission."""

    PUBLIC = "public"
    """Anybody."""
    LOCAL = "local"
    """Processes of this machine, and callers with `metrics.read`: for what operators scrape."""


PUBLIC = Access.PUBLIC
LOCAL = Access.LOCAL
LOCAL_PERMISSION = "metrics.read"
_PERMISSION = re.compile(r"[a-z]+(?:_[a-z]+)*(?:\.[a-z]+(?:_[a-z]+)*)+\Z")
_SEGMENT = re.compile(r"(?:\{[A-Za-z_][A-Za-z0-9_]*\}|[A-Za-z0-9._~-]+)\Z")


class UndeclaredRoute(TypeError):
    """A route without a permission, or one the table cannot hold: the gateway does not start."""


class OrdinaryRoute:
    """A route of the ordinary lane and what the edge must know before its handler runs."""

    def __init__(
        self,
        route: APIRoute,
        permission: str,
        idempotency: Idempotency,
        accepts: Sequence[str],
        body_bytes_max: int,
        limited: bool,
        guarded: bool,
    ) -> None:
        self.route = route
        self.methods = tuple(sorted(route.methods or ()))
        self.permission = permission
        self.idempotency = idempotency
        self.accepts = frozenset(accepts)
        self.body_bytes_max = body_bytes_max
        self.limited = limited
        self.guarded = guarded


class Mount:
    """An ASGI application of ours below a path, such as built pages. It answers GET only."""

    def __init__(self, path: str, application: ASGIApp, permission: str, policy: str) -> None:
        self.path = path
        self.application = application
        self.permission = permission
        self.policy = policy
        """The Content-Security-Policy of these pages."""


class Routes:
    """The routes of one module, for all clients or for one family of them."""

    def __init__(
        self,
        module: str,
        *,
        family: str | None = None,
        tag: str | None = None,
        guarded: bool = False,
    ) -> None:
        self.module = module
        self.family = family
        self.guarded = guarded
        """Whether strangers try passwords, codes or tokens at what anybody may send here."""
        self.tag = tag or module.capitalize()
        self.ordinary: list[OrdinaryRoute] = []
        self.fast: list[FastRoute[object]] = []
        self.mounts: list[Mount] = []
        self.router = APIRouter(tags=[self.tag])

    def get(
        self,
        path: str,
        *,
        permission: str,
        limited: bool = True,
        guarded: bool = False,
        **about: object,
    ) -> "Declare":
        """Declare a handler that reads. `about` goes to FastAPI: `summary` and the like.

        One that lets strangers leave something behind says so: it is `guarded` like what they send.
        """
        return Declare(self, "GET", path, permission, limited=limited, guarded=guarded, about=about)

    def post(
        self,
        path: str,
        *,
        permission: str,
        status: int = 201,
        idempotency: Idempotency = Idempotency.NONE,
        accepts: Sequence[str] = JSON,
        body_bytes_max: int = BODY_BYTES_MAX,
        **about: object,
    ) -> "Declare":
        """Declare a handler that makes or does something."""
        about = {"status_code": status, **about}
        return Declare(
            self, "POST", path, permission, idempotency, accepts, body_bytes_max, about=about
        )

    def put(self, path: str, *, permission: str, **about: object) -> "Declare":
        """Declare a handler that replaces something."""
        return Declare(self, "PUT", path, permission, about=about)

    def patch(
        self,
        path: str,
        *,
        permission: str,
        idempotency: Idempotency = Idempotency.NONE,
        **about: object,
    ) -> "Declare":
        """Declare a handler that changes something."""
        return Declare(self, "PATCH", path, permission, idempotency, about=about)

    def delete(self, path: str, *, permission: str, **about: object) -> "Declare":
        """Declare a handler that ends something."""
        return Declare(self, "DELETE", path, permission, about=about)

    def add_fast(self, route: FastRoute[Body]) -> None:
        """Add a route of the fast lane."""
        refuse_undeclared(route.method, route.path, route.permission)
        if route.permission in tuple(Access):
            raise UndeclaredRoute(f"{route.path}: the fast lane serves identified callers only")
        self.fast.append(cast("FastRoute[object]", route))

    def mount(self, path: str, application: ASGIApp, *, permission: str, policy: str) -> None:
        """Add built pages below a path."""
        refuse_undeclared("GET", path, permission)
        self.mounts.append(Mount(path, application, permission, policy))

    def add_ordinary(
        self,
        method: str,
        path: str,
        handler: Callable[..., Awaitable[object]],
        about: dict[str, object],
    ) -> APIRoute:
        """Give a handler to FastAPI and return the route it makes of it."""
        self.router.add_api_route(
            path,
            handler,
            methods=[method],
            **about,  # pyright: ignore[reportArgumentType]
        )
        return cast("APIRoute", self.router.routes[-1])


class Declare:
    """Takes the function below it as the handler of a route."""

    def __init__(
        self,
        routes: Routes,
        method: str,
        path: str,
        permission: str,
        idempotency: Idempotency = Idempotency.NONE,
        accepts: Sequence[str] = JSON,
        body_bytes_max: int = BODY_BYTES_MAX,
        *,
        limited: bool = True,
        guarded: bool = False,
        about: dict[str, object],
    ) -> None:
        refuse_undeclared(method, path, permission)
        self._routes = routes
        self._method = method
        self._path = path
        self._permission = permission
        self._idempotency = idempotency
        self._accepts = accepts
        self._body_bytes_max = body_bytes_max
        self._limited = limited
        self._guarded = guarded or (routes.guarded and permission == PUBLIC and method != "GET")
        self._about = about

    def __call__(self, handler: Handler) -> Handler:
        """Register the handler and return it unchanged."""
        route = self._routes.add_ordinary(
            self._method, self._path, with_given(handler), self._about
        )
        self._routes.ordinary.append(
            OrdinaryRoute(
                route,
                self._permission,
                self._idempotency,
                self._accepts,
                self._body_bytes_max,
                self._limited,
                self._guarded,
            )
        )
        return handler


def refuse_undeclared(method: str, path: str, permission: str) -> None:
    """Raise unless a route says who may call it and has a path the table can hold."""
    if permission not in tuple(Access) and not _PERMISSION.match(permission):
        raise UndeclaredRoute(f"{method} {path}: {permission!r} is neither a permission nor PUBLIC")
    plain = path == "/" or all(_SEGMENT.match(part) for part in path[1:].split("/"))
    if not path.startswith("/") or not plain:
        raise UndeclaredRoute(f"{method} {path}: a path has plain segments and {{placeholders}}")
