"""What the edge tells of a request that was answered, to whoever keeps a log of them."""

from collections.abc import Callable
from dataclasses import dataclass

from bezant.http.visit import Visit


@dataclass(frozen=True, slots=True)
class Seen:
    """A request after its answer."""

    visit: Visit
    method: str
    route: str
    seconds: float


Watcher = Callable[[Seen], None]
"""Called after every answer, from the loop that answers: it must be quick and never raise."""
