"""Two shops that take cards at the same acquirer: ours, and the ordinary one."""

import asyncio
import sys
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Final, LiteralString

import msgspec
from psycopg import AsyncConnection

from bench import books
from bench.baselines.book import ROOT, sqlalchemy_url
from bench.load import Plan
from bench.process import HOST, ChildFailed, Service, free_port, serving
from bench.product import (
    TRANSFER,
    address,
    healthy,
    open_accounts,
    publishable_and_secret,
)
from bench.server import Server

CARDS: Final = 20
HELD_AT_ONCE: Final = 512
"""How many requests the platform answers at once in a run; the rest is told to come again."""
RATE_LIMIT: Final = 1_000_000_000
SETTLE_SECONDS_MAX: Final = 60.0
RULES_HEARD_SECONDS: Final = 6.0
"""Rules that were changed behind the platform's back hold by then."""
SANDBOX_ABOVE: Final = 5
"""The card acquirer's port, above the first one of the emulators."""

ITEM: Final = (
    '{"amount":{"amount":"19.99","asset":"EUR"},"pay_with":{"card":"{{debit}}"},'
    '"description":"invoice {{id}}"}'
)
ORDINARY_ITEM: Final = (
    '{"amount":"1999","currency":"EUR","card":"{{debit}}","reference":"invoice {{id}}"}'
)
UNPAID_ITEM: Final = (
    '{"amount":{"amount":"19.99","asset":"EUR"},"confirm":false,"description":"invoice {{id}}"}'
)
ACCOUNTS: Final = 500
RULES: Final[LiteralString] = """
    DELETE FROM payments.routing_rule;
    DELETE FROM payments.fee_rule;
    INSERT INTO payments.routing_rule (number, place, provider) VALUES (1, 0, 'card');
    INSERT INTO payments.fee_rule (number, percent) VALUES (1, 1.5);
"""
OUR_FAULTS: Final[dict[str, LiteralString]] = {
    "a payment has not come to its end": """
        SELECT EXISTS (
            SELECT FROM payments.payment AS p WHERE p.captured <> p.amount AND p.attempts > 0
        )""",
    "the book has not one transfer a payment": """
        SELECT (SELECT count(*) FROM payments.payment AS p WHERE p.attempts > 0) <> (
            SELECT count(*) FROM ledger.transfer AS t WHERE t.kind = 1
            AND EXISTS (SELECT FROM ledger.entry AS e WHERE e.transfer = t.id AND e.amount > 0)
            AND t.reference LIKE 'pay_%%'
        )""",
}
ORDINARY_FAULTS: Final[dict[str, LiteralString]] = {
    "the entries do not add up to zero": "SELECT coalesce(sum(amount), 0) <> 0 FROM entry",
    "a payment has not three entries": """
        SELECT (SELECT count(*) FROM entry) <> 3 * (
            SELECT count(*) FROM payment WHERE status = 'succeeded'
        )""",
}
FIRST_ORDER_PAID: Final[LiteralString] = (
    "SELECT EXISTS (SELECT FROM payments.payment AS p WHERE p.captured = p.amount)"
)
CHARGED: Final[LiteralString] = """
    SELECT count(*) FROM payments.payment AS p WHERE p.attempts > 0
"""
UNPAID: Final[LiteralString] = """
    SELECT count(*) FROM payments.payment AS p WHERE p.attempts = 0
"""
SIZE: Final[LiteralString] = """
    SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint
    FROM pg_class AS c
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'm')
        AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'webhooks', 'audit', 'jobs')
"""
"""What a payment itself takes. What others keep of it has a measure of its own (`whole.py`)."""


class Token(msgspec.Struct, frozen=True):
    """A card's token."""

    token: str


class Told(msgspec.Struct, frozen=True):
    """What the acquirer did."""

    charges: int
    repeats: int
    captured: int


@dataclass(frozen=True, slots=True)
class Shop:
    """A running service that takes payments, and the acquirer it asks."""

    service: Service
    acquirer: Service
    dsn: str
    plan: Plan
    questions: dict[str, LiteralString]
    payments: LiteralString
    unsettled: LiteralString
    checked: Callable[[], Awaitable[list[str]]]

    async def size(self) -> int:
        """Return how many bytes the tables and indexes take that keep payments themselves."""
        return int(await _asked(self.dsn, SIZE))

    async def internal(self) -> tuple[Plan, Plan]:
        """Return how a payment is made that no provider is asked for, and how it is posted."""
        headers = self.plan.headers
        key = headers["Authorization"].removeprefix("Bearer ")
        accounts = await asyncio.to_thread(open_accounts, self.service.port, key, ACCOUNTS)
        return (
            Plan("/v1/payments", headers, "", UNPAID_ITEM, "", 1, accounts),
            Plan("/v1/transfers", headers, "", "{" + TRANSFER, "", 1, accounts),
        )

    async def unpaid(self) -> int:
        """Return how many payments no provider was asked for."""
        return await _asked(self.dsn, UNPAID)

    async def _settled(self) -> None:
        """Wait until what callers no longer wait for has come to its end, too."""
        until = time.monotonic() + SETTLE_SECONDS_MAX
        while await _asked(self.dsn, self.unsettled) and time.monotonic() < until:  # noqa: ASYNC110
            await asyncio.sleep(0.5)

    async def faults(self, accepted: int) -> list[str]:
        """Return what is wrong after so many payments were acknowledged."""
        name = self.service.name
        await self._settled()
        found = [
            f"{name}: {fault}"
            for fault, question in self.questions.items()
            if await _asked(self.dsn, question)
        ]
        made = int(await _asked(self.dsn, self.payments))
        told = await asyncio.to_thread(_told, self.acquirer.port)
        if made < accepted:
            found.append(f"{name}: {accepted} acknowledged, {made} kept")
        if (told.charges, told.captured) != (made, made * 1_999):
            found.append(f"{name}: {made} payments, {told.charges} charges at the acquirer")
        return found + await self.checked()


@asynccontextmanager
async def ours(
    server: Server, folder: Path, name: str = "bezant", settings: Mapping[str, str] | None = None
) -> AsyncGenerator[Shop]:
    """Run the whole platform, its card payments sent to the acquirer."""
    dsn = await server.create(f"payments_{name}")
    base = free_port()
    async with _acquirer(folder, f"of {name}", base + SANDBOX_ABOVE) as acquirer:
        port, data = free_port(), folder / name
        command = [sys.executable, "-m", "bezant.cli.main", "up", "--json"]
        command += ["--data", str(data), "--port", str(port)]
        environment = {
            "DATABASE_URL": address(dsn),
            "BEZANT_KEY_FILE": str(folder / f"{name}.key"),
            "LOG_FORMAT": "json",
            "RATE_LIMIT": str(RATE_LIMIT),
            "SANDBOX_PORT": str(base),
            "SANDBOX_APART": "true",
            "IN_FLIGHT_MAX": str(HELD_AT_ONCE),
            **(settings or {}),
        }
        log = folder / f"{name}.log"
        async with serving(name, command, environment, port, log) as service:
            await healthy(service)
            publishable, secret = publishable_and_secret(data)
            await _first_order(dsn)
            await _asked(dsn, RULES, answered=False)
            await asyncio.sleep(RULES_HEARD_SECONDS)
            cards = await asyncio.to_thread(_tokenised, port, publishable)
            headers = {"Authorization": f"Bearer {secret}"}

            async def checked() -> list[str]:
                return await books.faults(dsn, 0)

            yield Shop(
                service, acquirer, dsn, Plan("/v1/payments", headers, "", ITEM, "", 1, cards),
                OUR_FAULTS, CHARGED,
                "SELECT count(*) FROM payments.pending", checked,
            )  # fmt: skip


async def _first_order(dsn: str) -> None:
    """Wait until a new installation has taken the first payment of its sample shop."""
    until = time.monotonic() + SETTLE_SECONDS_MAX
    while not await _asked(dsn, FIRST_ORDER_PAID) and time.monotonic() < until:  # noqa: ASYNC110
        await asyncio.sleep(0.2)


@asynccontextmanager
async def ordinary(server: Server, folder: Path) -> AsyncGenerator[Shop]:
    """Run the ORM baseline in front of an acquirer of its own."""
    dsn = await server.create("payments_orm")
    async with _acquirer(folder, "orm", free_port()) as acquirer:
        command = [sys.executable, "-m", "bench.baselines.orm_payments", str(port := free_port())]
        environment = {
            "PYTHONPATH": str(ROOT),
            "BENCH_SQLALCHEMY_URL": sqlalchemy_url(dsn),
            "BENCH_ACQUIRER": f"http://{HOST}:{acquirer.port}",
        }
        log = folder / "orm_payments.log"
        async with serving("orm_payments", command, environment, port, log) as service:
            cards = [f"card_{number:032x}" for number in range(CARDS)]

            async def checked() -> list[str]:
                return []

            yield Shop(
                service, acquirer, dsn, Plan("/v1/payments", {}, "", ORDINARY_ITEM, "", 1, cards),
                ORDINARY_FAULTS, "SELECT count(*) FROM payment",
                "SELECT count(*) FROM payment WHERE status = 'processing'", checked,
            )  # fmt: skip


@asynccontextmanager
async def _acquirer(folder: Path, name: str, port: int) -> AsyncGenerator[Service]:
    command = [sys.executable, "-m", "bench.acquirer", str(port)]
    root = {"PYTHONPATH": str(ROOT)}
    log = folder / f"acquirer-{name}.log"
    async with serving(f"acquirer {name}", command, root, port, log) as service:
        yield service


async def _asked(dsn: str, question: LiteralString, *, answered: bool = True) -> int:
    async with await AsyncConnection.connect(dsn, autocommit=True) as connection:
        cursor = await connection.execute(question)
        if not answered:
            return 0
        row = await cursor.fetchone()
        assert row is not None
        return int(row[0])


def _told(port: int) -> Told:
    connection = HTTPConnection(HOST, port, timeout=30)
    connection.request("GET", "/book")
    told = msgspec.json.decode(connection.getresponse().read(), type=Told)
    connection.close()
    return told


def _tokenised(port: int, key: str) -> list[str]:
    connection = HTTPConnection(HOST, port, timeout=30)
    headers = {"x-api-key": key, "Content-Type": "application/json"}
    body = msgspec.json.encode(
        {"number": "4242424242424242", "exp_month": 12, "exp_year": 2040, "cvc": "123"}
    )
    tokens: list[str] = []
    for _ in range(CARDS):
        connection.request("POST", "/v1/payments/tokenize", body, headers)
        answer = connection.getresponse()
        said = answer.read()
        if answer.status != 201:
            raise ChildFailed(f"tokenising was answered {answer.status}: {said.decode()}")
        tokens.append(msgspec.json.decode(said, type=Token).token)
    connection.close()
    return tokens
