"""What both baselines share: their funded accounts, what is sent to them, and right books."""

import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from psycopg import AsyncConnection, conninfo

from bench.baselines.call import SCHEMA
from bench.load import Plan
from bench.process import Service, free_port, serving

ACCOUNTS = 1_000
FUNDS = 1_000_000_000
"""Whole minor units each account starts with; no transfer may take it below zero."""

ROOT = Path(__file__).parent.parent.parent

PLAN = Plan(
    path="/v1/transfers",
    headers={},
    before="",
    item=(
        '{"debit_account":{{debit}},"credit_account":{{credit}},"amount":"1","currency":"EUR",'
        '"reference":"invoice {{id}}"}'
    ),
    after="",
    items=1,
    accounts=[str(number) for number in range(1, ACCOUNTS + 1)],
)

FAULTS = {
    "the entries do not add up to zero": "SELECT coalesce(sum(amount), 0) <> 0 FROM entry",
    "a transfer has not two entries": (
        "SELECT (SELECT count(*) FROM entry) <> 2 * (SELECT count(*) FROM transfer)"
    ),
    "a balance is not the sum of its entries": f"""
        SELECT EXISTS (
            SELECT FROM account a
            LEFT JOIN (SELECT account_id, sum(amount) AS moved FROM entry GROUP BY 1) e
                ON e.account_id = a.id
            WHERE a.balance <> {FUNDS} + coalesce(e.moved, 0)
        )""",
    "a floor is broken": "SELECT EXISTS (SELECT FROM account WHERE balance < floor)",
}


@dataclass(frozen=True, slots=True)
class Baseline:
    """A baseline's service and its book."""

    service: Service
    dsn: str

    async def transfers(self) -> int:
        """Count what is in the book."""
        async with await AsyncConnection.connect(self.dsn) as connection:
            row = await (await connection.execute("SELECT count(*) FROM transfer")).fetchone()
            assert row is not None
            return int(row[0])

    async def faults(self, accepted: int) -> list[str]:
        """Return what is wrong with the book after so many transfers were acknowledged."""
        found: list[str] = []
        async with await AsyncConnection.connect(self.dsn) as connection:
            for fault, question in FAULTS.items():
                row = await (await connection.execute(question.encode())).fetchone()
                if row is None or row[0]:
                    found.append(f"{self.service.name}: {fault}")
        written = await self.transfers()
        if written < accepted:
            found.append(f"{self.service.name}: {accepted} acknowledged, {written} in the book")
        return found


@asynccontextmanager
async def running(name: str, dsn: str, log: Path) -> AsyncGenerator[Baseline]:
    """Run `orm` or `call` on an empty database until the block ends."""
    async with await AsyncConnection.connect(dsn, autocommit=True) as connection:
        if name == "call":
            await connection.execute(SCHEMA.read_bytes())
    command = [sys.executable, "-m", f"bench.baselines.{name}", str(port := free_port())]
    environment = {"PYTHONPATH": str(ROOT), "BENCH_DSN": dsn}
    environment["BENCH_SQLALCHEMY_URL"] = sqlalchemy_url(dsn)
    async with serving(name, command, environment, port, log) as service:
        async with await AsyncConnection.connect(dsn, autocommit=True) as connection:
            await connection.execute(
                "INSERT INTO account (id, currency, balance, floor)"
                " SELECT i, 'EUR', %s, 0 FROM generate_series(1, %s) AS i",
                (FUNDS, ACCOUNTS),
            )
        yield Baseline(service, dsn)


def sqlalchemy_url(dsn: str) -> str:
    """Return a libpq address the way SQLAlchemy writes it."""
    parts = {
        name: quote(str(value), safe="") for name, value in conninfo.conninfo_to_dict(dsn).items()
    }
    user = f"{parts['user']}:{parts.get('password', '')}"
    place = f"host={parts['host']}&port={parts.get('port', '5432')}"
    return f"postgresql+psycopg://{user}@/{parts['dbname']}?{place}"
