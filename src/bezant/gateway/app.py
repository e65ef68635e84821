"""One listener's application, assembled from the modules' routes.

    edge = build([ledger_routes, identity_routes], service="gateway", rules=rules, ground=ground)

`Ground` is what all listeners of a process share; `wiring` makes it once.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from fastapi import Response
from fastapi.responses import HTMLResponse
from fastapi.routing import APIRoute

from bezant.gateway import pages
from bezant.gateway.description import Node, describe, names_of, to_yaml
from bezant.gateway.health import Health, HealthAnswer
from bezant.http.caller import Callers
from bezant.http.edge import Edge, Rules
from bezant.http.entries import Entry
from bezant.http.limits import Limits
from bezant.http.problems import RouteNotFound
from bezant.http.routes import LOCAL, PUBLIC, Routes, UndeclaredRoute
from bezant.http.seen import Watcher
from bezant.http.table import Table
from bezant.ids import Ids
from bezant.telemetry.metrics import CONTENT_TYPE, Meters

MODULE = "gateway"


@dataclass(frozen=True, slots=True)
class Ground:
    """What every listener of a process stands on."""

    callers: Callers
    limits: Limits
    meters: Meters
    ids: Ids
    health: Health
    watcher: Watcher | None = None
    """Who keeps a log of what was answered."""


@dataclass(frozen=True, slots=True)
class Alias:
    """Every route whose path begins with `of` answers under `path` as well."""

    path: str
    of: str = ""


@dataclass(frozen=True, slots=True)
class Permitted:
    """A row of the permission table: who may call what."""

    module: str
    method: str
    path: str
    permission: str


def build(
    routes: Sequence[Routes],
    *,
    service: str,
    ground: Ground,
    rules: Rules,
    title: str = "Bezant",
    aliases: Sequence[Alias] = (),
    services: Mapping[str, frozenset[str]] | None = None,
    door: type[Edge] = Edge,
) -> Edge:
    """Assemble a listener. `services` are groups of modules that are also described one by one."""
    refuse_undeclared_routes(routes)
    # Described when first asked for: it takes longer than everything else here, and most starts
    # never need it.
    document = cache(lambda: describe(title, routes))
    alone = {
        name: _described_alone(f"{title} {name}", routes, modules)
        for name, modules in (services or {}).items()
    }
    own = _own_routes(service, title, ground, document, alone)
    table: Table[Entry] = Table()
    for entry in _entries([*routes, own], ground.meters):
        table.add(entry.method, entry.path, entry)
        if entry.module != MODULE:
            for alias in aliases:
                if entry.path.startswith(f"{alias.of}/"):
                    table.add(entry.method, alias.path + entry.path[len(alias.of) :], entry)
    return door(
        table,
        callers=ground.callers,
        limits=ground.limits,
        rules=rules,
        meters=ground.meters,
        ids=ground.ids,
        known_names=cache(lambda: names_of(document())),
        watcher=ground.watcher,
    )


def _described_alone(
    title: str, routes: Sequence[Routes], modules: frozenset[str]
) -> Callable[[], Node]:
    return cache(lambda: describe(title, [one for one in routes if one.module in modules]))


def permission_table(routes: Sequence[Routes]) -> tuple[Permitted, ...]:
    """Return every route with the permission it needs, for the matrix of who may do what."""
    rows = [
        Permitted(one.module, method, route.route.path, route.permission)
        for one in routes
        for route in one.ordinary
        for method in route.methods
    ]
    rows += [
        Permitted(one.module, route.method, route.path, route.permission)
        for one in routes
        for route in one.fast
    ]
    rows += [
        Permitted(one.module, "GET", mount.path, mount.permission)
        for one in routes
        for mount in one.mounts
    ]
    return tuple(sorted(rows, key=lambda row: (row.module, row.path, row.method)))


def refuse_undeclared_routes(routes: Sequence[Routes]) -> None:
    """Raise if a route came into a router by a side door, without a permission declared for it."""
    for one in routes:
        declared = {id(route.route) for route in one.ordinary}
        for route in one.router.routes:
            if id(route) not in declared:
                path = route.path if isinstance(route, APIRoute) else type(route).__name__
                raise UndeclaredRoute(f"{one.module}: {path} has no permission declared beside it")


def _entries(routes: Sequence[Routes], meters: Meters) -> Iterator[Entry]:
    for one in routes:
        for fast in one.fast:
            yield Entry.of_fast(one.module, fast, meters)
        for ordinary in one.ordinary:
            for method in ordinary.methods:
                yield Entry.of_ordinary(one.module, method, ordinary, meters)
        for mount in one.mounts:
            yield Entry.of_mount(one.module, mount, meters)


def _own_routes(
    service: str,
    title: str,
    ground: Ground,
    document: Callable[[], Node],
    alone: Mapping[str, Callable[[], Node]],
) -> Routes:
    routes = Routes(MODULE)
    _add_health(routes, service, ground)
    _add_descriptions(routes, document, alone)

    @routes.get("/docs", permission=PUBLIC)
    async def docs() -> HTMLResponse:
        return pages.try_page(title)

    @routes.get("/redoc", permission=PUBLIC)
    async def redoc() -> HTMLResponse:
        return pages.read_page(title, document())

    @routes.get("/errors", permission=PUBLIC)
    async def errors() -> HTMLResponse:
        return pages.errors_page()

    routes.mount("/assets/{file}", pages.Assets(), permission=PUBLIC, policy=pages.POLICY)
    del docs, redoc, errors
    return routes


def _add_health(routes: Routes, service: str, ground: Ground) -> None:
    @routes.get("/health", permission=PUBLIC, limited=False)
    async def health(response: Response) -> HealthAnswer:
        seen = await ground.health.look(service)
        response.status_code = 200 if seen.status == "ok" else 503
        return seen

    @routes.get("/ready", permission=PUBLIC, limited=False)
    async def ready(response: Response) -> HealthAnswer:
        seen = await ground.health.look(service)
        response.status_code = 200 if ground.health.wants_traffic(seen) else 503
        return seen

    @routes.get("/metrics", permission=LOCAL, limited=False)
    async def metrics() -> Response:
        return Response(ground.meters.exposition(), media_type=CONTENT_TYPE.decode())

    del health, ready, metrics


def _add_descriptions(
    routes: Routes, document: Callable[[], Node], alone: Mapping[str, Callable[[], Node]]
) -> None:
    @routes.get("/openapi.json", permission=PUBLIC)
    async def openapi_json() -> Response:
        return Response(json.dumps(document()), media_type="application/json")

    @routes.get("/openapi.yaml", permission=PUBLIC)
    async def openapi_yaml() -> Response:
        return Response(to_yaml(document()), media_type="application/yaml")

    if alone:

        @routes.get("/services/{service}/openapi.yaml", permission=PUBLIC)
        async def service_yaml(service: str) -> Response:
            if service not in alone:
                raise RouteNotFound
            return Response(to_yaml(alone[service]()), media_type="application/yaml")

        del service_yaml
    del openapi_json, openapi_yaml
