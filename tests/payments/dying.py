"""Places where a process dies: as an error nothing of ours catches, or as a real kill."""

import os
import signal
from dataclasses import dataclass, field

from bezant.payments.failpoints import Point


class Died(BaseException):
    """Nothing after this runs: not even what would tidy up after an error."""


@dataclass
class Dying:
    """Dies at the first visit of a point, and counts how often each was reached."""

    at: Point | None = None
    kills: bool = False
    reached: dict[Point, int] = field(default_factory=dict[Point, int])

    def meets(self, point: Point | None) -> None:
        """Die at this point from now on; what was reached before does not count."""
        self.at = point
        self.reached.clear()

    def reach(self, point: Point) -> None:
        self.reached[point] = self.reached.get(point, 0) + 1
        if point is self.at:
            if self.kills:
                os.kill(os.getpid(), signal.SIGKILL)
            self.at = None
            raise Died(point)
