"""Every route of every module, declared without the service behind it."""

import importlib
from collections.abc import Sequence
from inspect import signature
from pathlib import PurePosixPath
from typing import cast

from tests.house.tree import files

from bezant.http.routes import Routes
from bezant.identity.provider.issuer import Issuer

BASE = "http://localhost:10000"


def every_routes() -> list[Routes]:
    """Return the routes of all modules. Declaring one asks nothing of the service behind it."""
    made: list[Routes] = []
    for path in filter(_may_declare, files()):
        name = ".".join(path.with_suffix("").parts[1:]).removesuffix(".__init__")
        declare = getattr(importlib.import_module(name), "routes", None)
        if not callable(declare):
            continue
        # What an issuer's address decides is the same for any.
        given = [
            Issuer(BASE) if name == "issuer" else None for name in signature(declare).parameters
        ]
        found = cast("Routes | Sequence[Routes]", declare(*given))
        made += [found] if isinstance(found, Routes) else found
    return made


def _may_declare(path: PurePosixPath) -> bool:
    """Tell whether a file is a way in: a room's `http`, or a page of the gateway."""
    return any(map(path.match, ("http.py", "http/__init__.py", "bezant/gateway/*.py"))) and (
        path.is_relative_to("src/bezant")
    )
