"""`bezant ledger` beside a running platform: what it shows, posts, refuses and proves."""

import json
import re
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from tests.cli.running import Ended, Foreground, Nest, served, wait_until
from tests.harness.ports import free_port

from bezant.db.data_folder import ADMINISTRATOR, DataFolder
from bezant.db.embedded import running as running_server

HEAD = re.compile(r"\S+ (\d+) (\d+) ([0-9a-f]{64})")


class Office:
    """A running demo, and the commands of its book."""

    def __init__(self, nest: Nest, platform: Foreground) -> None:
        self.nest = nest
        self.platform = platform
        platform.url()
        self.accounts = {one["owner"]: one["account"] for one in self.facts("accounts")}

    def run(self, *words: str) -> Ended:
        return self.nest.run("ledger", *words)

    def facts(self, *words: str) -> Any:
        done = self.run(*words, "--json")
        assert done.code == 0, done
        return done.facts

    def post(self, amount: str, *words: str) -> Ended:
        """Move money from Ada to Ben."""
        ends = ("--from", self.accounts["ada"], "--to", self.accounts["ben"])
        return self.run("post", *ends, "--amount", amount, *words)

    def posted(self, owner: str) -> str:
        return self.facts("balance", self.accounts[owner])["posted"]

    def last_batch(self) -> int:
        """Return the first book's, past the command line: that would be half a second."""
        with self.administrator() as connection:
            row = connection.execute("SELECT max(id) FROM ledger.batch WHERE book = 1").fetchone()
        assert row is not None
        return row[0]

    def administrator(self) -> psycopg.Connection:
        server = running_server(self.nest.data)
        assert server is not None
        word = DataFolder(self.nest.data).read_password()
        return psycopg.connect(server.dsn(ADMINISTRATOR, word, "bezant"))

    def tamper(self, statement: str, *parameters: object) -> None:
        """Change the tables as the administrator, with triggers off."""
        with self.administrator() as connection:
            connection.execute("SET session_replication_role = replica")
            done = connection.execute(sql.SQL(statement), parameters)  # pyright: ignore
            assert done.rowcount > 0, "nothing was changed"


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    nest = Nest(tmp_path_factory.mktemp("office"))
    try:
        yield Office(nest, nest.up())
    finally:
        nest.clear()


@pytest.fixture
def nest(tmp_path: Path) -> Iterator[Nest]:
    made = Nest(tmp_path)
    yield made
    made.clear()


def heads(nest: Nest) -> list[tuple[int, int]]:
    """Return book and batch of every head that was written down."""
    path = nest.data / "heads" / "ledger.heads"
    lines = path.read_text().splitlines() if path.exists() else []
    found = [HEAD.fullmatch(line) for line in lines]
    assert None not in found, lines
    return [(int(one[1]), int(one[2])) for one in found if one]


def test_accounts_balances_and_entries_are_shown(office: Office):
    shown = office.run("accounts")
    assert shown.code == 0
    for owner, account in office.accounts.items():
        assert re.search(rf"{account}\s+\w+\s+{owner}\s", shown.out), shown
    assert {one["owner"] for one in office.facts("accounts", "--owner", "ada")} == {"ada"}
    first = office.facts("accounts", "--limit", "1")
    assert len(first) == 1
    assert "--before" in office.run("accounts", "--limit", "1").out
    ada = office.accounts["ada"]
    told = office.run("balance", ada)
    assert told.code == 0
    assert office.facts("balance", ada)["posted"] in told.out
    past = office.facts("balance", ada, "--at", "2020-01-01T00:00:00Z")
    assert past["posted"] == "0.00 EUR"
    lines = office.facts("entries", ada)
    assert lines[-1]["kind"] == "opening"
    assert "100.00" in office.run("entries", ada).out
    trial = office.facts("trial-balance")
    assert [(one["asset"], one["equal"]) for one in trial] == [("EUR", True)]
    assert "equal" in office.run("trial-balance").out


def test_what_is_not_there_is_said(office: Office):
    nothing = office.run("balance", "acct_00000100000fffff")
    assert (nothing.code, "unknown_account" in nothing.err) == (1, True)
    wrong = office.run("balance", office.accounts["ada"], "--at", "yesterday")
    assert (wrong.code, "instant" in wrong.err) == (2, True)
    naive = office.run("trial-balance", "--at", "2026-03-01T12:00:00")
    assert naive.code == 2
    assert office.run("accounts", "--limit", "0").code == 2


def test_money_moves_once_for_an_id(office: Office):
    before = office.posted("ben")
    done = office.post("1.25 EUR", "--reference", "by hand", "--id", "once")
    assert done.code == 0, done
    again = office.post("1.25 EUR", "--reference", "by hand", "--id", "once", "--json")
    assert (again.code, again.facts["replayed"]) == (0, True)
    assert again.facts["transfer"] in done.out
    other = office.post("1.26 EUR", "--reference", "by hand", "--id", "once")
    assert (other.code, "id_reused" in other.err) == (1, True)
    assert money(office.posted("ben")) == money(before) + 125
    assert office.facts("entries", office.accounts["ben"])[0]["reference"] == "by hand"


@pytest.mark.parametrize(
    ("amount", "code", "said"),
    [
        ("1e2 EUR", 1, "malformed_amount"),
        ("1.5e0 EUR", 1, "malformed_amount"),
        ("NaN EUR", 1, "malformed_amount"),
        ("1,00 EUR", 1, "malformed_amount"),
        ("1.001 EUR", 1, "too_many_decimals"),
        ("1.00 XQQ", 1, "unknown_asset"),
        ("1.00 USD", 1, "wrong_asset"),
        ("0.00 EUR", 1, "leg_amount"),
        ("9999.00 EUR", 1, "insufficient_funds"),
        ("1.00", 2, "10.00 EUR"),
    ],
)
def test_an_amount_that_is_none_is_refused(office: Office, amount: str, code: int, said: str):
    before = office.last_batch()
    refused = office.post(amount)
    assert (refused.code, said in refused.err) == (code, True), refused
    assert office.last_batch() == before


def test_a_dry_run_tells_and_writes_nothing(office: Office):
    before = office.last_batch()
    fine = office.post("1.00 EUR", "--dry-run")
    assert (fine.code, "nothing was written" in fine.out) == (0, True)
    much = office.post("9999.00 EUR", "--dry-run", "--json")
    assert (much.code, much.facts["refusal"]["code"]) == (1, "insufficient_funds")
    assert much.facts["refusal"]["needed"] == "9999.00 EUR"
    assert office.last_batch() == before
    assert office.run("post", "--amount", "1.00 EUR").code == 2


def test_a_file_of_movements_is_posted_once_and_names_each_line_it_refuses(office: Office):
    ada, ben = office.accounts["ada"], office.accounts["ben"]
    before = money(office.posted("ben"))
    table = office.nest.folder / "movements.csv"
    lines = [
        "id,from,to,amount,asset,reference,reason",
        f'm1,{ada},{ben},0.10,EUR,"a, ""b""",',
        f"m2,{ada},{ben},0.1e0,EUR,,",
        f"m3,{ada},{ben},0.101,EUR,,",
        f"m4,{ada},{ben},5000.00,EUR,,",
        f"m5,{ada},{ben},0.20,EUR,,",
    ]
    table.write_text("\n".join(lines))
    done = office.run("post", "--csv", str(table), "--json")
    assert done.code == 1
    assert {name: done.facts[name] for name in ("posted", "repeated", "refused")} == {
        "posted": 2, "repeated": 0, "refused": 3,
    }  # fmt: skip
    assert {one["line"]: one["code"] for one in done.facts["refusals"]} == {
        3: "malformed_amount", 4: "too_many_decimals", 5: "insufficient_funds",
    }  # fmt: skip
    again = office.run("post", "--csv", str(table))
    assert "0 posted, 2 repeated, 3 refused" in again.out
    assert money(office.posted("ben")) == before + 30
    assert office.facts("entries", ben)[1]["reference"] == 'a, "b"'
    table.write_text("from,to\n")
    assert office.run("post", "--csv", str(table)).code == 2
    assert office.run("post", "--csv", str(table.with_name("none.csv"))).code == 1


@pytest.mark.requirement("S002-4", part="recomputed and exported for outsiders")
def test_the_book_is_proved_here_and_by_an_outsider(office: Office):
    shown = office.run("verify")
    assert (shown.code, "✓" in shown.out) == (0, True), shown

    def is_younger() -> bool:  # A head is written each minute, and then nothing is younger.
        assert office.post("0.01 EUR").code == 0
        return "younger than the last head" in office.run("verify").out

    wait_until(is_younger, "what no head covers yet is told")
    packed, plain = office.nest.folder / "book.gz", office.nest.folder / "book.jsonl"
    for file in (packed, plain):
        assert office.facts("export", str(file))["batches"] == office.last_batch()
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        outside = subprocess.run(
            [sys.executable, "-m", "bezant_verify.main", "ledger", str(file), "--json"],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        found = json.loads(outside.stdout)
        assert (outside.returncode, found["answer"]) == (0, "valid"), outside
        assert found["books"][0]["head"] == office.facts("verify")["books"][0]["head"]
    assert packed.read_bytes()[:2] == b"\x1f\x8b"
    again = office.run("export", str(plain))
    assert (again.code, "exists" in again.err) == (3, True)
    assert office.run("export", str(plain), "--overwrite").code == 0
    nowhere = office.run("export", str(office.nest.folder / "none" / "x"))
    assert (nowhere.code, "cannot be written" in nowhere.err) == (1, True)
    assert not packed.with_name("book.gz.part").exists()


def test_a_changed_row_is_named(office: Office):
    done = office.post("0.50 EUR", "--reference", "true", "--json")
    number = int(done.facts["transfer"][3:], 16)
    change = "UPDATE ledger.transfer SET reference = %s WHERE id = %s"
    office.tamper(change, "false", number)
    found = office.run("verify", "--json")
    assert (found.code, found.facts["valid"]) == (1, False)
    assert found.facts["fault"]["book"] == "book_1"
    assert "not what it was" in office.run("verify").out
    office.tamper(change, "true", number)
    assert office.run("verify").code == 0
    assert office.facts("verify", "--since", "2")["valid"]


def test_heads_are_written_at_the_stop_and_demanded_ever_after(nest: Nest):
    office = Office(nest, nest.up())
    number = int(json.loads(office.post("1.00 EUR", "--json").out)["transfer"][3:], 16)
    last = office.last_batch()
    office.platform.stop()
    assert heads(nest)[-1] == (1, last)
    stopped = nest.run("ledger", "accounts")
    assert (stopped.code, "bezant up" in stopped.err) == (4, True)
    again = Office(nest, nest.up())
    found = again.facts("verify")
    assert (found["valid"], found["batches_younger_than_the_newest_head"]) == (True, 0)
    for table, key in (("batch", "first"), ("transfer", "id"), ("entry", "transfer")):
        again.tamper(f"DELETE FROM ledger.{table} WHERE {key} = %s", number)
    cut = again.run("verify", "--json")
    assert (cut.code, cut.facts["fault"]["batch"]) == (1, last)
    (nest.data / "heads" / "ledger.heads").write_text("nonsense\nmore nonsense\n")
    unreadable = again.run("verify")
    assert (unreadable.code, "cannot be read" in unreadable.err) == (1, True)


@pytest.mark.requirement("S004-7", part="the ledger looks after itself in a process of its own")
def test_apart_the_ledgers_own_process_does_its_work_and_nobody_else(nest: Nest):
    nest.up().url()
    nest.run("down")
    written = heads(nest)
    address = f"127.0.0.1:{free_port()}"
    gateway = nest.up(LEDGER_GRPC=address)
    gateway.url()
    with served(nest, "ledger", "--grpc", address) as ledger:
        ledger.wait_for("Stop ")
        told = nest.run("demo", "--json")
        assert told.code == 0, told
        assert told.facts["repeated"] == "the same transfer"
    after = heads(nest)
    assert after[: len(written)] == written
    assert after[-1][1] > written[-1][1]
    gateway.stop()
    assert heads(nest) == after
    assert len(set(after)) == len(after)


def money(text: str) -> int:
    """Return minor units of euros."""
    return int(text.removesuffix(" EUR").replace(".", ""))
