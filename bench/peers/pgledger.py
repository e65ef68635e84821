"""pgledger, from a checkout that `BENCH_PGLEDGER` names, on the run's own server."""

import os
from dataclasses import dataclass
from pathlib import Path

from psycopg import AsyncConnection

from bench.measure import Sample
from bench.pgbench import Pgbench
from bench.process import ChildFailed
from bench.server import Server

VARIABLE = "BENCH_PGLEDGER"
ACCOUNTS = 1_000
NEEDS = ("vendor/scoville-pgsql-ulid/uuid-to-ulid.sql", "pgledger.sql")

ACCOUNTS_SQL = f"""
    CREATE TABLE bench_account (number int PRIMARY KEY, id text NOT NULL);
    INSERT INTO bench_account
    SELECT i, (SELECT a.id FROM pgledger_create_account('bench ' || i, 'EUR') AS a)
    FROM generate_series(1, {ACCOUNTS}) AS i;
    ANALYZE
"""

TRANSFER = """
\\set credit (:debit + random(1, {last}) - 1) % {accounts} + 1
SELECT t.id FROM pgledger_create_transfer(
    (SELECT id FROM bench_account WHERE number = :debit),
    (SELECT id FROM bench_account WHERE number = :credit), 1) AS t;
"""


def checkout() -> Path | None:
    """Return where pgledger's SQL is, if it is here."""
    named = os.environ.get(VARIABLE)
    if not named or not all((Path(named) / file).is_file() for file in NEEDS):
        return None
    return Path(named)


@dataclass(frozen=True, slots=True)
class Pgledger:
    """pgledger in a database of its own, and the two ways it is pressed."""

    dsn: str
    folder: Path

    async def uniform(self, seconds: float) -> Sample:
        """Move money between two accounts drawn by chance, sixteen callers."""
        return await self._press("uniform", f"random(1, {ACCOUNTS})", seconds)

    async def hot(self, seconds: float) -> Sample:
        """Move money from one account to any other, sixteen callers."""
        return await self._press("hot", "1", seconds)

    async def faults(self) -> list[str]:
        """Return what is wrong with its book, so that a broken peer is not a slow one."""
        async with await AsyncConnection.connect(self.dsn) as connection:
            cursor = await connection.execute(
                "SELECT coalesce(sum(amount), 0) FROM pgledger_entries"
            )
            row = await cursor.fetchone()
        assert row is not None
        return [] if row[0] == 0 else ["pgledger: the entries do not add up to zero"]

    async def _press(self, name: str, debit: str, seconds: float) -> Sample:
        script = self.folder / f"pgledger-{name}.sql"
        transfer = TRANSFER.format(accounts=ACCOUNTS, last=ACCOUNTS - 1)
        script.write_text(f"\\set debit {debit}{transfer}")
        return await Pgbench(self.dsn, scale=1).run(seconds, script)


async def install(server: Server, source: Path, folder: Path) -> Pgledger:
    """Load pgledger's SQL into a new database and open accounts."""
    dsn = await server.create("pgledger")
    async with await AsyncConnection.connect(dsn, autocommit=True) as connection:
        for file in NEEDS:
            await connection.execute((source / file).read_bytes())
        await connection.execute(ACCOUNTS_SQL.encode())
        cursor = await connection.execute("SELECT count(DISTINCT id) FROM bench_account")
        row = await cursor.fetchone()
    if row is None or row[0] != ACCOUNTS:
        raise ChildFailed("pgledger did not open the accounts")
    return Pgledger(dsn, folder)
