"""T10 and T11 with card payments: whoever is killed under load, each is charged once, or never.

The acquirer outlives everybody, and its book is the judge: one charge for each payment that was
acknowledged, none that nobody explains, all of it known within a minute.
"""

import asyncio
import random
import signal
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from tests.db.test_crash import SEED, FarBook, kill_everything, restarted
from tests.harness.cluster import TestDatabase
from tests.harness.folders import open_folder
from tests.harness.journal import check
from tests.harness.load import Load
from tests.harness.ports import free_port
from tests.harness.processes import Program, start_module
from tests.payments.acquirer import Acquirer
from tests.payments.crash_till import NotTaken, listening, pay, taken
from tests.payments.till import Till, migrated, opened

from bezant.clock import MovableClock, RealClock
from bezant.db.embedded import EmbeddedServer

CLIENTS = 8
ACKNOWLEDGED_BETWEEN_KILLS = 25
CALLED_OFF = repr(NotTaken())
"""What is no mistake: an app died before it asked, and the payment has failed."""


def later() -> MovableClock:
    """A clock a moment after the machine's: it alone says when something is due."""
    return MovableClock(RealClock().now() + timedelta(seconds=1))


async def explained(till: Till, acquirer: Acquirer, load: Load) -> None:
    """Assert that the acquirer's book and ours and every client's journal tell the same."""

    async def ask(key: str) -> None:
        await pay(till.payments, key)

    assert await till.converge() <= 60
    await load.resolve(ask)
    address = till.database.administrator_dsn
    verdict = check(load.folder, taken(acquirer, address))
    assert verdict.clean, verdict
    assert verdict.acknowledged > 0
    assert set(load.wrong) <= {CALLED_OFF}
    assert till.count("payment", "state NOT IN (7, 11)") == 0, "succeeded, or failed for certain"
    assert till.count("payment", "state = 7") == len(acquirer.charges())
    await till.agrees()
    _controls(load.folder, acquirer, address)


def _controls(folder: Path, acquirer: Acquirer, address: str) -> None:
    """Assert that the same check sees a charge that is missing, one too many, and a stranger's."""
    book = dict(acquirer.authorisations)
    name, charge = next((name, one) for name, one in book.items() if one.captured)
    for other, fault in (
        ({**book, "twice": replace(charge)}, "doubled"),
        ({one: its for one, its in book.items() if one != name}, "lost"),
        ({**book, "stranger": replace(charge, key="att_" + "0" * 32)}, "invented"),
    ):
        acquirer.authorisations = other
        verdict = check(folder, taken(acquirer, address))
        assert getattr(verdict, fault), fault
    acquirer.authorisations = book


@pytest.mark.catalogue("T10")
@pytest.mark.parametrize("kills", [3, pytest.param(200, marks=pytest.mark.long)])
@pytest.mark.timeout(3600)
async def test_a_killed_app_charges_everybody_once(
    payments_database: TestDatabase, tmp_path: Path, kills: int
) -> None:
    chance = random.Random(SEED)
    acquirer = Acquirer()
    port = free_port()
    book = FarBook(port)
    async with listening(acquirer, chance) as line:

        def started() -> Program:
            return start_module(
                "tests.payments.crash_till",
                payments_database.module_dsn("ledger"), payments_database.module_dsn("payments"),
                str(port), str(line),
            )  # fmt: skip

        program = started()
        try:
            await asyncio.to_thread(program.wait_for_line)
            async with Load(tmp_path, book.post, clients=CLIENTS) as load:
                for _ in range(kills):
                    await load.more(ACKNOWLEDGED_BETWEEN_KILLS + chance.randrange(20))
                    assert await asyncio.to_thread(program.kill) == -signal.SIGKILL
                    program = started()
                    await asyncio.to_thread(program.wait_for_line)
                await load.more(ACKNOWLEDGED_BETWEEN_KILLS)
                assert await asyncio.to_thread(program.kill) == -signal.SIGKILL
        finally:
            await asyncio.to_thread(program.kill)
            book.close()
    assert load.unavailable > 0, "no client noticed any of the kills"
    async with opened(payments_database, later(), acquirer=acquirer) as till:
        await explained(till, acquirer, load)


@pytest.mark.catalogue("T11")
@pytest.mark.parametrize("kills", [2, pytest.param(200, marks=pytest.mark.long)])
@pytest.mark.timeout(3600)
async def test_a_killed_database_charges_everybody_once(tmp_path: Path, kills: int) -> None:
    chance = random.Random(SEED)
    acquirer = Acquirer()
    with open_folder() as place:
        server = EmbeddedServer(place / "data")
        await server.start()
        try:
            database = TestDatabase(server, "postgres")
            await asyncio.to_thread(migrated, database)
            async with opened(database, later(), acquirer=acquirer) as till:

                async def post(key: str) -> None:
                    await pay(till.payments, key)

                async with Load(tmp_path, post, clients=CLIENTS) as load:
                    for kill in range(1, kills + 1):
                        await load.more(ACKNOWLEDGED_BETWEEN_KILLS + chance.randrange(40))
                        kill_everything(server, chance)
                        await restarted(server, kill)
                        await server.ready(60)
                    await load.more(ACKNOWLEDGED_BETWEEN_KILLS)
                assert server.restarts >= kills
                await explained(till, acquirer, load)
        finally:
            await server.stop()
