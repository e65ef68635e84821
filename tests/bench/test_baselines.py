"""The baselines keep right books: a wrong one would be quick for nothing."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

import psycopg
import pytest
from bench.baselines.book import ACCOUNTS, FUNDS, PLAN, Baseline, running, sqlalchemy_url
from bench.load import press
from bench.process import HOST
from psycopg.conninfo import make_conninfo
from tests.harness.cluster import TestDatabase

NAMES = ["orm", "call"]


@asynccontextmanager
async def started(name: str, database: TestDatabase, folder: Path) -> AsyncIterator[Baseline]:
    async with running(name, database.administrator_dsn, folder / f"{name}.log") as baseline:
        yield baseline


async def ask(baseline: Baseline, key: str, **body: object) -> tuple[int, dict[str, object]]:
    content = json.dumps({"currency": "EUR", **body}).encode()
    reader, writer = await asyncio.open_connection(HOST, baseline.service.port)
    writer.write(
        b"POST /v1/transfers HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        b"Content-Type: application/json\r\nIdempotency-Key: %b\r\nContent-Length: %d\r\n\r\n%b"
        % (key.encode(), len(content), content)
    )
    head, _, answer = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    return int(head.split()[1]), json.loads(answer)


async def all_of(baseline: Baseline, keys: Iterable[str], **body: object) -> list[int]:
    answers = await asyncio.gather(*[ask(baseline, key, **body) for key in keys])
    return [status for status, _ in answers]


@pytest.mark.parametrize("name", NAMES)
async def test_one_key_sent_twenty_times_at_once_moves_money_once(
    name: str, empty_database: TestDatabase, tmp_path: Path
) -> None:
    async with started(name, empty_database, tmp_path) as baseline:
        body = {"debit_account": 1, "credit_account": 2, "amount": "5"}
        statuses = await all_of(baseline, ["same"] * 20, **body)
        assert set(statuses) <= {200, 201}
        assert await baseline.transfers() == 1
        assert await all_of(baseline, ["same"], **{**body, "amount": "6"}) == [422]
        other = {"debit_account": 3, "credit_account": 4, "amount": "5"}
        assert await all_of(baseline, ["same"], **other) == [422]
        assert await baseline.faults(accepted=1) == []


@pytest.mark.parametrize("name", NAMES)
async def test_sixteen_spenders_never_break_a_floor(
    name: str, empty_database: TestDatabase, tmp_path: Path
) -> None:
    async with started(name, empty_database, tmp_path) as baseline:
        body = {"debit_account": 7, "credit_account": 8, "amount": str(FUNDS // 5)}
        statuses = await all_of(baseline, [f"spend-{number}" for number in range(16)], **body)
        assert sorted(statuses) == [201] * 5 + [422] * 11
        assert await baseline.faults(accepted=5) == []


@pytest.mark.parametrize("name", NAMES)
async def test_opposite_transfers_under_load_neither_deadlock_nor_lose(
    name: str, empty_database: TestDatabase, tmp_path: Path
) -> None:
    async with started(name, empty_database, tmp_path) as baseline:
        sample = await press(PLAN, baseline.service.port, 16, 1, "0000beef", tmp_path, "bench.load")
        assert sample.facts["refused_requests"] == 0
        accepted = sample.facts["accepted_items"]
        assert isinstance(accepted, int)
        assert accepted > 0
        assert await baseline.faults(accepted) == []


@pytest.mark.parametrize("name", NAMES)
async def test_bad_requests_are_refused(
    name: str, empty_database: TestDatabase, tmp_path: Path
) -> None:
    async with started(name, empty_database, tmp_path) as baseline:
        good = {"debit_account": 1, "credit_account": 2, "amount": "5"}
        for wrong, statuses in (
            ({"amount": "x"}, {400, 422}),
            ({"credit_account": ACCOUNTS + 1}, {404}),
            ({"currency": "USD"}, {422}),
            ({"surprise": 1}, {400, 422}),
        ):
            status, _ = await ask(baseline, "bad", **{**good, **wrong})
            assert status in statuses, wrong
        assert await baseline.transfers() == 0


@pytest.mark.parametrize("name", NAMES)
async def test_a_wrong_book_is_noticed(
    name: str, empty_database: TestDatabase, tmp_path: Path
) -> None:
    async with started(name, empty_database, tmp_path) as baseline:
        await ask(baseline, "one", debit_account=1, credit_account=2, amount="5")
        assert await baseline.faults(accepted=1) == []
        assert "2 acknowledged, 1 in the book" in " ".join(await baseline.faults(accepted=2))
        async with await psycopg.AsyncConnection.connect(baseline.dsn) as connection:
            await connection.execute("UPDATE entry SET amount = amount + 1 WHERE account_id = 1")
        faults = " ".join(await baseline.faults(accepted=1))
        assert "do not add up to zero" in faults
        assert "is not the sum of its entries" in faults


def test_an_address_is_written_the_way_sqlalchemy_reads_it() -> None:
    dsn = make_conninfo(host="/a b", port=1, user="me", password="p@ss/word", dbname="book")
    assert sqlalchemy_url(dsn) == "postgresql+psycopg://me:p%40ss%2Fword@/book?host=%2Fa%20b&port=1"
