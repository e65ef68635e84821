"""An open book is looked at again and again, a little at a time, and what is wrong is told."""

from datetime import timedelta

import pytest
from tests.ledger.tamperings import TAMPERINGS
from tests.ledger.test_proof import Vault, vault

from bezant.clock import MovableClock
from bezant.ledger import rechecking
from bezant.ledger.rechecking import Rechecked, Rechecking

assert vault, "a fixture of the proof's own tests"


class Heard:
    """What was told."""

    def __init__(self) -> None:
        self.said: list[Rechecked] = []

    async def __call__(self, found: Rechecked) -> None:
        self.said.append(found)

    def newest(self, book: int) -> Rechecked:
        return [one for one in self.said if one.book == book][-1]


def walking(vault: Vault, heard: Heard, step_seconds: float = 10.0) -> Rechecking:
    return Rechecking(
        vault.proof, vault.folder, vault.shelf.clock, heard, step_seconds=step_seconds
    )


async def test_every_book_is_looked_at_and_the_walk_goes_on_with_what_is_added(vault: Vault):
    heard = Heard()
    walk = walking(vault, heard)
    await walk.step()
    assert [one.fault for one in heard.said] == ["", "", ""]
    batch = vault.value("SELECT max(id) FROM ledger.batch WHERE book = 1")
    assert heard.newest(1).batch == batch
    await walk.step()
    assert len(heard.said) == 3, "nothing new is not told again at once"
    await vault.shelf.move(vault.a, vault.b, "1.00")
    await walk.step()
    assert (heard.newest(1).batch, len(heard.said)) == (int(str(batch)) + 1, 4)


async def test_a_walk_in_the_smallest_steps_comes_to_the_same_end(vault: Vault):
    heard = Heard()
    walk = walking(vault, heard, step_seconds=0)
    batches = vault.value("SELECT count(*) FROM ledger.batch WHERE book = 1")
    for _ in range(int(str(batches)) + 2):
        await walk.step()
    assert {one.book: one.fault for one in heard.said} == {1: "", 2: "", 3: ""}
    assert heard.newest(1).batch == batches


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UPDATE ledger.transfer SET reference = 'x' WHERE reference IS NOT NULL", "hash"),
        ("DELETE FROM ledger.batch WHERE id = (SELECT max(id) FROM ledger.batch)", "missing"),
    ],
)
async def test_what_is_changed_later_is_found_and_told_until_somebody_looks(
    vault: Vault, clock: MovableClock, statement: str, words: str
):
    heard = Heard()
    walk = walking(vault, heard)
    await walk.step()
    assert not any(one.fault for one in heard.said)
    vault.tamper(statement)
    clock.move(rechecking.ANEW_AFTER + timedelta(seconds=1))
    await walk.step()
    assert any(words in one.fault for one in heard.said)
    told = len(heard.said)
    clock.move(rechecking.TOLD_AGAIN_AFTER)
    await walk.step()
    assert heard.newest(1).fault
    assert len(heard.said) > told


async def test_a_tail_that_is_cut_off_is_noticed_at_the_next_step(vault: Vault):
    heard = Heard()
    walk = walking(vault, heard)
    await vault.shelf.move(vault.a, vault.b, "1.00")
    await walk.step()
    last = vault.value("SELECT max(last) FROM ledger.batch WHERE book = 1")
    first = vault.value(f"SELECT first FROM ledger.batch WHERE last = {last}")
    for table, column in (("entry", "transfer"), ("transfer", "id"), ("batch", "last")):
        vault.tamper(f"DELETE FROM ledger.{table} WHERE {column} BETWEEN {first} AND {last}")
    await walk.step()
    assert "gone" in heard.newest(1).fault


@pytest.mark.parametrize("what", sorted(TAMPERINGS)[::5])
async def test_a_whole_walk_finds_what_the_command_finds(vault: Vault, what: str):
    statement, words = TAMPERINGS[what]
    vault.tamper(statement)
    heard = Heard()
    await walking(vault, heard).step()
    assert any(words in one.fault for one in heard.said), heard.said
