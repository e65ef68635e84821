"""The yardstick: PostgreSQL's own pgbench, tpcb-like, on the same server as everything else."""

import re
from dataclasses import dataclass
from pathlib import Path

from psycopg import conninfo

from bench.measure import Sample
from bench.process import ChildFailed, finish
from bezant.db import binaries

SCALE = 50
SCALE_QUICK = 25
"""Half the rows fill in half the time, and 16 clients still rarely meet on one of 25 branches."""
CLIENTS = 16
THREADS = 2
FILL_SECONDS_MAX = 300.0
GRACE_SECONDS = 30.0
PATIENCE_TIMES, PATIENCE_FACTOR = 4, 3
"""A machine so busy that not one transaction ended in time is watched for longer."""

_NOTHING = re.compile(r"^number of transactions actually processed: 0$", re.MULTILINE)
_RATE = re.compile(r"^tps = ([0-9.]+)", re.MULTILINE)
_LATENCY = re.compile(r"^latency average = ([0-9.]+) ms", re.MULTILINE)
_FAILED = re.compile(r"^number of failed transactions: (\d+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Pgbench:
    """pgbench against one database, which it fills and owns."""

    dsn: str
    scale: int

    async def fill(self) -> None:
        """Create pgbench's tables."""
        command = [
            str(binaries.folder() / "pgbench"),
            "--initialize",
            "--quiet",
            f"--scale={self.scale}",
        ]
        await finish(command, _environment(self.dsn), FILL_SECONDS_MAX)

    async def run(self, seconds: float, script: Path | None = None) -> Sample:
        """Run tpcb-like, or a script of one's own, and return transactions a second."""
        program = [str(binaries.folder() / "pgbench"), f"--client={CLIENTS}", f"--jobs={THREADS}"]
        program += ["--protocol=prepared"]
        program += ["--no-vacuum", f"--file={script}"] if script else ["--builtin=tpcb-like"]
        whole = max(1, round(seconds))
        for _ in range(PATIENCE_TIMES):
            command = [*program, f"--time={whole}"]
            done = await finish(command, _environment(self.dsn), whole + GRACE_SECONDS)
            if not _NOTHING.search(done.output):
                return read(done.output, whole)
            whole *= PATIENCE_FACTOR
        raise ChildFailed("pgbench came to nothing")


def read(output: str, seconds: float) -> Sample:
    """Read pgbench's report. One with failed transactions is no yardstick."""
    rate, latency, failed = (pattern.search(output) for pattern in (_RATE, _LATENCY, _FAILED))
    if rate is None or latency is None or failed is None:
        raise ChildFailed(f"pgbench said something new: {output}")
    if int(failed[1]):
        raise ChildFailed(f"pgbench had {failed[1]} failed transactions")
    return Sample(float(rate[1]), seconds, {"latency_ms": float(latency[1])})


def latency_ms(sample: Sample) -> float:
    """Return the mean latency that pgbench told with a sample."""
    latency = sample.facts["latency_ms"]
    assert isinstance(latency, float)
    return latency


def _environment(dsn: str) -> dict[str, str]:
    """Passwords travel in the environment: a command line is open to every user of the machine."""
    names = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "dbname": "PGDATABASE"}
    names |= {"password": "PGPASSWORD"}
    parts = conninfo.conninfo_to_dict(dsn)
    return {names[part]: str(value) for part, value in parts.items() if part in names}
