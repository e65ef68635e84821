"""Whoever changes the book behind its back is found out."""

import io
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from tests.ledger.shelf import MERCHANT, STRANGER, Shelf, dsn
from tests.ledger.tamperings import LATEST, TAMPERINGS

from bezant.actor import PLATFORM, Mode
from bezant.db.database import Database
from bezant.ledger import (
    Account,
    AccountState,
    ChangeAccount,
    Leg,
    PostLinked,
    PostTransfer,
    Reconcile,
    ReverseTransfer,
    Side,
)
from bezant.ledger.proof import Proof, Verified, read_heads
from bezant.money import EUR, USD
from bezant_verify import export


@dataclass
class Vault:
    """A book with some of everything in it, its heads, and those who may look."""

    shelf: Shelf
    proof: Proof
    folder: Path
    a: Account
    b: Account
    poor: Account

    async def verify(self, since: int | None = None) -> Verified:
        return await self.proof.verify(read_heads(self.folder), since)

    def tamper(self, statement: str, *parameters: object) -> int:
        """Change the tables as their owner, with triggers off."""
        with psycopg.connect(self.shelf.database.administrator_dsn) as connection:
            connection.execute("SET session_replication_role = replica")
            done = connection.execute(sql.SQL(statement), parameters).rowcount  # pyright: ignore
            assert done > 0, "nothing was changed"
            return done

    def value(self, statement: str) -> object:
        with psycopg.connect(self.shelf.database.administrator_dsn) as connection:
            row = connection.execute(sql.SQL(statement)).fetchone()  # pyright: ignore
            assert row is not None
            return row[0]


@pytest.fixture
async def vault(shelf: Shelf, tmp_path: Path, clock) -> AsyncIterator[Vault]:
    a, b, c = await shelf.funded("50.00"), await shelf.open(owner="b"), await shelf.open()
    dollars = await shelf.funded("50.00", "USD"), await shelf.open("USD")
    await shelf.funded("1.00", mode=Mode.LIVE)
    moved = await shelf.move(a, b, "5.00", reference='order "7" ✓ \\')
    await shelf.ledger.post(
        PostTransfer(
            "many", MERCHANT, Mode.TEST,
            (
                Leg(a.id, Side.DEBIT, EUR(300)), Leg(b.id, Side.CREDIT, EUR(100)),
                Leg(c.id, Side.CREDIT, EUR(200)),
            ),
            "three legs", "a reason", clock.now() - timedelta(days=1), {"k": "v ü", "a": ""},
        )
    )  # fmt: skip
    await shelf.ledger.reverse(ReverseTransfer("back", MERCHANT, Mode.TEST, moved.id))
    hold = await shelf.hold(a, b, "7.00", expires_at=clock.now() + timedelta(days=1))
    await shelf.capture(hold, "2.00")
    await shelf.void(hold)
    await shelf.hold(a, b, "1.00")
    await shelf.ledger.post_linked(
        PostLinked(
            "fx", MERCHANT, Mode.TEST,
            (shelf.moving(a, b, "1.00"), shelf.moving(*dollars, "1.10")),
        )
    )  # fmt: skip
    await shelf.ledger.change_account(
        ChangeAccount("frz", MERCHANT, Mode.TEST, c.id, AccountState.FROZEN, reason="why")
    )
    await shelf.ledger.change_account(
        ChangeAccount("flr", MERCHANT, Mode.TEST, b.id, floor=EUR(-100))
    )
    for _ in range(5):
        await shelf.move(a, b, "1.00")
    slow = await Database.open(dsn(shelf.database), name="proof", size_max=2, clock=clock)
    proof = Proof(slow, clock)
    await proof.write_heads(tmp_path)
    yield Vault(shelf, proof, tmp_path, a, b, c)
    await slow.close()


async def test_a_clean_book_is_valid(vault: Vault):
    found = await vault.verify()
    assert found.fault is None
    assert found.unwatched == 0
    assert len(found.books) == 3
    assert found.entries > found.transfers > 20
    await vault.shelf.move(vault.a, vault.b, "1.00")
    assert (await vault.verify()).unwatched == 1
    await vault.shelf.agrees()


@pytest.mark.catalogue("T07")
@pytest.mark.parametrize(
    "table", ["account", "transfer", "entry", "hold", "hold_step", "batch", "book", "refusal"]
)
async def test_the_modules_role_can_change_nothing(vault: Vault, table: str):
    statements = (
        "UPDATE ledger.{} SET {} = {}",
        "DELETE FROM ledger.{}",
        "TRUNCATE ledger.{}",
        "INSERT INTO ledger.{} SELECT * FROM ledger.{}",
    )
    column = vault.value(
        "SELECT column_name::text FROM information_schema.columns"
        f" WHERE table_schema = 'ledger' AND table_name = '{table}' LIMIT 1"
    )
    with psycopg.connect(dsn(vault.shelf.database), autocommit=True) as connection:
        for statement in statements:
            places = [sql.Identifier(table)]
            if statement.startswith("UPDATE"):
                places += [sql.Identifier(str(column))] * 2
            elif statement.startswith("INSERT"):
                places *= 2
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(sql.SQL(statement).format(*places))  # pyright: ignore
        connection.execute(sql.SQL("SELECT * FROM ledger.{}").format(sql.Identifier(table)))
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT ledger.turn(1, now())")


@pytest.mark.catalogue("T07")
@pytest.mark.parametrize("what", TAMPERINGS)
async def test_tampering_is_found_and_named(vault: Vault, what: str):
    statement, why = TAMPERINGS[what]
    vault.tamper(statement)
    fault = (await vault.verify()).fault
    assert fault is not None, what
    assert why in fault.why, fault
    file = io.StringIO()
    await vault.proof.export(file)


async def test_a_cut_tail_is_missed_only_until_a_head_is_written(vault: Vault):
    async def cut() -> None:
        last = vault.value("SELECT max(last) FROM ledger.batch WHERE book = 1")
        first = vault.value(f"SELECT first FROM ledger.batch WHERE last = {last}")
        for table, column in (("entry", "transfer"), ("transfer", "id"), ("batch", "last")):
            vault.tamper(f"DELETE FROM ledger.{table} WHERE {column} BETWEEN {first} AND {last}")

    await vault.shelf.move(vault.a, vault.b, "1.00")
    await cut()
    assert (await vault.verify()).fault is None  # Younger than the newest head: as the answer says.
    await vault.shelf.move(vault.a, vault.b, "1.00")
    assert await vault.proof.write_heads(vault.folder) == 1
    await cut()
    fault = (await vault.verify()).fault
    assert fault is not None
    assert "missing" in fault.why


async def test_a_rewritten_chain_is_found_by_the_heads(vault: Vault):
    """Even one who can recompute every hash cannot change what was written down elsewhere."""
    vault.tamper("UPDATE ledger.transfer SET reference = 'another' WHERE reference = 'three legs'")
    fault = (await vault.verify()).fault
    assert fault is not None
    vault.tamper("UPDATE ledger.batch SET hash = sha256(hash) WHERE book = 1")
    heads = read_heads(vault.folder)
    newest = max(head.batch for head in heads if head.book == 1)
    found = await vault.proof.verify(heads, since=newest)
    assert found.fault is not None
    assert "rewritten" in found.fault.why


async def test_looking_since_a_batch_begins_there(vault: Vault):
    whole = await vault.verify()
    later = await vault.verify(since=3)
    assert later.fault is None
    assert 0 < later.transfers < whole.transfers
    vault.tamper(TAMPERINGS["edited amount"][0])
    assert (await vault.verify(since=3)).fault is not None


async def test_an_outsider_recomputes_an_export(vault: Vault, tmp_path: Path):
    file, heads = tmp_path / "book.jsonl", vault.folder / "ledger.heads"
    with file.open("w") as out:
        count = await vault.proof.export(out)
    assert len(list(export.batches(file))) == count

    def verify(path: Path, *more: str) -> tuple[int, dict[str, object]]:
        done = subprocess.run(
            [sys.executable, "-m", "bezant_verify.main", "ledger", str(path), "--json", *more],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        return done.returncode, json.loads(done.stdout)

    code, told = verify(file, "--heads", str(heads))
    assert (code, told["answer"]) == (0, "valid")
    lines = file.read_text().splitlines()
    cut = tmp_path / "cut.jsonl"
    cut.write_text("\n".join(lines[:-1]))
    assert verify(cut)[0] == 0  # Alone, a shorter book is a valid book.
    assert verify(cut, "--heads", str(heads))[0] == 1
    for place, line in enumerate(lines[1:], 1):
        edited = json.loads(line)
        edited["entries"][0][2] = str(int(edited["entries"][0][2]) + 1)
        changed = tmp_path / "changed.jsonl"
        changed.write_text("\n".join([*lines[:place], json.dumps(edited), *lines[place + 1 :]]))
        if place % 5 == 1:
            assert verify(changed)[0] == 1
    for garbage in ("", "{}", "not json", lines[0] + "\n{}", lines[0] + "\n[1]"):
        cut.write_text(garbage)
        assert verify(cut)[0] == 2
    assert (
        subprocess.run(
            [sys.executable, "-m", "bezant_verify.main"], capture_output=True, check=False
        ).returncode
        == 3
    )


async def test_heads_survive_a_torn_last_line(vault: Vault):
    path = vault.folder / "ledger.heads"
    whole = read_heads(vault.folder)
    path.write_text(path.read_text() + "2026-03-01T12")
    assert read_heads(vault.folder) == whole
    await vault.shelf.move(vault.a, vault.b, "1.00")
    await vault.proof.write_heads(vault.folder)
    after = read_heads(vault.folder)
    assert after[:-1] == whole
    assert after[-1].batch > max(head.batch for head in whole if head.book == 1)
    path.write_text("garbage in the middle\n" + path.read_text())
    with pytest.raises(export.Unreadable):
        read_heads(vault.folder)


async def test_reconcile_names_a_wrong_balance(vault: Vault):
    vault.tamper(
        f"UPDATE ledger.entry SET balance = balance + 7 WHERE transfer = {LATEST} AND amount > 0"
    )
    found = await vault.shelf.ledger.reconcile(Reconcile(PLATFORM, Mode.TEST))
    assert {one.what for one in found.differences} == {"balance"}
    assert found.differences[0].account == vault.b.id
    assert USD(0).asset not in {one.stored.asset for one in found.differences}
    vault.tamper(TAMPERINGS["one leg edited"][0])
    found = await vault.shelf.ledger.reconcile(Reconcile(PLATFORM, Mode.TEST))
    assert {one.what for one in found.differences} == {"balance", "transfer"}
    # Nor does a stranger hear of what is wrong with others' accounts.
    found = await vault.shelf.ledger.reconcile(Reconcile(STRANGER, Mode.TEST))
    assert found.differences == ()


async def test_a_second_head_of_a_batch_does_not_replace_the_first(vault: Vault):
    """Who rewrote the chain and can add a line to the heads still cannot take a line away."""
    first = read_heads(vault.folder)[0]
    line = f"{first.written_at} {first.book} {first.batch} {'00' * 32}\n"
    with (vault.folder / "ledger.heads").open("a") as file:
        file.write(line)
    fault = (await vault.verify()).fault
    assert fault is not None
    assert "two heads" in fault.why


async def test_an_outsider_is_told_what_cannot_be_read(vault: Vault, tmp_path: Path):
    out = io.StringIO()
    await vault.proof.export(out)
    lines = out.getvalue().splitlines()
    path = tmp_path / "odd.jsonl"
    odd = {
        "book": "1", "batch": None, "first": 10**30, "last": [], "recorded_at": "2026-03-01",
        "hash": 5, "transfers": [[1]], "entries": [["a", 1, "1", "1", "1", None, 0]],
        "accounts": [[1, 2, 3, 4, 5, 6]], "holds": {"a": 1}, "steps": [[1, 2, "x"]],
        "title": {"id": 1},
    }  # fmt: skip
    for field, value in odd.items():
        path.write_text("\n".join([lines[0], json.dumps({**json.loads(lines[1]), field: value})]))
        done = subprocess.run(
            [sys.executable, "-m", "bezant_verify.main", "ledger", str(path), "--json"],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode in (1, 2), (field, done.stderr)
        assert json.loads(done.stdout)["answer"] in ("invalid", "incomplete"), field
