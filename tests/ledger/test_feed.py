"""Followers of the ledger see every batch once, in order."""

import asyncio
from itertools import pairwise

from tests.ledger.shelf import Shelf, dsn

from bezant.db.database import Database
from bezant.db.nudges import Nudges
from bezant.db.sequencer import Sequencer
from bezant.ledger.feed import SCHEMA, SOURCE, feed


async def test_the_batches_are_the_feed(shelf: Shelf):
    a, b = await shelf.funded("100.00"), await shelf.open()
    c, d = await shelf.funded("100.00", "USD"), await shelf.open("USD")
    moved = await asyncio.gather(
        *(shelf.move(a, b, "1.00") if n % 2 else shelf.move(c, d, "1.00") for n in range(60))
    )
    database = await Database.open(dsn(shelf.database), name="f", size_max=2, clock=shelf.clock)
    try:
        sequencer = Sequencer(database, SCHEMA.module, Nudges(), source=SOURCE)
        while await sequencer.step():
            pass
        found = await feed(database).read(0, 1_000)
    finally:
        await database.close()
    assert [one.position for one in found] == list(range(1, len(found) + 1))
    assert {one.event.type for one in found} == {"transfers.recorded"}
    for subject in ("book_1", "book_2"):
        spans = [
            (str(one.event.data["first"]), str(one.event.data["last"]))
            for one in found
            if one.event.subject == subject
        ]
        for before, after in pairwise(spans):
            assert int(before[1][3:], 16) + 1 == int(after[0][3:], 16)
    covered = [(str(one.event.data["first"]), str(one.event.data["last"])) for one in found]
    for one in moved:
        assert sum(first <= one.id <= last for first, last in covered) == 1
