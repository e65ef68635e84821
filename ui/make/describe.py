"""Writes the description of every route as JSON: what the pages' types are made from.

    python ui/make/describe.py FILE

The first line of `src/api/schema.ts` carries its SHA-256, so that a test can tell without Node
whether the types are still those of the routes.
"""

import hashlib
import importlib
import json
import sys
from inspect import signature
from pathlib import Path

import bezant
from bezant.gateway.description import describe
from bezant.http.routes import Routes
from bezant.identity.clients.http import routes as clients_routes
from bezant.identity.people.http.api import add_factors, add_logins, add_sign_up
from bezant.identity.signed.http import routes as signed_routes

WITHOUT_PORT = frozenset({"gateway", "sandbox", "web"})
"""What has routes of its own and nobody else's port."""


def every_route() -> list[Routes]:
    """Return the routes of every module that every profile has; there is nothing behind them."""
    found: list[Routes] = []
    package = Path(bezant.__file__).parent
    for folder in sorted(package.iterdir()):
        is_module = (folder / "port.py").exists() or folder.name in WITHOUT_PORT
        if is_module and ((folder / "http.py").exists() or (folder / "http").is_dir()):
            module = importlib.import_module(f"bezant.{folder.name}.http")
            made = module.routes(*[None] * len(signature(module.routes).parameters))
            found += [made] if isinstance(made, Routes) else made
    return [*(one for one in found if one.family is None), people(), *partners()]


def people() -> Routes:
    """Return how people get in and look after it; the pages beside these ask for an issuer."""
    made = Routes("identity", tag="People")
    add_logins(made, None)  # type: ignore[arg-type]
    add_factors(made, None)  # type: ignore[arg-type]
    add_sign_up(made, None)  # type: ignore[arg-type]
    return made


def partners() -> list[Routes]:
    """Return how a merchant's clients and signers are looked after; they ask for no issuer."""
    return [made(None, None) for made in (clients_routes, signed_routes)]  # type: ignore[arg-type]


def description() -> str:
    """Return the description, written in one way only."""
    told = _without_titles(describe("Bezant", every_route()))
    return json.dumps(told, sort_keys=True, indent=1) + "\n"


def _without_titles(node: object) -> object:
    """Leave out the names that pydantic makes of the fields' own names."""
    if isinstance(node, dict):
        return {
            name: _without_titles(value)
            for name, value in node.items()
            if not (name == "title" and isinstance(value, str))
        }
    return [_without_titles(one) for one in node] if isinstance(node, list) else node


def digest() -> str:
    """Return what the types are recognised by."""
    return hashlib.sha256(description().encode()).hexdigest()


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(description())
    sys.stdout.write(digest() + "\n")
