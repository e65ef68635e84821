"""Receipts in a process of their own: issued, stored and served from there."""

import json
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.cli.running import Nest, served, wait_until
from tests.harness.ports import free_port
from tests.journeys.house import House, apart, open_house

from bezant_verify import answers

WAIT_SECONDS = 90.0


def verdict(house: House, folder: Path, receipt: str) -> answers.Answer:
    """Return what a stranger's verifier says of a receipt, by the keys the house publishes."""
    keys, file = folder / "keys.json", folder / "receipt.json"
    keys.write_text(house.ask("GET", "/audit/keys", by={}).text)
    file.write_bytes(house.ask("GET", f"/v1/receipts/{receipt}/file").content)
    return answers.receipted(file, keys, classical=False)


def receipts(house: House, payment: Any) -> list[Any]:
    return house.told("GET", f"/v1/receipts?payment={payment['id']}")["data"]


def rows(house: House, statement: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(house.database()) as session:
        return session.execute(statement.encode()).fetchall()


@pytest.mark.requirement("S000-8", "S000-10", "S000-11", "J13")
def test_a_process_of_its_own_issues_stores_and_serves_receipts(nest: Nest, tmp_path: Path):
    # The house itself issues none: whatever there is comes from the other process.
    with open_house(nest, RECEIPTS="none") as house:
        early = house.pay()
        assert receipts(house, early) == []
        with apart(house, "receipts") as gateway:
            late = gateway.pay()
            for payment in (early, late):
                wait_until(
                    lambda paid=payment: len(receipts(gateway, paid)) == 1,
                    "it has a receipt", WAIT_SECONDS,
                )  # fmt: skip
                (receipt,) = receipts(gateway, payment)

                def valid(asked: str = receipt["id"]) -> bool:
                    return verdict(gateway, tmp_path, asked).code == 0

                wait_until(valid, "its receipt is valid", WAIT_SECONDS)
                page = gateway.client.get(receipt["link"])
                assert "Paid" in page.text
                assert "20.00" in page.text
            refund = {"payment": late["id"], "amount": {"amount": "5.00", "asset": "EUR"}}
            gateway.told("POST", "/v1/refunds", refund)
            wait_until(lambda: len(receipts(gateway, late)) == 2, "the refund, too", WAIT_SECONDS)
            every = "SELECT count(*) FROM receipts.receipt"
            kept = "SELECT count(*) FROM receipts.reconciliation_receipts"
            wait_until(lambda: rows(house, kept) == rows(house, every), "all is stored")
            assert rows(house, "SELECT count(DISTINCT payment_id) FROM "
                        "receipts.reconciliation_receipts")[0][0] >= 2  # fmt: skip
        (listed,) = nest.run("receipts", "list", "--payment", early["id"], "--json").facts
        assert (listed["payment"], listed["outcome"]) == (early["id"], "succeeded")
        checked = nest.run("receipts", "verify", listed["id"], "--json")
        assert (checked.code, checked.facts["signed_with"]) == (0, ["ES256"])
        assert nest.run("receipts", "verify", "rcp_1").code == 1
        assert nest.run("receipts", "reports", "--weekly", "--json").facts == []
        # The control: with that process gone nobody answers for receipts, and money still moves.
        gone = house.pay()
        assert receipts(house, gone) == []
        assert gone["state"] == "succeeded"


@pytest.mark.requirement("S000-1", "S000-8", "S000-11", part="the family's worker by its name")
def test_the_familys_worker_runs_under_its_name(nest: Nest):
    with open_house(nest, RECEIPTS="none") as house:
        payment = house.pay()
        before = rows(house, "SELECT count(*) FROM receipts.reconciliation_receipts")
        assert before == [(0,)]
        # The worker opens no port: the family's own ports may be taken on this machine.
        address = f"127.0.0.1:{free_port()}"
        words = ("reconciliation_worker", "--profile", "poc", "--grpc", address)
        with served(nest, *words, PORT="0") as worker:
            worker.wait_for("Stop ")
            assert "reconciliation_worker runs on its own" in worker.said
            asked = (
                "SELECT status, psp_reference <> '', "
                "raw_payload -> 'signatures' -> 0 ->> 'signature' = signature "
                f"FROM receipts.reconciliation_receipts WHERE payment_id = '{payment['id']}'"
            )
            wait_until(
                lambda: rows(house, asked) == [("succeeded", True, True)], "it is stored",
                WAIT_SECONDS,
            )  # fmt: skip
            signed = rows(house, "SELECT raw_payload FROM receipts.reconciliation_receipts")
            assert "payment-signing-key" in json.dumps(decoded(signed[0][0]))


def decoded(signed: Any) -> list[Any]:
    from bezant_verify.jws import from_base64url

    return [json.loads(from_base64url(one["protected"])) for one in signed["signatures"]]
