"""Which tickets get which positions: the sequencer's arithmetic, without a database.

A row draws a ticket when it is written and becomes visible when its transaction commits, so a look
at the table shows tickets with gaps: some belong to open transactions, others to ones that were
undone. Whatever is visible gets the next positions in ticket order, at once: a row is never kept
waiting for a neighbour. Gaps are remembered and looked into again until every transaction that was
running when the gap was first seen has ended; then it is settled, and a sequencer that starts later
need not look there. A transaction has its number before it draws a ticket, so whoever may still
fill a gap has a lower number than one that is given out after the look; once a later snapshot's
xmin has reached that number, nobody may. (The snapshot's own xmax is too low a bound: it follows
the last number that *ended*.)

Order: if one transaction saw another's row before writing its own, every look that shows its row
shows the other, which has the lower ticket. So whatever follows from something comes after it, and
the events of one subject, whose row their transactions lock in turn, keep their order.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

NOT_YET: Final = 2**63  # No transaction number was given out since the gap was seen.


@dataclass(frozen=True, slots=True)
class Run:
    """Neighbouring tickets with neighbouring positions: what one row of `feed_run` says."""

    position: int
    first_ticket: int
    last_ticket: int
    settled: int


@dataclass(frozen=True, slots=True)
class Look:
    """What one snapshot showed: visible tickets above the top and in the gaps, up to a limit."""

    head: int
    """The last position given, as the database says."""
    tickets: list[int]
    xmin: int
    """Every transaction with a lower number has ended."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Tickets that were not visible, and the number below which all transactions must end."""

    first: int
    last: int
    until: int = NOT_YET


@dataclass(slots=True)
class Reckoning:
    """How far the tickets of one source are placed."""

    head: int = 0
    top: int = 0
    """The highest ticket that has a position; above it everything is new."""
    gaps: list[Gap] = field(default_factory=list[Gap])

    @property
    def settled(self) -> int:
        """Up to here no ticket will ever appear that has no position."""
        return self.gaps[0].first - 1 if self.gaps else self.top

    @property
    def unsettled(self) -> int:
        """How many tickets may still appear below the top."""
        return sum(gap.last - gap.first + 1 for gap in self.gaps)

    def resume(self, head: int, settled: int, runs: Sequence[Run]) -> None:
        """Take up where another left off: `runs` are those above `settled`, in ticket order."""
        self.gaps = []
        self.head = head
        self.top = settled
        for run in runs:
            if run.first_ticket > self.top + 1:
                self.gaps.append(Gap(self.top + 1, run.first_ticket - 1))
            self.top = max(self.top, run.last_ticket)

    def numbered(self, transaction: int) -> None:
        """Learn a transaction number that was given out after the last look."""
        self.gaps = [
            replace(gap, until=transaction) if gap.until == NOT_YET else gap for gap in self.gaps
        ]

    def place(self, look: Look, limit: int) -> list[Run]:
        """Give positions to what was seen, and remember the gaps."""
        tickets = look.tickets
        top = max(self.top, tickets[-1]) if tickets else self.top
        # A look cut short by its limit says nothing about what lies above its last ticket.
        horizon = tickets[-1] if len(tickets) >= limit else top
        areas = [*self.gaps, *([Gap(self.top + 1, top)] if top > self.top else [])]
        gaps: list[Gap] = []
        at = 0
        for area in areas:
            start = area.first
            while at < len(tickets) and tickets[at] <= area.last:
                if tickets[at] > start:
                    gaps.append(Gap(start, tickets[at] - 1, area.until))
                start = tickets[at] + 1
                at += 1
            if start <= area.last:
                gaps.append(Gap(start, area.last, area.until))
        assert at == len(tickets), "a ticket was seen where none was looked for"
        self.top = top
        self.gaps = [gap for gap in gaps if gap.last > horizon or look.xmin < gap.until]
        return self._runs(tickets)

    def _runs(self, tickets: Sequence[int]) -> list[Run]:
        runs: list[Run] = []
        settled = self.settled
        start = 0
        for at in range(1, len(tickets) + 1):
            if at == len(tickets) or tickets[at] != tickets[at - 1] + 1:
                runs.append(Run(self.head + 1, tickets[start], tickets[at - 1], settled))
                self.head += at - start
                start = at
        return runs
