"""Query parameters: a misspelt one is a mistake.

Were it overlooked, a list would tell everything in place of what was asked for.
"""

from urllib.parse import parse_qsl

from fastapi.dependencies.models import Dependant
from starlette.types import ASGIApp, Receive, Scope, Send

from bezant.errors import Invalid


class ParameterUnknown(Invalid):
    """This address does not know a parameter that was sent."""

    code = "parameter_unknown"


def names_of(dependant: Dependant) -> frozenset[str]:
    """Return the query parameters that a handler and its dependencies read."""
    own = frozenset(one.alias for one in dependant.query_params)
    return own.union(*(names_of(one) for one in dependant.dependencies))


def strict_query(application: ASGIApp, known: frozenset[str]) -> ASGIApp:
    """Return the handler behind a look at the names in the query."""
    if known:
        words = f"the parameters known here are {', '.join(sorted(known))}"
    else:
        words = "this address has no parameters"

    async def strict(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["query_string"]:
            query = scope["query_string"].decode("latin-1")
            for name, _ in parse_qsl(query, keep_blank_values=True):
                if name not in known:  # What it was is not repeated: it may be anything.
                    raise ParameterUnknown(words, field="query")
        await application(scope, receive, send)

    return strict
