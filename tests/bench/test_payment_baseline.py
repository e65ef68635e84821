"""The ordinary way to take a card payment keeps right books, and so does the acquirer it asks."""

import asyncio
import json
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import psycopg
from bench.baselines.book import ROOT, sqlalchemy_url
from bench.process import HOST, Service, free_port, serving
from tests.harness.cluster import TestDatabase


@asynccontextmanager
async def taking_payments(
    database: TestDatabase, folder: Path
) -> AsyncGenerator[tuple[Service, Service]]:
    """Run the acquirer and the baseline in front of it."""
    root = {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "bench.acquirer", str(port := free_port())]
    async with serving("acquirer", command, root, port, folder / "acquirer.log") as acquirer:
        given = {"BENCH_SQLALCHEMY_URL": sqlalchemy_url(database.administrator_dsn)}
        given["BENCH_ACQUIRER"] = f"http://{HOST}:{acquirer.port}"
        command = [sys.executable, "-m", "bench.baselines.orm_payments", str(port := free_port())]
        log = folder / "orm.log"
        async with serving("orm_payments", command, root | given, port, log) as baseline:
            yield acquirer, baseline


async def ask(
    service: Service, path: str, key: str, body: dict[str, object] | None = None
) -> tuple[int, dict[str, object]]:
    content = json.dumps(body).encode() if body else b""
    reader, writer = await asyncio.open_connection(HOST, service.port)
    writer.write(
        b"%b %b HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Idempotency-Key: %b\r\nContent-Length: %d\r\n\r\n%b"
        % (b"POST" if body else b"GET", path.encode(), key.encode(), len(content), content)
    )
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length:")[2].split()[0])
    answer = await reader.readexactly(length)
    writer.close()
    return int(head.split()[1]), json.loads(answer)


async def test_one_key_sent_twenty_times_is_one_charge_and_one_booking(
    empty_database: TestDatabase, tmp_path: Path
) -> None:
    async with taking_payments(empty_database, tmp_path) as (acquirer, baseline):
        body: dict[str, object] = {"amount": "1999", "currency": "EUR", "card": "card_1"}
        answers = await asyncio.gather(
            *(ask(baseline, "/v1/payments", "same", body) for _ in range(20))
        )
        assert {status for status, _ in answers} <= {201, 409}
        status, paid = await ask(baseline, "/v1/payments", "same", body)
        assert (status, paid["status"]) == (201, "succeeded")
        status, _ = await ask(baseline, "/v1/payments", "same", {**body, "amount": "2000"})
        assert status == 422
        _, told = await ask(acquirer, "/book", "")
        assert told == {"charges": 1, "repeats": 0, "captured": 1999}
        with psycopg.connect(empty_database.administrator_dsn) as connection:
            rows = connection.execute("SELECT count(*), sum(amount) FROM entry").fetchone()
        assert rows == (3, 0)


async def test_the_acquirer_charges_once_a_key(tmp_path: Path) -> None:
    root = {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "bench.acquirer", str(port := free_port())]
    async with serving("acquirer", command, root, port, tmp_path / "acquirer.log") as acquirer:
        body: dict[str, object] = {"key": "att_1", "amount": "5", "asset": "EUR", "capture": False}
        first = await ask(acquirer, "/authorisations", "", body)
        assert first == await ask(acquirer, "/authorisations", "", body)
        assert first[1]["status"] == "authorised"
        _, told = await ask(acquirer, "/book", "")
        assert told == {"charges": 1, "repeats": 1, "captured": 0}
        status, _ = await ask(acquirer, "/elsewhere", "")
        assert status == 404
