"""One request on its way through the edge, and what the edge learnt about it."""

from collections.abc import Mapping

from bezant.actor import Actor
from bezant.errors import BezantError
from bezant.http.limits import Spent

VISIT = "bezant.visit"
"""Where the edge leaves a visit in the ASGI scope, for handlers of the ordinary lane."""


def named_by_front(name: str) -> str:
    """Return what a request is called that a proxy of this house named by a number of its own."""
    return f"req_{name}"


class Visit:
    """A request between its arrival and its answer."""

    __slots__ = (
        "actor",
        "address",
        "headers",
        "idempotency_key",
        "path",
        "problem",
        "request_id",
        "secure",
        "signed",
        "spent",
        "status",
        "trace_id",
    )

    def __init__(self, request_id: str) -> None:
        self.request_id = request_id
        self.address = ""
        """Where the client is, as far as our trusted proxies can tell."""
        self.secure = False
        """Whether the client's connection is encrypted."""
        self.headers: Mapping[bytes, bytes] = {}
        self.signed = False
        """Whether a signature stands for the caller: then the body is the one it was made over."""
        self.path: Mapping[str, str] = {}
        self.actor: Actor | None = None
        self.idempotency_key: str | None = None
        self.spent: Spent | None = None
        self.status = 0
        self.problem: BezantError | None = None
        """Why it was refused, if it was."""
        self.trace_id = ""
