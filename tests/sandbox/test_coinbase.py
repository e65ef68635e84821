"""Coinbase's Checkouts and Payment Links: who may ask, what is paid, and what goes back."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest
from tests.sandbox.coinbase_shop import CHECKOUTS, LINKS, Shop, shop_of, wanted
from tests.sandbox.stand import Box


@pytest.fixture
def shop(tmp_path: Path, box: Box) -> Iterator[Shop]:
    with shop_of(tmp_path, box) as shop:
        yield shop


@pytest.fixture(scope="module")
def old_shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Serve a shop for all tests that leave nothing behind."""
    with shop_of(tmp_path_factory.mktemp("coinbase")) as shop:
        yield shop


def error(answer: httpx2.Response) -> tuple[int, str]:
    """Return the status and the type of an error."""
    said = answer.json()
    assert said["correlationId"] == answer.headers["x-request-id"]
    assert said["errorMessage"]
    return answer.status_code, said["errorType"]


@pytest.mark.parametrize(
    "changed",
    [
        {"amount": "0"},
        {"amount": "0.00"},
        {"amount": "-1"},
        {"amount": "1.001"},
        {"amount": "100000000.01"},
        {"amount": "١"},
        {"amount": 5},
        {"currency": "XYZ"},
        {"network": "mars"},
        {"description": "x" * 501},
        {"metadata": {"a": "x" * 101}},
        {"metadata": {str(at): "x" for at in range(21)}},
        {"successRedirectUrl": "http://example.com/"},
        {"expiresAt": "2020-01-01T00:00:00Z"},
        {"expiresAt": "tomorrow"},
    ],
)
def test_a_wrong_checkout_is_refused(old_shop: Shop, changed: dict[str, object]):
    answer = old_shop.post(CHECKOUTS, {**wanted(), **changed}, "k1")
    assert error(answer) == (400, "invalid_request")
    assert old_shop.get(CHECKOUTS) == {"checkouts": []}


def test_the_same_key_makes_one_checkout_and_another_body_is_refused(shop: Shop):
    first = shop.post(CHECKOUTS, wanted(), "k1")
    again = shop.post(CHECKOUTS, wanted(), "k1")
    other = shop.post(CHECKOUTS, wanted("100.01"), "k1")
    assert (again.status_code, again.json()) == (201, first.json())
    assert error(other) == (422, "idempotency_error")
    assert len(shop.get(CHECKOUTS)["checkouts"]) == 1
    shop.pay(first.json())
    assert shop.post(CHECKOUTS, wanted(), "k1").json()["status"] == "PROCESSING"


def test_after_a_cut_connection_the_same_key_finds_the_checkout(shop: Shop):
    shop.here.script("drop_after_acting", provider="coinbase", operation="create_checkout")
    with pytest.raises(httpx2.TransportError):
        shop.post(CHECKOUTS, wanted(), "k1")
    (made,) = shop.get(CHECKOUTS)["checkouts"]
    assert shop.post(CHECKOUTS, wanted(), "k1").json()["id"] == made["id"]


@pytest.mark.requirement("S004-1", part="sandbox")
def test_a_payment_is_complete_only_once_the_chain_says_so(shop: Shop):
    made = shop.checkout("100.00")
    path = f"{CHECKOUTS}/{made['id']}"
    assert (made["status"], made["amount"], made["currency"]) == ("ACTIVE", "100.00", "USDC")
    shop.pay(made)
    assert shop.get(path)["status"] == "PROCESSING"
    assert shop.here.charges("pay_1") == 0
    shop.here.pass_time(seconds=20)
    done = shop.get(path)
    assert done["status"] == "COMPLETED"
    assert done["settlement"] == {
        "totalAmount": "100.00",
        "feeAmount": "1.25",
        "netAmount": "98.75",
        "currency": "USDC",
    }
    assert done["transactionHash"].startswith("0x")
    assert shop.here.charges("pay_1") == 1
    again = shop.here.post("coinbase", f"/payment-links/{made['url'].rpartition('/')[2]}/pay")
    assert again.status_code == 410
    assert shop.here.charges("pay_1") == 1


def test_a_payment_that_fails_on_the_chain_is_no_money(shop: Shop):
    made = shop.checkout()
    shop.pay(made, "fail")
    shop.here.pass_time(seconds=20)
    assert shop.get(f"{CHECKOUTS}/{made['id']}")["status"] == "FAILED"
    assert shop.here.charges("pay_1") == 0
    assert error(shop.refund(made["id"], "1.00")) == (400, "invalid_request")


def test_the_payer_is_led_back(shop: Shop):
    good, bad = "http://127.0.0.1:9/good", "https://shop.example/bad"
    urls = {"successRedirectUrl": good, "failRedirectUrl": bad}
    assert shop.pay(shop.checkout(**urls)).headers["location"] == good
    assert shop.pay(shop.checkout(**urls), "fail").headers["location"] == bad


def test_nobody_pays_what_is_over(shop: Shop):
    waiting = shop.checkout()
    off = shop.checkout()
    assert shop.post(f"{CHECKOUTS}/{off['id']}/deactivate").json()["status"] == "DEACTIVATED"
    assert error(shop.post(f"{CHECKOUTS}/{off['id']}/deactivate"))[0] == 400
    shop.here.pass_time(hours=24)
    assert shop.get(f"{CHECKOUTS}/{waiting['id']}")["status"] == "EXPIRED"
    for one in (waiting, off):
        page = f"/payment-links/{one['url'].rpartition('/')[2]}"
        assert shop.here.post("coinbase", f"{page}/pay").status_code == 410
    assert shop.here.charges("pay_1") == 0


def test_refunds_at_once_never_exceed_what_was_paid(shop: Shop):
    paid = shop.paid("100.00")
    answers: list[httpx2.Response] = []

    def refund(key: str) -> None:
        answers.append(shop.refund(paid["id"], "60.00", key))

    threads = [threading.Thread(target=refund, args=(f"r{at}",)) for at in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer.status_code for answer in answers) == [200] + [400] * 7
    assert shop.get(f"{CHECKOUTS}/{paid['id']}")["refundedAmount"] == "60.00"


def test_a_refund_is_done_once_the_chain_says_so(shop: Shop):
    paid = shop.paid("100.00")
    path = f"{CHECKOUTS}/{paid['id']}"
    first = shop.refund(paid["id"], "25.00", "r1", reason="too small")
    again = shop.refund(paid["id"], "25.00", "r1", reason="too small")
    assert again.json() == first.json()
    assert first.json()["refund"]["status"] == "PENDING"
    shop.here.pass_time(seconds=20)
    seen = shop.get(path)
    assert (seen["status"], seen["refundedAmount"]) == ("PARTIALLY_REFUNDED", "25.00")
    assert seen["refunds"][0]["status"] == "COMPLETED"
    assert error(shop.refund(paid["id"], "75.01", "r2"))[0] == 400
    assert shop.refund(paid["id"], "75.00", "r3").status_code == 200
    shop.here.pass_time(seconds=20)
    assert shop.get(path)["status"] == "REFUNDED"
    assert error(shop.refund(paid["id"], "0.01", "r4"))[0] == 400


def test_a_refund_can_fail_at_once_or_later_and_the_money_stays(shop: Shop):
    paid = shop.paid("100.00")
    shop.here.script("decline", provider="coinbase", operation="refund")
    assert error(shop.refund(paid["id"], "25.00", "r1")) == (422, "insufficient_balance")
    shop.here.script("return", provider="coinbase", operation="refund")
    assert shop.refund(paid["id"], "25.00", "r1").json()["refund"]["status"] == "PENDING"
    shop.here.pass_time(seconds=20)
    seen = shop.get(f"{CHECKOUTS}/{paid['id']}")
    assert (seen["status"], seen["refundedAmount"]) == ("COMPLETED", "0.00")
    assert seen["refunds"][0]["status"] == "FAILED"
    (payment,) = shop.here.loop.run(shop.here.inspection.payments(paid["id"]))
    assert sum(one.amount for one in payment.movements) == 100_000_000


def test_parts_of_a_price_in_another_currency_give_back_exactly_the_whole(shop: Shop):
    paid = shop.paid("100.00", currency="EUR")
    assert (paid["amount"], paid["fiatAmount"], paid["fiatCurrency"]) == ("108.42", "100.00", "EUR")
    assert error(shop.refund(paid["id"], "1.00", currency="GBP"))[0] == 400
    for at, part in enumerate(("33.33", "33.33", "33.34")):
        assert shop.refund(paid["id"], part, f"r{at}").status_code == 200
    assert error(shop.refund(paid["id"], "0.01", "r9"))[0] == 400
    seen = shop.get(f"{CHECKOUTS}/{paid['id']}")
    assert seen["refundedAmount"] == "108.42"
    assert [one["fiatAmount"] for one in seen["refunds"]] == ["33.33", "33.33", "33.34"]


def test_checkouts_are_listed_by_pages_status_time_and_words(shop: Shop):
    for at in range(5):
        shop.checkout(description=f"Order {at}")
        shop.here.pass_time(minutes=1)
    first = shop.get(f"{CHECKOUTS}?pageSize=2")
    second = shop.get(f"{CHECKOUTS}?pageSize=2&pageToken={first['nextPageToken']}")
    third = shop.get(f"{CHECKOUTS}?pageSize=2&pageToken={second['nextPageToken']}")
    words = [one["description"] for page in (first, second, third) for one in page["checkouts"]]
    assert words == [f"Order {at}" for at in (4, 3, 2, 1, 0)]
    assert "nextPageToken" not in third
    assert len(shop.get(f"{CHECKOUTS}?descriptionQuery=oRDER%203")["checkouts"]) == 1
    assert shop.get(f"{CHECKOUTS}?status=COMPLETED&status=FAILED") == {"checkouts": []}
    assert len(shop.get(f"{CHECKOUTS}?status=ACTIVE&status=FAILED")["checkouts"]) == 5
    since = (shop.here.clock.now() - timedelta(minutes=2)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert len(shop.get(f"{CHECKOUTS}?startTime={since}")["checkouts"]) == 2
    assert error(shop.call("GET", f"{CHECKOUTS}?pageSize=101")) == (400, "invalid_request")


def test_a_stale_list_does_not_know_the_newest(shop: Shop):
    shop.checkout(description="old")
    shop.here.pass_time(minutes=5)
    shop.checkout(description="new")
    shop.here.script("stale", provider="coinbase", operation="list_checkouts", seconds=60)
    stale = [one["description"] for one in shop.get(CHECKOUTS)["checkouts"]]
    fresh = [one["description"] for one in shop.get(CHECKOUTS)["checkouts"]]
    assert (stale, fresh) == (["old"], ["new", "old"])


def test_payment_links_are_the_same_thing_under_another_name(shop: Shop):
    made = shop.checkout(path=LINKS)
    assert error(shop.post(LINKS, wanted(currency="EUR"))) == (400, "invalid_request")
    assert error(shop.call("GET", f"{CHECKOUTS}/{made['id']}")) == (404, "not_found")
    assert shop.get(CHECKOUTS) == {"checkouts": []}
    assert [one["id"] for one in shop.get(LINKS)["paymentLinks"]] == [made["id"]]
    shop.here.pass_time(hours=24)
    assert shop.get(f"{LINKS}/{made['id']}")["status"] == "ACTIVE"
    shop.pay(made)
    shop.here.pass_time(seconds=20)
    assert shop.get(f"{LINKS}/{made['id']}")["status"] == "COMPLETED"
    assert error(shop.post(f"{LINKS}/{made['id']}/refund", {"amount": "1.00"}))[0] == 404
