"""A process that runs jobs: `python -m tests.db.working JOBS_DSN ALPHA_DSN HELD|UNHELD [GATE]`.

Each job says `begun KEY`, waits until the file GATE exists if one is named, and then has its
effect: a row in `done`.
"""

import asyncio
import sys
from collections.abc import Mapping
from pathlib import Path

from bezant.clock import RealClock
from bezant.db.database import Database
from bezant.db.jobs import Heartbeats, JobRunner, Task, Turn, TurnLost

QUICK = Heartbeats(beat_seconds=0.2, stalled_seconds=1.0)


async def work(jobs_dsn: str, alpha_dsn: str, held: bool, gate: Path | None) -> None:
    clock = RealClock()
    jobs = await Database.open(jobs_dsn, name="jobs", size_max=4, clock=clock)
    alpha = await Database.open(alpha_dsn, name="alpha", size_max=4, clock=clock)

    async def effect(turn: Turn, arguments: Mapping[str, object]) -> None:
        print("begun", arguments["key"])
        while gate is not None and not gate.exists():
            await asyncio.sleep(0.02)
        try:
            async with alpha.transaction() as tx:
                if held:
                    await turn.hold(tx)
                await tx.execute("INSERT INTO done (key) VALUES (%s)", (arguments["key"],))
        except TurnLost:
            print("lost", arguments["key"])
            raise
        print("ended", arguments["key"])

    runner = JobRunner(
        jobs_dsn,
        jobs,
        tasks=[Task("alpha.effect", effect)],
        concurrency=20,
        heartbeats=QUICK,
        look_seconds=0.1,
    )
    runner.start()
    print("ready")
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(
        work(
            sys.argv[1],
            sys.argv[2],
            sys.argv[3] == "HELD",
            Path(sys.argv[4]) if len(sys.argv) > 4 else None,
        )
    )
