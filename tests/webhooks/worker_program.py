"""A worker in a process of its own, to be killed: `WEBHOOKS_DSN KEYS_DSN KEY_FOLDER`.

Its schedule and leases are a few thousand times quicker than in life. With a further word,
`careless`, it says that it sent what it has not sent yet.
"""

import asyncio
import sys
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from tests.harness.processes import READY

from bezant.clock import RealClock
from bezant.db.database import Database
from bezant.db.nudges import Nudges
from bezant.ids import Ids
from bezant.keys.file import FileProvider
from bezant.keys.service import KeysService
from bezant.secret import Secret
from bezant.webhooks.delivery import Outcome
from bezant.webhooks.dialling import SystemLookup, session_of
from bezant.webhooks.results import Results
from bezant.webhooks.schedule import Schedule
from bezant.webhooks.sender import Answered, Sender
from bezant.webhooks.targets import Targets
from bezant.webhooks.worker import Manner, Worker


class Careless(Sender):
    """Answers at once and sends much later."""

    async def send(self, url: str, headers: Mapping[str, str], body: bytes) -> Answered:
        loop = asyncio.get_running_loop()
        loop.call_later(
            600, lambda: loop.create_task(super(Careless, self).send(url, headers, body))
        )
        return Answered(Outcome.DELIVERED, 1, 200)


async def run(webhooks_dsn: str, keys_dsn: str, folder: Path, *manner: str) -> None:
    clock = RealClock()
    database = await Database.open(webhooks_dsn, name="webhooks", size_max=4, clock=clock)
    keys_database = await Database.open(keys_dsn, name="keys", size_max=2, clock=clock)
    provider = await FileProvider.open(folder, key=Secret(b"k" * 32))
    keys = KeysService(keys_database, clock, [provider])
    nudges = Nudges()
    sender = Careless if manner else Sender
    session = session_of(SystemLookup(), live=False, connections_max=16)
    worker = Worker(
        database,
        clock,
        clock,
        nudges,
        Targets(database, clock, keys),
        sender(session, clock, live=False, timeout_seconds=5),
        Results(database, clock, Ids(clock), nudges, lambda _kind: None),
        Manner(Schedule((0,) * 50), timedelta(seconds=1), under_way_max=16, poll_seconds=0.05),
    )
    worker.start()
    print(READY, flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(run(sys.argv[1], sys.argv[2], Path(sys.argv[3]), *sys.argv[4:]))
