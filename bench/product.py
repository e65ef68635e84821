"""Bezant as its users run it: `bezant up` on the run's server, called with an API key.

Nothing is switched off for the measurement: keys, permissions, idempotency, limits (raised, still
counted), metrics and JSON logs are on.
"""

import asyncio
import sys
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import quote

import msgspec
from psycopg import conninfo

from bench import books
from bench.load import Plan
from bench.process import HOST, ChildFailed, Service, free_port, serving
from bench.server import Server

DATABASE = "bezant"
HEALTHY_SECONDS_MAX = 60.0
FUND_AT_ONCE = 500
FUNDS = "10000000.00"
RATE_LIMIT = 1_000_000_000
"""Every request still spends from its bucket; it only never becomes empty."""

TRANSFER = (
    '"legs":[{"account":"{{debit}}","side":"debit","amount":{"amount":"0.01","asset":"EUR"}},'
    '{"account":"{{credit}}","side":"credit","amount":{"amount":"0.01","asset":"EUR"}}],'
    '"reference":"invoice {{id}}"}'
)


class Sample(msgspec.Struct, frozen=True):
    """What is needed of a demo installation's sample data."""

    publishable_key: str
    secret_key: str


@dataclass(frozen=True, slots=True)
class Product:
    """A running platform, and the accounts that are pressed."""

    service: Service
    dsn: str
    key: str
    accounts: Sequence[str]

    @property
    def single(self) -> Plan:
        """One transfer a request."""
        return self._plan("/v1/transfers", "", "{" + TRANSFER, "", 1)

    def batch(self, size: int) -> Plan:
        """So many transfers a request."""
        return self._plan(
            "/v1/transfers/batch", '{"transfers":[', '{"id":"{{id}}",' + TRANSFER, "]}", size
        )

    async def faults(self, accepted: int) -> list[str]:
        """Return what is wrong with the book after so many transfers were acknowledged."""
        return await books.faults(self.dsn, accepted)

    def _plan(self, path: str, before: str, item: str, after: str, items: int) -> Plan:
        headers = {"Authorization": f"Bearer {self.key}"}
        return Plan(path, headers, before, item, after, items, self.accounts)


@asynccontextmanager
async def running(server: Server, folder: Path, accounts: int) -> AsyncGenerator[Product]:
    """Start the platform, open and fund accounts through its API, and end it with the block."""
    dsn = await server.create(DATABASE)
    port, data = free_port(), folder / "bezant"
    command = [sys.executable, "-m", "bezant.cli.main", "up", "--json"]
    command += ["--data", str(data), "--port", str(port)]
    environment = {
        "DATABASE_URL": address(dsn),
        "BEZANT_KEY_FILE": str(folder / "installation.key"),
        "LOG_FORMAT": "json",
        "RATE_LIMIT": str(RATE_LIMIT),
        "LOGIN_LIMIT": str(RATE_LIMIT),
    }
    async with serving("bezant", command, environment, port, folder / "bezant.log") as service:
        await healthy(service)
        _, secret = publishable_and_secret(data)
        opened = await asyncio.to_thread(open_accounts, port, secret, accounts)
        yield Product(service, dsn, secret, opened)


def address(dsn: str) -> str:
    """Return a libpq address as the URL that `DATABASE_URL` takes."""
    parts = {
        name: quote(str(value), safe="") for name, value in conninfo.conninfo_to_dict(dsn).items()
    }
    user = f"{parts['user']}:{parts.get('password', '')}"
    return f"postgresql://{user}@{parts['host']}:{parts.get('port', '5432')}/{parts['dbname']}"


def publishable_and_secret(data: Path) -> tuple[str, str]:
    """Return the keys of the sample merchant."""
    sample = msgspec.json.decode((data / "sample.json").read_bytes(), type=Sample)
    return sample.publishable_key, sample.secret_key


async def healthy(service: Service) -> None:
    """Wait until the platform answers well."""
    until = time.monotonic() + HEALTHY_SECONDS_MAX
    while time.monotonic() < until:
        if await asyncio.to_thread(_health, service.port) == 200:
            return
        await asyncio.sleep(0.1)
    raise ChildFailed(f"bezant was not healthy within {HEALTHY_SECONDS_MAX:.0f} s")


def _health(port: int) -> int:
    connection = HTTPConnection(HOST, port, timeout=5)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status
    except OSError:
        return 0
    finally:
        connection.close()


class Opened(msgspec.Struct, frozen=True):
    """An account that was opened."""

    id: str


class Posted(msgspec.Struct, frozen=True):
    """The answers to a batch: how many transfers, each or the reason why not."""

    outcomes: list[dict[str, msgspec.Raw]]


@dataclass(frozen=True, slots=True)
class Caller:
    """One keep-alive connection with an API key."""

    connection: HTTPConnection
    key: str

    def send(self, path: str, idempotency_key: str, body: object) -> bytes:
        """Post JSON and return what was answered, if it was accepted."""
        headers = {"Authorization": f"Bearer {self.key}", "Idempotency-Key": idempotency_key}
        headers["Content-Type"] = "application/json"
        self.connection.request("POST", path, msgspec.json.encode(body), headers)
        answer = self.connection.getresponse()
        said = answer.read()
        if answer.status >= 300:
            raise ChildFailed(f"{path} answered {answer.status}: {said.decode()}")
        return said

    def open(self, number: int, kind: str, floor: str | None) -> str:
        """Open an account and return its id."""
        body: dict[str, object] = {"asset": "EUR", "type": kind, "owner": f"owner {number}"}
        if floor is not None:
            body["floor"] = {"amount": floor, "asset": "EUR"}
        said = self.send("/v1/accounts", f"bench-open-{number}", body)
        return msgspec.json.decode(said, type=Opened).id

    def fund(self, source: str, accounts: Sequence[str]) -> None:
        """Give each account money, all in one request."""
        funds = {"amount": FUNDS, "asset": "EUR"}
        transfers = [
            {
                "legs": [
                    {"account": source, "side": "debit", "amount": funds},
                    {"account": account, "side": "credit", "amount": funds},
                ]
            }
            for account in accounts
        ]
        body = {"transfers": transfers}
        said = self.send("/v1/transfers/batch", f"bench-fund-{accounts[0]}", body)
        outcomes = msgspec.json.decode(said, type=Posted).outcomes
        if len(outcomes) != len(accounts) or any("refusal" in outcome for outcome in outcomes):
            raise ChildFailed(f"funding was refused: {said[:500].decode()}")


def open_accounts(port: int, key: str, count: int) -> list[str]:
    """Open and fund so many accounts above a floor of zero."""
    caller = Caller(HTTPConnection(HOST, port, timeout=30), key)
    source = caller.open(0, "equity", None)
    accounts = [caller.open(number, "liability", "0.00") for number in range(1, count + 1)]
    for start in range(0, count, FUND_AT_ONCE):
        caller.fund(source, accounts[start : start + FUND_AT_ONCE])
    caller.connection.close()
    return accounts
