"""A row of the table: a route of either lane with all the edge must know of it."""

from fastapi.middleware.asyncexitstack import AsyncExitStackMiddleware
from starlette.types import ASGIApp

from bezant.http.fast import FastRoute
from bezant.http.headers import API_POLICY
from bezant.http.idempotency import Idempotency
from bezant.http.queries import names_of, strict_query
from bezant.http.routes import PUBLIC, Mount, OrdinaryRoute
from bezant.telemetry.metrics import Meters, RouteMeter

UNMATCHED = "(none)"
"""What an address that is not ours is called in metrics and logs; its text is a caller's choice."""


class Entry:
    """One route as the edge sees it."""

    __slots__ = (
        "accepts",
        "body_bytes_max",
        "fast",
        "guarded",
        "idempotency",
        "limited",
        "meter",
        "method",
        "module",
        "ordinary",
        "path",
        "permission",
        "policy",
        "reads_body",
    )

    def __init__(
        self, module: str, method: str, path: str, permission: str, meter: RouteMeter
    ) -> None:
        self.module = module
        self.method = method
        self.path = path
        self.permission = permission
        self.meter = meter
        self.idempotency = Idempotency.NONE
        self.accepts: frozenset[bytes] = frozenset({b"application/json"})
        self.body_bytes_max = 0
        self.reads_body = method in ("POST", "PUT", "PATCH", "DELETE")
        self.limited = True
        self.guarded = False
        self.policy = API_POLICY.encode()
        self.fast: FastRoute[object] | None = None
        self.ordinary: ASGIApp | None = None

    @classmethod
    def unmatched(cls, meters: Meters) -> "Entry":
        """Return the row for addresses that are not ours."""
        return cls("", "ANY", UNMATCHED, PUBLIC, meters.route("ANY", UNMATCHED))

    @classmethod
    def of_fast(cls, module: str, route: FastRoute[object], meters: Meters) -> "Entry":
        """Return the row of a route of the fast lane."""
        meter = meters.route(route.method, route.path)
        entry = cls(module, route.method, route.path, route.permission, meter)
        entry.idempotency = route.idempotency
        entry.body_bytes_max = route.body_bytes_max
        entry.fast = route
        return entry

    @classmethod
    def of_ordinary(cls, module: str, method: str, route: OrdinaryRoute, meters: Meters) -> "Entry":
        """Return the row of a route of the ordinary lane."""
        path = route.route.path
        entry = cls(module, method, path, route.permission, meters.route(method, path))
        entry.idempotency = route.idempotency
        entry.accepts = frozenset(media_type.encode() for media_type in route.accepts)
        entry.body_bytes_max = route.body_bytes_max
        entry.limited = route.limited
        entry.guarded = route.guarded
        # FastAPI's own router is left out: two tables could disagree about which permission a
        # path needs.
        entry.ordinary = AsyncExitStackMiddleware(route.route.app)
        if method == "GET" and path.startswith("/v1/") and route.permission != PUBLIC:
            entry.ordinary = strict_query(entry.ordinary, names_of(route.route.dependant))
        return entry

    @classmethod
    def of_mount(cls, module: str, mount: Mount, meters: Meters) -> "Entry":
        """Return the row of built pages."""
        entry = cls(module, "GET", mount.path, mount.permission, meters.route("GET", mount.path))
        entry.ordinary = mount.application
        entry.policy = mount.policy.encode()
        return entry
