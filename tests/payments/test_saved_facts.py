"""What a provider knows a saved way to pay by is sealed where it lies, and used where it is due."""

import json
from collections.abc import AsyncIterator, Mapping
from uuid import UUID

import psycopg
import pytest
from tests.harness.cluster import TestDatabase
from tests.payments.events import checks
from tests.payments.test_emulators import till_at
from tests.payments.test_providers_facts import at_rest
from tests.payments.till import MERCHANT, Till, opened
from tests.sandbox.stand import Town
from tests.vault.canaries import everything_in

from bezant.actor import Mode
from bezant.clock import MovableClock
from bezant.exchange import ProviderAnswer, ProviderRequest
from bezant.keys.port import CannotOpen
from bezant.payments.paying import looked_up
from bezant.payments.port import (
    Arrival,
    KeyReused,
    MethodKind,
    PayWith,
    SavedMethod,
    SaveMethod,
)
from bezant.payments.store import customer as stored

pytestmark = pytest.mark.requirement("S004-1", part="saved payment methods")
ACCOUNT = "000987654321"
FACTS = {"routing_number": "110000000", "account_number": ACCOUNT}
IBAN = "DE02120300000000202051"
WALLET = "0x" + "a1" * 20


@pytest.fixture
async def till(payments_database: TestDatabase, clock: MovableClock) -> AsyncIterator[Till]:
    async with opened(payments_database, clock, checks=checks(clock)) as till:
        yield till


def lies_open(till: Till, text: str) -> list[str]:
    """Return the tables in which a text can be read."""
    rows = everything_in(till.database.administrator_dsn)
    return sorted({table for table, row in rows if text.encode() in row})


def overheard(till: Till, operation: str) -> list[str]:
    """Return what is sent to the provider from here on, as it will be."""
    sent: list[str] = []
    send = till.acquirer.send

    async def seen(request: ProviderRequest) -> ProviderAnswer:
        if request.operation == operation:
            sent.append(str(request))
        return await send(request)

    till.acquirer.send = seen
    return sent


async def known_by(till: Till, saved: SavedMethod) -> Mapping[str, str]:
    """Return what a payment with it would tell the provider."""
    pay_with = PayWith(saved.kind, saved=saved.id)
    return (await looked_up(till.parts, MERCHANT, Mode.TEST, pay_with, "")).saved


async def test_the_number_of_an_account_lies_nowhere_open(till: Till) -> None:
    saved = await till.saved(MethodKind.BANK_ACCOUNT, FACTS)
    assert lies_open(till, ACCOUNT) == []
    assert lies_open(till, saved.id.removeprefix("pm_")[:8]) == ["payments.method"], "the control"
    assert await known_by(till, saved) == FACTS
    assert ACCOUNT not in str(saved)


async def test_the_same_key_with_other_facts_is_another_request(till: Till) -> None:
    customer = (await till.saved(MethodKind.BANK_ACCOUNT, FACTS)).customer

    def asked(facts: Mapping[str, str]) -> SaveMethod:
        return SaveMethod("k", MERCHANT, Mode.TEST, customer, MethodKind.BANK_ACCOUNT, facts=facts)

    first = await till.payments.save_method(asked(FACTS))
    again = await till.payments.save_method(asked(dict(reversed(FACTS.items()))))
    assert (again.id, again.replayed) == (first.id, True)
    with pytest.raises(KeyReused):
        await till.payments.save_method(asked({**FACTS, "account_number": "1"}))


async def test_what_an_earlier_release_kept_open_is_readable_and_then_sealed(till: Till) -> None:
    saved = await till.saved(MethodKind.BANK_ACCOUNT, {"payment_method": "pm_other"})
    with psycopg.connect(till.database.administrator_dsn) as connection:
        connection.execute(
            "UPDATE payments.method SET sealed = NULL, facts = %s::jsonb", (json.dumps(FACTS),)
        )
    assert lies_open(till, ACCOUNT) == ["payments.method"]
    assert await known_by(till, saved) == FACTS
    assert await till.payments.seal_kept() == 1
    assert lies_open(till, ACCOUNT) == []
    assert await known_by(till, saved) == FACTS
    assert await till.payments.seal_kept() == 0


async def test_sealed_facts_of_another_do_not_open(till: Till) -> None:
    mine = await till.saved(MethodKind.BANK_ACCOUNT, FACTS)
    other = await till.saved(MethodKind.BANK_ACCOUNT, {**FACTS, "account_number": "1"})
    with psycopg.connect(till.database.administrator_dsn) as connection:
        connection.execute(
            "UPDATE payments.method SET sealed = (SELECT sealed FROM payments.method WHERE id = %s)"
            " WHERE id = %s",
            (UUID(other.id[3:]), UUID(mine.id[3:])),
        )
    with pytest.raises(CannotOpen):
        await known_by(till, mine)


async def test_what_is_dropped_is_gone(till: Till) -> None:
    saved = await till.saved(MethodKind.BANK_ACCOUNT, FACTS)
    await till.payments.drop_method(MERCHANT, Mode.TEST, saved.id)
    row = await stored.kept(till.parts.database, UUID(saved.id[3:]))
    assert row is not None
    assert (row.facts, row.sealed) == (None, None)


@pytest.mark.parametrize("told", [True, False], ids=["told by the bank", "not told"])
async def test_a_kept_account_is_where_a_transfer_goes_back_to_if_its_own_is_not_told(
    city: Town, payments_database: TestDatabase, told: bool
) -> None:
    async with till_at("bank", city, payments_database) as till:
        facts = {"iban": IBAN, "name": "Ada Lovelace"}
        saved = await till.saved(MethodKind.BANK_TRANSFER, facts)
        payment = await till.pay(
            "20.00 EUR", pay_with=PayWith(MethodKind.BANK_TRANSFER, saved=saved.id)
        )
        assert payment.next_action is not None
        shown = payment.next_action.facts
        body = {
            "creditor_iban": shown["iban"], "amount": "20.00", "reference": shown["reference"],
            "instant": True,
        }  # fmt: skip
        assert city.post("bank", "/transfers", json=body).status_code == 201
        for letter in city.box.letters:
            await till.payments.arrive(Arrival("bank", Mode.TEST, letter.headers, letter.body))
        await at_rest(till, city)
        if not told:
            with psycopg.connect(till.database.administrator_dsn) as connection:
                connection.execute("UPDATE payments.outcome SET payer = NULL")
        sent = overheard(till, "refund")
        await till.refund(payment, "5.00 EUR")
        assert (IBAN in sent[0]) is not told


async def test_a_kept_wallet_is_told_to_coinbase(
    city: Town, payments_database: TestDatabase
) -> None:
    async with till_at("coinbase", city, payments_database) as till:
        saved = await till.saved(MethodKind.CRYPTO, {"address": WALLET})
        sent = overheard(till, "charge")
        payment = await till.pay("20.00 USDC", pay_with=PayWith(MethodKind.CRYPTO, saved=saved.id))
        assert payment.next_action is not None
        assert WALLET in sent[0]
        assert lies_open(till, WALLET) == []
