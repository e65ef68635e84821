"""Writers, modules and events for the tests of feeds; as a program, a follower that dies.

`python -m tests.db.feeding ALPHA_DSN BETA_DSN DIES_AFTER` follows alpha from beta and kills itself
at that effect.
"""

import asyncio
import os
import random
import signal
import sys
from pathlib import Path

from tests.db.rooms import module

from bezant.actor import Mode
from bezant.clock import RealClock
from bezant.db.database import Database, Tx
from bezant.db.feeds import StoredFeed
from bezant.db.follower import Follower
from bezant.db.nudges import Nudges
from bezant.db.outbox import Outbox
from bezant.db.schema import ModuleSchema, Piece
from bezant.events import Event, FedEvent
from bezant.ids import Ids

SUBJECTS = 7
WRITING = f"""
CREATE TABLE subject (id int PRIMARY KEY, number int NOT NULL DEFAULT 0);
INSERT INTO subject (id) SELECT generate_series(1, {SUBJECTS});
GRANT SELECT, UPDATE ON subject TO bezant_alpha;
CREATE TABLE other (id int);
GRANT INSERT ON other TO bezant_alpha;
"""
FOLLOWING = """
CREATE TABLE seen (position bigint NOT NULL, id text NOT NULL, subject text, number int);
GRANT SELECT, INSERT ON seen TO bezant_{name};
"""
IDS = Ids(RealClock())


def writer(folder: Path) -> ModuleSchema:
    return module(folder, "alpha", WRITING, pieces=(Piece.OUTBOX, Piece.FEED))


def reader(folder: Path, name: str) -> ModuleSchema:
    return module(folder, name, FOLLOWING.replace("{name}", name), pieces=(Piece.FOLLOWER,))


def happened(subject: str, number: int) -> Event:
    return Event(
        id=IDS.new("evt"),
        type="thing.happened",
        version=1,
        mode=Mode.TEST,
        tenant="mer_1",
        subject=subject,
        occurred_at=RealClock().now(),
        data={"number": number},
    )


async def write(database: Database, outbox: Outbox, chance: random.Random) -> list[str]:
    """Change one or two subjects in a transaction that takes its time; return the events' ids."""
    events: list[Event] = []
    async with database.transaction() as tx:
        if chance.random() < 0.3:  # Its number is given out long before it holds a subject.
            await tx.execute("INSERT INTO other VALUES (1)")
            await asyncio.sleep(chance.random() * 0.004)
        for subject in sorted(chance.sample(range(1, SUBJECTS + 1), chance.choice((1, 1, 2)))):
            number: int = await tx.fetch_value(
                "UPDATE subject SET number = number + 1 WHERE id = %s RETURNING number", (subject,)
            )
            events.append(happened(str(subject), number))
            await outbox.append(tx, events[-1])
            await asyncio.sleep(chance.random() * 0.006)
        if chance.random() < 0.1:
            raise LookupError  # Undone: its tickets stay empty for ever.
    return [event.id for event in events]


async def note(tx: Tx, fed: FedEvent) -> None:
    """Remember that an event was seen: the effect of the tests' followers."""
    await tx.execute(
        "INSERT INTO seen (position, id, subject, number) VALUES (%s, %s, %s, %s)",
        (fed.position, fed.event.id, fed.event.subject, fed.event.data["number"]),
    )


async def append(database: Database, count: int, subject: str = "a") -> None:
    outbox = Outbox("alpha", Nudges())
    async with database.transaction() as tx:
        await outbox.append(tx, *(happened(subject, number) for number in range(1, count + 1)))


async def seen(database: Database) -> list[tuple[int, str, str, int]]:
    """Return (position, id, subject, number) in the order in which they were noted."""
    return [
        tuple(row)
        for row in await database.fetch_value(
            "SELECT json_agg(json_build_array(position, id, subject, number) ORDER BY position) "
            "FROM seen"
        )
        or []
    ]


async def follow_and_die(alpha_dsn: str, beta_dsn: str, dies_after: int) -> None:
    clock = RealClock()
    alpha = await Database.open(alpha_dsn, name="alpha", size_max=1, clock=clock)
    beta = await Database.open(beta_dsn, name="beta", size_max=1, clock=clock)
    effects = 0

    async def effect(tx: Tx, fed: FedEvent) -> None:
        nonlocal effects
        await note(tx, fed)
        effects += 1
        if effects == dies_after:
            os.kill(os.getpid(), signal.SIGKILL)

    follower = Follower(
        "beta", "alpha", StoredFeed(alpha, "alpha"), beta, effect, Nudges(), batch_max=7
    )
    while await follower.step():
        pass
    await alpha.close()
    await beta.close()
    print("done")


if __name__ == "__main__":
    asyncio.run(follow_and_die(sys.argv[1], sys.argv[2], int(sys.argv[3])))
