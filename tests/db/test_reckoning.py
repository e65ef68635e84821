"""The sequencer's arithmetic against a simulated database: nothing missed, nothing twice."""

import random
from dataclasses import replace

import pytest

from bezant.db.reckoning import Gap, Look, Reckoning, Run


class World:
    """Transactions that draw numbers and tickets, commit or are undone, in any order."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.next_number = 1
        self.next_ticket = 1
        self.open: dict[int, list[int]] = {}
        self.visible: set[int] = set()
        self.undone: set[int] = set()

    def number(self) -> int:
        self.next_number += 1
        return self.next_number - 1

    def happen(self) -> None:
        """Let one thing happen: a transaction begins, writes a row, commits or is undone."""
        what = self.chance.random()
        if what < 0.3 or not self.open:
            self.open[self.number()] = []
            return
        number = self.chance.choice(list(self.open))
        if what < 0.6:
            self.open[number].append(self.next_ticket)
            self.next_ticket += 1
        elif what < 0.9:
            self.visible.update(self.open.pop(number))
        else:
            self.undone.update(self.open.pop(number))

    def look(self, reckoning: Reckoning, head: int, limit: int) -> Look:
        seen = sorted(
            ticket
            for ticket in self.visible
            if ticket > reckoning.top or any(g.first <= ticket <= g.last for g in reckoning.gaps)
        )
        return Look(head, seen[:limit], min(self.open, default=self.next_number))


def placed(runs: list[Run]) -> dict[int, int]:
    return {
        run.position + offset: run.first_ticket + offset
        for run in runs
        for offset in range(run.last_ticket - run.first_ticket + 1)
    }


@pytest.mark.parametrize("seed", range(150))
def test_every_committed_row_gets_one_dense_position(seed: int):
    chance = random.Random(seed)
    world = World(chance)
    limit = chance.choice((1, 3, 10, 1_000))
    stored: list[Run] = []
    reckoning = Reckoning()
    for step in range(600):
        world.happen()
        if chance.random() < 0.3 or step > 560:
            before = replace(reckoning)
            look = world.look(reckoning, reckoning.head, limit)
            runs = reckoning.place(look, limit)
            if runs:
                reckoning.numbered(world.number())
            if chance.random() < 0.1:
                reckoning = before  # The round was undone.
                continue
            stored += runs
            assert not any(
                ticket <= reckoning.settled for drawn in world.open.values() for ticket in drawn
            )
        if chance.random() < 0.02:
            reckoning = restarted(stored, world)
    for number in list(world.open):
        world.visible.update(world.open.pop(number))
    while look := world.look(reckoning, reckoning.head, limit):
        stored += reckoning.place(look, limit)
        reckoning.numbered(world.number())
        if not look.tickets and not reckoning.gaps:
            break
    positions = placed(stored)
    assert sorted(positions) == list(range(1, len(world.visible) + 1))
    assert sorted(positions.values()) == sorted(world.visible)
    assert reckoning.settled == max(world.visible, default=0)


def restarted(stored: list[Run], world: World) -> Reckoning:
    fresh = Reckoning()
    if stored:
        last = stored[-1]
        head = last.position + last.last_ticket - last.first_ticket
        above = sorted(
            (run for run in stored if run.last_ticket > last.settled),
            key=lambda run: run.first_ticket,
        )
        fresh.resume(head, last.settled, above)
        fresh.numbered(world.number())
    return fresh


def test_a_gap_whose_transaction_has_a_number_above_the_last_one_that_ended_stays_open():
    """The trap: the highest number that ended is 9; 10 is still writing ticket 1."""
    reckoning = Reckoning()
    reckoning.place(Look(head=0, tickets=[2], xmin=10), 100)
    assert reckoning.gaps == [Gap(1, 1)]
    reckoning.numbered(11)
    assert reckoning.place(Look(head=1, tickets=[], xmin=10), 100) == []
    assert reckoning.unsettled == 1
    assert reckoning.place(Look(head=1, tickets=[1], xmin=11), 100) == [Run(2, 1, 1, 2)]
    assert reckoning.unsettled == 0


def test_a_gap_is_settled_once_everybody_who_could_fill_it_has_ended():
    reckoning = Reckoning()
    reckoning.place(Look(head=0, tickets=[1, 5], xmin=3), 100)
    reckoning.numbered(7)
    assert (reckoning.settled, reckoning.unsettled) == (1, 3)
    reckoning.place(Look(head=2, tickets=[], xmin=6), 100)
    assert reckoning.unsettled == 3
    reckoning.place(Look(head=2, tickets=[], xmin=7), 100)
    assert (reckoning.settled, reckoning.unsettled) == (5, 0)
