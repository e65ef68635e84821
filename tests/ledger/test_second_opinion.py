"""T08: trial balance and statements against DuckDB, which knows nothing of us, over an export."""

import random
from pathlib import Path

import duckdb
import pytest
from tests.ledger.shelf import MERCHANT, Shelf, dsn

from bezant.actor import PLATFORM, Mode
from bezant.db.database import Database
from bezant.ledger import Account, AccountType, BalanceOf, StatementOf, TrialBalanceOf
from bezant.ledger.proof import Proof

SEED = 20_260_801
BATCH = 1_000
ENTRIES = """
CREATE TABLE entry AS
SELECT
    (e->>0)::BIGINT AS account, (e->>1)::BIGINT AS transfer, (e->>2)::HUGEINT AS amount,
    (e->>3)::HUGEINT AS balance
FROM (
    SELECT unnest(entries::JSON[]) AS e
    FROM read_json(?, format = 'newline_delimited', maximum_object_size = 268435456,
        columns = {'format': 'VARCHAR', 'book': 'BIGINT', 'entries': 'JSON[]'})
    WHERE book IS NOT NULL
)
"""


async def fill(shelf: Shelf, accounts: list[Account], transfers: int) -> None:
    chance = random.Random(SEED)
    for _ in range(transfers // BATCH):
        commands = []
        for _ in range(BATCH):
            half = chance.choice((accounts[:10], accounts[10:]))
            one, two = chance.sample(half, 2)
            commands.append(shelf.moving(one, two, f"{chance.randrange(1, 10**6)}"))
        outcomes = await shelf.ledger.post_batch(tuple(commands))
        assert all(one.transfer for one in outcomes)


@pytest.mark.catalogue("T08")
@pytest.mark.parametrize("transfers", [3_000, pytest.param(500_000, marks=pytest.mark.long)])
@pytest.mark.timeout(3600)
async def test_another_program_adds_up_to_the_same(shelf: Shelf, tmp_path: Path, transfers: int):
    types = list(AccountType)
    accounts = [
        await shelf.open(asset, floor=None, type=types[n % 5])
        for asset in ("EUR", "ETH")
        for n in range(10)
    ]
    await fill(shelf, accounts, transfers)
    database = await Database.open(dsn(shelf.database), name="p", size_max=2, clock=shelf.clock)
    path = tmp_path / "book.jsonl"
    with path.open("w") as file:
        await Proof(database, shelf.clock).export(file)
    await database.close()

    duck = duckdb.connect()
    duck.execute(ENTRIES, [str(path)])
    count = duck.execute("SELECT count(*) FROM entry").fetchone()
    assert count == (2 * (transfers // BATCH) * BATCH + len(accounts),)
    sums = dict(
        duck.execute("SELECT account, sum(amount)::VARCHAR FROM entry GROUP BY account").fetchall()
    )
    by_type: dict[tuple[str, AccountType], list[int]] = {}
    for account in accounts:
        minor = int(sums[int(account.id[5:], 16)])
        found = await shelf.ledger.balance(BalanceOf(MERCHANT, Mode.TEST, account.id))
        assert found.posted.minor == (-minor if account.type.debit_normal else minor)
        by_type.setdefault((account.asset, account.type), []).append(minor)
    for trial in await shelf.ledger.trial_balance(TrialBalanceOf(PLATFORM, Mode.TEST)):
        assert trial.difference.minor == 0
        for total in trial.types:
            minors = by_type[trial.asset, total.type]
            assert total.credits.minor == sum(one for one in minors if one > 0)
            assert total.debits.minor == -sum(one for one in minors if one < 0)
    account = accounts[0]
    page = await shelf.ledger.statement(StatementOf(MERCHANT, Mode.TEST, account.id, limit=50))
    theirs = duck.execute(
        """
        SELECT transfer, (sum(amount) OVER (ORDER BY transfer))::VARCHAR
        FROM entry WHERE account = ? ORDER BY transfer DESC LIMIT 50
        """,
        [int(account.id[5:], 16)],
    ).fetchall()
    sign = -1 if account.type.debit_normal else 1
    assert [(int(line.transfer[3:], 16), line.balance.minor) for line in page.lines] == [
        (transfer, sign * int(balance)) for transfer, balance in theirs
    ]
