"""Commerce: coins that are exactly right, too few, too many, twice, or too late."""

import csv
import io
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from tests.sandbox.coinbase_shop import Shop, shop_of

from bezant.sandbox.coinbase_values import DECIMALS


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with shop_of(tmp_path) as shop:
        yield shop


@pytest.fixture(scope="module")
def old_shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Serve a shop for all tests that leave nothing behind."""
    with shop_of(tmp_path_factory.mktemp("commerce")) as shop:
        yield shop


def steps(charge: dict[str, object]) -> list[str]:
    """Return a timeline in short: every status, and why it is unresolved."""
    timeline: list[dict[str, str]] = charge["timeline"]  # type: ignore[assignment]
    return [" ".join(filter(None, (one["status"], one.get("context")))) for one in timeline]


def test_nobody_calls_without_the_key(old_shop: Shop):
    for headers in ({}, {"x-cc-api-key": "guessed"}):
        answer = old_shop.here.get("coinbase", "/charges", headers=headers)
        assert answer.status_code == 401
        assert answer.json()["error"]["type"] == "authentication_error"
    assert old_shop.commerce("GET", "/charges").status_code == 200


@pytest.mark.parametrize(
    "changed",
    [
        {"pricing_type": "guess"},
        {"local_price": None},
        {"local_price": {"amount": "0", "currency": "USD"}},
        {"local_price": {"amount": "-1", "currency": "USD"}},
        {"local_price": {"amount": "1.001", "currency": "USD"}},
        {"local_price": {"amount": "1", "currency": "XYZ"}},
        {"name": "x" * 101},
    ],
)
def test_a_wrong_charge_is_refused(old_shop: Shop, changed: dict[str, object]):
    price = {"amount": "1.00", "currency": "USD"}
    body = {"pricing_type": "fixed_price", "local_price": price, **changed}
    assert old_shop.commerce("POST", "/charges", json=body).status_code == 400
    assert old_shop.commerce("GET", "/charges").json()["data"] == []


@pytest.mark.parametrize("asset", list(DECIMALS))
def test_the_right_amount_completes_a_charge_once_it_is_confirmed(shop: Shop, asset: str):
    made = shop.charge("100.00", "EUR")
    shop.send(made, "exact", asset)
    pending = shop.charged(made)
    assert steps(pending) == ["NEW", "PENDING"]
    assert pending["payments"][0]["status"] == "PENDING"
    assert shop.here.charges("pay_1") == 0
    shop.here.pass_time(minutes=2)
    done = shop.charged(made)
    assert steps(done) == ["NEW", "PENDING", "COMPLETED"]
    sent = done["payments"][0]["value"]
    assert sent["crypto"]["currency"] == asset
    assert Decimal(sent["local"]["amount"]) >= Decimal("100.00")
    assert shop.here.charges("pay_1") == 1


@pytest.mark.parametrize(("how", "context"), [("under", "UNDERPAID"), ("over", "OVERPAID")])
def test_a_wrong_amount_is_unresolved_until_the_merchant_accepts_it(
    shop: Shop, how: str, context: str
):
    made = shop.charge()
    shop.send(made, how)
    shop.here.pass_time(minutes=2)
    assert steps(shop.charged(made)) == ["NEW", "PENDING", f"UNRESOLVED {context}"]
    resolved = shop.commerce("POST", f"/charges/{made['code']}/resolve")
    assert steps(resolved.json()["data"])[-1] == "RESOLVED"
    assert shop.commerce("POST", f"/charges/{made['code']}/resolve").status_code == 400


def test_what_comes_too_late_is_delayed(shop: Shop):
    made = shop.charge()
    shop.here.pass_time(hours=1)
    assert steps(shop.charged(made)) == ["NEW", "EXPIRED"]
    shop.send(made)
    shop.here.pass_time(minutes=2)
    assert steps(shop.charged(made)) == ["NEW", "EXPIRED", "UNRESOLVED DELAYED"]
    assert shop.here.charges("pay_1") == 1


def test_who_pays_twice_has_paid_twice(shop: Shop):
    made = shop.charge()
    shop.send(made)
    shop.send(made)
    shop.here.pass_time(minutes=2)
    expected = ["NEW", "PENDING", "COMPLETED", "UNRESOLVED MULTIPLE"]
    assert steps(shop.charged(made)) == expected
    assert shop.here.charges("pay_1") == 2


def test_a_payment_in_time_is_in_time_even_if_it_is_confirmed_later(shop: Shop):
    made = shop.charge()
    shop.here.pass_time(minutes=59)
    shop.send(made)
    shop.here.pass_time(minutes=5)
    assert steps(shop.charged(made)) == ["NEW", "PENDING", "COMPLETED"]


def test_only_a_charge_nobody_paid_is_canceled(shop: Shop):
    made, paid = shop.charge(), shop.charge()
    shop.send(paid)
    assert shop.commerce("POST", f"/charges/{paid['code']}/cancel").status_code == 400
    assert shop.commerce("POST", f"/charges/{made['id']}/cancel").status_code == 200
    assert steps(shop.charged(made)) == ["NEW", "CANCELED"]
    shop.here.pass_time(hours=2)
    assert steps(shop.charged(made)) == ["NEW", "CANCELED"]


def test_a_charge_without_a_price_takes_what_it_gets(shop: Shop):
    body = {"name": "Donation", "description": "", "pricing_type": "no_price"}
    made = shop.commerce("POST", "/charges", json=body).json()["data"]
    shop.send(made, "under", "ETH")
    shop.here.pass_time(minutes=2)
    assert steps(shop.charged(made))[-1] == "COMPLETED"


def test_the_report_adds_up_to_the_book_for_every_coin(shop: Shop):
    for asset in DECIMALS:
        shop.send(shop.charge("19.99", "EUR"), "exact", asset)
    shop.send(shop.charge("7.00"), "over", "ETH")
    shop.here.pass_time(minutes=2)
    paid = shop.paid("100.00")
    shop.refund(paid["id"], "25.00", "r1")
    shop.here.script("return", provider="coinbase", operation="refund")
    shop.refund(paid["id"], "10.00", "r2")
    shop.here.pass_time(seconds=20)
    day = shop.here.clock.now().date()
    told = shop.here.loop.run(shop.here.inspection.settlement("coinbase", day))
    rows = list(csv.DictReader(io.StringIO(told.file.text)))
    for asset, decimals in DECIMALS.items():
        in_file = sum(Decimal(row["Quantity Transacted"]) for row in rows if row["Asset"] == asset)
        in_book = sum(one.net for one in told.movements if one.asset == asset)
        assert in_file.scaleb(decimals) == in_book
    # 100 less 1.25 percent, less 25, and the 10 that came back.
    mine = [row for row in rows if paid["id"] in row["Notes"]]
    assert sum(Decimal(row["Quantity Transacted"]) for row in mine) == Decimal("73.75")
    kinds = [row["Transaction Type"] for row in mine]
    assert kinds == ["Receive", "Fee", "Send", "Send", "Send Reversal"]
