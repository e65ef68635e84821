"""Whoever charges a card never has its number: payments in a process of their own, and the database
they share, while a vault elsewhere fills and sends what they ask for (T80).
"""

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.harness.cluster import Cluster, TestDatabase
from tests.harness.databases import lent
from tests.harness.processes import Program, start_module
from tests.orders.court import live, providers_in
from tests.payments.till import MERCHANT
from tests.rpc.apart import permits_of
from tests.sandbox.stand import Town, town
from tests.vault.canaries import canaries
from tests.vault.memory import descendants
from tests.vault.test_memory import cards_in

from bezant.clock import MovableClock, RealClock
from bezant.db.database import Database
from bezant.ids import Ids
from bezant.keys.file import FileProvider
from bezant.keys.service import KeysService
from bezant.rpc.authority import Authority
from bezant.rpc.papers import FolderIssuer
from bezant.rpc.serve import Server, serve
from bezant.sandbox import card, stripe
from bezant.secret import Secret
from bezant.vault.port import Tokenise, Vault
from bezant.vault.service import VaultService

pytestmark = [
    pytest.mark.catalogue("T80"),
    pytest.mark.requirement("S004-5", part="no card number in memory"),
]
database = lent("paying_template", "keys", "identity", "vault", "ledger", "payments")
ASKER = replace(live(), tenant=MERCHANT)
TROUBLES = ("", "", "decline", "error_before_acting", "error_after_acting")


@pytest.fixture
async def vault(
    database: TestDatabase, clock: MovableClock, tmp_path: Path, city: Town
) -> AsyncIterator[VaultService]:
    """The vault, in this process: here, and at the emulators beside it, numbers may be."""
    databases = [
        await Database.open(database.module_dsn(name), name=name, size_max=4, clock=clock)
        for name in ("keys", "vault")
    ]
    files = await FileProvider.open(tmp_path / "keys", key=Secret(b"k" * 32))
    keys = KeysService(databases[0], clock, [files])
    await keys.start()
    providers = providers_in(city, clock)
    service = VaultService(databases[1], clock, Ids(clock), keys, providers.transport)
    await service.start()
    try:
        yield service
    finally:
        await service.stop()
        await providers.transport.close()
        for each in databases:
            await each.close()


@pytest.fixture
def city(tmp_path: Path, clock: MovableClock) -> Iterator[Town]:
    with town(card.Card(), stripe.Stripe(), folder=tmp_path / "town", clock=clock) as here:
        yield here


@pytest.fixture
async def payments(
    vault: VaultService, database: TestDatabase, clock: MovableClock, tmp_path: Path
) -> AsyncIterator[Program]:
    """Payments in a process of their own, which reach the vault as payments do."""
    authority = Authority(tmp_path / "papers", "test", RealClock())
    server = Server(
        FolderIssuer(authority.issue("vault")), RealClock(), permits=permits_of(Vault, "payments")
    )
    serve(server, Vault, vault)
    listening = await server.start("127.0.0.1:0")
    program = start_module(
        "tests.vault.paying_program", authority.issue("payments"), f"127.0.0.1:{listening}",
        database.module_dsn("ledger"), database.module_dsn("payments"), clock.now().isoformat(),
    )  # fmt: skip
    try:
        yield program
    finally:
        await asyncio.to_thread(program.kill)
        await server.stop(5)


async def test_who_charges_marked_cards_never_has_one_in_memory(
    payments: Program, vault: VaultService, city: Town, cluster: Cluster
) -> None:
    ready = await asyncio.to_thread(payments.wait_for_line, "ready")
    port = int(ready.split()[1])

    async def told(line: str) -> str:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(f"{line}\n".encode())
            return (await reader.readline()).decode().strip()
        finally:
            writer.close()
            await writer.wait_closed()

    marked = canaries()
    states: Counter[str] = Counter()
    for number, one in enumerate(marked):
        body = (
            f'{{"number":"{one.number}","exp_month":9,"exp_year":2031,"cvc":"{one.code}"}}'
        ).encode()
        face = await vault.tokenise(Tokenise(ASKER, "127.0.0.1", Secret(body)))
        if trouble := TROUBLES[number % len(TROUBLES)]:
            city.script(trouble, provider="card")
        states[await told(face.token)] += 1
    assert states["succeeded"] >= 20, states
    assert states["declined"] >= 5, states
    servers = descendants(cluster.server.facts.postgres_pid)
    assert len(servers) > 3, "the database and its sessions"
    assert cards_in([payments.pid, *servers], marked) == set()
    assert len(cards_in([os.getpid()], marked)) == len(marked), "the control: here they are"
    # The negative control: a number that payments are told is found in their memory.
    assert await told(f"note {marked[7].number}") == "remembered"
    assert cards_in([payments.pid], marked) == {marked[7].number[-4:]}
