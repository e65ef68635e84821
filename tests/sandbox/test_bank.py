"""The bank: money that arrives, money that is sent, and money that comes back."""

import hashlib
import hmac
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest
from tests.sandbox.bank_customer import (
    REFERENCE,
    Customer,
    customer_of,
    lines_of,
    order,
    read,
    status_of,
    texts,
)
from tests.sandbox.stand import Box

from bezant.sandbox.bank import EVERYBODY, MERCHANT_IBAN
from bezant.sandbox.bank_rules import BLOCKED_IBAN, CLOSED_IBAN
from bezant.sandbox.bank_transfers import PAYER_IBAN

OPENING = 10_000_00


@pytest.fixture
def customer(tmp_path: Path, box: Box) -> Iterator[Customer]:
    with customer_of(tmp_path, box, replace(EVERYBODY, webhook_url=box.url)) as customer:
        yield customer


@pytest.fixture(scope="module")
def old_customer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Customer]:
    """Serve a bank for all tests that leave nothing behind."""
    with customer_of(tmp_path_factory.mktemp("bank")) as customer:
        yield customer


def test_nobody_asks_without_the_token_but_payers(old_customer: Customer):
    here = old_customer.here
    for said in ("", "Bearer guessed", "Basic abc"):
        headers = {"authorization": said}
        answers = [
            here.get("bank", "/accounts", headers=headers),
            here.get("bank", f"/accounts/{MERCHANT_IBAN}/statements/2026-08-01", headers=headers),
            here.post("bank", "/payments", content=order("M1"), headers=headers),
        ]
        assert [answer.status_code for answer in answers] == [401] * 3
        assert answers[0].json()["tppMessages"][0]["code"] == "TOKEN_UNKNOWN"
    assert here.get("bank", "/accounts").status_code == 200
    assert here.get("bank", "/pay", headers={"authorization": ""}).status_code == 200


BOMB = b"""<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.001.001.09">&b;</Document>"""


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"<Document/>",
        order("M1", ("E1", "1.00", PAYER_IBAN))[:-20],
        order("M1"),
        order("", ("E1", "1.00", PAYER_IBAN)),
        order("M1", ("E1", "1.00", PAYER_IBAN)).replace(b"pain.001.001.09", b"pain.008.001.02"),
        BOMB,
        b"\xff\xfe" + "<Document/>".encode("utf-16-le"),
    ],
)
def test_what_is_no_order_is_refused(old_customer: Customer, body: bytes):
    answer = old_customer.pay(body)
    assert (answer.status_code, answer.json()["tppMessages"][0]["code"]) == (400, "FORMAT_ERROR")
    assert old_customer.balance() == OPENING


@pytest.mark.parametrize(
    ("transfer", "header", "reason"),
    [
        (("E1", "0.00", PAYER_IBAN), {}, "AM01"),
        (("E1", "-1.00", PAYER_IBAN), {}, "AM12"),
        (("E1", "1.001", PAYER_IBAN), {}, "AM12"),
        (("E1", "1000000000.00", PAYER_IBAN), {}, "AM12"),
        (("E1", "1,00", PAYER_IBAN), {}, "AM12"),
        (("E1", "1.00", PAYER_IBAN), {"currency": "USD"}, "AM03"),
        (("E1", "1.00", PAYER_IBAN[:-1] + "9"), {}, "AC01"),
        (("E1", "1.00", ""), {}, "AC01"),
        (("E1", "1.00", BLOCKED_IBAN), {}, "AC06"),
        (("E1", "10000.01", PAYER_IBAN), {}, "AM04"),
        (("E1", "1.00", PAYER_IBAN), {"debtor": CLOSED_IBAN}, "AC02"),
        (("E" * 36, "1.00", PAYER_IBAN), {}, "FF01"),
    ],
)
def test_a_wrong_transfer_is_rejected_with_its_reason(
    old_customer: Customer, transfer: tuple[str, str, str], header: dict[str, str], reason: str
):
    message = hashlib.sha256(repr((transfer, header)).encode()).hexdigest()[:30]
    answer = old_customer.pay(order(message, transfer, **header))
    assert answer.status_code == 201
    told = status_of(answer)
    assert told.group == "RJCT"
    assert list(told.transfers.values()) == [("RJCT", reason)]
    assert old_customer.balance() == OPENING


@pytest.mark.parametrize(
    ("header", "reason"), [({"count": "2"}, "AM18"), ({"control_sum": "1.01"}, "AM10")]
)
def test_an_order_that_does_not_add_up_is_rejected_whole(
    old_customer: Customer, header: dict[str, str], reason: str
):
    told = status_of(old_customer.pay(order("M9", ("E1", "1.00", PAYER_IBAN), **header)))
    assert (told.group, told.reason, told.transfers) == ("RJCT", reason, {})
    assert old_customer.here.get("bank", "/payments/M9").status_code == 404
    assert old_customer.balance() == OPENING


@pytest.mark.parametrize("version", ["09", "03"])
def test_an_order_is_reported_in_its_own_version_and_settled_later(
    customer: Customer, version: str
):
    body = order("M1", ("E1", "12.50", PAYER_IBAN), version=version, control_sum="12.50")
    answer = customer.pay(body)
    assert f"pain.002.001.{'10' if version == '09' else '03'}".encode() in answer.content
    assert status_of(answer).transfers == {"E1": ("ACSP", "")}
    assert customer.balance() == OPENING - 12_50 - 10
    customer.here.pass_time(hours=2)
    assert customer.status("M1").transfers == {"E1": ("ACSC", "")}
    sent, charge = customer.lines()
    assert (sent.cents, sent.code, sent.end_to_end) == (-12_50, "ICDT/ESCT", "E1")
    assert (charge.cents, charge.code, charge.original) == (-10, "ICDT/CHRG", sent.id)


def test_the_same_message_is_never_executed_twice(customer: Customer):
    body = order("M1", ("E1", "12.50", PAYER_IBAN))
    first = customer.pay(body, "r1")
    again = customer.pay(body, "r1")
    assert again.content == first.content
    assert customer.pay(order("M2", ("E1", "1.00", PAYER_IBAN)), "r1").status_code == 409
    told = status_of(customer.pay(body, "r2"))
    assert (told.group, told.reason) == ("RJCT", "DU01")
    assert customer.status("M1").transfers == {"E1": ("ACSP", "")}
    assert customer.balance() == OPENING - 12_50 - 10


@pytest.mark.parametrize(
    ("effect", "known"), [("drop_before_acting", False), ("drop_after_acting", True)]
)
def test_after_a_cut_connection_the_bank_says_whether_it_knows_the_order(
    customer: Customer, effect: str, known: bool
):
    customer.here.script(effect, provider="bank", operation="pay")
    with pytest.raises(httpx2.TransportError):
        customer.pay(order("M1", ("E1", "12.50", PAYER_IBAN)))
    found = customer.here.get("bank", "/payments/M1")
    assert (found.status_code == 200) is known
    assert customer.balance() == OPENING - (12_50 + 10) * known


def test_orders_at_once_never_spend_more_than_there_is(customer: Customer):
    answers: list[httpx2.Response] = []

    def send(at: int) -> None:
        body = order(f"M{at}", (f"E{at}", "6000.00", PAYER_IBAN))
        answers.append(customer.pay(body))

    threads = [threading.Thread(target=send, args=(at,)) for at in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    told = [next(iter(status_of(answer).transfers.values())) for answer in answers]
    assert sorted(told) == [("ACSP", ""), *[("RJCT", "AM04")] * 5]
    assert customer.balance() == OPENING - 6_000_00 - 10


def test_one_order_can_be_executed_in_part(customer: Customer):
    body = order(
        "M1", ("E1", "1.00", PAYER_IBAN), ("E2", "2.00", BLOCKED_IBAN), ("E3", "3.00", CLOSED_IBAN)
    )
    told = status_of(customer.pay(body))
    assert told.group == "PART"
    assert told.transfers == {"E1": ("ACSP", ""), "E2": ("RJCT", "AC06"), "E3": ("ACSP", "")}
    customer.here.pass_time(days=1)
    (back,) = customer.lines()
    assert (back.cents, back.code, back.reason) == (3_00, "ICDT/RRTN", "AC04")
    yesterday = customer.lines((customer.here.clock.now() - timedelta(days=1)).date())
    sent = [line for line in yesterday if line.end_to_end == "E3"]
    assert back.original == sent[0].id
    assert customer.balance() == OPENING - 1_00 - 20


@pytest.mark.parametrize(
    ("effect", "code", "told"),
    [("decline", "", "MS03"), ("decline", "AG01", "AG01"), ("soft_decline", "", "AM04")],
)
def test_a_script_rejects_an_order(customer: Customer, effect: str, code: str, told: str):
    customer.here.script(effect, provider="bank", operation="pay", amount="5.00", code=code)
    other = customer.pay(order("M1", ("E1", "1.00", PAYER_IBAN)))
    assert status_of(other).group == "ACSP"
    answer = customer.pay(order("M2", ("E2", "5.00", PAYER_IBAN)))
    assert status_of(answer).transfers == {"E2": ("RJCT", told)}


def test_a_script_lets_a_sent_transfer_come_back(customer: Customer):
    customer.here.script("return", provider="bank", operation="pay", code="MD07", seconds=60)
    customer.pay(order("M1", ("E1", "5.00", PAYER_IBAN)))
    customer.here.pass_time(seconds=60)
    back = customer.lines()[-1]
    assert (back.cents, back.reason) == (5_00, "MD07")
    (payment,) = customer.here.loop.run(customer.here.inspection.payments("E1"))
    kinds = [str(one.kind) for one in payment.movements]
    assert kinds == ["refund", "fee", "refund_failed"]


def test_an_order_for_other_days_waits_for_each_of_them(customer: Customer):
    begin = b"<PmtInf>"
    first = order("M1", ("E1", "5.00", PAYER_IBAN), on="2026-08-04", count="2")
    second = order("M1", ("E2", "7.00", PAYER_IBAN), on="2026-08-06").replace(b">P1<", b">P2<")
    more = begin + second.partition(begin)[2].partition(b"</CstmrCdtTrfInitn>")[0]
    body = first.replace(b"</CstmrCdtTrfInitn>", more + b"</CstmrCdtTrfInitn>")
    assert status_of(customer.pay(body)).group == "PDNG"
    customer.here.pass_time(days=1)
    assert customer.balance() == OPENING
    customer.here.pass_time(days=2)
    assert customer.status("M1").transfers == {"E1": ("ACSC", ""), "E2": ("PDNG", "")}
    assert customer.balance() == OPENING - 5_00 - 10
    customer.here.pass_time(days=2)
    assert customer.status("M1").group == "ACSC"
    assert customer.balance() == OPENING - 12_00 - 20


def test_money_that_arrives_is_booked_with_its_reference(customer: Customer):
    customer.receive("20.00", end_to_end="NOTPROVIDED")
    customer.receive("20.00", instant=True, reference="RF18 5390 0754 7034")
    customer.receive("7.00", reference="RF00MISTYPED")
    customer.receive("1.00", reference="", text="Rent")
    told = [(line.cents, line.code, line.reference, line.text) for line in customer.lines()]
    assert told == [
        (20_00, "RCDT/ESCT", REFERENCE, ""),
        (20_00, "RRCT/ESCT", REFERENCE, ""),
        (7_00, "RCDT/ESCT", "", "RF00MISTYPED"),
        (1_00, "RCDT/ESCT", "", "Rent"),
    ]
    assert len({line.id for line in customer.lines()}) == 4
    assert customer.here.charges(REFERENCE) == 2
    assert customer.balance() == OPENING + 48_00


@pytest.mark.parametrize(
    "changed",
    [
        {"amount": "0"},
        {"amount": "1.001"},
        {"amount": 5},
        {"currency": "USD"},
        {"creditor_iban": PAYER_IBAN},
        {"debtor": {"iban": "DE00"}},
        {"text": "x" * 141},
        {"after_seconds": -1},
    ],
)
def test_a_wrong_transfer_of_a_payer_is_refused(old_customer: Customer, changed: dict[str, object]):
    body = {"creditor_iban": MERCHANT_IBAN, "amount": "1.00", **changed}
    assert old_customer.here.post("bank", "/transfers", json=body).status_code == 400
    assert old_customer.balance() == OPENING


def test_money_can_be_on_its_way_and_can_be_taken_back(customer: Customer):
    slow = customer.receive("20.00", after_seconds=86_400)
    assert slow["state"] == "on_its_way"
    path = f"/transfers/{slow['id']}"
    assert customer.here.post("bank", f"{path}/return").status_code == 409
    assert customer.balance() == OPENING
    customer.here.pass_time(days=1)
    assert customer.here.get("bank", path).json()["state"] == "booked"
    back = customer.here.post("bank", f"{path}/return", json={"reason": "FOCR"})
    assert back.json()["state"] == "returned"
    assert customer.here.post("bank", f"{path}/return").status_code == 409
    arrived, taken = customer.lines()
    assert (taken.cents, taken.code, taken.reason) == (-20_00, "RCDT/RRTN", "FOCR")
    assert taken.original == arrived.id
    assert customer.balance() == OPENING


def test_a_script_takes_money_back_or_refuses_to_send_it(customer: Customer):
    customer.here.script("decline", provider="bank", operation="transfer")
    body = {"creditor_iban": MERCHANT_IBAN, "amount": "9.00"}
    assert customer.here.post("bank", "/transfers", json=body).status_code == 403
    customer.here.script("return", provider="bank", operation="transfer", seconds=60, code="MD07")
    customer.receive("9.00")
    customer.here.pass_time(seconds=60)
    assert [line.cents for line in customer.lines()] == [9_00, -9_00]
    assert customer.lines()[1].reason == "MD07"


def test_statements_continue_one_another_and_add_up_to_the_book(customer: Customer):
    def check(body: bytes) -> tuple[int, int]:
        root = read(body)
        balances = [int(text.replace(".", "")) for text in texts(root, "Bal/Amt")]
        assert texts(root, "Bal/Tp/CdOrPrtry/Cd") == ["OPBD", "CLBD"]
        assert balances[0] + sum(line.cents for line in lines_of(root)) == balances[1]
        return balances[0], balances[1]

    days = []
    for at in range(3):
        customer.receive(f"{at + 1}0.00")
        if at == 1:
            customer.pay(order("M1", ("E1", "5.00", CLOSED_IBAN), on="2026-08-02"))
        day = customer.here.clock.now().date()
        customer.here.pass_time(days=1)
        told = customer.here.loop.run(customer.here.inspection.settlement("bank", day))
        opening, closing = check(told.file.text.encode())
        assert closing - opening == sum(one.net for one in told.movements)
        days.append((opening, closing, told.file.text))
    assert days[0][0] == OPENING
    assert days[0][1] == days[1][0]
    assert days[1][1] == days[2][0]
    first = customer.here.clock.now().date() - timedelta(days=3)
    again = customer.here.loop.run(customer.here.inspection.settlement("bank", first))
    assert again.file.text == days[0][2]
    empty = check(
        customer.here.get("bank", f"/accounts/{MERCHANT_IBAN}/statements/2026-07-01").content
    )
    assert empty == (OPENING, OPENING)
    assert (
        customer.here.get("bank", f"/accounts/{MERCHANT_IBAN}/statements/2026-09-01").status_code
        == 404
    )


def test_notifications_are_fetched_from_where_one_stopped(customer: Customer):
    path = f"/accounts/{MERCHANT_IBAN}/notifications"
    assert customer.here.get("bank", path).status_code == 204
    for amount in ("1.00", "2.00", "3.00"):
        customer.receive(amount)
    first = customer.here.get("bank", path)
    assert [line.cents for line in lines_of(read(first.content))] == [1_00, 2_00, 3_00]
    last = first.headers["x-last-entry"]
    assert customer.here.get("bank", f"{path}?after={last}").status_code == 204
    customer.receive("4.00")
    more = customer.here.get("bank", f"{path}?after={last}")
    assert [line.cents for line in lines_of(read(more.content))] == [4_00]
    customer.here.script("stale", provider="bank", operation="notifications", seconds=60)
    assert customer.here.get("bank", f"{path}?after={last}").status_code == 204


def test_every_entry_is_told_by_a_signed_webhook(customer: Customer, box: Box):
    customer.here.script("webhook_forge", provider="bank")
    customer.receive("20.00")
    customer.here.catch_up()
    forged, good = box.letters
    shared = EVERYBODY.webhook_secret.reveal().encode()

    def is_genuine(headers: dict[str, str], body: bytes) -> bool:
        said = dict(part.split("=", 1) for part in headers["bank-signature"].split(","))
        told = said["t"].encode() + b"." + body
        return hmac.compare_digest(hmac.new(shared, told, hashlib.sha256).hexdigest(), said["v1"])

    assert not is_genuine(dict(forged.headers), forged.body)
    assert is_genuine(dict(good.headers), good.body)
    assert not is_genuine(dict(good.headers), good.body.replace(b"20.00", b"90.00"))
    (line,) = lines_of(read(good.body))
    assert line == customer.lines()[0]


def test_a_payer_fills_in_the_form_of_their_bank(customer: Customer):
    page = customer.here.get("bank", f"/pay?amount=12.50&reference={REFERENCE}")
    assert REFERENCE in page.text
    said = {"creditor_iban": MERCHANT_IBAN, "amount": "12,50", "reference": REFERENCE}
    wrong = customer.here.post("bank", "/pay", data={**said, "amount": "much"})
    assert "the amount is malformed" in wrong.text
    hostile = customer.here.post("bank", "/pay", data={**said, "name": '"><script>', "amount": ""})
    assert "<script>" not in hostile.text
    assert "The money is there." in customer.here.post("bank", "/pay", data=said).text
    back = {**said, "speed": "tomorrow", "return_url": "http://127.0.0.1:9/back"}
    led = customer.here.post("bank", "/pay", data=back)
    assert led.headers["location"] == "http://127.0.0.1:9/back"
    assert [line.cents for line in customer.lines()] == [12_50]
    customer.here.pass_time(days=1)
    assert [line.cents for line in customer.lines()] == [12_50]


def test_more_accounts_can_be_opened_and_are_kept_apart(customer: Customer):
    made = customer.here.post("bank", "/accounts", json={"owner": "Second"})
    iban = made.json()["iban"]
    customer.receive("20.00", creditor_iban=iban)
    assert customer.here.get("bank", f"/accounts/{iban}").json()["balance"] == "20.00"
    assert customer.balance() == OPENING
    assert customer.lines() == []
    assert customer.here.post("bank", "/accounts", json={"owner": ""}).status_code == 400
    assert customer.here.get("bank", f"/accounts/{PAYER_IBAN}").status_code == 404
