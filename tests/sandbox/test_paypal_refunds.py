"""PayPal: refunds, bank payments that take days, reversals and disputes."""

import threading
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from tests.sandbox.paypal_shop import ORDERS, PAYMENTS, Shop, euro, issue, shop_of

DISPUTES = "/v1/customer/disputes"


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with shop_of(tmp_path) as shop:
        yield shop


def moved(shop: Shop, order: str) -> list[tuple[str, int, int]]:
    """Return what money did for an order: what it was, how much, and the fee."""
    (payment,) = shop.here.loop.run(shop.here.inspection.payments(order))
    return [(str(one.kind), one.amount, one.fee) for one in payment.movements]


def test_refunds_at_once_never_exceed_what_was_captured(shop: Shop):
    taken = shop.captured("20.00")
    path = f"{PAYMENTS}/captures/{taken['id']}/refund"
    answers: list[httpx2.Response] = []

    def refund(key: str) -> None:
        answers.append(shop.post(path, {"amount": euro("12.00")}, key))

    threads = [threading.Thread(target=refund, args=(f"r{at}",)) for at in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer.status_code for answer in answers) == [201] + [422] * 7
    order = taken["supplementary_data"]["related_ids"]["order_id"]
    assert moved(shop, order) == [("charge", 20_00, 109), ("refund", -12_00, 0)]


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"amount": euro("20.01")}, (422, "REFUND_AMOUNT_EXCEEDED")),
        ({"amount": euro("-1.00")}, (422, "CANNOT_BE_ZERO_OR_NEGATIVE")),
        ({"amount": euro("1.00", "USD")}, (422, "REFUND_CAPTURE_CURRENCY_MISMATCH")),
        ({"amount": euro("0.001")}, (422, "DECIMAL_PRECISION")),
    ],
)
def test_a_wrong_refund_gives_nothing_back(
    shop: Shop, body: dict[str, object], told: tuple[int, str]
):
    taken = shop.captured("20.00")
    path = f"{PAYMENTS}/captures/{taken['id']}"
    assert issue(shop.post(f"{path}/refund", body, "r1")) == told
    assert shop.get(path)["status"] == "COMPLETED"


def test_a_capture_is_refunded_in_parts_and_then_no_more(shop: Shop):
    taken = shop.captured("20.00")
    path = f"{PAYMENTS}/captures/{taken['id']}"
    first = shop.post(f"{path}/refund", {"amount": euro("5.00")}, "r1", prefer="return=minimal")
    assert set(first.json()) == {"id", "status", "links"}
    again = shop.post(f"{path}/refund", {"amount": euro("5.00")}, "r1")
    assert again.json() == first.json()
    assert shop.get(path)["status"] == "PARTIALLY_REFUNDED"
    rest = shop.post(f"{path}/refund", None, "r2", prefer="return=representation").json()
    assert rest["amount"] == euro("15.00")
    assert rest["seller_payable_breakdown"]["total_refunded_amount"] == euro("20.00")
    assert shop.get(path)["status"] == "REFUNDED"
    assert issue(shop.post(f"{path}/refund", None, "r3")) == (422, "CAPTURE_FULLY_REFUNDED")
    assert shop.get(f"{PAYMENTS}/refunds/{rest['id']}")["status"] == "COMPLETED"


def test_a_refund_can_fail_for_lack_of_money(shop: Shop):
    taken = shop.captured()
    shop.here.script("decline", provider="paypal", operation="refund")
    answer = shop.post(f"{PAYMENTS}/captures/{taken['id']}/refund", None, "r1")
    assert issue(answer) == (422, "REFUND_FAILED_INSUFFICIENT_FUNDS")
    assert shop.post(f"{PAYMENTS}/captures/{taken['id']}/refund", None, "r1").status_code == 201


def test_refunds_end_after_180_days(shop: Shop):
    taken = shop.captured()
    shop.here.pass_time(days=181)
    shop.log_in()
    answer = shop.post(f"{PAYMENTS}/captures/{taken['id']}/refund")
    assert issue(answer) == (422, "REFUND_TIME_LIMIT_EXCEEDED")


def test_an_echeck_is_no_money_until_it_clears(shop: Shop):
    taken = shop.captured("20.00", payer="echeck", key="c1")
    path = f"{PAYMENTS}/captures/{taken['id']}"
    assert (taken["status"], taken["status_details"]) == ("PENDING", {"reason": "ECHECK"})
    assert shop.here.charges("c1") == 0
    assert issue(shop.post(f"{path}/refund")) == (422, "PENDING_CAPTURE")
    shop.here.pass_time(days=3)
    shop.log_in()
    assert shop.get(path)["status"] == "COMPLETED"
    assert shop.here.charges("c1") == 1


def test_an_empty_bank_account_never_pays(shop: Shop):
    taken = shop.captured("20.00", payer="bouncing", key="c1")
    path = f"{PAYMENTS}/captures/{taken['id']}"
    shop.here.pass_time(days=4)
    shop.log_in()
    assert shop.get(path)["status"] == "DECLINED"
    assert issue(shop.post(f"{path}/refund")) == (422, "REFUND_NOT_ALLOWED")
    assert shop.here.charges("c1") == 0


def test_a_reversal_takes_back_what_was_not_refunded(shop: Shop):
    shop.here.script("return", provider="paypal", operation="capture_order", seconds=60)
    taken = shop.captured("20.00")
    order = taken["supplementary_data"]["related_ids"]["order_id"]
    path = f"{PAYMENTS}/captures/{taken['id']}"
    assert shop.post(f"{path}/refund", {"amount": euro("5.00")}, "r1").status_code == 201
    shop.here.pass_time(seconds=60)
    kinds = [("charge", 20_00, 109), ("refund", -5_00, 0), ("return", -15_00, 0)]
    assert moved(shop, order) == kinds
    assert issue(shop.post(f"{path}/refund", None, "r2")) == (422, "REFUND_NOT_ALLOWED")


def disputed(shop: Shop) -> tuple[str, dict[str, object]]:
    """Return an order, and the dispute its payer opened a day later."""
    taken = shop.captured("20.00", payer="disputing")
    shop.here.pass_time(days=1)
    shop.log_in()
    found = shop.get(f"{DISPUTES}?disputed_transaction_id={taken['id']}")["items"]
    assert len(found) == 1
    order = taken["supplementary_data"]["related_ids"]["order_id"]
    return order, shop.get(f"{DISPUTES}/{found[0]['dispute_id']}")


def test_a_dispute_holds_the_money_and_silence_loses_it(shop: Shop):
    order, dispute = disputed(shop)
    assert dispute["status"] == "WAITING_FOR_SELLER_RESPONSE"
    assert moved(shop, order)[-1] == ("dispute", -20_00, 0)
    taken = dispute["disputed_transactions"][0]["seller_transaction_id"]  # type: ignore[index]
    refund = shop.post(f"{PAYMENTS}/captures/{taken}/refund")
    assert issue(refund) == (422, "TRANSACTION_DISPUTED")
    shop.here.pass_time(days=10)
    shop.log_in()
    lost = shop.get(f"{DISPUTES}/{dispute['dispute_id']}")
    assert lost["dispute_outcome"] == {"outcome_code": "RESOLVED_BUYER_FAVOUR"}
    assert moved(shop, order)[-1] == ("dispute", -20_00, 0)
    refund = shop.post(f"{PAYMENTS}/captures/{taken}/refund")
    assert issue(refund) == (422, "REFUND_NOT_ALLOWED")


def test_evidence_can_win_a_dispute_and_the_money_comes_back(shop: Shop):
    order, dispute = disputed(shop)
    path = f"{DISPUTES}/{dispute['dispute_id']}"
    early = shop.post(f"{path}/adjudicate", {"adjudication_outcome": "SELLER_FAVOR"})
    assert issue(early) == (422, "ACTION_NOT_ALLOWED_IN_CURRENT_DISPUTE_STATE")
    evidence = {"evidences": [{"evidence_type": "PROOF_OF_FULFILLMENT"}]}
    assert shop.post(f"{path}/provide-evidence", evidence).status_code == 200
    assert shop.get(path)["dispute_state"] == "UNDER_PAYPAL_REVIEW"
    shop.here.pass_time(days=30)
    shop.log_in()
    assert shop.get(path)["status"] == "UNDER_REVIEW"
    won = shop.post(f"{path}/adjudicate", {"adjudication_outcome": "SELLER_FAVOR"})
    assert won.status_code == 200
    assert moved(shop, order)[-1] == ("dispute_won", 20_00, 0)
    assert shop.get(path)["dispute_outcome"] == {"outcome_code": "RESOLVED_SELLER_FAVOUR"}


def test_a_claim_can_be_accepted_once(shop: Shop):
    order, dispute = disputed(shop)
    path = f"{DISPUTES}/{dispute['dispute_id']}/accept-claim"
    assert shop.post(path, {"note": "you are right"}).status_code == 200
    assert issue(shop.post(path))[1] == "ACTION_NOT_ALLOWED_IN_CURRENT_DISPUTE_STATE"
    assert [kind for kind, _, _ in moved(shop, order)] == ["charge", "dispute"]


def test_a_script_opens_a_dispute_over_any_payment(shop: Shop):
    shop.here.script("dispute", provider="paypal", operation="capture_order", seconds=10)
    order = shop.approved()
    assert shop.post(f"{ORDERS}/{order}/capture").status_code == 201
    assert shop.get(DISPUTES)["items"] == []
    shop.here.pass_time(seconds=10)
    assert len(shop.get(DISPUTES)["items"]) == 1
