"""Writes every page that is derived from code or tests.

The settings and the command line tell themselves (`bezant.cli.reference`); the rest is told here.

`python -m tests.house.derive` writes them, `--check` only tells which are stale.
"""

import importlib
import pkgutil
import sys
from collections.abc import Callable
from functools import cache

from tests.house.coverage import PAGE, Shown, coverage_page, marks
from tests.house.tree import ROOT, python
from tests.house.ways_in import every_routes
from tests.psp.table import providers_page

import bezant
from bezant.cli.reference import pages as reference_pages
from bezant.errors import KINDS, BezantError, every_error
from bezant.gateway.app import Permitted, permission_table
from bezant.gateway.profile import load_profile, profile_names
from bezant.identity.port import Role
from bezant.identity.rules import NEVER_BY_KEY, PERMISSIONS, PLATFORM_ONLY, RESOURCES


def shown_by_tests() -> list[Shown]:
    """Return every requirement mark of every test."""
    return [one for page in python("tests") for one in marks(page)]


@cache
def all_errors() -> tuple[type[BezantError], ...]:
    """Load the whole package and return every error it can raise."""
    for found in pkgutil.walk_packages(bezant.__path__, "bezant."):
        if not found.name.endswith("__main__"):
            importlib.import_module(found.name)
    loaded = [error for error in every_error() if error.__module__.startswith("bezant.")]
    return tuple(error for error in loaded if error is not BezantError)


def errors_page() -> str:
    """Write a row for every error code: what answers it, what it says, and where it comes from."""
    lines = [
        "# Errors",
        "",
        "Every error a caller can meet, derived from the code. Over HTTP an error is problem+json",
        "(RFC 9457) whose `code` is the stable name in the first column; between processes it",
        "travels by the same code and rises again as the same class.",
        "",
    ]
    for kind in KINDS:
        lines += [f"## {kind.__name__}: {kind.status}", "", kind.title(), ""]
        lines += ["| code | status | it says | from |", "| --- | --- | --- | --- |"]
        lines += [*_error_rows(kind), ""]
    lines += ["## Our own fault: 500", "", "Nothing a caller could have done better.", ""]
    lines += ["| code | status | it says | from |", "| --- | --- | --- | --- |"]
    return "\n".join([*lines, *_error_rows(BezantError), ""])


def _error_rows(kind: type[BezantError]) -> list[str]:
    return sorted({_error_row(error) for error in all_errors() if _kind(error) is kind})


def _kind(error: type[BezantError]) -> type[BezantError]:
    return next((kind for kind in KINDS if issubclass(error, kind)), BezantError)


def _error_row(error: type[BezantError]) -> str:
    room = ".".join(error.__module__.split(".")[1:])
    return f"| `{error.code}` | {error.status} | {error.title()} | `{room}` |"


def profiles_page() -> str:
    """Write every profile: its ports, the units behind them, the addresses, and what is planned."""
    lines = [
        "# Profiles",
        "",
        "Ports, units and addresses of each profile, derived from `src/bezant/gateway/profiles/`.",
        "What is planned opens nothing.",
        "",
    ]
    for profile in map(load_profile, profile_names()):
        units = [
            (one.unit, one.port, one.requirement, one.planned)
            for one in (*profile.listeners, *profile.units)
        ]
        rows = [
            f"| `{unit}` | {port or ''} | {requirement} | {_state(planned)} |"
            for unit, port, requirement, planned in units
        ]
        lines += [f"## {profile.name}: {profile.title}", ""]
        lines += ["| unit | port | requirement | today |", "| --- | --- | --- | --- |", *rows, ""]
        if profile.paths:
            lines += ["| address | unit | requirement | today |", "| --- | --- | --- | --- |"]
            lines += [
                f"| `{one.method} {one.path}` | `{one.unit}` | {one.requirement} "
                f"| {_state(one.planned)} |"
                for one in profile.paths
            ]
            lines += [""]
    return "\n".join(lines)


def _state(planned: bool) -> str:
    return "planned" if planned else "open"


def permissions_page() -> str:
    """Write who may do what, and what each route asks for."""
    roles = [str(role) for role in Role]
    lines = [
        "# Permissions",
        "",
        "One table serves people and keys; it is derived from `identity/rules.py`. A permission is",
        "the name of a resource and `read` or `write`; who may write may read.",
        "",
        f"| resource | {' | '.join(roles)} |",
        f"| --- |{' --- |' * len(roles)}",
    ]
    for resource in sorted(RESOURCES):
        granted = [_granted(resource, role) for role in Role]
        lines += [f"| `{resource}` | {' | '.join(granted)} |"]
    lines += ["", "No key may have these, whatever its role: ", ""]
    lines += [f"- `{permission}`" for permission in sorted(NEVER_BY_KEY)]
    lines += ["", "Only members of the platform may have these, never a merchant's:", ""]
    lines += [f"- `{permission}`" for permission in sorted(PLATFORM_ONLY)]
    lines += ["", "## Routes", "", "| route | permission |", "| --- | --- |"]
    lines += [f"| `{row.method} {row.path}` | `{row.permission}` |" for row in route_table()]
    return "\n".join([*lines, ""])


def _granted(resource: str, role: Role) -> str:
    held = [access for access in ("write", "read") if f"{resource}.{access}" in PERMISSIONS[role]]
    return held[0] if held else ""


def route_table() -> tuple[Permitted, ...]:
    """Return every route of every module, with the permission it needs."""
    return permission_table(every_routes())


DERIVED: dict[str, Callable[[], str]] = {
    PAGE: lambda: coverage_page(shown_by_tests()),
    "docs/reference/errors.md": errors_page,
    "docs/reference/permissions.md": permissions_page,
    "docs/reference/profiles.md": profiles_page,
    "docs/reference/providers.md": providers_page,
}


def derived() -> dict[str, str]:
    """Return every derived page by its path."""
    return {name: write() for name, write in DERIVED.items()} | reference_pages()


def stale() -> list[str]:
    """Return the derived pages that are not what the code says today."""
    return [
        name
        for name, text in derived().items()
        if not (ROOT / name).is_file() or (ROOT / name).read_text() != text
    ]


def main(arguments: list[str]) -> int:
    """Write the stale pages, or only name them."""
    names, texts = stale(), derived()
    for name in names:
        if "--check" not in arguments:
            (ROOT / name).parent.mkdir(parents=True, exist_ok=True)
            (ROOT / name).write_text(texts[name])
        sys.stdout.write(f"{name}\n")
    return 1 if names and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
