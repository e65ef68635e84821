"""Payments as a merchant's API and a gateway's orchestrator know them."""

from pathlib import Path

import psycopg
import pytest
from tests.harness.cluster import TestDatabase
from tests.payments.counter import opened_counter

from bezant.actor import Mode
from bezant.clock import MovableClock

BODY = {"amount": 19.99, "currency": "EUR", "customer_email": "eva@example.com",
        "customer_name": " Eva "}  # fmt: skip


@pytest.mark.requirement("S003-1", part="POST and GET /payments")
@pytest.mark.parametrize("path", ["/payments", "/api/payments"])
async def test_a_merchants_api(
    payments_database: TestDatabase, clock: MovableClock, tmp_path: Path, path: str
) -> None:
    async with opened_counter(payments_database, clock, tmp_path, "merchant") as counter:
        raw = b'{"amount": 0.1000000000000000055, "currency": "EUR", "customer_email": "a@b.c",'
        finer = await counter.send("POST", path, raw + b'"customer_name": "E"}', key=None)
        assert finer.status_code == 400
        assert finer.json()["errors"][0]["path"] == "amount"
        wrong = await counter.send(
            "POST", path, {"amount": 0, "currency": "EURO", "customer_name": " "}, key=None
        )
        every = {"amount", "currency", "customer_name", "customer_email"}
        assert {one["path"] for one in wrong.json()["errors"]} == every
        for body in ({}, {"amount": "x", "currency": 7, "customer_email": 1, "customer_name": []}):
            wrong = await counter.send("POST", path, body, key=None)
            assert (wrong.status_code, wrong.json()["code"]) == (400, "invalid")
            assert {one["path"] for one in wrong.json()["errors"]} == every
        single = await counter.send("POST", path, {**BODY, "amount": "0.001"}, key=None)
        assert (single.status_code, single.json()["code"]) == (400, "too_many_decimals")
        assert [one["path"] for one in single.json()["errors"]] == ["amount"]
        made = await counter.send("POST", path, BODY, key=None)
        assert made.status_code == 201, made.text
        told = made.json()
        assert (told["amount"], told["currency"], told["status"]) == ("19.99", "EUR", "created")
        assert (told["customer_name"], told["customer_email"]) == ("Eva", "eva@example.com")
        other = await counter.send("POST", path, BODY, key=None)
        assert other.json()["id"] != told["id"]
        assert (await counter.get(f"{path}/{told['id']}")).json() == told
        assert len((await counter.get(path)).json()["data"]) == 2
        assert (await counter.client.get(path)).status_code == 401
        nobody = await counter.client.get(path, headers={"x-api-key": "sk_test_wrong"})
        assert nobody.status_code == 403


@pytest.mark.requirement("S003-1", part="PATCH /payments/{id}/refund")
async def test_a_merchants_refund(
    payments_database: TestDatabase, clock: MovableClock, tmp_path: Path
) -> None:
    async with opened_counter(payments_database, clock, tmp_path, "merchant") as counter:
        made = (await counter.send("POST", "/payments", {**BODY, "token": "card_good"})).json()
        assert made["status"] == "succeeded"
        path = f"/payments/{made['id']}/refund"
        support = await counter.send("PATCH", path, None, by=counter.ann.keys["support"])
        assert (support.status_code, support.json()["error"]) == (403, "Insufficient permissions")
        finance = counter.ann.keys["finance"]
        part = (await counter.send("PATCH", path, {"amount": 5}, by=finance)).json()
        assert part["refunded_amount"] == "5.00"
        rest = (await counter.send("PATCH", path, None, by=finance)).json()
        assert (rest["refunded_amount"], rest["refund"]["status"]) == ("19.99", "succeeded")
        again = await counter.send("PATCH", path, None, by=finance)
        assert again.status_code == 422


@pytest.mark.requirement("S000-6", part="the PSP reference is kept")
async def test_an_orchestrators_payments(
    payments_database: TestDatabase, clock: MovableClock, tmp_path: Path
) -> None:
    async with opened_counter(payments_database, clock, tmp_path, "poc") as counter:
        made = await counter.send(
            "POST", "/api/payment/payments",
            {"amount": "19.99", "currency": "EUR", "token": "card_good", "order_id": "ord_1"},
        )  # fmt: skip
        assert made.status_code == 201, made.text
        told = made.json()
        assert (told["status"], told["psp_reference"], told["order_id"]) == (
            "succeeded", "auth_1", "ord_1",
        )  # fmt: skip
        assert (await counter.get(f"/api/payment/payments/{told['id']}")).json() == told


@pytest.mark.requirement("S002-3", part="POST /payments/refund/{transactionId}")
async def test_a_payment_is_refunded_by_its_transaction_as_well(
    payments_database: TestDatabase, clock: MovableClock, tmp_path: Path
) -> None:
    async with opened_counter(payments_database, clock, tmp_path, "peopletrust") as counter:
        made = await counter.paid("20.00")
        path = f"/payments/refund/{made['id']}"
        support = await counter.send("POST", path, {"amount": 5}, by=counter.ann.keys["support"])
        assert support.status_code == 403
        stranger = await counter.send("POST", path, {"amount": 5}, by=counter.bob.keys["finance"])
        assert stranger.status_code == 404
        finance = counter.ann.keys["finance"]
        part = (await counter.send("POST", path, {"amount": 5}, by=finance)).json()
        assert part["refunded_amount"] == "5.00"
        told = (await counter.get(f"/v1/refunds/{part['refund']['id']}")).json()
        assert (told["payment"], told["amount"]["amount"]) == (made["id"], "5.00")
        more = await counter.send("POST", path, {"amount": "15.01"}, by=finance)
        assert more.status_code == 422


@pytest.mark.requirement("S003-6", part="payments")
async def test_operators_read_payments_as_a_table(
    payments_database: TestDatabase, clock: MovableClock, tmp_path: Path
) -> None:
    async with opened_counter(payments_database, clock, tmp_path, "merchant") as counter:
        made = (await counter.send("POST", "/payments", {**BODY, "token": "card_good"})).json()
        asked = (await counter.send("POST", "/payments", {**BODY, "amount": 7})).json()
        till, whose = counter.till, "SELECT customer_id FROM payments.payments WHERE id = '%s'"
        customer = till.value(whose % asked["id"])
        await till.payments.forget_customer(counter.ann.merchant, Mode.TEST, customer)
        with psycopg.connect(payments_database.administrator_dsn) as connection:
            rows = connection.execute(
                "SELECT id, amount::text, currency, status, customer_email, customer_name,"
                " psp_reference, captured_amount::text FROM payments.payments ORDER BY created_at"
            ).fetchall()
        told = {row[0]: row[1:] for row in rows}
        assert told == {
            made["id"]: (
                "19.99", "EUR", "succeeded", "eva@example.com", "Eva", "auth_1", "19.99",
            ),
            asked["id"]: (
                "7.00", "EUR", "created", "redacted@example.com", "Redacted", None, "0.00",
            ),
        }  # fmt: skip
